package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users/internal/user"
	"atrium/platform/mail"
	"atrium/platform/tasks"
	"atrium/platform/text"
)

// formerAddressesKept is how long the former address waits for its mail, at most.
const formerAddressesKept = 7 * 24 * time.Hour

// mailFormerAddress is the task that tells a former address that it is one.
type mailFormerAddress struct {
	ChangeID uuid.UUID `json:"change_id"`
}

// TaskName is the task's name on the wire.
func (mailFormerAddress) TaskName() string { return "users.mail_former_address" }

// EmailChanged implements users.Accounts. A contact that another provider has verified stays.
func (s *Service) EmailChanged(ctx context.Context, id uuid.UUID, was, now string) error {
	cleaned, err := text.Line(now, user.MaxEmail)
	if err != nil || cleaned == "" {
		return nil //nolint:nilerr // no address that could be kept, as at the sign-up
	}
	return s.directory.Update(ctx, id, func(ctx context.Context, u *user.User) error {
		former := u.Email
		if u.ErasedAt != nil || u.EmailVerified && !strings.EqualFold(former, was) {
			return nil
		}
		told := u.EmailVerified && !strings.EqualFold(former, cleaned)
		u.Email, u.EmailVerified = cleaned, true
		if !told {
			return nil
		}
		change := uuid.Must(uuid.NewV7())
		if err := s.store.insertEmailChange(ctx, change, id, former); err != nil {
			return err
		}
		return s.outbox.Enqueue(ctx, mailFormerAddress{ChangeID: change})
	})
}

// MailFormerAddress tells a former address that the account is reached elsewhere now, and forgets it. Idempotent: a repeated mail
// has the same id.
func (s *Service) MailFormerAddress(ctx context.Context, change uuid.UUID) error {
	former, handle, err := s.store.emailChange(ctx, change)
	if err != nil || former == "" {
		return err
	}
	err = s.mails.Send(ctx, mail.Message{
		ID: change.String(), To: former, Subject: "Your Atrium account has another address now",
		Text: fmt.Sprintf("The Atrium account @%s was reached at this address. The provider by which you sign in has verified another one, "+
			"so from now on we write there.\n\nIf that was not you, somebody else may have your account at the provider: look after that first, "+
			"then end the sessions that you do not know in the app.\n", handle),
	})
	if errors.Is(err, mail.ErrRejected) || errors.Is(err, mail.ErrInvalid) {
		return tasks.Drop(errors.Join(err, s.store.deleteEmailChange(ctx, change)))
	}
	if err != nil {
		return err
	}
	return s.store.deleteEmailChange(ctx, change)
}
