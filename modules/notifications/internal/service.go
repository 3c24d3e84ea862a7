package internal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/notifications"
	"atrium/modules/orders"
	"atrium/modules/posts"
	"atrium/modules/products"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/etag"
	"atrium/platform/mail"
	"atrium/platform/outbox"
	"atrium/platform/page"
	"atrium/platform/push"
	"atrium/platform/tasks"
)

// Service tells people what happened.
type Service struct {
	db        *database.DB
	store     *Store
	outbox    *outbox.Outbox
	people    users.Directory
	graph     users.Graph
	posts     posts.Reader
	wishes    posts.Wishes
	orders    orders.Reader
	catalogue products.Catalogue
	push      push.Sender
	mail      mail.Sender
	cursors   *page.Signer
}

// NewService makes a Service.
func NewService(db *database.DB, store *Store, box *outbox.Outbox, people users.Directory, graph users.Graph, rooms posts.Reader,
	wishes posts.Wishes, receipts orders.Reader, catalogue products.Catalogue, pushes push.Sender, mails mail.Sender, cursors *page.Signer) *Service {
	return &Service{db: db, store: store, outbox: box, people: people, graph: graph, posts: rooms, wishes: wishes, orders: receipts, catalogue: catalogue,
		push: pushes, mail: mails, cursors: cursors}
}

// sendPush is the task that brings one notification to one device.
type sendPush struct {
	NotificationID uuid.UUID `json:"notification_id"`
	InstallationID string    `json:"installation_id"`
}

// TaskName is the task's name on the wire.
func (sendPush) TaskName() string { return "notifications.send_push" }

// sendMail is the task that mails one notification.
type sendMail struct {
	NotificationID uuid.UUID `json:"notification_id"`
}

// TaskName is the task's name on the wire.
func (sendMail) TaskName() string { return "notifications.send_mail" }

// Notify writes a notification in the transaction open in ctx and enqueues its pushes and its mail.
// Nobody is told what they did themselves, what somebody they blocked or muted did, or the same thing twice.
func (s *Service) Notify(ctx context.Context, n Notification) error {
	if welcome, err := s.welcome(ctx, n); err != nil || !welcome {
		return err
	}
	var err error
	if n.ID, err = uuid.NewV7(); err != nil {
		return fmt.Errorf("make notification id: %w", err)
	}
	if n.Type == PostLiked {
		seen, err := s.store.Any(ctx, n.RecipientID, n.Type, n.SubjectID)
		if err != nil {
			return err
		}
		n.Facts.First = !seen
	}
	if fresh, err := s.store.Add(ctx, &n); err != nil || !fresh {
		return err
	}
	return s.dispatch(ctx, n)
}

// welcome reports whether the recipient wants to hear from the actor at all.
func (s *Service) welcome(ctx context.Context, n Notification) (bool, error) {
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

func (s *Service) dispatch(ctx context.Context, n Notification) error {
	settings, err := s.store.Settings(ctx, n.RecipientID)
	if err != nil {
		return err
	}
	channels := settings.ChannelsFor(n.Type)
	if channels.Push {
		devices, err := s.store.Devices(ctx, n.RecipientID)
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
	if channels.Mail && n.mailWorthy() {
		return s.outbox.Enqueue(ctx, sendMail{NotificationID: n.ID})
	}
	return nil
}

// List returns a page of a person's notifications, newest first, with the people who acted.
func (s *Service) List(ctx context.Context, user uuid.UUID, q page.Query) (page.List[notificationResponse], error) {
	scope := page.Scope("notifications", user)
	var below uuid.UUID
	if _, err := s.cursors.Open(scope, q.Cursor, &below); err != nil {
		return page.List[notificationResponse]{}, err
	}
	rows, err := s.store.Page(ctx, user, below, q.Limit+1)
	if err != nil {
		return page.List[notificationResponse]{}, err
	}
	actors, err := s.people.Refs(ctx, actorsOf(rows))
	if err != nil {
		return page.List[notificationResponse]{}, err
	}
	return page.Cut(s.cursors, scope, q.Limit, rows,
		func(n Notification) notificationResponse { return toResponse(n, actors) },
		func(n Notification) any { return n.ID }), nil
}

func actorsOf(rows []Notification) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(rows))
	for _, n := range rows {
		if n.ActorID != uuid.Nil && !slices.Contains(ids, n.ActorID) {
			ids = append(ids, n.ActorID)
		}
	}
	return ids
}

