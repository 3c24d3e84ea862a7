package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/identity"
	"atrium/modules/auth/internal/provider"
	"atrium/modules/auth/internal/session"
	"atrium/modules/auth/internal/throttle"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/fault"
	"atrium/platform/httpserver"
	"atrium/platform/plug"
	"atrium/platform/secret"
)

const (
	// challengeLength is the length of a base64url SHA-256.
	challengeLength = 43
	// maxAppState is the longest state, in characters, that is kept for an app.
	maxAppState = 512
)

// errChallenge refuses a redirect flow without PKCE.
var errChallenge = fault.Invalid("auth.pkce_required", "Send a code_challenge by the method S256.")

// errAppState refuses a state that nobody would want to keep.
var errAppState = fault.Invalid("auth.state_too_long", "This state is too long.")

// Service runs the redirect flow.
type Service struct {
	redirectURIs []string
	publicURL    string
	db           *database.DB
	store        store
	providers    provider.Providers
	identities   *identity.Service
	sessions     *session.Service
	throttle     *throttle.Throttle
	now          func() time.Time
}

// Deps are what the service needs.
type Deps struct {
	plug.In

	Config     auth.Config
	Web        httpserver.Config
	DB         *database.DB
	Providers  provider.Providers
	Identities *identity.Service
	Sessions   *session.Service
	Throttle   *throttle.Throttle
	Now        func() time.Time
}

// NewService lets the flow lead to the configured redirect URIs only.
func NewService(d Deps) *Service {
	return &Service{
		redirectURIs: d.Config.RedirectURIs, publicURL: strings.TrimSuffix(d.Web.PublicURL, "/"), db: d.DB, store: store{d.DB},
		providers: d.Providers, identities: d.Identities, sessions: d.Sessions, throttle: d.Throttle, now: d.Now,
	}
}

// Authorization is an app's request to begin the flow.
type Authorization struct {
	Provider            string
	RedirectURI         string
	State               string
	CodeChallenge       string
	CodeChallengeMethod string
	Browser             string // the value of its lasting cookie
}

// Begun is a flow that has begun: where to send the person, and what must be found in their browser when they come back.
type Begun struct {
	Target  string
	State   string
	Binding string
}

// Authorize begins the flow. It returns auth.ErrRedirectNotAllowed, auth.ErrProviderOff, auth.ErrProviderDown, or a fault of the
// state or the challenge.
func (s *Service) Authorize(ctx context.Context, a Authorization) (begun Begun, err error) {
	switch {
	case !slices.Contains(s.redirectURIs, a.RedirectURI):
		return begun, auth.ErrRedirectNotAllowed
	case utf8.RuneCountInString(a.State) > maxAppState:
		return begun, errAppState.At("query.state", "must have at most 512 characters")
	case a.CodeChallengeMethod != "S256":
		return begun, errChallenge.At("query.code_challenge_method", "must be S256")
	case len(a.CodeChallenge) != challengeLength:
		return begun, errChallenge.At("query.code_challenge", "must be the base64url of a SHA-256")
	}
	binding, hash := secret.NewToken()
	target, state, err := s.begin(ctx, State{
		Kind: StateApp, Provider: a.Provider, RedirectURI: a.RedirectURI, AppState: a.State, CodeChallenge: a.CodeChallenge,
		Browser: a.Browser, Binding: hash,
	}, s.callbackURL(a.Provider))
	return Begun{Target: target, State: state, Binding: binding}, err
}

func (s *Service) callbackURL(provider string) string {
	return s.publicURL + "/v1/auth/" + provider + "/callback"
}

// begin stores a state under a new secret and returns the provider's page, and the secret.
func (s *Service) begin(ctx context.Context, st State, callback string) (target, state string, err error) {
	p, err := s.providers.Named(st.Provider)
	if err != nil {
		return "", "", err
	}
	state, st.Hash = secret.NewToken()
	st.Nonce, _ = secret.NewToken()
	st.ExpiresAt = s.now().Add(stateTTL)
	if target, err = p.AuthCodeURL(ctx, callback, state, st.Nonce); err != nil {
		return "", "", err
	}
	return target, state, s.store.insertState(ctx, st)
}

// Callback takes the provider's answer and returns where to send the person: the app's redirect URI with an authorization code,
// or with an OAuth error. binding is what Authorize left in the browser. A state that is unknown, used, expired, another provider's
// or another browser's is auth.ErrState: else a link could sign somebody in as another person.
func (s *Service) Callback(ctx context.Context, name string, form url.Values, binding string, from throttle.Origin) (target string, err error) {
	err = s.throttle.Guard(ctx, from.Address, func() error {
		target, err = s.callback(ctx, name, form, binding)
		return err
	})
	return target, err
}

