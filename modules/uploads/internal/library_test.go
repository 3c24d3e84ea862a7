package internal

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
	"atrium/modules/users"
	"atrium/platform/fault"
	"atrium/platform/outbox"
	"atrium/platform/tasks/taskstest"
)

// invent puts a ready photo into the database only: for rules that no file matters to.
func (b *bundle) invent(owner uuid.UUID) uuid.UUID {
	b.t.Helper()
	u := newUpload(owner, declaration{contentType: "image/jpeg", bytes: 1}, time.Now())
	u.Status = ready
	require.NoError(b.t, b.store.insert(b.t.Context(), u))
	return u.ID
}

func TestClaim(t *testing.T) {
	b := setup(t)
	ctx := t.Context()

	t.Run("names everything that is wrong, and takes nothing", func(t *testing.T) {
		good, foreign, used := b.invent(b.owner), b.invent(uuid.New()), b.invent(b.owner)
		unready := b.create("image/jpeg", []byte("x")).ID
		require.NoError(t, b.claim(ctx, uploads.Some, used))
		err := b.library.Claim(ctx, uploads.Claim{
			Owner: b.owner, Uploads: []uuid.UUID{good, foreign, used, unready, uuid.New(), good}, Pointer: "/body/photos",
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
		require.NoError(t, b.claim(ctx, uploads.Some, good), "the good one is still free")
	})

	t.Run("keeps the texts", func(t *testing.T) {
		one, two := b.invent(b.owner), b.invent(b.owner)
		require.NoError(t, b.library.Claim(ctx, uploads.Claim{
			Owner: b.owner, Uploads: []uuid.UUID{one, two}, Alts: []string{"a sofa", ""}, Audience: uploads.Some,
		}))
		require.Equal(t, "a sofa", b.photo(one).Alt)
		require.Empty(t, b.photo(two).Alt)
	})

	t.Run("goes with the transaction around it", func(t *testing.T) {
		id := b.invent(b.owner)
		rolledBack := errors.New("rolled back")
		err := b.db.InTx(ctx, func(ctx context.Context) error {
			require.NoError(t, b.claim(ctx, uploads.Everybody, id))
			return rolledBack
		})
		require.ErrorIs(t, err, rolledBack)
		require.NoError(t, b.claim(ctx, uploads.Some, id))
	})

	t.Run("of one photo is granted once, and of two in any order never hangs", func(t *testing.T) {
		one, two := b.invent(b.owner), b.invent(b.owner)
		var granted atomic.Int32
		var group sync.WaitGroup
		for i := range 8 {
			ids := []uuid.UUID{one, two}
			if i%2 == 1 {
				ids = []uuid.UUID{two, one}
			}
			group.Go(func() {
				switch err := b.claim(ctx, uploads.Some, ids...); {
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
	b := setup(t)
	ctx := t.Context()
	id := b.shoot()
	require.NoError(t, b.claim(ctx, uploads.Everybody, id))

	signed := b.photo(id)
	require.NotNil(t, signed.URLsExpireAt, "signed until the copies are there")
	require.WithinDuration(t, time.Now().Add(time.Hour), *signed.URLsExpireAt, 31*time.Minute)
	status, _ := fetch(t, signed, 300, "webp")
	require.Equal(t, http.StatusOK, status)
	bare, _, _ := strings.Cut(signed.Src, "?")
	signedOnly := signed
	signedOnly.Src = bare
	status, _ = fetch(t, signedOnly, 300, "webp")
	require.Equal(t, http.StatusForbidden, status, "not without the signature")

	b.drain()
	public := b.photo(id)
	require.Nil(t, public.URLsExpireAt)
	require.NotContains(t, public.Src, "?")
	for _, size := range public.Sizes {
		for _, format := range public.Formats {
			status, _ = fetch(t, public, size, format)
			require.Equal(t, http.StatusOK, status)
		}
	}

	require.NoError(t, b.library.SetAudience(ctx, []uuid.UUID{id}, uploads.Some))
	narrowed := b.photo(id)
	require.Equal(t, bare, strings.Split(narrowed.Src, "?")[0], "signed at once")
	b.drain()
	status, _ = fetch(t, public, 300, "webp")
	require.Equal(t, http.StatusNotFound, status, "the copies are gone")
	guess := public
	guess.Src = strings.Replace(bare, "/private/", "/public/", 1)
	status, _ = fetch(t, guess, 300, "webp")
	require.Equal(t, http.StatusNotFound, status, "and not to be guessed from the private name")

	require.NoError(t, b.library.SetAudience(ctx, []uuid.UUID{id}, uploads.Everybody))
	b.drain()
	again := b.photo(id)
	require.Nil(t, again.URLsExpireAt)
	require.NotEqual(t, public.Src, again.Src, "what was narrowed once comes back under another name")

	u, err := b.store.find(ctx, id)
	require.NoError(t, err)
	status, _ = get(t, strings.Split(signed.Src, "/private/")[0]+"/"+u.originalKey())
	require.Equal(t, http.StatusForbidden, status, "the original is not served")

	narrow := again // what a reader still has in hand when the photo goes
	narrow.Src = signed.Src
	for _, size := range again.Sizes {
		status, _ = fetch(t, again, size, "jpeg")
		require.Equal(t, http.StatusOK, status)
		status, _ = fetch(t, narrow, size, "jpeg")
		require.Equal(t, http.StatusOK, status)
	}
	require.NoError(t, b.library.Release(ctx, []uuid.UUID{id, uuid.New()}))
	found, err := b.library.Photos(ctx, []uuid.UUID{id})
	require.NoError(t, err)
	require.Empty(t, found)
	b.drain()
	b.requireErased(u)
	for _, size := range again.Sizes {
		status, _ = fetch(t, again, size, "jpeg")
		require.Equal(t, http.StatusNotFound, status, "neither in the bucket nor at the CDN")
		status, _ = fetch(t, narrow, size, "jpeg")
		require.Equal(t, http.StatusForbidden, status, "nor with a signature that is still good")
	}
}

// A page of 20 photos is 160 URLs and 20 signatures, and for everybody who asks in the same half hour none.
func TestAPageSignsOnceForEachPhoto(t *testing.T) {
	b := setup(t)
	page := make([]uuid.UUID, 20)
	for i := range page {
		page[i] = b.invent(b.owner)
	}
	before := b.library.cdn.Signatures()
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			found, err := b.library.Photos(t.Context(), page)
			if err != nil || len(found) != len(page) {
				t.Errorf("%d photos: %v", len(found), err)
			}
		})
	}
	readers.Wait()
	made := b.library.cdn.Signatures() - before
	require.GreaterOrEqual(t, made, int64(len(page)))
	require.Less(t, made, int64(2*len(page)), "twice only where a window has just ended")
}

func TestPalettes(t *testing.T) {
	b := setup(t)
	id, gone := b.shoot(), b.shoot()
	require.NoError(t, b.library.Release(t.Context(), []uuid.UUID{gone}))
	palettes, err := b.library.Palettes(t.Context(), []uuid.UUID{id, gone, uuid.New()})
	require.NoError(t, err)
	require.Len(t, palettes, 1)
	require.Len(t, palettes[id], 2)
	total := 0.0
	for i, want := range []color.NRGBA{sand, red} { // largest first
		tone := palettes[id][i]
		expected, _ := colorful.MakeColor(want)
		require.Less(t, expected.DistanceCIEDE2000(colorful.Lab(tone.L/100, tone.A/100, tone.B/100))*100, 3.0)
		total += tone.Weight
	}
	require.InDelta(t, 1, total, 1e-9)
	require.Greater(t, palettes[id][0].Weight, palettes[id][1].Weight)
}

// requireErased fails the test if anything of an upload is left.
func (b *bundle) requireErased(u *Upload) {
	b.t.Helper()
	_, err := b.store.find(b.t.Context(), u.ID)
	require.ErrorIs(b.t, err, uploads.ErrNotFound)
	for _, prefix := range []string{privateFolder(u.PhotoKey), u.originalKey(), u.QuarantineKey} {
		keys, err := b.blobs.List(b.t.Context(), prefix, "", 10)
		require.NoError(b.t, err)
		require.Empty(b.t, keys)
	}
}

// A whole library of photos changes hands in a few tasks, and what everybody could see is gone from the CDN, too.
func TestChangingTheAudienceOfManyPhotos(t *testing.T) {
	b := setup(t)
	ctx := t.Context()
	const more = 2*batch + 10
	ids := []uuid.UUID{b.shoot()}
	require.NoError(t, b.claim(ctx, uploads.Some, ids...))
	for range more {
		ids = append(ids, b.invent(b.owner))
	}
	require.NoError(t, b.claim(ctx, uploads.Some, ids[1:]...))

	require.NoError(t, b.library.SetAudience(ctx, ids, uploads.Everybody))
	require.Len(t, taskstest.Tasks[Publish](t, b.db), 3)
	b.drain()
	public, err := b.library.Photos(ctx, ids)
	require.NoError(t, err)
	require.Len(t, public, more+1)
	for id, p := range public {
		require.Nil(t, p.URLsExpireAt, id)
	}
	status, body := fetch(t, public[ids[0]], 300, "webp")
	require.Equal(t, http.StatusOK, status)
	require.NotEmpty(t, body, "the CDN holds it now")

	require.NoError(t, b.library.SetAudience(ctx, ids, uploads.Some))
	require.NoError(t, b.library.SetAudience(ctx, ids, uploads.Some), "again changes nothing")
	require.Len(t, taskstest.Tasks[Withdraw](t, b.db), 3)
	b.drain()
	status, _ = fetch(t, public[ids[0]], 300, "webp")
	require.Equal(t, http.StatusNotFound, status)

	require.NoError(t, b.library.Release(ctx, ids))
	require.Len(t, taskstest.Tasks[Erase](t, b.db), 3)
	b.drain()
	rows, err := b.store.all(ctx, ids)
	require.NoError(t, err)
	require.Empty(t, rows)
}

func TestPublishingThatIsOvertakenLeavesNothingBehind(t *testing.T) {
	b := setup(t)
	ctx := t.Context()
	id := b.shoot()
	require.NoError(t, b.claim(ctx, uploads.Everybody, id))
	task := taskstest.Tasks[Publish](t, b.db)[0]
	u, err := b.store.find(ctx, id)
	require.NoError(t, err)
	require.Len(t, task.Copies, 1)
	require.NoError(t, b.keeper.copyAll(ctx, []*Upload{u}, task.Copies)) // and here the worker dies
	require.NoError(t, b.library.SetAudience(ctx, []uuid.UUID{id}, uploads.Some))
	b.drain()
	keys, err := b.blobs.List(ctx, publicFolder(task.Copies[0].PublicKey), "", 10)
	require.NoError(t, err)
	require.Empty(t, keys)
}

func TestMakingVariantsTwiceIsOnce(t *testing.T) {
	b := setup(t)
	id, completed := b.send("image/jpeg", picture(t, 100, 80))
	completed.Want(http.StatusAccepted)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			// Who comes later may find the file gone from quarantine: then the photo is there.
			if err := b.studio.MakeVariants(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.NoError(t, b.studio.MakeVariants(t.Context(), id))
	require.Equal(t, ready, b.find(id).Status)
	require.Len(t, taskstest.Events[uploads.Ready](t, b.db), 1)
	status, _ := fetch(t, b.photo(id), 100, "webp")
	require.Equal(t, http.StatusOK, status)
}

func TestSweep(t *testing.T) {
	b := setup(t)
	ctx := t.Context()
	used, unused := b.shoot(), b.shoot()
	require.NoError(t, b.claim(ctx, uploads.Some, used))
	pending := b.create("image/jpeg", []byte("x")).ID
	require.NoError(t, b.keeper.Sweep(ctx, time.Hour))
	require.Equal(t, ready, b.find(unused).Status, "young ones stay")

	u, err := b.store.find(ctx, unused)
	require.NoError(t, err)
	require.NoError(t, b.keeper.Sweep(ctx, 0))
	b.requireErased(u)
	_, err = b.store.find(ctx, pending)
	require.ErrorIs(t, err, uploads.ErrNotFound)
	require.Equal(t, ready, b.find(used).Status)
	status, _ := fetch(t, b.photo(used), 300, "jpeg")
	require.Equal(t, http.StatusOK, status)
}

func TestAnUploadThatIsGivenUpWhileInWorkLeavesNothingBehind(t *testing.T) {
	b := setup(t)
	ctx := t.Context()
	id, completed := b.send("image/jpeg", picture(t, 100, 80))
	completed.Want(http.StatusAccepted)
	u, err := b.store.find(ctx, id)
	require.NoError(t, err)
	require.NoError(t, b.keeper.Sweep(ctx, 0)) // row and file are gone; the worker has both in its hands
	require.NoError(t, b.blobs.Put(ctx, u.QuarantineKey, u.ContentType, "", strings.NewReader(string(picture(t, 100, 80)))))
	require.NoError(t, b.studio.make(ctx, u))
	b.requireErased(u)
}

func TestADeletedUsersPhotosGo(t *testing.T) {
	b := setup(t)
	id := b.invent(b.owner)
	require.NoError(t, b.claim(t.Context(), uploads.Some, id))
	b.photo(id) // it is in the cache now
	require.NoError(t, b.db.InTx(t.Context(), func(ctx context.Context) error {
		return outbox.New(b.db).Publish(ctx, users.Deleted{UserID: b.owner})
	}))
	b.drain()
	found, err := b.library.Photos(t.Context(), []uuid.UUID{id})
	require.NoError(t, err)
	require.Empty(t, found)
}
