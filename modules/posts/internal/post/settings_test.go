package post_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/posts"
	"atrium/platform/apptest"
	"atrium/platform/dbtest"
	"atrium/platform/tasks/taskstest"
)

func TestHistory_KeepsWhatWasSaidForTheAuthor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	lost := b.Library.Add(ana)
	id := b.Publish(ana, "one", object{"room": "living", "photos": []object{
		{"upload_id": b.Library.Add(ana)}, {"upload_id": lost, "alt": "A lamp", "pins": []object{{"x": 0.25, "y": 0.5, "label": "Lamp"}}}}})
	require.Empty(t, b.Page(ana, "/posts/"+id+"/history?limit=5", "").Items)
	kept := b.Get(ana, "/posts/"+id).JSON()["photos"].([]any)[0].(object)["id"]
	b.Edit(ana, id, object{"caption": "two", "photos": []object{{"upload_id": kept}}})
	b.Edit(ana, id, object{"caption": "three", "room": nil, "visibility": "private", "counts_hidden": true, "comment_policy": "off"})

	first := b.Page(ana, "/posts/"+id+"/history?limit=1", "")
	require.Equal(t, 2.0, first.Items[0]["version"])
	require.Equal(t, "two", first.Items[0]["said"].(object)["caption"])
	rest := b.Page(ana, "/posts/"+id+"/history?limit=1", *first.NextCursor)
	require.Nil(t, rest.NextCursor)
	said := rest.Items[0]["said"].(object)
	require.Equal(t, object{"caption": "one", "room": "living", "style": nil, "visibility": "public", "counts_hidden": false, "comment_policy": "everyone",
		"photos": said["photos"]}, said)
	require.Equal(t, object{"id": lost.String(), "alt": "A lamp", "pins": []any{object{"x": 0.25, "y": 0.5, "label": "Lamp", "product_id": nil}}}, said["photos"].([]any)[1])
	b.Get(ben, "/posts/"+id+"/history").Want(http.StatusNotFound)
	b.Edit(ana, id, object{"visibility": "public"})
	b.Get(ben, "/posts/"+id+"/history").Want(http.StatusNotFound)

	for n := range 103 {
		b.Edit(ana, id, object{"caption": fmt.Sprint(n)})
	}
	seen := 0
	for cursor := ""; ; {
		page := b.Page(ana, "/posts/"+id+"/history?limit=50", cursor)
		if seen += len(page.Items); page.NextCursor == nil {
			break
		}
		cursor = *page.NextCursor
	}
	require.Equal(t, 100, seen, "bounded")
	b.Send(ana, http.MethodDelete, "/posts/"+id, nil).Want(http.StatusNoContent)
	b.Get(ana, "/posts/"+id+"/history").Want(http.StatusNotFound)
}

func TestEdit_NamesWhomItMentionsNow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("cleo")
	id := b.Publish(ana, "with @ben")
	b.Edit(ana, id, object{"caption": "with @ben and @cleo"})
	b.Edit(ana, id, object{"room": "living"})
	b.Edit(ana, id, object{"visibility": "followers"})
	post := uuid.MustParse(id)
	require.Equal(t, []posts.Edited{
		{PostID: post, AuthorID: ana, Visibility: "public", Mentioned: []uuid.UUID{ben, cleo}},
		{PostID: post, AuthorID: ana, Visibility: "public"},
		{PostID: post, AuthorID: ana, Visibility: "followers", Mentioned: []uuid.UUID{ben, cleo}},
	}, taskstest.Events[posts.Edited](t, b.DB))
	comment := b.Comment(ana, id, "nobody", nil)
	b.Send(ana, http.MethodPatch, "/comments/"+comment, object{"text": "@cleo"}).Want(http.StatusOK)
	require.Equal(t, []posts.CommentEdited{{CommentID: uuid.MustParse(comment), PostID: post, UserID: ana, Mentioned: []uuid.UUID{cleo}}},
		taskstest.Events[posts.CommentEdited](t, b.DB))
}

