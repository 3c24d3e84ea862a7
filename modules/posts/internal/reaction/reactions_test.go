package reaction_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/moduletest"
	"atrium/modules/users"
	"atrium/platform/apptest"
	"atrium/platform/dbtest"
	"atrium/platform/outbox"
	"atrium/platform/stacktest"
	"atrium/platform/tasks/taskstest"
)

func TestToggles_AreIdempotentAndSaidOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	id := b.Publish(ana, "hi")
	for _, toggle := range []string{"/like", "/save"} {
		for range 2 {
			b.Send(ben, http.MethodPut, "/posts/"+id+toggle, nil).Want(http.StatusNoContent)
		}
	}
	seen := b.Get(ben, "/posts/"+id).JSON()
	require.Equal(t, object{"likes": 1.0, "comments": 0.0, "saves": 1.0}, seen["counts"])
	require.Equal(t, object{"liked": true, "saved": true}, seen["viewer"])
	require.Equal(t, 1.0, seen["version"], "moves only with edits")
	require.Equal(t, object{"liked": false, "saved": false}, b.Get(uuid.Nil, "/posts/"+id).JSON()["viewer"])
	require.Equal(t, []string{id}, b.Page(ben, "/me/saves?limit=5", "").IDs())
	for _, toggle := range []string{"/like", "/save"} {
		for range 2 {
			b.Send(ben, http.MethodDelete, "/posts/"+id+toggle, nil).Want(http.StatusNoContent)
		}
	}
	require.Equal(t, object{"likes": 0.0, "comments": 0.0, "saves": 0.0}, b.Get(ben, "/posts/"+id).JSON()["counts"])
	require.Equal(t, []posts.Liked{{PostID: uuid.MustParse(id), AuthorID: ana, UserID: ben}}, taskstest.Events[posts.Liked](t, b.DB))
	require.Equal(t, []posts.Unliked{{PostID: uuid.MustParse(id), AuthorID: ana, UserID: ben}}, taskstest.Events[posts.Unliked](t, b.DB))
}

func TestCountersEqualTheRowsAfterAStorm(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana := b.People.Add("ana")
	id := b.Publish(ana, "storm")
	var wait sync.WaitGroup
	for n := range 8 {
		who := b.People.Add(fmt.Sprintf("p%d", n))
		other := b.People.Add(fmt.Sprintf("q%d", n))
		for worker := range 2 { // two devices of one person, doing the same at once
			wait.Go(func() {
				for round := range stacktest.Budget(4, 100) {
					b.Send(who, http.MethodPut, "/posts/"+id+"/like", nil).Want(http.StatusNoContent)
					b.Send(other, http.MethodPut, "/posts/"+id+"/save", nil).Want(http.StatusNoContent)
					b.Send(who, http.MethodDelete, "/posts/"+id+"/like", nil).Want(http.StatusNoContent)
					comment := b.Comment(who, id, "x", nil)
					if (round+worker+n)%2 == 0 {
						b.Send(who, http.MethodPut, "/posts/"+id+"/like", nil).Want(http.StatusNoContent)
						b.Send(who, http.MethodDelete, "/comments/"+comment, nil).Want(http.StatusNoContent)
					}
				}
			})
		}
	}
	wait.Wait()
	counted, rows := b.Counters(id)
	require.Equal(t, rows, counted)
	require.Equal(t, 8, counted[2])
	require.Equal(t, counted[0], len(taskstest.Events[posts.Liked](t, b.DB))-len(taskstest.Events[posts.Unliked](t, b.DB)))
}

func TestLikes_ListsWhoLikes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	id := b.Publish(ana, "hi")
	var fans []uuid.UUID
	for n := range 7 {
		fans = append(fans, b.People.Add(fmt.Sprintf("fan%d", n)))
		b.Send(fans[n], http.MethodPut, "/posts/"+id+"/like", nil).Want(http.StatusNoContent)
	}
	b.People.Follow(fans[0], fans[1])
	b.People.Block(fans[2], fans[0])
	b.People.Remove(fans[3])
	var got []string
	for cursor := ""; ; {
		page := b.Page(fans[0], "/posts/"+id+"/likes?limit=2", cursor)
		got = append(got, page.IDs()...)
		if page.NextCursor == nil {
			break
		}
		require.Len(t, page.Items, 2, "short only at the end")
		cursor = *page.NextCursor
	}
	require.ElementsMatch(t, []string{fans[0].String(), fans[1].String(), fans[4].String(), fans[5].String(), fans[6].String()}, got)
	for _, item := range b.Page(fans[0], "/posts/"+id+"/likes?limit=50", "").Items {
		require.Equal(t, item["id"] == fans[1].String(), item["viewer"].(object)["is_following"])
	}
	require.IsType(t, users.Viewer{}, apptest.Read[struct {
		Items []struct{ Viewer users.Viewer }
	}](b.Get(uuid.Nil, "/posts/"+id+"/likes")).Items[0].Viewer)
}

