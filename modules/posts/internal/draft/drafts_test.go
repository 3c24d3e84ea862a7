package draft_test

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
func (b *bundle) save(author uuid.UUID, id, caption string, photos ...uuid.UUID) object {
	b.T.Helper()
	list := []object{}
	for _, photo := range photos {
		list = append(list, object{"upload_id": photo})
	}
	return b.Send(author, http.MethodPut, "/drafts/"+id, object{"caption": caption, "photos": list}).Want(http.StatusOK).JSON()
}

func TestFault_H7_SavingADraftThatSaysTheSameKeepsItsVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	id, photo := uuid.NewString(), b.Library.Add(ana)
	said := b.save(ana, id, "one", photo)
	require.Equal(t, said, b.save(ana, id, " one ", photo))
	require.Equal(t, said, b.Get(ana, "/drafts/"+id).JSON())
	b.Send(ana, http.MethodPut, "/drafts/"+id, object{}, "If-Match", `"2"`).Want(http.StatusPreconditionFailed)
	require.Equal(t, 2.0, b.save(ana, id, "two", photo)["version"])
	require.Equal(t, 3.0, b.save(ana, id, "two")["version"])
	b.Send(ana, http.MethodPut, "/drafts/"+uuid.NewString(), object{}).Want(http.StatusOK) // the first is a version, though it says nothing
}

func TestDrafts_AreSavedAgainAndAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	id, kept, lost := uuid.NewString(), b.Library.Add(ana), b.Library.Add(ana)
	chair := b.Catalogue.Add("chair", 1, money.Of(1, "EUR"))

	empty := b.Send(ana, http.MethodPut, "/drafts/"+id, object{}).Want(http.StatusOK)
	require.Equal(t, `"1"`, empty.Header.Get("ETag"))
	require.Equal(t, []any{}, empty.JSON()["photos"])
	require.Equal(t, "public", empty.JSON()["visibility"])
	b.save(ana, id, "one", kept, lost)
	require.True(t, b.Library.Used(kept), "nothing sweeps it away")
	require.Equal(t, uploads.Some, b.Library.Audience(kept))
	body := object{"caption": " two ", "room": "living", "visibility": "followers", "photos": []object{
		{"upload_id": kept, "alt": "A chair", "pins": []object{{"x": 0.5, "y": 0.5, "product_id": chair}}}}}
	saved := b.Send(ana, http.MethodPut, "/drafts/"+id, body, "If-Match", `"2"`).Want(http.StatusOK).JSON()
	require.Empty(t, b.Library.Audience(lost), "given up")
	require.Equal(t, []any{"two", "living", "followers", 3.0, nil, nil}, []any{saved["caption"], saved["room"], saved["visibility"], saved["version"], saved["publish_at"], saved["problem"]})
	photo := saved["photos"].([]any)[0].(object)
	require.Equal(t, "A chair", photo["alt"])
	require.Equal(t, "chair", photo["pins"].([]any)[0].(object)["product"].(object)["slug"])
	require.Equal(t, saved, b.Get(ana, "/drafts/"+id).Want(http.StatusOK).JSON())
	b.Send(ana, http.MethodPut, "/drafts/"+id, body, "If-Match", `"2"`).Want(http.StatusPreconditionFailed)
	b.Catalogue.Discontinue(chair)
	b.Send(ana, http.MethodPut, "/drafts/"+id, body).Want(http.StatusOK)

	for name, method := range map[string]string{"reads": http.MethodGet, "deletes": http.MethodDelete, "saves": http.MethodPut} {
		require.Equal(t, http.StatusNotFound, b.Send(ben, method, "/drafts/"+id, anyBody(method)).Status, name)
		require.Equal(t, http.StatusNotFound, b.Send(ana, method, "/drafts/x", anyBody(method)).Status, name)
		require.Equal(t, http.StatusUnauthorized, b.Send(uuid.Nil, method, "/drafts/"+id, anyBody(method)).Status, name)
	}
	b.Send(ben, http.MethodPost, "/drafts/"+id+"/publish", nil).Want(http.StatusNotFound)
	b.Send(ben, http.MethodDelete, "/drafts/"+id+"/publish", nil).Want(http.StatusNotFound)

	second := uuid.NewString()
	b.save(ana, second, "other")
	require.Equal(t, []string{second, id}, b.Walk(ana, "/drafts?limit=1", func(int) {}))
	require.Empty(t, b.Page(ben, "/drafts?limit=5", "").Items)
	b.Send(ana, http.MethodDelete, "/drafts/"+id, nil).Want(http.StatusNoContent)
	b.Send(ana, http.MethodDelete, "/drafts/"+id, nil).Want(http.StatusNotFound)
	require.Empty(t, b.Library.Audience(kept))
	require.Zero(t, b.People.PostsOf(ana))
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
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	id, mine := uuid.NewString(), b.Library.Add(ana)
	for name, c := range map[string]struct {
		body    object
		pointer string
	}{
		"a foreign photo":    {object{"photos": []object{{"upload_id": mine}, {"upload_id": b.Library.Add(ben)}}}, "/body/photos/1/upload_id"},
		"an unready photo":   {object{"photos": []object{{"upload_id": b.Library.AddUnready(ana)}}}, "/body/photos/0/upload_id"},
		"an unknown product": {object{"photos": []object{{"upload_id": mine, "pins": []object{{"x": 0, "y": 0, "product_id": uuid.New()}}}}}, "/body/photos/0/pins/0/product_id"},
		"an unknown room":    {object{"room": "dungeon"}, "/body/room"},
		"an unknown field":   {object{"at": "now"}, "/body/at"},
	} {
		answer := b.Send(ana, http.MethodPut, "/drafts/"+id, c.body).Want(http.StatusUnprocessableEntity)
		require.Contains(t, string(answer.Body), `"pointer":"`+c.pointer+`"`, name)
	}
	require.False(t, b.Library.Used(mine), "all or nothing")
	b.Get(ana, "/drafts/"+id).Want(http.StatusNotFound)
	require.NoError(t, b.DB.Conn(t.Context()).Exec(`
		INSERT INTO post_drafts (id, author_id, version, said) SELECT gen_random_uuid(), ?, 1, '{}' FROM generate_series(1, 100)`, ana).Error)
	require.Equal(t, "posts.too_many_drafts", b.Send(ana, http.MethodPut, "/drafts/"+id, object{}).Want(http.StatusConflict).Code())
}

