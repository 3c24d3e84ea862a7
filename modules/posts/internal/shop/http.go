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

// NewHTTP makes an HTTP.
func NewHTTP(s *Service) *HTTP { return &HTTP{shops: s} }

// Register puts the routes in place.
func (h *HTTP) Register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/posts/{id}/shop", Name: "shop-post", Access: httpserver.Open,
		Summary: "What can be bought from the room, with the prices and stock of this moment"}, h.open)
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
