package deletion

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/modules/users/internal/user"
	"atrium/platform/mail"
	"atrium/platform/tasks"
	"atrium/platform/text"
)

const (
	linkTTL        = 24 * time.Hour
	requestsAnHour = 3  // for one address, so that nobody's mailbox is filled by others
	accountsLimit  = 10 // whose links one request mails
	progressLink   = "progress"
	deletionLink   = "deletion"
)

// links signs and verifies the tokens of links that need no sign-in. A token is ids with their HMAC; what it opens is in the database.
type links struct{ keys [][]byte } // signs with the first, verifies with any

func (l links) seal(purpose string, ids ...uuid.UUID) string {
	var content []byte
	for _, id := range ids {
		content = append(content, id[:]...)
	}
	return base64.RawURLEncoding.EncodeToString(append(content, sum(l.keys[0], purpose, content)...))
}

// open returns the n ids of a token that was sealed for the purpose.
func (l links) open(purpose, token string, n int) (ids []uuid.UUID, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != n*16+sha256.Size {
		return nil, false
	}
	ours := slices.ContainsFunc(l.keys, func(key []byte) bool { return hmac.Equal(raw[n*16:], sum(key, purpose, raw[:n*16])) })
	if !ours {
		return nil, false
	}
	for i := range n {
		ids = append(ids, uuid.UUID(raw[i*16:(i+1)*16]))
	}
	return ids, true
}

func sum(key []byte, purpose string, content []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(purpose + "\x00"))
	mac.Write(content)
	return mac.Sum(nil)
}

// mailLinks is the task that mails the links of one request.
type mailLinks struct {
	RequestID uuid.UUID `json:"request_id"`
}

// TaskName is the task's name on the wire.
func (mailLinks) TaskName() string { return "users.mail_deletion" }

// Request records a request to delete the accounts with an address. Whether there are any is looked up later and told to that
// address alone, so that neither the answer nor its time tells who has an account; nor does it tell that there were too many requests.
func (s *Service) Request(ctx context.Context, email string) error {
	cleaned, err := text.Line(email, user.MaxEmail)
	if err != nil || cleaned == "" {
		return nil //nolint:nilerr // such an address has no account, which callers must not learn
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		request := uuid.Must(uuid.NewV7())
		kept, err := s.store.insertRequest(ctx, request, cleaned, requestsAnHour)
		if err != nil || !kept {
			return err
		}
		return s.outbox.Enqueue(ctx, mailLinks{RequestID: request})
	})
}

// MailLinks mails a link to the owner of each account that a request is about. Idempotent: a repeated mail has the same id.
func (s *Service) MailLinks(ctx context.Context, request uuid.UUID) error {
	accounts, err := s.store.insertLinks(ctx, request, accountsLimit)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		link := s.publicURL + "/account/delete/" + s.links.seal(deletionLink, request, a.ID)
		err := s.mails.Send(ctx, mail.Message{
			ID: request.String() + "." + a.ID.String(), To: a.Email, Subject: "Delete your Atrium account",
			Text: fmt.Sprintf("Somebody, most likely you, asked to delete the Atrium account @%s.\n\nTo delete it, open this link within 24 hours and confirm:\n%s\n\n"+
				"After that you have %d days to come back by signing in. If it was not you, do nothing: the account stays as it is.\n", a.Handle,
				link, int(s.eraseAfter/(24*time.Hour))),
		})
		if errors.Is(err, mail.ErrRejected) || errors.Is(err, mail.ErrInvalid) {
			return tasks.Drop(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Preview returns the handle of the account that a mailed link deletes, or users.ErrNotFound. It does not use the link up: mail
// scanners open links too.
func (s *Service) Preview(ctx context.Context, token string) (handle string, err error) {
	ids, ok := s.links.open(deletionLink, token, 2)
	if !ok {
		return "", users.ErrNotFound
	}
	found, err := s.store.findLink(ctx, ids[0], ids[1])
	return found.Handle, err
}

// Confirm uses a mailed link up and schedules the deletion, as its owner can in the app, or returns users.ErrNotFound.
func (s *Service) Confirm(ctx context.Context, token string) (scheduled Scheduled, err error) {
	ids, ok := s.links.open(deletionLink, token, 2)
	if !ok {
		return Scheduled{}, users.ErrNotFound
	}
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		good, err := s.store.useLink(ctx, ids[0], ids[1])
		if err != nil {
			return err
		}
		if !good {
			return users.ErrNotFound
		}
		scheduled, err = s.Schedule(ctx, ids[1])
		return err
	})
	return scheduled, err
}
