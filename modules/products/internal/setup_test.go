package internal_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/modules/products"
	"atrium/modules/products/internal"
	"atrium/modules/uploads/uploadstest"
	"atrium/platform/apptest"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/identity"
	"atrium/platform/outbox"
	"atrium/platform/page"
)

// shop is the module on a real database, behind the real server.
type shop struct {
	t         *testing.T
	db        *database.DB
	app       *apptest.App
	photos    *uploadstest.Library
	catalogue products.Catalogue
	stock     products.Stock
	seller    uuid.UUID
	token     string // of the seller
}

func setup(t *testing.T, open func(testing.TB) *database.DB) *shop {
	t.Helper()
	s := &shop{t: t, db: open(t), photos: uploadstest.NewLibrary(), seller: uuid.Must(uuid.NewV7())}
	s.token = apptest.As(s.seller, identity.RoleSeller)
	store := internal.NewStore(s.db)
	service := internal.NewService(s.db, store, outbox.New(s.db), s.photos, cache.New(nil, zap.NewNop()), products.Config{Viewed: 3}, zap.NewNop())
	s.catalogue, s.stock = service, internal.NewWarehouse(service, store)
	s.app = apptest.New(t, internal.NewHTTP(service, store, page.NewSigner(make([]byte, 32))).Routes())
	return s
}

func clone(t *testing.T) *shop { return setup(t, dbtest.Clone) }

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

func (s *shop) number(query string, args ...any) (n int64) {
	s.t.Helper()
	require.NoError(s.t, s.db.Conn(s.t.Context()).Raw(query, args...).Scan(&n).Error)
	return n
}
