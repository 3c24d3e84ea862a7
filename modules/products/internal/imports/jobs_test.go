package imports_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/modules/products"
	"atrium/modules/users"
	"atrium/platform/apptest"
	"atrium/platform/dbtest"
	"atrium/platform/identity"
	"atrium/platform/outbox"
	"atrium/platform/stacktest"
	"atrium/platform/tasks"
	"atrium/platform/tasks/taskstest"
)

const path = "/v1/admin/products/import"

// begin sends a file, and returns the import.
func (s *bundle) begin(token, body string) *apptest.Response {
	s.TB.Helper()
	return s.App.Do(s.TB, apptest.Request{Method: "POST", Path: path, Token: token, Body: body, Header: map[string]string{"Content-Type": "text/csv"}})
}

func TestFault_I5_AnImportIsAJob(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	other, support, admin := apptest.As(uuid.New(), identity.RoleSeller), apptest.As(uuid.New(), identity.RoleSupport), apptest.As(uuid.New(), identity.RoleAdmin)
	answer := s.begin(s.Token, header+row("A-1", "Vase")).Want(202)
	begun := answer.JSON()
	id := begun["id"].(string)
	require.Equal(t, "/v1/admin/imports/"+id, answer.Header.Get("Location"))
	require.Equal(t, "queued", begun["status"])
	require.Equal(t, []any{}, begun["problems"])
	require.Equal(t, begun, s.read(id, s.Token).Want(200).JSON())
	require.Empty(t, s.Found("q=vase"), "nothing before the job")

	t.Run("one at a time per person", func(t *testing.T) {
		require.Equal(t, "products.import_running", s.begin(s.Token, header+row("A-2", "Vase")).Want(409).Code())
		s.begin(other, header+row("B-1", "Rug")).Want(202)
	})
	t.Run("what cannot be read is refused at once, and leaves nothing", func(t *testing.T) {
		for body, status := range map[string]int{"sku,colour\n": 422, "": 422, strings.Repeat("x", 300<<10) + "\n": 422} {
			require.Equal(t, "products.import_header", s.begin(admin, body).Want(status).Code())
		}
		require.EqualValues(t, 2, s.Number(`SELECT count(*) FROM product_import_files`))
	})
	t.Run("who began it, support and admins read it", func(t *testing.T) {
		for token, status := range map[string]int{s.Token: 200, support: 200, admin: 200, other: 404, apptest.As(uuid.New()): 403, "": 401} {
			s.read(id, token).Want(status)
		}
		s.read(uuid.NewString(), admin).Want(404)
		s.read("x", admin).Want(404)
	})
	cancel := func(token string) *apptest.Response {
		return s.App.Do(t, apptest.Request{Method: "DELETE", Path: "/v1/admin/imports/" + id, Token: token})
	}
	t.Run("support cannot cancel it, who began it can, twice", func(t *testing.T) {
		cancel(support).Want(403)
		cancel(other).Want(404)
		cancel(s.Token).Want(204)
		cancel(s.Token).Want(204)
		taskstest.Drain(t, s.DB, s.Handlers...)
		require.Equal(t, "cancelled", s.read(id, s.Token).Want(200).JSON()["status"])
		require.Equal(t, []string{"Rug"}, s.Found("sort=newest"))
	})
	t.Run("then the next one may begin, and one that is done cannot be cancelled", func(t *testing.T) {
		report := s.importing("", "text/csv", header+row("A-1", "Vase")+row("A-1", "Vase again")+row("A-3", "Vase"))
		require.Equal(t, [5]int{3, 2, 0, 0, 1}, counts(report), "%v", report)
		require.NotNil(t, report["finished_at"])
		id = report["id"].(string)
		require.Equal(t, "products.import_finished", cancel(s.Token).Want(409).Code())
	})
	t.Run("a dry run of many lines ends, and changes nothing", func(t *testing.T) {
		report := s.importing("?dry_run", "text/csv", "sku,product,name,category,price_amount,price_currency,on_hand\n"+
			"D-0,dry,Dry,decor,1,EUR,1\n"+strings.Repeat(row("D-0", "Dry"), 600)+"D-1,dry,,,2,EUR,\nD-2,dry,,cars,2,EUR,\n")
		require.Equal(t, [5]int{603, 2, 0, 0, 601}, counts(report))
		require.Zero(t, s.Number(`SELECT count(*) FROM product_variants WHERE sku LIKE 'D-%'`))
	})
	t.Run("it is kept for 30 days, an upload that broke off for one", func(t *testing.T) {
		require.NoError(t, s.DB.Conn(t.Context()).Exec(`INSERT INTO product_import_files (import_id, part, content, kept_at) VALUES (gen_random_uuid(), 0, '', now() - interval '2 days')`).Error)
		require.NoError(t, s.DB.Conn(t.Context()).Exec(`UPDATE product_imports SET created_at = now() - interval '29 days'`).Error)
		require.NoError(t, s.Schedules["products.clean_imports"](t.Context()))
		s.read(id, s.Token).Want(200)
		require.Equal(t, s.Number(`SELECT count(*) FROM product_imports`), s.Number(`SELECT count(*) FROM product_import_files`))
		require.NoError(t, s.DB.Conn(t.Context()).Exec(`UPDATE product_imports SET created_at = now() - interval '31 days'`).Error)
		require.NoError(t, s.Schedules["products.clean_imports"](t.Context()))
		s.read(id, s.Token).Want(404)
		require.Zero(t, s.Number(`SELECT count(*) FROM product_import_files`))
	})
	t.Run("who is suspended meanwhile imports nothing", func(t *testing.T) {
		shop := s.People.Add("shop")
		begun := s.begin(apptest.As(shop, identity.RoleSeller), header+row("S-1", "Late")).Want(202).JSON()
		s.People.SetStanding(shop, users.Standing{Suspended: true})
		taskstest.Drain(t, s.DB, s.Handlers...)
		require.Equal(t, "failed", s.read(begun["id"].(string), admin).Want(200).JSON()["status"])
		require.Empty(t, s.Found("q=late"))
	})
	t.Run("one that nobody goes on with does not stand in the way for ever", func(t *testing.T) {
		begun := s.begin(admin, header+row("S-2", "Stuck")).Want(202).JSON()
		require.NoError(t, s.DB.Conn(t.Context()).Exec(`UPDATE product_imports SET moved_at = now() - interval '2 days'`).Error)
		require.NoError(t, s.Schedules["products.clean_imports"](t.Context()))
		require.Equal(t, "failed", s.read(begun["id"].(string), admin).Want(200).JSON()["status"])
	})
}

