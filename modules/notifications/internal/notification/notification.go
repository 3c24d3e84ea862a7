// Package notification keeps notifications: what happened to whom, read or unread, and the sentence that tells it.
package notification

import (
	"time"

	"github.com/google/uuid"

	"atrium/platform/money"
)

// Type says what happened, as the API names it.
type Type string

// The types of notifications.
const (
	PostLiked          Type = "post.liked"
	PostCommented      Type = "post.commented"
	CommentReplied     Type = "comment.replied"
	UserMentioned      Type = "user.mentioned"
	UserFollowed       Type = "user.followed"
	FollowRequested    Type = "user.follow_requested"
	OrderPaid          Type = "order.paid"
	OrderShipped       Type = "order.shipped"
	OrderDelivered     Type = "order.delivered"
	OrderCancelled     Type = "order.cancelled"
	OrderRefunded      Type = "order.refunded"
	OrderExpired       Type = "order.expired"
	PriceDropped       Type = "product.price_dropped"
	BackInStock        Type = "product.back_in_stock"
	NewDevice          Type = "security.new_device"
	SessionRevoked     Type = "security.session_revoked"
	ModerationDecision Type = "moderation.decision"
)

// SubjectType is the kind of thing that a notification is about.
type SubjectType string

// The kinds of subjects.
const (
	SubjectPost    SubjectType = "post"
	SubjectComment SubjectType = "comment"
	SubjectUser    SubjectType = "user"
	SubjectOrder   SubjectType = "order"
	SubjectProduct SubjectType = "product"
	SubjectSession SubjectType = "session"
)

// Notification tells one person about one event. It is unique by recipient, type, subject, actor and cause, so the same event is
// told once.
type Notification struct {
	ID          uuid.UUID `gorm:"primaryKey"`
	RecipientID uuid.UUID
	Type        Type
	SubjectType SubjectType
	SubjectID   uuid.UUID
	ActorID     uuid.UUID // the nil id where nobody acted
	CauseID     uuid.UUID // the event, where a subject can have several of a type (parcels, refunds); else the nil id
	Facts       Facts     `gorm:"serializer:json"`
	ReadAt      *time.Time
	CreatedAt   time.Time
}

// Facts are what the sentence needs beyond ids, as it was at the time of the event.
type Facts struct {
	OrderNumber    string       `json:"order_number,omitempty"`
	Carrier        string       `json:"carrier,omitempty"`
	TrackingNumber string       `json:"tracking_number,omitempty"`
	Amount         string       `json:"amount,omitempty"` // formatted
	PostID         *uuid.UUID   `json:"post_id,omitempty"`
	First          bool         `json:"first,omitempty"`   // the first of its kind on its subject
	Product        string       `json:"product,omitempty"` // its name
	Was            *money.Money `json:"was,omitempty"`     // what the product cost before
	Price          *money.Money `json:"price,omitempty"`   // and costs now
}

// MailWorthy keeps mail rare: of the likes of one post only the first is mailed.
func (n Notification) MailWorthy() bool { return n.Type != PostLiked || n.Facts.First }
