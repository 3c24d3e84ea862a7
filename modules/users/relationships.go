package users

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Pair is a person and another one, as they stand to each other.
type Pair struct{ User, Other uuid.UUID }

// Relationship is how the other of a pair stands to the user. A time says since when it is so; nil: it is not.
type Relationship struct {
	Gone           bool       // the other is deleted, suspended or unknown
	Blocked        bool       // either blocks the other
	Muted          bool       // the user muted the other
	FollowingSince *time.Time // the user follows the other
	FollowedSince  *time.Time // the other follows the user
	AskedSince     *time.Time // the other asks to follow the user
}

// Relationships knows how people stand to each other as PostgreSQL has it at this moment, never from a copy: for whoever must not be
// late. Graph is cheaper.
type Relationships interface {
	// Relationships returns how the pairs stand. Every pair has an answer; one statement serves them all.
	Relationships(ctx context.Context, pairs []Pair) (map[Pair]Relationship, error)
}
