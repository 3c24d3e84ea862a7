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

func NewHTTP(s *Service) *HTTP { return &HTTP{comments: s} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "posts", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/posts/{id}/comments", Name: "create-comment", Status: http.StatusCreated,
		Summary: "Creates a comment on a post, or a reply to a comment"}, h.create)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/posts/{id}/comments", Name: "list-comments", Access: httpserver.Open,
		Summary: "Lists the comments on a post, oldest first"}, h.list)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/comments/{id}", Name: "get-comment", Access: httpserver.Open,
		Summary: "Returns a comment on a post that the caller may see"}, h.read)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPatch, Path: "/comments/{id}", Name: "edit-comment",
		Summary: "Changes one of the caller's comments while it is young"}, h.edit)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/comments/{id}", Name: "delete-comment",
		Summary: "Deletes a comment: one's own, one below one's own post, or any as a moderator"}, h.delete)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPut, Path: "/comments/{id}/pin", Name: "pin-comment",
		Summary: "Pins a comment below one of the caller's posts, in place of the one that was"}, h.toggle(h.comments.Pin))
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/comments/{id}/pin", Name: "unpin-comment",
		Summary: "Unpins a comment"}, h.toggle(h.comments.Unpin))
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/me/comment-filter", Name: "get-comment-filter",
		Summary: "Returns the words that are not accepted in comments on the caller's posts"}, h.filter)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPut, Path: "/me/comment-filter", Name: "replace-comment-filter",
		Summary: "Replaces the words that are not accepted in comments on the caller's posts"}, h.setFilter)
}

// Shown is a comment as clients see it: the API's Comment. Author and text are null once it is deleted, or hidden from the viewer.
type Shown struct {
	ID        uuid.UUID  `json:"id"`
	Author    *users.Ref `json:"author"`
	Text      *string    `json:"text"`
	ParentID  *uuid.UUID `json:"parent_id"`
	Deleted   bool       `json:"deleted" doc:"it only holds the place of its replies"`
	Pinned    bool       `json:"pinned" doc:"the post's author lets it lead the list"`
	CreatedAt time.Time  `json:"created_at"`
	EditedAt  *time.Time `json:"edited_at"`
}

// SchemaName is its name in the OpenAPI document.
func (Shown) SchemaName() string { return "Comment" }

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

// CommentFilter is what an author does not want to read below their posts.
type CommentFilter struct { //nolint:revive // it names the schema in the OpenAPI document
	Words []string `json:"words" nullable:"false" maxItems:"200" example:"[\"giveaway\"]" doc:"words or phrases of at most 50 characters, whatever their case"`
}

type filterRequest struct{ Body CommentFilter }

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

func (h *HTTP) read(ctx context.Context, in *commentRequest) (*httpserver.Answer[Shown], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrCommentNotFound)
	if err != nil {
		return nil, err
	}
	c, err := h.comments.Read(ctx, identity.From(ctx).UserID, id)
	return h.answer(ctx, c, err)
}

func (h *HTTP) edit(ctx context.Context, in *editRequest) (*httpserver.Answer[Shown], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrCommentNotFound)
	if err != nil {
		return nil, err
	}
	c, err := h.comments.Edit(ctx, identity.From(ctx).UserID, id, in.Body.Text)
	return h.answer(ctx, c, err)
}

// answer shows a comment, or passes on why there is none.
func (h *HTTP) answer(ctx context.Context, c Comment, err error) (*httpserver.Answer[Shown], error) {
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
	return &httpserver.Empty{}, h.comments.Delete(ctx, identity.From(ctx), id)
}

func (h *HTTP) toggle(do func(ctx context.Context, user, comment uuid.UUID) error) func(context.Context, *commentRequest) (*httpserver.Empty, error) {
	return func(ctx context.Context, in *commentRequest) (*httpserver.Empty, error) {
		id, err := httpserver.PathID(in.ID, posts.ErrCommentNotFound)
		if err != nil {
			return nil, err
		}
		return &httpserver.Empty{}, do(ctx, identity.From(ctx).UserID, id)
	}
}

func (h *HTTP) filter(ctx context.Context, _ *struct{}) (*httpserver.Answer[CommentFilter], error) {
	list, err := h.comments.Filter(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(CommentFilter{Words: list}), nil
}

func (h *HTTP) setFilter(ctx context.Context, in *filterRequest) (*httpserver.Answer[CommentFilter], error) {
	list, err := h.comments.SetFilter(ctx, identity.From(ctx).UserID, in.Body.Words)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(CommentFilter{Words: list}), nil
}

func toShown(c Comment, refs map[uuid.UUID]users.Ref) Shown {
	shown := Shown{ID: c.ID, ParentID: c.ParentID, CreatedAt: c.CreatedAt.UTC()}
	author, known := refs[c.AuthorID]
	if shown.Deleted = c.DeletedAt != nil || c.Hidden || !known; shown.Deleted {
		return shown
	}
	shown.Author, shown.Text, shown.Pinned = &author, &c.Text, c.Pinned
	if c.EditedAt != nil {
		edited := c.EditedAt.UTC()
		shown.EditedAt = &edited
	}
	return shown
}
