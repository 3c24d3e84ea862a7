package post_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/post"
	"atrium/modules/uploads"
	"atrium/platform/dbtest"
	"atrium/platform/money"
	"atrium/platform/tasks/taskstest"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	chair := b.Catalogue.Add("chair", 3, money.Of(12900, "EUR"))
	one, two := b.Library.Add(ana), b.Library.Add(ana)

	answer := b.Send(ana, http.MethodPost, "/posts", object{
		"caption": "  Sunday #Japandi with @ben and @nobody #japandi #Light ", "room": "living", "style": "japandi",
		"photos": []object{
			{"upload_id": two, "alt": "A chair", "focal_point": object{"x": 0.25, "y": 1}, "pins": []object{{"x": 0.5, "y": 1, "product_id": chair, "label": "Chair"}, {"x": 0, "y": 0, "label": "?"}}},
			{"upload_id": one},
		},
	}).Want(http.StatusCreated)
	made := answer.JSON()
	require.Equal(t, "/v1/posts/"+made["id"].(string), answer.Header.Get("Location"))
	require.Equal(t, `"1"`, answer.Header.Get("ETag"))
	require.Equal(t, "Sunday #Japandi with @ben and @nobody #japandi #Light", made["caption"])
	require.Equal(t, []any{"japandi", "light"}, made["tags"])
	require.Equal(t, "public", made["visibility"])
	require.Equal(t, "ana", made["author"].(object)["handle"])
	photos := made["photos"].([]any)
	require.Equal(t, two.String(), photos[0].(object)["id"], "the order is kept")
	require.Equal(t, "A chair", photos[0].(object)["alt"])
	require.Equal(t, object{"x": 0.25, "y": 1.0}, photos[0].(object)["focal_point"])
	require.Nil(t, photos[1].(object)["focal_point"])
	require.NotEmpty(t, photos[0].(object)["palette"])
	pins := photos[0].(object)["pins"].([]any)
	require.Equal(t, "chair", pins[0].(object)["product"].(object)["slug"])
	require.Nil(t, pins[1].(object)["product"])
	require.Equal(t, []any{}, photos[1].(object)["pins"])
	require.Equal(t, object{"likes": 0.0, "comments": 0.0, "saves": 0.0}, made["counts"])
	require.Equal(t, object{"liked": false, "saved": false}, made["viewer"])

	require.Equal(t, made, b.Get(ana, "/posts/"+made["id"].(string)).Want(http.StatusOK).JSON())
	require.NotContains(t, b.Page(ana, "/feed?limit=5", "").Items[0]["photos"].([]any)[0], "palette", "lists leave it out")
	require.Equal(t, uploads.Everybody, b.Library.Audience(one))
	require.Equal(t, 1, b.People.PostsOf(ana))
	published := taskstest.Events[posts.Published](t, b.DB)
	require.Len(t, published, 1)
	require.Equal(t, []uuid.UUID{ben}, published[0].Mentioned)
}

func TestCreate_PhotosAreOnlyOpenToEverybodyWhereThePostIs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, priv := b.People.Add("ana"), b.People.Add("priv")
	b.People.SetPrivate(priv, true)
	for name, c := range map[string]struct {
		author     uuid.UUID
		visibility string
		want       uploads.Audience
	}{
		"public": {ana, "public", uploads.Everybody}, "followers": {ana, "followers", uploads.Some},
		"private": {ana, "private", uploads.Some}, "private account": {priv, "public", uploads.Some},
	} {
		photo := b.Library.Add(c.author)
		b.Publish(c.author, name, object{"visibility": c.visibility, "photos": []object{{"upload_id": photo}}})
		require.Equal(t, c.want, b.Library.Audience(photo), name)
	}
}

