package checkout_test

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/apptest"
	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/money"
)

// crowdAtOnce is how many buyers are at the till at the same time.
const crowdAtOnce = 100

// BenchmarkCheckout compares the checkout of a cart of three lines, from the request to the answer, with the same statements
// in bare pgx. Counted in: the idempotency record, the outbox, the intent at the stand-in. Each buyer has a cart of their own;
// all want the same three things.
func BenchmarkCheckout(b *testing.B) {
	script := &recording{}
	cfg := dbtest.Config(b)
	db, err := database.Open(cfg, database.WithTracer(script))
	require.NoError(b, err)
	b.Cleanup(func() { _ = db.Close() })
	s := moduletest.NewOn(b, db)
	s.Open(s.Stripe)
	s.SendEventsTo("")
	shelf := &shelf{Bundle: s}
	for range 3 {
		shelf.variants = append(shelf.variants, s.Shop.Add("Lamp", money.Of(5000, "EUR"), 1_000_000))
	}
	sample := shelf.fill(1)
	script.begin()
	shelf.buy(sample[0])
	script.end()

	b.Run("bare pgx", func(b *testing.B) {
		pool, err := pgxpool.New(b.Context(), cfg.URL.Reveal()+"&pool_max_conns=10")
		require.NoError(b, err)
		defer pool.Close()
		buyers := shelf.fill(b.N)
		keep := shelf.known()
		together(b, func(i int) { require.NoError(b, script.play(b.Context(), pool, keep, sample[0], buyers[i])) })
		b.ReportMetric(float64(len(script.lines)), "statements/order")
	})
	b.Run("checkout", func(b *testing.B) {
		buyers := shelf.fill(b.N)
		together(b, func(i int) { shelf.buy(buyers[i]) })
	})
}

// together does something b.N times, by a hundred at once.
func together(b *testing.B, do func(i int)) {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range crowdAtOnce {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}

// shelf is what the crowd wants.
type shelf struct {
	*moduletest.Bundle
	variants []uuid.UUID
	version  string // of everybody's cart: all are alike
}

// customer is somebody with an address and a full cart.
type customer struct{ user, address uuid.UUID }

// fill makes customers.
func (s *shelf) fill(n int) []customer {
	s.T.Helper()
	made, users, addresses := make([]customer, n), make([]uuid.UUID, n), make([]uuid.UUID, n)
	for i := range made {
		made[i] = customer{uuid.New(), uuid.New()}
		users[i], addresses[i] = made[i].user, made[i].address
	}
	s.Exec(`INSERT INTO addresses (id, user_id, name, line1, city, postal_code, country, created_at, updated_at)
		SELECT a, u, 'Mina', 'Torstr. 1', 'Berlin', '10119', 'DE', now(), now() FROM unnest(?::uuid[], ?::uuid[]) AS x (u, a)`,
		database.Array(users), database.Array(addresses))
	s.Exec(`INSERT INTO carts (user_id) SELECT unnest(?::uuid[])`, database.Array(users))
	s.Exec(`INSERT INTO cart_items (user_id, variant_id, product_id, product_name, quantity, price_amount, price_currency)
		SELECT u, v.id, v.product_id, 'Lamp', 1, 5000, 'EUR' FROM unnest(?::uuid[]) u CROSS JOIN product_variants v WHERE v.id = ANY(?)`,
		database.Array(users), database.Array(s.variants))
	if s.version == "" {
		s.version = s.App.Do(s.T, apptest.Request{Method: "GET", Path: "/v1/cart", Token: apptest.As(made[0].user)}).Want(200).JSON()["version"].(string)
	}
	return made
}

// known are the ids that all orders have in common.
func (s *shelf) known() map[string]bool {
	ids := map[string]bool{}
	var products []string
	require.NoError(s.T, s.DB.Conn(s.T.Context()).Raw(`SELECT id::text FROM products`).Scan(&products).Error)
	for _, id := range products {
		ids[id] = true
	}
	for _, id := range s.variants {
		ids[id.String()] = true
	}
	return ids
}

var crowdClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: crowdAtOnce}}

func (s *shelf) buy(c customer) {
	body, err := json.Marshal(object{"cart_version": s.version, "address_id": c.address})
	require.NoError(s.T, err)
	req, err := http.NewRequestWithContext(s.T.Context(), http.MethodPost, s.App.URL+"/v1/checkout", strings.NewReader(string(body)))
	require.NoError(s.T, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+apptest.As(c.user))
	req.Header.Set("Idempotency-Key", uuid.NewString())
	resp, err := crowdClient.Do(req)
	require.NoError(s.T, err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(s.T, err)
	require.Equal(s.T, 201, resp.StatusCode, string(answer))
	require.Contains(s.T, string(answer), "_secret_", "the intent is counted in")
}

// recording notes the statements of one checkout, to play them again for others.
type recording struct {
	on    atomic.Bool
	mu    sync.Mutex
	lines []pgx.TraceQueryStartData
}

func (r *recording) begin() { r.on.Store(true) }

func (r *recording) end() { r.on.Store(false) }

// TraceQueryStart satisfies pgx.QueryTracer.
func (r *recording) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if r.on.Load() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lines = append(r.lines, data)
	}
	return ctx
}

// TraceQueryEnd satisfies pgx.QueryTracer.
func (r *recording) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

var (
	anID    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|pi_[0-9a-f]+`)
	aNumber = regexp.MustCompile(`AT-[0-9A-Z]{4}-[0-9A-Z]{4}`)
)

// play runs the statements for another customer, with new ids for everything that the order makes.
func (r *recording) play(ctx context.Context, pool *pgxpool.Pool, keep map[string]bool, was, is customer) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	ids := map[string]string{was.user.String(): is.user.String(), was.address.String(): is.address.String()}
	number := "AT-" + strings.ToUpper(uuid.NewString()[:4]) + "-" + strings.ToUpper(uuid.NewString()[:4])
	renew := func(text string) string {
		text = anID.ReplaceAllStringFunc(text, func(id string) string {
			if keep[id] {
				return id
			}
			if ids[id] == "" {
				ids[id] = uuid.NewString()
			}
			return ids[id]
		})
		return aNumber.ReplaceAllString(text, number)
	}
	for _, line := range r.lines {
		args := make([]any, len(line.Args))
		for i, arg := range line.Args {
			args[i] = renewed(arg, renew)
		}
		rows, err := conn.Query(ctx, line.SQL, args...)
		if err != nil {
			return err
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

func renewed(arg any, renew func(string) string) any {
	if id, ok := arg.(*uuid.UUID); ok && id == nil {
		return nil
	}
	if valuer, ok := arg.(driver.Valuer); ok {
		arg, _ = valuer.Value() // plain values cannot fail
	}
	switch v := arg.(type) {
	case string:
		return renew(v)
	case *string:
		if v == nil {
			return nil
		}
		return renew(*v)
	case []string:
		all := make([]string, len(v))
		for i := range v {
			all[i] = renew(v[i])
		}
		return all
	case []uuid.UUID:
		all := make([]string, len(v))
		for i := range v {
			all[i] = renew(v[i].String())
		}
		return all
	}
	return arg
}
