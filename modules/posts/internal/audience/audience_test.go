package audience_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/outbox"
	"atrium/platform/tasks/taskstest"
)

// happen publishes an event of another module and runs what follows.
func (b *bundle) happen(event outbox.Event) {
	b.T.Helper()
	require.NoError(b.T, b.DB.InTx(b.T.Context(), func(ctx context.Context) error { return outbox.New(b.DB).Publish(ctx, event) }))
	taskstest.Drain(b.T, b.DB, b.Handlers...)
}

func TestAudience_OfOlderPhotosFollowsHowTheAuthorStands(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	photo := func(author uuid.UUID, visibility string) uuid.UUID {
		id := b.Library.Add(author)
		b.Publish(author, visibility, object{"visibility": visibility, "photos": []object{{"upload_id": id}}})
		return id
	}
	var open []uuid.UUID
	for range 3 {
		open = append(open, photo(ana, "public"))
	}
	followers, bens := photo(ana, "followers"), photo(ben, "public")
	deleted := b.Library.Add(ana)
	b.Send(ana, http.MethodDelete, "/posts/"+b.Publish(ana, "x", object{"photos": []object{{"upload_id": deleted}}}), nil).Want(http.StatusNoContent)
	want := func(audience uploads.Audience) {
		t.Helper()
		for _, id := range open {
			require.Equal(t, audience, b.Library.Audience(id))
		}
		require.Equal(t, uploads.Some, b.Library.Audience(followers))
		require.Equal(t, uploads.Some, b.Library.Audience(deleted))
		require.Equal(t, uploads.Everybody, b.Library.Audience(bens))
	}
	want(uploads.Everybody)
	b.People.SetPrivate(ana, true)
	b.happen(users.PrivacyChanged{UserID: ana, Private: true})
	want(uploads.Some)
	b.happen(users.PrivacyChanged{UserID: ana, Private: false}) // heard late: how she stands now counts
	want(uploads.Some)
	b.People.SetPrivate(ana, false)
	b.happen(users.PrivacyChanged{UserID: ana})
	want(uploads.Everybody)

	b.People.Remove(ana)
	b.happen(users.Locked{UserID: ana, Reason: "suspended"})
	want(uploads.Some)
}

func TestAudience_FollowsThroughManyPostsAndLooksTwice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	var photos []uuid.UUID
	for range 230 {
		photos = append(photos, b.Library.Add(ana))
	}
	// The rows that 230 posts would leave.
	for _, id := range photos {
		require.NoError(t, b.DB.Conn(t.Context()).Exec(`
			WITH p AS (INSERT INTO posts (id, author_id, caption, visibility) VALUES (gen_random_uuid(), ?, 'x', 'public') RETURNING id)
			INSERT INTO post_images (post_id, position, photo_id) SELECT id, 0, ? FROM p`, ana, id).Error)
	}
	b.happen(users.Returned{UserID: ana})
	for _, id := range photos {
		require.Equal(t, uploads.Everybody, b.Library.Audience(id))
	}
	b.People.SetPrivate(ana, true)
	b.happen(users.PrivacyChanged{UserID: ana, Private: true})
	late := b.Library.Add(ana) // its post was being published as open while the account closed
	b.People.SetPrivate(ana, false)
	b.Publish(ana, "late", object{"photos": []object{{"upload_id": late}}})
	b.People.SetPrivate(ana, true)
	require.Equal(t, uploads.Everybody, b.Library.Audience(late))
	taskstest.Ripen(t, b.DB)
	taskstest.Drain(t, b.DB, b.Handlers...)
	for _, id := range append(photos, late) {
		require.Equal(t, uploads.Some, b.Library.Audience(id))
	}
}