func TestCreate_RefusesWithPointers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	mine := b.Library.Add(ana)
	photo := func(more object) []object {
		p := object{"upload_id": mine}
		for k, v := range more {
			p[k] = v
		}
		return []object{p}
	}
	pin := func(pin object) object {
		return object{"photos": photo(object{"pins": []object{{"x": 0.1, "y": 0.1}, pin}})}
	}
	for name, c := range map[string]struct {
		more    object
		pointer string
	}{
		"no photo":              {object{"photos": []object{}}, "/body/photos"},
		"null for photos":       {object{"photos": nil}, "/body/photos"},
		"eleven photos":         {object{"photos": slices.Repeat(photo(nil), 11)}, "/body/photos"},
		"the same photo twice":  {object{"photos": slices.Repeat(photo(nil), 2)}, "/body/photos/1/upload_id"},
		"a foreign photo":       {object{"photos": append(photo(nil), object{"upload_id": b.Library.Add(ben)})}, "/body/photos/1/upload_id"},
		"a photo not ready":     {object{"photos": []object{{"upload_id": b.Library.AddUnready(ana)}}}, "/body/photos/0/upload_id"},
		"a malformed photo id":  {object{"photos": []object{{"upload_id": "x"}}}, "/body/photos/0/upload_id"},
		"x beyond the photo":    {pin(object{"x": 1.01, "y": 0}), "/body/photos/0/pins/1/x"},
		"y before the photo":    {pin(object{"x": 0, "y": -0.01}), "/body/photos/0/pins/1/y"},
		"no y":                  {pin(object{"x": 0}), "/body/photos/0/pins/1/y"},
		"a focal point outside": {object{"photos": photo(object{"focal_point": object{"x": 0.5, "y": 1.5}})}, "/body/photos/0/focal_point/y"},
		"half a focal point":    {object{"photos": photo(object{"focal_point": object{"x": 0.5}})}, "/body/photos/0/focal_point/y"},
		"an unknown product":    {pin(object{"x": 0, "y": 0, "product_id": uuid.New()}), "/body/photos/0/pins/1/product_id"},
		"a malformed product":   {pin(object{"x": 0, "y": 0, "product_id": "lamp"}), "/body/photos/0/pins/1/product_id"},
		"a long label":          {pin(object{"x": 0, "y": 0, "label": strings.Repeat("a", 101)}), "/body/photos/0/pins/1/label"},
		"twenty-one pins":       {object{"photos": photo(object{"pins": slices.Repeat([]object{{"x": 0, "y": 0}}, 21)})}, "/body/photos/0/pins"},
		"a long caption":        {object{"caption": strings.Repeat("é", 2001)}, "/body/caption"},
		"an unknown room":       {object{"room": "dungeon"}, "/body/room"},
		"an unknown style":      {object{"style": "baroque"}, "/body/style"},
		"an unknown visibility": {object{"visibility": "friends"}, "/body/visibility"},
		"an unknown field":      {object{"author_id": ben}, "/body/author_id"},
		"a NUL":                 {object{"caption": "a\x00b"}, "/body/caption"},
	} {
		body := object{"caption": name, "photos": photo(nil)}
		for k, v := range c.more {
			body[k] = v
		}
		answer := b.Send(ana, http.MethodPost, "/posts", body)
		require.Equal(t, http.StatusUnprocessableEntity, answer.Status, "%s: %s", name, answer.Body)
		require.Contains(t, string(answer.Body), `"pointer":"`+c.pointer+`"`, name)
	}
	require.False(t, b.Library.Used(mine), "all or nothing")
	require.Zero(t, b.People.PostsOf(ana))
	b.Publish(ana, strings.Repeat("👨‍👩‍👧‍👦", 2000), object{"photos": photo(object{"alt": strings.Repeat("é", 1000)})})
}

func TestCreate_NeedsTheTermsAndAPerson(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	b.People.SetPending(ana, true)
	require.Equal(t, "users.terms_required", b.Send(ana, http.MethodPost, "/posts", b.DraftBody(ana, "hi")).Want(http.StatusForbidden).Code())
	b.Send(uuid.Nil, http.MethodPost, "/posts", b.DraftBody(ana, "hi")).Want(http.StatusUnauthorized)
}