func TestComments(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("cleo")
	id := b.Publish(ana, "hi")
	other := b.Publish(ana, "other")
	top := b.Comment(ben, id, " Where is it from, @ana and @cleo? ", nil)
	reply := b.Comment(cleo, id, "From a flea market", top)
	lone := b.Comment(ben, id, "Thanks", nil)

	events := taskstest.Events[posts.Commented](t, b.DB)
	require.Len(t, events, 3)
	require.Equal(t, []uuid.UUID{ana, cleo}, events[0].Mentioned)
	require.Equal(t, ana, events[0].AuthorID)
	require.Equal(t, ben, events[1].ParentUserID)

	first := b.Page(ana, "/posts/"+id+"/comments?limit=2", "")
	require.Equal(t, []string{top, reply}, first.IDs(), "oldest first")
	require.Equal(t, []string{lone}, b.Page(ana, "/posts/"+id+"/comments?limit=2", *first.NextCursor).IDs())
	require.Equal(t, "Where is it from, @ana and @cleo?", first.Items[0]["text"])
	require.Nil(t, first.Items[0]["parent_id"])
	require.Equal(t, top, first.Items[1]["parent_id"])
	require.Equal(t, false, first.Items[1]["deleted"])

	for name, body := range map[string]object{
		"an empty text":             {"text": " \n"},
		"a long text":               {"text": strings.Repeat("é", 1001)},
		"a reply to a reply":        {"text": "x", "parent_id": reply},
		"a parent elsewhere":        {"text": "x", "parent_id": b.Comment(ben, other, "x", nil)},
		"an unknown parent":         {"text": "x", "parent_id": uuid.New()},
		"a malformed parent":        {"text": "x", "parent_id": "x"},
		"a field that is not there": {"text": "x", "author": ana},
	} {
		b.Send(ben, http.MethodPost, "/posts/"+id+"/comments", body).Want(http.StatusUnprocessableEntity)
		require.Equal(t, 3.0, b.Get(ben, "/posts/"+id).JSON()["counts"].(object)["comments"], name)
	}
	b.People.SetPending(ben, true)
	require.Equal(t, "users.terms_required", b.Send(ben, http.MethodPost, "/posts/"+id+"/comments", object{"text": "x"}).Want(http.StatusForbidden).Code())
}

func TestComments_AreEditedWhileYoungByTheirWriter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	id := b.Comment(ben, b.Publish(ana, "hi"), "tpyo", nil)
	edited := b.Send(ben, http.MethodPatch, "/comments/"+id, object{"text": "typo"}).Want(http.StatusOK).JSON()
	require.Equal(t, "typo", edited["text"])
	require.NotNil(t, edited["edited_at"])
	b.Send(ana, http.MethodPatch, "/comments/"+id, object{"text": "mine"}).Want(http.StatusNotFound)
	require.NoError(t, b.DB.Conn(t.Context()).Exec(`UPDATE post_comments SET created_at = created_at - interval '15 minutes'`).Error)
	require.Equal(t, "posts.comment_edit_closed", b.Send(ben, http.MethodPatch, "/comments/"+id, object{"text": "late"}).Want(http.StatusConflict).Code())
}

