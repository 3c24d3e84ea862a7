package mute

import (
	"context"
	"net/http"
	"time"

	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// HTTP is the capability's part of the API.
type HTTP struct{ mutes *Service }

// NewHTTP makes the routes.
func NewHTTP(mutes *Service) *HTTP { return &HTTP{mutes: mutes} }

// Register plugs them in.
func (h *HTTP) Register(r *httpserver.Router) {
	type route = httpserver.Route
	httpserver.Handle(r, route{Method: http.MethodGet, Path: "/me/muted-terms", Name: "list-muted-terms",
		Summary: "The tags, brands, styles and words that you muted, newest first; at most 500"}, h.list)
	httpserver.Handle(r, route{Method: http.MethodPut, Path: "/me/muted-terms/{kind}/{term}", Name: "put-muted-term",
		Summary: "Mute a tag, brand, style or word, for good or until then"}, h.put)
	httpserver.Handle(r, route{Method: http.MethodDelete, Path: "/me/muted-terms/{kind}/{term}", Name: "delete-muted-term",
		Summary: "Unmute it"}, h.delete)
}

type listResponse struct {
	Items []Term `json:"items" nullable:"false"`
}

func (h *HTTP) list(ctx context.Context, _ *struct{}) (*httpserver.Answer[listResponse], error) {
	terms, err := h.mutes.List(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(listResponse{Items: terms}), nil
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

type putRequest struct {
	TermPath
	Body *TermBody
}

func (h *HTTP) put(ctx context.Context, in *putRequest) (*httpserver.Empty, error) {
	var until *time.Time
	if in.Body != nil {
		until = in.Body.ExpiresAt
	}
	return done(h.mutes.Mute(ctx, identity.From(ctx).UserID, in.Kind, in.Term, until))
}

func (h *HTTP) delete(ctx context.Context, in *TermPath) (*httpserver.Empty, error) {
	return done(h.mutes.Unmute(ctx, identity.From(ctx).UserID, in.Kind, in.Term))
}

func done(err error) (*httpserver.Empty, error) {
	if err != nil {
		return nil, err
	}
	return &httpserver.Empty{}, nil
}
