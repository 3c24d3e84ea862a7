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

// NewHTTP makes an HTTP.
func NewHTTP(f *Finder) *HTTP { return &HTTP{finder: f} }

// Register puts the routes in place.
func (h *HTTP) Register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/posts/{id}/similar", Name: "list-similar-posts", Access: httpserver.Open,
		Summary: "More rooms like this one, and why"}, h.similar)
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
