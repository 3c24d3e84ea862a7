package graph

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/modules/users/internal/relation"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
	"atrium/platform/photo"
)

// HTTP is the routes of relations.
type HTTP struct{ graph *Service }

func NewHTTP(graph *Service) *HTTP { return &HTTP{graph: graph} }

// Routes plugs them in.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "users", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	type route = httpserver.Route
	httpserver.Handle(r, route{Method: http.MethodGet, Path: "/users/suggested", Name: "list-suggested-users", Summary: "Lists people whom the caller may like to follow"}, h.suggested)
	httpserver.Handle(r, route{Method: http.MethodGet, Path: "/users/{user}", Name: "get-user", Summary: "Returns a person's profile",
		Access: httpserver.Open}, h.profile)
	for _, t := range []struct {
		path, put, puts, delete, deletes string // operation and summary
		make, end                        func(ctx context.Context, me, other uuid.UUID) error
	}{
		{"/users/{user}/follow", "follow-user", "Follows a person, or asks a private one",
			"unfollow-user", "Unfollows a person, or takes the request back", h.graph.Follow, h.graph.Unfollow},
		{"/users/{user}/block", "block-user", "Blocks a person: neither follows the other any more",
			"unblock-user", "Unblocks a person", h.graph.Block, h.graph.Unblock},
		{"/me/dismissed-suggestions/{user}", "dismiss-suggestion", "Dismisses a suggested person",
			"restore-suggestion", "Allows a dismissed person to be suggested again", h.graph.Dismiss, h.graph.Undismiss},
		{"/me/follow-requests/{user}", "accept-follow-request", "Accepts a follow request",
			"reject-follow-request", "Rejects a follow request", h.graph.Accept, h.graph.Reject},
	} {
		httpserver.Handle(r, route{Method: http.MethodPut, Path: t.path, Name: t.put, Summary: t.puts}, h.toggle(t.make))
		httpserver.Handle(r, route{Method: http.MethodDelete, Path: t.path, Name: t.delete, Summary: t.deletes}, h.toggle(t.end))
	}
	httpserver.Handle(r, route{Method: http.MethodPut, Path: "/users/{user}/mute", Name: "mute-user",
		Summary: "Mutes a person, for good or until a moment; they never learn of it"}, h.mute)
	httpserver.Handle(r, route{Method: http.MethodDelete, Path: "/users/{user}/mute", Name: "unmute-user", Summary: "Unmutes a person"},
		h.toggle(h.graph.Unmute))
	for _, t := range []struct {
		path, name, summary string // name is also the scope of the list's cursors: it stays
		kind                relation.Kind
	}{
		{"/users/{user}/followers", "list-followers", "Lists the people who follow a person, newest first", relation.Followers},
		{"/users/{user}/following", "list-following", "Lists the people whom a person follows, newest first", relation.Following},
	} {
		httpserver.Handle(r, route{Method: http.MethodGet, Path: t.path, Name: t.name, Summary: t.summary}, h.list(t.name, t.kind))
	}
	for _, t := range []struct {
		path, name, summary string // name is also the scope of the list's cursors: it stays
		kind                relation.Kind
	}{
		{"/me/blocks", "list-blocks", "Lists the people whom the caller blocked", relation.Blocks},
		{"/me/mutes", "list-mutes", "Lists the people whom the caller muted", relation.Mutes},
		{"/me/follow-requests", "list-follow-requests", "Lists the people who ask to follow the caller", relation.Requests},
	} {
		httpserver.Handle(r, route{Method: http.MethodGet, Path: t.path, Name: t.name, Summary: t.summary}, h.listOwn(t.name, t.kind))
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

// SchemaName is its name in the OpenAPI document.
func (profileResponse) SchemaName() string { return "Profile" }

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

// toggle returns a handler of what one person does to another.
func (h *HTTP) toggle(do func(ctx context.Context, me, other uuid.UUID) error) func(context.Context, *UserPath) (*httpserver.Empty, error) {
	return func(ctx context.Context, in *UserPath) (*httpserver.Empty, error) {
		other, err := h.graph.Resolve(ctx, in.User)
		if err != nil {
			return nil, err
		}
		return httpserver.NoContent(do(ctx, identity.From(ctx).UserID, other))
	}
}

// MuteBody may say when a mute ends by itself.
type MuteBody struct {
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"when it ends by itself; without: never" example:"2027-01-01T00:00:00Z"`
}

// SchemaName is its name in the OpenAPI document.
func (MuteBody) SchemaName() string { return "MuteUserRequest" }

// until returns when the mute ends, or nil.
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
	other, err := h.graph.Resolve(ctx, in.User)
	if err != nil {
		return nil, err
	}
	return httpserver.NoContent(h.graph.Mute(ctx, identity.From(ctx).UserID, other, in.Body.until()))
}

type listRequest struct {
	UserPath
	page.Query
}

type peopleResponse = httpserver.Answer[page.List[Person]]

func (h *HTTP) list(name string, k relation.Kind) func(context.Context, *listRequest) (*peopleResponse, error) {
	return func(ctx context.Context, in *listRequest) (*peopleResponse, error) {
		list, err := h.graph.ListOf(ctx, name, k, identity.From(ctx).UserID, in.User, in.Query)
		if err != nil {
			return nil, err
		}
		return httpserver.OK(list), nil
	}
}

func (h *HTTP) listOwn(name string, k relation.Kind) func(context.Context, *page.Query) (*peopleResponse, error) {
	return func(ctx context.Context, in *page.Query) (*peopleResponse, error) {
		list, err := h.graph.ListOwn(ctx, name, k, identity.From(ctx).UserID, *in)
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
