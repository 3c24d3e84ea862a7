// Package moduletest is the orders module with the real catalogue, behind the real server, with an account of its own at the stand-in for
// Stripe.
package moduletest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
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
	"atrium/modules/orders/internal/cancellation"
	"atrium/modules/orders/internal/cart"
	"atrium/modules/orders/internal/checkout"
	"atrium/modules/orders/internal/coupon"
	"atrium/modules/orders/internal/dispute"
	"atrium/modules/orders/internal/fulfilment"
	"atrium/modules/orders/internal/order"
	"atrium/modules/orders/internal/payment"
	"atrium/modules/orders/internal/personaldata"
	"atrium/modules/orders/internal/reconciliation"
	"atrium/modules/orders/internal/refund"
	"atrium/modules/orders/internal/returns"
	"atrium/modules/orders/internal/review"
	"atrium/modules/products/productstest"
	"atrium/platform/apptest"
	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/identity"
	"atrium/platform/money"
	"atrium/platform/outbox"
	"atrium/platform/page"
	psp "atrium/platform/payment"
	"atrium/platform/secret"
	"atrium/platform/stacktest"
	"atrium/platform/tasks"
	"atrium/platform/tasks/taskstest"
	"atrium/platform/telemetry"
)

type object = map[string]any

const SigningSecret = "whsec_test"

// Bundle is one instance of the module, and the world around it.
type Bundle struct {
	T       testing.TB
	DB      *database.DB
	App     *apptest.App
	Shop    *productstest.Real
	Stripe  string      // the stand-in
	Down    atomic.Bool // whether the way to it is cut
	Admin   string      // an admin's token
	Metrics *telemetry.Telemetry

	Orders         *order.Service
	Payments       *payment.Service
	Cancellations  *cancellation.Service
	Reconciliation *reconciliation.Service
	Erasures       *personaldata.Store
	Handlers       []tasks.Handler
	Provider       psp.Provider

	key string // of the account at the stand-in
}

// New puts the module together, on a database of its own.
func New(t testing.TB, change ...func(*orders.Config)) *Bundle {
	t.Helper()
	s := NewOn(t, dbtest.Clone(t))
	return s.Open(s.Line(), change...)
}

// NewOn is New, up to Open.
func NewOn(t testing.TB, db *database.DB) *Bundle {
	return &Bundle{T: t, DB: db, Stripe: stacktest.Endpoint(t, "stripe"), key: "sk_test_" + uuid.NewString()}
}

