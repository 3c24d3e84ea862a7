package idtoken

import (
	"context"
	"errors"
	"time"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/provider"
	"atrium/platform/secret"
)

// nonceTTL is how long an ID token with the nonce is accepted.
const nonceTTL = 10 * time.Minute

// nonce admits one ID token that carries it.
type nonce struct {
	Hash      []byte `gorm:"primaryKey"`
	ExpiresAt time.Time
}

// TableName names the table.
func (nonce) TableName() string { return "nonces" }

// IssueNonce returns a nonce that admits one ID token until it expires.
func (v *Verifier) IssueNonce(ctx context.Context) (text string, expires time.Time, err error) {
	text, hash := secret.NewToken()
	expires = v.now().Add(nonceTTL).Truncate(time.Second)
	return text, expires, v.store.insertNonce(ctx, nonce{Hash: hash, ExpiresAt: expires})
}

// ConsumeNonce uses up the nonce of verified claims, in the transaction open in ctx, or returns auth.ErrInvalidIDToken.
func (v *Verifier) ConsumeNonce(ctx context.Context, claims provider.Claims) error {
	ok, err := v.store.consumeNonce(ctx, claims.NonceHashes, v.now())
	if err == nil && !ok {
		return auth.ErrInvalidIDToken.Because(errors.New("the nonce is unknown, used or expired"))
	}
	return err
}
