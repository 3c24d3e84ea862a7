package order_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/address"
	"atrium/modules/orders/internal/cart"
	"atrium/modules/orders/internal/coupon"
	"atrium/modules/orders/internal/order"
	"atrium/modules/products/productstest"
	"atrium/platform/apptest"
	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/money"
	"atrium/platform/outbox"
	"atrium/platform/page"
	"atrium/platform/payment"
	"atrium/platform/secret"
	"atrium/platform/stacktest"
	"atrium/platform/tasks"
	"atrium/platform/tasks/taskstest"
	"atrium/platform/telemetry"
)

type object = map[string]any

const webhookSecret = "whsec_test"

// till is the module with the real catalogue on a real database, behind the real server, with an account of its own at the
// stand-in for Stripe.
type till struct {
	t        testing.TB
	db       *database.DB
	app      *apptest.App
	shop     *productstest.Real
	service  *order.Service
	handlers []tasks.Handler
	stripe   string // the stand-in
	key      string // of the account
	down     atomic.Bool
	admin    string
	metrics  *telemetry.Telemetry
}

func setup(t testing.TB, change ...func(*orders.Config)) *till {
	t.Helper()
	s := newTill(t, dbtest.Clone(t))
	return s.open(s.line(), change...)
}

func newTill(t testing.TB, db *database.DB) *till {
	return &till{t: t, db: db, stripe: stacktest.Endpoint(t, "stripe"), key: "sk_test_" + uuid.NewString()}
}

// open puts the module together, with Stripe at an endpoint.
func (s *till) open(endpoint string, change ...func(*orders.Config)) *till {
	t := s.t
	t.Helper()
	s.admin = apptest.As(uuid.New(), identity.RoleAdmin)
	cfg := orders.Config{Currency: "EUR", ReserveFor: time.Hour, TaxRates: map[string]int64{"DE": 1900}, SweepEvery: time.Minute, ReconcileEvery: time.Hour, ReturnWithin: 24 * time.Hour}
	for _, c := range change {
		c(&cfg)
	}
	metrics, err := telemetry.New(t.Context(), telemetry.Config{}, "test", "test")
	require.NoError(t, err)
	s.metrics = metrics
	out, cursors := outbox.New(s.db), page.NewSigner(make([]byte, 32))
	provider := payment.NewStripe(payment.Config{Endpoint: endpoint, SecretKey: secret.Text(s.key), WebhookSecret: webhookSecret})
	s.shop = productstest.NewReal(t, s.db)
	cartStore, addressStore, couponStore, store := cart.NewStore(s.db), address.NewStore(s.db), coupon.NewStore(s.db), order.NewStore(s.db)
	carts := cart.NewService(s.db, cartStore, s.shop, cfg)
	book := address.NewService(s.db, addressStore)
	coupons := coupon.NewService(s.db, couponStore)
	s.service = order.NewService(s.db, store, out, carts, book, coupons, s.shop, provider, cfg, zap.NewNop(), order.NewMeters(metrics))
	s.handlers = order.Handlers(s.service)
	s.app = apptest.NewOn(t, s.db, httpserver.Routes{Module: "orders", Register: func(r *httpserver.Router) {
		cart.NewHTTP(carts).Register(r)
		address.NewHTTP(book, addressStore, cursors).Register(r)
		coupon.NewHTTP(coupons, couponStore, cursors).Register(r)
		order.NewHTTP(s.service, store, cursors).Register(r)
	}})
	s.webhooks(s.app.URL + "/v1/webhooks/stripe")
	return s
}

// line is the way to the stand-in, which the test can cut.
func (s *till) line() string {
	to, err := url.Parse(s.stripe)
	require.NoError(s.t, err)
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.down.Load() {
			http.Error(w, "{}", http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	s.t.Cleanup(server.Close)
	return server.URL
}

// webhooks says where the stand-in sends this account's events; "" sends none.
func (s *till) webhooks(to string) {
	s.t.Helper()
	s.post("/test/accounts", object{"secret_key": s.key, "webhook_url": to, "webhook_secret": webhookSecret})
}

func (s *till) post(path string, body any) {
	s.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(s.t, err)
	resp, err := http.Post(s.stripe+path, "application/json", bytes.NewReader(raw))
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Less(s.t, resp.StatusCode, 300, path)
}

// api calls the stand-in as the account itself would.
func (s *till) api(path, form string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.stripe+path, strings.NewReader(form))
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+s.key)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Less(s.t, resp.StatusCode, 300, path)
}

