package main

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const (
	mailLimit     = 5_000
	mailSize      = 10 << 20
	mailPartDepth = 8
)

// mailbox is an SMTP server that keeps everything and delivers nothing.
type mailbox struct {
	mu       sync.Mutex
	messages []received
}

type received struct {
	MessageID string            `json:"message_id"`
	From      string            `json:"from"`
	To        []string          `json:"to"`
	Subject   string            `json:"subject"`
	Text      string            `json:"text"`
	HTML      string            `json:"html"`
	Headers   map[string]string `json:"headers"`
	At        string            `json:"at"`
}

// startMail starts the SMTP sink and the list of what it received.
func (s *stack) startMail() error {
	box := &mailbox{}
	listener, err := listenLocal()
	if err != nil {
		return err
	}
	server := smtp.NewServer(box)
	server.Domain = "localhost"
	server.AllowInsecureAuth = true
	server.MaxMessageBytes = mailSize
	server.ReadTimeout, server.WriteTimeout = time.Minute, time.Minute
	server.ErrorLog = quietLog{}
	go func() { _ = server.Serve(listener) }()
	s.urls.SMTP = "smtp://" + listener.Addr().String()
	s.started("smtp", listener.Addr().String(), func() { _ = server.Close() })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /messages", box.list)
	s.urls.Mail, err = s.serve("mail", always(mux))
	return err
}

// quietLog drops what go-smtp says about clients that hang up.
type quietLog struct{}

func (quietLog) Printf(string, ...any) {}
func (quietLog) Println(...any)        {}

// NewSession is go-smtp's hook for a new connection.
func (b *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailSession{box: b}, nil }

// mailSession is one SMTP conversation.
type mailSession struct {
	box  *mailbox
	from string
	to   []string
}

// AuthMechanisms offers PLAIN, with any credentials.
func (m *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth accepts everybody: credentials are the real server's business.
func (m *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, _ string) error { return nil }), nil
}

// Mail begins a message.
func (m *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	m.from = from
	return nil
}

// Rcpt adds a recipient.
func (m *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	m.to = append(m.to, to)
	return nil
}

// Data takes the message itself.
func (m *mailSession) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m.box.add(parseMail(content, m.from, m.to))
	return nil
}

// Reset forgets an unfinished message.
func (m *mailSession) Reset() { m.from, m.to = "", nil }

// Logout ends the conversation.
func (m *mailSession) Logout() error { return nil }

func (b *mailbox) add(message received) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.messages) >= mailLimit {
		b.messages = append(b.messages[:0], b.messages[1:]...)
	}
	b.messages = append(b.messages, message)
}

// list shows the mails that were delivered to an address, or all.
func (b *mailbox) list(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wanted := r.URL.Query().Get("to")
	messages := []received{}
	for _, message := range b.messages {
		if wanted == "" || containsFold(message.To, wanted) {
			messages = append(messages, message)
		}
	}
	writeJSON(w, http.StatusOK, messages)
}

func containsFold(list []string, wanted string) bool {
	for _, item := range list {
		if strings.EqualFold(item, wanted) {
			return true
		}
	}
	return false
}

var words = mime.WordDecoder{}

// parseMail reads what it can: a broken message still arrives, with less in it.
// The recipients are those of the envelope, which decide who really gets it.
func parseMail(content []byte, from string, to []string) received {
	result := received{From: from, To: append([]string{}, to...), Headers: map[string]string{}, At: timestamp(time.Now())}
	message, err := mail.ReadMessage(bytes.NewReader(content))
	if err != nil {
		result.Text = string(content)
		return result
	}
	for name, values := range message.Header {
		result.Headers[name] = decodeWords(values[0])
	}
	result.Subject = result.Headers["Subject"]
	result.MessageID = strings.Trim(message.Header.Get("Message-Id"), "<> ")
	if address, err := mail.ParseAddress(message.Header.Get("From")); err == nil {
		result.From = address.Address
	}
	result.readPart(textproto.MIMEHeader(message.Header), message.Body, 0)
	return result
}

// readPart takes the first plain and the first HTML text it meets, however deep.
func (m *received) readPart(header textproto.MIMEHeader, body io.Reader, depth int) {
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") && depth < mailPartDepth {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if err != nil {
				return
			}
			m.readPart(part.Header, part, depth+1)
		}
	}
	if disposition, _, _ := mime.ParseMediaType(header.Get("Content-Disposition")); disposition == "attachment" {
		return
	}
	switch {
	case kind == "text/plain" && m.Text == "":
		m.Text = readText(header, body, params["charset"])
	case kind == "text/html" && m.HTML == "":
		m.HTML = readText(header, body, params["charset"])
	}
}

func readText(header textproto.MIMEHeader, body io.Reader, charset string) string {
	switch strings.ToLower(strings.TrimSpace(header.Get("Content-Transfer-Encoding"))) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	content, _ := io.ReadAll(body) // what could be read is shown
	text := string(content)
	if strings.EqualFold(charset, "iso-8859-1") {
		runes := make([]rune, len(content))
		for i, b := range content {
			runes[i] = rune(b)
		}
		text = string(runes)
	}
	return strings.ReplaceAll(text, "\r\n", "\n")
}

func decodeWords(value string) string {
	if plain, err := words.DecodeHeader(value); err == nil {
		return plain
	}
	return value
}
