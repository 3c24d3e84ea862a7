package board

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/render"
	"atrium/modules/products"
	"atrium/modules/users"
	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
	"atrium/platform/photo"
)

// HTTP serves boards.
type HTTP struct{ boards *Service }

func NewHTTP(s *Service) *HTTP { return &HTTP{boards: s} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "posts", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/boards", Name: "list-boards",
		Summary: "Lists the caller's boards, or a person's public ones, newest first"}, h.list)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/boards", Name: "create-board", Status: http.StatusCreated,
		Summary: "Creates a board"}, h.create)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/boards/{id}", Name: "get-board",
		Summary: "Returns a board with its items, in the owner's order"}, h.read)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPatch, Path: "/boards/{id}", Name: "edit-board",
		Summary: "Changes one of the caller's boards"}, h.edit)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/boards/{id}", Name: "delete-board",
		Summary: "Deletes one of the caller's boards; what is on it stays where it is"}, h.delete)
	for _, kind := range []string{kindPost, kindProduct} {
		httpserver.Handle(r, httpserver.Route{Method: http.MethodPut, Path: "/boards/{id}/items/" + kind + "/{item}", Name: "put-" + kind + "-on-board",
			Summary: "Puts a " + kind + " on a board, or moves it to another place"}, h.put(kind))
		httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/boards/{id}/items/" + kind + "/{item}", Name: "remove-" + kind + "-from-board",
			Summary: "Removes a " + kind + " from a board"}, h.take(kind))
	}
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/posts/{id}/boards", Name: "list-post-boards",
		Summary: "Lists the caller's and public boards that hold a post, newest first"}, h.holding)
}

// Shown is a board as the viewer sees it.
type Shown struct {
	ID          uuid.UUID    `json:"id"`
	Owner       users.Ref    `json:"owner"`
	Title       string       `json:"title" example:"A calm bedroom"`
	Description string       `json:"description"`
	Visibility  string       `json:"visibility" enum:"public,private"`
	Cover       *photo.Photo `json:"cover" doc:"of the item chosen for it, else of the first that the viewer may see"`
	ItemsCount  int64        `json:"items_count" doc:"those that the viewer can open"`
	Version     int64        `json:"version"`
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`
}

// SchemaName is its name in the OpenAPI document.
func (Shown) SchemaName() string { return "Board" }

// Open is a board with a page of its items.
type Open struct {
	Shown
	Items      []ShownItem `json:"items"`
	NextCursor *string     `json:"next_cursor"`
}

// SchemaName is its name in the OpenAPI document.
func (Open) SchemaName() string { return "BoardWithItems" }

// ShownItem is an item of a board: a post or a product.
type ShownItem struct {
	Kind    string        `json:"type" enum:"post,product"`
	ID      uuid.UUID     `json:"id"`
	AddedAt time.Time     `json:"added_at"`
	Post    *render.Post  `json:"post"`
	Product *products.Ref `json:"product"`
}

// SchemaName is its name in the OpenAPI document.
func (ShownItem) SchemaName() string { return "BoardItem" }

type listRequest struct {
	User string `query:"user" example:"ana" doc:"id or handle; absent: oneself"`
	page.Query
}

type createRequest struct {
	Body struct {
		Title       string `json:"title" example:"A calm bedroom" doc:"1 to 100 characters"`
		Description string `json:"description,omitempty" doc:"at most 500 characters"`
		Visibility  string `json:"visibility,omitempty" enum:"public,private" default:"private"`
	}
}

type readRequest struct {
	ID string `path:"id"`
	page.Query
}

type editRequest struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match" doc:"the version that was edited"`
	Body    struct {
		Title       *string `json:"title,omitempty"`
		Description *string `json:"description,omitempty"`
		Visibility  *string `json:"visibility,omitempty" enum:"public,private"`
		Cover       thing   `json:"cover,omitempty" doc:"an item of the board whose photo stands for it; null: the first"`
	}
}

type boardRequest struct {
	ID string `path:"id"`
}

// ItemPath names an item of a board.
type ItemPath struct {
	ID   string `path:"id"`
	Item string `path:"item"`
}

type putRequest struct {
	ItemPath
	Body *struct {
		After thing `json:"after,omitempty" doc:"the item that it follows; null: it comes first; absent: it stays, or comes last if it is new"`
	}
}

// thing tells a null from a value that is not there.
type thing struct{ to **Thing }

// UnmarshalJSON reads a thing or null.
func (t *thing) UnmarshalJSON(raw []byte) error {
	var value *Thing
	if err := json.Unmarshal(raw, &value); err != nil {
		return err
	}
	t.to = &value
	return nil
}

