package importer_test

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
	"atrium/modules/uploads/internal/importer"
	"atrium/modules/uploads/internal/moduletest"
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
			_, _ = w.Write(moduletest.Flood(64_250, 64_250))
		case r.URL.Path == "/large":
			_, _ = w.Write(make([]byte, importer.MaxBytes+1))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(g.Close)
	return g
}

func imports(b *moduletest.Bundle) (n int) {
	b.T.Helper()
	require.NoError(b.T, b.DB.Conn(b.T.Context()).Raw("SELECT count(*) FROM upload_imports").Scan(&n).Error)
	return n
}

func importFrom(b *moduletest.Bundle, address string) uuid.UUID {
	b.T.Helper()
	id, err := b.Importer.Import(b.T.Context(), b.Owner, address)
	require.NoError(b.T, err)
	return id
}

func TestAPictureIsImported(t *testing.T) {
	b := moduletest.Setup(t)
	g := openGallery(t, moduletest.WithEXIF(t, moduletest.Picture(t, 300, 200), 6))
	id := importFrom(b, g.URL+"/picture")
	found, err := b.Library.Photos(t.Context(), []uuid.UUID{id})
	require.NoError(t, err)
	require.Empty(t, found, "not yet")
	require.NotContains(t, b.Payloads(), g.URL, "the address is about a person")

	b.Drain()
	p := b.Photo(id)
	require.Equal(t, [2]int{200, 300}, [2]int{p.Width, p.Height})
	require.Nil(t, p.URLsExpireAt, "an avatar is for everybody")
	for _, format := range p.Formats {
		status, body := moduletest.Fetch(t, p, 300, format)
		require.Equal(t, http.StatusOK, status)
		moduletest.RequireNoMetadata(t, body)
	}
	require.Zero(t, imports(b))
	require.ErrorIs(t, b.Claim(t.Context(), uploads.Some, id), uploads.ErrNotUsable, "it is used")
	require.NoError(t, b.Cleanup.Sweep(t.Context(), 0))
	b.Photo(id)
	require.NoError(t, b.Importer.Fetch(t.Context(), id), "again does nothing")
	require.EqualValues(t, 1, g.visits.Load())
}

func TestWhatCannotBeImportedIsForgotten(t *testing.T) {
	b := moduletest.Setup(t)
	g := openGallery(t, nil)
	ids := []uuid.UUID{
		importFrom(b, g.URL+"/nothing"), importFrom(b, g.URL+"/text"), importFrom(b, g.URL+"/flood"), importFrom(b, g.URL+"/large"),
		importFrom(b, "http://169.254.169.254/latest/meta-data/"), importFrom(b, "file:///etc/passwd"), importFrom(b, "not an address"),
	}
	b.Drain()
	require.Zero(t, imports(b))
	rows, err := b.Uploads.FindAll(t.Context(), ids)
	require.NoError(t, err)
	require.Empty(t, rows)
}

func TestAnImportThatMeetsABusyServerIsTriedAgain(t *testing.T) {
	b := moduletest.Setup(t)
	g := openGallery(t, moduletest.Picture(t, 90, 60))
	g.busy.Store(true)
	id := importFrom(b, g.URL+"/picture")
	require.Error(t, taskstest.Try(t, b.DB, b.Handlers...)[0].Err)
	require.Equal(t, 1, imports(b))
	g.busy.Store(false)
	b.Drain()
	b.Photo(id)
}

func TestAnImportThatIsGivenUpLeavesNothingBehind(t *testing.T) {
	b := moduletest.Setup(t)
	ctx := t.Context()
	g := openGallery(t, moduletest.Picture(t, 90, 60))

	early := importFrom(b, g.URL+"/picture")
	require.NoError(t, b.Library.Release(ctx, []uuid.UUID{early}))
	b.Drain()
	require.Zero(t, g.visits.Load(), "released before it was fetched")

	late := importFrom(b, g.URL+"/picture")
	wanted, err := b.Imports.Find(ctx, late)
	require.NoError(t, err)
	require.NoError(t, b.Library.Release(ctx, []uuid.UUID{late}))
	require.NoError(t, b.Importer.Accept(ctx, wanted, moduletest.Picture(t, 90, 60))) // fetched while it was released
	keys, err := b.Blobs.List(ctx, "quarantine/"+b.Owner.String(), "", 10)
	require.NoError(t, err)
	require.Empty(t, keys)

	importFrom(b, g.URL+"/picture")
	require.NoError(t, b.DB.InTx(ctx, func(ctx context.Context) error {
		return outbox.New(b.DB).Publish(ctx, users.Deleted{UserID: b.Owner})
	}))
	b.Drain()
	require.Zero(t, imports(b), "with the person")
	importFrom(b, g.URL+"/picture")
	require.NoError(t, b.Cleanup.Sweep(ctx, 0))
	require.Zero(t, imports(b), "with the time")
	require.False(t, strings.Contains(b.Payloads(), g.URL))
}
