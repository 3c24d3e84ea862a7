package provider

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"atrium/modules/auth"
)

// NoticeLife is how old a notice may be: the provider repeats one that was not answered, but not for ever.
const NoticeLife = 7 * 24 * time.Hour

// What a notice can tell. Others are none of our business.
const (
	ConsentRevoked = "consent-revoked"
	AccountDeleted = "account-deleted"
)

// Notice is what Apple tells about one of its accounts.
type Notice struct {
	ID      string // the same however often it comes
	Kind    string
	Subject string
	At      time.Time // when it happened; notices may come late and out of order
}

// Notice checks what Apple sent, signature and all: auth.ErrInvalidNotice, or auth.ErrProviderDown while the keys cannot be had.
func (p *Provider) Notice(ctx context.Context, raw string) (Notice, error) {
	at, err := p.discover(ctx)
	if err != nil {
		return Notice{}, err
	}
	var unreachable error
	token, err := at.notices.Verify(context.WithValue(ctx, unreachableKey{}, &unreachable), raw)
	switch {
	case unreachable != nil:
		return Notice{}, auth.ErrProviderDown.Because(unreachable)
	case err != nil:
		return Notice{}, auth.ErrInvalidNotice.Because(errors.New("the notice does not verify")) // the library's text quotes it
	}
	return p.notice(token)
}

func (p *Provider) notice(token *oidc.IDToken) (Notice, error) {
	refuse := func(reason string) (Notice, error) {
		return Notice{}, auth.ErrInvalidNotice.Because(errors.New(reason))
	}
	var c struct {
		ID     string          `json:"jti"`
		Events json.RawMessage `json:"events"`
	}
	if err := token.Claims(&c); err != nil {
		return refuse("the claims cannot be read")
	}
	var text string
	if json.Unmarshal(c.Events, &text) == nil { // Apple writes the event as JSON in a string
		c.Events = json.RawMessage(text)
	}
	var event struct {
		Type    string `json:"type"`
		Subject string `json:"sub"`
		Time    int64  `json:"event_time"` // milliseconds
	}
	if err := json.Unmarshal(c.Events, &event); err != nil {
		return refuse("the event cannot be read")
	}
	foreign := slices.ContainsFunc(token.Audience, func(aud string) bool { return !slices.Contains(p.clients, aud) })
	age := p.now().Sub(token.IssuedAt)
	switch {
	case len(token.Audience) == 0 || foreign:
		return refuse("aud is not a client of ours")
	case c.ID == "" || len(c.ID) > 255 || event.Subject == "" || event.Time <= 0:
		return refuse("jti, sub or event_time is missing")
	case age > NoticeLife || age < -time.Minute:
		return refuse("iat is too far away")
	}
	if event.Type == "account-delete" { // both have been documented
		event.Type = AccountDeleted
	}
	return Notice{ID: c.ID, Kind: event.Type, Subject: event.Subject, At: time.UnixMilli(event.Time)}, nil
}
