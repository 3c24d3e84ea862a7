package library_test

import (
	"context"
	"errors"
	"image/color"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/lucasb-eyer/go-colorful"
	"github.com/stretchr/testify/require"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/library"
	"atrium/modules/uploads/internal/moduletest"
	"atrium/modules/uploads/internal/upload"
	"atrium/modules/users"
	"atrium/platform/fault"
	"atrium/platform/outbox"
	"atrium/platform/tasks/taskstest"
)

func TestClaim(t *testing.T) {
	b := moduletest.Setup(t)
	ctx := t.Context()

	t.Run("names everything that is wrong, and takes nothing", func(t *testing.T) {
		good, foreign, used := b.AddRow(b.Owner), b.AddRow(uuid.New()), b.AddRow(b.Owner)
		unready := b.Create("image/jpeg", []byte("x")).ID
		require.NoError(t, b.Claim(ctx, uploads.Some, used))
		err := b.Library.Claim(ctx, uploads.Claim{
			Owner: b.Owner, Uploads: []uuid.UUID{good, foreign, used, unready, uuid.New(), good}, Pointer: "/body/photos",
			Alts: []string{strings.Repeat("é", 1001), "", "", "", "", ""},
		})
		require.ErrorIs(t, err, uploads.ErrNotUsable)
		var wrong *fault.Error
		require.True(t, errors.As(err, &wrong))
		var pointers []string
		for _, f := range wrong.Fields {
			pointers = append(pointers, f.Pointer)
		}
		require.Equal(t, []string{
			"/body/photos/0/alt", "/body/photos/1/upload_id", "/body/photos/2/upload_id",
			"/body/photos/3/upload_id", "/body/photos/4/upload_id", "/body/photos/5/upload_id",
		}, pointers)
		require.NoError(t, b.Claim(ctx, uploads.Some, good), "the good one is still free")
	})

	t.Run("keeps the texts, without what nobody sees", func(t *testing.T) {
		one, two := b.AddRow(b.Owner), b.AddRow(b.Owner)
		require.NoError(t, b.Library.Claim(ctx, uploads.Claim{
			Owner: b.Owner, Uploads: []uuid.UUID{one, two}, Alts: []string{" a \u202esofa\u0007\n", "\u2800"}, Audience: uploads.Some,
		}))
		require.Equal(t, "a sofa", b.Photo(one).Alt)
		require.Empty(t, b.Photo(two).Alt)
	})

	t.Run("goes with the transaction around it", func(t *testing.T) {
		id := b.AddRow(b.Owner)
		rolledBack := errors.New("rolled back")
		err := b.DB.InTx(ctx, func(ctx context.Context) error {
			require.NoError(t, b.Claim(ctx, uploads.Everybody, id))
			return rolledBack
		})
		require.ErrorIs(t, err, rolledBack)
		require.NoError(t, b.Claim(ctx, uploads.Some, id))
	})

	t.Run("of one photo is granted once, and of two in any order never hangs", func(t *testing.T) {
		one, two := b.AddRow(b.Owner), b.AddRow(b.Owner)
		var granted atomic.Int32
		var group sync.WaitGroup
		for i := range 8 {
			ids := []uuid.UUID{one, two}
			if i%2 == 1 {
				ids = []uuid.UUID{two, one}
			}
			group.Go(func() {
				switch err := b.Claim(ctx, uploads.Some, ids...); {
				case err == nil:
					granted.Add(1)
				case !errors.Is(err, uploads.ErrNotUsable):
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, 1, granted.Load())
	})
}

func TestWhoMayOpenAPhoto(t *testing.T) {
	b := moduletest.Setup(t)
	ctx := t.Context()
	id := b.AddReady()
	require.NoError(t, b.Claim(ctx, uploads.Everybody, id))

	signed := b.Photo(id)
	require.NotNil(t, signed.URLsExpireAt, "signed until the copies are there")
	require.WithinDuration(t, time.Now().Add(time.Hour), *signed.URLsExpireAt, 31*time.Minute)
	status, _ := moduletest.Fetch(t, signed, 300, "webp")
	require.Equal(t, http.StatusOK, status)
	bare, _, _ := strings.Cut(signed.Src, "?")
	signedOnly := signed
	signedOnly.Src = bare
	status, _ = moduletest.Fetch(t, signedOnly, 300, "webp")
	require.Equal(t, http.StatusForbidden, status, "not without the signature")

	b.Drain()
	public := b.Photo(id)
	require.Nil(t, public.URLsExpireAt)
	require.NotContains(t, public.Src, "?")
	for _, size := range public.Sizes {
		for _, format := range public.Formats {
			status, _ = moduletest.Fetch(t, public, size, format)
			require.Equal(t, http.StatusOK, status)
		}
	}

	require.NoError(t, b.Library.SetAudience(ctx, []uuid.UUID{id}, uploads.Some))
	narrowed := b.Photo(id)
	require.Equal(t, bare, strings.Split(narrowed.Src, "?")[0], "signed at once")
	b.Drain()
	status, _ = moduletest.Fetch(t, public, 300, "webp")
	require.Equal(t, http.StatusNotFound, status, "the copies are gone")
	guess := public
	guess.Src = strings.Replace(bare, "/private/", "/public/", 1)
	status, _ = moduletest.Fetch(t, guess, 300, "webp")
	require.Equal(t, http.StatusNotFound, status, "and not to be guessed from the private name")

	require.NoError(t, b.Library.SetAudience(ctx, []uuid.UUID{id}, uploads.Everybody))
	b.Drain()
	again := b.Photo(id)
	require.Nil(t, again.URLsExpireAt)
	require.NotEqual(t, public.Src, again.Src, "what was narrowed once comes back under another name")

	u, err := b.Uploads.Find(ctx, id)
	require.NoError(t, err)
	status, _ = moduletest.Get(t, strings.Split(signed.Src, "/private/")[0]+"/"+u.OriginalKey())
	require.Equal(t, http.StatusForbidden, status, "the original is not served")

	narrow := again // what a reader still has in hand when the photo goes
	narrow.Src = signed.Src
	for _, size := range again.Sizes {
		status, _ = moduletest.Fetch(t, again, size, "jpeg")
		require.Equal(t, http.StatusOK, status)
		status, _ = moduletest.Fetch(t, narrow, size, "jpeg")
		require.Equal(t, http.StatusOK, status)
	}
	require.NoError(t, b.Library.Release(ctx, []uuid.UUID{id, uuid.New()}))
	found, err := b.Library.Photos(ctx, []uuid.UUID{id})
	require.NoError(t, err)
	require.Empty(t, found)
	b.Drain()
	b.RequireErased(u)
	for _, size := range again.Sizes {
		status, _ = moduletest.Fetch(t, again, size, "jpeg")
		require.Equal(t, http.StatusNotFound, status, "neither in the bucket nor at the CDN")
		status, _ = moduletest.Fetch(t, narrow, size, "jpeg")
		require.Equal(t, http.StatusForbidden, status, "nor with a signature that is still good")
	}
}

// A page of 20 photos is 160 URLs and 20 signatures, and for everybody who asks in the same half hour none.
func TestAPageSignsOnceForEachPhoto(t *testing.T) {
	b := moduletest.Setup(t)
	page := make([]uuid.UUID, 20)
	for i := range page {
		page[i] = b.AddRow(b.Owner)
	}
	before := b.CDN.Signatures()
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			found, err := b.Library.Photos(t.Context(), page)
			if err != nil || len(found) != len(page) {
				t.Errorf("%d photos: %v", len(found), err)
			}
		})
	}
	readers.Wait()
	made := b.CDN.Signatures() - before
	require.GreaterOrEqual(t, made, int64(len(page)))
	require.Less(t, made, int64(2*len(page)), "twice only where a window has just ended")
}

