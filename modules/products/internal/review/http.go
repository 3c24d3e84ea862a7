package review

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/modules/users"
	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
	"atrium/platform/photo"
)

// HTTP serves reviews.
type HTTP struct {
	service   *Service
	store     *Store
	catalogue products.Catalogue
	cursors   *page.Signer
}

// NewHTTP makes an HTTP.
func NewHTTP(service *Service, store *Store, catalogue products.Catalogue, cursors *page.Signer) *HTTP {
	return &HTTP{service, store, catalogue, cursors}
}

// Register puts the routes in place.
func (h *HTTP) Register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/products/{product}/reviews", Name: "list-reviews", Access: httpserver.Open,
		Summary: "List what people who bought a product say about it, newest first"}, h.list)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/products/{product}/reviews", Name: "write-review", Status: http.StatusCreated,
		Summary: "Review a product that I bought: once for each line of an order"}, h.write)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPatch, Path: "/reviews/{id}", Name: "edit-review",
		Summary: "Change a review of mine"}, h.edit)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/reviews/{id}", Name: "delete-review", Status: http.StatusNoContent,
		Summary: "Delete a review of mine"}, h.delete)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/admin/reviews/{id}", Name: "remove-review", Status: http.StatusNoContent,
		Roles: []string{identity.RoleModerator, identity.RoleAdmin}, Summary: "Remove anybody's review"}, h.remove)
}

type reviewBody struct {
	Rating int64       `json:"rating" minimum:"1" maximum:"5" example:"5"`
	Text   string      `json:"text,omitempty" maxLength:"5000" example:"Warm light, heavy base."`
	Photos []uuid.UUID `json:"photos,omitempty" maxItems:"10" uniqueItems:"true" nullable:"false" doc:"upload ids"`
}

type reviewPatch struct {
	Rating *int64       `json:"rating,omitempty" minimum:"1" maximum:"5" example:"4"`
	Text   *string      `json:"text,omitempty" maxLength:"5000" example:"Still good after a year."`
	Photos *[]uuid.UUID `json:"photos,omitempty" maxItems:"10" uniqueItems:"true" doc:"upload ids, in order: those that are there and new ones"`
}

// reviewResponse is a review as clients see it.
type reviewResponse struct {
	ID        uuid.UUID     `json:"id"`
	ProductID uuid.UUID     `json:"product_id"`
	Author    *users.Ref    `json:"author" doc:"null where the account is not there any more"`
	Rating    int64         `json:"rating" example:"5"`
	Text      string        `json:"text" example:"Warm light, heavy base."`
	Photos    []photo.Photo `json:"photos"`
	Verified  bool          `json:"verified" doc:"always true: only buyers can write one"`
	Version   int64         `json:"version"`
	CreatedAt time.Time     `json:"created_at"`
	EditedAt  *time.Time    `json:"edited_at"`
}

func (h *HTTP) list(ctx context.Context, in *struct {
	Product string `path:"product" maxLength:"200" doc:"id or slug" example:"arc-floor-lamp"`
	page.Query
}) (*httpserver.Answer[page.List[reviewResponse]], error) {
	product, err := h.catalogue.Resolve(ctx, in.Product)
	if err != nil {
		return nil, err
	}
	scope := page.Scope("products.reviews", identity.From(ctx).UserID, product.String())
	var below uuid.UUID
	if _, err := h.cursors.Open(scope, in.Cursor, &below); err != nil {
		return nil, err
	}
	rows, err := h.store.Page(ctx, product, below, in.Limit+1)
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

func (h *HTTP) write(ctx context.Context, in *struct {
	Product string `path:"product" maxLength:"200" doc:"id or slug" example:"arc-floor-lamp"`
	Body    reviewBody
}) (*httpserver.Answer[reviewResponse], error) {
	r, err := h.service.Write(ctx, identity.From(ctx).UserID, in.Product, Draft(in.Body))
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
	return nil, h.service.Delete(ctx, identity.From(ctx).UserID, id)
}

func (h *HTTP) remove(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*httpserver.Empty, error) {
	id, err := httpserver.PathID(in.ID, errNotFound)
	if err != nil {
		return nil, err
	}
	return nil, h.service.Remove(ctx, id)
}

func (h *HTTP) answer(ctx context.Context, r *Review) (*httpserver.Answer[reviewResponse], error) {
	shown, err := h.show(ctx, []Review{*r})
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[reviewResponse]{ETag: etag.Format(r.Version), Body: shown[0]}, nil
}

// show brings reviews their authors and photos: one look for all of each kind.
func (h *HTTP) show(ctx context.Context, rows []Review) ([]reviewResponse, error) {
	authors, photos := make([]uuid.UUID, 0, len(rows)), []uuid.UUID{}
	for _, r := range rows {
		authors, photos = append(authors, r.AuthorID), append(photos, r.Photos...)
	}
	refs, err := h.service.people.Refs(ctx, authors)
	if err != nil {
		return nil, err
	}
	pictures := map[uuid.UUID]photo.Photo{}
	if len(photos) > 0 {
		if pictures, err = h.service.photos.Photos(ctx, photos); err != nil {
			return nil, err
		}
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
