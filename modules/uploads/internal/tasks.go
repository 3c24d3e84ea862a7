package internal

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/arrivals"
	"atrium/platform/tasks"
)

// MakeVariants has a worker make a photo of a file.
type MakeVariants struct {
	UploadID uuid.UUID `json:"upload_id"`
}

// TaskName is the task's name on the wire.
func (MakeVariants) TaskName() string { return "uploads.make_variants" }

// batch bounds how many photos one task is about: their files fit into one deletion of S3 and one invalidation of the CDN.
const batch = 50

// PublicCopy is where the copies of a photo's files for everybody are, and which there are. The key travels with the task, so that
// repeating it writes the same files; the sizes do, so that files can be taken out of the CDN that the bucket has no more.
type PublicCopy struct {
	UploadID  uuid.UUID `json:"upload_id"`
	PublicKey string    `json:"public_key"`
	Sizes     []int     `json:"sizes"`
}

// Publish has the copies for everybody made.
type Publish struct {
	Copies []PublicCopy `json:"copies"`
}

// TaskName is the task's name on the wire.
func (Publish) TaskName() string { return "uploads.publish" }

// Withdraw has copies for everybody deleted.
type Withdraw struct {
	Copies []PublicCopy `json:"copies"`
}

// TaskName is the task's name on the wire.
func (Withdraw) TaskName() string { return "uploads.withdraw" }

// Erase has everything of uploads deleted that were given up.
type Erase struct {
	UploadIDs []uuid.UUID `json:"upload_ids"`
}

// TaskName is the task's name on the wire.
func (Erase) TaskName() string { return "uploads.erase" }

// Fetch has a picture fetched that is to be imported.
type Fetch struct {
	UploadID uuid.UUID `json:"upload_id"`
}

// TaskName is the task's name on the wire.
func (Fetch) TaskName() string { return "uploads.fetch" }

// Handlers are the module's tasks and subscriptions.
func Handlers(studio *Studio, keeper *Keeper, library *Library, importer *Importer) []tasks.Handler {
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t MakeVariants) error {
			return studio.MakeVariants(ctx, t.UploadID)
		},
			tasks.Queue("media"), tasks.Timeout(5*time.Minute), tasks.MaxRetry(10)),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Publish) error {
			return keeper.Publish(ctx, t.Copies)
		},
			tasks.Timeout(2*time.Minute)),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Withdraw) error { return keeper.Withdraw(ctx, t.Copies) },
			tasks.Queue("critical"), tasks.Timeout(time.Minute)),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Erase) error { return keeper.Erase(ctx, t.UploadIDs) },
			tasks.Queue("low"), tasks.Timeout(time.Minute)),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Fetch) error { return importer.Fetch(ctx, t.UploadID) },
			tasks.Queue("low"), tasks.Timeout(time.Minute), tasks.MaxRetry(5)),
		tasks.Subscriber("uploads.user_deleted", func(ctx context.Context, _ uuid.UUID, e users.Deleted) error {
			return library.ReleaseOwner(ctx, e.UserID)
		}, tasks.Lasting()),
	}
}

// Schedules are the module's regular work. Without a queue only clients say that a file is there.
func Schedules(cfg uploads.Config, keeper *Keeper, service *Service, queue *arrivals.Queue) []tasks.Schedule {
	all := []tasks.Schedule{{
		Name: "uploads.sweep", Every: 5 * time.Minute,
		Run: func(ctx context.Context) error { return keeper.Sweep(ctx, cfg.Orphans) },
	}}
	if queue.Open() {
		all = append(all, tasks.Schedule{
			Name: "uploads.arrivals", Every: time.Second,
			Run: func(ctx context.Context) error { return listen(ctx, queue, service) },
		})
	}
	return all
}

// listen completes uploads whose files S3 reports, until the queue fails or ctx ends: a poll waits for the next events.
func listen(ctx context.Context, queue *arrivals.Queue, service *Service) error {
	for {
		err := queue.Poll(ctx, service.Arrived)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of the work is no failure
		}
		if err != nil {
			return err
		}
	}
}
