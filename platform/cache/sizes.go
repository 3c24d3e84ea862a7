package cache

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	keptBytes  = prometheus.NewDesc("atrium_cache_local_bytes", "What this process keeps in memory, about, by space.", []string{"space"}, nil)
	mostBytes  = prometheus.NewDesc("atrium_cache_local_limit_bytes", "How much of a space this process keeps in memory at most.", []string{"space"}, nil)
	keptValues = prometheus.NewDesc("atrium_cache_local_entries", "How many values this process keeps in memory, about, by space.", []string{"space"}, nil)
)

// sizes are all caches of this process.
var sizes watched

// watched are caches by their names: a process has one of each. Of several under one name (in tests) the last counts.
type watched struct {
	mu     sync.Mutex
	byName map[string]measured
}

type measured struct {
	limit int
	kept  func() copies
}

func (w *watched) watch(name string, limit int, kept func() copies) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byName == nil {
		w.byName = map[string]measured{}
	}
	w.byName[name] = measured{limit, kept}
}

func (w *watched) collect(out chan<- prometheus.Metric) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, m := range w.byName {
		kept := m.kept()
		out <- prometheus.MustNewConstMetric(keptBytes, prometheus.GaugeValue, float64(kept.bytes()), name)
		out <- prometheus.MustNewConstMetric(mostBytes, prometheus.GaugeValue, float64(m.limit), name)
		out <- prometheus.MustNewConstMetric(keptValues, prometheus.GaugeValue, float64(kept.len()), name)
	}
}
