package delivery

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/notifications/internal/channel"
	"atrium/modules/notifications/internal/notification"
	"atrium/platform/outbox"
	"atrium/platform/push"
	"atrium/platform/tasks"
)

// sendPush is the task that pushes one notification to one device.
type sendPush struct {
	NotificationID uuid.UUID `json:"notification_id"`
	InstallationID string    `json:"installation_id"`
}

// TaskName is the task's name on the wire.
func (sendPush) TaskName() string { return "notifications.send_push" }

// SendPush pushes a notification to one device, after its quiet hours, once, whatever the number of tasks. What no longer holds is not
// sent.
func (s *Service) SendPush(ctx context.Context, id uuid.UUID, task sendPush) error {
	d, ok, err := s.deliverable(ctx, task.NotificationID)
	if err != nil || !ok || !d.channels.Push {
		return err
	}
	devices, err := s.channels.Devices(ctx, d.RecipientID)
	if err != nil {
		return err
	}
	theirs := devices[d.RecipientID]
	i := slices.IndexFunc(theirs, func(d channel.Device) bool { return d.InstallationID == task.InstallationID })
	if i < 0 {
		return nil
	}
	if until, err := s.quietUntil(ctx, d.Notification, theirs[i]); err != nil || !until.IsZero() {
		if err != nil {
			return err
		}
		return s.db.InTx(ctx, func(ctx context.Context) error { return s.outbox.Enqueue(ctx, task, outbox.At(until)) })
	}
	mine, err := s.store.ClaimDelivery(ctx, d.Notification, notification.PushChannel(task.InstallationID), id)
	if err != nil || !mine {
		return err
	}
	err = s.push.Send(ctx, d.toPush(theirs[i].Token))
	switch {
	case errors.Is(err, push.ErrOff):
		return nil
	case errors.Is(err, push.ErrUnregistered):
		return s.channels.PurgeToken(ctx, theirs[i].Token)
	case errors.Is(err, push.ErrInvalid):
		return tasks.Drop(err)
	}
	return err
}

// quietUntil returns when the recipient's quiet hours end where the device is, or the zero time outside them and for what is pushed at
// any hour.
func (s *Service) quietUntil(ctx context.Context, n notification.Notification, d channel.Device) (time.Time, error) {
	if channel.AtAnyHour(n.Type) {
		return time.Time{}, nil
	}
	contacts, err := s.people.Contacts(ctx, []uuid.UUID{n.RecipientID})
	if err != nil {
		return time.Time{}, err
	}
	return contacts[n.RecipientID].QuietUntil(time.Now().In(channel.LoadZone(d.Timezone))), nil
}

const day = 24 * time.Hour

// pushTTLs say how long the push of a type is worth delivering to a device that is away; else defaultTTL.
var pushTTLs = map[notification.Type]time.Duration{
	notification.PostLiked: day, notification.UserFollowed: day,
	notification.PriceDropped: day, notification.BackInStock: 6 * time.Hour,
	notification.NewDevice: 7 * day, notification.SessionRevoked: 7 * day, notification.ModerationDecision: 7 * day,
}

const defaultTTL = 3 * day

func pushTTL(kind notification.Type) time.Duration {
	if ttl, ok := pushTTLs[kind]; ok {
		return ttl
	}
	return defaultTTL
}

// collapseKey names the pushes of which only the newest is shown: those of one type about one thing, comments by their post. It is
// shorter than the 64 bytes that APNs takes.
func collapseKey(n notification.Notification) string {
	about := n.SubjectID
	if post := n.Post(); post != uuid.Nil {
		about = post
	}
	return string(n.Type) + ":" + about.String()
}

// toPush returns the message to a device: the sentence, and ids by which the app opens the right screen.
func (d deliverable) toPush(token string) push.Message {
	return push.Message{
		Token: token, Title: "Atrium", Body: d.Sentence(d.actor), CollapseKey: collapseKey(d.Notification), TTL: pushTTL(d.Type),
		Data: map[string]string{
			"notification_id": d.ID.String(), "type": string(d.Type), "subject_type": string(d.SubjectType), "subject_id": d.SubjectID.String(),
		},
	}
}
