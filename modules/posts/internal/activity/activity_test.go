package activity_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/moduletest"
	"atrium/platform/tasks/taskstest"
)

func TestActivity_IsWhatIsThereNow(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	ana, ben, cleo := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("cleo")
	typed := b.Publish(ana, "my room, @ben and @ana")
	post := uuid.MustParse(typed)
	comment := func(as uuid.UUID, body map[string]any) uuid.UUID {
		return uuid.MustParse(b.Send(as, http.MethodPost, "/posts/"+typed+"/comments", body).Want(http.StatusCreated).JSON()["id"].(string))
	}
	like := posts.Like{PostID: post, UserID: ben}
	likes := func() map[posts.Like]bool {
		found, err := b.Activity.Likes(t.Context(), []posts.Like{like, {PostID: post, UserID: cleo}, {PostID: uuid.New(), UserID: ben}})
		require.NoError(t, err)
		return found
	}
	require.Empty(t, likes())
	b.Send(ben, http.MethodPut, "/posts/"+typed+"/like", nil).Want(http.StatusNoContent)
	require.Equal(t, map[posts.Like]bool{like: true}, likes())

	first := comment(ben, map[string]any{"text": "hello"})
	reply := comment(cleo, map[string]any{"text": "@ana, @ben: see @nobody", "parent_id": first})
	comments := func() map[uuid.UUID]posts.Comment {
		found, err := b.Activity.Comments(t.Context(), []uuid.UUID{first, reply, uuid.New()})
		require.NoError(t, err)
		return found
	}
	answer := posts.Comment{ID: reply, PostID: post, AuthorID: cleo, PostAuthorID: ana, ParentAuthorID: ben, Mentioned: []uuid.UUID{ana, ben}}
	require.Equal(t, map[uuid.UUID]posts.Comment{first: {ID: first, PostID: post, AuthorID: ben, PostAuthorID: ana}, reply: answer}, comments())
	b.Send(ben, http.MethodDelete, "/comments/"+first.String(), nil).Want(http.StatusNoContent)
	require.Equal(t, map[uuid.UUID]posts.Comment{reply: answer}, comments(), "a reply outlives what it replies to")
	require.Equal(t, []posts.CommentDeleted{{CommentID: first, PostID: post, UserID: ben}}, taskstest.Events[posts.CommentDeleted](t, b.DB))

	mentions := func() map[uuid.UUID][]uuid.UUID {
		found, err := b.Activity.Mentions(t.Context(), []uuid.UUID{post, uuid.New()})
		require.NoError(t, err)
		return found
	}
	require.Equal(t, map[uuid.UUID][]uuid.UUID{post: {ben}}, mentions())
	b.Send(ana, http.MethodDelete, "/posts/"+typed, nil).Want(http.StatusNoContent)
	require.Empty(t, likes())
	require.Empty(t, comments())
	require.Empty(t, mentions())
	b.Send(ana, http.MethodPost, "/posts/"+typed+"/restore", nil).Want(http.StatusOK)
	require.Equal(t, map[posts.Like]bool{like: true}, likes())
}
