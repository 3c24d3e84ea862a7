package price

import (
	"time"

	"atrium/platform/tasks"
)

// sweepEvery is how late a list may notice that a sale has begun or ended. The price that is asked follows the clock itself.
const sweepEvery = 2 * time.Second

// Schedules brings products up to date whose sales begin or end.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{{Name: "products.reprice", Every: sweepEvery, Run: s.RepriceDue}}
}
