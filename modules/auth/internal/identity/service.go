package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/audit"
	"atrium/modules/auth/internal/idtoken"
	"atrium/modules/auth/internal/provider"
	"atrium/modules/auth/internal/throttle"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/keys"
	"atrium/platform/outbox"
	"atrium/platform/plug"
)

// tokenPurpose derives the key that encrypts providers' refresh tokens in the database.
const tokenPurpose = "auth.provider_tokens"

// errConflict says that another request created the same identity first.
var errConflict = errors.New("auth: the identity was created by another request")

// Service finds, links and unlinks identities.
type Service struct {
	db        *database.DB
	store     store
	outbox    *outbox.Outbox
	accounts  users.Accounts
	master    *keys.Master
	providers provider.Providers
	idTokens  *idtoken.Verifier
	log       *audit.Log
	throttle  *throttle.Throttle
}

// Deps are what the service needs.
type Deps struct {
	plug.In

	DB        *database.DB
	Outbox    *outbox.Outbox
	Accounts  users.Accounts
	Master    *keys.Master
	Providers provider.Providers
	IDTokens  *idtoken.Verifier
	Log       *audit.Log
	Throttle  *throttle.Throttle
}

// NewService encrypts providers' tokens under the master key.
func NewService(d Deps) *Service {
	return &Service{
		db: d.DB, store: store{d.DB}, outbox: d.Outbox, accounts: d.Accounts, master: d.Master, providers: d.Providers,
		idTokens: d.IDTokens, log: d.Log, throttle: d.Throttle,
	}
}

// InTx runs a transaction in which Resolve may create an identity. Where another request creates the same one first, everything
// is rolled back and run again, which then finds it.
func (s *Service) InTx(ctx context.Context, fn func(ctx context.Context) error) (err error) {
	for range 3 {
		if err = s.db.InTx(ctx, fn); !errors.Is(err, errConflict) {
			return err
		}
	}
	return err
}

// Resolve returns whose the claims' identity is, inside InTx. Who comes for the first time is signed up. A token of the provider
// replaces the one that we hold.
func (s *Service) Resolve(ctx context.Context, claims provider.Claims, token string) (uuid.UUID, error) {
	found, err := s.store.identity(ctx, claims.Provider, claims.Subject)
	if err != nil {
		return uuid.Nil, err
	}
	if found != nil {
		if err := s.followEmail(ctx, found, claims); err != nil || token == "" {
			return found.UserID, err
		}
		found.ProviderToken, found.ProviderClient = s.encrypt(found.ID, token), claims.Client
		return found.UserID, s.store.saveProviderToken(ctx, found)
	}
	user, err := s.accounts.SignUp(ctx, users.NewPerson{
		Email: claims.Email, EmailVerified: claims.EmailVerified, Name: claims.Name, Language: claims.Language,
		Picture: claims.Picture,
	})
	if err != nil {
		return uuid.Nil, err
	}
	_, err = s.create(ctx, user, claims, token)
	return user, err
}

// followEmail keeps the address that the provider has verified, and tells the account that it is another one. Who signs in is not
// touched by it: an address can change hands.
func (s *Service) followEmail(ctx context.Context, i *Identity, claims provider.Claims) error {
	if !claims.EmailVerified || claims.Email == "" || i.EmailVerified && strings.EqualFold(i.Email, claims.Email) {
		return nil
	}
	was := i.Email
	i.Email, i.EmailVerified = claims.Email, true
	if err := s.store.saveEmail(ctx, i); err != nil {
		return err
	}
	if err := s.accounts.EmailChanged(ctx, i.UserID, was, claims.Email); err != nil {
		return err
	}
	return s.log.Record(ctx, audit.Entry{UserID: i.UserID, Event: audit.EmailChanged, Detail: claims.Provider})
}

// Lookup returns whose the claims' identity is, or auth.ErrIdentityNotFound.
func (s *Service) Lookup(ctx context.Context, claims provider.Claims) (uuid.UUID, error) {
	found, err := s.store.identity(ctx, claims.Provider, claims.Subject)
	if err != nil {
		return uuid.Nil, err
	}
	if found == nil {
		return uuid.Nil, auth.ErrIdentityNotFound
	}
	return found.UserID, nil
}

// List returns the user's identities, the oldest first.
func (s *Service) List(ctx context.Context, user uuid.UUID) ([]Identity, error) {
	return s.store.identities(ctx, user)
}

