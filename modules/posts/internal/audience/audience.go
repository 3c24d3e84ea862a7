// Package audience keeps who may open the files of posts' photos in step with how their authors stand: when an account becomes private,
// is locked, or comes back, the photos of all its public posts follow. What is shown needs none of it; links handed out before do.
package audience

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/visibility"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/outbox"
	"atrium/platform/tasks"
)

// settled is when a second look finds what was being published during the first: longer than any request lasts.
const settled = 30 * time.Second

// Follow makes the photos of a person's public posts follow how the person stands, batch by batch: it may be interrupted and run again.
type Follow struct {
	UserID uuid.UUID `json:"user_id"`
}

// TaskName is the task's name on the wire.
func (Follow) TaskName() string { return "posts.follow_audience" }

// Updater sets who may open photos' files.
type Updater struct {
	db      *database.DB
	outbox  *outbox.Outbox
	store   *Store
	policy  *visibility.Policy
	library uploads.Library
}

func NewUpdater(db *database.DB, out *outbox.Outbox, store *Store, policy *visibility.Policy, library uploads.Library) *Updater {
	return &Updater{db: db, outbox: out, store: store, policy: policy, library: library}
}

// Handlers is the background work of audiences.
func Handlers(u *Updater) []tasks.Handler {
	return []tasks.Handler{
		tasks.Subscriber("posts.user_privacy_changed", func(ctx context.Context, _ uuid.UUID, e users.PrivacyChanged) error {
			return u.enqueue(ctx, e.UserID)
		}),
		tasks.Subscriber("posts.user_locked", func(ctx context.Context, _ uuid.UUID, e users.Locked) error {
			return u.enqueue(ctx, e.UserID)
		}),
		tasks.Subscriber("posts.user_returned", func(ctx context.Context, _ uuid.UUID, e users.Returned) error {
			return u.enqueue(ctx, e.UserID)
		}),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Follow) error { return u.Follow(ctx, t.UserID) }, tasks.Timeout(10*time.Minute)),
	}
}

func (u *Updater) enqueue(ctx context.Context, user uuid.UUID) error {
	if err := u.outbox.Enqueue(ctx, Follow{UserID: user}); err != nil {
		return err
	}
	return u.outbox.Enqueue(ctx, Follow{UserID: user}, outbox.At(time.Now().Add(settled)))
}

// Follow asks at each batch how the author stands now, so that changes which come fast end where the last one leads.
func (u *Updater) Follow(ctx context.Context, author uuid.UUID) error {
	for after := uuid.Nil; ; {
		var ids []uuid.UUID
		err := u.db.InTx(ctx, func(ctx context.Context) (err error) {
			if ids, err = u.store.public(ctx, author, after); err != nil || len(ids) == 0 {
				return err
			}
			photos, err := u.store.photos(ctx, ids)
			if err != nil {
				return err
			}
			relations, err := u.policy.Relations(ctx, uuid.Nil, []uuid.UUID{author})
			if err != nil {
				return err
			}
			audience := uploads.Some
			if relations.CanSeePost(author, posts.Public) {
				audience = uploads.Everybody
			}
			return u.library.SetAudience(ctx, photos, audience)
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
	}
}
