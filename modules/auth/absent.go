package auth

import (
	"context"

	"atrium/platform/identity"
)

// Absent is the Verifier and the Admins while auth is off: nobody is anybody.
type Absent struct{}

// Authenticate returns ErrInvalidToken.
func (Absent) Authenticate(context.Context, string) (identity.Principal, error) {
	return identity.Principal{}, ErrInvalidToken
}

// FromCookie returns ErrInvalidToken.
func (Absent) FromCookie(context.Context, string) (identity.Principal, error) {
	return identity.Principal{}, ErrInvalidToken
}
