package queue

import (
	"time"

	"atrium/platform/tasks"
)

// Schedules looks after those who wait though it is their turn.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{{Name: "uploads.admit", Every: 5 * time.Second, Run: s.AdmitAll}}
}
