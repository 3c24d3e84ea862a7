package postsfx

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/draft"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/dbtest"
	"atrium/platform/money"
	"atrium/platform/outbox"
	"atrium/platform/stacktest"
	"atrium/platform/tasks/taskstest"
)

// save saves a draft with the photos and returns it.
func (b *bench) save(author uuid.UUID, id, caption string, photos ...uuid.UUID) object {
	b.t.Helper()
	list := []object{}
	for _, photo := range photos {
		list = append(list, object{"upload_id": photo})
	}
	return b.do(author, http.MethodPut, "/drafts/"+id, object{"caption": caption, "photos": list}).Want(http.StatusOK).JSON()
}

func TestDrafts_AreSavedAgainAndAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.people.Add("ana"), b.people.Add("ben")
	id, kept, lost := uuid.NewString(), b.library.Add(ana), b.library.Add(ana)
	chair := b.shelf.put("chair", 1, money.Of(1, "EUR"))

	empty := b.do(ana, http.MethodPut, "/drafts/"+id, object{}).Want(http.StatusOK)
	require.Equal(t, `"1"`, empty.Header.Get("ETag"))
	require.Equal(t, []any{}, empty.JSON()["photos"])
	require.Equal(t, "public", empty.JSON()["visibility"])
	b.save(ana, id, "one", kept, lost)
	require.True(t, b.library.Used(kept), "nothing sweeps it away")
	require.Equal(t, uploads.Some, b.library.Audience(kept))
	body := object{"caption": " two ", "room": "living", "visibility": "followers", "photos": []object{
		{"upload_id": kept, "alt": "A chair", "pins": []object{{"x": 0.5, "y": 0.5, "product_id": chair}}}}}
	saved := b.do(ana, http.MethodPut, "/drafts/"+id, body, "If-Match", `"2"`).Want(http.StatusOK).JSON()
	require.Empty(t, b.library.Audience(lost), "given up")
	require.Equal(t, []any{"two", "living", "followers", 3.0, nil, nil}, []any{saved["caption"], saved["room"], saved["visibility"], saved["version"], saved["publish_at"], saved["problem"]})
	photo := saved["photos"].([]any)[0].(object)
	require.Equal(t, "A chair", photo["alt"])
	require.Equal(t, "chair", photo["pins"].([]any)[0].(object)["product"].(object)["slug"])
	require.Equal(t, saved, b.get(ana, "/drafts/"+id).Want(http.StatusOK).JSON())
	b.do(ana, http.MethodPut, "/drafts/"+id, body, "If-Match", `"2"`).Want(http.StatusPreconditionFailed)
	b.shelf.discontinue(chair)
	b.do(ana, http.MethodPut, "/drafts/"+id, body).Want(http.StatusOK)

	for name, method := range map[string]string{"reads": http.MethodGet, "deletes": http.MethodDelete, "saves": http.MethodPut} {
		require.Equal(t, http.StatusNotFound, b.do(ben, method, "/drafts/"+id, anyBody(method)).Status, name)
		require.Equal(t, http.StatusNotFound, b.do(ana, method, "/drafts/x", anyBody(method)).Status, name)
		require.Equal(t, http.StatusUnauthorized, b.do(uuid.Nil, method, "/drafts/"+id, anyBody(method)).Status, name)
	}
	b.do(ben, http.MethodPost, "/drafts/"+id+"/publish", nil).Want(http.StatusNotFound)
	b.do(ben, http.MethodDelete, "/drafts/"+id+"/publish", nil).Want(http.StatusNotFound)

	second := uuid.NewString()
	b.save(ana, second, "other")
	require.Equal(t, []string{second, id}, b.walk(ana, "/drafts?limit=1", func(int) {}))
	require.Empty(t, b.page(ben, "/drafts?limit=5", "").Items)
	b.do(ana, http.MethodDelete, "/drafts/"+id, nil).Want(http.StatusNoContent)
	b.do(ana, http.MethodDelete, "/drafts/"+id, nil).Want(http.StatusNotFound)
	require.Empty(t, b.library.Audience(kept))
	require.Zero(t, b.people.PostsOf(ana))
}

