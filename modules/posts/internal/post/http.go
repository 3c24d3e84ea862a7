package post

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/card"
	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves posts.
type HTTP struct{ posts *Service }

// NewHTTP makes an HTTP.
func NewHTTP(s *Service) *HTTP { return &HTTP{posts: s} }

// Register puts the routes in place.
func (h *HTTP) Register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/posts", Name: "create-post", Status: http.StatusCreated,
		Summary: "Publish a post: 1 to 10 photos with pins"}, h.create)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/posts/{id}", Name: "read-post", Access: httpserver.Open,
		Summary: "A post"}, h.read)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPatch, Path: "/posts/{id}", Name: "edit-post",
		Summary: "Edit one's own post; a list of photos replaces the list that was"}, h.edit)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/posts/{id}/history", Name: "list-post-history",
		Summary: "What one's own post said before each edit, newest first"}, h.history)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/posts/{id}", Name: "delete-post",
		Summary: "Delete one's own post; it can be restored for a while"}, h.delete)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/posts/{id}/restore", Name: "restore-post",
		Summary: "Bring a deleted post back as it was"}, h.restore)
}

// DraftPhoto is a photo in a request: a finished upload of the author, or a photo that the post has.
type DraftPhoto struct {
	UploadID   uuid.UUID   `json:"upload_id"`
	Alt        *string     `json:"alt,omitempty" doc:"what is to be seen, for those who cannot; at most 1,000 characters"`
	FocalPoint *card.Point `json:"focal_point,omitempty" doc:"what to keep in view where the photo is cropped"`
	Pins       []DraftPin  `json:"pins,omitempty" maxItems:"20" nullable:"false"`
}

// DraftPin is a pin in a request.
type DraftPin struct {
	X         float64    `json:"x" minimum:"0" maximum:"1" example:"0.42" doc:"0..1 from the left of the upright photo"`
	Y         float64    `json:"y" minimum:"0" maximum:"1" example:"0.58" doc:"0..1 from its top"`
	ProductID *uuid.UUID `json:"product_id,omitempty"`
	Label     string     `json:"label,omitempty" example:"Lounge chair" doc:"at most 100 characters"`
}

// Traits is what a request says about a post besides its caption and photos.
type Traits struct {
	Room          *string `json:"room,omitempty" example:"living" doc:"one of the rooms in GET /v1/config"`
	Style         *string `json:"style,omitempty" example:"japandi" doc:"one of the styles in GET /v1/config"`
	Visibility    string  `json:"visibility,omitempty" enum:"public,followers,private" default:"public"`
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

func (h *HTTP) create(ctx context.Context, in *createRequest) (*httpserver.Answer[card.Post], error) {
	made, err := h.posts.Create(ctx, identity.From(ctx).UserID, in.Body.Draft(in.Body.Caption, in.Body.Photos))
	if err != nil {
		return nil, err
	}
	answer := answer(made)
	answer.Location = "/v1/posts/" + made.ID.String()
	return answer, nil
}

func (h *HTTP) read(ctx context.Context, in *postRequest) (*httpserver.Answer[card.Post], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrNotFound)
	if err != nil {
		return nil, err
	}
	post, err := h.posts.Read(ctx, identity.From(ctx).UserID, id)
	if err != nil {
		return nil, err
	}
	return answer(post), nil
}

func (h *HTTP) edit(ctx context.Context, in *editRequest) (*httpserver.Answer[card.Post], error) {
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
	post, err := h.posts.Edit(ctx, identity.From(ctx).UserID, id, match, edit)
	if err != nil {
		return nil, err
	}
	return answer(post), nil
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

func (h *HTTP) restore(ctx context.Context, in *postRequest) (*httpserver.Answer[card.Post], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrNotFound)
	if err != nil {
		return nil, err
	}
	post, err := h.posts.Restore(ctx, identity.From(ctx).UserID, id)
	if err != nil {
		return nil, err
	}
	return answer(post), nil
}

func toPhotos(drafts []DraftPhoto) []card.Photo {
	photos := make([]card.Photo, len(drafts))
	for i, d := range drafts {
		photos[i] = card.Photo{ID: d.UploadID, Alt: d.Alt, Focal: d.FocalPoint, Pins: make([]card.Pin, len(d.Pins))}
		for j, pin := range d.Pins {
			photos[i].Pins[j] = card.Pin{X: pin.X, Y: pin.Y, Label: pin.Label, ProductID: pin.ProductID}
		}
	}
	return photos
}

func answer(p card.Post) *httpserver.Answer[card.Post] {
	return &httpserver.Answer[card.Post]{ETag: etag.Format(p.Version), Body: p}
}
