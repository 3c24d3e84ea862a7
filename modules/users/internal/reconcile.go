package internal

import (
	"context"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

// reconcileBatch bounds how many people one statement compares.
const reconcileBatch = 500

// Reconciler compares everybody's figures with their rows. They move together in one transaction, so whatever it finds is a
// fault of ours: it mends it, and counts it for operators to be alarmed.
type Reconciler struct {
	store   store
	drifted prometheus.Gauge
	mended  prometheus.Counter
}

// NewReconciler makes a Reconciler of the people's figures.
func NewReconciler(p *People) *Reconciler {
	return &Reconciler{
		store: p.store,
		drifted: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "atrium_users_drifted", Help: "People whose figures differed from their rows at the last comparison.",
		}),
		mended: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "atrium_users_drift_mended_total", Help: "People whose figures were set right.",
		}),
	}
}

// Metrics are what operators watch.
func (r *Reconciler) Metrics() []prometheus.Collector {
	return []prometheus.Collector{r.drifted, r.mended}
}

// Reconcile walks over all people. It can stop anywhere: the next run begins anew.
func (r *Reconciler) Reconcile(ctx context.Context) error {
	found := 0
	for after := uuid.Nil; ; {
		batch, err := r.store.compareFigures(ctx, after, reconcileBatch)
		if err != nil {
			return err
		}
		for _, c := range batch {
			if !c.Drifted {
				continue
			}
			found++
			if err := r.store.mendFigures(ctx, c.ID); err != nil {
				return err
			}
			r.mended.Inc()
		}
		if len(batch) < reconcileBatch {
			r.drifted.Set(float64(found))
			return nil
		}
		after = batch[len(batch)-1].ID
	}
}
