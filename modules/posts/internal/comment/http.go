package comment

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/users"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves comments.
type HTTP struct{ comments *Service }

// NewHTTP makes an HTTP.
func NewHTTP(s *Service) *HTTP { return &HTTP{comments: s} }

// Register puts the routes in place.
func (h *HTTP) Register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/posts/{id}/comments", Name: "create-comment", Status: http.StatusCreated,
		Summary: "Comment on a post, or reply to a comment"}, h.create)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/posts/{id}/comments", Name: "list-comments", Access: httpserver.Open,
		Summary: "Comments on a post, oldest first"}, h.list)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPatch, Path: "/comments/{id}", Name: "edit-comment",
		Summary: "Edit one's own comment while it is young"}, h.edit)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/comments/{id}", Name: "delete-comment",
		Summary: "Delete a comment of one's own, or below one's own post"}, h.delete)
}

// Shown is a comment as clients see it: the API's Comment. Author and text are null once it is deleted.
type Shown struct {
	ID        uuid.UUID  `json:"id"`
	Author    *users.Ref `json:"author"`
	Text      *string    `json:"text"`
	ParentID  *uuid.UUID `json:"parent_id"`
	Deleted   bool       `json:"deleted" doc:"it only holds the place of its replies"`
	CreatedAt time.Time  `json:"created_at"`
	EditedAt  *time.Time `json:"edited_at"`
}

type createRequest struct {
	ID   string `path:"id"`
	Body struct {
		Text     string     `json:"text" example:"Where is the lamp from, @ana?" doc:"at most 1,000 characters"`
		ParentID *uuid.UUID `json:"parent_id,omitempty" doc:"the comment replied to; replies cannot be replied to"`
	}
}

type listRequest struct {
	ID string `path:"id"`
	page.Query
}

type editRequest struct {
	ID   string `path:"id"`
	Body struct {
		Text string `json:"text"`
	}
}

type commentRequest struct {
	ID string `path:"id"`
}

func (h *HTTP) create(ctx context.Context, in *createRequest) (*httpserver.Answer[Shown], error) {
	post, err := httpserver.PathID(in.ID, posts.ErrNotFound)
	if err != nil {
		return nil, err
	}
	c, err := h.comments.Create(ctx, identity.From(ctx).UserID, post, in.Body.Text, in.Body.ParentID)
	if err != nil {
		return nil, err
	}
	shown, err := h.comments.Show(ctx, c)
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[Shown]{Location: "/v1/comments/" + c.ID.String(), Body: shown}, nil
}

func (h *HTTP) list(ctx context.Context, in *listRequest) (*httpserver.Answer[page.List[Shown]], error) {
	post, err := httpserver.PathID(in.ID, posts.ErrNotFound)
	if err != nil {
		return nil, err
	}
	list, err := h.comments.List(ctx, identity.From(ctx).UserID, post, in.Query)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}

func (h *HTTP) edit(ctx context.Context, in *editRequest) (*httpserver.Answer[Shown], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrCommentNotFound)
	if err != nil {
		return nil, err
	}
	c, err := h.comments.Edit(ctx, identity.From(ctx).UserID, id, in.Body.Text)
	if err != nil {
		return nil, err
	}
	shown, err := h.comments.Show(ctx, c)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(shown), nil
}

func (h *HTTP) delete(ctx context.Context, in *commentRequest) (*httpserver.Empty, error) {
	id, err := httpserver.PathID(in.ID, posts.ErrCommentNotFound)
	if err != nil {
		return nil, err
	}
	return &httpserver.Empty{}, h.comments.Delete(ctx, identity.From(ctx).UserID, id)
}

func toShown(c Comment, refs map[uuid.UUID]users.Ref) Shown {
	shown := Shown{ID: c.ID, ParentID: c.ParentID, CreatedAt: c.CreatedAt.UTC(), Deleted: c.DeletedAt != nil}
	if shown.Deleted {
		return shown
	}
	shown.Text = &c.Text
	if c.EditedAt != nil {
		edited := c.EditedAt.UTC()
		shown.EditedAt = &edited
	}
	if ref, ok := refs[c.AuthorID]; ok {
		shown.Author = &ref
	}
	return shown
}
