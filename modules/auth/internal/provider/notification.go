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

// NotificationMaxAge is the age beyond which a notification is refused. Apple repeats one that was not acknowledged for a few days.
const NotificationMaxAge = 7 * 24 * time.Hour

// NotificationKind is what happened to an account at Apple. Kinds without a constant here concern nobody's sign-in.
type NotificationKind string

// The kinds that are acted on.
const (
	ConsentRevoked NotificationKind = "consent-revoked"
	AccountDeleted NotificationKind = "account-deleted"
)

// Notification is one of Apple's server-to-server notifications about one of its accounts.
type Notification struct {
	ID      string // the same each time that Apple repeats it
	Kind    NotificationKind
	Subject string
	At      time.Time // when it happened; notifications may come late and out of order
}

// VerifyNotification checks the signature, audience and age of what Apple sent. It returns auth.ErrInvalidNotification, or
// auth.ErrProviderDown while Apple's keys cannot be fetched.
func (p *Provider) VerifyNotification(ctx context.Context, raw string) (Notification, error) {
	at, err := p.discover(ctx)
	if err != nil {
		return Notification{}, err
	}
	var unreachable error
	token, err := at.notifications.Verify(context.WithValue(ctx, unreachableKey{}, &unreachable), raw)
	switch {
	case unreachable != nil:
		return Notification{}, auth.ErrProviderDown.Because(unreachable)
	case err != nil:
		return Notification{}, auth.ErrInvalidNotification.Because(errors.New("the notification does not verify")) // the library's text quotes it
	}
	return p.notification(token)
}

func (p *Provider) notification(token *oidc.IDToken) (Notification, error) {
	refuse := func(reason string) (Notification, error) {
		return Notification{}, auth.ErrInvalidNotification.Because(errors.New(reason))
	}
	var c struct {
		ID     string          `json:"jti"`
		Events json.RawMessage `json:"events"`
	}
	if err := token.Claims(&c); err != nil {
		return refuse("the claims cannot be decoded")
	}
	var text string
	if json.Unmarshal(c.Events, &text) == nil { // Apple writes the event as JSON in a string
		c.Events = json.RawMessage(text)
	}
	var event struct {
		Kind    NotificationKind `json:"type"`
		Subject string           `json:"sub"`
		Time    int64            `json:"event_time"` // Unix milliseconds
	}
	if err := json.Unmarshal(c.Events, &event); err != nil {
		return refuse("the event cannot be decoded")
	}
	foreign := slices.ContainsFunc(token.Audience, func(aud string) bool { return !slices.Contains(p.clients, aud) })
	age := p.now().Sub(token.IssuedAt)
	switch {
	case len(token.Audience) == 0 || foreign:
		return refuse("aud is not a client of ours")
	case c.ID == "" || len(c.ID) > 255 || event.Subject == "" || event.Time <= 0:
		return refuse("jti, sub or event_time is missing")
	case age > NotificationMaxAge || age < -time.Minute:
		return refuse("iat is too far away")
	}
	if event.Kind == "account-delete" { // Apple has documented both spellings
		event.Kind = AccountDeleted
	}
	return Notification{ID: c.ID, Kind: event.Kind, Subject: event.Subject, At: time.UnixMilli(event.Time)}, nil
}
