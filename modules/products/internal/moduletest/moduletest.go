// Package moduletest is the whole products module, plugged in as in the application, with other modules' fakes around it.
package moduletest

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/zap"

	"atrium/modules/orders"
	"atrium/modules/products"
	"atrium/modules/products/productsfx"
	"atrium/modules/uploads"
	"atrium/modules/uploads/uploadstest"
	"atrium/modules/users"
	"atrium/modules/users/userstest"
	"atrium/platform/apptest"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/outbox"
	"atrium/platform/page"
	"atrium/platform/plug"
	"atrium/platform/tasks"
	"atrium/platform/tasks/taskstest"
)

// Bundle is one instance of the module, and the world around it.
type Bundle struct {
	TB        testing.TB
	DB        *database.DB
	App       *apptest.App
	Routes    []httpserver.Routes
	Handlers  []tasks.Handler
	Schedules map[string]func(context.Context) error
	Photos    *uploadstest.Library
	People    *userstest.Fake
	Bought    Purchases
	Catalogue products.Catalogue
	Stock     products.Stock
	Seller    uuid.UUID
	Token     string // of the seller
}

// Object is a JSON object.
type Object = map[string]any

// New is the module on the database that open gives.
func New(t testing.TB, open func(testing.TB) *database.DB) *Bundle {
	t.Helper()
	s := &Bundle{
		TB: t, DB: open(t), Photos: uploadstest.NewLibrary(), People: userstest.New(), Bought: Purchases{},
		Schedules: map[string]func(context.Context) error{}, Seller: uuid.Must(uuid.NewV7()),
	}
	s.Token = apptest.As(s.Seller, identity.RoleSeller)
	fxtest.New(t, fx.NopLogger, productsfx.Module, plug.Collected,
		fx.Supply(products.Config{Currency: "EUR", Viewed: 3, Searches: 4}, s.DB, outbox.New(s.DB), cache.New(nil, zap.NewNop()), page.NewSigner(make([]byte, 32)), zap.NewNop()),
		fx.Provide(
			func() (users.Directory, users.Accounts, users.Graph) { return s.People, s.People, s.People },
			func() uploads.Library { return s.Photos },
			func() orders.Purchases { return s.Bought },
		),
		fx.Invoke(func(routes plug.All[httpserver.Routes], handlers plug.All[tasks.Handler], schedules plug.All[tasks.Schedule]) {
			s.Routes, s.Handlers = routes, handlers
			for _, schedule := range schedules {
				s.Schedules[schedule.Name] = schedule.Run
			}
		}),
		fx.Populate(&s.Catalogue, &s.Stock),
	).RequireStart()
	s.App = apptest.New(t, s.Routes...)
	return s
}

// Reprice runs the schedule that follows sales by the clock.
func (s *Bundle) Reprice() {
	s.TB.Helper()
	require.NoError(s.TB, s.Schedules["products.reprice"](s.TB.Context()))
}

// DeletePerson is what the module does when an account is deleted.
func (s *Bundle) DeletePerson(id uuid.UUID) {
	s.TB.Helper()
	require.NoError(s.TB, s.DB.InTx(s.TB.Context(), func(ctx context.Context) error {
		return outbox.New(s.DB).Publish(ctx, users.Deleted{UserID: id})
	}))
	taskstest.Drain(s.TB, s.DB, s.Handlers...)
}

// Purchases is orders.Purchases in memory: what was bought, by person and product.
type Purchases map[[2]uuid.UUID][]uuid.UUID

// Bought satisfies orders.Purchases.
func (p Purchases) Bought(_ context.Context, user, product uuid.UUID) ([]uuid.UUID, error) {
	return p[[2]uuid.UUID{user, product}], nil
}

// Undone satisfies orders.Purchases: what GiveBack has taken.
func (p Purchases) Undone(_ context.Context, lines []uuid.UUID) ([]uuid.UUID, error) {
	return slices.DeleteFunc(slices.Clone(lines), func(line uuid.UUID) bool {
		for _, bought := range p {
			if slices.Contains(bought, line) {
				return true
			}
		}
		return false
	}), nil
}

// Add notes that a person bought a product.
func (p Purchases) Add(user, product uuid.UUID) {
	at := [2]uuid.UUID{user, product}
	p[at] = append(p[at], uuid.Must(uuid.NewV7()))
}

// GiveBack notes that a person gave back what they bought of a product.
func (p Purchases) GiveBack(user, product uuid.UUID) { delete(p, [2]uuid.UUID{user, product}) }

// Do sends a request as the seller.
func (s *Bundle) Do(method, path string, body any, header ...string) *apptest.Response {
	s.TB.Helper()
	r := apptest.Request{Method: method, Path: path, Token: s.Token, Body: body, Header: map[string]string{}}
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = header[i+1]
	}
	return s.App.Do(s.TB, r)
}

// Product makes a product and returns it.
func (s *Bundle) Product(name string, more ...Object) Object {
	s.TB.Helper()
	body := Object{"name": name, "category": "lighting"}
	for _, m := range more {
		for k, v := range m {
			body[k] = v
		}
	}
	return s.Do("POST", "/v1/admin/products", body).Want(201).JSON()
}

// Variant makes a variant with stock and returns its id.
func (s *Bundle) Variant(product Object, price int64, stock int, more ...Object) uuid.UUID {
	s.TB.Helper()
	body := Object{"sku": uuid.NewString(), "price": Object{"amount": price, "currency": "EUR"}}
	for _, m := range more {
		for k, v := range m {
			body[k] = v
		}
	}
	made := s.Do("POST", "/v1/admin/products/"+product["id"].(string)+"/variants", body).Want(201).JSON()
	if stock != 0 {
		s.Do("POST", "/v1/admin/variants/"+made["id"].(string)+"/stock", Object{"delta": stock, "reason": "delivery"}).Want(200)
	}
	return uuid.MustParse(made["id"].(string))
}

// Found searches as nobody and returns the names, in order.
func (s *Bundle) Found(query string) []string {
	s.TB.Helper()
	list := s.List(query)
	names := []string{}
	for _, item := range list["items"].([]any) {
		names = append(names, item.(Object)["name"].(string))
	}
	return names
}

// List searches as nobody and returns the answer.
func (s *Bundle) List(query string) Object {
	s.TB.Helper()
	return s.App.Do(s.TB, apptest.Request{Method: "GET", Path: "/v1/products?" + query}).Want(200).JSON()
}

// Paged returns the names of all pages that a query begins.
func (s *Bundle) Paged(query string) (names []string) {
	s.TB.Helper()
	for cursor := ""; ; {
		list := s.List(query + "cursor=" + cursor)
		for _, item := range list["items"].([]any) {
			names = append(names, item.(Object)["name"].(string))
		}
		if list["next_cursor"] == nil {
			return names
		}
		cursor = list["next_cursor"].(string)
	}
}

// Number is what a query of one number returns.
func (s *Bundle) Number(query string, args ...any) (n int64) {
	s.TB.Helper()
	require.NoError(s.TB, s.DB.Conn(s.TB.Context()).Raw(query, args...).Scan(&n).Error)
	return n
}

// EUR is an amount of euro cents as requests and answers have it.
func EUR(amount int64) Object { return Object{"amount": amount, "currency": "EUR"} }
