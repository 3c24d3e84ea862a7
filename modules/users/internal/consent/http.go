package consent

import (
	"context"
	"html/template"
	"net/http"

	"github.com/gin-gonic/gin"

	"atrium/platform/fault"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// HTTP is the routes of consents.
type HTTP struct{ consents *Service }

func NewHTTP(consents *Service) *HTTP { return &HTTP{consents: consents} }

// Routes plugs them in.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "users", Register: func(r *httpserver.Router) {
		httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/me/consents", Name: "accept-document",
			Summary: "Accepts a current document for the caller"}, h.agree)
		r.Root(http.MethodGet, "/legal/:document", h.legal)
	}}
}

type consentRequest struct {
	Body struct {
		Document string `json:"document" maxLength:"100" example:"terms"`
		Version  string `json:"version" maxLength:"100" example:"2026-01"`
		// The age gate asks for it; it is not kept.
		BirthDate string `json:"birth_date,omitempty" maxLength:"10" doc:"for the document \"age\" alone: YYYY-MM-DD; it is checked and forgotten" example:"1994-05-17"`
	}
}

func (h *HTTP) agree(ctx context.Context, in *consentRequest) (*httpserver.Empty, error) {
	return httpserver.NoContent(h.consents.Agree(ctx, identity.From(ctx).UserID, in.Body.Document, in.Body.Version, in.Body.BirthDate))
}

var errNoDocument = fault.NotFound("users.document_not_found", "There is no such document.")

// legalPage says what a person agrees to. An operator who has terms of their own sets users.documents to where they are.
var legalPage = template.Must(template.New("legal").Parse(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Atrium: {{.Name}}</title></head><body>
<h1>Atrium: {{.Name}}</h1>
<p>Version {{.Version}}</p>
<ul>
<li>Post only photos that you may show, and be kind to the people behind the others.</li>
<li>What is objectionable is removed, and who abuses people loses the account.</li>
<li>What you post stays yours. You can take it with you and delete it, together with your account.</li>
</ul>
</body></html>
`))

func (h *HTTP) legal(c *gin.Context) {
	for _, d := range h.consents.documents {
		if d.Name == c.Param("document") {
			c.Header("Content-Type", "text/html; charset=utf-8")
			c.Status(http.StatusOK)
			_ = legalPage.Execute(c.Writer, d) // the client has gone away
			return
		}
	}
	httpserver.Fail(c, errNoDocument)
}