// Link gives a user another identity to sign in by. It returns auth.ErrIdentityTaken for somebody else's. Idempotent.
func (s *Service) Link(ctx context.Context, user uuid.UUID, c idtoken.Credentials, from throttle.Origin) (linked Identity, err error) {
	err = s.throttle.Guard(ctx, from.Address, func() error {
		claims, token, err := s.idTokens.Verify(ctx, c)
		if err != nil {
			return err
		}
		return s.InTx(ctx, func(ctx context.Context) error {
			if err := s.idTokens.ConsumeNonce(ctx, claims); err != nil {
				return err
			}
			found, err := s.store.identity(ctx, claims.Provider, claims.Subject)
			switch {
			case err != nil:
				return err
			case found != nil && found.UserID != user:
				return auth.ErrIdentityTaken
			case found != nil:
				err := s.followEmail(ctx, found, claims)
				linked = *found
				return err
			}
			if linked, err = s.create(ctx, user, claims, token); err != nil {
				return err
			}
			return s.log.Record(ctx, audit.Entry{UserID: user, Event: audit.Linked, Detail: claims.Provider})
		})
	})
	return linked, err
}

// create makes the provider's account the user's, or returns errConflict.
func (s *Service) create(ctx context.Context, user uuid.UUID, claims provider.Claims, token string) (Identity, error) {
	created := Identity{
		ID: uuid.Must(uuid.NewV7()), UserID: user, Provider: claims.Provider, Subject: claims.Subject, Email: claims.Email,
		EmailVerified: claims.EmailVerified, ProviderClient: claims.Client,
	}
	if token != "" {
		created.ProviderToken = s.encrypt(created.ID, token)
	}
	ok, err := s.store.insertIdentity(ctx, &created)
	if err == nil && !ok {
		err = errConflict
	}
	return created, err
}

func (s *Service) encrypt(id uuid.UUID, token string) []byte {
	return s.master.Seal(tokenPurpose, id[:], []byte(token))
}

// resealBatch is how many providers' tokens are read at once.
const resealBatch = 500

// Reseal seals under the master key what an accepted one has sealed, and returns how many tokens that were. A token that changes
// meanwhile is left alone: it is sealed anew already.
func (s *Service) Reseal(ctx context.Context) (resealed int, err error) {
	for after := uuid.Nil; ; {
		batch, err := s.store.withProviderToken(ctx, after, resealBatch)
		if err != nil || len(batch) == 0 {
			return resealed, err
		}
		for _, i := range batch {
			sealed, changed, err := s.master.Reseal(tokenPurpose, i.ID[:], i.ProviderToken)
			if err != nil {
				return resealed, fmt.Errorf("auth: the provider's token of identity %s: %w", i.ID, err)
			}
			if !changed {
				continue
			}
			if err := s.store.replaceProviderToken(ctx, i.ID, i.ProviderToken, sealed); err != nil {
				return resealed, err
			}
			resealed++
		}
		after = batch[len(batch)-1].ID
	}
}

// Unlink removes one of the user's identities, or returns auth.ErrIdentityNotFound, or auth.ErrLastIdentity.
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
			if err := s.remove(ctx, &all[i]); err != nil {
				return err
			}
			return s.log.Record(ctx, audit.Entry{UserID: user, Event: audit.Unlinked, Detail: all[i].Provider})
		}
		return auth.ErrIdentityNotFound
	})
}

// UnlinkAll removes all of the user's identities, in the transaction open in ctx.
func (s *Service) UnlinkAll(ctx context.Context, user uuid.UUID) error {
	all, err := s.store.lockIdentities(ctx, user)
	if err != nil {
		return err
	}
	for i := range all {
		if err := s.remove(ctx, &all[i]); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes an identity. Where we hold a token of the provider, a task revokes that first; the provider's account can sign
// up anew meanwhile.
func (s *Service) remove(ctx context.Context, i *Identity) error {
	if len(i.ProviderToken) == 0 {
		return s.store.deleteIdentity(ctx, i.ID)
	}
	i.detach()
	if err := s.store.saveIdentity(ctx, i); err != nil {
		return err
	}
	return s.outbox.Enqueue(ctx, revokeToken{IdentityID: i.ID})
}

// Lock returns the identity of a provider's account, locked until the transaction open in ctx ends, or nil where nobody has it.
func (s *Service) Lock(ctx context.Context, provider, subject string) (*Identity, error) {
	return s.store.lockIdentity(ctx, provider, subject)
}

// ForgetToken drops the provider's token of a locked identity without revoking it: the provider has done so.
func (s *Service) ForgetToken(ctx context.Context, i *Identity) error {
	i.ProviderToken = nil
	return s.store.saveIdentity(ctx, i)
}

// Delete removes a locked identity whose account at the provider is gone, even the user's last one: the account can still be
// erased from the page for that.
func (s *Service) Delete(ctx context.Context, i *Identity, reason string) error {
	if err := s.store.deleteIdentity(ctx, i.ID); err != nil {
		return err
	}
	return s.log.Record(ctx, audit.Entry{UserID: i.UserID, Event: audit.Unlinked, Detail: i.Provider + " " + reason})
}