// anyBody is a body where the method takes one.
func anyBody(method string) any {
	if method == http.MethodPut {
		return object{}
	}
	return nil
}

func TestDrafts_AreRefusedWithPointers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.people.Add("ana"), b.people.Add("ben")
	id, mine := uuid.NewString(), b.library.Add(ana)
	for name, c := range map[string]struct {
		body    object
		pointer string
	}{
		"a foreign photo":    {object{"photos": []object{{"upload_id": mine}, {"upload_id": b.library.Add(ben)}}}, "/body/photos/1/upload_id"},
		"an unready photo":   {object{"photos": []object{{"upload_id": b.library.AddUnready(ana)}}}, "/body/photos/0/upload_id"},
		"an unknown product": {object{"photos": []object{{"upload_id": mine, "pins": []object{{"x": 0, "y": 0, "product_id": uuid.New()}}}}}, "/body/photos/0/pins/0/product_id"},
		"an unknown room":    {object{"room": "dungeon"}, "/body/room"},
		"an unknown field":   {object{"at": "now"}, "/body/at"},
	} {
		answer := b.do(ana, http.MethodPut, "/drafts/"+id, c.body).Want(http.StatusUnprocessableEntity)
		require.Contains(t, string(answer.Body), `"pointer":"`+c.pointer+`"`, name)
	}
	require.False(t, b.library.Used(mine), "all or nothing")
	b.get(ana, "/drafts/"+id).Want(http.StatusNotFound)
	require.NoError(t, b.db.Conn(t.Context()).Exec(`
		INSERT INTO post_drafts (id, author_id, version, said) SELECT gen_random_uuid(), ?, 1, '{}' FROM generate_series(1, 100)`, ana).Error)
	require.Equal(t, "posts.too_many_drafts", b.do(ana, http.MethodPut, "/drafts/"+id, object{}).Want(http.StatusConflict).Code())
}

func TestDrafts_BecomeOnePost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.people.Add("ana")
	id, photo := uuid.NewString(), b.library.Add(ana)
	b.save(ana, id, "nothing to see")
	answer := b.do(ana, http.MethodPost, "/drafts/"+id+"/publish", nil).Want(http.StatusUnprocessableEntity)
	require.Contains(t, string(answer.Body), `"pointer":"/body/photos"`)
	b.save(ana, id, "ready #now", photo)
	b.people.SetPending(ana, true)
	require.Equal(t, "users.terms_required", b.do(ana, http.MethodPost, "/drafts/"+id+"/publish", nil).Want(http.StatusForbidden).Code())
	b.people.SetPending(ana, false)

	made := b.do(ana, http.MethodPost, "/drafts/"+id+"/publish", object{}).Want(http.StatusCreated)
	post := made.JSON()["id"].(string)
	require.Equal(t, "/v1/posts/"+post, made.Header.Get("Location"))
	require.Equal(t, made.JSON(), b.get(ana, "/posts/"+post).JSON())
	require.Equal(t, uploads.Everybody, b.library.Audience(photo))
	require.Equal(t, post, b.do(ana, http.MethodPost, "/drafts/"+id+"/publish", nil).Want(http.StatusCreated).JSON()["id"], "once")
	require.Equal(t, 1, b.people.PostsOf(ana))
	require.Len(t, taskstest.Events[posts.Published](t, b.db), 1)

	late := b.do(ana, http.MethodPut, "/drafts/"+id, object{"caption": "late"}).Want(http.StatusConflict)
	require.Equal(t, "posts.draft_published", late.Code())
	require.Equal(t, post, late.JSON()["post_id"])
	later := object{"at": time.Now().Add(time.Hour)}
	b.do(ana, http.MethodPost, "/drafts/"+id+"/publish", later).Want(http.StatusConflict)
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		b.do(ana, method, "/drafts/"+id, nil).Want(http.StatusNotFound)
	}
	require.Empty(t, b.page(ana, "/drafts?limit=5", "").Items)
	b.do(ana, http.MethodDelete, "/posts/"+post, nil).Want(http.StatusNoContent)
	b.do(ana, http.MethodPost, "/drafts/"+id+"/publish", nil).Want(http.StatusNotFound)
	require.True(t, b.library.Used(photo))
}

