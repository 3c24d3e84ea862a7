package deletion

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"atrium/modules/users"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// HTTP is the routes and pages of deletions.
type HTTP struct{ deletions *Service }

func NewHTTP(deletions *Service) *HTTP { return &HTTP{deletions: deletions} }

// Routes plugs them in.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "users", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	type route = httpserver.Route
	httpserver.Handle(r, route{Method: http.MethodDelete, Path: "/me", Name: "delete-me", Summary: "Schedules the deletion of the caller's account",
		Status: http.StatusAccepted, Fresh: true}, h.schedule)
	httpserver.Handle(r, route{Method: http.MethodPost, Path: "/account-deletions", Name: "request-deletion", Access: httpserver.Anonymous,
		Summary: "Requests a mail with a link that deletes the account with an address", Status: http.StatusAccepted, Limit: deletionLimit}, h.request)
	httpserver.Handle(r, route{Method: http.MethodGet, Path: "/account-deletions/{token}", Name: "get-deletion", Access: httpserver.Anonymous,
		Summary: "Returns how far the deletion of an account is, by the token of its link", Limit: deletionLimit}, h.progress)
	httpserver.Handle(r, route{Method: http.MethodGet, Path: "/admin/users/{id}/erasure", Name: "get-user-deletion",
		Summary: "Returns how far the deletion of an account is, by the account's id", Roles: []string{identity.RoleAdmin}, Fresh: true}, h.progressOf)
	for _, p := range []struct {
		method, path string
		handler      gin.HandlerFunc
	}{
		{http.MethodGet, "/account/delete", h.requestPage},
		{http.MethodPost, "/account/delete", h.requestedPage},
		{http.MethodGet, "/account/delete/:token", h.confirmPage},
		{http.MethodPost, "/account/delete/:token", h.confirmedPage},
		{http.MethodGet, "/account/deletion/:token", h.progressPage},
	} {
		r.Page(route{Method: p.method, Path: p.path, Access: httpserver.Anonymous, Limit: deletionLimit, MaxBody: 4096}, p.handler)
	}
}

// deletionLimit is the class of the rate limit of what works without signing in.
const deletionLimit = "deletion"

type scheduleResponse struct {
	EraseAt     time.Time `json:"erase_at" doc:"signing in before then takes it back" example:"2026-12-08T09:30:00Z"`
	ProgressURL string    `json:"progress_url" doc:"a page that shows how far it is, without signing in" example:"https://api.example.com/account/deletion/Zk3..."`
}

// SchemaName is its name in the OpenAPI document.
func (scheduleResponse) SchemaName() string { return "DeletionSchedule" }

