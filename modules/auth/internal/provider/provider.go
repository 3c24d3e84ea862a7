// Package provider knows who people are at Google and Apple: it checks ID tokens, and walks the redirect flow through goth.
package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"atrium/modules/auth"
)

// The names of the providers, as identities carry them.
const (
	Google = "google"
	Apple  = "apple"
)

// callTimeout bounds each call to a provider.
const callTimeout = 8 * time.Second

// Person is who a provider says somebody is. The e-mail is for contact: only (Provider, Subject) says who it is.
type Person struct {
	Provider      string
	Subject       string
	Email         string
	EmailVerified bool
	Name          string
	Language      string
	Picture       string   // address of the person's picture; may be empty
	Client        string   // the client id that the ID token was issued to
	NonceHashes   [][]byte // SHA-256 of the nonce, in each of the spellings that the provider allows
}

// Provider is one OpenID Connect provider. Safe for concurrent use.
type Provider struct {
	name      string
	issuer    string
	clients   []string
	web       string // client id of the redirect flow
	secret    func(client string) (string, error)
	scopes    []string
	formPost  bool // the answer of the redirect flow comes as a form
	hexNonces bool // apps may hand the provider the nonce as the hex of its SHA-256
	now       func() time.Time
	client    *http.Client

	mu    sync.Mutex
	found *endpoints
	retry time.Time // when discovery is tried again after it failed
}

// endpoints are what discovery tells.
type endpoints struct {
	verifier, notices         *oidc.IDTokenVerifier
	authorize, token, revoked string
}

// NewGoogle makes Google, or nil where it is not configured.
func NewGoogle(cfg auth.Google, now func() time.Time) *Provider {
	if cfg.Issuer == "" {
		return nil
	}
	return &Provider{
		name: Google, issuer: cfg.Issuer, clients: withWeb(cfg.ClientIDs, cfg.WebClientID), web: cfg.WebClientID,
		secret: func(string) (string, error) { return cfg.ClientSecret.Reveal(), nil },
		scopes: []string{"openid", "email", "profile"}, now: now, client: &http.Client{Timeout: callTimeout},
	}
}

// NewApple makes Apple, or nil where it is not configured.
func NewApple(cfg auth.Apple, now func() time.Time) *Provider {
	if cfg.Issuer == "" {
		return nil
	}
	return &Provider{
		name: Apple, issuer: cfg.Issuer, clients: withWeb(cfg.ClientIDs, cfg.WebClientID), web: cfg.WebClientID,
		secret: func(client string) (string, error) { return appleSecret(cfg, client, now()) },
		scopes: []string{"openid", "email", "name"}, formPost: true, hexNonces: true, now: now, client: &http.Client{Timeout: callTimeout},
	}
}

func withWeb(clients []string, web string) []string {
	if web == "" || slices.Contains(clients, web) {
		return clients
	}
	return append(slices.Clone(clients), web)
}

// Verify checks an ID token completely but for its nonce, which the caller must use up: one of Person.NonceHashes.
// auth.ErrInvalidIDToken, or auth.ErrProviderDown while the keys cannot be had.
func (p *Provider) Verify(ctx context.Context, raw string) (Person, error) {
	at, err := p.discover(ctx)
	if err != nil {
		return Person{}, err
	}
	var unreachable error
	token, err := at.verifier.Verify(context.WithValue(ctx, unreachableKey{}, &unreachable), raw)
	switch {
	case unreachable != nil:
		return Person{}, auth.ErrProviderDown.Because(unreachable)
	case err != nil:
		return Person{}, auth.ErrInvalidIDToken.Because(errors.New("the token does not verify")) // the library's text quotes it
	}
	return p.person(token)
}

// claims are what ID tokens say besides the standard part.
type claims struct {
	Party         string   `json:"azp"`
	Email         string   `json:"email"`
	EmailVerified flexBool `json:"email_verified"`
	Name          string   `json:"name"`
	Locale        string   `json:"locale"`
	Picture       string   `json:"picture"`
}

func (p *Provider) person(token *oidc.IDToken) (Person, error) {
	var c claims
	refuse := func(reason string) (Person, error) {
		return Person{}, auth.ErrInvalidIDToken.Because(errors.New(reason))
	}
	if err := token.Claims(&c); err != nil {
		return refuse("the claims cannot be read")
	}
	client := c.Party
	if client == "" && len(token.Audience) == 1 {
		client = token.Audience[0]
	}
	switch {
	case len(token.Audience) == 0 || !slices.Contains(p.clients, client):
		return refuse("azp or aud is not a client of ours")
	case slices.ContainsFunc(token.Audience, func(aud string) bool { return !slices.Contains(p.clients, aud) }):
		return refuse("aud names somebody else")
	case token.Subject == "" || len(token.Subject) > 255:
		return refuse("sub is missing")
	case token.IssuedAt.After(p.now().Add(time.Minute)):
		return refuse("iat is in the future")
	}
	return Person{
		Provider: p.name, Subject: token.Subject, Email: c.Email, EmailVerified: bool(c.EmailVerified), Name: c.Name,
		Language: c.Locale, Picture: c.Picture, Client: client, NonceHashes: p.nonceHashes(token.Nonce),
	}, nil
}

func (p *Provider) nonceHashes(nonce string) [][]byte {
	if nonce == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(nonce))
	hashes := [][]byte{sum[:]}
	if raw, err := hex.DecodeString(nonce); p.hexNonces && err == nil && len(raw) == sha256.Size {
		hashes = append(hashes, raw)
	}
	return hashes
}

// discover asks the provider once where everything is. After a failure it is left alone for a moment.
func (p *Provider) discover(ctx context.Context) (*endpoints, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if time.Now().Before(p.retry) {
		return nil, auth.ErrProviderDown
	}
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.issuer)
	var more struct {
		Keys   string `json:"jwks_uri"`
		Revoke string `json:"revocation_endpoint"`
	}
	if err == nil {
		err = found.Claims(&more)
	}
	if err != nil {
		p.retry = time.Now().Add(failurePause)
		return nil, auth.ErrProviderDown.Because(err)
	}
	keys := newKeySet(more.Keys)
	p.found = &endpoints{
		verifier: oidc.NewVerifier(p.issuer, keys, &oidc.Config{
			SkipClientIDCheck: true, SupportedSigningAlgs: []string{oidc.RS256}, Now: p.now,
		}),
		notices: oidc.NewVerifier(p.issuer, keys, &oidc.Config{
			SkipClientIDCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: []string{oidc.RS256}, Now: p.now,
		}),
		authorize: found.Endpoint().AuthURL, token: found.Endpoint().TokenURL, revoked: more.Revoke,
	}
	return p.found, nil
}

// flexBool reads true and "true": Apple has sent both.
type flexBool bool

// UnmarshalJSON never fails: whatever is not plainly true is false.
func (b *flexBool) UnmarshalJSON(text []byte) error {
	var plain bool
	if json.Unmarshal(text, &plain) == nil {
		*b = flexBool(plain)
		return nil
	}
	*b = string(text) == `"true"`
	return nil
}