func (s *till) succeed(intent string) { s.post("/test/payment_intents/"+intent+"/succeed", object{}) }

// events lists what the stand-in has told about an intent.
func (s *till) events(intent string) (ids []string) {
	s.t.Helper()
	resp, err := http.Get(s.stripe + "/test/events?payment_intent=" + intent)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	var events []struct{ ID string }
	require.NoError(s.t, json.NewDecoder(resp.Body).Decode(&events))
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

// work runs the jobs that are due.
func (s *till) work() { s.t.Helper(); taskstest.Drain(s.t, s.db, s.handlers...) }

// until works until the condition holds.
func (s *till) until(what string, condition func() bool) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { s.work(); return condition() }, 20*time.Second, 20*time.Millisecond, what)
}

// expire lets all reservations end.
func (s *till) expire() {
	s.t.Helper()
	s.exec(`UPDATE orders SET reserved_until = now() - interval '1 second' WHERE status = 'pending_payment'`)
	taskstest.Ripen(s.t, s.db)
}

func (s *till) exec(sql string, args ...any) {
	s.t.Helper()
	require.NoError(s.t, s.db.Conn(s.t.Context()).Exec(sql, args...).Error)
}

func (s *till) number(sql string, args ...any) (n int64) {
	s.t.Helper()
	require.NoError(s.t, s.db.Conn(s.t.Context()).Raw(sql, args...).Scan(&n).Error)
	return n
}

func (s *till) lamp(stock int64) uuid.UUID { return s.shop.Add("Lamp", money.Of(5000, "EUR"), stock) }

// buyer is somebody with an address.
type buyer struct {
	*till
	id      uuid.UUID
	token   string
	address string
}

func (s *till) buyer() *buyer {
	s.t.Helper()
	b := &buyer{till: s, id: uuid.Must(uuid.NewV7())}
	b.token = apptest.As(b.id)
	b.address = b.do("POST", "/v1/me/addresses", berlin()).Want(201).JSON()["id"].(string)
	return b
}

func berlin() object {
	return object{"name": "Mina", "line1": "Torstr. 1", "city": "Berlin", "postal_code": "10119", "country": "DE"}
}

func (b *buyer) do(method, path string, body any, header ...string) *apptest.Response {
	b.t.Helper()
	return b.send(b.token, method, path, body, header...)
}

// send sends a request under an Idempotency-Key of its own, unless one is given.
func (s *till) send(token, method, path string, body any, header ...string) *apptest.Response {
	s.t.Helper()
	r := apptest.Request{Method: method, Path: path, Token: token, Body: body, Header: map[string]string{"Idempotency-Key": uuid.NewString()}}
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = header[i+1]
	}
	return s.app.Do(s.t, r)
}

// put sets a quantity and returns the cart.
func (b *buyer) put(variant uuid.UUID, quantity int) object {
	b.t.Helper()
	return b.do("PUT", "/v1/cart/items/"+variant.String(), object{"quantity": quantity}).Want(200).JSON()
}

func (b *buyer) cart() object {
	b.t.Helper()
	return b.do("GET", "/v1/cart", nil).Want(200).JSON()
}

func (b *buyer) checkout(version any, header ...string) *apptest.Response {
	b.t.Helper()
	return b.do("POST", "/v1/checkout", object{"cart_version": version, "address_id": b.address}, header...)
}

// placed is what tests look at in an order.
type placed struct {
	ID      string
	Number  string
	Status  string
	Items   []struct{ ID string }
	Total   money.Money
	Tax     money.Money
	Payment struct {
		IntentID     string  `json:"intent_id"`
		ClientSecret *string `json:"client_secret"`
	}
	History []struct{ Status string }
}

// order buys pieces up to the payment.
func (b *buyer) order(variant uuid.UUID, quantity int) placed {
	b.t.Helper()
	return apptest.Read[placed](b.checkout(b.put(variant, quantity)["version"]).Want(201))
}

