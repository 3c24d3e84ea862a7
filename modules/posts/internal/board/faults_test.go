package board_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/money"
)

func TestFault_V1_BoardsCountWhatTheViewerCanOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, fan, stranger := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("fan"), b.People.Add("stranger")
	b.People.Follow(fan, ana)
	b.People.Follow(ana, ben)
	board, other := b.board(ana, "many", "public"), b.board(ana, "one", "public")
	posts := map[string]string{}
	for visibility, author := range map[string]uuid.UUID{"public": ana, "followers": ben, "private": ana} {
		posts[visibility] = b.Publish(author, visibility, object{"visibility": visibility})
		b.put(ana, board, "post/"+posts[visibility], nil)
	}
	deleted, lamp, chair := b.Publish(ben, "deleted"), b.Catalogue.Add("lamp", 1, money.Of(1, "EUR")), b.Catalogue.Add("chair", 1, money.Of(1, "EUR"))
	for _, thing := range []string{"post/" + deleted, "product/" + lamp.String(), "product/" + chair.String()} {
		b.put(ana, board, thing, nil)
	}
	b.put(ana, other, "post/"+posts["public"], nil)
	shown := func(viewer uuid.UUID) []any {
		b.T.Helper()
		all := []any{b.Get(viewer, "/boards/"+board).Want(http.StatusOK).JSON()["items_count"]}
		for _, item := range b.Page(viewer, "/boards?user=ana&limit=5", "").Items {
			all = append(all, item["items_count"])
		}
		for _, item := range b.Page(viewer, "/posts/"+posts["public"]+"/boards?limit=5", "").Items {
			all = append(all, item["items_count"])
		}
		require.Len(t, b.onBoard(viewer, board, 50), int(all[0].(float64)), "as many as there are to see")
		return all
	}
	require.Equal(t, []any{6.0, 1.0, 6.0, 1.0, 6.0}, shown(ana))
	require.Equal(t, []any{4.0, 1.0, 4.0, 1.0, 4.0}, shown(stranger), "without what is for followers or for its author")

	b.Send(ben, http.MethodDelete, "/posts/"+deleted, nil).Want(http.StatusNoContent)
	b.Catalogue.Discontinue(lamp)
	require.Equal(t, []any{4.0, 1.0, 4.0, 1.0, 4.0}, shown(ana))
	require.Equal(t, []any{2.0, 1.0, 2.0, 1.0, 2.0}, shown(fan))
	b.People.Block(ben, ana)
	require.Equal(t, []any{3.0, 1.0, 3.0, 1.0, 3.0}, shown(ana), "nor across a block")
	b.Send(ana, http.MethodDelete, "/posts/"+posts["public"], nil).Want(http.StatusNoContent)
	require.Equal(t, 1.0, b.Get(stranger, "/boards/"+board).JSON()["items_count"])
	require.Equal(t, 0.0, b.Get(stranger, "/boards/"+other).JSON()["items_count"])
}

func TestFault_V14_ACoverIsTheNextItemThatCanBeSeen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, stranger := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("stranger")
	board, deep, hidden := b.board(ana, "six", "public"), b.board(ana, "deep", "public"), b.board(ana, "hidden", "public")
	photoOf := func(post string) any { return b.Get(ana, "/posts/"+post).JSON()["photos"].([]any)[0].(object)["id"] }
	for range 6 {
		private := b.Publish(ana, "mine", object{"visibility": "private"})
		b.put(ana, board, "post/"+private, nil)
		b.put(ana, hidden, "post/"+private, nil)
	}
	seen, later := b.Publish(ben, "seen"), b.Publish(ben, "later")
	for n := range 70 {
		b.put(ana, deep, "product/"+b.Catalogue.Add(fmt.Sprint("gone", n), 1, money.Of(1, "EUR")).String(), nil)
	}
	for _, on := range []string{board, deep} {
		b.put(ana, on, "post/"+seen, nil)
		b.put(ana, on, "post/"+later, nil)
	}
	covers := func(viewer uuid.UUID) map[string]any {
		found := map[string]any{}
		for _, item := range b.Page(viewer, "/boards?user=ana&limit=5", "").Items {
			found[item["title"].(string)] = nil
			if cover, ok := item["cover"].(object); ok {
				found[item["title"].(string)] = cover["id"]
			}
		}
		return found
	}
	require.Equal(t, map[string]any{"six": photoOf(seen), "deep": photoOf(seen), "hidden": nil}, covers(stranger))
	require.NotNil(t, covers(ana)["hidden"], "its owner sees them")
	b.Send(ben, http.MethodDelete, "/posts/"+seen, nil).Want(http.StatusNoContent)
	require.Equal(t, map[string]any{"six": photoOf(later), "deep": photoOf(later), "hidden": nil}, covers(stranger))
}

func TestFault_V14_ABoardLeavesOutWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	board, photo := b.board(ana, "mine", "public"), b.Library.Add(ana)
	lost, kept := b.Publish(ana, "lost", object{"photos": []object{{"upload_id": photo}}}), b.Publish(ana, "kept")
	b.put(ana, board, "post/"+lost, nil)
	b.put(ana, board, "post/"+kept, nil)
	require.NoError(t, b.Library.Release(context.WithoutCancel(t.Context()), []uuid.UUID{photo}))
	cold := &bundle{b.Another()}
	require.Equal(t, []string{"post/" + kept}, cold.onBoard(ben, board, 1))
	require.NotNil(t, cold.Get(ben, "/boards/"+board).JSON()["cover"])
}

func TestFault_H7_AnEditOfABoardThatChangesNothingKeepsItsVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	board, post := b.board(ana, "one", "public"), b.Publish(ana, "x")
	b.put(ana, board, "post/"+post, nil)
	edit := func(body object) object {
		t.Helper()
		return b.Send(ana, http.MethodPatch, "/boards/"+board, body, "If-Match", "*").Want(http.StatusOK).JSON()
	}
	cover := object{"type": "post", "id": post}
	said := edit(object{"description": "words", "cover": cover})
	for _, same := range []object{{}, {"title": " one "}, {"description": "words", "visibility": "public"}, {"cover": cover}} {
		require.Equal(t, said, edit(same), same)
	}
	require.Equal(t, 3.0, edit(object{"title": strings.ToUpper("one")})["version"])
}
