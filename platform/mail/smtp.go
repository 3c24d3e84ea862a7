package mail

import (
	"context"
	"errors"
	"fmt"
	stdmail "net/mail"
	"net/textproto"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"atrium/platform/breaker"
)

const (
	stepTimeout = 10 * time.Second // of one step of the conversation
	sendTimeout = 30 * time.Second // of all of it
	atOnce      = 16
)

var (
	idText     = regexp.MustCompile(`^[A-Za-z0-9._=+-]{1,200}$`)
	headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,76}$`)
)

// SMTP is the Sender that speaks to a mail server, one connection per mail. Safe for concurrent use.
type SMTP struct {
	from    *stdmail.Address
	domain  string
	host    string
	options []gomail.Option
	breaker *breaker.Breaker
}

var _ Sender = (*SMTP)(nil)

// NewSMTP makes the adapter; nothing is sent yet. Its errors never repeat the URL, which holds a password.
func NewSMTP(cfg Config) (*SMTP, error) {
	from, err := stdmail.ParseAddress(cfg.From)
	if err != nil {
		return nil, errors.New("mail: the sender is not an address like Atrium <hello@example.com>")
	}
	server, err := url.Parse(cfg.SMTPURL.Reveal())
	if err != nil || server.Hostname() == "" || (server.Scheme != "smtp" && server.Scheme != "smtps") {
		return nil, errors.New("mail: the SMTP URL is not like smtp://user:password@host:port")
	}
	s := &SMTP{
		from:    from,
		domain:  from.Address[strings.LastIndex(from.Address, "@")+1:],
		host:    server.Hostname(),
		breaker: breaker.New(atOnce, func(err error) bool { return errors.Is(err, ErrUnavailable) }),
	}
	s.options = []gomail.Option{gomail.WithTimeout(stepTimeout), gomail.WithHELO(s.domain)}
	if server.Scheme == "smtps" {
		s.options = append(s.options, gomail.WithSSLPort(false))
	} else {
		s.options = append(s.options, gomail.WithTLSPortPolicy(gomail.TLSOpportunistic))
	}
	if port, err := strconv.Atoi(server.Port()); err == nil {
		s.options = append(s.options, gomail.WithPort(port))
	}
	if user := server.User.Username(); user != "" {
		password, _ := server.User.Password()
		s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(user), gomail.WithPassword(password))
	}
	if _, err := s.client(); err != nil {
		return nil, errors.New("mail: the SMTP URL does not describe a server")
	}
	return s, nil
}

func (s *SMTP) client() (*gomail.Client, error) { return gomail.NewClient(s.host, s.options...) }

// Send implements Sender. Its errors never repeat the address.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	letter, err := s.write(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	err = s.breaker.Do(ctx, func() error {
		client, err := s.client()
		if err != nil {
			return ErrUnavailable.Because(err)
		}
		return toFault(client.DialAndSendWithContext(ctx, letter))
	})
	if err == nil || errors.Is(err, ErrRejected) || errors.Is(err, ErrUnavailable) {
		return err
	}
	return ErrUnavailable.Because(err)
}

// write makes the letter, or returns ErrRejected for the address and ErrInvalid for the rest.
func (s *SMTP) write(m Message) (*gomail.Msg, error) {
	to, err := stdmail.ParseAddress(m.To)
	if err != nil || to.Address != m.To {
		return nil, ErrRejected.Because(errors.New("not an address"))
	}
	if !idText.MatchString(m.ID) || strings.ContainsAny(m.Subject, "\r\n\x00") {
		return nil, ErrInvalid.Because(errors.New("a line break in the subject, or no id"))
	}
	letter := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	letter.SetMessageIDWithValue(m.ID + "@" + s.domain)
	letter.SetDate()
	letter.Subject(m.Subject)
	for name, value := range m.Headers {
		if !headerName.MatchString(name) || strings.ContainsAny(value, "\r\n\x00") || letterOwns(name) {
			return nil, ErrInvalid.Because(fmt.Errorf("the header %q", name))
		}
		letter.SetGenHeader(gomail.Header(name), value)
	}
	if err := letter.FromFormat(s.from.Name, s.from.Address); err != nil {
		return nil, ErrInvalid.Because(errors.New("the sender"))
	}
	if err := letter.To(m.To); err != nil {
		return nil, ErrRejected.Because(errors.New("not an address"))
	}
	letter.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		letter.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return letter, nil
}

// letterOwns reports whether a header follows from the message and so cannot be given besides.
func letterOwns(name string) bool {
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "From", "Sender", "To", "Cc", "Bcc", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type", "Content-Transfer-Encoding":
		return true
	}
	return false
}

// toFault keeps the server's code and drops its words: they repeat the address.
func toFault(err error) error {
	if err == nil {
		return nil
	}
	var sending *gomail.SendError
	if !errors.As(err, &sending) {
		return ErrUnavailable.Because(err)
	}
	cause := fmt.Errorf("%s: %d %s", sending.Reason, sending.ErrorCode(), sending.EnhancedStatusCode())
	if sending.Reason == gomail.ErrSMTPRcptTo && !sending.IsTemp() && sending.ErrorCode() >= 500 {
		return ErrRejected.Because(cause)
	}
	return ErrUnavailable.Because(cause)
}
