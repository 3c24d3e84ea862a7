package returns

import (
	"time"

	"github.com/google/uuid"
)

// parcel is what was shipped of a line at once. Until it is known to have arrived, it counts from when it left.
type parcel struct {
	ItemID   uuid.UUID
	Quantity int64
	Arrived  time.Time
}

// asked is what was asked to be returned of a line at once.
type asked struct {
	ItemID   uuid.UUID
	Quantity int64
	At       time.Time
}

// inWindow counts the pieces that can still be returned, by line: each parcel has a window of its own. What was asked for before is
// of the oldest parcels that could be returned then.
func inWindow(parcels []parcel, before []asked, now time.Time, within time.Duration) map[uuid.UUID]int64 {
	for _, a := range before {
		for i := range parcels {
			p := &parcels[i]
			if p.ItemID == a.ItemID && !p.Arrived.Add(within).Before(a.At) {
				n := min(a.Quantity, p.Quantity)
				a.Quantity -= n
				p.Quantity -= n
			}
		}
	}
	left := map[uuid.UUID]int64{}
	for _, p := range parcels {
		if !p.Arrived.Add(within).Before(now) {
			left[p.ItemID] += p.Quantity
		}
	}
	return left
}
