package internal

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/provider"
	"atrium/modules/users"
	"atrium/platform/fault"
)

const (
	stateLife     = 10 * time.Minute // at the provider
	codeLife      = 2 * time.Minute  // from the callback to POST /v1/auth/token
	challengeSize = 43               // base64url of a SHA-256
)

// errChallenge answers a redirect flow without PKCE.
var errChallenge = fault.Invalid("auth.pkce_required", "Send a code_challenge by the method S256.")

// departure is what an app asks of the redirect flow.
type departure struct {
	Provider    string
	RedirectURI string
	State       string
	Challenge   string
	Method      string
}

// Depart begins the redirect flow and returns where to send the person.
func (s *Service) Depart(ctx context.Context, d departure) (string, error) {
	switch {
	case !slices.Contains(s.cfg.RedirectURIs, d.RedirectURI):
		return "", auth.ErrRedirectNotAllowed
	case d.Method != "S256":
		return "", errChallenge.At("query.code_challenge_method", "must be S256")
	case len(d.Challenge) != challengeSize:
		return "", errChallenge.At("query.code_challenge", "must be the base64url of a SHA-256")
	}
	target, _, err := s.sendAway(ctx, step{
		Kind: kindApp, Provider: d.Provider, RedirectURI: d.RedirectURI, AppState: d.State, CodeChallenge: d.Challenge,
	}, s.callbackURL(d.Provider))
	return target, err
}

func (s *Service) callbackURL(provider string) string {
	return s.publicURL + "/v1/auth/" + provider + "/callback"
}

// sendAway keeps a step under a new state and returns where to go, and the state.
func (s *Service) sendAway(ctx context.Context, st step, callback string) (target, state string, err error) {
	p, ok := s.providers[st.Provider]
	if !ok {
		return "", "", auth.ErrProviderOff
	}
	state, st.Hash = newSecret()
	st.Nonce, _ = newSecret()
	st.ExpiresAt = s.now().Add(stateLife)
	if target, err = p.Begin(ctx, callback, state, st.Nonce); err != nil {
		return "", "", err
	}
	return target, state, s.store.insertStep(ctx, st)
}

// Return ends the provider's part of the redirect flow: form is the provider's answer. It returns where to send the person, with
// a code for the app or an OAuth error. A state that is unknown, used or another provider's is auth.ErrState.
func (s *Service) Return(ctx context.Context, name string, form url.Values, from origin) (target string, err error) {
	err = s.throttle.guard(ctx, from.Address, func() error {
		target, err = s.comeBack(ctx, name, form)
		return err
	})
	return target, err
}

func (s *Service) comeBack(ctx context.Context, name string, form url.Values) (string, error) {
	st, err := s.takeState(ctx, kindApp, name, form.Get("state"))
	if err != nil {
		return "", err
	}
	code, err := s.welcome(ctx, st, form)
	if err != nil {
		reason := oauthError(err)
		if reason == "" {
			return "", err
		}
		return withQuery(st.RedirectURI, url.Values{"error": {reason}, "state": {st.AppState}})
	}
	return withQuery(st.RedirectURI, url.Values{"code": {code}, "state": {st.AppState}})
}

func (s *Service) takeState(ctx context.Context, kind, name, state string) (step, error) {
	st, err := s.store.takeStep(ctx, kind, hashOf(state), s.now(), auth.ErrState)
	if err == nil && st.Provider != name {
		return step{}, auth.ErrState
	}
	return st, err
}

// welcome finds or makes the user and returns a code that opens the session.
func (s *Service) welcome(ctx context.Context, st step, form url.Values) (string, error) {
	person, token, err := s.arrive(ctx, st, s.callbackURL(st.Provider), form)
	if err != nil {
		return "", err
	}
	code, hash := newSecret()
	err = s.settled(ctx, func(ctx context.Context) error {
		user, err := s.userOf(ctx, person, token)
		if err != nil {
			return err
		}
		return s.store.insertStep(ctx, step{
			Hash: hash, Kind: stepCode, Provider: st.Provider, CodeChallenge: st.CodeChallenge, UserID: &user, ExpiresAt: s.now().Add(codeLife),
		})
	})
	return code, err
}

// arrive exchanges the provider's code for a person. The ID token must carry the step's nonce.
func (s *Service) arrive(ctx context.Context, st step, callback string, form url.Values) (person provider.Person, token string, err error) {
	if form.Get("error") != "" || form.Get("code") == "" {
		return person, "", auth.ErrInvalidIDToken.Because(errors.New("the provider or the person refused"))
	}
	p, ok := s.providers[st.Provider]
	if !ok {
		return person, "", auth.ErrProviderOff
	}
	if person, token, err = p.Finish(ctx, callback, form); err != nil {
		return person, "", err
	}
	if want := string(hashOf(st.Nonce)); !slices.ContainsFunc(person.NonceHashes, func(h []byte) bool { return string(h) == want }) {
		return person, "", auth.ErrInvalidIDToken.Because(errors.New("the nonce is another"))
	}
	return person, token, nil
}

// oauthError names a refusal for the app; "" is a failure of ours.
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

// Redeem opens the session that a code of the redirect flow stands for. The code is used up, right verifier or not.
func (s *Service) Redeem(ctx context.Context, code, verifier string, d device, from origin) (answer Session, err error) {
	err = s.throttle.guard(ctx, from.Address, func() error {
		st, err := s.store.takeStep(ctx, stepCode, hashOf(code), s.now(), auth.ErrInvalidCode)
		if err != nil {
			return err
		}
		if st.UserID == nil || !answers(verifier, st.CodeChallenge) {
			return auth.ErrInvalidCode
		}
		opened, roles, err := s.enterAs(ctx, *st.UserID, st.Provider, d, from.Place)
		if err != nil {
			return err
		}
		answer, err = s.answer(ctx, opened, roles)
		return err
	})
	return answer, err
}

func (s *Service) enterAs(ctx context.Context, user uuid.UUID, by string, d device, place string) (opened session, roles []string, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		opened, roles, err = s.open(ctx, user, by, d, place)
		return err
	})
	return opened, roles, err
}
