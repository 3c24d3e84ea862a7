package reaction

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves likes and saves.
type HTTP struct{ reactions *Service }

func NewHTTP(s *Service) *HTTP { return &HTTP{reactions: s} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "posts", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
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
	toggle(http.MethodPut, "/posts/{id}/like", "like-post", "Likes a post", h.reactions.Like)
	toggle(http.MethodDelete, "/posts/{id}/like", "unlike-post", "Takes the like of a post back", h.reactions.Unlike)
	toggle(http.MethodPut, "/posts/{id}/save", "save-post", "Saves a post", h.reactions.Save)
	toggle(http.MethodDelete, "/posts/{id}/save", "unsave-post", "Removes a post from the caller's saved posts", h.reactions.Unsave)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/posts/{id}/likes", Name: "list-likers", Access: httpserver.Open,
		Summary: "Lists the people who like a post, newest first"}, h.likes)
}

type postRequest struct {
	ID string `path:"id"`
}

type likesRequest struct {
	ID string `path:"id"`
	page.Query
}

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
