// Package operator is what the command line does to keys and sessions.
package operator

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/access"
	"atrium/modules/auth/internal/identity"
	"atrium/modules/auth/internal/session"
)

// Operator looks after keys and sessions: auth.Operator.
type Operator struct {
	keys       *access.Keys
	identities *identity.Service
	revoker    *session.Revoker
}

// New needs the owners of what it looks after.
func New(keys *access.Keys, identities *identity.Service, revoker *session.Revoker) *Operator {
	return &Operator{keys: keys, identities: identities, revoker: revoker}
}

// Keys implements auth.Operator.
func (o *Operator) Keys(ctx context.Context) ([]auth.SigningKey, error) { return o.keys.List(ctx) }

// RotateKeys implements auth.Operator.
func (o *Operator) RotateKeys(ctx context.Context) (kid string, err error) { return o.keys.Rotate(ctx) }

// WithdrawKey implements auth.Operator.
func (o *Operator) WithdrawKey(ctx context.Context, kid string) error {
	return o.keys.Withdraw(ctx, kid)
}

// Reseal implements auth.Operator.
func (o *Operator) Reseal(ctx context.Context) (done auth.Resealed, err error) {
	if done.SigningKeys, err = o.keys.Reseal(ctx); err != nil {
		return done, err
	}
	done.ProviderTokens, err = o.identities.Reseal(ctx)
	return done, err
}

// RevokeEverything implements auth.Operator.
func (o *Operator) RevokeEverything(ctx context.Context, user uuid.UUID) (int, error) {
	return o.revoker.RevokeEvery(ctx, user, auth.Cause{Reason: auth.ReasonOperator})
}
