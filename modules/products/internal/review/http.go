package review

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
	"atrium/platform/photo"
)

// HTTP serves reviews.
type HTTP struct {
	service *Service
	cursors *page.Signer
}

// NewHTTP needs the signer that seals cursors.
func NewHTTP(service *Service, cursors *page.Signer) *HTTP {
	return &HTTP{service: service, cursors: cursors}
}

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "products", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/products/{product}/reviews", Name: "list-reviews", Access: httpserver.Open,
		Summary: "Lists the reviews of a product by people who bought it, newest first"}, h.list)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/products/{product}/reviews", Name: "create-review", Status: http.StatusCreated,
		Summary: "Creates a review of a product that the caller bought: one for each line of an order"}, h.create)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPatch, Path: "/reviews/{id}", Name: "edit-review",
		Summary: "Changes one of the caller's reviews"}, h.edit)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/reviews/{id}", Name: "delete-review", Status: http.StatusNoContent,
		Summary: "Deletes one of the caller's reviews"}, h.delete)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/admin/reviews/{id}", Name: "remove-review", Status: http.StatusNoContent,
		Roles: []string{identity.RoleModerator, identity.RoleAdmin}, Summary: "Removes anybody's review"}, h.remove)
}

type reviewBody struct {
	Rating int64       `json:"rating" minimum:"1" maximum:"5" example:"5"`
	Text   string      `json:"text,omitempty" maxLength:"5000" example:"Warm light, heavy base."`
	Photos []uuid.UUID `json:"photos,omitempty" maxItems:"10" uniqueItems:"true" nullable:"false" doc:"upload ids"`
}

// SchemaName is its name in the OpenAPI document.
func (reviewBody) SchemaName() string { return "CreateReviewRequest" }

type reviewPatch struct {
	Rating *int64       `json:"rating,omitempty" minimum:"1" maximum:"5" example:"4"`
	Text   *string      `json:"text,omitempty" maxLength:"5000" example:"Still good after a year."`
	Photos *[]uuid.UUID `json:"photos,omitempty" maxItems:"10" uniqueItems:"true" doc:"upload ids, in order: those that are there and new ones"`
}

// SchemaName is its name in the OpenAPI document.
func (reviewPatch) SchemaName() string { return "EditReviewRequest" }

// reviewResponse is a review as clients see it.
type reviewResponse struct {
	ID        uuid.UUID     `json:"id"`
	ProductID uuid.UUID     `json:"product_id"`
	Author    *users.Ref    `json:"author" doc:"null where the account is not there any more"`
	Rating    int64         `json:"rating" example:"5"`
	Text      string        `json:"text" example:"Warm light, heavy base."`
	Photos    []photo.Photo `json:"photos"`
	Verified  bool          `json:"verified" doc:"always true: only who bought and kept it can write one"`
	Version   int64         `json:"version"`
	CreatedAt time.Time     `json:"created_at"`
	EditedAt  *time.Time    `json:"edited_at"`
}

// SchemaName is its name in the OpenAPI document.
func (reviewResponse) SchemaName() string { return "Review" }

func (h *HTTP) list(ctx context.Context, in *struct {
	Product string `path:"product" maxLength:"200" doc:"id or slug" example:"arc-floor-lamp"`
	page.Query
}) (*httpserver.Answer[page.List[reviewResponse]], error) {
	product, err := h.service.Product(ctx, in.Product)
	if err != nil {
		return nil, err
	}
	viewer := identity.From(ctx).UserID
	scope := page.Scope("products.reviews", viewer, product.String())
	var below uuid.UUID
	if _, err := h.cursors.OpenCursor(scope, in.Cursor, &below); err != nil {
		return nil, err
	}
	rows, err := h.service.Page(ctx, viewer, product, below, in.Limit+1)
	if err != nil {
		return nil, err
	}
	shown, err := h.show(ctx, rows)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(page.Cut(h.cursors, scope, in.Limit, shown,
		func(r reviewResponse) reviewResponse { return r }, func(r reviewResponse) any { return r.ID })), nil
}

func (h *HTTP) create(ctx context.Context, in *struct {
	Product string `path:"product" maxLength:"200" doc:"id or slug" example:"arc-floor-lamp"`
	Body    reviewBody
}) (*httpserver.Answer[reviewResponse], error) {
	r, err := h.service.Create(ctx, identity.From(ctx).UserID, in.Product, Draft(in.Body))
	if err != nil {
		return nil, err
	}
	answer, err := h.answer(ctx, r)
	if err != nil {
		return nil, err
	}
	answer.Location = "/v1/reviews/" + r.ID.String()
	return answer, nil
}

func (h *HTTP) edit(ctx context.Context, in *struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match"`
	Body    reviewPatch
}) (*httpserver.Answer[reviewResponse], error) {
	id, err := httpserver.PathID(in.ID, errNotFound)
	if err != nil {
		return nil, err
	}
	match, err := etag.Parse(in.IfMatch)
	if err != nil {
		return nil, err
	}
	r, err := h.service.Edit(ctx, identity.From(ctx).UserID, id, match, Change(in.Body))
	if err != nil {
		return nil, err
	}
	return h.answer(ctx, r)
}

func (h *HTTP) delete(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*httpserver.Empty, error) {
	id, err := httpserver.PathID(in.ID, errNotFound)
	if err != nil {
		return nil, err
	}
	return httpserver.NoContent(h.service.Delete(ctx, identity.From(ctx).UserID, id))
}

func (h *HTTP) remove(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*httpserver.Empty, error) {
	id, err := httpserver.PathID(in.ID, errNotFound)
	if err != nil {
		return nil, err
	}
	return httpserver.NoContent(h.service.Remove(ctx, id))
}

func (h *HTTP) answer(ctx context.Context, r *Review) (*httpserver.Answer[reviewResponse], error) {
	shown, err := h.show(ctx, []Review{*r})
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[reviewResponse]{ETag: etag.Format(r.Version), Body: shown[0]}, nil
}

// show renders reviews with their authors and photos.
func (h *HTTP) show(ctx context.Context, rows []Review) ([]reviewResponse, error) {
	refs, pictures, err := h.service.Related(ctx, rows)
	if err != nil {
		return nil, err
	}
	shown := make([]reviewResponse, 0, len(rows))
	for _, r := range rows {
		body := reviewResponse{
			ID: r.ID, ProductID: r.ProductID, Rating: r.Rating, Text: r.Text, Photos: []photo.Photo{}, Verified: true,
			Version: r.Version, CreatedAt: r.CreatedAt.UTC(), EditedAt: r.EditedAt,
		}
		if ref, ok := refs[r.AuthorID]; ok {
			body.Author = &ref
		}
		for _, id := range r.Photos {
			if p, ok := pictures[id]; ok {
				body.Photos = append(body.Photos, p.Brief())
			}
		}
		shown = append(shown, body)
	}
	return shown, nil
}