// Open puts the module together, with Stripe at an endpoint.
func (s *Bundle) Open(endpoint string, change ...func(*orders.Config)) *Bundle {
	s.T.Helper()
	s.Admin = apptest.As(uuid.New(), identity.RoleAdmin)
	cfg := orders.Config{Currency: "EUR", ReserveFor: time.Hour, TaxRates: map[string]int64{"DE": 1900}, SweepEvery: time.Minute, ReconcileEvery: time.Hour, ReturnWithin: 24 * time.Hour}
	for _, c := range change {
		c(&cfg)
	}
	metrics, err := telemetry.New(s.T.Context(), telemetry.Config{}, "test", "test")
	require.NoError(s.T, err)
	s.Metrics = metrics
	s.Shop = productstest.NewReal(s.T, s.DB)
	provider := psp.NewStripe(psp.Config{Endpoint: endpoint, SecretKey: secret.Text(s.key), WebhookSecret: SigningSecret})
	s.Provider = provider
	out, cursors, log := outbox.New(s.DB), page.NewSigner(make([]byte, 32)), zap.NewNop()

	carts := cart.NewService(s.DB, cart.NewStore(s.DB), s.Shop, cfg)
	addresses := address.NewService(s.DB, address.NewStore(s.DB))
	coupons := coupon.NewService(s.DB, coupon.NewStore(s.DB))
	orderStore, alerts := order.NewStore(s.DB), order.NewAlerts(s.DB, log, metrics)
	s.Orders = order.NewService(s.DB, orderStore, s.Shop)
	refunds := refund.NewService(refund.Deps{
		DB: s.DB, Store: refund.NewStore(s.DB), OrderStore: orderStore, Orders: s.Orders, Outbox: out, Provider: provider, Alerts: alerts,
	})
	disputes := dispute.NewService(dispute.Deps{
		Store: dispute.NewStore(s.DB), OrderStore: orderStore, Orders: s.Orders, Refunds: refunds, Provider: provider, Alerts: alerts, Log: log,
	})
	s.Payments = payment.NewService(payment.Deps{
		DB: s.DB, Store: payment.NewStore(s.DB), OrderStore: orderStore, Orders: s.Orders, Carts: carts, Coupons: coupons, Refunds: refunds, Outbox: out,
		Provider: provider, Alerts: alerts, Log: log, Telemetry: metrics,
	})
	goingBack := returns.NewService(returns.NewStore(s.DB), orderStore, s.Orders, refunds, cfg)
	s.Cancellations = cancellation.NewService(cancellation.Deps{
		Store: cancellation.NewStore(s.DB), OrderStore: orderStore, Orders: s.Orders, Carts: carts, Coupons: coupons, Payments: s.Payments,
		Refunds: refunds, Outbox: out, Log: log,
	})
	s.Reconciliation = reconciliation.NewService(reconciliation.Deps{
		Store: reconciliation.NewStore(s.DB), OrderStore: orderStore, Payments: s.Payments, Refunds: refunds, Disputes: disputes, Returns: goingBack,
		Cancellations: s.Cancellations, Provider: provider, Alerts: alerts, Log: log, Telemetry: metrics,
	})
	s.Erasures = personaldata.NewStore(s.DB)
	s.Handlers = slices.Concat(refund.Handlers(refunds), dispute.Handlers(disputes), payment.Handlers(s.Payments), cancellation.Handlers(s.Cancellations),
		personaldata.Handlers(personaldata.NewEraser(s.Erasures, carts, addresses)))
	s.App = apptest.NewOn(s.T, s.DB,
		cart.Routes(cart.NewHTTP(carts)), address.Routes(address.NewHTTP(addresses, cursors)), coupon.Routes(coupon.NewHTTP(coupons, cursors)),
		order.Routes(order.NewHTTP(s.Orders, cursors)), refund.Routes(refund.NewHTTP(refunds)), payment.Routes(payment.NewHTTP(s.Payments)),
		fulfilment.Routes(fulfilment.NewHTTP(fulfilment.NewService(fulfilment.NewStore(s.DB), orderStore, s.Orders, out))),
		returns.Routes(returns.NewHTTP(goingBack, cursors)),
		cancellation.Routes(cancellation.NewHTTP(s.Cancellations)),
		review.Routes(review.NewHTTP(review.NewService(s.Orders, s.Payments, refunds, s.Cancellations))),
		checkout.Routes(checkout.NewHTTP(checkout.NewService(checkout.Deps{
			DB: s.DB, OrderStore: orderStore, Orders: s.Orders, Carts: carts, Addresses: addresses, Coupons: coupons, Payments: s.Payments,
			Cancellations: s.Cancellations, Outbox: out, Provider: provider, Config: cfg, Log: log,
		}))),
	)
	s.SendEventsTo(s.App.URL + "/v1/webhooks/stripe")
	return s
}

