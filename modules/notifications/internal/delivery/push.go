package delivery

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/notifications/internal/channel"
	"atrium/modules/notifications/internal/notification"
	"atrium/modules/users"
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

// SendPush pushes a notification to one device, after its quiet hours. What no longer holds is not sent.
func (s *Service) SendPush(ctx context.Context, _ uuid.UUID, task sendPush) error {
	n, actor, ok, err := s.deliverable(ctx, task.NotificationID)
	if err != nil || !ok {
		return err
	}
	devices, err := s.channels.Devices(ctx, n.RecipientID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(devices, func(d channel.Device) bool { return d.InstallationID == task.InstallationID })
	if i < 0 {
		return nil
	}
	if until, err := s.quietUntil(ctx, n, devices[i]); err != nil || !until.IsZero() {
		if err != nil {
			return err
		}
		return s.db.InTx(ctx, func(ctx context.Context) error { return s.outbox.Enqueue(ctx, task, outbox.At(until)) })
	}
	err = s.push.Send(ctx, toPush(n, actor, devices[i].Token))
	switch {
	case errors.Is(err, push.ErrOff):
		return nil
	case errors.Is(err, push.ErrUnregistered):
		return s.channels.PurgeToken(ctx, devices[i].Token)
	case errors.Is(err, push.ErrInvalid):
		return tasks.Drop(err)
	}
	return err
}

// quietUntil returns when the recipient's quiet hours end where the device is, or the zero time outside them. Mandatory types are
// pushed at any hour.
func (s *Service) quietUntil(ctx context.Context, n notification.Notification, d channel.Device) (time.Time, error) {
	if channel.Mandatory(n.Type) {
		return time.Time{}, nil
	}
	contacts, err := s.people.Contacts(ctx, []uuid.UUID{n.RecipientID})
	if err != nil {
		return time.Time{}, err
	}
	return contacts[n.RecipientID].QuietUntil(time.Now().In(channel.LoadZone(d.Timezone))), nil
}

// toPush returns the message to a device: the sentence, and ids by which the app opens the right screen.
func toPush(n notification.Notification, actor users.Ref, token string) push.Message {
	return push.Message{
		Token: token, Title: "Atrium", Body: n.Sentence(actor), CollapseKey: n.ID.String(),
		Data: map[string]string{
			"notification_id": n.ID.String(), "type": string(n.Type), "subject_type": string(n.SubjectType), "subject_id": n.SubjectID.String(),
		},
	}
}