// ChangeSettings changes the wishes for some types; the others stay.
func (s *Service) ChangeSettings(ctx context.Context, user uuid.UUID, match etag.Match, types map[string]Channels) (Settings, error) {
	var settings Settings
	err := s.db.InTx(ctx, func(ctx context.Context) (err error) {
		if settings, err = s.store.LockSettings(ctx, user); err != nil {
			return err
		}
		if err := match.Check(settings.Version); err != nil {
			return err
		}
		if settings.Types == nil {
			settings.Types = map[string]Channels{}
		}
		for kind, channels := range types {
			settings.Types[kind] = channels
		}
		settings.Version++
		return s.store.SaveSettings(ctx, settings)
	})
	return settings, err
}

// SendPush brings a notification to one device. What was withdrawn, read or blocked meanwhile is not sent.
func (s *Service) SendPush(ctx context.Context, _ uuid.UUID, task sendPush) error {
	n, actor, ok, err := s.stillWanted(ctx, task.NotificationID)
	if err != nil || !ok {
		return err
	}
	devices, err := s.store.Devices(ctx, n.RecipientID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(devices, func(d Device) bool { return d.InstallationID == task.InstallationID })
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
		return s.store.PurgeToken(ctx, devices[i].Token)
	case errors.Is(err, push.ErrInvalid):
		return tasks.Drop(err)
	}
	return err
}

// quietUntil returns until when a push must wait because it is night where the device is, or the zero time. What is about a
// person's money or account comes at any hour.
func (s *Service) quietUntil(ctx context.Context, n Notification, d Device) (time.Time, error) {
	if obligatory[n.Type] {
		return time.Time{}, nil
	}
	contacts, err := s.people.Contacts(ctx, []uuid.UUID{n.RecipientID})
	if err != nil {
		return time.Time{}, err
	}
	zone, err := time.LoadLocation(d.Timezone)
	if err != nil { // a zone that this build does not know
		zone = time.UTC
	}
	return contacts[n.RecipientID].QuietUntil(time.Now().In(zone)), nil
}

// SendMail mails a notification to its recipient's verified address. The notification's id is the mail's.
func (s *Service) SendMail(ctx context.Context, _ uuid.UUID, task sendMail) error {
	n, actor, ok, err := s.stillWanted(ctx, task.NotificationID)
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
	if err := s.mail.Send(ctx, message); errors.Is(err, mail.ErrRejected) || errors.Is(err, mail.ErrInvalid) {
		return tasks.Drop(err)
	} else if err != nil {
		return err
	}
	return nil
}

// stillWanted reads a notification again right before it goes out: it may have been withdrawn, its actor blocked, its news no longer true.
func (s *Service) stillWanted(ctx context.Context, id uuid.UUID) (n Notification, actor users.Ref, ok bool, err error) {
	n, err = s.store.ByID(ctx, id)
	if errors.Is(err, notifications.ErrNotFound) {
		return n, actor, false, nil
	}
	if err != nil {
		return n, actor, false, err
	}
	if ok, err = s.welcome(ctx, n); err != nil || !ok {
		return n, actor, false, err
	}
	if outdated, err := s.outdated(ctx, n); err != nil || outdated {
		return n, actor, false, err
	}
	actors, err := s.people.Refs(ctx, actorsOf([]Notification{n}))
	return n, actors[n.ActorID], err == nil, err
}
