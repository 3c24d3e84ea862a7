package internal

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/outbox"
	"atrium/platform/tasks/taskstest"
)

// gallery is a provider that keeps people's pictures.
type gallery struct {
	*httptest.Server
	visits atomic.Int32
	busy   atomic.Bool
}

func openGallery(t *testing.T, picture []byte) *gallery {
	t.Helper()
	g := &gallery{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.visits.Add(1)
		switch {
		case g.busy.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/picture":
			_, _ = w.Write(picture)
		case r.URL.Path == "/text":
			_, _ = w.Write([]byte("no picture"))
		case r.URL.Path == "/flood":
			_, _ = w.Write(flood(64_250, 64_250))
		case r.URL.Path == "/large":
			_, _ = w.Write(make([]byte, mostImported+1))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(g.Close)
	return g
}

func (b *bundle) imports() (n int) {
	b.t.Helper()
	require.NoError(b.t, b.db.Conn(b.t.Context()).Raw("SELECT count(*) FROM upload_imports").Scan(&n).Error)
	return n
}

func (b *bundle) importFrom(address string) uuid.UUID {
	b.t.Helper()
	id, err := b.importer.Import(b.t.Context(), b.owner, address)
	require.NoError(b.t, err)
	return id
}

func TestAPictureIsImported(t *testing.T) {
	b := setup(t)
	g := openGallery(t, withEXIF(t, picture(t, 300, 200), 6))
	id := b.importFrom(g.URL + "/picture")
	found, err := b.library.Photos(t.Context(), []uuid.UUID{id})
	require.NoError(t, err)
	require.Empty(t, found, "not yet")
	require.NotContains(t, b.payloads(), g.URL, "the address is about a person")

	b.drain()
	p := b.photo(id)
	require.Equal(t, [2]int{200, 300}, [2]int{p.Width, p.Height})
	require.Nil(t, p.URLsExpireAt, "an avatar is for everybody")
	for _, format := range p.Formats {
		status, body := fetch(t, p, 300, format)
		require.Equal(t, http.StatusOK, status)
		leaks(t, body)
	}
	require.Zero(t, b.imports())
	require.ErrorIs(t, b.claim(t.Context(), uploads.Some, id), uploads.ErrNotUsable, "it is used")
	require.NoError(t, b.keeper.Sweep(t.Context(), 0))
	b.photo(id)
	require.NoError(t, b.importer.Fetch(t.Context(), id), "again does nothing")
	require.EqualValues(t, 1, g.visits.Load())
}

// payloads is all that the outbox holds.
func (b *bundle) payloads() (all string) {
	b.t.Helper()
	require.NoError(b.t, b.db.Conn(b.t.Context()).Raw("SELECT string_agg(payload::text, ' ') FROM outbox").Scan(&all).Error)
	return all
}

func TestWhatCannotBeImportedIsForgotten(t *testing.T) {
	b := setup(t)
	g := openGallery(t, nil)
	ids := []uuid.UUID{
		b.importFrom(g.URL + "/nothing"), b.importFrom(g.URL + "/text"), b.importFrom(g.URL + "/flood"), b.importFrom(g.URL + "/large"),
		b.importFrom("http://169.254.169.254/latest/meta-data/"), b.importFrom("file:///etc/passwd"), b.importFrom("not an address"),
	}
	b.drain()
	require.Zero(t, b.imports())
	rows, err := b.store.all(t.Context(), ids)
	require.NoError(t, err)
	require.Empty(t, rows)
}

func TestAnImportThatMeetsABusyServerIsTriedAgain(t *testing.T) {
	b := setup(t)
	g := openGallery(t, picture(t, 90, 60))
	g.busy.Store(true)
	id := b.importFrom(g.URL + "/picture")
	require.Error(t, taskstest.Try(t, b.db, b.handlers...)[0].Err)
	require.Equal(t, 1, b.imports())
	g.busy.Store(false)
	b.drain()
	b.photo(id)
}

func TestAnImportThatIsGivenUpLeavesNothingBehind(t *testing.T) {
	b := setup(t)
	ctx := t.Context()
	g := openGallery(t, picture(t, 90, 60))

	early := b.importFrom(g.URL + "/picture")
	require.NoError(t, b.library.Release(ctx, []uuid.UUID{early}))
	b.drain()
	require.Zero(t, g.visits.Load(), "released before it was fetched")

	late := b.importFrom(g.URL + "/picture")
	wanted, err := b.store.findImport(ctx, late)
	require.NoError(t, err)
	require.NoError(t, b.library.Release(ctx, []uuid.UUID{late}))
	require.NoError(t, b.importer.take(ctx, wanted, picture(t, 90, 60))) // fetched while it was released
	keys, err := b.blobs.List(ctx, "quarantine/"+b.owner.String(), "", 10)
	require.NoError(t, err)
	require.Empty(t, keys)

	b.importFrom(g.URL + "/picture")
	require.NoError(t, b.db.InTx(ctx, func(ctx context.Context) error {
		return outbox.New(b.db).Publish(ctx, users.Deleted{UserID: b.owner})
	}))
	b.drain()
	require.Zero(t, b.imports(), "with the person")
	b.importFrom(g.URL + "/picture")
	require.NoError(t, b.keeper.Sweep(ctx, 0))
	require.Zero(t, b.imports(), "with the time")
	require.False(t, strings.Contains(b.payloads(), g.URL))
}
