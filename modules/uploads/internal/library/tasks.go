package library

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/tasks"
)

// batch bounds how many photos one task is about: their files fit into one deletion of S3 and one invalidation of the CDN.
const batch = 50

// PublicCopy is where the copies of a photo's files for everybody are, and which there are. The key travels with the task, so that
// repeating it writes the same files; so do the sizes, so that files that the bucket has no more can be taken out of the CDN.
type PublicCopy struct {
	UploadID  uuid.UUID `json:"upload_id"`
	PublicKey string    `json:"public_key"`
	Sizes     []int     `json:"sizes"`
}

// Publish asks a worker to make the copies for everybody.
type Publish struct {
	Copies []PublicCopy `json:"copies"`
}

// TaskName is the task's name on the wire.
func (Publish) TaskName() string { return "uploads.publish" }

// Withdraw asks a worker to delete copies for everybody.
type Withdraw struct {
	Copies []PublicCopy `json:"copies"`
}

// TaskName is the task's name on the wire.
func (Withdraw) TaskName() string { return "uploads.withdraw" }

// Erase asks a worker to delete everything of uploads that were released. Package cleanup does it.
type Erase struct {
	UploadIDs []uuid.UUID `json:"upload_ids"`
}

// TaskName is the task's name on the wire.
func (Erase) TaskName() string { return "uploads.erase" }

// Handlers runs Publish and Withdraw, and releases the photos of deleted users.
func Handlers(library *Service, public *Publisher) []tasks.Handler {
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Publish) error { return public.Publish(ctx, t.Copies) },
			tasks.Timeout(2*time.Minute)),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Withdraw) error { return public.Withdraw(ctx, t.Copies) },
			tasks.Queue("critical"), tasks.Timeout(time.Minute)),
		tasks.Subscriber("uploads.user_deleted", func(ctx context.Context, _ uuid.UUID, e users.Deleted) error {
			return library.ReleaseOwner(ctx, e.UserID)
		}, tasks.Lasting()),
	}
}
