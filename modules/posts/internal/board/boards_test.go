package board_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/posts/internal/moduletest"
	"atrium/modules/users"
	"atrium/platform/dbtest"
	"atrium/platform/money"
	"atrium/platform/outbox"
	"atrium/platform/stacktest"
	"atrium/platform/tasks/taskstest"
)

// board makes a board and returns its id.
func (b *bundle) board(owner uuid.UUID, title, visibility string) string {
	b.T.Helper()
	return b.Send(owner, http.MethodPost, "/boards", object{"title": title, "visibility": visibility}).Want(http.StatusCreated).JSON()["id"].(string)
}

// put puts a thing ("post/<id>", "product/<id>") on a board; body says where.
func (b *bundle) put(owner uuid.UUID, board, thing string, body any) {
	b.T.Helper()
	b.Send(owner, http.MethodPut, "/boards/"+board+"/items/"+thing, body).Want(http.StatusNoContent)
}

// onBoard is what the viewer sees on a board, as things, read in pages.
func (b *bundle) onBoard(viewer uuid.UUID, board string, limit int) []string {
	b.T.Helper()
	things := []string{}
	for cursor := ""; ; {
		page := b.Page(viewer, fmt.Sprintf("/boards/%s?limit=%d", board, limit), cursor)
		for _, item := range page.Items {
			things = append(things, item["type"].(string)+"/"+item["id"].(string))
			require.NotNil(b.T, item[item["type"].(string)])
		}
		if page.NextCursor == nil {
			return things
		}
		require.Len(b.T, page.Items, limit, "short only at the end")
		cursor = *page.NextCursor
	}
}

// after is the body that puts something behind a thing.
func after(thing string) object {
	kind, id, _ := strings.Cut(thing, "/")
	return object{"after": object{"type": kind, "id": id}}
}

func TestBoards_HoldPostsAndProductsInTheirOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	made := b.Send(ana, http.MethodPost, "/boards", object{"title": " Calm "}).Want(http.StatusCreated)
	board := made.JSON()["id"].(string)
	require.Equal(t, []any{"Calm", "private", nil, 0.0, 1.0}, values(made.JSON(), "title", "visibility", "cover", "items_count", "version"))
	require.Equal(t, "/v1/boards/"+board, made.Header.Get("Location"))

	own, others := "post/"+b.Publish(ana, "own"), "post/"+b.Publish(ben, "ben's")
	chair := "product/" + b.Catalogue.Add("chair", 1, money.Of(1, "EUR")).String()
	for range 2 { // again changes nothing
		b.put(ana, board, own, nil)
		b.put(ana, board, chair, object{})
		b.put(ana, board, others, nil)
	}
	require.Equal(t, []string{own, chair, others}, b.onBoard(ana, board, 50))
	b.put(ana, board, others, object{"after": nil})
	require.Equal(t, []string{others, own, chair}, b.onBoard(ana, board, 2))
	b.put(ana, board, others, after(own))
	b.put(ana, board, others, after(own))
	b.put(ana, board, others, after(others))
	require.Equal(t, []string{own, others, chair}, b.onBoard(ana, board, 1))

	open := b.Get(ana, "/boards/"+board).Want(http.StatusOK)
	require.Equal(t, `"1"`, open.Header.Get("ETag"), "moves only with edits")
	require.Equal(t, 3.0, open.JSON()["items_count"])
	for range 2 {
		b.Send(ana, http.MethodDelete, "/boards/"+board+"/items/"+chair, nil).Want(http.StatusNoContent)
	}
	require.Equal(t, []string{own, others}, b.onBoard(ana, board, 1))
	b.Send(ana, http.MethodDelete, "/boards/"+board, nil).Want(http.StatusNoContent)
	b.Send(ana, http.MethodDelete, "/boards/"+board, nil).Want(http.StatusNotFound)
	b.Get(ana, "/posts/"+strings.TrimPrefix(own, "post/")).Want(http.StatusOK)
}

// values are some members of an object.
func values(o object, names ...string) []any {
	found := make([]any, len(names))
	for i, name := range names {
		found[i] = o[name]
	}
	return found
}

