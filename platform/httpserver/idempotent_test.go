package httpserver_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/apptest"
	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/fault"
	"atrium/platform/httpserver"
	"atrium/platform/idempotency"
)

// orders counts how often its handlers run.
type orders struct {
	db   *database.DB
	runs atomic.Int32
	fail atomic.Value // an error for the next run
	gate chan struct{}

	panics atomic.Bool
}

type placeOrder struct {
	Body struct {
		Note string `json:"note" maxLength:"10"`
	}
}

type order struct {
	ID uuid.UUID `json:"id"`
}

func (o *orders) routes(r *httpserver.Router) {
	place := func(ctx context.Context, _ *placeOrder) (*httpserver.Answer[order], error) {
		o.runs.Add(1)
		if o.gate != nil {
			<-o.gate
		}
		if id, ok := idempotency.Attached(ctx); ok {
			return &httpserver.Answer[order]{Body: order{id}}, nil
		}
		id := uuid.New()
		if o.panics.Swap(false) {
			panic("out of paper")
		}
		err := o.db.InTx(ctx, func(ctx context.Context) error { return idempotency.Attach(ctx, id) })
		if err != nil {
			return nil, err
		}
		if err, ok := o.fail.Swap(error(errNothing)).(error); ok && !errors.Is(err, errNothing) {
			return nil, err
		}
		return &httpserver.Answer[order]{Body: order{id}, Location: "/v1/orders/" + id.String()}, nil
	}
	o.fail.Store(error(errNothing))
	httpserver.Handle(r, httpserver.Route{Method: "POST", Path: "/orders", Name: "place", Summary: "Place", Status: 201, Outside: true}, place)
	httpserver.Handle(r, httpserver.Route{Method: "POST", Path: "/checkout", Name: "checkout", Summary: "Check out", Key: httpserver.KeyRequired, Outside: true}, place)
	httpserver.Handle(r, httpserver.Route{Method: "POST", Path: "/auth/orders", Name: "ignored", Summary: "Ignores keys"}, place)
}

// errNothing keeps the type in atomic.Value the same.
var errNothing = fault.New(fault.KindInternal, "orders.none", "")

func place(app *apptest.App, t *testing.T, user uuid.UUID, path, key, note string) *apptest.Response {
	t.Helper()
	request := apptest.Request{Method: "POST", Path: path, Token: apptest.As(user), Body: map[string]string{"note": note}}
	if key != "" {
		request.Header = map[string]string{"Idempotency-Key": key}
	}
	return app.Do(t, request)
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	db := dbtest.Clone(t)
	o := &orders{db: db}
	app := apptest.NewOn(t, db, httpserver.Routes{Module: "orders", Register: o.routes})
	bob := uuid.MustParse("01890000-0000-7000-8000-0000000000b0")
	runs := func(f func()) int32 {
		before := o.runs.Load()
		f()
		return o.runs.Load() - before
	}

	t.Run("a repetition gets the first answer", func(t *testing.T) {
		require.EqualValues(t, 1, runs(func() {
			first := place(app, t, ana, "/v1/orders", "k1", "a").Want(201)
			again := place(app, t, ana, "/v1/orders", "k1", "a").Want(201)
			require.Equal(t, first.Body, again.Body)
			require.Equal(t, first.Header.Get("Location"), again.Header.Get("Location"))
			require.Equal(t, "application/json", again.Header.Get("Content-Type"))
			require.Empty(t, first.Header.Get("Idempotent-Replayed"))
			require.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))
			require.NotEqual(t, first.Header.Get("X-Request-Id"), again.Header.Get("X-Request-Id"))
		}))
	})
	t.Run("another body, or another query, is refused", func(t *testing.T) {
		wantProblem(t, place(app, t, ana, "/v1/orders", "k1", "b"), 422, "idempotency.key_reused")
		wantProblem(t, place(app, t, ana, "/v1/orders?x=1", "k1", "a"), 422, "idempotency.key_reused")
	})
	t.Run("another person or route is another request", func(t *testing.T) {
		require.EqualValues(t, 2, runs(func() {
			require.Empty(t, place(app, t, bob, "/v1/orders", "k1", "a").Want(201).Header.Get("Idempotent-Replayed"))
			require.Empty(t, place(app, t, ana, "/v1/checkout", "k1", "a").Want(200).Header.Get("Idempotent-Replayed"))
		}))
	})
	t.Run("a refusal is an answer too", func(t *testing.T) {
		wantProblem(t, place(app, t, ana, "/v1/orders", "k2", "far too long"), 422, "request.invalid")
		again := place(app, t, ana, "/v1/orders", "k2", "far too long").Want(422)
		require.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))
		require.Equal(t, "application/problem+json", again.Header.Get("Content-Type"))
	})
	t.Run("our own failure is not: the repetition finishes what was begun", func(t *testing.T) {
		o.fail.Store(error(fault.Unavailable("orders.down", "Down.")))
		require.EqualValues(t, 2, runs(func() {
			place(app, t, ana, "/v1/orders", "k3", "a").Want(503)
			finished := place(app, t, ana, "/v1/orders", "k3", "a").Want(201)
			require.Empty(t, finished.Header.Get("Location"), "the handler saw what was attached")
		}))
	})
	t.Run("nor is a panic", func(t *testing.T) {
		o.panics.Store(true)
		wantProblem(t, place(app, t, ana, "/v1/orders", "k5", "a"), 500, "internal")
		place(app, t, ana, "/v1/orders", "k5", "a").Want(201)
	})
	t.Run("keys are required where money moves", func(t *testing.T) {
		wantProblem(t, place(app, t, ana, "/v1/checkout", "", "a"), 400, "idempotency.key_required")
	})
	t.Run("a key is visible ASCII", func(t *testing.T) {
		for _, key := range []string{"two words", "caf\u00e9", strings.Repeat("k", 256)} {
			wantProblem(t, place(app, t, ana, "/v1/orders", key, "a"), 400, "idempotency.key_malformed")
		}
	})
	t.Run("auth and webhooks ignore keys", func(t *testing.T) {
		require.EqualValues(t, 2, runs(func() {
			place(app, t, ana, "/v1/auth/orders", "k4", "a").Want(200)
			place(app, t, ana, "/v1/auth/orders", "k4", "a").Want(200)
		}))
	})
}