func TestPalettes(t *testing.T) {
	b := moduletest.Setup(t)
	id, gone := b.AddReady(), b.AddReady()
	require.NoError(t, b.Library.Release(t.Context(), []uuid.UUID{gone}))
	palettes, err := b.Library.Palettes(t.Context(), []uuid.UUID{id, gone, uuid.New()})
	require.NoError(t, err)
	require.Len(t, palettes, 1)
	require.Len(t, palettes[id], 2)
	total := 0.0
	for i, want := range []color.NRGBA{moduletest.Sand, moduletest.Red} { // largest first
		tone := palettes[id][i]
		expected, _ := colorful.MakeColor(want)
		require.Less(t, expected.DistanceCIEDE2000(colorful.Lab(tone.L/100, tone.A/100, tone.B/100))*100, 3.0)
		total += tone.Weight
	}
	require.InDelta(t, 1, total, 1e-9)
	require.Greater(t, palettes[id][0].Weight, palettes[id][1].Weight)
}

// A whole library of photos changes hands in a few tasks, and what everybody could see is gone from the CDN, too.
func TestChangingTheAudienceOfManyPhotos(t *testing.T) {
	b := moduletest.Setup(t)
	ctx := t.Context()
	const more = 2*50 + 10 // a task is about 50 photos
	ids := []uuid.UUID{b.AddReady()}
	require.NoError(t, b.Claim(ctx, uploads.Some, ids...))
	for range more {
		ids = append(ids, b.AddRow(b.Owner))
	}
	require.NoError(t, b.Claim(ctx, uploads.Some, ids[1:]...))

	require.NoError(t, b.Library.SetAudience(ctx, ids, uploads.Everybody))
	require.Len(t, taskstest.Tasks[library.Publish](t, b.DB), 3)
	b.Drain()
	public, err := b.Library.Photos(ctx, ids)
	require.NoError(t, err)
	require.Len(t, public, more+1)
	for id, p := range public {
		require.Nil(t, p.URLsExpireAt, id)
	}
	status, body := moduletest.Fetch(t, public[ids[0]], 300, "webp")
	require.Equal(t, http.StatusOK, status)
	require.NotEmpty(t, body, "the CDN holds it now")

	require.NoError(t, b.Library.SetAudience(ctx, ids, uploads.Some))
	require.NoError(t, b.Library.SetAudience(ctx, ids, uploads.Some), "again changes nothing")
	require.Len(t, taskstest.Tasks[library.Withdraw](t, b.DB), 3)
	b.Drain()
	status, _ = moduletest.Fetch(t, public[ids[0]], 300, "webp")
	require.Equal(t, http.StatusNotFound, status)

	require.NoError(t, b.Library.Release(ctx, ids))
	require.Len(t, taskstest.Tasks[library.Erase](t, b.DB), 3)
	b.Drain()
	rows, err := b.Uploads.FindAll(ctx, ids)
	require.NoError(t, err)
	require.Empty(t, rows)
}