func (h *HTTP) schedule(ctx context.Context, _ *struct{}) (*httpserver.Answer[scheduleResponse], error) {
	scheduled, err := h.deletions.Schedule(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(scheduleResponse{EraseAt: scheduled.EraseAt, ProgressURL: h.deletions.publicURL + progressPath + scheduled.Progress}), nil
}

type requestRequest struct {
	Body struct {
		Email string `json:"email" minLength:"3" maxLength:"320" example:"ana@example.com"`
	}
}

type requestResponse struct {
	Message string `json:"message" example:"If there is an account with this address, a link is on its way to it."`
}

// SchemaName is its name in the OpenAPI document.
func (requestResponse) SchemaName() string { return "DeletionNotice" }

// noticeText answers every request, so that it does not tell who has an account.
const noticeText = "If there is an account with this address, a link is on its way to it."

func (h *HTTP) request(ctx context.Context, in *requestRequest) (*httpserver.Answer[requestResponse], error) {
	if err := h.deletions.Request(ctx, in.Body.Email); err != nil {
		return nil, err
	}
	return httpserver.OK(requestResponse{Message: noticeText}), nil
}

type tokenPath struct {
	Token string `path:"token" maxLength:"200" doc:"from progress_url" example:"b3Jhbmdl.Zm9y.dGVzdHM"`
}

type adminPath struct {
	ID string `path:"id" example:"0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001"`
}

type deletionResponse struct {
	Status     string         `json:"status" enum:"waiting,cancelled,erasing,erased" example:"erasing"`
	AskedAt    time.Time      `json:"asked_at" example:"2026-11-24T09:30:00Z"`
	EraseAt    time.Time      `json:"erase_at" example:"2026-12-08T09:30:00Z"`
	FinishedAt *time.Time     `json:"finished_at"`
	Steps      []stepResponse `json:"steps" nullable:"false" doc:"what is done and what is still to be done, once it has begun"`
}

// SchemaName is its name in the OpenAPI document.
func (deletionResponse) SchemaName() string { return "AccountDeletion" }

type stepResponse struct {
	Step   string     `json:"step" example:"profile"`
	DoneAt *time.Time `json:"done_at"`
}

// SchemaName is its name in the OpenAPI document.
func (stepResponse) SchemaName() string { return "AccountDeletionStep" }

func toDeletion(e deletion) *httpserver.Answer[deletionResponse] {
	body := deletionResponse{Status: e.status(), AskedAt: e.AskedAt.UTC(), EraseAt: e.EraseAt.UTC(), FinishedAt: e.FinishedAt, Steps: []stepResponse{}}
	for _, s := range e.Steps {
		body.Steps = append(body.Steps, stepResponse(s))
	}
	return httpserver.OK(body)
}

func (h *HTTP) progress(ctx context.Context, in *tokenPath) (*httpserver.Answer[deletionResponse], error) {
	e, err := h.deletions.Progress(ctx, in.Token)
	if err != nil {
		return nil, err
	}
	return toDeletion(e), nil
}

func (h *HTTP) progressOf(ctx context.Context, in *adminPath) (*httpserver.Answer[deletionResponse], error) {
	id, err := httpserver.PathID(in.ID, users.ErrNotFound)
	if err != nil {
		return nil, err
	}
	e, err := h.deletions.ProgressOf(ctx, id)
	if err != nil {
		return nil, err
	}
	return toDeletion(e), nil
}

const progressPath = "/account/deletion/"

// The pages need neither script nor style, so the strict policy of the API holds for them too.
var pages = template.Must(template.New("").Parse(`{{define "head"}}<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex"><title>Delete your Atrium account</title></head><body>
<h1>Delete your Atrium account</h1>
{{end}}{{define "ask"}}{{template "head"}}<p>In the app: Settings, Account, Delete account. Without the app: enter the e-mail address of your account. We send a link to it; the account
is deleted when you open the link and confirm.</p>
<p>Deleted are your profile, posts, photos, comments, likes, follows and addresses. Orders are kept without your name, for as long as tax law demands.</p>
<form method="post" action="/account/delete"><p><label>E-mail address <input type="email" name="email" required maxlength="320" autocomplete="email"></label>
<button type="submit">Send the link</button></p></form></body></html>
{{end}}{{define "asked"}}{{template "head"}}<p>{{.}}</p></body></html>
{{end}}{{define "confirm"}}{{template "head"}}<p>The account @{{.}} will be locked now and deleted later; signing in before then takes it back.</p>
<form method="post"><p><button type="submit">Delete the account @{{.}}</button></p></form></body></html>
{{end}}{{define "progress"}}{{template "head"}}<p>{{if eq .Status "waiting"}}The account is locked. It will be deleted on {{.EraseAt.Format "2 January 2006"}}; signing in before then takes it back.
{{else if eq .Status "cancelled"}}The account was not deleted: its owner came back.
{{else if eq .Status "erasing"}}The account is being deleted.{{else}}The account is deleted.{{end}}</p>
{{with .Steps}}<ul>{{range .}}<li>{{.Step}}: {{if .DoneAt}}done{{else}}to be done{{end}}</li>
{{end}}</ul>{{end}}</body></html>
{{end}}{{define "dead"}}{{template "head"}}<p>This link was used or is too old. <a href="/account/delete">Ask for another one.</a></p></body></html>
{{end}}`))

func renderPage(c *gin.Context, status int, page string, content any) {
	c.Header("Content-Type", "text/html; charset=utf-8")
	c.Status(status)
	_ = pages.ExecuteTemplate(c.Writer, page, content) // the client has gone away
}

func (h *HTTP) requestPage(c *gin.Context) { renderPage(c, http.StatusOK, "ask", nil) }

func (h *HTTP) requestedPage(c *gin.Context) {
	if err := h.deletions.Request(c.Request.Context(), c.PostForm("email")); err != nil {
		httpserver.Fail(c, err)
		return
	}
	renderPage(c, http.StatusAccepted, "asked", noticeText)
}

func (h *HTTP) confirmPage(c *gin.Context) {
	handle, err := h.deletions.Preview(c.Request.Context(), c.Param("token"))
	if failed(c, err) {
		return
	}
	renderPage(c, http.StatusOK, "confirm", handle)
}

func (h *HTTP) confirmedPage(c *gin.Context) {
	scheduled, err := h.deletions.Confirm(c.Request.Context(), c.Param("token"))
	if failed(c, err) {
		return
	}
	c.Redirect(http.StatusSeeOther, progressPath+scheduled.Progress)
}

func (h *HTTP) progressPage(c *gin.Context) {
	e, err := h.deletions.Progress(c.Request.Context(), c.Param("token"))
	if failed(c, err) {
		return
	}
	renderPage(c, http.StatusOK, "progress", toDeletion(e).Body)
}

// failed answers an error: the page of an invalid link where users.ErrNotFound says so. It reports whether there was one.
func failed(c *gin.Context, err error) bool {
	switch {
	case err == nil:
		return false
	case errors.Is(err, users.ErrNotFound):
		renderPage(c, http.StatusNotFound, "dead", nil)
	default:
		httpserver.Fail(c, err)
	}
	return true
}
