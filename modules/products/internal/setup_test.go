package internal_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/modules/products"
	"atrium/modules/products/internal"
	"atrium/modules/products/internal/bulk"
	"atrium/modules/products/internal/review"
	"atrium/modules/uploads/uploadstest"
	"atrium/modules/users/userstest"
	"atrium/platform/apptest"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/outbox"
	"atrium/platform/page"
)

// shop is the module on a real database, behind the real server.
type shop struct {
	t         testing.TB
	db        *database.DB
	app       *apptest.App
	routes    httpserver.Routes
	photos    *uploadstest.Library
	people    *userstest.Fake
	bought    purchases
	service   *internal.Service
	reviews   *review.Service
	catalogue products.Catalogue
	stock     products.Stock
	seller    uuid.UUID
	token     string // of the seller
}

func setup(t testing.TB, open func(testing.TB) *database.DB) *shop {
	t.Helper()
	s := &shop{
		t: t, db: open(t), photos: uploadstest.NewLibrary(), seller: uuid.Must(uuid.NewV7()), bought: purchases{}, people: userstest.New(),
	}
	s.token = apptest.As(s.seller, identity.RoleSeller)
	store := internal.NewStore(s.db)
	service := internal.NewService(s.db, store, outbox.New(s.db), s.photos, cache.New(nil, zap.NewNop()), products.Config{Viewed: 3, Searches: 4}, zap.NewNop())
	s.service, s.catalogue, s.stock = service, service, internal.NewWarehouse(service, store)
	cursors := page.NewSigner(make([]byte, 32))
	web, notes := internal.NewHTTP(service, store, cursors), review.NewStore(s.db)
	s.reviews = review.NewService(s.db, notes, service, s.bought, s.people, s.photos)
	written := review.NewHTTP(s.reviews, notes, service, cursors)
	s.routes = httpserver.Routes{Module: "products", Register: func(r *httpserver.Router) {
		web.Register(r)
		written.Register(r)
		bulk.NewHTTP(service, zap.NewNop()).Register(r)
	}}
	s.app = apptest.New(t, s.routes)
	return s
}

// purchases is an orders.Purchases in memory: what was bought, by person and product.
type purchases map[[2]uuid.UUID][]uuid.UUID

// Bought satisfies orders.Purchases.
func (p purchases) Bought(_ context.Context, user, product uuid.UUID) ([]uuid.UUID, error) {
	return p[[2]uuid.UUID{user, product}], nil
}

func (p purchases) add(user, product uuid.UUID) {
	at := [2]uuid.UUID{user, product}
	p[at] = append(p[at], uuid.Must(uuid.NewV7()))
}

func clone(t testing.TB) *shop { return setup(t, dbtest.Clone) }

// do sends a request as the seller.
func (s *shop) do(method, path string, body any, header ...string) *apptest.Response {
	s.t.Helper()
	r := apptest.Request{Method: method, Path: path, Token: s.token, Body: body, Header: map[string]string{}}
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = header[i+1]
	}
	return s.app.Do(s.t, r)
}

type object = map[string]any

// product makes a product and returns it.
func (s *shop) product(name string, more ...object) object {
	s.t.Helper()
	body := object{"name": name, "category": "lighting"}
	for _, m := range more {
		for k, v := range m {
			body[k] = v
		}
	}
	return s.do("POST", "/v1/admin/products", body).Want(201).JSON()
}

// variant makes a variant with stock and returns its id.
func (s *shop) variant(product object, price int64, stock int, more ...object) uuid.UUID {
	s.t.Helper()
	body := object{"sku": uuid.NewString(), "price": object{"amount": price, "currency": "EUR"}}
	for _, m := range more {
		for k, v := range m {
			body[k] = v
		}
	}
	made := s.do("POST", "/v1/admin/products/"+product["id"].(string)+"/variants", body).Want(201).JSON()
	if stock != 0 {
		s.do("POST", "/v1/admin/variants/"+made["id"].(string)+"/stock", object{"delta": stock, "reason": "delivery"}).Want(200)
	}
	return uuid.MustParse(made["id"].(string))
}

// found searches as nobody and returns the names, in order.
func (s *shop) found(query string) []string {
	s.t.Helper()
	list := s.list(query)
	names := []string{}
	for _, item := range list["items"].([]any) {
		names = append(names, item.(object)["name"].(string))
	}
	return names
}

func (s *shop) list(query string) object {
	s.t.Helper()
	return s.app.Do(s.t, apptest.Request{Method: "GET", Path: "/v1/products?" + query}).Want(200).JSON()
}

// paged returns the names of all pages that a query begins.
func (s *shop) paged(query string) (names []string) {
	s.t.Helper()
	for cursor := ""; ; {
		list := s.list(query + "cursor=" + cursor)
		for _, item := range list["items"].([]any) {
			names = append(names, item.(object)["name"].(string))
		}
		if list["next_cursor"] == nil {
			return names
		}
		cursor = list["next_cursor"].(string)
	}
}

func (s *shop) number(query string, args ...any) (n int64) {
	s.t.Helper()
	require.NoError(s.t, s.db.Conn(s.t.Context()).Raw(query, args...).Scan(&n).Error)
	return n
}
