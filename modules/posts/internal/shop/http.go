package shop

import (
	"context"
	"net/http"

	"atrium/modules/posts"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// HTTP serves the shops of posts.
type HTTP struct{ shops *Service }

func NewHTTP(s *Service) *HTTP { return &HTTP{shops: s} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "posts", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/posts/{id}/shop", Name: "get-post-shop", Access: httpserver.Open,
		Summary: "Returns what can be bought from a post, with current prices and stock"}, h.open)
}

type openRequest struct {
	ID string `path:"id"`
}

func (h *HTTP) open(ctx context.Context, in *openRequest) (*httpserver.Answer[Shop], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrNotFound)
	if err != nil {
		return nil, err
	}
	shop, err := h.shops.Open(ctx, identity.From(ctx).UserID, id)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(shop), nil
}