func TestCounts_HiddenOnesAreForTheAuthor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	id := b.Publish(ana, "mine", object{"counts_hidden": true})
	for _, toggle := range []string{"/like", "/save"} {
		b.Send(ben, http.MethodPut, "/posts/"+id+toggle, nil).Want(http.StatusNoContent)
	}
	b.Comment(ben, id, "nice", nil)
	hidden, shown := object{"likes": 0.0, "comments": 1.0, "saves": 0.0}, object{"likes": 1.0, "comments": 1.0, "saves": 1.0}
	for _, viewer := range []uuid.UUID{ben, uuid.Nil} {
		seen := b.Get(viewer, "/posts/"+id).Want(http.StatusOK).JSON()
		require.Equal(t, hidden, seen["counts"])
		require.Equal(t, true, seen["counts_hidden"])
		require.Equal(t, hidden, b.Page(viewer, "/users/ana/posts?limit=5", "").Items[0]["counts"], "in lists too")
		require.Equal(t, "posts.counts_hidden", b.Get(viewer, "/posts/"+id+"/likes").Want(http.StatusForbidden).Code())
	}
	require.Equal(t, object{"liked": true, "saved": true}, b.Get(ben, "/posts/"+id).JSON()["viewer"])
	require.Equal(t, shown, b.Get(ana, "/posts/"+id).JSON()["counts"])
	require.Equal(t, []string{ben.String()}, b.Page(ana, "/posts/"+id+"/likes?limit=5", "").IDs())
	require.Equal(t, false, b.Edit(ana, id, object{"counts_hidden": false})["counts_hidden"])
	require.Equal(t, shown, b.Get(ben, "/posts/"+id).JSON()["counts"])
	b.Get(uuid.Nil, "/posts/"+id+"/likes").Want(http.StatusOK)
}

func TestComments_AreTakenFromWhomTheAuthorWants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, fan, other := b.People.Add("ana"), b.People.Add("fan"), b.People.Add("other")
	b.People.Follow(fan, ana)
	for policy, may := range map[string][]uuid.UUID{"everyone": {ana, fan, other}, "followers": {ana, fan}, "off": {ana}} {
		id := b.Publish(ana, policy, object{"comment_policy": policy})
		require.Equal(t, policy, b.Get(other, "/posts/"+id).JSON()["comment_policy"])
		for _, who := range []uuid.UUID{ana, fan, other} {
			answer := b.Send(who, http.MethodPost, "/posts/"+id+"/comments", object{"text": "hi"})
			if slices.Contains(may, who) {
				answer.Want(http.StatusCreated)
				continue
			}
			require.Equal(t, "posts.comments_closed", answer.Want(http.StatusForbidden).Code())
		}
		require.Len(t, b.Page(other, "/posts/"+id+"/comments?limit=5", "").Items, len(may), "what is there stays to be read")
	}
	b.Send(ana, http.MethodPost, "/posts", object{"caption": "x", "comment_policy": "friends", "photos": []object{{"upload_id": b.Library.Add(ana)}}}).
		Want(http.StatusUnprocessableEntity)
}

