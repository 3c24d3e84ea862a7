package intake

import (
	"context"
	"time"

	"atrium/platform/bucketevents"
	"atrium/platform/tasks"
)

// Schedules listens for files that S3 reports. Without a queue only clients say that a file is there.
func Schedules(s *Service, queue *bucketevents.Queue) []tasks.Schedule {
	if !queue.Open() {
		return nil
	}
	return []tasks.Schedule{{
		Name: "uploads.arrivals", Every: time.Second,
		Run: func(ctx context.Context) error { return listen(ctx, queue, s) },
	}}
}

// listen completes uploads whose files S3 reports, until the queue fails or ctx ends: a poll waits for the next events.
func listen(ctx context.Context, queue *bucketevents.Queue, s *Service) error {
	for {
		err := queue.Poll(ctx, s.Arrived)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of the work is no failure
		}
		if err != nil {
			return err
		}
	}
}
