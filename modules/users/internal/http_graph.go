package internal

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
	"atrium/platform/photo"
)

func (h *HTTP) registerGraph(r *httpserver.Router) {
	type route = httpserver.Route
	httpserver.Handle(r, route{Method: http.MethodGet, Path: "/users/suggested", Name: "list-suggested", Summary: "People you may like to follow"}, h.suggested)
	httpserver.Handle(r, route{Method: http.MethodGet, Path: "/users/{user}", Name: "get-user", Summary: "A profile",
		Access: httpserver.Open}, h.profile)
	for _, t := range []struct {
		path, name, put, delete string
		make, end               func(ctx context.Context, me, other uuid.UUID) error
	}{
		{"/users/{user}/follow", "follow", "Follow, or ask a private person", "Unfollow, or take the request back", h.graph.Follow, h.graph.Unfollow},
		{"/users/{user}/block", "block", "Block: you lose each other as followers", "Unblock", h.graph.Block, h.graph.Unblock},
		{"/me/dismissed-suggestions/{user}", "dismissed-suggestion", "Have somebody not suggested again", "Have them suggested again", h.graph.Dismiss, h.graph.Undismiss},
		{"/me/follow-requests/{user}", "follow-request", "Accept a request", "Reject a request", h.graph.Accept, h.graph.Reject},
	} {
		httpserver.Handle(r, route{Method: http.MethodPut, Path: t.path, Name: "put-" + t.name, Summary: t.put}, h.toggle(t.make))
		httpserver.Handle(r, route{Method: http.MethodDelete, Path: t.path, Name: "delete-" + t.name, Summary: t.delete}, h.toggle(t.end))
	}
	httpserver.Handle(r, route{Method: http.MethodPut, Path: "/users/{user}/mute", Name: "put-mute",
		Summary: "Mute, for good or until then; they never learn of it"}, h.mute)
	httpserver.Handle(r, route{Method: http.MethodDelete, Path: "/users/{user}/mute", Name: "delete-mute", Summary: "Unmute"},
		h.toggle(h.graph.Unmute))
	for _, t := range []struct {
		path, name, summary string
		edge                edge
	}{
		{"/users/{user}/followers", "list-followers", "Who follows them, newest first", followersEdge},
		{"/users/{user}/following", "list-following", "Whom they follow, newest first", followingEdge},
	} {
		httpserver.Handle(r, route{Method: http.MethodGet, Path: t.path, Name: t.name, Summary: t.summary}, h.ties(t.name, t.edge))
	}
	for _, t := range []struct {
		path, name, summary string
		edge                edge
	}{
		{"/me/blocks", "list-blocks", "Whom you blocked", blocksEdge},
		{"/me/mutes", "list-mutes", "Whom you muted", mutesEdge},
		{"/me/follow-requests", "list-follow-requests", "Who asks to follow you", requestsEdge},
	} {
		httpserver.Handle(r, route{Method: http.MethodGet, Path: t.path, Name: t.name, Summary: t.summary}, h.own(t.name, t.edge))
	}
}

// UserPath names a person in a path.
type UserPath struct {
	User string `path:"user" maxLength:"100" doc:"id or handle" example:"ana.garcia"`
}

// profileResponse is the API's User; for a person whom the viewer blocks it is the short form, without what is omitted when empty.
type profileResponse struct {
	users.Ref
	Bio       *string       `json:"bio,omitempty" example:"Small flats, big plants."`
	Cover     *photo.Photo  `json:"cover,omitempty" doc:"on top of the profile; absent: none"`
	IsPrivate *bool         `json:"is_private,omitempty"`
	Counts    *users.Counts `json:"counts,omitempty"`
	Viewer    users.Viewer  `json:"viewer"`
}

func toProfile(view profileView) *httpserver.Answer[profileResponse] {
	body := profileResponse{Ref: view.Ref, Viewer: view.Viewer}
	if !view.Hidden {
		body.Bio, body.Cover, body.IsPrivate, body.Counts = &view.Bio, view.Cover, &view.IsPrivate, &view.Counts
	}
	return httpserver.OK(body)
}

func (h *HTTP) profile(ctx context.Context, in *UserPath) (*httpserver.Answer[profileResponse], error) {
	view, err := h.graph.Profile(ctx, identity.From(ctx).UserID, in.User)
	if err != nil {
		return nil, err
	}
	return toProfile(view), nil
}

// toggle makes a handler of what one person does to another.
func (h *HTTP) toggle(do func(ctx context.Context, me, other uuid.UUID) error) func(context.Context, *UserPath) (*httpserver.Empty, error) {
	return func(ctx context.Context, in *UserPath) (*httpserver.Empty, error) {
		other, err := h.graph.directory.Resolve(ctx, in.User)
		if err != nil {
			return nil, err
		}
		return done(do(ctx, identity.From(ctx).UserID, other))
	}
}

// MuteBody may say when a mute ends by itself.
type MuteBody struct {
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"when it ends by itself; without: never" example:"2027-01-01T00:00:00Z"`
}

// until is the end that a body asks for; no body asks for none.
func (b *MuteBody) until() *time.Time {
	if b == nil {
		return nil
	}
	return b.ExpiresAt
}

type muteRequest struct {
	UserPath
	Body *MuteBody
}

func (h *HTTP) mute(ctx context.Context, in *muteRequest) (*httpserver.Empty, error) {
	other, err := h.graph.directory.Resolve(ctx, in.User)
	if err != nil {
		return nil, err
	}
	return done(h.graph.Mute(ctx, identity.From(ctx).UserID, other, in.Body.until()))
}

type tiesRequest struct {
	UserPath
	page.Query
}

type peopleResponse = httpserver.Answer[page.List[Person]]

func (h *HTTP) ties(name string, e edge) func(context.Context, *tiesRequest) (*peopleResponse, error) {
	return func(ctx context.Context, in *tiesRequest) (*peopleResponse, error) {
		list, err := h.graph.Ties(ctx, name, e, identity.From(ctx).UserID, in.User, in.Query)
		if err != nil {
			return nil, err
		}
		return httpserver.OK(list), nil
	}
}

func (h *HTTP) own(name string, e edge) func(context.Context, *page.Query) (*peopleResponse, error) {
	return func(ctx context.Context, in *page.Query) (*peopleResponse, error) {
		list, err := h.graph.Own(ctx, name, e, identity.From(ctx).UserID, *in)
		if err != nil {
			return nil, err
		}
		return httpserver.OK(list), nil
	}
}

func (h *HTTP) suggested(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[suggestion]], error) {
	found, err := h.graph.Suggest(ctx, identity.From(ctx).UserID, in.Limit)
	if err != nil {
		return nil, err
	}
	list, err := page.Whole(*in, found)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}