// many is a file of new products, of which each third has a second variant.
func many(n int) string {
	var file strings.Builder
	file.WriteString("sku,product,name,brand,description,category,tags,materials,width_mm,options,price_amount,price_currency,on_hand\n")
	for i := range n {
		product := i
		if i%3 == 2 {
			product--
		}
		fmt.Fprintf(&file, "M-%d,lamp-%d,Lamp no. %d,Nordlys %d,\"A lamp, %d\nof brass\",lighting,tall|new,brass,%d,color=brass,%d,EUR,%d\n",
			i, product, product, product%50, product, 100+product%900, 1000+i, i%7)
	}
	return file.String()
}

func TestFault_I5_KilledAndResumedWithoutADouble(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	n := stacktest.Budget(2400, 10_000)
	begun := s.begin(s.Token, many(n)).Want(202).JSON()
	registry, err := tasks.NewRegistry(s.DB, s.Handlers)
	require.NoError(t, err)
	relay := outbox.NewRelay(s.DB, outbox.Receivers{SubscribersOf: registry.SubscribersOf}, zap.NewNop(), outbox.Config{BatchSize: 1})
	rows := func() int64 { return s.Number(`SELECT rows FROM product_imports`) }
	taken, err := relay.Take(t.Context())
	require.NoError(t, err)
	for kill := int64(1); rows() < int64(n)/2; kill += 500 { // one worker after the other dies in the middle
		life, die := context.WithCancel(t.Context())
		var watch sync.WaitGroup
		watch.Go(func() {
			for life.Err() == nil && rows() < kill {
				runtime.Gosched()
			}
			die()
		})
		_ = registry.Run(life, taken.Deliveries[0])
		watch.Wait()
		require.NoError(t, s.DB.Conn(t.Context()).Exec(`UPDATE event_receipts SET claimed_until = now() WHERE done_at IS NULL`).Error)
	}
	seen := s.read(begun["id"].(string), s.Token).Want(200).JSON()
	require.Equal(t, "running", seen["status"])
	require.Positive(t, seen["rows"], "progress is seen")
	require.Less(t, int(seen["rows"].(float64)), n)

	var all sync.WaitGroup
	for range 3 { // and three who believe that it is theirs
		all.Go(func() { _ = s.imports(t)(t.Context()) })
	}
	all.Wait()
	report := s.done(begun, s.Token)
	require.Equal(t, [5]int{n, n, 0, 0, 0}, counts(report), "%v", report["problems"])
	homes := int64(n - n/3)
	for query, want := range map[string]int64{
		`SELECT count(*) FROM products WHERE version = 1`:                                                                    homes,
		`SELECT count(*) FROM product_variants WHERE version = 1`:                                                            int64(n),
		`SELECT count(DISTINCT sku) FROM product_variants`:                                                                   int64(n),
		`SELECT count(*) FROM price_history`:                                                                                 int64(n),
		`SELECT count(*) FROM stock_movements`:                                                                               s.Number(`SELECT count(*) FROM product_variants WHERE on_hand > 0`),
		`SELECT sum(on_hand) FROM product_variants`:                                                                          s.Number(`SELECT sum(on_hand_delta) FROM stock_movements`),
		`SELECT count(*) FROM product_listings WHERE visible AND price_amount IS NOT NULL`:                                   homes,
		`SELECT count(*) FROM product_tags`:                                                                                  2 * homes,
		`SELECT count(*) FROM products p JOIN product_variants v ON v.product_id = p.id AND v.price_amount < p.price_amount`: 0,
		`SELECT count(*) FROM product_import_lines`:                                                                          0,
	} {
		require.Equal(t, want, s.Number(query), query)
	}
	require.NotEmpty(t, taskstest.Events[products.Changed](t, s.DB))
	require.Equal(t, []string{"Lamp no. 7"}, s.Found("q=lamp+no+7&max_price=1007&min_price=1007"))
	before := s.Number(`SELECT count(*) FROM outbox WHERE kind = 'event'`)
	require.Equal(t, [5]int{n, 0, 0, n, 0}, counts(s.importing("", "text/csv", many(n))), "sent again, it changes nothing")
	require.Equal(t, before, s.Number(`SELECT count(*) FROM outbox WHERE kind = 'event'`))
}