func TestConcurrentKeys(t *testing.T) {
	t.Parallel()
	db := dbtest.Clone(t)
	o := &orders{db: db, gate: make(chan struct{})}
	app := apptest.NewOn(t, db, httpserver.Routes{Module: "orders", Register: o.routes})
	const callers = 20
	answers := make(chan *apptest.Response, callers)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() { answers <- place(app, t, ana, "/v1/orders", "same", "a") })
	}
	for range callers - 1 { // all but the one that runs
		wantProblem(t, <-answers, http.StatusConflict, "idempotency.in_progress")
	}
	close(o.gate)
	all.Wait()
	first := (<-answers).Want(201)
	require.Equal(t, first.Body, place(app, t, ana, "/v1/orders", "same", "a").Want(201).Body)
	require.EqualValues(t, 1, o.runs.Load())
}

// A POST is one transaction with the record of its answer: nobody can find the one without the other. What fails afterwards takes back
// what was done, and a deadlock is tried again.
func TestFault_R11_APOSTAndItsAnswerAreOneTransaction(t *testing.T) {
	t.Parallel()
	db := dbtest.Clone(t)
	require.NoError(t, db.Conn(t.Context()).Exec("CREATE TABLE notes (id uuid, made_in xid8 DEFAULT pg_current_xact_id())").Error)
	require.NoError(t, db.Conn(t.Context()).Exec("ALTER TABLE idempotency_records ADD COLUMN kept_in xid8").Error)
	require.NoError(t, db.Conn(t.Context()).Exec(`
		CREATE FUNCTION note_transaction() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.kept_in := pg_current_xact_id(); RETURN NEW; END';
		CREATE TRIGGER note_transaction BEFORE UPDATE ON idempotency_records FOR EACH ROW EXECUTE FUNCTION note_transaction()`).Error)
	var failing atomic.Value
	write := func(ctx context.Context, _ *placeOrder) (*httpserver.Answer[order], error) {
		id := uuid.New()
		err := db.InTx(ctx, func(ctx context.Context) error {
			return db.Conn(ctx).Exec("INSERT INTO notes (id) VALUES (?)", id).Error
		})
		if err == nil {
			err, _ = failing.Swap(error(errNothing)).(error)
		}
		if err != nil && !errors.Is(err, errNothing) {
			return nil, err
		}
		return &httpserver.Answer[order]{Body: order{id}, Location: "/v1/notes/" + id.String()}, nil
	}
	failing.Store(error(errNothing))
	app := apptest.NewOn(t, db, httpserver.Routes{Module: "notes", Register: func(r *httpserver.Router) {
		httpserver.Handle(r, httpserver.Route{Method: "POST", Path: "/notes", Name: "note", Summary: "Note", Status: 201}, write)
	}})
	number := func(query string) (n int) {
		require.NoError(t, db.Conn(t.Context()).Raw(query).Scan(&n).Error)
		return n
	}
	for n, key := range []string{"", "k1", "k2"} {
		first := place(app, t, ana, "/v1/notes", key, "a").Want(201)
		again := place(app, t, ana, "/v1/notes", key, "a").Want(201)
		require.Equal(t, key != "", string(first.Body) == string(again.Body) && first.Header.Get("Location") == again.Header.Get("Location"))
		require.Equal(t, n, number("SELECT count(*) FROM notes n JOIN idempotency_records r ON r.kept_in = n.made_in AND r.status = 201"))
	}
	require.Equal(t, 4, number("SELECT count(*) FROM notes"))

	failing.Store(error(fault.Unavailable("notes.down", "Down.")))
	place(app, t, ana, "/v1/notes", "k3", "a").Want(503)
	require.Equal(t, 4, number("SELECT count(*) FROM notes"), "what was not answered was not done")
	place(app, t, ana, "/v1/notes", "k3", "a").Want(201)
	require.Equal(t, 5, number("SELECT count(*) FROM notes"))

	failing.Store(error(fault.Conflict("notes.full", "Full.")))
	wantProblem(t, place(app, t, ana, "/v1/notes", "k4", "a"), 409, "notes.full")
	require.Equal(t, "true", place(app, t, ana, "/v1/notes", "k4", "a").Want(409).Header.Get("Idempotent-Replayed"))
	require.Equal(t, 5, number("SELECT count(*) FROM notes"))
}
