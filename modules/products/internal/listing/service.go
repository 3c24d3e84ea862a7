package listing

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/modules/products/internal/product"
	"atrium/platform/database"
	"atrium/platform/outbox"
	"atrium/platform/tasks"
)

// Service brings listings up to date and publishes what follows.
type Service struct {
	db     *database.DB
	store  *Store
	outbox *outbox.Outbox
	refs   *product.Refs
	epoch  *Epoch
}

// NewService needs the cache of refs and the epoch, which it drops what is old from.
func NewService(db *database.DB, store *Store, out *outbox.Outbox, refs *product.Refs, epoch *Epoch) *Service {
	return &Service{db: db, store: store, outbox: out, refs: refs, epoch: epoch}
}

// WriteText writes the words that products are found by, in the transaction open in ctx. The caller has locked the products, or has just
// made them, and calls Edited.
func (s *Service) WriteText(ctx context.Context, all ...*product.Product) error {
	if len(all) == 0 {
		return nil
	}
	lost, err := s.store.WriteText(ctx, all)
	if err != nil {
		return err
	}
	return s.forgetLater(ctx, lost)
}

// Delete removes the listing of a product, in the transaction open in ctx. The caller calls Edited.
func (s *Service) Delete(ctx context.Context, id uuid.UUID) error {
	words, err := s.store.WordsOf(ctx, id)
	if err != nil {
		return err
	}
	if err := s.store.Delete(ctx, id); err != nil {
		return err
	}
	return s.forgetLater(ctx, words)
}

func (s *Service) forgetLater(ctx context.Context, words []string) error {
	if len(words) == 0 {
		return nil
	}
	return s.outbox.Enqueue(ctx, ForgetWords{Words: words})
}

// Edited is Changed for what an editor did: searches find it at once, instead of within 5 seconds.
func (s *Service) Edited(ctx context.Context, ids ...uuid.UUID) error {
	s.epoch.End(ctx)
	return s.Changed(ctx, ids...)
}

// Changed brings listings up to date and publishes what has changed, in the transaction open in ctx. Refs are dropped from the cache once
// it has committed.
func (s *Service) Changed(ctx context.Context, ids ...uuid.UUID) error {
	s.refs.Drop(ctx, ids...)
	shifts, err := s.store.Reindex(ctx, ids)
	if err != nil {
		return err
	}
	if err := s.followWords(ctx, shifts); err != nil {
		return err
	}
	var events []outbox.Event
	for _, shift := range shifts {
		events = append(events, eventsOf(shift)...)
	}
	for _, id := range ids {
		events = append(events, products.Changed{ProductID: id})
	}
	return s.outbox.PublishAll(ctx, events)
}

// followWords learns the words of what has become visible, and has those of what is hidden now forgotten. The listings are locked.
func (s *Service) followWords(ctx context.Context, shifts []Shift) error {
	var shown, hidden []uuid.UUID
	for _, shift := range shifts {
		switch {
		case !shift.Was.Visible && shift.Is.Visible:
			shown = append(shown, shift.Is.ProductID)
		case shift.Was.Visible && !shift.Is.Visible:
			hidden = append(hidden, shift.Is.ProductID)
		}
	}
	if len(shown) > 0 {
		words, err := s.store.WordsOf(ctx, shown...)
		if err != nil {
			return err
		}
		if err := s.store.Learn(ctx, words); err != nil {
			return err
		}
	}
	if len(hidden) == 0 {
		return nil
	}
	words, err := s.store.WordsOf(ctx, hidden...)
	if err != nil {
		return err
	}
	return s.forgetLater(ctx, words)
}

// lockPause is how long ForgetWords waits while somebody learns words.
const lockPause = 2 * time.Second

// ForgetWords forgets those of the words that no visible listing has.
func (s *Service) ForgetWords(ctx context.Context, _ uuid.UUID, task ForgetWords) error {
	unused, err := s.store.Unused(ctx, task.Words) // so that what is done under the lock is little
	if err != nil || len(unused) == 0 {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		locked, err := s.store.LockWords(ctx)
		if err != nil {
			return err
		}
		if !locked {
			return tasks.RetryAfter(errBusy, lockPause)
		}
		if unused, err = s.store.Unused(ctx, unused); err != nil {
			return err
		}
		s.epoch.End(ctx)
		return s.store.Forget(ctx, unused)
	})
}

var errBusy = errors.New("listing: words are being learned")

// forgottenAtOnce is how many words ForgetAllWords looks at at a time.
const forgottenAtOnce = 500

// ForgetAllWords forgets every word that no visible listing has: what builds before have left. It passes over some where words are being
// learned: another run comes.
func (s *Service) ForgetAllWords(ctx context.Context) error {
	for after := ""; ; {
		words, err := s.store.WordsAfter(ctx, after, forgottenAtOnce)
		if err != nil || len(words) == 0 {
			return err
		}
		if err := s.ForgetWords(ctx, uuid.Nil, ForgetWords{Words: words}); err != nil && !errors.Is(err, errBusy) {
			return err
		}
		after = words[len(words)-1]
	}
}

// eventsOf returns the events in a shift for those who wait for a product.
func eventsOf(shift Shift) (events []outbox.Event) {
	was, is := shift.Was, shift.Is
	before, now := was.price(), is.price()
	if before != nil && now != nil && *before != *now {
		events = append(events, products.Repriced{ProductID: is.ProductID, Was: *before, Now: *now})
	}
	if was.Visible && is.Visible && !was.InStock && is.InStock {
		events = append(events, products.BackInStock{ProductID: is.ProductID})
	}
	return events
}
