package internal

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/access"
	"atrium/modules/auth/internal/provider"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/identity"
	"atrium/platform/keys"
	"atrium/platform/outbox"
	"atrium/platform/ratelimit"
)

const (
	nonceLife = 10 * time.Minute
	tokenSeal = "auth.provider_tokens" // the key under which providers' refresh tokens lie in the database
)

// Service is signing in and staying so: auth.Admins and auth.Operator.
type Service struct {
	cfg       auth.Config
	publicURL string
	db        *database.DB
	store     store
	outbox    *outbox.Outbox
	accounts  users.Accounts
	master    *keys.Master
	refresh   refreshTokens
	tokens    *access.Tokens
	keys      *access.Keys
	endings   *Endings
	providers map[string]*provider.Provider
	throttle  throttle
	now       func() time.Time
}

// Deps are what the service is made of.
type Deps struct {
	PublicURL string
	DB        *database.DB
	Outbox    *outbox.Outbox
	Accounts  users.Accounts
	Master    *keys.Master
	Tokens    *access.Tokens
	Keys      *access.Keys
	Endings   *Endings
	Limiter   *ratelimit.Limiter
	Now       func() time.Time
}

// NewService makes the service.
func NewService(cfg auth.Config, d Deps) *Service {
	s := &Service{
		cfg: cfg, publicURL: strings.TrimSuffix(d.PublicURL, "/"), db: d.DB, store: store{d.DB}, outbox: d.Outbox, accounts: d.Accounts, master: d.Master,
		refresh: refreshTokens{d.Master}, tokens: d.Tokens, keys: d.Keys, endings: d.Endings,
		providers: map[string]*provider.Provider{}, throttle: newThrottle(d.Limiter, cfg.Throttle), now: d.Now,
	}
	if google := provider.NewGoogle(cfg.Google, d.Now); google != nil {
		s.providers[provider.Google] = google
	}
	if apple := provider.NewApple(cfg.Apple, d.Now); apple != nil {
		s.providers[provider.Apple] = apple
	}
	return s
}

// Session is what a sign-in or a refresh gives: the API's Session.
type Session struct {
	AccessToken  string   `json:"access_token" doc:"goes into Authorization: Bearer" example:"eyJhbGciOiJFZERTQSIsImtpZCI6IjNmOWQifQ.eyJzdWIiOiIwMTk5In0.c2lnbmF0dXJl"`
	TokenType    string   `json:"token_type" enum:"Bearer"`
	ExpiresIn    int      `json:"expires_in" doc:"seconds" example:"900"`
	RefreshToken string   `json:"refresh_token" doc:"for POST /v1/auth/refresh, once; the answer brings the next" example:"AZnC8B9Oen-x9J8vah8AAQAAAAAAAAABq3J5"`
	User         users.Me `json:"user"`
}

// Nonce promises to accept one ID token that carries the nonce.
func (s *Service) Nonce(ctx context.Context) (text string, expires time.Time, err error) {
	text, hash := newSecret()
	expires = s.now().Add(nonceLife).Truncate(time.Second)
	return text, expires, s.store.insertNonce(ctx, nonce{Hash: hash, ExpiresAt: expires})
}

// credentials are what an app got from a provider.
type credentials struct {
	Provider string
	IDToken  string
	Code     string // Apple's authorization code
	Name     string // Apple tells the app alone, and once
	Device   device
	From     origin
}

// SignIn exchanges an ID token for a session; who comes for the first time becomes a user. Every fault of the token or its
// nonce is auth.ErrInvalidIDToken.
func (s *Service) SignIn(ctx context.Context, c credentials) (answer Session, err error) {
	err = s.throttle.guard(ctx, c.From.Address, func() error {
		person, token, err := s.verify(ctx, c)
		if err != nil {
			return err
		}
		return s.throttle.guardAccount(ctx, person.Provider+":"+person.Subject, func() error {
			opened, roles, err := s.enter(ctx, person, token, c)
			if err != nil {
				return err
			}
			answer, err = s.answer(ctx, opened, roles)
			return err
		})
	})
	return answer, err
}

// verify asks the provider's keys, and Apple itself about the code, before any transaction.
func (s *Service) verify(ctx context.Context, c credentials) (person provider.Person, token string, err error) {
	p, ok := s.providers[c.Provider]
	if !ok {
		return person, "", auth.ErrProviderOff
	}
	if person, err = p.Verify(ctx, c.IDToken); err != nil {
		return person, "", err
	}
	if person.Name == "" {
		person.Name = c.Name
	}
	if c.Provider == provider.Apple {
		token, err = p.Exchange(ctx, c.Code, person)
	}
	return person, token, err
}

// errRaced: somebody else made the same identity meanwhile.
var errRaced = errors.New("auth: the identity was made by another request")

// enter uses the nonce up, finds or makes the user, and opens a session, all in one transaction.
func (s *Service) enter(ctx context.Context, person provider.Person, token string, c credentials) (opened session, roles []string, err error) {
	err = s.settled(ctx, func(ctx context.Context) error {
		fresh, err := s.store.useNonce(ctx, person.NonceHashes, s.now())
		if err != nil {
			return err
		}
		if !fresh {
			return auth.ErrInvalidIDToken.Because(errors.New("the nonce is unknown, used or too old"))
		}
		user, err := s.userOf(ctx, person, token)
		if err != nil {
			return err
		}
		opened, roles, err = s.open(ctx, user, person.Provider, c.Device, c.From.Place)
		return err
	})
	return opened, roles, err
}

