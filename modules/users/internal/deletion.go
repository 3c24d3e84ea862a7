package internal

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/mail"
	"atrium/platform/tasks"
)

const (
	linkLife       = 24 * time.Hour
	requestsAnHour = 3  // for one address: nobody's mailbox is filled by others
	accountsAMail  = 10 // whose links one request brings
	progressLink   = "progress"
	deletionLink   = "deletion"
)

// links makes and reads the tokens of links that need no sign-in: ids, signed. What they open is looked up in the database.
type links struct{ key []byte }

func (l links) seal(purpose string, ids ...uuid.UUID) string {
	var content []byte
	for _, id := range ids {
		content = append(content, id[:]...)
	}
	return base64.RawURLEncoding.EncodeToString(append(content, l.sum(purpose, content)...))
}

// open returns the n ids of a token of ours for the purpose.
func (l links) open(purpose, token string, n int) (ids []uuid.UUID, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != n*16+sha256.Size || !hmac.Equal(raw[n*16:], l.sum(purpose, raw[:n*16])) {
		return nil, false
	}
	for i := range n {
		ids = append(ids, uuid.UUID(raw[i*16:(i+1)*16]))
	}
	return ids, true
}

func (l links) sum(purpose string, content []byte) []byte {
	mac := hmac.New(sha256.New, l.key)
	mac.Write([]byte(purpose + "\x00"))
	mac.Write(content)
	return mac.Sum(nil)
}

// mailDeletion is the task that mails the links of one request.
type mailDeletion struct {
	RequestID uuid.UUID `json:"request_id"`
}

// TaskName is the task's name on the wire.
func (mailDeletion) TaskName() string { return "users.mail_deletion" }

// AskDeletion takes down that somebody asks for the accounts with an address to be erased. Whether there are any is found out
// later and told to that address alone, so the answer and its time say nothing; nor does it say when there were too many.
func (p *People) AskDeletion(ctx context.Context, email string) error {
	cleaned, err := cleanLine(email, maxEmail)
	if err != nil || cleaned == "" {
		return nil //nolint:nilerr // such an address has no account, and that is nobody's business
	}
	return p.db.InTx(ctx, func(ctx context.Context) error {
		request := uuid.Must(uuid.NewV7())
		kept, err := p.store.addDeletionRequest(ctx, request, cleaned, requestsAnHour)
		if err != nil || !kept {
			return err
		}
		return p.outbox.Enqueue(ctx, mailDeletion{RequestID: request})
	})
}

// MailDeletion mails a link to the owner of each account that a request is about. A mail that is sent again is the same mail.
func (p *People) MailDeletion(ctx context.Context, request uuid.UUID) error {
	accounts, err := p.store.linkDeletions(ctx, request, accountsAMail)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		link := p.publicURL + "/account/delete/" + p.links.seal(deletionLink, request, a.ID)
		err := p.mails.Send(ctx, mail.Message{
			ID: request.String() + "." + a.ID.String(), To: a.Email, Subject: "Delete your Atrium account",
			Text: fmt.Sprintf("Somebody, most likely you, asked to delete the Atrium account @%s.\n\nTo delete it, open this link within 24 hours and confirm:\n%s\n\n"+
				"After that you have %d days to come back by signing in. If it was not you, do nothing: the account stays as it is.\n", a.Handle, link, int(p.cfg.EraseAfter/(24*time.Hour))),
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

// DeletionLink tells whose account a mailed link erases, without using it up: programs that look into mails open links too.
func (p *People) DeletionLink(ctx context.Context, token string) (handle string, err error) {
	ids, ok := p.links.open(deletionLink, token, 2)
	if !ok {
		return "", users.ErrNotFound
	}
	found, err := p.store.liveLink(ctx, ids[0], ids[1])
	return found.Handle, err
}

// ConfirmDeletion uses a mailed link up: the account leaves, exactly as its owner would have it leave from the app.
func (p *People) ConfirmDeletion(ctx context.Context, token string) (leaving Leaving, err error) {
	ids, ok := p.links.open(deletionLink, token, 2)
	if !ok {
		return Leaving{}, users.ErrNotFound
	}
	err = p.db.InTx(ctx, func(ctx context.Context) error {
		good, err := p.store.useLink(ctx, ids[0], ids[1])
		if err != nil {
			return err
		}
		if !good {
			return users.ErrNotFound
		}
		leaving, err = p.Leave(ctx, ids[1])
		return err
	})
	return leaving, err
}