func TestDrafts_BecomeOnePost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	id, photo := uuid.NewString(), b.Library.Add(ana)
	b.save(ana, id, "nothing to see")
	answer := b.Send(ana, http.MethodPost, "/drafts/"+id+"/publish", nil).Want(http.StatusUnprocessableEntity)
	require.Contains(t, string(answer.Body), `"pointer":"/body/photos"`)
	b.save(ana, id, "ready #now", photo)
	b.People.SetPending(ana, true)
	require.Equal(t, "users.terms_required", b.Send(ana, http.MethodPost, "/drafts/"+id+"/publish", nil).Want(http.StatusForbidden).Code())
	b.People.SetPending(ana, false)

	made := b.Send(ana, http.MethodPost, "/drafts/"+id+"/publish", object{}).Want(http.StatusCreated)
	post := made.JSON()["id"].(string)
	require.Equal(t, "/v1/posts/"+post, made.Header.Get("Location"))
	require.Equal(t, made.JSON(), b.Get(ana, "/posts/"+post).JSON())
	require.Equal(t, uploads.Everybody, b.Library.Audience(photo))
	require.Equal(t, post, b.Send(ana, http.MethodPost, "/drafts/"+id+"/publish", nil).Want(http.StatusCreated).JSON()["id"], "once")
	require.Equal(t, 1, b.People.PostsOf(ana))
	require.Len(t, taskstest.Events[posts.Published](t, b.DB), 1)

	late := b.Send(ana, http.MethodPut, "/drafts/"+id, object{"caption": "late"}).Want(http.StatusConflict)
	require.Equal(t, "posts.draft_published", late.Code())
	require.Equal(t, post, late.JSON()["post_id"])
	later := object{"at": time.Now().Add(time.Hour)}
	b.Send(ana, http.MethodPost, "/drafts/"+id+"/publish", later).Want(http.StatusConflict)
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		b.Send(ana, method, "/drafts/"+id, nil).Want(http.StatusNotFound)
	}
	require.Empty(t, b.Page(ana, "/drafts?limit=5", "").Items)
	b.Send(ana, http.MethodDelete, "/posts/"+post, nil).Want(http.StatusNoContent)
	b.Send(ana, http.MethodPost, "/drafts/"+id+"/publish", nil).Want(http.StatusNotFound)
	require.True(t, b.Library.Used(photo))
}