func TestCreate_OnePhotoGoesIntoOnePost(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana := b.People.Add("ana")
	body := b.DraftBody(ana, "mine")
	var wait sync.WaitGroup
	var mu sync.Mutex
	got := map[int]int{}
	for range 8 {
		wait.Go(func() {
			answer := b.Send(ana, http.MethodPost, "/posts", body)
			mu.Lock()
			defer mu.Unlock()
			got[answer.Status]++
		})
	}
	wait.Wait()
	require.Equal(t, map[int]int{http.StatusCreated: 1, http.StatusUnprocessableEntity: 7}, got)
	require.Equal(t, 1, b.People.PostsOf(ana))
}

func TestEdit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	chair := b.Catalogue.Add("chair", 1, money.Of(1, "EUR"))
	kept, lost, added := b.Library.Add(ana), b.Library.Add(ana), b.Library.Add(ana)
	id := b.Publish(ana, "before #a", object{"room": "living", "style": "japandi", "photos": []object{
		{"upload_id": kept, "pins": []object{{"x": 0.1, "y": 0.1, "product_id": chair}}}, {"upload_id": lost},
	}})
	edit := func(body object, match string) (int, object) {
		var header []string
		if match != "" {
			header = []string{"If-Match", match}
		}
		answer := b.Send(ana, http.MethodPatch, "/posts/"+id, body, header...)
		if answer.Status == http.StatusOK {
			require.Equal(t, answer.JSON(), b.Get(ana, "/posts/"+id).JSON(), "read what was written")
			require.Equal(t, answer.Header.Get("ETag"), b.Get(ana, "/posts/"+id).Header.Get("ETag"))
		}
		return answer.Status, answer.JSON()
	}

	status, _ := edit(object{"caption": "x"}, "")
	require.Equal(t, http.StatusPreconditionRequired, status)
	status, body := edit(object{"caption": "x"}, `"7"`)
	require.Equal(t, http.StatusPreconditionFailed, status)
	require.Equal(t, `"1"`, body["current_etag"])
	status, _ = edit(object{"photos": []object{}}, `"1"`)
	require.Equal(t, http.StatusUnprocessableEntity, status)

	status, body = edit(object{"caption": "after #b", "room": nil}, `"1"`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, []any{"b"}, body["tags"])
	require.Nil(t, body["room"], "null takes away")
	require.Equal(t, "japandi", body["style"], "absent leaves")
	require.Equal(t, 2.0, body["version"])
	require.Len(t, body["photos"], 2)

	b.Catalogue.Discontinue(chair)
	status, body = edit(object{"photos": []object{
		{"upload_id": added, "alt": "new"},
		{"upload_id": kept, "pins": []object{{"x": 0.9, "y": 0.9, "product_id": chair}}},
	}}, "*")
	require.Equal(t, http.StatusOK, status, "what was pinned may stay: %v", body)
	require.Equal(t, added.String(), body["photos"].([]any)[0].(object)["id"])
	require.True(t, b.Library.Used(added))
	require.Empty(t, b.Library.Audience(lost), "given up")

	status, body = edit(object{"photos": []object{{"upload_id": kept}, {"upload_id": lost}}}, "*")
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Equal(t, "/body/photos/1/upload_id", body["errors"].([]any)[0].(object)["pointer"])

	status, _ = edit(object{"visibility": "private"}, `"3"`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, uploads.Some, b.Library.Audience(kept))
}

