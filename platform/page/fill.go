package page

import (
	"time"

	"github.com/google/uuid"
)

// Position is where an entry stands in a list; cursors are sealed from it. A list sets what it is ordered by.
type Position struct {
	At   time.Time `json:"t,omitzero"`
	ID   uuid.UUID `json:"i"`
	Rank int       `json:"r,omitempty"`
}

// Newest comes before every entry of a list that begins with the newest.
var Newest = Position{At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), ID: uuid.Max}

// largestStep bounds how many rows Fill looks at in one step.
const largestStep = 1000

// Fill gathers need rows that pass keep: more returns up to n rows after one, fewer than n at the end. Its steps grow while rows are
// left out, so that a list of which most is hidden is read in few steps.
func Fill[T any](after T, need int, more func(after T, n int) ([]T, error), keep func([]T) ([]T, error)) ([]T, error) {
	var rows []T
	for n := need; ; n = min(2*n, largestStep) {
		found, err := more(after, n)
		if err != nil {
			return nil, err
		}
		kept, err := keep(found)
		if err != nil {
			return nil, err
		}
		if rows == nil {
			rows = kept // as it is mostly
		} else {
			rows = append(rows, kept...)
		}
		if len(rows) >= need || len(found) < n {
			return rows[:min(len(rows), need)], nil
		}
		after = found[len(found)-1]
	}
}