// imports is the import's own handler, past receipts and leases.
func (s *bundle) imports(t *testing.T) func(context.Context) error {
	t.Helper()
	return func(ctx context.Context) error {
		id := uuid.New()
		err := s.DB.Conn(ctx).Exec(`INSERT INTO outbox (id, kind, name, payload, available_at, due_at) SELECT ?, 'task', 'products.import', jsonb_build_object('import_id', id), now(), now()
			FROM product_imports`, id).Error
		if err != nil {
			return err
		}
		registry, err := tasks.NewRegistry(s.DB, s.Handlers)
		if err != nil {
			return err
		}
		var payload string
		if err := s.DB.Conn(ctx).Raw(`SELECT payload::text FROM outbox WHERE id = ?`, id).Scan(&payload).Error; err != nil {
			return err
		}
		return registry.Run(ctx, outbox.Delivery{ID: id, Kind: outbox.KindTask, Name: "products.import", Subscriber: "products.import", Payload: []byte(payload)})
	}
}

// SOAK=1 counts: 10,000 new products in less than a minute, with at most 64 MB more memory.
func TestFault_I5_TenThousandInAMinute(t *testing.T) {
	if stacktest.Budget(0, 1) == 1 {
		t.Log("alone, so that its figures are its own")
	} else {
		t.Parallel()
	}
	s := setup(t, dbtest.Clone)
	n := stacktest.Budget(1000, 10_000)
	var file strings.Builder
	file.WriteString(header)
	for i := range n {
		file.WriteString(row(fmt.Sprint("T-", i), fmt.Sprintf("Table number %d of oak", i)))
	}
	content := file.String()
	begun := s.begin(s.Token, content).Want(http.StatusAccepted).JSON()
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	done, peak := make(chan struct{}), uint64(0)
	var watch sync.WaitGroup
	watch.Go(func() {
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapInuse)
			}
		}
	})
	start := time.Now()
	require.NoError(t, s.imports(t)(t.Context()))
	for s.Number(`SELECT count(*) FROM product_imports WHERE status = 'running'`) == 1 { // the next turn
		require.NoError(t, s.imports(t)(t.Context()))
	}
	took := time.Since(start)
	close(done)
	watch.Wait()
	report := s.read(begun["id"].(string), s.Token).Want(200).JSON()
	require.Equal(t, [5]int{n, n, 0, 0, 0}, counts(report), "%v", report["problems"])
	more := (int64(peak) - int64(before.HeapInuse)) >> 20
	t.Logf("%d new products in %v: %.0f a minute; %d MB more memory", n, took.Round(time.Millisecond), float64(n)/took.Minutes(), more)
	if stacktest.Budget(0, 1) == 1 {
		require.Less(t, took, time.Minute)
		require.LessOrEqual(t, more, int64(64))
	}
}