func TestDeleteAndRestore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	photo := b.Library.Add(ana)
	id := b.Publish(ana, "#here", object{"photos": []object{{"upload_id": photo}}})
	b.Send(ben, http.MethodPut, "/posts/"+id+"/like", nil).Want(http.StatusNoContent)
	b.Send(ben, http.MethodPut, "/posts/"+id+"/save", nil).Want(http.StatusNoContent)
	b.Comment(ben, id, "nice", nil)
	whole := b.Get(ana, "/posts/"+id).JSON()

	b.Send(ben, http.MethodDelete, "/posts/"+id, nil).Want(http.StatusNotFound)
	b.Send(ana, http.MethodDelete, "/posts/"+id, nil).Want(http.StatusNoContent)
	b.Send(ana, http.MethodDelete, "/posts/"+id, nil).Want(http.StatusNotFound)
	require.Equal(t, uploads.Some, b.Library.Audience(photo))
	require.Zero(t, b.People.PostsOf(ana))
	for _, path := range []string{"/posts/" + id, "/posts/" + id + "/comments", "/posts/" + id + "/likes", "/posts/" + id + "/shop"} {
		b.Get(ana, path).Want(http.StatusNotFound)
	}
	for _, path := range []string{"/feed?limit=5", "/users/ana/posts?limit=5", "/tags/here/posts?limit=5", "/explore?limit=5", "/search/posts?q=here", "/me/saves?limit=5"} {
		require.Empty(t, b.Page(ben, path, "").Items, path)
	}

	b.Send(ben, http.MethodPost, "/posts/"+id+"/restore", nil).Want(http.StatusNotFound)
	require.Equal(t, whole, b.Send(ana, http.MethodPost, "/posts/"+id+"/restore", nil).Want(http.StatusOK).JSON(), "same id, counts, pins, version")
	require.Equal(t, whole, b.Send(ana, http.MethodPost, "/posts/"+id+"/restore", nil).Want(http.StatusOK).JSON(), "once more changes nothing")
	b.Send(ben, http.MethodPost, "/posts/"+id+"/restore", nil).Want(http.StatusNotFound)
	require.Equal(t, uploads.Everybody, b.Library.Audience(photo))
	require.Equal(t, 1, b.People.PostsOf(ana))
	require.Len(t, taskstest.Events[posts.Deleted](t, b.DB), 1)
	require.Len(t, taskstest.Events[posts.Restored](t, b.DB), 1)

	taskstest.Ripen(t, b.DB)
	taskstest.Drain(t, b.DB, b.Handlers...)
	b.Get(ana, "/posts/"+id).Want(http.StatusOK)
}

func TestDelete_IsForGoodAfterTheWindow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	photo := b.Library.Add(ana)
	id := b.Publish(ana, "gone", object{"photos": []object{{"upload_id": photo}}})
	b.Send(ana, http.MethodDelete, "/posts/"+id, nil).Want(http.StatusNoContent)
	require.Len(t, taskstest.Tasks[post.Purge](t, b.DB), 1)
	taskstest.Ripen(t, b.DB)
	taskstest.Drain(t, b.DB, b.Handlers...)
	require.True(t, b.Library.Used(photo), "a purge that comes too early does nothing")

	require.NoError(t, b.DB.Conn(t.Context()).Exec(`UPDATE posts SET deleted_at = deleted_at - interval '10 minutes' WHERE id = ?`, id).Error)
	b.Send(ana, http.MethodPost, "/posts/"+id+"/restore", nil).Want(http.StatusNotFound)
	require.NoError(t, b.DB.Conn(t.Context()).Exec(`UPDATE outbox SET finished_at = NULL, due_at = now() WHERE name = 'posts.purge'`).Error)
	require.NoError(t, b.DB.Conn(t.Context()).Exec(`DELETE FROM event_receipts`).Error)
	taskstest.Drain(t, b.DB, b.Handlers...)
	require.Empty(t, b.Library.Audience(photo), "given up")
	var left int
	require.NoError(t, b.DB.Conn(t.Context()).Raw(`SELECT count(*) FROM posts`).Scan(&left).Error)
	require.Zero(t, left)
}
