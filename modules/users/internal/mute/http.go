package mute

import (
	"context"
	"net/http"
	"time"

	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP is the routes of muted terms.
type HTTP struct{ mutes *Service }

func NewHTTP(mutes *Service) *HTTP { return &HTTP{mutes: mutes} }

// Routes plugs them in.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "users", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	type route = httpserver.Route
	httpserver.Handle(r, route{Method: http.MethodGet, Path: "/me/muted-terms", Name: "list-muted-terms",
		Summary: "Lists the tags, brands, styles and words that the caller muted, newest first; at most 500"}, h.list)
	httpserver.Handle(r, route{Method: http.MethodPut, Path: "/me/muted-terms/{kind}/{term}", Name: "mute-term",
		Summary: "Mutes a tag, brand, style or word, for good or until a moment"}, h.put)
	httpserver.Handle(r, route{Method: http.MethodDelete, Path: "/me/muted-terms/{kind}/{term}", Name: "unmute-term",
		Summary: "Unmutes a tag, brand, style or word"}, h.delete)
}

func (h *HTTP) list(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[Term]], error) {
	terms, err := h.mutes.List(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	list, err := page.Whole(*in, terms)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}

// TermPath names a term.
type TermPath struct {
	Kind string `path:"kind" maxLength:"10" doc:"tag, brand, style or word" example:"word"`
	Term string `path:"term" maxLength:"1000" doc:"in any spelling" example:"black friday"`
}

// TermBody may say when a mute ends by itself.
type TermBody struct {
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"when it ends by itself; without: never" example:"2027-01-01T00:00:00Z"`
}

// SchemaName is its name in the OpenAPI document.
func (TermBody) SchemaName() string { return "MuteTermRequest" }

type putRequest struct {
	TermPath
	Body *TermBody
}

func (h *HTTP) put(ctx context.Context, in *putRequest) (*httpserver.Empty, error) {
	var until *time.Time
	if in.Body != nil {
		until = in.Body.ExpiresAt
	}
	return httpserver.NoContent(h.mutes.Mute(ctx, identity.From(ctx).UserID, in.Kind, in.Term, until))
}

func (h *HTTP) delete(ctx context.Context, in *TermPath) (*httpserver.Empty, error) {
	return httpserver.NoContent(h.mutes.Unmute(ctx, identity.From(ctx).UserID, in.Kind, in.Term))
}
