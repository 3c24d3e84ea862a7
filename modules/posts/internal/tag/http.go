package tag

import (
	"context"
	"net/http"

	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves hashtags.
type HTTP struct{ tags *Service }

func NewHTTP(s *Service) *HTTP { return &HTTP{tags: s} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "posts", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/tags/{tag}", Name: "get-tag", Access: httpserver.Open,
		Summary: "Returns a hashtag, and those that go with it"}, h.read)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPut, Path: "/tags/{tag}/follow", Name: "follow-tag",
		Summary: "Follows a hashtag"}, h.follow)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/tags/{tag}/follow", Name: "unfollow-tag",
		Summary: "Unfollows a hashtag"}, h.unfollow)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/me/tags", Name: "list-followed-tags",
		Summary: "Lists the hashtags that the caller follows, the latest first"}, h.following)
}

type tagRequest struct {
	Tag string `path:"tag" example:"japandi" doc:"with or without #, in any case"`
}

type followingRequest struct{ page.Query }

func (h *HTTP) read(ctx context.Context, in *tagRequest) (*httpserver.Answer[Tag], error) {
	tag, err := h.tags.Read(ctx, identity.From(ctx).UserID, in.Tag)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(tag), nil
}

func (h *HTTP) follow(ctx context.Context, in *tagRequest) (*httpserver.Empty, error) {
	return &httpserver.Empty{}, h.tags.Follow(ctx, identity.From(ctx).UserID, in.Tag)
}

func (h *HTTP) unfollow(ctx context.Context, in *tagRequest) (*httpserver.Empty, error) {
	return &httpserver.Empty{}, h.tags.Unfollow(ctx, identity.From(ctx).UserID, in.Tag)
}

func (h *HTTP) following(ctx context.Context, in *followingRequest) (*httpserver.Answer[page.List[Followed]], error) {
	list, err := h.tags.Following(ctx, identity.From(ctx).UserID, in.Query)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}
