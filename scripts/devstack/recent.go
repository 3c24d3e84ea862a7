package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// recent is a map in order of arrival that forgets the oldest entry beyond its
// limit, so that a stack that runs for weeks does not grow. Its owner locks.
type recent[V any] struct {
	limit int
	order []string
	byKey map[string]V
}

func newRecent[V any](limit int) *recent[V] {
	return &recent[V]{limit: limit, byKey: map[string]V{}}
}

// put adds an entry or changes it in its place.
func (r *recent[V]) put(key string, value V) {
	if _, known := r.byKey[key]; !known {
		if len(r.order) >= r.limit {
			r.remove(r.order[0])
		}
		r.order = append(r.order, key)
	}
	r.byKey[key] = value
}

func (r *recent[V]) get(key string) (V, bool) {
	value, found := r.byKey[key]
	return value, found
}

func (r *recent[V]) remove(key string) {
	if _, known := r.byKey[key]; !known {
		return
	}
	delete(r.byKey, key)
	i := slices.Index(r.order, key)
	r.order = slices.Delete(r.order, i, i+1)
}

// values are all entries, the oldest first.
func (r *recent[V]) values() []V {
	values := make([]V, 0, len(r.order))
	for _, key := range r.order {
		values = append(values, r.byKey[key])
	}
	return values
}

// writeJSON answers value; a list that is empty must come as an empty slice.
func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

// readJSON answers false, and the client a 400, for a body that does not fit.
// An empty body is an empty object.
func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	if r.ContentLength == 0 {
		return true
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(into); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "the body is not the JSON that this route takes: " + err.Error()})
		return false
	}
	return true
}

// timestamp is a moment as the lists show it.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
