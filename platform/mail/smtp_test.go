package mail

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/secret"
	"atrium/platform/stacktest"
)

// delivered is a mail as the local sink shows it.
type delivered struct {
	MessageID string            `json:"message_id"`
	From      string            `json:"from"`
	To        []string          `json:"to"`
	Subject   string            `json:"subject"`
	Text      string            `json:"text"`
	HTML      string            `json:"html"`
	Headers   map[string]string `json:"headers"`
}

func setup(t *testing.T) (*SMTP, Message) {
	t.Parallel()
	sender, err := NewSMTP(Config{SMTPURL: secret.Text(stacktest.Env(t, "ATRIUM_MAIL_SMTP_URL")), From: "Atrium <hello@atrium.test>"})
	require.NoError(t, err)
	return sender, Message{
		ID: uuid.NewString(), To: uuid.NewString() + "@example.test", Subject: "Your order", Text: "It is on its way.",
	}
}

func received(t *testing.T, to string) []delivered {
	t.Helper()
	res, err := http.Get(stacktest.Endpoint(t, "mail") + "/messages?to=" + url.QueryEscape(to))
	require.NoError(t, err)
	defer res.Body.Close()
	var mails []delivered
	require.NoError(t, json.NewDecoder(res.Body).Decode(&mails))
	return mails
}

func TestSend(t *testing.T) {
	t.Parallel()
	ctx := context.Background()

	t.Run("text, HTML and headers arrive under the stable id", func(t *testing.T) {
		s, m := setup(t)
		m.Subject = "Dein Zimmer gefällt 🛋"
		m.Text = "Grüße\nund ein langer Text: " + strings.Repeat("lang ", 50)
		m.HTML = "<p>Grüße</p>"
		m.Headers = map[string]string{"List-Unsubscribe": "<https://atrium.test/u>", "Auto-Submitted": "auto-generated"}
		for range 2 {
			require.NoError(t, s.Send(ctx, m))
		}
		mails := received(t, m.To)
		require.Len(t, mails, 2)
		for _, got := range mails {
			require.Equal(t, m.ID+"@atrium.test", got.MessageID)
			require.Equal(t, "hello@atrium.test", got.From)
			require.Equal(t, []string{m.To}, got.To)
			require.Equal(t, m.Subject, got.Subject)
			require.Equal(t, m.Text, strings.TrimRight(got.Text, "\n"))
			require.Equal(t, m.HTML, strings.TrimRight(got.HTML, "\n"))
			require.Equal(t, "<https://atrium.test/u>", got.Headers["List-Unsubscribe"])
			require.Equal(t, "auto-generated", got.Headers["Auto-Submitted"])
		}
	})

	for name, tc := range map[string]struct {
		change func(*Message)
		want   error
	}{
		"a line break in the address": {func(m *Message) { m.To += "\r\nBcc: other@example.test" }, ErrRejected},
		"a name before the address":   {func(m *Message) { m.To = "Ada <" + m.To + ">" }, ErrRejected},
		"two addresses":               {func(m *Message) { m.To += ", other@example.test" }, ErrRejected},
		"no address":                  {func(m *Message) { m.To = "ada" }, ErrRejected},
		"a line break in the subject": {func(m *Message) { m.Subject += "\nBcc: other@example.test" }, ErrInvalid},
		"a line break in a header":    {func(m *Message) { m.Headers = map[string]string{"X-A": "b\r\nBcc: c@d.test"} }, ErrInvalid},
		"a line break in a name":      {func(m *Message) { m.Headers = map[string]string{"X-A: b\r\nBcc": "c@d.test"} }, ErrInvalid},
		"a header of the letter":      {func(m *Message) { m.Headers = map[string]string{"bcc": "c@d.test"} }, ErrInvalid},
		"a line break in the id":      {func(m *Message) { m.ID += "\r\n" }, ErrInvalid},
		"no id":                       {func(m *Message) { m.ID = "" }, ErrInvalid},
	} {
		t.Run("it refuses "+name, func(t *testing.T) {
			s, m := setup(t)
			to := m.To
			tc.change(&m)
			err := s.Send(ctx, m)
			require.ErrorIs(t, err, tc.want)
			require.NotContains(t, err.Error(), to)
			require.Empty(t, received(t, to))
		})
	}
}

