package postsfx

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
func (b *bench) happen(event outbox.Event) {
	b.t.Helper()
	require.NoError(b.t, b.db.InTx(b.t.Context(), func(ctx context.Context) error { return outbox.New(b.db).Publish(ctx, event) }))
	taskstest.Drain(b.t, b.db, b.handlers...)
}

func TestAudience_OfOlderPhotosFollowsHowTheAuthorStands(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.people.Add("ana"), b.people.Add("ben")
	photo := func(author uuid.UUID, visibility string) uuid.UUID {
		id := b.library.Add(author)
		b.post(author, visibility, object{"visibility": visibility, "photos": []object{{"upload_id": id}}})
		return id
	}
	var open []uuid.UUID
	for range 3 {
		open = append(open, photo(ana, "public"))
	}
	followers, bens := photo(ana, "followers"), photo(ben, "public")
	deleted := b.library.Add(ana)
	b.do(ana, http.MethodDelete, "/posts/"+b.post(ana, "x", object{"photos": []object{{"upload_id": deleted}}}), nil).Want(http.StatusNoContent)
	want := func(audience uploads.Audience) {
		t.Helper()
		for _, id := range open {
			require.Equal(t, audience, b.library.Audience(id))
		}
		require.Equal(t, uploads.Some, b.library.Audience(followers))
		require.Equal(t, uploads.Some, b.library.Audience(deleted))
		require.Equal(t, uploads.Everybody, b.library.Audience(bens))
	}
	want(uploads.Everybody)
	b.people.SetPrivate(ana, true)
	b.happen(users.PrivacyChanged{UserID: ana, Private: true})
	want(uploads.Some)
	b.happen(users.PrivacyChanged{UserID: ana, Private: false}) // heard late: how she stands now counts
	want(uploads.Some)
	b.people.SetPrivate(ana, false)
	b.happen(users.PrivacyChanged{UserID: ana})
	want(uploads.Everybody)

	b.people.Remove(ana)
	b.happen(users.Locked{UserID: ana, Reason: "suspended"})
	want(uploads.Some)
}

func TestAudience_FollowsThroughManyPostsAndLooksTwice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.people.Add("ana")
	var photos []uuid.UUID
	for range 230 {
		photos = append(photos, b.library.Add(ana))
	}
	// The rows that 230 posts would leave.
	for _, id := range photos {
		require.NoError(t, b.db.Conn(t.Context()).Exec(`
			WITH p AS (INSERT INTO posts (id, author_id, caption, visibility) VALUES (gen_random_uuid(), ?, 'x', 'public') RETURNING id)
			INSERT INTO post_images (post_id, position, photo_id) SELECT id, 0, ? FROM p`, ana, id).Error)
	}
	b.happen(users.Returned{UserID: ana})
	for _, id := range photos {
		require.Equal(t, uploads.Everybody, b.library.Audience(id))
	}
	b.people.SetPrivate(ana, true)
	b.happen(users.PrivacyChanged{UserID: ana, Private: true})
	late := b.library.Add(ana) // its post was being published as open while the account closed
	b.people.SetPrivate(ana, false)
	b.post(ana, "late", object{"photos": []object{{"upload_id": late}}})
	b.people.SetPrivate(ana, true)
	require.Equal(t, uploads.Everybody, b.library.Audience(late))
	taskstest.Ripen(t, b.db)
	taskstest.Drain(t, b.db, b.handlers...)
	for _, id := range append(photos, late) {
		require.Equal(t, uploads.Some, b.library.Audience(id))
	}
}