func TestPublishingThatIsOvertakenLeavesNothingBehind(t *testing.T) {
	b := moduletest.Setup(t)
	ctx := t.Context()
	id := b.AddReady()
	require.NoError(t, b.Claim(ctx, uploads.Everybody, id))
	task := taskstest.Tasks[library.Publish](t, b.DB)[0]
	u, err := b.Uploads.Find(ctx, id)
	require.NoError(t, err)
	require.Len(t, task.Copies, 1)
	require.NoError(t, library.CopyAll(b.Publisher, ctx, []*upload.Upload{u}, task.Copies)) // and here the worker dies
	require.NoError(t, b.Library.SetAudience(ctx, []uuid.UUID{id}, uploads.Some))
	b.Drain()
	keys, err := b.Blobs.List(ctx, upload.PublicFolder(task.Copies[0].PublicKey), "", 10)
	require.NoError(t, err)
	require.Empty(t, keys)
}

func TestADeletedUsersPhotosGo(t *testing.T) {
	b := moduletest.Setup(t)
	id := b.AddRow(b.Owner)
	require.NoError(t, b.Claim(t.Context(), uploads.Some, id))
	b.Photo(id) // it is in the cache now
	require.NoError(t, b.DB.InTx(t.Context(), func(ctx context.Context) error {
		return outbox.New(b.DB).Publish(ctx, users.Deleted{UserID: b.Owner})
	}))
	b.Drain()
	found, err := b.Library.Photos(t.Context(), []uuid.UUID{id})
	require.NoError(t, err)
	require.Empty(t, found)
}
