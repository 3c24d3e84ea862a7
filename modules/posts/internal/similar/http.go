package similar

import (
	"context"
	"net/http"

	"atrium/modules/posts"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves similar posts.
type HTTP struct{ finder *Finder }

func NewHTTP(f *Finder) *HTTP { return &HTTP{finder: f} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "posts", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/posts/{id}/similar", Name: "list-similar-posts", Access: httpserver.Open,
		Summary: "Lists posts that resemble a post, and why"}, h.similar)
}

type similarRequest struct {
	ID string `path:"id"`
	page.Query
}

func (h *HTTP) similar(ctx context.Context, in *similarRequest) (*httpserver.Answer[page.List[Post]], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrNotFound)
	if err != nil {
		return nil, err
	}
	list, err := h.finder.To(ctx, identity.From(ctx).UserID, id, in.Query)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}
