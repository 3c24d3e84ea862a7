// Package identity says who is asking. Handlers read the Principal and pass the user id on as an argument;
// services and stores never look into the context for it.
package identity

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// FreshFor is how long a sign-in counts as fresh, where a fresh one is needed.
const FreshFor = 10 * time.Minute

// The roles a person can have besides being a user.
const (
	RoleUser      = "user"
	RoleSeller    = "seller"
	RoleModerator = "moderator"
	RoleSupport   = "support"
	RoleAdmin     = "admin"
)

// Principal is the person behind a request. The zero Principal is nobody.
type Principal struct {
	UserID    uuid.UUID
	SessionID uuid.UUID
	Roles     []string
	SignedIn  time.Time // when the person last proved who they are
}

// Known reports whether there is somebody.
func (p Principal) Known() bool { return p.UserID != uuid.Nil }

// Has reports whether the person has one of the roles.
func (p Principal) Has(roles ...string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(p.Roles, r) })
}

// Fresh reports whether the sign-in is at most FreshFor old.
func (p Principal) Fresh(now time.Time) bool { return p.Known() && now.Sub(p.SignedIn) <= FreshFor }

type key struct{}

// With returns a context that carries the Principal.
func With(ctx context.Context, p Principal) context.Context { return context.WithValue(ctx, key{}, p) }

// From returns the Principal of the request, or nobody.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(key{}).(Principal)
	return p
}
