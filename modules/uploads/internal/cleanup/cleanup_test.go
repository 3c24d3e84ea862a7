package cleanup_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/moduletest"
	"atrium/modules/uploads/internal/upload"
)

func TestSweep(t *testing.T) {
	b := moduletest.Setup(t)
	ctx := t.Context()
	used, unused := b.AddReady(), b.AddReady()
	require.NoError(t, b.Claim(ctx, uploads.Some, used))
	pending := b.Create("image/jpeg", []byte("x")).ID
	require.NoError(t, b.Cleanup.Sweep(ctx, time.Hour))
	require.Equal(t, string(upload.Ready), b.Find(unused).Status, "young ones stay")

	u, err := b.Uploads.Find(ctx, unused)
	require.NoError(t, err)
	require.NoError(t, b.Cleanup.Sweep(ctx, 0))
	b.RequireErased(u)
	_, err = b.Uploads.Find(ctx, pending)
	require.ErrorIs(t, err, uploads.ErrNotFound)
	require.Equal(t, string(upload.Ready), b.Find(used).Status)
	status, _ := moduletest.Fetch(t, b.Photo(used), 300, "jpeg")
	require.Equal(t, http.StatusOK, status)
}