// scripted is a mail server that answers one command with what the test wants, and all others kindly.
func scripted(t *testing.T, command, answer string) *SMTP {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go converse(conn, command, answer)
		}
	}()
	sender, err := NewSMTP(Config{SMTPURL: secret.Text("smtp://" + listener.Addr().String()), From: "hello@atrium.test"})
	require.NoError(t, err)
	return sender
}

func converse(conn net.Conn, command, answer string) {
	defer func() { _ = conn.Close() }()
	fmt.Fprint(conn, "220 ready\r\n")
	lines := bufio.NewScanner(conn)
	for inData := false; lines.Scan(); {
		line := lines.Text()
		switch {
		case inData && line != ".":
			continue
		case inData:
			inData = false
			fmt.Fprint(conn, "250 queued\r\n")
		case strings.HasPrefix(line, command):
			fmt.Fprint(conn, answer+"\r\n")
		case line == "DATA":
			inData = true
			fmt.Fprint(conn, "354 go on\r\n")
		case line == "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprint(conn, "250 ok\r\n")
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		command, answer string
		want            error
	}{
		{"RCPT", "550 5.1.1 <ada@example.test> does not live here", ErrRejected},
		{"RCPT", "553 5.1.3 bad address", ErrRejected},
		{"RCPT", "450 4.2.1 <ada@example.test> try later", ErrUnavailable},
		{"MAIL", "550 5.7.1 you may not send", ErrUnavailable},
		{"DATA", "554 5.7.1 no", ErrUnavailable},
		{"DATA", "421 4.3.2 closing", ErrUnavailable},
		{"MAIL", "421 4.3.2 closing", ErrUnavailable},
	} {
		t.Run(tc.answer[:3]+" to "+tc.command, func(t *testing.T) {
			s := scripted(t, tc.command, tc.answer)
			err := s.Send(context.Background(), Message{ID: "1", To: "ada@example.test", Subject: "s", Text: "t"})
			require.ErrorIs(t, err, tc.want)
			require.NotContains(t, err.Error(), "ada", "addresses do not belong in logs")
		})
	}

	t.Run("a server that is gone soon fails at once", func(t *testing.T) {
		t.Parallel()
		s, err := NewSMTP(Config{SMTPURL: "smtp://user:pass-word@127.0.0.1:1", From: "hello@atrium.test"})
		require.NoError(t, err)
		began := time.Now()
		for range 20 {
			err := s.Send(context.Background(), Message{ID: "1", To: "ada@example.test", Subject: "s", Text: "t"})
			require.ErrorIs(t, err, ErrUnavailable)
			require.NotContains(t, err.Error(), "pass-word")
		}
		require.Less(t, time.Since(began), stepTimeout)
	})
}

func TestNewSMTP(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{
		{SMTPURL: "smtp://host:25", From: "nobody"},
		{SMTPURL: "http://user:pass-word@host:25", From: "a@b.test"},
		{SMTPURL: "smtp://user:pass-word@", From: "a@b.test"},
		{SMTPURL: "smtp://user:pass-word%zz@host", From: "a@b.test"},
		{SMTPURL: "smtp://user:pass-word@host:99999", From: "a@b.test"},
		{SMTPURL: "", From: "a@b.test"},
	} {
		_, err := NewSMTP(cfg)
		require.Error(t, err, cfg.From)
		require.NotContains(t, err.Error(), "pass-word")
	}
	for _, url := range []secret.Text{"smtp://host", "smtps://user:p%40ss@host", "smtp://user:p@host:587"} {
		_, err := NewSMTP(Config{SMTPURL: url, From: "Atrium <a@b.test>"})
		require.NoError(t, err)
	}
}
