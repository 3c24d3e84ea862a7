// Package notification keeps notifications: what happened to whom, read or unread, and the sentence that tells it.
package notification

import (
	"bytes"
	"cmp"
	"slices"
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
	FollowAccepted     Type = "user.follow_accepted"
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
// told once. It stays while both of its people are there; what has lost its cause is withdrawn.
type Notification struct {
	ID          uuid.UUID `gorm:"primaryKey"`
	RecipientID uuid.UUID
	Type        Type
	SubjectType SubjectType
	SubjectID   uuid.UUID
	ActorID     uuid.UUID // the nil id where nobody acted
	CauseID     uuid.UUID // the event, where a subject can have several of a type (parcels, refunds, episodes); else the nil id
	Facts       Facts     `gorm:"serializer:json"`
	ReadAt      *time.Time
	CreatedAt   time.Time
	WithdrawnAt *time.Time           // in neither list nor count
	ToldAt      *time.Time           // given to the channels; nil: to be told as soon as it is so
	Deliveries  map[string]uuid.UUID `gorm:"serializer:json"` // by channel the task that tells
	MailWaits   bool                 // for the mail at the end of the hour
	IsNew       bool                 `gorm:"-"` // written by this PutAll
}

// key is what a notification is unique by.
type key struct {
	recipient, subject, actor, cause uuid.UUID
	kind                             Type
	subjectType                      SubjectType
}

// compare orders keys, by recipient first.
func (k key) compare(other key) int {
	return cmp.Or(
		bytes.Compare(k.recipient[:], other.recipient[:]), cmp.Compare(k.kind, other.kind), cmp.Compare(k.subjectType, other.subjectType),
		bytes.Compare(k.subject[:], other.subject[:]), bytes.Compare(k.actor[:], other.actor[:]), bytes.Compare(k.cause[:], other.cause[:]))
}

func (n Notification) key() key {
	return key{n.RecipientID, n.SubjectID, n.ActorID, n.CauseID, n.Type, n.SubjectType}
}

// Facts are what the sentence needs beyond ids, as it was at the time of the event.
type Facts struct {
	OrderNumber    string       `json:"order_number,omitempty"`
	Carrier        string       `json:"carrier,omitempty"`
	TrackingNumber string       `json:"tracking_number,omitempty"`
	Amount         string       `json:"amount,omitempty"` // formatted
	PostID         *uuid.UUID   `json:"post_id,omitempty"`
	Product        string       `json:"product,omitempty"` // its name
	Was            *money.Money `json:"was,omitempty"`     // what the product cost before
	Price          *money.Money `json:"price,omitempty"`   // and costs now
}

// MailChannel is the mail among a notification's deliveries.
const MailChannel = "mail"

// PushChannel is an installation among a notification's deliveries.
func PushChannel(installation string) string { return "push:" + installation }

// IsEpisode reports whether a notification is about something that can begin anew between two people: each time is news, though not
// pushed and mailed each time.
func (n Notification) IsEpisode() bool { return n.Type == FollowRequested || n.Type == FollowAccepted }

// EpisodeID is the cause of what began at a moment.
func EpisodeID(since time.Time) uuid.UUID {
	return uuid.NewSHA1(uuid.Nil, []byte(since.UTC().Format(time.RFC3339Nano)))
}

// IsEpisodeOf reports whether a notification is about what began at a moment (nil: it is over), not about an episode before. A build
// before wrote no cause: then it is the one during which the notification was written.
func (n Notification) IsEpisodeOf(since *time.Time) bool {
	switch {
	case since == nil:
		return false
	case n.CauseID == uuid.Nil:
		return !since.After(n.CreatedAt)
	}
	return n.CauseID == EpisodeID(*since)
}

// Post returns the post that a notification is about, itself or by a comment below it; the nil id: none.
func (n Notification) Post() uuid.UUID {
	switch {
	case n.SubjectType == SubjectPost:
		return n.SubjectID
	case n.Facts.PostID != nil:
		return *n.Facts.PostID
	}
	return uuid.Nil
}

// Scope names notifications by what they have in common; the nil id and an empty type leave a part open.
type Scope struct {
	Post    uuid.UUID    `json:"post,omitzero"` // about it or a comment below it
	Subject uuid.UUID    `json:"subject,omitzero"`
	Actor   uuid.UUID    `json:"actor,omitzero"`
	Pair    [2]uuid.UUID `json:"pair,omitzero"` // what these two caused each other
	Type    Type         `json:"type,omitempty"`
	Kind    SubjectType  `json:"kind,omitempty"` // of the subject
}

// Actors returns the ids of the people who acted, each once.
func Actors(all ...Notification) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(all))
	for _, n := range all {
		if n.ActorID != uuid.Nil && !slices.Contains(ids, n.ActorID) {
			ids = append(ids, n.ActorID)
		}
	}
	return ids
}

// Recipients returns the ids of those who are told, each once.
func Recipients(all []Notification) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(all))
	for _, n := range all {
		if !slices.Contains(ids, n.RecipientID) {
			ids = append(ids, n.RecipientID)
		}
	}
	return ids
}

// IDs returns the ids of notifications, in their order.
func IDs(all []Notification) []uuid.UUID {
	ids := make([]uuid.UUID, len(all))
	for i, n := range all {
		ids[i] = n.ID
	}
	return ids
}