// Schema is that of a thing or null.
func (thing) Schema(r huma.Registry) *huma.Schema {
	schema := huma.SchemaFromType(r, reflect.TypeFor[Thing]())
	schema.Nullable = true
	return schema
}

func (h *HTTP) list(ctx context.Context, in *listRequest) (*httpserver.Answer[page.List[Shown]], error) {
	list, err := h.boards.List(ctx, identity.From(ctx).UserID, in.User, in.Query)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}

func (h *HTTP) create(ctx context.Context, in *createRequest) (*httpserver.Answer[Shown], error) {
	made, err := h.boards.Create(ctx, identity.From(ctx).UserID, Board{
		Title: in.Body.Title, Description: in.Body.Description, Visibility: in.Body.Visibility})
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[Shown]{ETag: etag.Format(made.Version), Location: "/v1/boards/" + made.ID.String(), Body: made}, nil
}

func (h *HTTP) read(ctx context.Context, in *readRequest) (*httpserver.Answer[Open], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrBoardNotFound)
	if err != nil {
		return nil, err
	}
	open, err := h.boards.Read(ctx, identity.From(ctx).UserID, id, in.Query)
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[Open]{ETag: etag.Format(open.Version), Body: open}, nil
}

func (h *HTTP) edit(ctx context.Context, in *editRequest) (*httpserver.Answer[Shown], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrBoardNotFound)
	if err != nil {
		return nil, err
	}
	match, err := etag.Parse(in.IfMatch)
	if err != nil {
		return nil, err
	}
	edited, err := h.boards.Edit(ctx, identity.From(ctx).UserID, id, match, Edit{
		Title: in.Body.Title, Description: in.Body.Description, Visibility: in.Body.Visibility, Cover: in.Body.Cover.to})
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[Shown]{ETag: etag.Format(edited.Version), Body: edited}, nil
}

func (h *HTTP) delete(ctx context.Context, in *boardRequest) (*httpserver.Empty, error) {
	id, err := httpserver.PathID(in.ID, posts.ErrBoardNotFound)
	if err != nil {
		return nil, err
	}
	return &httpserver.Empty{}, h.boards.Delete(ctx, identity.From(ctx).UserID, id)
}

func (h *HTTP) put(kind string) func(context.Context, *putRequest) (*httpserver.Empty, error) {
	return func(ctx context.Context, in *putRequest) (*httpserver.Empty, error) {
		board, item, err := in.ids(kind)
		if err != nil {
			return nil, err
		}
		var place Place
		if in.Body != nil && in.Body.After.to != nil {
			place = Place{Given: true, After: *in.Body.After.to}
		}
		return &httpserver.Empty{}, h.boards.Put(ctx, identity.From(ctx).UserID, board, item, place)
	}
}

func (h *HTTP) take(kind string) func(context.Context, *ItemPath) (*httpserver.Empty, error) {
	return func(ctx context.Context, in *ItemPath) (*httpserver.Empty, error) {
		board, item, err := in.ids(kind)
		if err != nil {
			return nil, err
		}
		return &httpserver.Empty{}, h.boards.Take(ctx, identity.From(ctx).UserID, board, item)
	}
}

func (in ItemPath) ids(kind string) (board uuid.UUID, item Thing, err error) {
	if board, err = httpserver.PathID(in.ID, posts.ErrBoardNotFound); err != nil {
		return uuid.Nil, Thing{}, err
	}
	absent := error(products.ErrNotFound)
	if kind == kindPost {
		absent = posts.ErrNotFound
	}
	id, err := httpserver.PathID(in.Item, absent)
	return board, Thing{Kind: kind, ID: id}, err
}

func (h *HTTP) holding(ctx context.Context, in *readRequest) (*httpserver.Answer[page.List[Shown]], error) {
	id, err := httpserver.PathID(in.ID, posts.ErrNotFound)
	if err != nil {
		return nil, err
	}
	list, err := h.boards.Holding(ctx, identity.From(ctx).UserID, id, in.Query)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}

func toShown(b Board, owner users.Ref, cover *photo.Photo, items int64) Shown {
	return Shown{ID: b.ID, Owner: owner, Title: b.Title, Description: b.Description, Visibility: b.Visibility, Cover: cover,
		ItemsCount: items, Version: b.Version, CreatedAt: b.CreatedAt.UTC(), UpdatedAt: b.UpdatedAt.UTC()}
}

func toItem(i Item) ShownItem {
	return ShownItem{Kind: i.Kind, ID: i.ItemID, AddedAt: i.AddedAt.UTC(), Post: i.Post, Product: i.Product}
}
