package graph

import (
	"context"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"atrium/modules/users/internal/user"
	"atrium/platform/database"
)

// reconcileBatch bounds how many people one statement compares.
const reconcileBatch = 500

// Reconciler compares the counters of followers and followed people with the rows. Both change in one transaction, so a difference is a
// bug: it is repaired, and counted for an alarm.
type Reconciler struct {
	db       *database.DB
	store    store
	users    *user.Store
	drifted  prometheus.Gauge
	repaired prometheus.Counter
}

func NewReconciler(db *database.DB, people *user.Store) *Reconciler {
	return &Reconciler{
		db: db, store: store{db}, users: people,
		drifted: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "atrium_users_drifted", Help: "People whose counters differed from their rows at the last comparison.",
		}),
		repaired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "atrium_users_drift_mended_total", Help: "People whose counters were repaired.",
		}),
	}
}

// Metrics returns the metrics to be registered.
func (r *Reconciler) Metrics() []prometheus.Collector {
	return []prometheus.Collector{r.drifted, r.repaired}
}

// Reconcile compares all people, batch by batch. An interrupted run is begun again by the next.
func (r *Reconciler) Reconcile(ctx context.Context) error {
	found := 0
	for after := uuid.Nil; ; {
		batch, err := r.store.compareCounters(ctx, after, reconcileBatch)
		if err != nil {
			return err
		}
		for _, c := range batch {
			if !c.Drifted {
				continue
			}
			found++
			if err := r.repair(ctx, c.ID); err != nil {
				return err
			}
			r.repaired.Inc()
		}
		if len(batch) < reconcileBatch {
			r.drifted.Set(float64(found))
			return nil
		}
		after = batch[len(batch)-1].ID
	}
}

// repair counts a person's rows anew. Whoever changes a relation locks both people first, so none changes meanwhile.
func (r *Reconciler) repair(ctx context.Context, id uuid.UUID) error {
	return r.db.InTx(ctx, func(ctx context.Context) error {
		if _, err := r.users.LockAll(ctx, id); err != nil {
			return err
		}
		return r.store.recount(ctx, id)
	})
}

// comparison is whether a person's counters differ from their rows.
type comparison struct {
	ID      uuid.UUID
	Drifted bool
}

// compareCounters compares the counters of people in the order of their ids, after the one given. One statement sees rows and
// counters of one moment.
func (s store) compareCounters(ctx context.Context, after uuid.UUID, limit int) (batch []comparison, err error) {
	err = s.db.Conn(ctx).Raw(`
		SELECT u.id, u.followers <> (SELECT count(*) FROM user_follows f WHERE f.followee_id = u.id)
			OR u.following <> (SELECT count(*) FROM user_follows f WHERE f.follower_id = u.id) AS drifted
		FROM users u WHERE u.id > ? ORDER BY u.id LIMIT ?`, after, limit).Scan(&batch).Error
	return batch, err
}

// recount sets a person's counters to the numbers of their rows.
func (s store) recount(ctx context.Context, id uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`UPDATE users u SET
		followers = (SELECT count(*) FROM user_follows f WHERE f.followee_id = u.id),
		following = (SELECT count(*) FROM user_follows f WHERE f.follower_id = u.id) WHERE u.id = ?`, id).Error
}