func TestComments_DeletedOnesHoldThePlaceOfTheirReplies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("cleo")
	id := b.Publish(ana, "hi")
	top := b.Comment(ben, id, "secret", nil)
	reply := b.Comment(cleo, id, "reply", top)
	lone := b.Comment(ben, id, "lone", nil)

	b.Send(cleo, http.MethodDelete, "/comments/"+top, nil).Want(http.StatusNotFound)
	b.Send(ana, http.MethodDelete, "/comments/"+top, nil).Want(http.StatusNoContent)
	b.Send(ben, http.MethodDelete, "/comments/"+top, nil).Want(http.StatusNotFound)
	b.Send(ben, http.MethodDelete, "/comments/"+lone, nil).Want(http.StatusNoContent)
	answer := b.Get(ana, "/posts/"+id+"/comments")
	require.NotContains(t, string(answer.Body), "secret")
	items := apptest.Read[moduletest.List](answer).Items
	require.Len(t, items, 2)
	require.Equal(t, true, items[0]["deleted"])
	require.Nil(t, items[0]["author"])
	require.Nil(t, items[0]["text"])
	require.Equal(t, reply, items[1]["id"])
	b.Send(ben, http.MethodPost, "/posts/"+id+"/comments", object{"text": "x", "parent_id": top}).Want(http.StatusUnprocessableEntity)
	b.Send(ben, http.MethodPatch, "/comments/"+top, object{"text": "x"}).Want(http.StatusNotFound)

	b.Send(cleo, http.MethodDelete, "/comments/"+reply, nil).Want(http.StatusNoContent)
	require.Empty(t, b.Page(ana, "/posts/"+id+"/comments?limit=5", "").Items, "a place without replies is no place")
	counted, rows := b.Counters(id)
	require.Equal(t, rows, counted)
	require.Zero(t, counted[1])
}

func TestComments_OfBlockedPeopleAreHiddenBothWays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("cleo")
	id := b.Publish(ana, "hi")
	bens := b.Comment(ben, id, "ben's", nil)
	reply := b.Comment(ana, id, "to ben", bens)
	cleos := b.Comment(cleo, id, "cleo's", nil)
	b.People.Block(ben, cleo)
	seen := b.Page(cleo, "/posts/"+id+"/comments?limit=5", "").Items
	require.Equal(t, []string{bens, reply, cleos}, moduletest.List{Items: seen}.IDs(), "what others replied to ben stays, and ben's place")
	require.Equal(t, []any{true, nil, nil}, []any{seen[0]["deleted"], seen[0]["author"], seen[0]["text"]})
	require.Equal(t, []string{bens, reply}, b.Page(ben, "/posts/"+id+"/comments?limit=5", "").IDs())
	require.Equal(t, []string{bens, reply, cleos}, b.Page(ana, "/posts/"+id+"/comments?limit=5", "").IDs())
	b.Send(cleo, http.MethodPost, "/posts/"+id+"/comments", object{"text": "x", "parent_id": bens}).Want(http.StatusUnprocessableEntity)
}

func TestFault_V12_WhatIsMineICanTakeBackBelowWhatICannotSee(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("cleo")
	board := b.Send(ben, http.MethodPost, "/boards", object{"title": "mine"}).Want(http.StatusCreated).JSON()["id"].(string)
	for n, hide := range []func(post string){
		func(post string) { b.Edit(ana, post, object{"visibility": "private"}) },
		func(post string) { b.Send(ana, http.MethodDelete, "/posts/"+post, nil).Want(http.StatusNoContent) },
		func(string) { b.People.Block(ana, ben) },
	} {
		post := b.Publish(ana, "hi")
		comment, cleos := b.Comment(ben, post, "mine", nil), b.Comment(cleo, post, "cleo's", nil)
		for _, deed := range []string{"/like", "/save"} {
			b.Send(ben, http.MethodPut, "/posts/"+post+deed, nil).Want(http.StatusNoContent)
		}
		item := "/boards/" + board + "/items/post/" + post
		b.Send(ben, http.MethodPut, item, nil).Want(http.StatusNoContent)
		hide(post)
		b.Get(ben, "/posts/"+post).Want(http.StatusNotFound)

		b.Send(ben, http.MethodPatch, "/comments/"+comment, object{"text": "edited"}).Want(http.StatusNotFound)
		b.Send(ben, http.MethodPut, "/posts/"+post+"/like", nil).Want(http.StatusNotFound)
		b.Send(ben, http.MethodDelete, "/comments/"+cleos, nil).Want(http.StatusNotFound)
		for _, mine := range []string{"/comments/" + comment, "/posts/" + post + "/like", "/posts/" + post + "/save"} {
			b.Send(ben, http.MethodDelete, mine, nil).Want(http.StatusNoContent)
			b.Send(ben, http.MethodDelete, mine, nil).Want(http.StatusNotFound) // what is not mine is as hidden as before
		}
		for range 2 {
			b.Send(ben, http.MethodDelete, item, nil).Want(http.StatusNoContent)
		}
		counted, rows := b.Counters(post)
		require.Equal(t, rows, counted, n)
		require.Equal(t, [3]int{0, 1, 0}, counted, n)
	}
	require.Len(t, taskstest.Events[posts.Unliked](t, b.DB), 3)
	b.Send(ben, http.MethodDelete, "/posts/"+uuid.NewString()+"/like", nil).Want(http.StatusNotFound)
}

