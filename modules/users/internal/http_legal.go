package internal

import (
	"html/template"
	"net/http"

	"github.com/gin-gonic/gin"

	"atrium/platform/fault"
	"atrium/platform/httpserver"
)

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
	for _, d := range h.people.directory.documents {
		if d.Name == c.Param("document") {
			c.Header("Content-Type", "text/html; charset=utf-8")
			c.Status(http.StatusOK)
			_ = legalPage.Execute(c.Writer, d) // the client has gone away
			return
		}
	}
	httpserver.Fail(c, errNoDocument)
}
