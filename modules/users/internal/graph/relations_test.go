package graph

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"atrium/modules/users"
	"atrium/modules/users/internal/user"
)

func TestRelations_AreReadOnceAndBiteAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo := b.db.Join(t, "Ana"), b.db.Join(t, "Ben"), b.db.JoinPrivate(t, "Cleo")
	b.follow(t, ana, ben)
	all := func() map[uuid.UUID]users.Relation {
		found, err := b.relations.Relations(t.Context(), ana, []uuid.UUID{ben, cleo})
		require.NoError(t, err)
		return found
	}
	require.Equal(t, map[uuid.UUID]users.Relation{ben: {Following: true}, cleo: {Private: true}}, all())

	statements := 0
	count := func(*gorm.DB) { statements++ }
	callbacks := b.db.Conn(t.Context()).Callback()
	require.NoError(t, callbacks.Query().Before("gorm:query").Register("test:count", count))
	require.NoError(t, callbacks.Row().Before("gorm:row").Register("test:count", count))
	require.NoError(t, callbacks.Raw().Before("gorm:raw").Register("test:count", count))
	all()
	_, err := b.relations.FollowingSet(t.Context(), ana)
	require.NoError(t, err)
	require.Zero(t, statements)

	for _, step := range []struct {
		name string
		do   func(ctx context.Context) error
		want users.Relation
	}{
		{"unfollowed", func(ctx context.Context) error { return b.graph.Unfollow(ctx, ana, ben) }, users.Relation{}},
		{"followed", func(ctx context.Context) error { return b.graph.Follow(ctx, ana, ben) }, users.Relation{Following: true}},
		{"blocked by them", func(ctx context.Context) error { return b.graph.Block(ctx, ben, ana) }, users.Relation{Blocked: true}},
		{"unblocked", func(ctx context.Context) error { return b.graph.Unblock(ctx, ben, ana) }, users.Relation{}},
		{"gone", func(ctx context.Context) error {
			return b.directory.Update(ctx, ben, func(_ context.Context, u *user.User) error {
				now := time.Now()
				u.SuspendedAt = &now
				return nil
			})
		}, users.Relation{Gone: true}},
	} {
		require.NoError(t, step.do(t.Context()), step.name)
		require.Equal(t, step.want, all()[ben], step.name)
	}
}

func TestFollowingSet_HasAnotherVersionWhenItIsAnother(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.db.Join(t, "Ana"), b.db.Join(t, "Ben")
	following := func() users.FollowingSet {
		found, err := b.relations.FollowingSet(t.Context(), ana)
		require.NoError(t, err)
		return found
	}
	nobody := following()
	require.Empty(t, nobody.IDs)
	b.follow(t, ana, ben)
	require.Equal(t, []uuid.UUID{ben}, following().IDs)
	require.NotEqual(t, nobody.Version, following().Version)
	require.NoError(t, b.graph.Unfollow(t.Context(), ana, ben))
	require.Equal(t, nobody.Version, following().Version)
}
