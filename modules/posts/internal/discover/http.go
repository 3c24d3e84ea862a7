package discover

import (
	"context"
	"net/http"

	"atrium/modules/posts/internal/card"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves lists of posts.
type HTTP struct{ discover *Discover }

// NewHTTP makes an HTTP.
func NewHTTP(d *Discover) *HTTP { return &HTTP{discover: d} }

// Register puts the routes in place.
func (h *HTTP) Register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/users/{user}/posts", Name: "list-user-posts", Access: httpserver.Open,
		Summary: "A person's posts, newest first"}, h.byUser)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/explore", Name: "explore", Access: httpserver.Open,
		Summary: "Public posts that people like now"}, h.explore)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/tags/{tag}/posts", Name: "list-tag-posts", Access: httpserver.Open,
		Summary: "Posts with a hashtag, newest first"}, h.tagged)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/search/posts", Name: "search-posts",
		Summary: "Public posts by words, room and style, newest first; by colours, the nearest first"}, h.search)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/search/posts/facets", Name: "count-found-posts",
		Summary: "How many of the posts that a search finds are of which room and style"}, h.facets)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/products/{product}/posts", Name: "list-product-posts", Access: httpserver.Open,
		Summary: "Rooms with the product, those that most people saved first"}, h.showing)
}

type byUserRequest struct {
	User string `path:"user" doc:"id or handle"`
	page.Query
}

type exploreRequest struct{ page.Query }

type taggedRequest struct {
	Tag string `path:"tag"`
	page.Query
}

type searchRequest struct {
	Text      string   `query:"q" maxLength:"100" example:"oak table" doc:"words that the caption holds"`
	Room      string   `query:"room" example:"living"`
	Style     string   `query:"style" example:"japandi"`
	Colors    []string `query:"color,explode" maxItems:"2" example:"[\"C9B79C\",\"2F4F4F\"]" doc:"six hexadecimal digits; twice: both in one photo"`
	Tolerance int      `query:"tolerance" minimum:"1" maximum:"20" default:"15" doc:"how far from each colour, in CIE dE2000: 1 is not seen, 10 still related"`
	page.Query
}

type facetsRequest struct {
	Text  string `query:"q" maxLength:"100" example:"oak table" doc:"words that the caption holds"`
	Room  string `query:"room" example:"living"`
	Style string `query:"style" example:"japandi"`
}

type showingRequest struct {
	Product string `path:"product" doc:"id or slug"`
	page.Query
}

type answer = httpserver.Answer[page.List[card.Post]]

func (h *HTTP) byUser(ctx context.Context, in *byUserRequest) (*answer, error) {
	return ok(h.discover.ByUser(ctx, identity.From(ctx).UserID, in.User, in.Query))
}

func (h *HTTP) explore(ctx context.Context, in *exploreRequest) (*answer, error) {
	return ok(h.discover.Explore(ctx, identity.From(ctx).UserID, in.Query))
}

func (h *HTTP) tagged(ctx context.Context, in *taggedRequest) (*answer, error) {
	return ok(h.discover.Tagged(ctx, identity.From(ctx).UserID, in.Tag, in.Query))
}

func (h *HTTP) search(ctx context.Context, in *searchRequest) (*answer, error) {
	return ok(h.discover.Search(ctx, identity.From(ctx).UserID, Search{
		Text: in.Text, Room: in.Room, Style: in.Style, Colors: in.Colors, Tolerance: in.Tolerance,
	}, in.Query))
}

func (h *HTTP) facets(ctx context.Context, in *facetsRequest) (*httpserver.Answer[Facets], error) {
	facets, err := h.discover.Facets(ctx, identity.From(ctx).UserID, Search{Text: in.Text, Room: in.Room, Style: in.Style})
	if err != nil {
		return nil, err
	}
	return httpserver.OK(facets), nil
}

func (h *HTTP) showing(ctx context.Context, in *showingRequest) (*answer, error) {
	return ok(h.discover.Showing(ctx, identity.From(ctx).UserID, in.Product, in.Query))
}

func ok(list page.List[card.Post], err error) (*answer, error) {
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}
