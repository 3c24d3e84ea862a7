// Package mail sends mail over SMTP (in production: SES).
package mail

import (
	"context"

	"atrium/platform/fault"
	"atrium/platform/secret"
)

// Config names the mail server and the sender. SMTPURL is smtp://user:password@host:port (STARTTLS when offered) or smtps://.
type Config struct {
	SMTPURL secret.Text `koanf:"smtp_url" validate:"required"`
	From    string      `koanf:"from" validate:"required"`
}

var (
	// ErrRejected means that mail to this address can never arrive; do not try again.
	ErrRejected = fault.Invalid("mail.rejected", "Mail to this address cannot be delivered.")
	// ErrInvalid means that the message itself cannot be sent; do not try again, keep the address.
	ErrInvalid = fault.Invalid("mail.invalid", "This mail cannot be sent.")
	// ErrUnavailable means: try again later, under the same id.
	ErrUnavailable = fault.Unavailable("mail.unavailable", "The mail server does not take the mail now.")
)

// Message is one mail to one person. ID is the stable id that becomes the Message-ID: the same mail sent twice has the same one.
type Message struct {
	ID      string // without brackets and domain
	To      string
	Subject string
	Text    string
	HTML    string // may be empty
	Headers map[string]string
}

// Sender sends mail; its errors are the three above.
type Sender interface {
	Send(ctx context.Context, m Message) error
}
