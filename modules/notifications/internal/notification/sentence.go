package notification

import (
	"strings"

	"atrium/modules/users"
)

// Sentence says what happened; actor is who did it, if anybody.
func (n Notification) Sentence(actor users.Ref) string {
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
	case FollowAccepted:
		return who + " accepted your request to follow them."
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
	case ModerationDecision:
	}
	return "There is news for you."
}
