// Package identity keeps the identities by which people sign in: which account at a provider belongs to which user.
package identity

import (
	"time"

	"github.com/google/uuid"
)

// Identity is an account at a provider that belongs to a user. (Provider, Subject) is unique.
type Identity struct {
	ID             uuid.UUID `gorm:"primaryKey"`
	UserID         uuid.UUID
	Provider       string
	Subject        string
	Email          string
	EmailVerified  bool
	ProviderToken  []byte // the provider's refresh token, encrypted; nil where we hold none
	ProviderClient string // the client id that the token was issued to
	CreatedAt      time.Time
}

// TableName names the table.
func (Identity) TableName() string { return "identities" }

// detach frees the provider's account. The row stays, as nobody's, until its token is revoked.
func (i *Identity) detach() {
	i.UserID, i.Subject, i.Email, i.EmailVerified = uuid.Nil, "detached:"+i.ID.String(), "", false
}
