package internal

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

func (h *HTTP) registerLeaving(r *httpserver.Router) {
	type route = httpserver.Route
	httpserver.Handle(r, route{Method: http.MethodDelete, Path: "/me", Name: "leave", Summary: "Have your account erased",
		Status: http.StatusAccepted, Fresh: true}, h.leave)
	httpserver.Handle(r, route{Method: http.MethodPost, Path: "/account-deletions", Name: "ask-deletion", Access: httpserver.Anonymous,
		Summary: "Have a link mailed that erases the account with this address", Status: http.StatusAccepted, Limit: deletionLimit}, h.askDeletion)
	httpserver.Handle(r, route{Method: http.MethodGet, Path: "/account-deletions/{token}", Name: "get-deletion", Access: httpserver.Anonymous,
		Summary: "How far an erasure is", Limit: deletionLimit}, h.deletion)
	for _, p := range []struct {
		method, path string
		handler      gin.HandlerFunc
	}{
		{http.MethodGet, "/account/delete", h.askPage},
		{http.MethodPost, "/account/delete", h.askedPage},
		{http.MethodGet, "/account/delete/:token", h.confirmPage},
		{http.MethodPost, "/account/delete/:token", h.confirmedPage},
		{http.MethodGet, "/account/deletion/:token", h.progressPage},
	} {
		r.Page(route{Method: p.method, Path: p.path, Access: httpserver.Anonymous, Limit: deletionLimit, MaxBody: 4096}, p.handler)
	}
}

// deletionLimit is the class of the rate limit of what works without signing in.
const deletionLimit = "deletion"

type leaveResponse struct {
	EraseAt     time.Time `json:"erase_at" doc:"signing in before then takes it back" example:"2026-12-08T09:30:00Z"`
	ProgressURL string    `json:"progress_url" doc:"a page that shows how far it is, without signing in" example:"https://api.example.com/account/deletion/Zk3..."`
}

func (h *HTTP) leave(ctx context.Context, _ *struct{}) (*httpserver.Answer[leaveResponse], error) {
	leaving, err := h.people.Leave(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(leaveResponse{EraseAt: leaving.EraseAt, ProgressURL: h.people.publicURL + progressPath + leaving.Progress}), nil
}

type askDeletionRequest struct {
	Body struct {
		Email string `json:"email" minLength:"3" maxLength:"320" example:"ana@example.com"`
	}
}

type askDeletionResponse struct {
	Message string `json:"message" example:"If there is an account with this address, a link is on its way to it."`
}

// askedText is all that anybody learns.
const askedText = "If there is an account with this address, a link is on its way to it."

func (h *HTTP) askDeletion(ctx context.Context, in *askDeletionRequest) (*httpserver.Answer[askDeletionResponse], error) {
	if err := h.people.AskDeletion(ctx, in.Body.Email); err != nil {
		return nil, err
	}
	return httpserver.OK(askDeletionResponse{Message: askedText}), nil
}

type deletionPath struct {
	Token string `path:"token" maxLength:"200" doc:"from progress_url" example:"b3Jhbmdl.Zm9y.dGVzdHM"`
}

type erasureResponse struct {
	Status     string         `json:"status" enum:"waiting,cancelled,erasing,erased" example:"erasing"`
	AskedAt    time.Time      `json:"asked_at" example:"2026-11-24T09:30:00Z"`
	EraseAt    time.Time      `json:"erase_at" example:"2026-12-08T09:30:00Z"`
	FinishedAt *time.Time     `json:"finished_at"`
	Steps      []stepResponse `json:"steps" nullable:"false" doc:"what is done and what is still to be done, once it has begun"`
}

type stepResponse struct {
	Step   string     `json:"step" example:"profile"`
	DoneAt *time.Time `json:"done_at"`
}

func toErasure(e erasure) *httpserver.Answer[erasureResponse] {
	body := erasureResponse{Status: e.status(), AskedAt: e.AskedAt.UTC(), EraseAt: e.EraseAt.UTC(), FinishedAt: e.FinishedAt, Steps: []stepResponse{}}
	for _, s := range e.Steps {
		body.Steps = append(body.Steps, stepResponse(s))
	}
	return httpserver.OK(body)
}

func (h *HTTP) deletion(ctx context.Context, in *deletionPath) (*httpserver.Answer[erasureResponse], error) {
	e, err := h.people.Progress(ctx, in.Token)
	if err != nil {
		return nil, err
	}
	return toErasure(e), nil
}

func (h *HTTP) erasureOf(ctx context.Context, in *AdminPath) (*httpserver.Answer[erasureResponse], error) {
	id, err := in.user()
	if err != nil {
		return nil, err
	}
	e, err := h.people.ProgressOf(ctx, id)
	if err != nil {
		return nil, err
	}
	return toErasure(e), nil
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

func show(c *gin.Context, status int, page string, content any) {
	c.Header("Content-Type", "text/html; charset=utf-8")
	c.Status(status)
	_ = pages.ExecuteTemplate(c.Writer, page, content) // the client has gone away
}

func (h *HTTP) askPage(c *gin.Context) { show(c, http.StatusOK, "ask", nil) }

func (h *HTTP) askedPage(c *gin.Context) {
	if err := h.people.AskDeletion(c.Request.Context(), c.PostForm("email")); err != nil {
		httpserver.Fail(c, err)
		return
	}
	show(c, http.StatusAccepted, "asked", askedText)
}

func (h *HTTP) confirmPage(c *gin.Context) {
	handle, err := h.people.DeletionLink(c.Request.Context(), c.Param("token"))
	if dead(c, err) {
		return
	}
	show(c, http.StatusOK, "confirm", handle)
}

func (h *HTTP) confirmedPage(c *gin.Context) {
	leaving, err := h.people.ConfirmDeletion(c.Request.Context(), c.Param("token"))
	if dead(c, err) {
		return
	}
	c.Redirect(http.StatusSeeOther, progressPath+leaving.Progress)
}

func (h *HTTP) progressPage(c *gin.Context) {
	e, err := h.people.Progress(c.Request.Context(), c.Param("token"))
	if dead(c, err) {
		return
	}
	show(c, http.StatusOK, "progress", toErasure(e).Body)
}

// dead answers for a link that opens nothing, and for a failure.
func dead(c *gin.Context, err error) bool {
	switch {
	case err == nil:
		return false
	case errors.Is(err, users.ErrNotFound):
		show(c, http.StatusNotFound, "dead", nil)
	default:
		httpserver.Fail(c, err)
	}
	return true
}
