package coupon

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/money"
	"atrium/platform/page"
)

// HTTP is the coupons' routes, for admins.
type HTTP struct {
	coupons *Service
	cursors *page.Signer
}

func NewHTTP(coupons *Service, cursors *page.Signer) *HTTP {
	return &HTTP{coupons: coupons, cursors: cursors}
}

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "orders", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	admins := []string{identity.RoleAdmin}
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/admin/coupons", Name: "list-coupons", Summary: "Lists coupons, newest first", Roles: admins,
	}, h.list)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/admin/coupons", Name: "create-coupon", Summary: "Creates a coupon", Status: http.StatusCreated, Roles: admins,
		Fresh: true,
	}, h.create)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/admin/coupons/{id}", Name: "get-coupon", Summary: "Returns a coupon", Roles: admins,
	}, h.read)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPatch, Path: "/admin/coupons/{id}", Name: "edit-coupon", Roles: admins,
		Summary: "Changes a coupon; what lets it be used more often, longer or again needs a fresh sign-in",
	}, h.edit)
}

func (h *HTTP) list(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[couponResponse]], error) {
	scope := page.Scope("orders.coupons", identity.From(ctx).UserID)
	var below uuid.UUID
	if _, err := h.cursors.OpenCursor(scope, in.Cursor, &below); err != nil {
		return nil, err
	}
	rows, err := h.coupons.Page(ctx, below, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(page.Cut(h.cursors, scope, in.Limit, rows, toCoupon, func(c Coupon) any { return c.ID })), nil
}

func (h *HTTP) create(ctx context.Context, in *struct{ Body couponBody }) (*httpserver.Answer[couponResponse], error) {
	c, err := in.Body.coupon()
	if err != nil {
		return nil, err
	}
	if c, err = h.coupons.Create(ctx, c); err != nil {
		return nil, err
	}
	return &httpserver.Answer[couponResponse]{
		ETag: etag.Format(c.Version), Location: "/v1/admin/coupons/" + c.ID.String(), Body: toCoupon(c),
	}, nil
}

func (h *HTTP) read(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*httpserver.Answer[couponResponse], error) {
	id, err := httpserver.PathID(in.ID, errNotFound)
	if err != nil {
		return nil, err
	}
	c, err := h.coupons.Read(ctx, id)
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[couponResponse]{ETag: etag.Format(c.Version), Body: toCoupon(c)}, nil
}

func (h *HTTP) edit(ctx context.Context, in *httpserver.Edit[editBody]) (*httpserver.Answer[couponResponse], error) {
	id, match, err := in.Target(errNotFound)
	if err != nil {
		return nil, err
	}
	c, err := h.coupons.Edit(ctx, id, match, in.Body.change(), func() error { return httpserver.RequireFresh(ctx) })
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[couponResponse]{ETag: etag.Format(c.Version), Body: toCoupon(c)}, nil
}

type couponBody struct {
	Code             string       `json:"code" pattern:"^[A-Za-z0-9_-]{2,40}$" example:"SPRING10" doc:"case does not matter"`
	Name             string       `json:"name,omitempty" maxLength:"80" example:"Spring sale" doc:"how people are told of it; absent: by its code"`
	Percent          *int64       `json:"percent,omitempty" minimum:"1" maximum:"100" doc:"taken off the subtotal"`
	Amount           *money.Money `json:"amount,omitempty" doc:"taken off the subtotal"`
	MinSubtotal      *money.Money `json:"min_subtotal,omitempty"`
	StartsAt         *time.Time   `json:"starts_at,omitempty"`
	EndsAt           *time.Time   `json:"ends_at,omitempty"`
	MaxUses          *int64       `json:"max_uses,omitempty" minimum:"1"`
	MaxUsesPerPerson *int64       `json:"max_uses_per_person,omitempty" minimum:"1"`
	Automatic        bool         `json:"automatic,omitempty" doc:"taken off without being named, where no other coupon takes off more"`
}

// SchemaName is its name in the OpenAPI document.
func (couponBody) SchemaName() string { return "CreateCouponRequest" }

func (b couponBody) coupon() (Coupon, error) {
	c := Coupon{
		Code: b.Code, Name: b.Name, StartsAt: utc(b.StartsAt), EndsAt: utc(b.EndsAt), MaxUses: b.MaxUses, MaxUsesPerPerson: b.MaxUsesPerPerson, Active: true,
		Automatic: b.Automatic,
	}
	if b.Percent != nil {
		basisPoints := *b.Percent * 100
		c.PercentBP = &basisPoints
	}
	if b.Amount != nil {
		if b.Amount.Amount <= 0 {
			return c, errKind
		}
		c.Amount, c.Currency = &b.Amount.Amount, &b.Amount.Currency
	}
	if b.MinSubtotal != nil {
		if b.MinSubtotal.Amount < 0 || c.Currency != nil && *c.Currency != b.MinSubtotal.Currency {
			return c, errCurrency
		}
		c.MinSubtotal, c.Currency = b.MinSubtotal.Amount, &b.MinSubtotal.Currency
	}
	return c, nil
}

type editBody struct {
	Active           *bool                          `json:"active,omitempty"`
	EndsAt           httpserver.Nullable[time.Time] `json:"ends_at,omitempty" doc:"null: it does not end"`
	MaxUses          httpserver.Nullable[int64]     `json:"max_uses,omitempty" minimum:"0" doc:"null: no limit"`
	MaxUsesPerPerson httpserver.Nullable[int64]     `json:"max_uses_per_person,omitempty" minimum:"1" doc:"null: no limit"`
}

// SchemaName is its name in the OpenAPI document.
func (editBody) SchemaName() string { return "EditCouponRequest" }

func (b editBody) change() Change {
	b.EndsAt.Value = utc(b.EndsAt.Value)
	return Change{b.Active, b.EndsAt.Change(), b.MaxUses.Change(), b.MaxUsesPerPerson.Change()}
}

// utc is a moment as it is told again, whatever zone it was given in.
func utc(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	in := at.UTC()
	return &in
}

type couponResponse struct {
	ID               uuid.UUID    `json:"id"`
	Code             string       `json:"code"`
	Name             string       `json:"name"`
	Percent          *int64       `json:"percent"`
	Amount           *money.Money `json:"amount"`
	MinSubtotal      *money.Money `json:"min_subtotal"`
	StartsAt         *time.Time   `json:"starts_at"`
	EndsAt           *time.Time   `json:"ends_at"`
	MaxUses          *int64       `json:"max_uses"`
	MaxUsesPerPerson *int64       `json:"max_uses_per_person"`
	Uses             int64        `json:"uses"`
	Active           bool         `json:"active"`
	Automatic        bool         `json:"automatic"`
	Version          int64        `json:"version"`
	CreatedAt        time.Time    `json:"created_at"`
}

// SchemaName is its name in the OpenAPI document.
func (couponResponse) SchemaName() string { return "Coupon" }

func toCoupon(c Coupon) couponResponse {
	body := couponResponse{
		ID: c.ID, Code: c.Code, Name: c.Name, StartsAt: c.StartsAt, EndsAt: c.EndsAt, MaxUses: c.MaxUses, MaxUsesPerPerson: c.MaxUsesPerPerson,
		Uses: c.Uses, Active: c.Active, Automatic: c.Automatic, Version: c.Version, CreatedAt: c.CreatedAt,
	}
	if c.PercentBP != nil {
		percent := *c.PercentBP / 100
		body.Percent = &percent
	}
	if c.Currency != nil {
		if c.Amount != nil {
			amount := money.Of(*c.Amount, *c.Currency)
			body.Amount = &amount
		}
		if c.MinSubtotal > 0 {
			least := money.Of(c.MinSubtotal, *c.Currency)
			body.MinSubtotal = &least
		}
	}
	return body
}
