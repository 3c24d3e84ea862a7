package internal

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/users"
)

// admitBatch bounds how many people one transaction locks.
const admitBatch = 200

// admitEverybody is the task that accepts all who ask a person who has gone public.
type admitEverybody struct {
	UserID uuid.UUID `json:"user_id"`
}

// TaskName is the task's name on the wire.
func (admitEverybody) TaskName() string { return "users.admit_everybody" }

// openOrClose makes an account private or public, in the transaction open in ctx that has it locked. Those who wait for an
// answer are locked later and in batches: here it would be against the order of their ids, and they may be many.
func (p *People) openOrClose(ctx context.Context, u *user, private bool) error {
	u.IsPrivate = private
	if !private {
		if err := p.outbox.Enqueue(ctx, admitEverybody{UserID: u.ID}); err != nil {
			return err
		}
	}
	return p.outbox.Publish(ctx, users.PrivacyChanged{UserID: u.ID, Private: private})
}

// AdmitEverybody accepts whoever asks a person who is public, batch by batch. It can stop anywhere and be run again.
func (p *People) AdmitEverybody(ctx context.Context, id uuid.UUID) error {
	for {
		admitted, err := p.admitSome(ctx, id)
		if err != nil || admitted == 0 {
			return err
		}
	}
}

// admitSome accepts a batch of requests to a person and returns how many it dealt with. There are none to one who is private (again).
func (p *People) admitSome(ctx context.Context, id uuid.UUID) (admitted int, err error) {
	err = p.db.InTx(ctx, func(ctx context.Context) error {
		asking, err := p.store.requesters(ctx, id, admitBatch)
		if err != nil || len(asking) == 0 {
			return err
		}
		locked, err := p.store.lockAll(ctx, append(asking, id)...)
		if err != nil || locked[id].IsPrivate {
			return err
		}
		taken, err := p.store.takeRequests(ctx, id, asking)
		if err != nil {
			return err
		}
		made, err := p.store.follow(ctx, taken...)
		if err != nil {
			return err
		}
		admitted = len(asking)
		p.directory.tiesChange(ctx, asking...)
		return publishFollows(ctx, p.outbox, made)
	})
	return admitted, err
}
