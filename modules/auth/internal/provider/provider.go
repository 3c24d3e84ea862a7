// Package provider speaks OpenID Connect with Google and Apple: it verifies ID tokens, exchanges authorization codes, revokes
// tokens and verifies Apple's notifications.
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

// The providers' names, as identities store them.
const (
	Google = "google"
	Apple  = "apple"
)

// callTimeout bounds each call to a provider.
const callTimeout = 8 * time.Second

// Claims are what a verified ID token says about a person. (Provider, Subject) identifies the person; the e-mail is for contact
// only, since it can change hands.
type Claims struct {
	Provider      string
	Subject       string
	Email         string
	EmailVerified bool
	Name          string
	Language      string
	Picture       string   // URL of the person's picture; may be empty
	Client        string   // the client id that the ID token was issued to
	NonceHashes   [][]byte // SHA-256 of the nonce, in each of the spellings that the provider allows
}

// Provider is one OpenID Connect provider. Safe for concurrent use.
type Provider struct {
	name      string
	issuer    string
	clients   []string
	webClient string // client id of the redirect flow
	secret    func(client string) (string, error)
	scopes    []string
	formPost  bool // the callback is a POSTed form
	hexNonces bool // apps may hand the provider the nonce as the hex of its SHA-256
	now       func() time.Time
	client    *http.Client

	mu         sync.Mutex
	discovered *endpoints
	retry      time.Time // when discovery may be tried again after a failure
}

// Providers are the configured providers by name.
type Providers map[string]*Provider

// NewProviders leaves out what is not configured.
func NewProviders(cfg auth.Config, now func() time.Time) Providers {
	all := Providers{}
	if google := NewGoogle(cfg.Google, now); google != nil {
		all[Google] = google
	}
	if apple := NewApple(cfg.Apple, now); apple != nil {
		all[Apple] = apple
	}
	return all
}

// Named returns the provider of that name, or auth.ErrProviderOff.
func (all Providers) Named(name string) (*Provider, error) {
	p, ok := all[name]
	if !ok {
		return nil, auth.ErrProviderOff
	}
	return p, nil
}

// endpoints are what the provider's discovery document says.
type endpoints struct {
	verifier, notifications      *oidc.IDTokenVerifier
	authorize, token, revocation string
}

// NewGoogle returns nil where Google is not configured.
func NewGoogle(cfg auth.Google, now func() time.Time) *Provider {
	if cfg.Issuer == "" {
		return nil
	}
	return &Provider{
		name: Google, issuer: cfg.Issuer, clients: withWebClient(cfg.ClientIDs, cfg.WebClientID), webClient: cfg.WebClientID,
		secret: func(string) (string, error) { return cfg.ClientSecret.Reveal(), nil },
		scopes: []string{"openid", "email", "profile"}, now: now, client: &http.Client{Timeout: callTimeout},
	}
}

// NewApple returns nil where Apple is not configured.
func NewApple(cfg auth.Apple, now func() time.Time) *Provider {
	if cfg.Issuer == "" {
		return nil
	}
	return &Provider{
		name: Apple, issuer: cfg.Issuer, clients: withWebClient(cfg.ClientIDs, cfg.WebClientID), webClient: cfg.WebClientID,
		secret: func(client string) (string, error) { return appleClientSecret(cfg, client, now()) },
		scopes: []string{"openid", "email", "name"}, formPost: true, hexNonces: true, now: now, client: &http.Client{Timeout: callTimeout},
	}
}

func withWebClient(clients []string, web string) []string {
	if web == "" || slices.Contains(clients, web) {
		return clients
	}
	return append(slices.Clone(clients), web)
}

// Verify checks an ID token except for its nonce: the caller must consume one of Claims.NonceHashes. It returns
// auth.ErrInvalidIDToken, or auth.ErrProviderDown while the provider's keys cannot be fetched.
func (p *Provider) Verify(ctx context.Context, raw string) (Claims, error) {
	at, err := p.discover(ctx)
	if err != nil {
		return Claims{}, err
	}
	var unreachable error
	token, err := at.verifier.Verify(context.WithValue(ctx, unreachableKey{}, &unreachable), raw)
	switch {
	case unreachable != nil:
		return Claims{}, auth.ErrProviderDown.Because(unreachable)
	case err != nil:
		return Claims{}, auth.ErrInvalidIDToken.Because(errors.New("the token does not verify")) // the library's text quotes it
	}
	return p.claims(token)
}

// extraClaims are the claims that the library does not decode.
type extraClaims struct {
	Party         string   `json:"azp"`
	Email         string   `json:"email"`
	EmailVerified flexBool `json:"email_verified"`
	Name          string   `json:"name"`
	Locale        string   `json:"locale"`
	Picture       string   `json:"picture"`
}

func (p *Provider) claims(token *oidc.IDToken) (Claims, error) {
	var c extraClaims
	refuse := func(reason string) (Claims, error) {
		return Claims{}, auth.ErrInvalidIDToken.Because(errors.New(reason))
	}
	if err := token.Claims(&c); err != nil {
		return refuse("the claims cannot be decoded")
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
	return Claims{
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

// discover reads the provider's discovery document once. After a failure it returns auth.ErrProviderDown at once for
// retryAfterFailure.
func (p *Provider) discover(ctx context.Context) (*endpoints, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.discovered != nil {
		return p.discovered, nil
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
		p.retry = time.Now().Add(retryAfterFailure)
		return nil, auth.ErrProviderDown.Because(err)
	}
	keys := newKeySet(more.Keys)
	p.discovered = &endpoints{
		verifier: oidc.NewVerifier(p.issuer, keys, &oidc.Config{
			SkipClientIDCheck: true, SupportedSigningAlgs: []string{oidc.RS256}, Now: p.now,
		}),
		notifications: oidc.NewVerifier(p.issuer, keys, &oidc.Config{
			SkipClientIDCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: []string{oidc.RS256}, Now: p.now,
		}),
		authorize: found.Endpoint().AuthURL, token: found.Endpoint().TokenURL, revocation: more.Revoke,
	}
	return p.discovered, nil
}

// flexBool is a boolean that may be written as true or "true": Apple has sent both.
type flexBool bool

// UnmarshalJSON never fails: anything but true and "true" is false.
func (b *flexBool) UnmarshalJSON(text []byte) error {
	var plain bool
	if json.Unmarshal(text, &plain) == nil {
		*b = flexBool(plain)
		return nil
	}
	*b = string(text) == `"true"`
	return nil
}
