package auth

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/identity"
)

// Absent is the Verifier, the Admins and the Operator while auth is off: every token is refused.
type Absent struct{}

// Authenticate returns ErrInvalidToken.
func (Absent) Authenticate(context.Context, string) (identity.Principal, error) {
	return identity.Principal{}, ErrInvalidToken
}

// FromCookie returns ErrInvalidToken.
func (Absent) FromCookie(context.Context, string) (identity.Principal, error) {
	return identity.Principal{}, ErrInvalidToken
}

// Keys returns ErrOff.
func (Absent) Keys(context.Context) ([]SigningKey, error) { return nil, ErrOff }

// RotateKeys returns ErrOff.
func (Absent) RotateKeys(context.Context) (string, error) { return "", ErrOff }

// WithdrawKey returns ErrOff.
func (Absent) WithdrawKey(context.Context, string) error { return ErrOff }

// Reseal returns ErrOff.
func (Absent) Reseal(context.Context) (Resealed, error) { return Resealed{}, ErrOff }

// RevokeEverything returns ErrOff.
func (Absent) RevokeEverything(context.Context, uuid.UUID) (int, error) { return 0, ErrOff }