// Line is the way to the stand-in, which the test can cut.
func (s *Bundle) Line() string {
	to, err := url.Parse(s.Stripe)
	require.NoError(s.T, err)
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Down.Load() {
			http.Error(w, "{}", http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	s.T.Cleanup(server.Close)
	return server.URL
}

// SendEventsTo says where the stand-in sends this account's events; "" sends none.
func (s *Bundle) SendEventsTo(to string) {
	s.T.Helper()
	s.Post("/test/accounts", object{"secret_key": s.key, "webhook_url": to, "webhook_secret": SigningSecret})
}

func (s *Bundle) Post(path string, body any) {
	s.T.Helper()
	raw, err := json.Marshal(body)
	require.NoError(s.T, err)
	resp, err := http.Post(s.Stripe+path, "application/json", bytes.NewReader(raw))
	require.NoError(s.T, err)
	defer func() { _ = resp.Body.Close() }()
	require.Less(s.T, resp.StatusCode, 300, path)
}

// API calls the stand-in as the account itself would.
func (s *Bundle) API(path, form string) {
	s.T.Helper()
	require.Less(s.T, s.TryAPI(path, form), 300, path)
}

// TryAPI is API for what may be refused, and returns the status.
func (s *Bundle) TryAPI(path, form string) int {
	s.T.Helper()
	req, err := http.NewRequestWithContext(s.T.Context(), http.MethodPost, s.Stripe+path, strings.NewReader(form))
	require.NoError(s.T, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+s.key)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.T, err)
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode
}

func (s *Bundle) Succeed(intent string) { s.Post("/test/payment_intents/"+intent+"/succeed", object{}) }

// ByHand does something to an intent at the stand-in, as somebody does there: "refund", "cancel", "dispute", "dispute/close". What cannot be
// done is passed over, and so is an order that has no intent, since the provider did not answer in time.
func (s *Bundle) ByHand(intent, what string, body any) {
	s.T.Helper()
	if intent == "" {
		return
	}
	raw, err := json.Marshal(body)
	require.NoError(s.T, err)
	resp, err := http.Post(s.Stripe+"/test/payment_intents/"+intent+"/"+what, "application/json", bytes.NewReader(raw))
	require.NoError(s.T, err)
	require.NoError(s.T, resp.Body.Close())
	require.Contains(s.T, []int{200, 409}, resp.StatusCode, what)
}

// TryPay pays an intent, if it can still be paid.
func (s *Bundle) TryPay(intent string) {
	s.T.Helper()
	resp, err := http.Post(s.Stripe+"/test/payment_intents/"+intent+"/succeed", "application/json", strings.NewReader("{}"))
	require.NoError(s.T, err)
	require.NoError(s.T, resp.Body.Close())
}

// Events lists what the stand-in has told about an intent.
func (s *Bundle) Events(intent string) (ids []string) {
	s.T.Helper()
	resp, err := http.Get(s.Stripe + "/test/events?payment_intent=" + intent)
	require.NoError(s.T, err)
	defer func() { _ = resp.Body.Close() }()
	var events []struct{ ID string }
	require.NoError(s.T, json.NewDecoder(resp.Body).Decode(&events))
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

func Signed(body, key string, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

// EventOf is the n-th event of an order's intent, for deliveries out of order.
func EventOf(n int, o Placed) psp.Event {
	return psp.Event{ID: "evt_" + o.ID + strconv.Itoa(n), Type: "payment_intent.succeeded", IntentID: o.Payment.IntentID, At: time.Now()}
}

// Work runs the jobs that are due.
func (s *Bundle) Work() { s.T.Helper(); taskstest.Drain(s.T, s.DB, s.Handlers...) }

// Until works until the condition holds.
func (s *Bundle) Until(what string, condition func() bool) {
	s.T.Helper()
	require.Eventually(s.T, func() bool { s.Work(); return condition() }, 20*time.Second, 20*time.Millisecond, what)
}

// Eventually is until for jobs that may fail while the provider's breaker is open.
func (s *Bundle) Eventually(what string, condition func() bool) {
	s.T.Helper()
	require.Eventually(s.T, func() bool { taskstest.Try(s.T, s.DB, s.Handlers...); return condition() }, 20*time.Second, 50*time.Millisecond, what)
}

// Settle asks the provider about an order, as soon as it can be asked again.
func (s *Bundle) Settle(o Placed) {
	s.T.Helper()
	require.Eventually(s.T, func() bool { return s.Payments.Settle(s.T.Context(), uuid.MustParse(o.ID)) == nil }, 20*time.Second, 50*time.Millisecond)
}

// EndReservations lets all reservations end.
func (s *Bundle) EndReservations() {
	s.T.Helper()
	s.Exec(`UPDATE orders SET reserved_until = now() - interval '1 second' WHERE status = 'pending_payment'`)
	taskstest.Ripen(s.T, s.DB)
}

func (s *Bundle) Exec(sql string, args ...any) {
	s.T.Helper()
	require.NoError(s.T, s.DB.Conn(s.T.Context()).Exec(sql, args...).Error)
}

func (s *Bundle) Number(sql string, args ...any) (n int64) {
	s.T.Helper()
	require.NoError(s.T, s.DB.Conn(s.T.Context()).Raw(sql, args...).Scan(&n).Error)
	return n
}

func (s *Bundle) Text(sql string, args ...any) (text string) {
	s.T.Helper()
	require.NoError(s.T, s.DB.Conn(s.T.Context()).Raw(sql, args...).Scan(&text).Error)
	return text
}

func (s *Bundle) Notes(o Placed) (notes []string) {
	s.T.Helper()
	require.NoError(s.T, s.DB.Conn(s.T.Context()).Raw(`SELECT note FROM order_history WHERE order_id = ? ORDER BY id`, o.ID).Scan(&notes).Error)
	return notes
}

func (s *Bundle) Lamp(stock int64) uuid.UUID { return s.Shop.Add("Lamp", money.Of(5000, "EUR"), stock) }

// Level checks a variant's stock.
func (s *Bundle) Level(variant uuid.UUID, onHand, reserved, sold int64) {
	s.T.Helper()
	h, r, v := s.Shop.Level(variant)
	require.Equal(s.T, []int64{onHand, reserved, sold}, []int64{h, r, v}, "on hand, reserved, sold")
}

// Send sends a request under an Idempotency-Key of its own, unless one is given.
func (s *Bundle) Send(token, method, path string, body any, header ...string) *apptest.Response {
	s.T.Helper()
	r := apptest.Request{Method: method, Path: path, Token: token, Body: body, Header: map[string]string{"Idempotency-Key": uuid.NewString()}}
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = header[i+1]
	}
	return s.App.Do(s.T, r)
}

func (s *Bundle) Refund(o Placed, body object, header ...string) object {
	s.T.Helper()
	body["reason"] = "broken"
	return s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/refund", body, header...).Want(201).JSON()
}

// Buyer is somebody with an address.
type Buyer struct {
	*Bundle
	ID      uuid.UUID
	Token   string
	Address string // its id
}

func (s *Bundle) NewBuyer() *Buyer {
	s.T.Helper()
	b := &Buyer{Bundle: s, ID: uuid.Must(uuid.NewV7())}
	b.Token = apptest.As(b.ID)
	b.Address = b.Do("POST", "/v1/me/addresses", Berlin()).Want(201).JSON()["id"].(string)
	return b
}

func Berlin() object {
	return object{"name": "Mina", "line1": "Torstr. 1", "city": "Berlin", "postal_code": "10119", "country": "DE"}
}

func (b *Buyer) Do(method, path string, body any, header ...string) *apptest.Response {
	b.T.Helper()
	return b.Send(b.Token, method, path, body, header...)
}

// Put sets a quantity and returns the cart.
func (b *Buyer) Put(variant uuid.UUID, quantity int) object {
	b.T.Helper()
	return b.Do("PUT", "/v1/cart/items/"+variant.String(), object{"quantity": quantity}).Want(200).JSON()
}

func (b *Buyer) Cart() object {
	b.T.Helper()
	return b.Do("GET", "/v1/cart", nil).Want(200).JSON()
}

func (b *Buyer) Checkout(version any, header ...string) *apptest.Response {
	b.T.Helper()
	return b.Do("POST", "/v1/checkout", object{"cart_version": version, "address_id": b.Address}, header...)
}

// Placed is what tests look at in an order.
type Placed struct {
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
	Steps []struct{ Status string } `json:"history"`
}

// Order buys pieces up to the payment.
func (b *Buyer) Order(variant uuid.UUID, quantity int) Placed {
	b.T.Helper()
	return apptest.Read[Placed](b.Checkout(b.Put(variant, quantity)["version"]).Want(201))
}

func (b *Buyer) Read(id string) Placed {
	b.T.Helper()
	return apptest.Read[Placed](b.Do("GET", "/v1/orders/"+id, nil).Want(200))
}

// Pay pays an order and tells the server so.
func (b *Buyer) Pay(o Placed) {
	b.T.Helper()
	b.Succeed(o.Payment.IntentID)
	b.Do("POST", "/v1/orders/"+o.ID+"/payment", nil).Want(200)
	b.Work()
	require.Equal(b.T, "paid", b.Read(o.ID).Status)
}

// PayBy pays an order by one of Stripe's test methods.
func (b *Buyer) PayBy(method string, o Placed) {
	b.T.Helper()
	b.Post("/test/payment_intents/"+o.Payment.IntentID+"/succeed?payment_method="+method, object{})
	b.Do("POST", "/v1/orders/"+o.ID+"/payment", nil).Want(200)
	require.Equal(b.T, "paid", b.Read(o.ID).Status)
}

// Alerts is how often operators were told about something of this kind.
func (s *Bundle) Alerts(kind string) int64 { return s.metric("atrium_payment_alerts_total", kind) }

// Drift is what the last comparison with the provider could not mend.
func (s *Bundle) Drift() int64 { return s.metric("atrium_payment_drift", "") }

func (s *Bundle) metric(name, label string) (value int64) {
	s.T.Helper()
	families, err := s.Metrics.Metrics.Gather()
	require.NoError(s.T, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				value += int64(m.GetCounter().GetValue() + m.GetGauge().GetValue())
			}
		}
	}
	return value
}
