package graph

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"atrium/modules/users/internal/user"
	"atrium/modules/users/internal/usertest"
	"atrium/platform/stacktest"
)

func TestReconcile_CountsAndRepairsDrift(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo := b.db.Join(t, "Ana"), b.db.Join(t, "Ben"), b.db.Join(t, "Cleo")
	b.follow(t, ana, ben)
	b.follow(t, cleo, ben)
	r := NewReconciler(b.db.DB, user.NewStore(b.db.DB, usertest.Master(t)))
	require.NoError(t, r.Reconcile(t.Context()))
	require.Zero(t, testutil.ToFloat64(r.drifted), "following changes rows and counters together")

	b.db.Exec(t, "UPDATE users SET followers = followers + 5 WHERE id = ?", ben)
	b.db.Exec(t, "UPDATE users SET following = 0 WHERE id = ?", cleo)
	require.NoError(t, r.Reconcile(t.Context()))
	require.EqualValues(t, 2, testutil.ToFloat64(r.drifted))
	require.EqualValues(t, 2, testutil.ToFloat64(r.repaired))
	b.db.CountersHold(t)
	require.NoError(t, r.Reconcile(t.Context()))
	require.Zero(t, testutil.ToFloat64(r.drifted))
}

// While people follow and unfollow, nothing looks like drift.
func TestReconcile_DuringAStormFindsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.db.Join(t, "Ana"), b.db.Join(t, "Ben")
	r := NewReconciler(b.db.DB, user.NewStore(b.db.DB, usertest.Master(t)))
	group, ctx := errgroup.WithContext(t.Context())
	rounds := stacktest.Budget(30, 2000)
	group.Go(func() error {
		for range rounds {
			if err := b.graph.Follow(ctx, ana, ben); err != nil {
				return err
			}
			if err := b.graph.Unfollow(ctx, ana, ben); err != nil {
				return err
			}
		}
		return nil
	})
	group.Go(func() error {
		for range rounds {
			if err := r.Reconcile(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, group.Wait())
	require.Zero(t, testutil.ToFloat64(r.repaired))
	b.db.CountersHold(t)
}
