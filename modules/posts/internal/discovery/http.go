package discovery

import (
	"context"
	"net/http"

	"atrium/modules/posts/internal/render"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves lists of posts.
type HTTP struct{ lists *Service }

func NewHTTP(s *Service) *HTTP { return &HTTP{lists: s} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "posts", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	render.DescribeCards(r)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/users/{user}/posts", Name: "list-user-posts", Access: httpserver.Open,
		Summary: "Lists a person's posts, newest first"}, h.byUser)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/explore", Name: "explore-posts", Access: httpserver.Open,
		Summary: "Lists public posts that people like now"}, h.explore)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/tags/{tag}/posts", Name: "list-tag-posts", Access: httpserver.Open,
		Summary: "Lists posts with a hashtag, newest first"}, h.tagged)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/search/posts", Name: "search-posts",
		Summary: "Finds public posts by words, room and style, newest first; by colours, the nearest first"}, h.search)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/search/posts/facets", Name: "count-found-posts",
		Summary: "Counts the posts that a search finds, by room and style"}, h.facets)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/products/{product}/posts", Name: "list-product-posts", Access: httpserver.Open,
		Summary: "Lists posts with a product, those that most people saved first"}, h.showing)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/me/saves", Name: "list-saved-posts",
		Summary: "Lists the caller's saved posts, the latest save first"}, h.saved)
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

type savedRequest struct{ page.Query }

type answer = httpserver.Answer[page.List[render.Card]]

func (h *HTTP) byUser(ctx context.Context, in *byUserRequest) (*answer, error) {
	return ok(h.lists.ByUser(ctx, identity.From(ctx).UserID, in.User, in.Query))
}

func (h *HTTP) explore(ctx context.Context, in *exploreRequest) (*answer, error) {
	return ok(h.lists.Explore(ctx, identity.From(ctx).UserID, in.Query))
}

func (h *HTTP) tagged(ctx context.Context, in *taggedRequest) (*answer, error) {
	return ok(h.lists.Tagged(ctx, identity.From(ctx).UserID, in.Tag, in.Query))
}

func (h *HTTP) search(ctx context.Context, in *searchRequest) (*answer, error) {
	return ok(h.lists.Search(ctx, identity.From(ctx).UserID, Search{
		Text: in.Text, Room: in.Room, Style: in.Style, Colors: in.Colors, Tolerance: in.Tolerance,
	}, in.Query))
}

func (h *HTTP) facets(ctx context.Context, in *facetsRequest) (*httpserver.Answer[Facets], error) {
	facets, err := h.lists.Facets(ctx, identity.From(ctx).UserID, Search{Text: in.Text, Room: in.Room, Style: in.Style})
	if err != nil {
		return nil, err
	}
	return httpserver.OK(facets), nil
}

func (h *HTTP) showing(ctx context.Context, in *showingRequest) (*answer, error) {
	return ok(h.lists.Showing(ctx, identity.From(ctx).UserID, in.Product, in.Query))
}

func (h *HTTP) saved(ctx context.Context, in *savedRequest) (*answer, error) {
	return ok(h.lists.Saved(ctx, identity.From(ctx).UserID, in.Query))
}

func ok(list page.List[render.Card], err error) (*answer, error) {
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}
