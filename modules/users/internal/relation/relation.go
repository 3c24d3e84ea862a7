// Package relation is how people stand to each other, read from PostgreSQL through a cache: who follows, blocks and mutes whom. Every
// decision about what somebody may see asks it; package graph is where relations change.
package relation

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/modules/users/internal/user"
	"atrium/platform/cache"
	"atrium/platform/database"
)

// maxSet is how many ids the cache keeps of each part of a set.
const maxSet = 20_000

// set is what the cache keeps of how one person stands to others: all that decides what they may see.
type set struct {
	Following database.IDs            `json:"following"` // ascending
	Version   string                  `json:"mark"`      // of those, stored because hashing thousands is slow. Empty: written by a version before
	Apart     database.IDs            `json:"apart"`     // ascending: either blocks the other
	Muted     map[uuid.UUID]time.Time `json:"muted"`     // until when; zero: for good
	Large     bool                    `json:"large"`     // more than maxSet: PostgreSQL must be asked
}

// relation returns how another person stands to the one whose set it is.
func (s set) relation(other uuid.UUID, card user.Card, now time.Time) users.Relation {
	until, muted := s.Muted[other]
	return users.Relation{
		Following: s.Following.Has(other), Blocked: s.Apart.Has(other), Muted: muted && (until.IsZero() || now.Before(until)),
		Private: card.Private, Gone: card.Gone,
	}
}

// Service reads relations. Safe for concurrent use.
type Service struct {
	db        *database.DB
	store     store
	directory *user.Directory
	sets      *cache.Space[uuid.UUID, set]
}

func NewService(db *database.DB, directory *user.Directory, c *cache.Cache) *Service {
	return &Service{
		db: db, store: store{db}, directory: directory,
		sets: cache.NewSpace[uuid.UUID, set](c, "users.circle", cache.PermissionTTL, cache.PermissionTTL, 48*cache.MB).RenewBy(100, store{db}.sets),
	}
}

// Relations implements users.Graph.
func (s *Service) Relations(ctx context.Context, viewer uuid.UUID, others []uuid.UUID) (map[uuid.UUID]users.Relation, error) {
	found := make(map[uuid.UUID]users.Relation, len(others))
	if len(others) == 0 {
		return found, nil
	}
	own, err := s.set(ctx, viewer)
	if err != nil {
		return nil, err
	}
	if own.Large {
		rows, err := s.store.rows(ctx, viewer, others)
		for id, r := range rows {
			found[id] = r.Relation()
		}
		return found, err
	}
	cards, err := s.directory.Cards(ctx, others)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for _, id := range others {
		found[id] = own.relation(id, cards[id], now)
	}
	return found, nil
}

// FollowingSet implements users.Graph.
func (s *Service) FollowingSet(ctx context.Context, user uuid.UUID) (users.FollowingSet, error) {
	own, err := s.set(ctx, user)
	if err == nil && own.Large {
		own.Following, err = s.store.members(ctx, Following, user, uuid.Nil, -1)
	}
	if own.Version == "" {
		own.Version = versionOf(own.Following)
	}
	return users.FollowingSet{IDs: own.Following, Version: own.Version}, err
}

// set returns how a person stands to others; uuid.Nil has no relations.
func (s *Service) set(ctx context.Context, id uuid.UUID) (set, error) {
	if id == uuid.Nil {
		return set{}, nil
	}
	return s.sets.Load(ctx, id, func(ctx context.Context) (set, error) {
		found, err := s.store.sets(ctx, []uuid.UUID{id})
		return found[id], err
	})
}

// Of reads how people stand to the viewer, both ways, from PostgreSQL. Every id has a row.
func (s *Service) Of(ctx context.Context, viewer uuid.UUID, others []uuid.UUID) (map[uuid.UUID]Row, error) {
	return s.store.rows(ctx, viewer, others)
}

// Viewers implements users.Graph.
func (s *Service) Viewers(ctx context.Context, viewer uuid.UUID, others []uuid.UUID) (map[uuid.UUID]users.Viewer, error) {
	found := make(map[uuid.UUID]users.Viewer, len(others))
	if len(others) == 0 {
		return found, nil
	}
	rows, err := s.store.rows(ctx, viewer, others)
	for id, r := range rows {
		found[id] = r.Viewer()
	}
	return found, err
}

// Following implements users.Graph.
func (s *Service) Following(ctx context.Context, id, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	return s.store.members(ctx, Following, id, after, limit)
}

// Followers implements users.Graph.
func (s *Service) Followers(ctx context.Context, id, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	return s.store.members(ctx, Followers, id, after, limit)
}

// DropAfterCommit forgets what is cached of how people stand to others, once the transaction open in ctx has committed.
func (s *Service) DropAfterCommit(ctx context.Context, people ...uuid.UUID) {
	s.sets.DropAfterCommit(ctx, people...)
}

// versionOf returns a short hash of the ids.
func versionOf(ids database.IDs) string {
	sum := sha256.Sum256(ids.Bytes())
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
