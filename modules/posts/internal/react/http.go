package react

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/card"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves likes and saves.
type HTTP struct{ reactions *Service }

// NewHTTP makes an HTTP.
func NewHTTP(s *Service) *HTTP { return &HTTP{reactions: s} }

// Register puts the routes in place.
func (h *HTTP) Register(r *httpserver.Router) {
	toggle := func(method, path, name, summary string, do func(ctx context.Context, user, post uuid.UUID) error) {
		httpserver.Handle(r, httpserver.Route{Method: method, Path: path, Name: name, Summary: summary},
			func(ctx context.Context, in *postRequest) (*httpserver.Empty, error) {
				id, err := httpserver.PathID(in.ID, posts.ErrNotFound)
				if err != nil {
					return nil, err
				}
				return &httpserver.Empty{}, do(ctx, identity.From(ctx).UserID, id)
			})
	}
	toggle(http.MethodPut, "/posts/{id}/like", "like-post", "Like a post", h.reactions.Like)
	toggle(http.MethodDelete, "/posts/{id}/like", "unlike-post", "Take a like back", h.reactions.Unlike)
	toggle(http.MethodPut, "/posts/{id}/save", "save-post", "Save a post", h.reactions.Save)
	toggle(http.MethodDelete, "/posts/{id}/save", "unsave-post", "Forget a saved post", h.reactions.Unsave)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/posts/{id}/likes", Name: "list-likes", Access: httpserver.Open,
		Summary: "Who likes a post, newest first"}, h.likes)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/me/saves", Name: "list-saves",
		Summary: "What one saved, newest save first"}, h.saves)
}

type postRequest struct {
	ID string `path:"id"`
}

type likesRequest struct {
	ID string `path:"id"`
	page.Query
}

type savesRequest struct{ page.Query }

func (h *HTTP) likes(ctx context.Context, in *likesRequest) (*httpserver.Answer[page.List[Liker]], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrNotFound)
	if err != nil {
		return nil, err
	}
	list, err := h.reactions.Likers(ctx, identity.From(ctx).UserID, id, in.Query)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}

func (h *HTTP) saves(ctx context.Context, in *savesRequest) (*httpserver.Answer[page.List[card.Post]], error) {
	list, err := h.reactions.Saves(ctx, identity.From(ctx).UserID, in.Query)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}
