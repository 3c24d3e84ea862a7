// Package delivery tells people: it writes a notification and delivers it by push and mail, as far as it still holds by then.
package delivery

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"atrium/modules/notifications/internal/channel"
	"atrium/modules/notifications/internal/notification"
	"atrium/modules/orders"
	"atrium/modules/products"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/mail"
	"atrium/platform/outbox"
	"atrium/platform/plug"
	"atrium/platform/push"
)

// Service writes notifications and delivers them.
type Service struct {
	db        *database.DB
	store     *notification.Store
	channels  *channel.Store
	outbox    *outbox.Outbox
	people    users.Directory
	graph     users.Graph
	orders    orders.Reader
	catalogue products.Catalogue
	push      push.Sender
	mail      mail.Sender
}

// Deps are what the service needs.
type Deps struct {
	plug.In

	DB        *database.DB
	Store     *notification.Store
	Channels  *channel.Store
	Outbox    *outbox.Outbox
	People    users.Directory
	Graph     users.Graph
	Orders    orders.Reader
	Catalogue products.Catalogue
	Push      push.Sender
	Mail      mail.Sender
}

// NewService sends by the push and mail senders given.
func NewService(d Deps) *Service {
	return &Service{
		db: d.DB, store: d.Store, channels: d.Channels, outbox: d.Outbox, people: d.People, graph: d.Graph, orders: d.Orders,
		catalogue: d.Catalogue, push: d.Push, mail: d.Mail,
	}
}

// Notify writes a notification in the transaction open in ctx and enqueues its pushes and its mail. It does nothing where the
// recipient acted themselves, has blocked or muted the actor, or was notified of the same before.
func (s *Service) Notify(ctx context.Context, n notification.Notification) error {
	if accepted, err := s.accepts(ctx, n); err != nil || !accepted {
		return err
	}
	var err error
	if n.ID, err = uuid.NewV7(); err != nil {
		return fmt.Errorf("generate a notification's id: %w", err)
	}
	if n.Type == notification.PostLiked {
		seen, err := s.store.Exists(ctx, n.RecipientID, n.Type, n.SubjectID)
		if err != nil {
			return err
		}
		n.Facts.First = !seen
	}
	if fresh, err := s.store.Add(ctx, &n); err != nil || !fresh {
		return err
	}
	return s.enqueue(ctx, n)
}

// NotifyLatest is Notify for a type whose newest event replaces older ones that were not read. It does nothing where a newer event
// was told already.
func (s *Service) NotifyLatest(ctx context.Context, n notification.Notification) error {
	latest, err := s.store.Supersede(ctx, n)
	if err != nil || !latest {
		return err
	}
	return s.Notify(ctx, n)
}

// accepts reports whether the recipient accepts notifications of what the actor does.
func (s *Service) accepts(ctx context.Context, n notification.Notification) (bool, error) {
	if n.ActorID == uuid.Nil {
		return true, nil
	}
	if n.ActorID == n.RecipientID {
		return false, nil
	}
	relations, err := s.graph.Relations(ctx, n.RecipientID, []uuid.UUID{n.ActorID})
	if err != nil {
		return false, err
	}
	r := relations[n.ActorID]
	return !r.Blocked && !r.Muted && !r.Gone, nil
}

func (s *Service) enqueue(ctx context.Context, n notification.Notification) error {
	settings, err := s.channels.Settings(ctx, n.RecipientID)
	if err != nil {
		return err
	}
	channels := settings.ChannelsFor(n.Type)
	if channels.Push {
		devices, err := s.channels.Devices(ctx, n.RecipientID)
		if err != nil {
			return err
		}
		pushes := make([]outbox.Task, len(devices))
		for i, d := range devices {
			pushes[i] = sendPush{NotificationID: n.ID, InstallationID: d.InstallationID}
		}
		if err := s.outbox.EnqueueAll(ctx, pushes); err != nil {
			return err
		}
	}
	if channels.Mail && n.MailWorthy() {
		return s.outbox.Enqueue(ctx, sendMail{NotificationID: n.ID})
	}
	return nil
}