func TestDrafts_RacePublishesOnce(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana := b.People.Add("ana")
	for round := range stacktest.Budget(3, 100) {
		id, photo := uuid.NewString(), b.Library.Add(ana)
		b.save(ana, id, "first", photo)
		at := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
		b.Send(ana, http.MethodPost, "/drafts/"+id+"/publish", object{"at": at}).Want(http.StatusAccepted)
		taskstest.Ripen(t, b.DB)
		var wait sync.WaitGroup
		var mu sync.Mutex
		made := map[any]int{}
		for tap := range 4 {
			wait.Go(func() {
				answer := b.Send(ana, http.MethodPost, "/drafts/"+id+"/publish", nil).Want(http.StatusCreated)
				mu.Lock()
				defer mu.Unlock()
				made[answer.JSON()["id"]]++
			})
			wait.Go(func() {
				answer := b.Send(ana, http.MethodPut, "/drafts/"+id, object{"caption": fmt.Sprint(tap), "photos": []object{{"upload_id": photo}}})
				mu.Lock()
				defer mu.Unlock()
				require.Contains(t, []int{http.StatusOK, http.StatusConflict}, answer.Status, "%s", answer.Body)
			})
		}
		wait.Go(func() { taskstest.Try(t, b.DB, b.Handlers...) })
		wait.Wait()
		require.Len(t, made, 1, "every tap got the same post")
		require.Equal(t, round+1, b.postsOf(ana))
		require.Len(t, taskstest.Events[posts.Published](t, b.DB), round+1)
	}
}

// postsOf counts the posts of a person that there are.
func (b *bundle) postsOf(author uuid.UUID) (n int) {
	b.T.Helper()
	require.NoError(b.T, b.DB.Conn(b.T.Context()).Raw(`SELECT count(*) FROM posts WHERE author_id = ?`, author).Scan(&n).Error)
	return n
}

func TestDrafts_ArePublishedAtTheirMomentOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	at := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	plan := func(id string, at time.Time) object {
		b.T.Helper()
		return b.Send(ana, http.MethodPost, "/drafts/"+id+"/publish", object{"at": at}).Want(http.StatusAccepted).JSON()
	}
	come := func() {
		b.T.Helper()
		taskstest.Ripen(t, b.DB)
		taskstest.Drain(t, b.DB, b.Handlers...)
	}
	planned := uuid.NewString()
	b.save(ana, planned, "planned", b.Library.Add(ana))
	waiting := plan(planned, at)
	require.Equal(t, at.Format(time.RFC3339Nano), waiting["publish_at"])
	require.Equal(t, 1.0, waiting["version"], "moves only with edits")
	require.WithinDuration(t, at, taskstest.Due[draft.Publish](t, b.DB)[0], time.Millisecond)
	require.Equal(t, at.Format(time.RFC3339Nano), b.save(ana, planned, "edited", b.Library.Add(ana))["publish_at"], "saving leaves the plan")
	come()
	require.Equal(t, []string{"edited"}, b.captions(ana))
	come()
	require.Len(t, taskstest.Events[posts.Published](t, b.DB), 1)

	moved, cancelled := uuid.NewString(), uuid.NewString()
	b.save(ana, moved, "moved", b.Library.Add(ana))
	b.save(ana, cancelled, "cancelled", b.Library.Add(ana))
	plan(moved, at)
	plan(moved, at.Add(time.Hour))
	plan(cancelled, at)
	for range 2 {
		b.Send(ana, http.MethodDelete, "/drafts/"+cancelled+"/publish", nil).Want(http.StatusNoContent)
	}
	require.Nil(t, b.Get(ana, "/drafts/"+cancelled).JSON()["publish_at"])
	come()
	require.Equal(t, []string{"moved", "edited"}, b.captions(ana))
	require.Len(t, taskstest.Events[posts.Published](t, b.DB), 2)

	bare := uuid.NewString()
	b.save(ana, bare, "no photo")
	b.Send(ana, http.MethodPost, "/drafts/"+bare+"/publish", object{"at": at}).Want(http.StatusUnprocessableEntity)
	b.Send(ana, http.MethodPost, "/drafts/"+cancelled+"/publish", object{"at": at.AddDate(2, 0, 0)}).Want(http.StatusUnprocessableEntity)
	b.Send(ana, http.MethodPost, "/drafts/"+cancelled+"/publish", object{"at": time.Now().Add(-time.Minute)}).Want(http.StatusCreated)
}

// captions are those of a person's posts, newest first.
func (b *bundle) captions(author uuid.UUID) []string {
	b.T.Helper()
	captions := []string{}
	for _, item := range b.Page(author, "/feed?limit=50", "").Items {
		captions = append(captions, item["caption"].(string))
	}
	return captions
}