func TestDrafts_RacePublishesOnce(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana := b.people.Add("ana")
	for round := range stacktest.Budget(3, 100) {
		id, photo := uuid.NewString(), b.library.Add(ana)
		b.save(ana, id, "first", photo)
		at := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
		b.do(ana, http.MethodPost, "/drafts/"+id+"/publish", object{"at": at}).Want(http.StatusAccepted)
		taskstest.Ripen(t, b.db)
		var wait sync.WaitGroup
		var mu sync.Mutex
		made := map[any]int{}
		for tap := range 4 {
			wait.Go(func() {
				answer := b.do(ana, http.MethodPost, "/drafts/"+id+"/publish", nil).Want(http.StatusCreated)
				mu.Lock()
				defer mu.Unlock()
				made[answer.JSON()["id"]]++
			})
			wait.Go(func() {
				answer := b.do(ana, http.MethodPut, "/drafts/"+id, object{"caption": fmt.Sprint(tap), "photos": []object{{"upload_id": photo}}})
				mu.Lock()
				defer mu.Unlock()
				require.Contains(t, []int{http.StatusOK, http.StatusConflict}, answer.Status, "%s", answer.Body)
			})
		}
		wait.Go(func() { taskstest.Try(t, b.db, b.handlers...) })
		wait.Wait()
		require.Len(t, made, 1, "every tap got the same post")
		require.Equal(t, round+1, b.postsOf(ana))
		require.Len(t, taskstest.Events[posts.Published](t, b.db), round+1)
	}
}

// postsOf counts the posts of a person that there are.
func (b *bench) postsOf(author uuid.UUID) (n int) {
	b.t.Helper()
	require.NoError(b.t, b.db.Conn(b.t.Context()).Raw(`SELECT count(*) FROM posts WHERE author_id = ?`, author).Scan(&n).Error)
	return n
}

func TestDrafts_ArePublishedAtTheirMomentOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.people.Add("ana")
	at := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	plan := func(id string, at time.Time) object {
		b.t.Helper()
		return b.do(ana, http.MethodPost, "/drafts/"+id+"/publish", object{"at": at}).Want(http.StatusAccepted).JSON()
	}
	come := func() {
		b.t.Helper()
		taskstest.Ripen(t, b.db)
		taskstest.Drain(t, b.db, b.handlers...)
	}
	planned := uuid.NewString()
	b.save(ana, planned, "planned", b.library.Add(ana))
	waiting := plan(planned, at)
	require.Equal(t, at.Format(time.RFC3339Nano), waiting["publish_at"])
	require.Equal(t, 1.0, waiting["version"], "moves only with edits")
	require.WithinDuration(t, at, taskstest.Due[draft.Publish](t, b.db)[0], time.Millisecond)
	require.Equal(t, at.Format(time.RFC3339Nano), b.save(ana, planned, "edited", b.library.Add(ana))["publish_at"], "saving leaves the plan")
	come()
	require.Equal(t, []string{"edited"}, b.captions(ana))
	come()
	require.Len(t, taskstest.Events[posts.Published](t, b.db), 1)

	moved, cancelled := uuid.NewString(), uuid.NewString()
	b.save(ana, moved, "moved", b.library.Add(ana))
	b.save(ana, cancelled, "cancelled", b.library.Add(ana))
	plan(moved, at)
	plan(moved, at.Add(time.Hour))
	plan(cancelled, at)
	for range 2 {
		b.do(ana, http.MethodDelete, "/drafts/"+cancelled+"/publish", nil).Want(http.StatusNoContent)
	}
	require.Nil(t, b.get(ana, "/drafts/"+cancelled).JSON()["publish_at"])
	come()
	require.Equal(t, []string{"moved", "edited"}, b.captions(ana))
	require.Len(t, taskstest.Events[posts.Published](t, b.db), 2)

	bare := uuid.NewString()
	b.save(ana, bare, "no photo")
	b.do(ana, http.MethodPost, "/drafts/"+bare+"/publish", object{"at": at}).Want(http.StatusUnprocessableEntity)
	b.do(ana, http.MethodPost, "/drafts/"+cancelled+"/publish", object{"at": at.AddDate(2, 0, 0)}).Want(http.StatusUnprocessableEntity)
	b.do(ana, http.MethodPost, "/drafts/"+cancelled+"/publish", object{"at": time.Now().Add(-time.Minute)}).Want(http.StatusCreated)
}