// settled runs a transaction in which an identity may be made. Where another request makes the same one first, everything
// is undone and run again: then it is found.
func (s *Service) settled(ctx context.Context, fn func(ctx context.Context) error) (err error) {
	for range 3 {
		if err = s.db.InTx(ctx, fn); !errors.Is(err, errRaced) {
			return err
		}
	}
	return err
}

// userOf finds whose the provider's account is, or signs up somebody new.
func (s *Service) userOf(ctx context.Context, person provider.Person, token string) (uuid.UUID, error) {
	found, err := s.store.identity(ctx, person.Provider, person.Subject)
	if err != nil {
		return uuid.Nil, err
	}
	if found != nil {
		if token == "" {
			return found.UserID, nil
		}
		found.ProviderToken, found.ProviderClient = s.seal(found.ID, token), person.Client
		return found.UserID, s.store.keepToken(ctx, found)
	}
	user, err := s.accounts.SignUp(ctx, users.NewPerson{
		Email: person.Email, EmailVerified: person.EmailVerified, Name: person.Name, Language: person.Language,
		Picture: person.Picture,
	})
	if err != nil {
		return uuid.Nil, err
	}
	_, err = s.link(ctx, user, person, token)
	return user, err
}

// link makes the provider's account the user's, or returns errRaced.
func (s *Service) link(ctx context.Context, user uuid.UUID, person provider.Person, token string) (known, error) {
	k := known{
		ID: uuid.Must(uuid.NewV7()), UserID: user, Provider: person.Provider, Subject: person.Subject, Email: person.Email,
		EmailVerified: person.EmailVerified, ProviderClient: person.Client,
	}
	if token != "" {
		k.ProviderToken = s.seal(k.ID, token)
	}
	made, err := s.store.insertIdentity(ctx, &k)
	if err == nil && !made {
		err = errRaced
	}
	return k, err
}

func (s *Service) seal(id uuid.UUID, token string) []byte {
	return s.master.Seal(tokenSeal, id[:], []byte(token))
}

// open lets a user in, in the transaction open in ctx: suspended people stay out, people who are leaving come back.
func (s *Service) open(ctx context.Context, user uuid.UUID, by string, d device, place string) (opened session, roles []string, err error) {
	standing, err := s.admit(ctx, user)
	if err != nil {
		return opened, nil, err
	}
	ever, here, err := s.store.acquainted(ctx, user, d.InstallationID)
	if err != nil {
		return opened, nil, err
	}
	opened = newSession(kindApp, user, by, d, s.now(), s.cfg.RefreshTTL)
	opened.Place = place
	if err := s.store.insertSession(ctx, &opened); err != nil {
		return opened, nil, err
	}
	if err := s.log(ctx, eventSignedIn, user, &opened.ID, by); err != nil {
		return opened, nil, err
	}
	return opened, standing.Roles, s.outbox.Publish(ctx, auth.SignedIn{UserID: user, SessionID: opened.ID, NewDevice: ever && !here})
}

func (s *Service) admit(ctx context.Context, user uuid.UUID) (users.Standing, error) {
	standing, err := s.accounts.Standing(ctx, user)
	switch {
	case errors.Is(err, users.ErrNotFound) || err == nil && standing.Deleted:
		return standing, auth.ErrInvalidIDToken.Because(errors.New("the account is erased"))
	case err != nil:
		return standing, err
	case standing.Suspended:
		return standing, s.suspended()
	case standing.EraseAt != nil:
		return standing, s.accounts.Restore(ctx, user)
	}
	return standing, nil
}

// suspended is users.ErrSuspended with the way to object.
func (s *Service) suspended() error {
	return users.ErrSuspended.Detail("appeal_url", strings.ReplaceAll(s.cfg.AppealURL, "{public_url}", s.publicURL))
}

// answer makes a session's tokens: its newest refresh token, and an access token that goes with it.
func (s *Service) answer(ctx context.Context, of session, roles []string) (Session, error) {
	ttl := s.cfg.AccessTTL
	if slices.Contains(roles, identity.RoleAdmin) {
		ttl = min(ttl, s.cfg.AdminTTL)
	}
	token, err := s.tokens.Issue(access.Grant{
		UserID: of.UserID, SessionID: of.ID, Generation: of.Generation, Roles: roles, AsOf: of.LastSeenAt, SignedIn: of.SignedInAt, TTL: ttl,
	})
	if err != nil {
		return Session{}, err
	}
	me, err := s.accounts.Me(ctx, of.UserID)
	if err != nil {
		return Session{}, err
	}
	return Session{
		AccessToken: token, TokenType: "Bearer", ExpiresIn: int(ttl.Seconds()), RefreshToken: s.refresh.derive(of.ID, of.Generation), User: me,
	}, nil
}

// log writes a line of the audit log about what somebody did themselves.
func (s *Service) log(ctx context.Context, event string, user uuid.UUID, session *uuid.UUID, detail string) error {
	return s.store.log(ctx, entry{At: s.now(), UserID: user, SessionID: session, Event: event, Detail: detail})
}
