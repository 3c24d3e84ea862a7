package internal

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/auth"
)

// Identities lists by which accounts a user signs in, the oldest first.
func (s *Service) Identities(ctx context.Context, user uuid.UUID) ([]known, error) {
	return s.store.identities(ctx, user)
}

// Link gives a user another way to sign in. Linking one's own again is no error; somebody else's is auth.ErrIdentityTaken.
func (s *Service) Link(ctx context.Context, user uuid.UUID, c credentials) (linked known, err error) {
	err = s.throttle.guard(ctx, c.From.Address, func() error {
		person, token, err := s.verify(ctx, c)
		if err != nil {
			return err
		}
		return s.settled(ctx, func(ctx context.Context) error {
			fresh, err := s.store.useNonce(ctx, person.NonceHashes, s.now())
			if err != nil {
				return err
			}
			if !fresh {
				return auth.ErrInvalidIDToken.Because(errors.New("the nonce is unknown, used or too old"))
			}
			found, err := s.store.identity(ctx, person.Provider, person.Subject)
			switch {
			case err != nil:
				return err
			case found != nil && found.UserID != user:
				return auth.ErrIdentityTaken
			case found != nil:
				linked = *found
				return nil
			}
			if linked, err = s.link(ctx, user, person, token); err != nil {
				return err
			}
			return s.log(ctx, eventLinked, user, nil, person.Provider)
		})
	})
	return linked, err
}

// Unlink takes a way to sign in away, or returns auth.ErrIdentityNotFound, or auth.ErrLastIdentity.
func (s *Service) Unlink(ctx context.Context, user, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		all, err := s.store.lockIdentities(ctx, user)
		if err != nil {
			return err
		}
		for i := range all {
			if all[i].ID != id {
				continue
			}
			if len(all) == 1 {
				return auth.ErrLastIdentity
			}
			if err := s.detach(ctx, &all[i]); err != nil {
				return err
			}
			return s.log(ctx, eventUnlinked, user, nil, all[i].Provider)
		}
		return auth.ErrIdentityNotFound
	})
}

// detach frees a provider's account. Where we hold a token of it, that must be given back first; meanwhile the row is
// nobody's, and the account can be used to sign up anew.
func (s *Service) detach(ctx context.Context, k *known) error {
	if len(k.ProviderToken) == 0 {
		return s.store.deleteIdentity(ctx, k.ID)
	}
	k.UserID, k.Subject, k.Email, k.EmailVerified = uuid.Nil, "detached:"+k.ID.String(), "", false
	if err := s.store.saveIdentity(ctx, k); err != nil {
		return err
	}
	return s.outbox.Enqueue(ctx, giveBack{IdentityID: k.ID})
}

// giveBack is the task that revokes a provider's token.
type giveBack struct {
	IdentityID uuid.UUID `json:"identity_id"`
}

// TaskName is the task's name on the wire.
func (giveBack) TaskName() string { return "auth.give_token_back" }

// GiveBack revokes the token at the provider and forgets it.
func (s *Service) GiveBack(ctx context.Context, _ uuid.UUID, t giveBack) error {
	k, err := s.store.identityByID(ctx, t.IdentityID)
	if errors.Is(err, auth.ErrIdentityNotFound) {
		return nil // done before
	}
	if err != nil {
		return err
	}
	token, err := s.master.Open(tokenSeal, k.ID[:], k.ProviderToken)
	if err != nil {
		return err
	}
	p, ok := s.providers[k.Provider]
	if !ok {
		return auth.ErrProviderOff
	}
	if err := p.Revoke(ctx, k.ProviderClient, string(token)); err != nil {
		return err
	}
	return s.store.deleteIdentity(ctx, k.ID)
}
