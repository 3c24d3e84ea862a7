package graph

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/users"
	"atrium/platform/tasks/taskstest"
)

func TestRelationships_AreWhatIsSoNow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo := b.db.Join(t, "Ana"), b.db.Join(t, "Ben"), b.db.JoinPrivate(t, "Cleo")
	pair := func(user, other uuid.UUID) users.Relationship {
		p, nobody := users.Pair{User: user, Other: other}, users.Pair{User: user, Other: uuid.New()}
		found, err := b.relations.Relationships(t.Context(), []users.Pair{p, nobody})
		require.NoError(t, err)
		require.Len(t, found, 2)
		require.Equal(t, users.Relationship{Gone: true}, found[nobody])
		return found[p]
	}
	require.Equal(t, users.Relationship{}, pair(ana, ben))
	b.follow(t, ana, ben)
	require.NotNil(t, pair(ana, ben).FollowingSince)
	require.NotNil(t, pair(ben, ana).FollowedSince)
	require.Nil(t, pair(ben, ana).FollowingSince)

	b.follow(t, ana, cleo)
	first := pair(cleo, ana).AskedSince
	require.NotNil(t, first)
	require.Nil(t, pair(ana, cleo).AskedSince)
	require.NoError(t, b.graph.Reject(t.Context(), cleo, ana))
	require.Nil(t, pair(cleo, ana).AskedSince)
	b.follow(t, ana, cleo)
	require.True(t, pair(cleo, ana).AskedSince.After(*first), "asking again is another request")
	require.NoError(t, b.graph.Unfollow(t.Context(), ana, cleo))
	require.NoError(t, b.graph.Unfollow(t.Context(), ana, cleo))
	ended := users.FollowRequestEnded{Follower: ana, Followee: cleo}
	require.Equal(t, []users.FollowRequestEnded{ended, ended}, taskstest.Events[users.FollowRequestEnded](t, b.db.DB), "rejected and taken back")
	b.follow(t, ana, cleo)
	require.NoError(t, b.graph.Accept(t.Context(), cleo, ana))
	require.NotNil(t, pair(cleo, ana).FollowedSince)
	require.Equal(t, []users.Followed{{Follower: ana, Followee: ben}, {Follower: ana, Followee: cleo, Accepted: true}}, taskstest.Events[users.Followed](t, b.db.DB))

	require.NoError(t, b.graph.Mute(t.Context(), ana, ben, nil))
	require.True(t, pair(ana, ben).Muted)
	require.False(t, pair(ben, ana).Muted)
	require.NoError(t, b.graph.Block(t.Context(), ben, ana))
	require.True(t, pair(ana, ben).Blocked)
	require.True(t, pair(ben, ana).Blocked)
	for range 2 {
		require.NoError(t, b.graph.Unblock(t.Context(), ben, ana))
	}
	require.Equal(t, []users.Unblocked{{Blocker: ben, Unblocked: ana}}, taskstest.Events[users.Unblocked](t, b.db.DB))
	require.False(t, pair(ana, ben).Blocked)
}
