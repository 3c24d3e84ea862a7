package products

import (
	"context"

	"github.com/google/uuid"
)

// Absent is the Catalogue while products is off: there are no products.
type Absent struct{}

// Refs returns none.
func (Absent) Refs(context.Context, []uuid.UUID) (map[uuid.UUID]Ref, error) {
	return map[uuid.UUID]Ref{}, nil
}

// Offers returns none.
func (Absent) Offers(context.Context, []uuid.UUID) (map[uuid.UUID]Offer, error) {
	return map[uuid.UUID]Offer{}, nil
}

// Variants returns none.
func (Absent) Variants(context.Context, []uuid.UUID) (map[uuid.UUID][]Offer, error) {
	return map[uuid.UUID][]Offer{}, nil
}

// Alternatives returns none.
func (Absent) Alternatives(context.Context, []uuid.UUID, int) (map[uuid.UUID][]Ref, error) {
	return map[uuid.UUID][]Ref{}, nil
}

// Resolve finds none.
func (Absent) Resolve(context.Context, string) (uuid.UUID, error) { return uuid.Nil, ErrNotFound }