func TestDrafts_SayWhyTheyWereNotPublished(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	at := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		meanwhile func(id string)
		problem   string
	}{
		"the terms changed":   {func(string) { b.People.SetPending(ana, true) }, "users.terms_required"},
		"the photos are gone": {func(id string) { b.save(ana, id, "bare") }, "posts.invalid"},
	} {
		id := uuid.NewString()
		b.save(ana, id, "x", b.Library.Add(ana))
		b.Send(ana, http.MethodPost, "/drafts/"+id+"/publish", object{"at": at}).Want(http.StatusAccepted)
		c.meanwhile(id)
		taskstest.Ripen(t, b.DB)
		taskstest.Drain(t, b.DB, b.Handlers...)
		b.People.SetPending(ana, false)
		left := b.Get(ana, "/drafts/"+id).Want(http.StatusOK).JSON()
		require.Equal(t, []any{c.problem, nil}, []any{left["problem"], left["publish_at"]}, name)
		require.Nil(t, b.save(ana, id, "mended", b.Library.Add(ana))["problem"])
	}
	gone := uuid.NewString()
	b.save(ana, gone, "x", b.Library.Add(ana))
	b.Send(ana, http.MethodPost, "/drafts/"+gone+"/publish", object{"at": at}).Want(http.StatusAccepted)
	b.People.Remove(ana)
	taskstest.Ripen(t, b.DB)
	taskstest.Drain(t, b.DB, b.Handlers...)
	require.Empty(t, taskstest.Events[posts.Published](t, b.DB), "a person who is locked out publishes nothing")
}

func TestErasure_LeavesNoDraft(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	photo := b.Library.Add(ana)
	b.save(ana, uuid.NewString(), "mine", photo, b.Library.Add(ana))
	b.save(ana, uuid.NewString(), "bare")
	bens := uuid.NewString()
	b.save(ben, bens, "ben's", b.Library.Add(ben))
	b.Send(ana, http.MethodPut, "/me/comment-filter", object{"words": []string{"x"}}).Want(http.StatusOK)
	require.NoError(t, b.DB.InTx(t.Context(), func(ctx context.Context) error {
		return outbox.New(b.DB).Publish(ctx, users.Deleted{UserID: ana})
	}))
	taskstest.Drain(t, b.DB, b.Handlers...)
	require.Empty(t, b.Library.Audience(photo))
	var left int
	require.NoError(t, b.DB.Conn(t.Context()).Raw(`
		SELECT (SELECT count(*) FROM post_drafts WHERE author_id = @ana) + (SELECT count(*) FROM post_comment_filters WHERE author_id = @ana)`,
		map[string]any{"ana": ana}).Scan(&left).Error)
	require.Zero(t, left)
	b.Get(ben, "/drafts/"+bens).Want(http.StatusOK)
}

// What an author does not say, their settings say: of a post as of a draft.
func TestFault_V16_VisibilityIsAsTheSettingsSay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	for _, chosen := range []string{"followers", "private", "public"} {
		b.People.SetDefaultVisibility(ana, chosen)
		photo := b.Library.Add(ana)
		made := b.Send(ana, http.MethodPost, "/posts", object{"caption": "hall", "photos": []object{{"upload_id": photo}}}).Want(http.StatusCreated).JSON()
		require.Equal(t, chosen, made["visibility"])
		require.Equal(t, chosen == "public", b.Library.Audience(photo) == uploads.Everybody)
		said := b.Send(ana, http.MethodPost, "/posts", object{"caption": "hall", "visibility": "private", "photos": []object{{"upload_id": b.Library.Add(ana)}}})
		require.Equal(t, "private", said.Want(http.StatusCreated).JSON()["visibility"])

		id := uuid.NewString()
		require.Equal(t, chosen, b.save(ana, id, "later", b.Library.Add(ana))["visibility"])
		require.Equal(t, chosen, b.Send(ana, http.MethodPost, "/drafts/"+id+"/publish", nil).Want(http.StatusCreated).JSON()["visibility"])
	}
	b.People.SetDefaultVisibility(ana, "private")
	post := b.Publish(ana, "hall", object{"visibility": "public"})
	b.Edit(ana, post, object{"caption": "the hall"})
	require.Equal(t, "public", b.Get(ana, "/posts/"+post).JSON()["visibility"], "an edit that does not say leaves it")
}
