package internal

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"atrium/modules/users"
)

const (
	eraseBatch = 100 // people a run
	tiesBatch  = 500 // follows a transaction
)

// EraseDue erases whoever asked for it and did not come back in time. It can stop anywhere and goes on at the next run;
// one person's trouble does not keep the others.
func (p *People) EraseDue(ctx context.Context, g *Graph) error {
	ids, err := p.store.due(ctx, eraseBatch)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if failed := p.erase(ctx, g, id); failed != nil {
			err = errors.Join(err, fmt.Errorf("erase %s: %w", id, failed))
		}
	}
	return err
}

// erase takes the follows apart in small transactions, since each moves somebody else's figures, then everything else in one.
func (p *People) erase(ctx context.Context, g *Graph, id uuid.UUID) error {
	if err := p.store.stepErasure(ctx, id, stepFollows, false); err != nil {
		return err
	}
	for {
		ended, err := g.endSome(ctx, id)
		if err != nil {
			return err
		}
		if ended == 0 {
			break
		}
	}
	return p.db.InTx(ctx, func(ctx context.Context) error {
		u, due, err := p.store.lockDue(ctx, id)
		if err != nil || !due {
			return err
		}
		for _, step := range []string{stepFollows, stepProfile} {
			if err := p.store.stepErasure(ctx, id, step, true); err != nil {
				return err
			}
		}
		return p.scrub(ctx, &u)
	})
}

// scrub leaves of a person the id alone, so that what must stay (orders) can point to somebody.
func (p *People) scrub(ctx context.Context, u *user) error {
	now, err := p.store.now(ctx)
	if err != nil {
		return err
	}
	if pictures := u.pictures(); len(pictures) > 0 {
		if err := p.library.Release(ctx, pictures); err != nil {
			return err
		}
	}
	if err := p.store.forget(ctx, u.ID); err != nil {
		return err
	}
	*u = user{
		ID: u.ID, Handle: "", DisplayName: "Deleted member", Roles: words{}, IsPrivate: true, Version: u.Version + 1,
		SuspendedAt: u.SuspendedAt, EraseAt: u.EraseAt, ErasedAt: &now, CreatedAt: u.CreatedAt,
	}
	if err := p.store.save(ctx, u); err != nil {
		return err
	}
	p.db.AfterCommit(ctx, func(ctx context.Context) {
		p.directory.people.Drop(ctx, u.ID)
		p.directory.circles.Drop(ctx, u.ID)
		p.directory.consents.Drop(ctx, u.ID)
	})
	return p.outbox.Publish(ctx, users.Deleted{UserID: u.ID})
}

// endSome ends some of the follows that somebody who is leaving has part in, and returns how many.
func (g *Graph) endSome(ctx context.Context, id uuid.UUID) (ended int, err error) {
	err = g.db.InTx(ctx, func(ctx context.Context) error {
		pairs, err := g.store.ties(ctx, id, tiesBatch)
		if err != nil || len(pairs) == 0 {
			return err
		}
		followers, followees := columns(pairs)
		if _, err := g.store.lockAll(ctx, append(followers, followees...)...); err != nil {
			return err
		}
		ended = len(pairs)
		g.directory.tiesChange(ctx, followers...)
		return g.part(ctx, pairs...)
	})
	return ended, err
}