// captions are those of a person's posts, newest first.
func (b *bench) captions(author uuid.UUID) []string {
	b.t.Helper()
	captions := []string{}
	for _, item := range b.page(author, "/feed?limit=50", "").Items {
		captions = append(captions, item["caption"].(string))
	}
	return captions
}

func TestDrafts_SayWhyTheyWereNotPublished(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.people.Add("ana")
	at := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		meanwhile func(id string)
		problem   string
	}{
		"the terms changed":   {func(string) { b.people.SetPending(ana, true) }, "users.terms_required"},
		"the photos are gone": {func(id string) { b.save(ana, id, "bare") }, "posts.invalid"},
	} {
		id := uuid.NewString()
		b.save(ana, id, "x", b.library.Add(ana))
		b.do(ana, http.MethodPost, "/drafts/"+id+"/publish", object{"at": at}).Want(http.StatusAccepted)
		c.meanwhile(id)
		taskstest.Ripen(t, b.db)
		taskstest.Drain(t, b.db, b.handlers...)
		b.people.SetPending(ana, false)
		left := b.get(ana, "/drafts/"+id).Want(http.StatusOK).JSON()
		require.Equal(t, []any{c.problem, nil}, []any{left["problem"], left["publish_at"]}, name)
		require.Nil(t, b.save(ana, id, "mended", b.library.Add(ana))["problem"])
	}
	gone := uuid.NewString()
	b.save(ana, gone, "x", b.library.Add(ana))
	b.do(ana, http.MethodPost, "/drafts/"+gone+"/publish", object{"at": at}).Want(http.StatusAccepted)
	b.people.Remove(ana)
	taskstest.Ripen(t, b.db)
	taskstest.Drain(t, b.db, b.handlers...)
	require.Empty(t, taskstest.Events[posts.Published](t, b.db), "a person who is locked out publishes nothing")
}

func TestErasure_LeavesNoDraft(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.people.Add("ana"), b.people.Add("ben")
	photo := b.library.Add(ana)
	b.save(ana, uuid.NewString(), "mine", photo, b.library.Add(ana))
	b.save(ana, uuid.NewString(), "bare")
	bens := uuid.NewString()
	b.save(ben, bens, "ben's", b.library.Add(ben))
	b.do(ana, http.MethodPut, "/me/comment-filter", object{"words": []string{"x"}}).Want(http.StatusOK)
	require.NoError(t, b.db.InTx(t.Context(), func(ctx context.Context) error {
		return outbox.New(b.db).Publish(ctx, users.Deleted{UserID: ana})
	}))
	taskstest.Drain(t, b.db, b.handlers...)
	require.Empty(t, b.library.Audience(photo))
	var left int
	require.NoError(t, b.db.Conn(t.Context()).Raw(`
		SELECT (SELECT count(*) FROM post_drafts WHERE author_id = @ana) + (SELECT count(*) FROM post_comment_filters WHERE author_id = @ana)`,
		map[string]any{"ana": ana}).Scan(&left).Error)
	require.Zero(t, left)
	b.get(ben, "/drafts/"+bens).Want(http.StatusOK)
}
