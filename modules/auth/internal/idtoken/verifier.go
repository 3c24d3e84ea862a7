// Package idtoken verifies the ID tokens that apps bring from a provider, each with a single-use nonce of ours.
package idtoken

import (
	"context"
	"time"

	"atrium/modules/auth/internal/provider"
	"atrium/platform/database"
)

// Credentials are what an app got from a provider.
type Credentials struct {
	Provider string
	IDToken  string
	Code     string // Apple's authorization code
	Name     string // which Apple tells the app, once
}

// Verifier verifies credentials and issues nonces.
type Verifier struct {
	providers provider.Providers
	store     store
	now       func() time.Time
}

// NewVerifier keeps nonces in db.
func NewVerifier(db *database.DB, providers provider.Providers, now func() time.Time) *Verifier {
	return &Verifier{providers: providers, store: store{db}, now: now}
}

// Verify verifies credentials with the provider, outside any transaction, and returns the provider's refresh token too where
// there is one (Apple). The claims' nonce must be consumed yet. Errors: auth.ErrProviderOff, auth.ErrProviderDown, and
// auth.ErrInvalidIDToken for every other fault.
func (v *Verifier) Verify(ctx context.Context, c Credentials) (claims provider.Claims, token string, err error) {
	p, err := v.providers.Named(c.Provider)
	if err != nil {
		return claims, "", err
	}
	if claims, err = p.Verify(ctx, c.IDToken); err != nil {
		return claims, "", err
	}
	if claims.Name == "" {
		claims.Name = c.Name
	}
	if c.Provider == provider.Apple {
		token, err = p.ExchangeAppCode(ctx, c.Code, claims)
	}
	return claims, token, err
}
