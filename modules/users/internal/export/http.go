package export

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// HTTP is the routes of exports.
type HTTP struct{ exports *Service }

func NewHTTP(exports *Service) *HTTP { return &HTTP{exports: exports} }

// Routes plugs them in.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "users", Register: h.register}
}

// filePath is where links lead, and what their token follows.
const filePath = "/v1/exports/"

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/me/export", Name: "request-export",
		Summary: "Requests an archive of everything that is kept about the caller", Status: http.StatusAccepted, Fresh: true}, h.request)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/me/export", Name: "get-export",
		Summary: "Returns the state of the caller's data export, and a link to it once it is ready, for which the sign-in must be fresh"}, h.standing)
	r.Raw(httpserver.Route{Method: http.MethodGet, Path: "/exports/{token}", Name: "download-export", Status: http.StatusFound, Access: httpserver.Anonymous,
		Summary: "Leads to the archive, while its link lives", Docs: downloadDocs}, h.download)
}

func downloadDocs(op *huma.Operation) {
	op.Parameters[0].Schema = httpserver.TextSchema("the end of the link", "AZnC8B9OelOx...")
	op.Responses["302"] = httpserver.RedirectAnswer("To the ZIP file, for a minute", "https://cdn.example.com/exports/k3n.../atrium-export.zip?Policy=...")
}

type standingResponse struct {
	Status    string     `json:"status" enum:"preparing,ready,failed,expired" example:"ready"`
	URL       string     `json:"url,omitempty" doc:"fetches the ZIP file without a token: whoever has it can, until expires_at or the end of this session" example:"https://api.example.com/v1/exports/AZnC8B9OelOx..."`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"then the link ends, and another call makes a new one" example:"2026-11-24T09:40:00Z"`
	KeptUntil *time.Time `json:"kept_until,omitempty" doc:"then the archive is removed" example:"2026-12-01T09:30:00Z"`
}

// SchemaName is its name in the OpenAPI document.
func (standingResponse) SchemaName() string { return "DataExport" }

func (h *HTTP) request(ctx context.Context, _ *struct{}) (*httpserver.Answer[standingResponse], error) {
	s, err := h.exports.Request(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(standingResponse{Status: s.Status}), nil
}

func (h *HTTP) standing(ctx context.Context, _ *struct{}) (*httpserver.Answer[standingResponse], error) {
	who := identity.From(ctx)
	s, err := h.exports.Standing(ctx, who.UserID)
	if err != nil {
		return nil, err
	}
	answer := standingResponse{Status: s.Status, KeptUntil: s.KeptUntil}
	if s.Status == ready {
		if err := httpserver.RequireFresh(ctx); err != nil {
			return nil, err
		}
		url, expires := h.exports.Link(s, who.SessionID)
		answer.URL, answer.ExpiresAt = url, &expires
	}
	return httpserver.OK(answer), nil
}

func (h *HTTP) download(c *gin.Context) {
	if err := httpserver.OnlyQuery(c); err != nil {
		httpserver.Fail(c, err)
		return
	}
	url, err := h.exports.Open(c.Request.Context(), c.Param("token"))
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	c.Redirect(http.StatusFound, url)
}
