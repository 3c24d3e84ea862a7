// Package internal keeps the promises of package notifications.
package internal

import (
	"time"

	"github.com/google/uuid"

	"atrium/platform/money"
)

// The types of notifications, as the API names them.
const (
	PostLiked          = "post.liked"
	PostCommented      = "post.commented"
	CommentReplied     = "comment.replied"
	UserMentioned      = "user.mentioned"
	UserFollowed       = "user.followed"
	FollowRequested    = "user.follow_requested"
	OrderPaid          = "order.paid"
	OrderShipped       = "order.shipped"
	OrderDelivered     = "order.delivered"
	OrderCancelled     = "order.cancelled"
	OrderRefunded      = "order.refunded"
	OrderExpired       = "order.expired"
	PriceDropped       = "product.price_dropped"
	BackInStock        = "product.back_in_stock"
	NewDevice          = "security.new_device"
	SessionRevoked     = "security.session_revoked"
	ModerationDecision = "moderation.decision"
)

// The kinds of things a notification can be about.
const (
	SubjectPost    = "post"
	SubjectComment = "comment"
	SubjectUser    = "user"
	SubjectOrder   = "order"
	SubjectProduct = "product"
	SubjectSession = "session"
)

// Notification is one thing that one person should know. The same thing is told once: a second like of the same
// person on the same post finds the row there.
type Notification struct {
	ID          uuid.UUID `gorm:"primaryKey"`
	RecipientID uuid.UUID
	Type        string
	SubjectType string
	SubjectID   uuid.UUID
	ActorID     uuid.UUID // the nil id where nobody acted
	CauseID     uuid.UUID // the event, where one subject can have several (parcels, refunds); else the nil id
	Facts       Facts     `gorm:"serializer:json"`
	ReadAt      *time.Time
	CreatedAt   time.Time
}

// Facts are what the text needs and the subject's id does not tell, true at the time.
type Facts struct {
	OrderNumber    string       `json:"order_number,omitempty"`
	Carrier        string       `json:"carrier,omitempty"`
	TrackingNumber string       `json:"tracking_number,omitempty"`
	Amount         string       `json:"amount,omitempty"` // written for people
	PostID         *uuid.UUID   `json:"post_id,omitempty"`
	First          bool         `json:"first,omitempty"`   // the first of its kind on its subject
	Product        string       `json:"product,omitempty"` // its name
	Was            *money.Money `json:"was,omitempty"`     // what the product cost before
	Price          *money.Money `json:"price,omitempty"`   // and costs now
}

// Device is an installation of the app that receives pushes. Its token belongs to one person at a time.
type Device struct {
	UserID         uuid.UUID `gorm:"primaryKey"`
	InstallationID string    `gorm:"primaryKey"`
	Platform       string
	Token          string
	Locale         string
	Timezone       string
	UpdatedAt      time.Time
}

// Channels are the ways a type reaches a person besides the list in the app.
type Channels struct {
	Push bool `json:"push"`
	Mail bool `json:"mail"`
}

// Settings are a person's wishes: only what differs from the defaults is kept.
type Settings struct {
	UserID  uuid.UUID           `gorm:"primaryKey"`
	Types   map[string]Channels `gorm:"serializer:json"`
	Version int64
}

// TableName names the table, which is called after the module.
func (Settings) TableName() string { return "notification_settings" }

// defaults say how each type reaches somebody who never said anything.
var defaults = map[string]Channels{
	PostLiked:          {Push: true, Mail: true},
	PostCommented:      {Push: true, Mail: true},
	CommentReplied:     {Push: true, Mail: true},
	UserMentioned:      {Push: true, Mail: true},
	UserFollowed:       {Push: true, Mail: true},
	FollowRequested:    {Push: true, Mail: true},
	OrderPaid:          {Push: true, Mail: true},
	OrderShipped:       {Push: true, Mail: true},
	OrderDelivered:     {Push: true, Mail: true},
	OrderCancelled:     {Push: true, Mail: true},
	OrderRefunded:      {Push: true, Mail: true},
	OrderExpired:       {Push: true, Mail: true},
	PriceDropped:       {Push: true},
	BackInStock:        {Push: true},
	NewDevice:          {Push: true, Mail: true},
	SessionRevoked:     {Push: true, Mail: true},
	ModerationDecision: {Push: true, Mail: true},
}

// obligatory types reach people whatever they set: their money and their account are at stake.
var obligatory = map[string]bool{
	OrderPaid: true, OrderCancelled: true, OrderRefunded: true, NewDevice: true, SessionRevoked: true, ModerationDecision: true,
}

// ChannelsFor returns how a notification of this type reaches the person.
func (s Settings) ChannelsFor(kind string) Channels {
	chosen, ok := s.Types[kind]
	if !ok || obligatory[kind] {
		return defaults[kind]
	}
	return chosen
}

// mailWorthy keeps mail rare: of the likes of one post only the first is worth one.
func (n Notification) mailWorthy() bool { return n.Type != PostLiked || n.Facts.First }