func TestFault_V15_RepliesBelowAHiddenCommentStay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo, dora := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("cleo"), b.People.Add("dora")
	id := b.Publish(ana, "hi")
	pinned, top, lone := b.Comment(ben, id, "secret pinned", nil), b.Comment(ben, id, "secret top", nil), b.Comment(ben, id, "secret lone", nil)
	toPinned, toTop, own := b.Comment(cleo, id, "to the pinned one", pinned), b.Comment(cleo, id, "to the other", top), b.Comment(ben, id, "secret reply", top)
	onlyDoras := b.Comment(ben, id, "secret too", nil)
	doras := b.Comment(dora, id, "dora's", onlyDoras)
	b.Send(ana, http.MethodPut, "/comments/"+pinned+"/pin", nil).Want(http.StatusNoContent)
	b.People.Block(dora, ana)
	all := []string{pinned, top, lone, toPinned, toTop, own, onlyDoras, doras}
	walk := func(viewer uuid.UUID, limit int) []string {
		return b.Walk(viewer, fmt.Sprintf("/posts/%s/comments?limit=%d", id, limit), func(int) {})
	}
	require.Equal(t, all, walk(cleo, 3))

	ref := b.People.Lock(ben) // suspended, or about to leave
	for _, limit := range []int{1, 2, 50} {
		require.Equal(t, []string{pinned, top, toPinned, toTop}, walk(ana, limit), limit)
		require.Equal(t, []string{pinned, top, toPinned, toTop, onlyDoras, doras}, walk(cleo, limit), limit)
	}
	answer := b.Get(ana, "/posts/"+id+"/comments?limit=50")
	require.NotContains(t, string(answer.Body), "secret")
	require.NotContains(t, string(answer.Body), ben.String())
	for i, item := range apptest.Read[moduletest.List](answer).Items {
		require.Equal(t, []any{i < 2, false, i < 2}, []any{item["deleted"], item["pinned"], item["author"] == nil}, item)
	}
	b.People.Return(ref)
	require.Equal(t, all, walk(cleo, 50), "back with the account")
	require.Equal(t, true, b.Page(cleo, "/posts/"+id+"/comments?limit=1", "").Items[0]["pinned"])
}

func TestErasure_LeavesNothingOfAPerson(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	photo := b.Library.Add(ben)
	b.Publish(ben, "ben's", object{"photos": []object{{"upload_id": photo}}})
	id := b.Publish(ana, "ana's")
	b.Send(ben, http.MethodPut, "/posts/"+id+"/like", nil).Want(http.StatusNoContent)
	b.Send(ben, http.MethodPut, "/posts/"+id+"/save", nil).Want(http.StatusNoContent)
	b.Send(ana, http.MethodPut, "/posts/"+id+"/like", nil).Want(http.StatusNoContent)
	top := b.Comment(ben, id, "personal", nil)
	b.Comment(ben, id, "personal too", nil)
	b.Comment(ana, id, "reply", top)

	require.NoError(t, b.DB.InTx(t.Context(), func(ctx context.Context) error {
		return outbox.New(b.DB).Publish(ctx, users.Deleted{UserID: ben})
	}))
	b.People.Remove(ben)
	taskstest.Drain(t, b.DB, b.Handlers...)
	counted, rows := b.Counters(id)
	require.Equal(t, rows, counted)
	require.Equal(t, [3]int{1, 1, 0}, counted)
	require.Empty(t, b.Library.Audience(photo))
	require.Len(t, taskstest.Events[posts.Deleted](t, b.DB), 1)
	var left int
	require.NoError(t, b.DB.Conn(t.Context()).Raw(`
		SELECT (SELECT count(*) FROM posts WHERE author_id = @ben) + (SELECT count(*) FROM post_comments WHERE text LIKE 'personal%')
			+ (SELECT count(*) FROM post_likes WHERE user_id = @ben) + (SELECT count(*) FROM post_saves WHERE user_id = @ben)`,
		map[string]any{"ben": ben}).Scan(&left).Error)
	require.Zero(t, left)
}
