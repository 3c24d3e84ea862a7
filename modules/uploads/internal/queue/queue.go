// Package queue lets people take turns: of each person's pictures only a few are handed to the workers at a time, wherever those run,
// and the end of one admits the next. Large pictures go to workers of their own.
package queue

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/uploads/internal/sniff"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/database"
	"atrium/platform/outbox"
)

// Weight says what a picture takes of the workers.
type Weight int

// The weights. Light and Heavy ones share the workers that are kept for pictures done within seconds: a person may have there in work
// at a time what weighs as much as one Heavy picture. Large ones have their own workers; a person may have one there.
const (
	Light Weight = 1
	Heavy Weight = 2 // the decoder holds all of it
	Large Weight = 3
)

const (
	lightPixels = 25_000_000 // of a picture that is decoded row by row
	heavyPixels = 13_000_000 // of one that is held: phones' of 12 megapixels are among them
)

// WeightOf weighs a picture by its header.
func WeightOf(h sniff.Header) Weight {
	switch {
	case h.Streams && h.Pixels <= lightPixels:
		return Light
	case h.Pixels <= heavyPixels:
		return Heavy
	}
	return Large
}

// Service hands uploads that were accepted to the workers.
type Service struct {
	db     *database.DB
	store  *Store
	outbox *outbox.Outbox
}

func NewService(db *database.DB, s *Store, o *outbox.Outbox) *Service {
	return &Service{db: db, store: s, outbox: o}
}

// Add queues an upload that has come to processing, in the transaction open in ctx.
func (s *Service) Add(ctx context.Context, u *upload.Upload, h sniff.Header) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.lock(ctx, u.OwnerID); err != nil {
			return err
		}
		if err := s.store.weigh(ctx, u.ID, WeightOf(h)); err != nil {
			return err
		}
		return s.admit(ctx, u.OwnerID)
	})
}

// Admit hands to the workers what it is the owner's turn for. It is called whenever one of the owner's pictures has come to its end.
func (s *Service) Admit(ctx context.Context, owner uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.lock(ctx, owner); err != nil {
			return err
		}
		return s.admit(ctx, owner)
	})
}

func (s *Service) admit(ctx context.Context, owner uuid.UUID) error {
	admitted, err := s.store.admit(ctx, owner)
	if err != nil {
		return err
	}
	for _, a := range admitted {
		if err := s.outbox.Enqueue(ctx, a.task()); err != nil {
			return err
		}
	}
	return nil
}

// AdmitAll is Admit for everybody with pictures that wait: one may have been released or lost in work, or be a build's that does not
// know turns.
func (s *Service) AdmitAll(ctx context.Context) error {
	owners, err := s.store.waiting(ctx)
	if err != nil {
		return err
	}
	for _, owner := range owners {
		if err := s.Admit(ctx, owner); err != nil {
			return err
		}
	}
	return nil
}
