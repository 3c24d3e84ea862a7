package post_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/posts"
	"atrium/modules/users"
	"atrium/platform/dbtest"
	"atrium/platform/money"
	"atrium/platform/outbox"
	"atrium/platform/tasks/taskstest"
)

func TestFault_V1_PostsAreCountedByWhoMaySeeThem(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	count := func() posts.ByVisibility {
		t.Helper()
		found, err := b.Counts.CountByAuthor(t.Context(), []uuid.UUID{ana, ben})
		require.NoError(t, err)
		require.Equal(t, posts.ByVisibility{}, found[ben])
		return found[ana]
	}
	require.Zero(t, count())
	public := b.Publish(ana, "public")
	require.Equal(t, posts.ByVisibility{Public: 1}, count())
	b.Publish(ana, "followers", object{"visibility": "followers"})
	private := b.Publish(ana, "private", object{"visibility": "private"})
	require.Equal(t, posts.ByVisibility{Public: 1, Followers: 1, Private: 1}, count())
	b.Edit(ana, public, object{"visibility": "private"})
	require.Equal(t, posts.ByVisibility{Followers: 1, Private: 2}, count(), "at once")
	b.Send(ana, http.MethodDelete, "/posts/"+private, nil).Want(http.StatusNoContent)
	require.Equal(t, posts.ByVisibility{Followers: 1, Private: 1}, count())
	b.Send(ana, http.MethodPost, "/posts/"+private+"/restore", nil).Want(http.StatusOK)
	require.Equal(t, posts.ByVisibility{Followers: 1, Private: 2}, count())

	seen := count()
	require.EqualValues(t, 3, seen.Total())
	require.EqualValues(t, 1, seen.SeenBy(users.Relation{Following: true}.MaySee))
	require.Zero(t, seen.SeenBy(users.Relation{}.MaySee))
	require.NoError(t, b.DB.InTx(t.Context(), func(ctx context.Context) error {
		return outbox.New(b.DB).Publish(ctx, users.Deleted{UserID: ana})
	}))
	taskstest.Drain(t, b.DB, b.Handlers...)
	require.Zero(t, count())
}

func TestFault_H7_AnEditOfAPostThatChangesNothingKeepsItsVersionAndTellsNobody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	chair := b.Catalogue.Add("chair", 1, money.Of(1, "EUR"))

	photos := []object{{"upload_id": b.Library.Add(ana), "alt": "A chair", "focal_point": object{"x": 0.25, "y": 0.5},
		"pins": []object{{"x": 0.1, "y": 0.7, "product_id": chair, "label": "here"}, {"x": 0, "y": 1}}}, {"upload_id": b.Library.Add(ana)}}
	id := b.Publish(ana, "hi #there", object{"photos": photos, "room": "living", "visibility": "followers"})
	said := b.Get(ana, "/posts/"+id).JSON()
	for _, same := range []object{
		{}, {"caption": " hi #there "}, {"room": "living", "style": nil}, {"visibility": "followers", "counts_hidden": false, "comment_policy": "everyone"}, {"photos": photos},
	} {
		require.Equal(t, said, b.Edit(ana, id, same), same)
	}
	require.Empty(t, taskstest.Events[posts.Edited](t, b.DB))
	require.Empty(t, b.Page(ana, "/posts/"+id+"/history?limit=5", "").Items)
	b.Send(ana, http.MethodPatch, "/posts/"+id, object{}, "If-Match", `"7"`).Want(http.StatusPreconditionFailed)
	photos[0], photos[1] = photos[1], photos[0]
	require.Equal(t, 2.0, b.Edit(ana, id, object{"photos": photos})["version"], "another order is another post")

	comment := b.Comment(ana, id, "typo", nil)
	same := b.Send(ana, http.MethodPatch, "/comments/"+comment, object{"text": " typo "}).Want(http.StatusOK).JSON()
	require.Nil(t, same["edited_at"])
	require.Empty(t, taskstest.Events[posts.CommentEdited](t, b.DB))
	edited := b.Send(ana, http.MethodPatch, "/comments/"+comment, object{"text": "no typo"}).Want(http.StatusOK).JSON()
	require.NotNil(t, edited["edited_at"])
	require.Equal(t, edited, b.Get(ana, "/comments/"+comment).Want(http.StatusOK).JSON())
	require.Len(t, taskstest.Events[posts.CommentEdited](t, b.DB), 1)
}

func TestComment_OfOneWhomTheViewerShouldNotMeetIsMissing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("cleo")
	post := b.Publish(ana, "hi")
	alone, answered := b.Comment(ben, post, "alone", nil), b.Comment(ben, post, "answered", nil)
	b.Comment(ana, post, "a reply", &answered)
	require.Equal(t, "alone", b.Get(cleo, "/comments/"+alone).Want(http.StatusOK).JSON()["text"])
	b.People.Block(cleo, ben)
	require.Equal(t, "posts.comment_not_found", b.Get(cleo, "/comments/"+alone).Want(http.StatusNotFound).Code())
	place := b.Get(cleo, "/comments/"+answered).Want(http.StatusOK).JSON()
	require.Equal(t, []any{nil, nil}, []any{place["author"], place["text"]}, "as in the list")
	b.Send(ben, http.MethodDelete, "/comments/"+alone, nil).Want(http.StatusNoContent)
	b.Get(ana, "/comments/"+alone).Want(http.StatusNotFound)
}
