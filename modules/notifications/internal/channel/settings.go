// Package channel keeps how notifications reach a person besides the list in the app: settings by type, and devices for pushes.
package channel

import (
	"maps"

	"github.com/google/uuid"

	"atrium/modules/notifications/internal/notification"
)

// Channels says by what a type of notification reaches a person.
type Channels struct {
	Push bool `json:"push"`
	Mail bool `json:"mail"`
}

// Settings are a person's channels by type. Only types that the person has set are kept.
type Settings struct {
	UserID  uuid.UUID                      `gorm:"primaryKey"`
	Types   map[notification.Type]Channels `gorm:"serializer:json"`
	Version int64
}

// TableName names the table, which is called after the module.
func (Settings) TableName() string { return "notification_settings" }

// defaults are the channels of the types that a person has not set.
var defaults = map[notification.Type]Channels{
	notification.PostLiked:          {Push: true, Mail: true},
	notification.PostCommented:      {Push: true, Mail: true},
	notification.CommentReplied:     {Push: true, Mail: true},
	notification.UserMentioned:      {Push: true, Mail: true},
	notification.UserFollowed:       {Push: true, Mail: true},
	notification.FollowRequested:    {Push: true, Mail: true},
	notification.FollowAccepted:     {Push: true, Mail: true},
	notification.OrderPaid:          {Push: true, Mail: true},
	notification.OrderShipped:       {Push: true, Mail: true},
	notification.OrderDelivered:     {Push: true, Mail: true},
	notification.OrderCancelled:     {Push: true, Mail: true},
	notification.OrderRefunded:      {Push: true, Mail: true},
	notification.OrderExpired:       {Push: true, Mail: true},
	notification.PriceDropped:       {Push: true},
	notification.BackInStock:        {Push: true},
	notification.NewDevice:          {Push: true, Mail: true},
	notification.SessionRevoked:     {Push: true, Mail: true},
	notification.ModerationDecision: {Push: true, Mail: true},
}

// mandatory types cannot be silenced: they are about a person's money or account.
var mandatory = map[notification.Type]bool{
	notification.OrderPaid: true, notification.OrderCancelled: true, notification.OrderRefunded: true, notification.NewDevice: true,
	notification.SessionRevoked: true, notification.ModerationDecision: true,
}

// ChannelsFor returns by what a type reaches the person.
func (s Settings) ChannelsFor(kind notification.Type) Channels {
	chosen, ok := s.Types[kind]
	if !ok || mandatory[kind] {
		return defaults[kind]
	}
	return chosen
}

// atAnyHour are the types besides the mandatory ones that do not wait for the end of quiet hours: the rest of what is about an order.
var atAnyHour = map[notification.Type]bool{notification.OrderShipped: true, notification.OrderDelivered: true, notification.OrderExpired: true}

// AtAnyHour reports whether a type is pushed in quiet hours too: it is about a person's order, money or account.
func AtAnyHour(kind notification.Type) bool { return mandatory[kind] || atAnyHour[kind] }

// All returns the channels of every type.
func (s Settings) All() map[notification.Type]Channels {
	all := maps.Clone(defaults)
	for kind := range all {
		all[kind] = s.ChannelsFor(kind)
	}
	return all
}