func (b *buyer) read(id string) placed {
	b.t.Helper()
	return apptest.Read[placed](b.do("GET", "/v1/orders/"+id, nil).Want(200))
}

// pay pays an order and tells the server so.
func (b *buyer) pay(o placed) {
	b.t.Helper()
	b.succeed(o.Payment.IntentID)
	b.do("POST", "/v1/orders/"+o.ID+"/payment", nil).Want(200)
	b.work()
	require.Equal(b.t, "paid", b.read(o.ID).Status)
}

// level checks a variant's stock.
func (s *till) level(variant uuid.UUID, onHand, reserved, sold int64) {
	s.t.Helper()
	h, r, v := s.shop.Level(variant)
	require.Equal(s.t, []int64{onHand, reserved, sold}, []int64{h, r, v}, "on hand, reserved, sold")
}

// tryPay pays an intent, if it can still be paid.
func (s *till) tryPay(intent string) {
	s.t.Helper()
	resp, err := http.Post(s.stripe+"/test/payment_intents/"+intent+"/succeed", "application/json", strings.NewReader("{}"))
	require.NoError(s.t, err)
	require.NoError(s.t, resp.Body.Close())
}

// eventOf is the n-th event of an order's intent, for deliveries out of order.
func eventOf(n int, o placed) payment.Event {
	return payment.Event{ID: "evt_" + o.ID + strconv.Itoa(n), Type: "payment_intent.succeeded", IntentID: o.Payment.IntentID, At: time.Now()}
}

// finish settles everything that is still under way.
func (s *till) finish() {
	s.t.Helper()
	s.exec(`UPDATE payments SET checked_at = now() - interval '1 hour'`)
	require.Eventually(s.t, func() bool {
		taskstest.Try(s.t, s.db, s.handlers...)
		return s.service.Sweep(s.t.Context()) == nil && s.number(`SELECT count(*) FROM outbox WHERE finished_at IS NULL AND kind = 'task' AND available_at <= now()`) == 0
	}, 30*time.Second, 50*time.Millisecond)
}

// balance checks the books of a variant and of all money.
func (s *till) balance(variant uuid.UUID) {
	s.t.Helper()
	onHand, reserved, sold := s.shop.Level(variant)
	require.EqualValues(s.t, stocked, onHand+sold)
	require.EqualValues(s.t, reserved, s.number(`SELECT coalesce(sum(quantity - withdrawn), 0) FROM order_items JOIN orders o ON o.id = order_id
		WHERE o.stock = 'reserved' AND variant_id = ?`, variant))
	require.EqualValues(s.t, sold, s.number(`SELECT coalesce(sum(quantity - withdrawn), 0) FROM order_items JOIN orders o ON o.id = order_id
		WHERE o.stock = 'sold' AND variant_id = ?`, variant))
	require.EqualValues(s.t, s.number(`SELECT coalesce(sum(captured - refunded), 0) FROM payments`),
		s.number(`SELECT coalesce(sum(o.total - coalesce((SELECT sum(r.amount) FROM refunds r WHERE r.order_id = o.id AND r.status <> 'failed'), 0)), 0)
			FROM orders o WHERE o.status IN ('paid', 'partially_shipped', 'shipped', 'delivered', 'partially_refunded', 'refunded')
			AND EXISTS (SELECT 1 FROM payments p WHERE p.order_id = o.id AND p.captured > 0)`), "money is with live orders")
	require.Zero(s.t, s.number(`SELECT count(*) FROM refunds r JOIN orders o ON o.id = r.order_id WHERE r.cause LIKE 'payment %'
		AND o.status NOT IN ('cancelled', 'expired', 'refunded')`), "nothing goes back by itself from an order that goes on")
}

// alerts is how often operators were told about something of this kind.
func (s *till) alerts(kind string) float64 { return s.metric("atrium_payment_alerts_total", kind) }

// drift is what the last comparison with the provider could not mend.
func (s *till) drift() float64 { return s.metric("atrium_payment_drift", "") }

func (s *till) metric(name, label string) (value float64) {
	s.t.Helper()
	families, err := s.metrics.Metrics.Gather()
	require.NoError(s.t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				value += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return value
}
