package viewcount

import (
	"context"
	"net/http"

	"atrium/modules/posts"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// HTTP serves the figures of posts.
type HTTP struct{ views *Counter }

func NewHTTP(c *Counter) *HTTP { return &HTTP{views: c} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "posts", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/posts/{id}/stats", Name: "get-post-stats",
		Summary: "Returns the views, likes, saves and comments of one of the caller's posts"}, h.stats)
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
