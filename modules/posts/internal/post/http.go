package post

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/content"
	"atrium/modules/posts/internal/render"
	"atrium/modules/posts/internal/viewcount"
	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves posts.
type HTTP struct {
	posts    *Service
	renderer *render.Renderer
	views    *viewcount.Counter
}

func NewHTTP(s *Service, renderer *render.Renderer, views *viewcount.Counter) *HTTP {
	return &HTTP{posts: s, renderer: renderer, views: views}
}

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "posts", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/posts", Name: "create-post", Status: http.StatusCreated,
		Summary: "Creates a post: 1 to 10 photos with pins"}, h.create)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/posts/{id}", Name: "get-post", Access: httpserver.Open,
		Summary: "Returns a post"}, h.read)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPatch, Path: "/posts/{id}", Name: "edit-post",
		Summary: "Changes one of the caller's posts; a list of photos replaces the list that was"}, h.edit)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/posts/{id}/history", Name: "list-post-revisions",
		Summary: "Lists what one of the caller's posts said before each edit, newest first"}, h.history)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/posts/{id}", Name: "delete-post",
		Summary: "Deletes one of the caller's posts; it can be restored for a while"}, h.delete)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/posts/{id}/restore", Name: "restore-post",
		Summary: "Restores a deleted post as it was"}, h.restore)
}

// DraftPhoto is a photo in a request: a finished upload of the author, or a photo that the post has.
type DraftPhoto struct {
	UploadID   uuid.UUID      `json:"upload_id"`
	Alt        *string        `json:"alt,omitempty" doc:"what is to be seen, for those who cannot; at most 1,000 characters"`
	FocalPoint *content.Point `json:"focal_point,omitempty" doc:"what to keep in view where the photo is cropped"`
	Pins       []DraftPin     `json:"pins,omitempty" maxItems:"20" nullable:"false"`
}

// SchemaName is its name in the OpenAPI document.
func (DraftPhoto) SchemaName() string { return "PostPhotoInput" }

// DraftPin is a pin in a request.
type DraftPin struct {
	X         float64    `json:"x" minimum:"0" maximum:"1" example:"0.42" doc:"0..1 from the left of the upright photo"`
	Y         float64    `json:"y" minimum:"0" maximum:"1" example:"0.58" doc:"0..1 from its top"`
	ProductID *uuid.UUID `json:"product_id,omitempty"`
	Label     string     `json:"label,omitempty" example:"Lounge chair" doc:"at most 100 characters"`
}

// SchemaName is its name in the OpenAPI document.
func (DraftPin) SchemaName() string { return "PostPinInput" }

// Traits is what a request says about a post besides its caption and photos.
type Traits struct {
	Room          *string `json:"room,omitempty" example:"living" doc:"one of the rooms in GET /v1/config"`
	Style         *string `json:"style,omitempty" example:"japandi" doc:"one of the styles in GET /v1/config"`
	Visibility    string  `json:"visibility,omitempty" enum:"public,followers,private" doc:"without: default_visibility of the author's settings"`
	CountsHidden  bool    `json:"counts_hidden,omitempty" doc:"keeps the figures of likes and saves, and who likes it, to the author"`
	CommentPolicy string  `json:"comment_policy,omitempty" enum:"everyone,followers,off" default:"everyone" doc:"who may comment, besides the author"`
}

// Draft returns what the request says.
func (t Traits) Draft(caption string, photos []DraftPhoto) Draft {
	return Draft{Caption: caption, Room: t.Room, Style: t.Style, Visibility: t.Visibility,
		CountsHidden: t.CountsHidden, CommentPolicy: t.CommentPolicy, Photos: toPhotos(photos)}
}

type createRequest struct {
	Body struct {
		Caption string `json:"caption" example:"Sunday light #japandi" doc:"at most 2,000 characters"`
		Traits
		Photos []DraftPhoto `json:"photos" minItems:"1" maxItems:"10" nullable:"false"`
	}
}

type historyRequest struct {
	ID string `path:"id"`
	page.Query
}

type postRequest struct {
	ID string `path:"id"`
}

