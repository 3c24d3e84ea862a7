package feed

import (
	"context"
	"net/http"
	"time"

	"atrium/modules/posts/internal/render"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves the feed.
type HTTP struct{ feed *Feed }

func NewHTTP(f *Feed) *HTTP { return &HTTP{feed: f} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "posts", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	render.DescribeCards(r)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/feed", Name: "get-feed",
		Summary: "Lists the posts of those whom the caller follows and the caller's own, newest first"}, h.page)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/feed/new-count", Name: "count-new-posts",
		Summary: "Counts the posts of others that came into the feed since a moment"}, h.countNew)
}

type pageRequest struct{ page.Query }

type countRequest struct {
	Since time.Time `query:"since" required:"true" example:"2026-01-01T12:00:00.123456Z" doc:"created_at of the newest post that one has"`
}

// NewCount is the answer of GET /v1/feed/new-count.
type NewCount struct {
	Count int `json:"count" doc:"at most 100: then there may be more"`
}

// SchemaName is its name in the OpenAPI document.
func (NewCount) SchemaName() string { return "NewPostCount" }

// pageAnswer says too where the page came from.
type pageAnswer struct {
	Cache string `header:"X-Cache" enum:"hit,miss,bypass" doc:"whether the feed was ready, was made for this page, or came around the cache"`
	Body  page.List[render.Card]
}

func (h *HTTP) page(ctx context.Context, in *pageRequest) (*pageAnswer, error) {
	list, origin, err := h.feed.Page(ctx, identity.From(ctx).UserID, in.Query)
	if err != nil {
		return nil, err
	}
	return &pageAnswer{Cache: string(origin), Body: list}, nil
}

func (h *HTTP) countNew(ctx context.Context, in *countRequest) (*httpserver.Answer[NewCount], error) {
	count, err := h.feed.CountNew(ctx, identity.From(ctx).UserID, in.Since)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(NewCount{Count: count}), nil
}
