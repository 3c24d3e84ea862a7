package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"strings"

	"github.com/google/uuid"

	"atrium/modules/notifications"
	"atrium/modules/notifications/internal/notification"
	"atrium/modules/orders"
	"atrium/modules/users"
	"atrium/platform/mail"
	"atrium/platform/tasks"
)

// sendMail is the task that mails one notification.
type sendMail struct {
	NotificationID uuid.UUID `json:"notification_id"`
}

// TaskName is the task's name on the wire.
func (sendMail) TaskName() string { return "notifications.send_mail" }

// SendMail mails a notification to its recipient's verified address, if it still holds, once, whatever the number of tasks. The mail's
// id is the notification's, so a repeated send is recognised. About one post there is one mail an hour: what comes meanwhile waits.
func (s *Service) SendMail(ctx context.Context, id uuid.UUID, task sendMail) error {
	var m *preparedMail
	err := s.db.InTx(ctx, func(ctx context.Context) (err error) {
		m, err = s.prepareMail(ctx, id, task.NotificationID)
		return err
	})
	if err != nil || m == nil {
		return err
	}
	return s.send(ctx, m.id, m.to, m.subject, m.content)
}

// preparedMail is a mail that its task has claimed.
type preparedMail struct {
	id      uuid.UUID
	to      users.Contact
	subject string
	content mailContent
}

// prepareMail claims the mail of a notification for a task, in the transaction open in ctx; nil: it is not to be sent now.
func (s *Service) prepareMail(ctx context.Context, task, about uuid.UUID) (*preparedMail, error) {
	// The notification before the mails about its post, as everywhere.
	if _, err := s.store.Lock(ctx, about); err != nil {
		if errors.Is(err, notifications.ErrNotFound) {
			return nil, nil // whom it was for is gone
		}
		return nil, err
	}
	d, ok, err := s.deliverable(ctx, about)
	if err != nil || !ok || !d.channels.Mail {
		return nil, err
	}
	to, ok, err := s.address(ctx, d.RecipientID)
	if err != nil || !ok {
		return nil, err
	}
	if mine, err := s.claimMail(ctx, d.Notification, task); err != nil || !mine {
		return nil, err
	}
	content, err := s.compose(ctx, d, to)
	return &preparedMail{id: d.ID, to: to, subject: d.subject(), content: content}, err
}

// address returns how to reach a person by mail, and reports whether there is a verified address.
func (s *Service) address(ctx context.Context, id uuid.UUID) (users.Contact, bool, error) {
	contacts, err := s.people.Contacts(ctx, []uuid.UUID{id})
	to := contacts[id]
	return to, to.Reachable(), err
}

// claimMail reports whether the task may mail a notification now. Where another mail about its post went out in the last hour, the
// notification waits for the next.
func (s *Service) claimMail(ctx context.Context, n notification.Notification, task uuid.UUID) (bool, error) {
	if n.Post() != uuid.Nil {
		if now, err := s.store.ClaimMail(ctx, n.RecipientID, n.Post(), task); err != nil {
			return false, err
		} else if !now {
			return false, s.letWait(ctx, n)
		}
	}
	return s.store.ClaimDelivery(ctx, n, notification.MailChannel, task)
}

// send sends a mail under an id. What can never be sent is not tried again.
func (s *Service) send(ctx context.Context, id uuid.UUID, to users.Contact, subject string, content mailContent) error {
	var html bytes.Buffer
	if err := layout.Execute(&html, content); err != nil {
		return fmt.Errorf("render mail: %w", err)
	}
	err := s.mail.Send(ctx, mail.Message{ID: id.String(), To: to.Email, Subject: subject, Text: content.plain(), HTML: html.String()})
	if errors.Is(err, mail.ErrRejected) || errors.Is(err, mail.ErrInvalid) {
		return tasks.Drop(err)
	}
	return err
}

// subjects are the mails' subject lines.
var subjects = map[notification.Type]string{
	notification.PostLiked: "Your room is liked", notification.PostCommented: "A comment on your room", notification.CommentReplied: "A reply to your comment",
	notification.UserMentioned: "You were mentioned", notification.UserFollowed: "You have a new follower", notification.FollowRequested: "Somebody asks to follow you",
	notification.FollowAccepted: "Your request was accepted",
	notification.OrderPaid:      "Your order %s: receipt", notification.OrderShipped: "Your order %s is on its way",
	notification.OrderDelivered: "Your order %s has arrived",
	notification.OrderCancelled: "Your order %s is cancelled", notification.OrderRefunded: "Your order %s: refund",
	notification.OrderExpired: "Your order %s was not paid",
	notification.PriceDropped: "Something on your wish list costs less", notification.BackInStock: "Something on your wish list is back",
	notification.NewDevice: "New sign-in to your account", notification.SessionRevoked: "A session was ended",
	notification.ModerationDecision: "A decision about your content",
}

// subject is the line above the mail of one notification.
func (d deliverable) subject() string {
	subject := subjects[d.Type]
	if strings.Contains(subject, "%s") {
		subject = fmt.Sprintf(subject, d.Facts.OrderNumber)
	}
	return subject
}

// mailContent is what the layout of a mail shows.
type mailContent struct {
	Greeting  string
	Sentences []string
	Receipt   *orders.Receipt
}

func greeting(to users.Contact) string { return "Hello " + to.DisplayName + "," }

var layout = template.Must(template.New("mail").Parse(`<!doctype html>
<html><body style="font-family: sans-serif; color: #222; max-width: 36em">
<p>{{.Greeting}}</p>
{{range .Sentences}}<p>{{.}}</p>
{{end}}{{with .Receipt}}<table cellpadding="4">
{{range .Lines}}<tr><td>{{.Quantity}} × {{.Name}}</td><td align="right">{{.Total}}</td></tr>
{{end}}<tr><td>Shipping</td><td align="right">{{.Shipping}}</td></tr>
{{if .Discount.Amount}}<tr><td>Discount</td><td align="right">−{{.Discount}}</td></tr>
{{end}}<tr><td><b>Total</b></td><td align="right"><b>{{.Total}}</b></td></tr>
<tr><td>Tax contained</td><td align="right">{{.Tax}}</td></tr>
</table>{{end}}
<p>Atrium</p>
</body></html>
`))

// compose writes what a mail says. The receipt of an order is read now, so it shows the order as it is.
func (s *Service) compose(ctx context.Context, d deliverable, to users.Contact) (mailContent, error) {
	content := mailContent{Greeting: greeting(to), Sentences: []string{d.Sentence(d.actor)}}
	if d.Type != notification.OrderPaid {
		return content, nil
	}
	receipt, err := s.orders.Receipt(ctx, d.SubjectID)
	if errors.Is(err, orders.ErrNotFound) {
		return content, nil
	}
	content.Receipt = &receipt
	return content, err
}

func (c mailContent) plain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", c.Greeting, strings.Join(c.Sentences, "\n"))
	if c.Receipt != nil {
		b.WriteString("\n")
		for _, line := range c.Receipt.Lines {
			fmt.Fprintf(&b, "%d x %s: %s\n", line.Quantity, line.Name, line.Total)
		}
		fmt.Fprintf(&b, "Shipping: %s\n", c.Receipt.Shipping)
		if c.Receipt.Discount.Amount != 0 {
			fmt.Fprintf(&b, "Discount: -%s\n", c.Receipt.Discount)
		}
		fmt.Fprintf(&b, "Total: %s\nTax contained: %s\n", c.Receipt.Total, c.Receipt.Tax)
	}
	b.WriteString("\nAtrium\n")
	return b.String()
}