type editRequest struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match" doc:"the version that was edited"`
	Body    struct {
		Caption       *string       `json:"caption,omitempty"`
		Room          clearable     `json:"room,omitempty" doc:"null takes it away"`
		Style         clearable     `json:"style,omitempty" doc:"null takes it away"`
		Visibility    *string       `json:"visibility,omitempty" enum:"public,followers,private"`
		CountsHidden  *bool         `json:"counts_hidden,omitempty"`
		CommentPolicy *string       `json:"comment_policy,omitempty" enum:"everyone,followers,off"`
		Photos        *[]DraftPhoto `json:"photos,omitempty" minItems:"1" maxItems:"10"`
	}
}

// clearable tells a null, which takes a value away, from a value that is not there.
type clearable struct{ to **string }

// UnmarshalJSON reads a string or null.
func (c *clearable) UnmarshalJSON(raw []byte) error {
	var value *string
	if err := json.Unmarshal(raw, &value); err != nil {
		return err
	}
	c.to = &value
	return nil
}

// Schema is that of a string or null.
func (clearable) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Nullable: true}
}

func (h *HTTP) create(ctx context.Context, in *createRequest) (*httpserver.Answer[render.Post], error) {
	author := identity.From(ctx).UserID
	id, err := h.posts.Create(ctx, author, in.Body.Draft(in.Body.Caption, in.Body.Photos))
	if err != nil {
		return nil, err
	}
	answer, err := h.answer(ctx, author, id)
	if err != nil {
		return nil, err
	}
	answer.Location = "/v1/posts/" + id.String()
	return answer, nil
}

func (h *HTTP) read(ctx context.Context, in *postRequest) (*httpserver.Answer[render.Post], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrNotFound)
	if err != nil {
		return nil, err
	}
	viewer := identity.From(ctx).UserID
	answer, err := h.answer(ctx, viewer, id)
	if err != nil {
		return nil, err
	}
	h.views.Seen(viewer, answer.Body.Author.ID, id)
	return answer, nil
}

func (h *HTTP) edit(ctx context.Context, in *editRequest) (*httpserver.Answer[render.Post], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrNotFound)
	if err != nil {
		return nil, err
	}
	match, err := etag.Parse(in.IfMatch)
	if err != nil {
		return nil, err
	}
	edit := Edit{Caption: in.Body.Caption, Room: in.Body.Room.to, Style: in.Body.Style.to, Visibility: in.Body.Visibility,
		CountsHidden: in.Body.CountsHidden, CommentPolicy: in.Body.CommentPolicy}
	if in.Body.Photos != nil {
		photos := toPhotos(*in.Body.Photos)
		edit.Photos = &photos
	}
	author := identity.From(ctx).UserID
	if err := h.posts.Edit(ctx, author, id, match, edit); err != nil {
		return nil, err
	}
	return h.answer(ctx, author, id)
}

func (h *HTTP) history(ctx context.Context, in *historyRequest) (*httpserver.Answer[page.List[Revision]], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrNotFound)
	if err != nil {
		return nil, err
	}
	list, err := h.posts.History(ctx, identity.From(ctx).UserID, id, in.Query)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}

func (h *HTTP) delete(ctx context.Context, in *postRequest) (*httpserver.Empty, error) {
	id, err := httpserver.PathID(in.ID, posts.ErrNotFound)
	if err != nil {
		return nil, err
	}
	return &httpserver.Empty{}, h.posts.Delete(ctx, identity.From(ctx).UserID, id)
}

func (h *HTTP) restore(ctx context.Context, in *postRequest) (*httpserver.Answer[render.Post], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrNotFound)
	if err != nil {
		return nil, err
	}
	author := identity.From(ctx).UserID
	if err := h.posts.Restore(ctx, author, id); err != nil {
		return nil, err
	}
	return h.answer(ctx, author, id)
}

func toPhotos(drafts []DraftPhoto) []content.Photo {
	photos := make([]content.Photo, len(drafts))
	for i, d := range drafts {
		photos[i] = content.Photo{ID: d.UploadID, Alt: d.Alt, Focal: d.FocalPoint, Pins: make([]content.Pin, len(d.Pins))}
		for j, pin := range d.Pins {
			photos[i].Pins[j] = content.Pin{X: pin.X, Y: pin.Y, Label: pin.Label, ProductID: pin.ProductID}
		}
	}
	return photos
}

// answer reads a post as the viewer sees it, or returns posts.ErrNotFound.
func (h *HTTP) answer(ctx context.Context, viewer, id uuid.UUID) (*httpserver.Answer[render.Post], error) {
	post, err := h.renderer.Post(ctx, viewer, id)
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[render.Post]{ETag: etag.Format(post.Version), Body: post}, nil
}
