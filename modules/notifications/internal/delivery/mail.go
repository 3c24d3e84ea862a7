package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"strings"

	"github.com/google/uuid"

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

// SendMail mails a notification to its recipient's verified address, if it still holds. The mail's id is the notification's, so a
// repeated send is recognised.
func (s *Service) SendMail(ctx context.Context, _ uuid.UUID, task sendMail) error {
	n, actor, ok, err := s.deliverable(ctx, task.NotificationID)
	if err != nil || !ok {
		return err
	}
	contacts, err := s.people.Contacts(ctx, []uuid.UUID{n.RecipientID})
	if err != nil {
		return err
	}
	to, ok := contacts[n.RecipientID]
	if !ok || to.Email == "" || !to.EmailVerified {
		return nil
	}
	message, err := s.compose(ctx, n, actor, to)
	if err != nil {
		return err
	}
	err = s.mail.Send(ctx, message)
	if errors.Is(err, mail.ErrRejected) || errors.Is(err, mail.ErrInvalid) {
		return tasks.Drop(err)
	}
	return err
}

// subjects are the mails' subject lines.
var subjects = map[notification.Type]string{
	notification.PostLiked: "Your room is liked", notification.PostCommented: "A comment on your room", notification.CommentReplied: "A reply to your comment",
	notification.UserMentioned: "You were mentioned", notification.UserFollowed: "You have a new follower", notification.FollowRequested: "Somebody asks to follow you",
	notification.OrderPaid: "Your order %s: receipt", notification.OrderShipped: "Your order %s is on its way", notification.OrderDelivered: "Your order %s has arrived",
	notification.OrderCancelled: "Your order %s is cancelled", notification.OrderRefunded: "Your order %s: refund", notification.OrderExpired: "Your order %s was not paid",
	notification.PriceDropped: "Something on your wish list costs less", notification.BackInStock: "Something on your wish list is back",
	notification.NewDevice: "New sign-in to your account", notification.SessionRevoked: "A session was ended", notification.ModerationDecision: "A decision about your content",
}

// mailContent is what the layout of a mail shows.
type mailContent struct {
	Greeting string
	Sentence string
	Receipt  *orders.Receipt
}

var layout = template.Must(template.New("mail").Parse(`<!doctype html>
<html><body style="font-family: sans-serif; color: #222; max-width: 36em">
<p>{{.Greeting}}</p>
<p>{{.Sentence}}</p>
{{with .Receipt}}<table cellpadding="4">
{{range .Lines}}<tr><td>{{.Quantity}} × {{.Name}}</td><td align="right">{{.Total}}</td></tr>
{{end}}<tr><td>Shipping</td><td align="right">{{.Shipping}}</td></tr>
{{if .Discount.Amount}}<tr><td>Discount</td><td align="right">−{{.Discount}}</td></tr>
{{end}}<tr><td><b>Total</b></td><td align="right"><b>{{.Total}}</b></td></tr>
<tr><td>Tax contained</td><td align="right">{{.Tax}}</td></tr>
</table>{{end}}
<p>Atrium</p>
</body></html>
`))

// compose writes the mail. The receipt of an order is read now, so it shows the order as it is.
func (s *Service) compose(ctx context.Context, n notification.Notification, actor users.Ref, to users.Contact) (mail.Message, error) {
	content := mailContent{Greeting: "Hello " + to.DisplayName + ",", Sentence: n.Sentence(actor)}
	if n.Type == notification.OrderPaid {
		receipt, err := s.orders.Receipt(ctx, n.SubjectID)
		if err != nil && !errors.Is(err, orders.ErrNotFound) {
			return mail.Message{}, err
		}
		if err == nil {
			content.Receipt = &receipt
		}
	}
	var html bytes.Buffer
	if err := layout.Execute(&html, content); err != nil {
		return mail.Message{}, fmt.Errorf("render mail: %w", err)
	}
	subject := subjects[n.Type]
	if strings.Contains(subject, "%s") {
		subject = fmt.Sprintf(subject, n.Facts.OrderNumber)
	}
	return mail.Message{ID: n.ID.String(), To: to.Email, Subject: subject, Text: content.plain(), HTML: html.String()}, nil
}

func (c mailContent) plain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", c.Greeting, c.Sentence)
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