func TestComments_TheAuthorsFilterHolds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	id := b.Publish(ana, "hi")
	require.Equal(t, object{"words": []any{}}, b.Get(ana, "/me/comment-filter").Want(http.StatusOK).JSON())
	young := b.Comment(ben, id, "a lamp", nil)
	filter := object{"words": []any{"Giveaway", "link in bio"}}
	require.Equal(t, filter, b.Send(ana, http.MethodPut, "/me/comment-filter", object{"words": []any{"Giveaway", " link in bio", "Giveaway"}}).Want(http.StatusOK).JSON())
	require.Equal(t, filter, b.Get(ana, "/me/comment-filter").JSON())
	require.Equal(t, object{"words": []any{}}, b.Get(ben, "/me/comment-filter").JSON(), "everybody has their own")

	refused := b.Send(ben, http.MethodPost, "/posts/"+id+"/comments", object{"text": "See the LINK in bio!"}).Want(http.StatusUnprocessableEntity)
	require.Equal(t, "posts.comment_refused", refused.Code())
	require.NotContains(t, string(refused.Body), "bio", "the words are the author's secret")
	b.Send(ben, http.MethodPatch, "/comments/"+young, object{"text": "a giveaway"}).Want(http.StatusUnprocessableEntity)
	b.Comment(ana, id, "My giveaway", nil)
	b.Comment(ben, b.Publish(ben, "ben's"), "giveaway", nil)

	for name, words := range map[string]any{"too many": strings.Split(strings.Repeat("a ", 201), " ")[:201], "too long": []string{strings.Repeat("a", 51)}, "no word": []string{"..."}, "null": nil} {
		require.Equal(t, http.StatusUnprocessableEntity, b.Send(ana, http.MethodPut, "/me/comment-filter", object{"words": words}).Status, name)
	}
	b.Send(uuid.Nil, http.MethodGet, "/me/comment-filter", nil).Want(http.StatusUnauthorized)
}

func TestComments_APinnedOneLeads(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	id := b.Publish(ana, "hi")
	var written []string
	for n := range 4 {
		written = append(written, b.Comment(ben, id, fmt.Sprint(n), nil))
	}
	reply := b.Comment(ana, id, "reply", written[2])
	pin := func(who uuid.UUID, method, comment string, status int) {
		t.Helper()
		b.Send(who, method, "/comments/"+comment+"/pin", nil).Want(status)
	}
	walk := func(limit int) []string {
		return b.Walk(ana, fmt.Sprintf("/posts/%s/comments?limit=%d", id, limit), func(int) {})
	}
	pin(ben, http.MethodPut, written[2], http.StatusNotFound)
	pin(ana, http.MethodPut, reply, http.StatusNotFound)
	pin(ana, http.MethodPut, written[1], http.StatusNoContent)
	pin(ana, http.MethodPut, written[2], http.StatusNoContent)
	pin(ana, http.MethodPut, written[2], http.StatusNoContent)
	for _, limit := range []int{1, 2, 50} {
		require.Equal(t, []string{written[2], written[0], written[1], written[3], reply}, walk(limit), limit)
	}
	first := b.Page(ben, "/posts/"+id+"/comments?limit=2", "").Items
	require.Equal(t, []any{true, false}, []any{first[0]["pinned"], first[1]["pinned"]})
	require.Equal(t, true, b.Send(ben, http.MethodPatch, "/comments/"+written[2], object{"text": "still"}).Want(http.StatusOK).JSON()["pinned"])
	require.Equal(t, 1.0, b.Get(ana, "/posts/"+id).JSON()["version"])

	pin(ana, http.MethodDelete, written[1], http.StatusNoContent)
	require.Equal(t, written[2], walk(2)[0], "another one's pin is not taken")
	b.Send(ben, http.MethodDelete, "/comments/"+written[2], nil).Want(http.StatusNoContent)
	require.Equal(t, append(append([]string{}, written...), reply), walk(2), "deleted, it holds the place of its reply")
	pin(ana, http.MethodPut, written[2], http.StatusNotFound)
}

func TestComments_ModeratorsDeleteAny(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana, ben, mod := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("mod")
	b.People.Block(ana, mod)
	for role, status := range map[string]int{"": http.StatusNotFound, "support": http.StatusNotFound, "moderator": http.StatusNoContent, "admin": http.StatusNoContent} {
		id := b.Publish(ana, "hi")
		comment := b.Comment(ben, id, "bad", nil)
		token := apptest.As(mod)
		if role != "" {
			token = apptest.As(mod, role)
		}
		b.Do(t, apptest.Request{Method: http.MethodDelete, Path: "/v1/comments/" + comment, Token: token}).Want(status)
		counted, rows := b.Counters(id)
		require.Equal(t, rows, counted)
	}
}
