package internal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/users"
	"atrium/platform/outbox"
)

// The module's own steps of an erasure. The others are named like the modules that clean up.
const (
	stepFollows = "follows" // their ends, since they move other people's figures
	stepProfile = "profile" // everything that says who it was
)

// The states of an erasure.
const (
	erasureWaiting   = "waiting"   // the person can come back
	erasureCancelled = "cancelled" // the person came back
	erasureRunning   = "erasing"
	erasureFinished  = "erased"
)

// erasure is a row of user_erasures with its steps.
type erasure struct {
	ID          uuid.UUID
	UserID      uuid.UUID
	AskedAt     time.Time
	EraseAt     time.Time
	CancelledAt *time.Time
	BeganAt     *time.Time
	EventID     *uuid.UUID
	FinishedAt  *time.Time
	Steps       []erasureStep `gorm:"-"`
}

// erasureStep is one part of the work; DoneAt nil: it is still to be done.
type erasureStep struct {
	Step   string
	DoneAt *time.Time
}

func (e erasure) status() string {
	switch {
	case e.CancelledAt != nil:
		return erasureCancelled
	case e.FinishedAt != nil:
		return erasureFinished
	case e.BeganAt != nil:
		return erasureRunning
	}
	return erasureWaiting
}

// Leaving is a request for erasure as the one who made it sees it.
type Leaving struct {
	EraseAt  time.Time
	Progress string // a token that shows how far it is, even when nobody can sign in any more
}

// Leave locks a person's account and says when it will be erased. Asking again does not postpone it.
func (p *People) Leave(ctx context.Context, id uuid.UUID) (leaving Leaving, err error) {
	err = p.change(ctx, id, func(ctx context.Context, u *user) error {
		if u.ErasedAt != nil {
			return users.ErrNotFound
		}
		if u.EraseAt == nil {
			now, err := p.store.now(ctx)
			if err != nil {
				return err
			}
			at := now.Add(p.cfg.EraseAfter)
			u.EraseAt = &at
			if err := p.store.beginErasure(ctx, erasure{ID: uuid.Must(uuid.NewV7()), UserID: id, EraseAt: at}); err != nil {
				return err
			}
		}
		e, err := p.store.openErasure(ctx, id)
		if err != nil {
			return err
		}
		leaving = Leaving{EraseAt: *u.EraseAt, Progress: p.links.seal(progressLink, e.ID)}
		if err := p.sessions.RevokeAll(ctx, id, auth.Cause{By: id, Reason: "erasure"}); err != nil {
			return err
		}
		return p.outbox.Publish(ctx, users.Locked{UserID: id, Reason: "erasure"})
	})
	return leaving, err
}

// Progress tells how far an erasure is, by the token that Leave gave out, or returns ErrNotFound.
func (p *People) Progress(ctx context.Context, token string) (erasure, error) {
	ids, ok := p.links.open(progressLink, token, 1)
	if !ok {
		return erasure{}, users.ErrNotFound
	}
	return p.store.erasure(ctx, "id = ?", ids[0])
}

// ProgressOf is Progress for the back office: the newest erasure of an account.
func (p *People) ProgressOf(ctx context.Context, id uuid.UUID) (erasure, error) {
	return p.store.erasure(ctx, "user_id = ?", id)
}

// Announced notes under which event the other modules clean up.
func (p *People) Announced(ctx context.Context, event uuid.UUID, e users.Deleted) error {
	return p.store.announceErasure(ctx, e.UserID, event)
}

// WatchErasures follows what the other modules do, and marks an erasure as finished when the last of them is done.
func (p *People) WatchErasures(ctx context.Context) error {
	watched, err := p.store.watchedErasures(ctx, eraseBatch)
	if err != nil {
		return err
	}
	for _, e := range watched {
		if failed := p.watch(ctx, e); failed != nil {
			err = errors.Join(err, fmt.Errorf("watch erasure %s: %w", e.ID, failed))
		}
	}
	return err
}

func (p *People) watch(ctx context.Context, e erasure) error {
	standings, err := p.outbox.Standings(ctx, *e.EventID)
	if err != nil {
		return err
	}
	open := 0
	steps := map[string]bool{}
	for _, s := range standings {
		module, _, _ := strings.Cut(s.Subscriber, ".")
		if module == "users" { // Announced itself
			continue
		}
		done := s.State == outbox.StandingDone
		steps[module] = done
		if !done {
			open++
		}
	}
	return p.db.InTx(ctx, func(ctx context.Context) error {
		if err := p.store.noteSteps(ctx, e.ID, steps); err != nil || open > 0 {
			return err
		}
		return p.store.finishErasure(ctx, e.ID)
	})
}