func (s *Service) callback(ctx context.Context, name string, form url.Values, binding string) (string, error) {
	st, err := s.consume(ctx, StateApp, name, form.Get("state"), binding)
	if err != nil {
		return "", err
	}
	code, err := s.issueCode(ctx, st, form)
	if err != nil {
		reason := oauthError(err)
		if reason == "" {
			return "", err
		}
		return withQuery(st.RedirectURI, url.Values{"error": {reason}, "state": {st.AppState}})
	}
	return withQuery(st.RedirectURI, url.Values{"code": {code}, "state": {st.AppState}})
}

func (s *Service) consume(ctx context.Context, kind StateKind, name, state, binding string) (State, error) {
	st, err := s.store.consumeState(ctx, kind, secret.Hash(state), secret.Hash(binding), s.now(), auth.ErrState)
	if err == nil && st.Provider != name {
		return State{}, auth.ErrState
	}
	return st, err
}

// issueCode finds or signs up the user and returns an authorization code for a session of theirs.
func (s *Service) issueCode(ctx context.Context, st State, form url.Values) (string, error) {
	claims, token, err := s.exchange(ctx, st, s.callbackURL(st.Provider), form)
	if err != nil {
		return "", err
	}
	code, hash := secret.NewToken()
	err = s.identities.InTx(ctx, func(ctx context.Context) error {
		user, err := s.identities.Resolve(ctx, claims, token)
		if err != nil {
			return err
		}
		return s.store.insertState(ctx, State{
			Hash: hash, Kind: StateCode, Provider: st.Provider, CodeChallenge: st.CodeChallenge, UserID: &user, Browser: st.Browser,
			ExpiresAt: s.now().Add(codeTTL),
		})
	})
	return code, err
}

// exchange exchanges the provider's code for claims. The ID token must carry the state's nonce.
func (s *Service) exchange(ctx context.Context, st State, callback string, form url.Values) (claims provider.Claims, token string, err error) {
	if form.Get("error") != "" || form.Get("code") == "" {
		return claims, "", auth.ErrInvalidIDToken.Because(errors.New("the provider or the person refused"))
	}
	p, err := s.providers.Named(st.Provider)
	if err != nil {
		return claims, "", err
	}
	if claims, token, err = p.ExchangeCallback(ctx, callback, form); err != nil {
		return claims, "", err
	}
	want := string(secret.Hash(st.Nonce))
	if !slices.ContainsFunc(claims.NonceHashes, func(h []byte) bool { return string(h) == want }) {
		return claims, "", auth.ErrInvalidIDToken.Because(errors.New("the nonce is another"))
	}
	return claims, token, nil
}

// oauthError returns the OAuth error of a refusal, or "" for a failure of ours.
func oauthError(err error) string {
	switch {
	case errors.Is(err, auth.ErrInvalidIDToken), errors.Is(err, users.ErrSuspended):
		return "access_denied"
	case errors.Is(err, auth.ErrProviderDown):
		return "temporarily_unavailable"
	}
	return ""
}

func withQuery(target string, more url.Values) (string, error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", auth.ErrRedirectNotAllowed.Because(err)
	}
	query := u.Query()
	for name, values := range more {
		query[name] = values
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// Exchange exchanges an authorization code of ours for a session's tokens. It uses the code up, whether or not the verifier fits
// the challenge, and returns auth.ErrInvalidCode where it does not.
func (s *Service) Exchange(ctx context.Context, code, verifier string, d session.Device, from throttle.Origin) (tokens session.Tokens, err error) {
	err = s.throttle.Guard(ctx, from.Address, func() error {
		st, err := s.store.consumeState(ctx, StateCode, secret.Hash(code), nil, s.now(), auth.ErrInvalidCode)
		if err != nil {
			return err
		}
		if st.UserID == nil || !fits(verifier, st.CodeChallenge) {
			return auth.ErrInvalidCode
		}
		d.Browser = st.Browser
		opened, roles, err := s.open(ctx, *st.UserID, st.Provider, d, from.Place)
		if err != nil {
			return err
		}
		tokens, err = s.sessions.Issue(ctx, opened, roles)
		return err
	})
	return tokens, err
}

func (s *Service) open(ctx context.Context, user uuid.UUID, provider string, d session.Device, place string) (opened session.Session, roles []string, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		opened, roles, err = s.sessions.Open(ctx, user, provider, d, place)
		return err
	})
	return opened, roles, err
}

// fits reports whether a PKCE verifier belongs to an S256 challenge (RFC 7636).
func fits(verifier, challenge string) bool {
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}
