package internal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"strings"

	"atrium/modules/orders"
	"atrium/modules/users"
	"atrium/platform/mail"
	"atrium/platform/push"
)

// text says in one sentence what happened.
func text(n Notification, actor users.Ref) string {
	who := actor.DisplayName
	if who == "" {
		who = "Somebody"
	}
	switch n.Type {
	case PostLiked:
		return who + " likes your room."
	case PostCommented:
		return who + " commented on your room."
	case CommentReplied:
		return who + " replied to your comment."
	case UserMentioned:
		return who + " mentioned you."
	case UserFollowed:
		return who + " follows you now."
	case FollowRequested:
		return who + " asks to follow you."
	case OrderPaid:
		return "Your order " + n.Facts.OrderNumber + " is paid. Thank you!"
	case OrderShipped:
		return strings.TrimSpace("Your order " + n.Facts.OrderNumber + " is on its way. " + n.Facts.Carrier + " " + n.Facts.TrackingNumber)
	case OrderDelivered:
		return "Your order " + n.Facts.OrderNumber + " has arrived."
	case OrderCancelled:
		return "Your order " + n.Facts.OrderNumber + " is cancelled."
	case OrderRefunded:
		return "We refunded " + n.Facts.Amount + " of your order " + n.Facts.OrderNumber + "."
	case OrderExpired:
		return "Your order " + n.Facts.OrderNumber + " was not paid in time; its things are back in your cart."
	case PriceDropped:
		return n.Facts.Product + " costs " + n.Facts.Price.String() + " instead of " + n.Facts.Was.String() + " now."
	case BackInStock:
		return n.Facts.Product + " is back in stock."
	case NewDevice:
		return "Your account was used on a new device."
	case SessionRevoked:
		return "One of your sessions was ended for your safety."
	}
	return "There is news for you."
}

// subjects are the mails' subject lines.
var subjects = map[string]string{
	PostLiked: "Your room is liked", PostCommented: "A comment on your room", CommentReplied: "A reply to your comment",
	UserMentioned: "You were mentioned", UserFollowed: "You have a new follower", FollowRequested: "Somebody asks to follow you",
	OrderPaid: "Your order %s: receipt", OrderShipped: "Your order %s is on its way", OrderDelivered: "Your order %s has arrived",
	OrderCancelled: "Your order %s is cancelled", OrderRefunded: "Your order %s: refund", OrderExpired: "Your order %s was not paid",
	PriceDropped: "Something on your wish list costs less", BackInStock: "Something on your wish list is back",
	NewDevice: "New sign-in to your account", SessionRevoked: "A session was ended", ModerationDecision: "A decision about your content",
}

// toPush is what the device receives: the sentence, and ids to open the right screen.
func toPush(n Notification, actor users.Ref, token string) push.Message {
	return push.Message{
		Token: token, Title: "Atrium", Body: text(n, actor), CollapseKey: n.ID.String(),
		Data: map[string]string{
			"notification_id": n.ID.String(), "type": n.Type, "subject_type": n.SubjectType, "subject_id": n.SubjectID.String(),
		},
	}
}

// letter is what the mail's layout shows.
type letter struct {
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

// compose writes the mail; the receipt of an order is read now, so that it is as it stands.
func (s *Service) compose(ctx context.Context, n Notification, actor users.Ref, to users.Contact) (mail.Message, error) {
	l := letter{Greeting: "Hello " + to.DisplayName + ",", Sentence: text(n, actor)}
	if n.Type == OrderPaid {
		receipt, err := s.orders.Receipt(ctx, n.SubjectID)
		if err != nil && !errors.Is(err, orders.ErrNotFound) {
			return mail.Message{}, err
		}
		if err == nil {
			l.Receipt = &receipt
		}
	}
	var html bytes.Buffer
	if err := layout.Execute(&html, l); err != nil {
		return mail.Message{}, fmt.Errorf("write mail: %w", err)
	}
	subject := subjects[n.Type]
	if strings.Contains(subject, "%s") {
		subject = fmt.Sprintf(subject, n.Facts.OrderNumber)
	}
	return mail.Message{ID: n.ID.String(), To: to.Email, Subject: subject, Text: l.plain(), HTML: html.String()}, nil
}

func (l letter) plain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", l.Greeting, l.Sentence)
	if l.Receipt != nil {
		b.WriteString("\n")
		for _, line := range l.Receipt.Lines {
			fmt.Fprintf(&b, "%d x %s: %s\n", line.Quantity, line.Name, line.Total)
		}
		fmt.Fprintf(&b, "Shipping: %s\n", l.Receipt.Shipping)
		if l.Receipt.Discount.Amount != 0 {
			fmt.Fprintf(&b, "Discount: -%s\n", l.Receipt.Discount)
		}
		fmt.Fprintf(&b, "Total: %s\nTax contained: %s\n", l.Receipt.Total, l.Receipt.Tax)
	}
	b.WriteString("\nAtrium\n")
	return b.String()
}
