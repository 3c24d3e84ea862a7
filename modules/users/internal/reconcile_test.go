package internal

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"atrium/platform/stacktest"
)

func TestReconcile_CountsAndMendsDrift(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo := b.join(t, "Ana"), b.join(t, "Ben"), b.join(t, "Cleo")
	b.follow(t, ana, ben)
	b.follow(t, cleo, ben)
	r := NewReconciler(b.people)
	require.NoError(t, r.Reconcile(t.Context()))
	require.Zero(t, testutil.ToFloat64(r.drifted), "the product's own deeds leave none")

	b.exec(t, "UPDATE users SET followers = followers + 5 WHERE id = ?", ben)
	b.exec(t, "UPDATE users SET following = 0 WHERE id = ?", cleo)
	require.NoError(t, r.Reconcile(t.Context()))
	require.EqualValues(t, 2, testutil.ToFloat64(r.drifted))
	require.EqualValues(t, 2, testutil.ToFloat64(r.mended))
	b.figuresHold(t)
	require.NoError(t, r.Reconcile(t.Context()))
	require.Zero(t, testutil.ToFloat64(r.drifted))
}

// While people follow and unfollow, nothing looks like drift.
func TestReconcile_DuringAStormFindsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.join(t, "Ana"), b.join(t, "Ben")
	r := NewReconciler(b.people)
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
	require.Zero(t, testutil.ToFloat64(r.mended))
	b.figuresHold(t)
}
