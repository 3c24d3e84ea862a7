// Package push sends push notifications through FCM (HTTP v1).
package push

import (
	"context"
	"time"

	"atrium/platform/fault"
	"atrium/platform/secret"
)

// Config names the project and its account. Endpoint is empty in production; Credentials is the service account's JSON.
type Config struct {
	Endpoint    string      `koanf:"endpoint" validate:"omitempty,url"`
	Credentials secret.Text `koanf:"credentials"` // empty: pushes are off
}

var (
	// ErrUnregistered means that the token is gone for good; forget it.
	ErrUnregistered = fault.NotFound("push.unregistered", "The device is not registered any more.")
	// ErrInvalid means that the message is wrong; do not try again, keep the token.
	ErrInvalid = fault.Invalid("push.invalid", "The push service refused the message.")
	// ErrUnavailable means: try again; RetryAfter says when.
	ErrUnavailable = fault.Unavailable("push.unavailable", "The push service does not answer.")
	// ErrOff means that pushes are switched off; forget this one.
	ErrOff = fault.Unavailable("push.off", "Pushes are switched off.")
)

// Message is one push to one device.
type Message struct {
	Token       string
	Title       string
	Body        string
	Data        map[string]string
	CollapseKey string        // a later push with the same key takes this one's place; empty: none does
	TTL         time.Duration // how long it is worth delivering, in whole seconds; 0: as long as the service keeps it
}

// Sender sends pushes; its errors are the four above.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Off is the Sender without credentials: it sends nothing and says so by ErrOff.
type Off struct{}

// Send returns ErrOff.
func (Off) Send(context.Context, Message) error { return ErrOff }
