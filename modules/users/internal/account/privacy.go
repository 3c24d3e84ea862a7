package account

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/modules/users/internal/user"
)

// pendingBatch is how many requests one transaction accepts, each of which locks a person.
const pendingBatch = 200

// acceptPending is the task that accepts all requests to a person whose account became public.
type acceptPending struct {
	UserID uuid.UUID `json:"user_id"`
}

// TaskName is the task's name on the wire.
func (acceptPending) TaskName() string { return "users.admit_everybody" }

// setPrivate makes an account private or public, in the transaction open in ctx that has it locked. Pending requests are accepted
// later and in batches: locking those who asked here would be against the order of ids, and they may be many.
func (s *Service) setPrivate(ctx context.Context, u *user.User, private bool) error {
	u.IsPrivate = private
	if !private {
		if err := s.outbox.Enqueue(ctx, acceptPending{UserID: u.ID}); err != nil {
			return err
		}
	}
	return s.outbox.Publish(ctx, users.PrivacyChanged{UserID: u.ID, Private: private})
}

// AcceptAllPending accepts all requests to a person who is public, batch by batch. It can be interrupted and run again.
func (s *Service) AcceptAllPending(ctx context.Context, id uuid.UUID) error {
	for {
		accepted, err := s.graph.AcceptPending(ctx, id, pendingBatch)
		if err != nil || accepted == 0 {
			return err
		}
	}
}
