package view

import (
	"context"
	"net/http"

	"atrium/modules/posts"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// HTTP serves the figures of posts.
type HTTP struct{ views *Counter }

// NewHTTP makes an HTTP.
func NewHTTP(c *Counter) *HTTP { return &HTTP{views: c} }

// Register puts the routes in place.
func (h *HTTP) Register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/posts/{id}/stats", Name: "read-post-stats",
		Summary: "How one's own post does"}, h.stats)
}

type statsRequest struct {
	ID string `path:"id"`
}

func (h *HTTP) stats(ctx context.Context, in *statsRequest) (*httpserver.Answer[Stats], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrNotFound)
	if err != nil {
		return nil, err
	}
	stats, err := h.views.Stats(ctx, identity.From(ctx).UserID, id)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(stats), nil
}