func TestBoards_AreEditedByTheirOwner(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	board := b.board(ana, "one", "public")
	first, second := b.Publish(ana, "first"), b.Publish(ana, "second")
	b.put(ana, board, "post/"+first, nil)
	b.put(ana, board, "post/"+second, nil)
	edit := func(who uuid.UUID, body object, status int, match ...string) object {
		t.Helper()
		return b.Send(who, http.MethodPatch, "/boards/"+board, body, match...).Want(status).JSON()
	}
	cover := func(viewer uuid.UUID) any {
		return b.Get(viewer, "/boards/"+board).Want(http.StatusOK).JSON()["cover"].(object)["id"]
	}
	photoOf := func(post string) any { return b.Get(ana, "/posts/"+post).JSON()["photos"].([]any)[0].(object)["id"] }
	require.Equal(t, photoOf(first), cover(ben))
	edit(ana, object{"title": "two"}, http.StatusPreconditionRequired)
	edit(ana, object{"title": "two"}, http.StatusPreconditionFailed, "If-Match", `"2"`)
	edit(ben, object{"title": "two"}, http.StatusNotFound, "If-Match", "*")
	for _, wrong := range []object{{"title": " "}, {"title": strings.Repeat("a", 101)}, {"description": strings.Repeat("a", 501)}, {"visibility": "followers"},
		{"owner": ben}, {"cover": object{"type": "post", "id": b.Publish(ana, "elsewhere")}}, {"cover": object{"type": "user", "id": ana}}} {
		edit(ana, wrong, http.StatusUnprocessableEntity, "If-Match", "*")
	}
	edited := edit(ana, object{"title": "two", "description": "words", "cover": object{"type": "post", "id": second}}, http.StatusOK, "If-Match", `"1"`)
	require.Equal(t, []any{"two", "words", "public", 2.0}, values(edited, "title", "description", "visibility", "version"))
	require.Equal(t, photoOf(second), cover(ben))
	b.Edit(ana, second, object{"visibility": "private"})
	require.Equal(t, photoOf(first), cover(ben), "a cover shows nothing that is hidden")
	require.Equal(t, photoOf(second), cover(ana))
	edit(ana, object{"cover": nil}, http.StatusOK, "If-Match", `"2"`)
	require.Equal(t, photoOf(first), cover(ana))
}

func TestBoards_AreSeenByThoseWhoMay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, fan, stranger, blocked := b.People.Add("ana"), b.People.Add("fan"), b.People.Add("stranger"), b.People.Add("blocked")
	b.People.Follow(fan, ana)
	b.People.Block(ana, blocked)
	post := b.Publish(stranger, "shown")
	for _, c := range []struct {
		visibility string
		private    bool
		sees       []uuid.UUID
	}{
		{"public", false, []uuid.UUID{ana, fan, stranger}}, {"public", true, []uuid.UUID{ana, fan}}, {"private", false, []uuid.UUID{ana}},
	} {
		b.People.SetPrivate(ana, c.private)
		board := b.board(ana, c.visibility, c.visibility)
		b.put(ana, board, "post/"+post, nil)
		for name, viewer := range map[string]uuid.UUID{"ana": ana, "fan": fan, "stranger": stranger, "blocked": blocked} {
			sees := slices.Contains(c.sees, viewer)
			answer := b.Get(viewer, "/boards/"+board)
			require.Equal(t, sees, answer.Status == http.StatusOK, "%s %s: %s", c.visibility, name, answer.Body)
			require.Equal(t, sees, moduletest.Contains(b.Get(viewer, "/posts/"+post+"/boards?limit=50").Want(http.StatusOK), board), name)
			listed := b.Get(viewer, "/boards?limit=50&user=ana")
			if viewer == blocked {
				listed.Want(http.StatusNotFound)
				continue
			}
			require.Equal(t, sees, moduletest.Contains(listed.Want(http.StatusOK), board), name)
		}
		for _, r := range []struct{ method, path string }{{http.MethodPut, "/items/post/" + post}, {http.MethodDelete, "/items/post/" + post}, {http.MethodDelete, ""}} {
			b.Send(fan, r.method, "/boards/"+board+r.path, nil).Want(http.StatusNotFound)
			b.Send(uuid.Nil, r.method, "/boards/"+board+r.path, nil).Want(http.StatusUnauthorized)
		}
		b.Get(uuid.Nil, "/boards/"+board).Want(http.StatusUnauthorized)
	}
	b.People.SetPrivate(ana, false)
	require.Len(t, b.Walk(ana, "/boards?limit=1", func(int) {}), 3)
	require.Empty(t, b.Page(fan, "/boards?limit=5", "").Items, "one's own")
	require.Len(t, b.Walk(fan, "/posts/"+post+"/boards?limit=1", func(int) {}), 2)
}

