package draft

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/post"
	"atrium/modules/posts/internal/render"
	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves drafts.
type HTTP struct {
	drafts   *Service
	renderer *render.Renderer
}

func NewHTTP(s *Service, renderer *render.Renderer) *HTTP {
	return &HTTP{drafts: s, renderer: renderer}
}

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "posts", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/drafts", Name: "list-drafts",
		Summary: "Lists the caller's drafts, the one saved last first"}, h.list)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPut, Path: "/drafts/{id}", Name: "save-draft",
		Summary: "Saves a draft under an id that the client chose, as often as it likes"}, h.save)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/drafts/{id}", Name: "get-draft",
		Summary: "Returns one of the caller's drafts"}, h.read)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/drafts/{id}", Name: "delete-draft",
		Summary: "Deletes a draft and its photos"}, h.delete)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/drafts/{id}/publish", Name: "publish-draft", Status: http.StatusCreated,
		Summary: "Publishes a draft once: now (201, the post), or at a later moment (202, the draft)"}, h.publish)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/drafts/{id}/publish", Name: "cancel-publication",
		Summary: "Cancels the planned publication of a draft; the draft stays"}, h.cancel)
}

// Shown is a draft as its author sees it.
type Shown struct {
	ID            uuid.UUID          `json:"id"`
	Caption       string             `json:"caption"`
	Room          *string            `json:"room" example:"living"`
	Style         *string            `json:"style" example:"japandi"`
	Visibility    string             `json:"visibility" enum:"public,followers,private"`
	CountsHidden  bool               `json:"counts_hidden"`
	CommentPolicy string             `json:"comment_policy" enum:"everyone,followers,off"`
	Photos        []render.PostPhoto `json:"photos"`
	PublishAt     *time.Time         `json:"publish_at" doc:"when it will be published, if that is planned"`
	Problem       *string            `json:"problem" example:"users.terms_required" doc:"the code of why it was not published when it was planned; saving or planning again clears it"`
	Version       int64              `json:"version"`
	CreatedAt     time.Time          `json:"created_at"`
	UpdatedAt     time.Time          `json:"updated_at"`
}

// SchemaName is its name in the OpenAPI document.
func (Shown) SchemaName() string { return "Draft" }

type listRequest struct{ page.Query }

type draftRequest struct {
	ID string `path:"id"`
}

type saveRequest struct {
	ID      string `path:"id" doc:"a UUID that the client makes"`
	IfMatch string `header:"If-Match" doc:"optional: the version that was edited"`
	Body    struct {
		Caption string `json:"caption,omitempty" example:"Sunday light #japandi" doc:"at most 2,000 characters"`
		post.Traits
		Photos []post.DraftPhoto `json:"photos,omitempty" maxItems:"10" nullable:"false"`
	}
}

type publishRequest struct {
	ID   string `path:"id"`
	Body *struct {
		At *time.Time `json:"at,omitempty" doc:"when; absent or past: now"`
	}
}

// publishAnswer is the post, or the draft that waits for its moment.
type publishAnswer struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     outcome
}

// outcome is one of the two.
type outcome struct{ of any }

// MarshalJSON writes the one that it is.
func (o outcome) MarshalJSON() ([]byte, error) { return json.Marshal(o.of) }

// Schema says that it is a post or a draft.
func (outcome) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		r.Schema(reflect.TypeFor[render.Post](), true, ""),
		r.Schema(reflect.TypeFor[Shown](), true, ""),
	}}
}

func (h *HTTP) list(ctx context.Context, in *listRequest) (*httpserver.Answer[page.List[Shown]], error) {
	list, err := h.drafts.List(ctx, identity.From(ctx).UserID, in.Query)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}

func (h *HTTP) save(ctx context.Context, in *saveRequest) (*httpserver.Answer[Shown], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrDraftNotFound)
	if err != nil {
		return nil, err
	}
	match := etag.Any
	if in.IfMatch != "" {
		if match, err = etag.Parse(in.IfMatch); err != nil {
			return nil, err
		}
	}
	return answer(h.drafts.Save(ctx, identity.From(ctx).UserID, id, match, in.Body.Draft(in.Body.Caption, in.Body.Photos)))
}

func (h *HTTP) read(ctx context.Context, in *draftRequest) (*httpserver.Answer[Shown], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrDraftNotFound)
	if err != nil {
		return nil, err
	}
	return answer(h.drafts.Read(ctx, identity.From(ctx).UserID, id))
}

func (h *HTTP) delete(ctx context.Context, in *draftRequest) (*httpserver.Empty, error) {
	id, err := httpserver.PathID(in.ID, posts.ErrDraftNotFound)
	if err != nil {
		return nil, err
	}
	return &httpserver.Empty{}, h.drafts.Delete(ctx, identity.From(ctx).UserID, id)
}

func (h *HTTP) publish(ctx context.Context, in *publishRequest) (*publishAnswer, error) {
	id, err := httpserver.PathID(in.ID, posts.ErrDraftNotFound)
	if err != nil {
		return nil, err
	}
	author := identity.From(ctx).UserID
	if in.Body != nil && in.Body.At != nil && in.Body.At.After(time.Now()) {
		waiting, err := h.drafts.Schedule(ctx, author, id, *in.Body.At)
		if err != nil {
			return nil, err
		}
		return &publishAnswer{Status: http.StatusAccepted, ETag: etag.Format(waiting.Version), Body: outcome{waiting}}, nil
	}
	post, err := h.drafts.Publish(ctx, author, id)
	if err != nil {
		return nil, err
	}
	made, err := h.renderer.Post(ctx, author, post)
	if err != nil {
		return nil, err
	}
	return &publishAnswer{Status: http.StatusCreated, ETag: etag.Format(made.Version), Location: "/v1/posts/" + made.ID.String(), Body: outcome{made}}, nil
}

func (h *HTTP) cancel(ctx context.Context, in *draftRequest) (*httpserver.Empty, error) {
	id, err := httpserver.PathID(in.ID, posts.ErrDraftNotFound)
	if err != nil {
		return nil, err
	}
	return &httpserver.Empty{}, h.drafts.Cancel(ctx, identity.From(ctx).UserID, id)
}

func answer(d Shown, err error) (*httpserver.Answer[Shown], error) {
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[Shown]{ETag: etag.Format(d.Version), Body: d}, nil
}

func toShown(d Draft, photos []render.PostPhoto) Shown {
	shown := Shown{
		ID: d.ID, Caption: d.Said.Caption, Room: d.Said.Room, Style: d.Said.Style, Visibility: d.Said.Visibility,
		CountsHidden: d.Said.CountsHidden, CommentPolicy: d.Said.CommentPolicy, Photos: photos, Problem: d.Problem,
		Version: d.Version, CreatedAt: d.CreatedAt.UTC(), UpdatedAt: d.UpdatedAt.UTC(),
	}
	if d.PublishAt != nil {
		at := d.PublishAt.UTC()
		shown.PublishAt = &at
	}
	return shown
}