func TestBoards_WhatIsHiddenLeavesNoGap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("cleo")
	board := b.board(ana, "many", "public")
	var things []string
	for n := range 9 {
		things = append(things, "post/"+b.Publish([]uuid.UUID{ana, ben, cleo}[n%3], fmt.Sprint(n)))
		b.put(ana, board, things[n], nil)
	}
	lamp := b.Catalogue.Add("lamp", 1, money.Of(1, "EUR"))
	b.put(ana, board, "product/"+lamp.String(), nil)
	id := func(n int) string { return strings.TrimPrefix(things[n], "post/") }

	b.Send(ben, http.MethodDelete, "/posts/"+id(1), nil).Want(http.StatusNoContent)
	b.Edit(ben, id(4), object{"visibility": "private"})
	b.People.Block(cleo, ana)
	b.Catalogue.Discontinue(lamp)
	require.Equal(t, []string{things[0], things[3], things[6], things[7]}, b.onBoard(ana, board, 2))
	require.Equal(t, []string{things[0], things[2], things[3], things[4], things[5], things[6], things[7], things[8]}, b.onBoard(ben, board, 3))
	b.put(ana, board, things[0], after(things[1]))
	b.Send(ben, http.MethodPost, "/posts/"+id(1)+"/restore", nil).Want(http.StatusOK)
	require.Equal(t, []string{things[1], things[0], things[3], things[6], things[7]}, b.onBoard(ana, board, 2), "back in its place")

	for path, body := range map[string]any{
		"post/" + id(2): nil, "post/" + uuid.NewString(): nil, "post/x": nil, "product/" + lamp.String(): nil, "product/x": nil, "user/" + ben.String(): nil,
	} {
		b.Send(ana, http.MethodPut, "/boards/"+board+"/items/"+path, body).Want(http.StatusNotFound)
	}
	b.Send(ana, http.MethodPut, "/boards/"+board+"/items/"+things[0], after("post/"+uuid.NewString())).Want(http.StatusUnprocessableEntity)
	b.Send(ana, http.MethodDelete, "/boards/"+board+"/items/"+things[2], nil).Want(http.StatusNoContent)

	require.NoError(t, b.DB.InTx(t.Context(), func(ctx context.Context) error {
		box := outbox.New(b.DB)
		if err := box.Publish(ctx, users.Deleted{UserID: ben}); err != nil {
			return err
		}
		return box.Publish(ctx, users.Deleted{UserID: ana})
	}))
	taskstest.Drain(t, b.DB, b.Handlers...)
	var left int
	require.NoError(t, b.DB.Conn(t.Context()).Raw(`SELECT (SELECT count(*) FROM boards) + (SELECT count(*) FROM board_items)`).Scan(&left).Error)
	require.Zero(t, left)
}

func TestBoards_AreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	board, post := b.board(ana, "full", "private"), b.Publish(ana, "one more")
	require.NoError(t, b.DB.Conn(t.Context()).Exec(`
		INSERT INTO board_items (board_id, kind, item_id, rank) SELECT ?, 'product', gen_random_uuid(), 'V' || lpad(n::text, 3, '0') || 'V'
		FROM generate_series(1, 500) n`, board).Error)
	require.Equal(t, "posts.board_full", b.Send(ana, http.MethodPut, "/boards/"+board+"/items/post/"+post, nil).Want(http.StatusConflict).Code())
	require.NoError(t, b.DB.Conn(t.Context()).Exec(`
		INSERT INTO boards (id, owner_id, title, visibility) SELECT gen_random_uuid(), ?, 'x', 'private' FROM generate_series(1, 199)`, ana).Error)
	require.Equal(t, "posts.too_many_boards", b.Send(ana, http.MethodPost, "/boards", object{"title": "x"}).Want(http.StatusConflict).Code())
}

// TestBoards_PropertyTheOrderIsTheOwners moves things about at random, against a plain list.
func TestBoards_PropertyTheOrderIsTheOwners(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	board := b.board(ana, "mine", "private")
	var want, things []string
	for n := range 12 {
		things = append(things, "product/"+b.Catalogue.Add(fmt.Sprintf("p%d", n), 1, money.Of(1, "EUR")).String())
	}
	for move := range stacktest.Budget(150, 10_000) {
		thing := things[rand.IntN(len(things))]
		if move > 60 && move < 130 { // to and fro at one place, where ranks grow longest
			thing = want[1+move%2]
		}
		without := slices.DeleteFunc(slices.Clone(want), func(other string) bool { return other == thing })
		switch rand.IntN(5) {
		case 0:
			if len(without) > 8 {
				b.Send(ana, http.MethodDelete, "/boards/"+board+"/items/"+thing, nil).Want(http.StatusNoContent)
				want = without
				continue
			}
			fallthrough
		case 1:
			b.put(ana, board, thing, object{"after": nil})
			want = slices.Insert(without, 0, thing)
		case 2:
			b.put(ana, board, thing, nil)
			if !slices.Contains(want, thing) {
				want = append(without, thing)
			}
		default:
			if len(without) == 0 {
				continue
			}
			at := rand.IntN(min(len(without), 3))
			b.put(ana, board, thing, after(without[at]))
			want = slices.Insert(without, at+1, thing)
		}
		if move%10 == 0 {
			require.Equal(t, want, b.onBoard(ana, board, 50), move)
		}
	}
	require.Equal(t, want, b.onBoard(ana, board, 5))
	var most int
	require.NoError(t, b.DB.Conn(t.Context()).Raw(`SELECT max(length(rank)) FROM board_items`).Scan(&most).Error)
	require.LessOrEqual(t, most, 48)
}

func TestBoards_RaceOfTwoPhonesKeepsEachThingOnce(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana := b.People.Add("ana")
	board := b.board(ana, "mine", "private")
	var things []string
	for n := range 6 {
		things = append(things, "product/"+b.Catalogue.Add(fmt.Sprintf("p%d", n), 1, money.Of(1, "EUR")).String())
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range stacktest.Budget(3, 100) {
				for _, n := range rand.Perm(len(things)) {
					b.put(ana, board, things[n], object{"after": nil})
				}
			}
		})
	}
	wait.Wait()
	require.ElementsMatch(t, things, b.onBoard(ana, board, 50))
	var ranks int
	require.NoError(t, b.DB.Conn(t.Context()).Raw(`SELECT count(DISTINCT rank) FROM board_items`).Scan(&ranks).Error)
	require.Equal(t, len(things), ranks)
}
