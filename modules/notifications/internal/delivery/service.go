// Package delivery tells people: it writes a notification and delivers it by push and mail, as far as it still holds by then.
package delivery

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/notifications/internal/channel"
	"atrium/modules/notifications/internal/notification"
	"atrium/modules/notifications/internal/relevance"
	"atrium/modules/orders"
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
	relevance *relevance.Service
	channels  *channel.Store
	outbox    *outbox.Outbox
	people    users.Directory
	orders    orders.Reader
	push      push.Sender
	mail      mail.Sender
}

// Deps are what the service needs.
type Deps struct {
	plug.In

	DB        *database.DB
	Store     *notification.Store
	Relevance *relevance.Service
	Channels  *channel.Store
	Outbox    *outbox.Outbox
	People    users.Directory
	Orders    orders.Reader
	Push      push.Sender
	Mail      mail.Sender
}

// NewService sends by the push and mail senders given.
func NewService(d Deps) *Service {
	return &Service{
		db: d.DB, store: d.Store, relevance: d.Relevance, channels: d.Channels, outbox: d.Outbox, people: d.People, orders: d.Orders,
		push: d.Push, mail: d.Mail,
	}
}

// Notify writes notifications in the transaction open in ctx and enqueues the pushes and mails of those that are so now and were not
// told before. Nobody is notified of what they did themselves. What an event said of another moment does no harm: what is not so is
// withdrawn, and told if it becomes so.
func (s *Service) Notify(ctx context.Context, all ...notification.Notification) error {
	shown, err := s.write(ctx, all)
	if err != nil {
		return err
	}
	return s.tell(ctx, shown)
}

// NotifyInApp is Notify by the list alone, without pushes and mails.
func (s *Service) NotifyInApp(ctx context.Context, all ...notification.Notification) error {
	shown, err := s.write(ctx, all)
	if err != nil {
		return err
	}
	return s.setTold(ctx, shown)
}

// NotifyLatest is Notify for a type whose newest event replaces older ones that were not read. It passes over those of whom a newer
// event was told already.
func (s *Service) NotifyLatest(ctx context.Context, all ...notification.Notification) error {
	var latest []notification.Notification
	for _, n := range all {
		newest, err := s.store.Supersede(ctx, n)
		if err != nil {
			return err
		}
		if newest {
			latest = append(latest, n)
		}
	}
	return s.Notify(ctx, latest...)
}

// write writes notifications, or finds those that are there, withdraws or reinstates them as the modules say, and returns those that
// are to be told. It has them locked, in the order of recipients, before it asks.
func (s *Service) write(ctx context.Context, all []notification.Notification) (untold []notification.Notification, err error) {
	kept, err := s.store.PutAll(ctx, slices.DeleteFunc(slices.Clone(all), func(n notification.Notification) bool { return n.ActorID == n.RecipientID }))
	if err != nil {
		return nil, err
	}
	verdicts, err := s.relevance.Judge(ctx, kept)
	if err != nil {
		return nil, err
	}
	var early []uuid.UUID // written as told
	for i, n := range kept {
		shown := verdicts[i].Shown()
		switch {
		case n.ToldAt == nil && shown:
			untold = append(untold, n)
		case n.IsNew && !shown:
			early = append(early, n.ID)
		}
	}
	if err := s.store.SetUntold(ctx, early); err != nil {
		return nil, err
	}
	return untold, s.settle(ctx, kept, verdicts)
}

// settle withdraws those of the locked notifications whose cause is gone, and reinstates those whose cause is there.
func (s *Service) settle(ctx context.Context, all []notification.Notification, verdicts []relevance.Verdict) error {
	var lost, held []uuid.UUID
	for i, n := range all {
		switch {
		case n.WithdrawnAt == nil && verdicts[i].Lost():
			lost = append(lost, n.ID)
		case n.WithdrawnAt != nil && verdicts[i].Holds():
			held = append(held, n.ID)
		}
	}
	if err := s.store.Withdraw(ctx, lost); err != nil {
		return err
	}
	return s.store.Reinstate(ctx, held)
}

// tell enqueues the pushes and mails of locked notifications, by those channels that have not told them.
func (s *Service) tell(ctx context.Context, all []notification.Notification) error {
	if len(all) == 0 {
		return nil
	}
	settings, err := s.channels.Settings(ctx, notification.Recipients(all)...)
	if err != nil {
		return err
	}
	pushes, err := s.pushes(ctx, all, settings)
	if err != nil {
		return err
	}
	mails, err := s.mails(ctx, all, settings)
	if err != nil {
		return err
	}
	if err := s.outbox.EnqueueAll(ctx, append(pushes, mails...)); err != nil {
		return err
	}
	return s.setTold(ctx, all)
}

// setTold notes that notifications were given to their channels. New ones are written as told.
func (s *Service) setTold(ctx context.Context, all []notification.Notification) error {
	return s.store.SetTold(ctx, notification.IDs(slices.DeleteFunc(slices.Clone(all), func(n notification.Notification) bool { return n.IsNew })))
}

// pushes are the tasks for the devices that were not told.
func (s *Service) pushes(ctx context.Context, all []notification.Notification, settings map[uuid.UUID]channel.Settings) (tasks []outbox.Task, err error) {
	wanted := slices.DeleteFunc(slices.Clone(all), func(n notification.Notification) bool { return !settings[n.RecipientID].ChannelsFor(n.Type).Push })
	devices, err := s.channels.Devices(ctx, notification.Recipients(wanted)...)
	if err != nil {
		return nil, err
	}
	for _, n := range wanted {
		for _, d := range devices[n.RecipientID] {
			if _, told := n.Deliveries[notification.PushChannel(d.InstallationID)]; !told {
				tasks = append(tasks, sendPush{NotificationID: n.ID, InstallationID: d.InstallationID})
			}
		}
	}
	return tasks, nil
}

// mails are the tasks for those who were not told by mail. Where another mail about the post went out in the last hour, they wait for the
// next.
func (s *Service) mails(ctx context.Context, all []notification.Notification, settings map[uuid.UUID]channel.Settings) (tasks []outbox.Task, err error) {
	wanted, err := s.mailWorthy(ctx, all, settings)
	if err != nil {
		return nil, err
	}
	waiting, digests, err := s.store.LetMailsWait(ctx, wanted)
	if err != nil {
		return nil, err
	}
	for _, d := range digests {
		if err := s.enqueueDigest(ctx, sendDigest{RecipientID: d.RecipientID, PostID: d.PostID}, d.DigestAt); err != nil {
			return nil, err
		}
	}
	for _, n := range wanted {
		if !waiting[n.ID] {
			tasks = append(tasks, sendMail{NotificationID: n.ID})
		}
	}
	return tasks, nil
}

// mailWorthy returns those of the notifications that are to be mailed: those whose recipients want it, have a verified address and were
// not told by mail, and of the likes of one post only the first.
func (s *Service) mailWorthy(ctx context.Context, all []notification.Notification, settings map[uuid.UUID]channel.Settings) ([]notification.Notification, error) {
	wanted := slices.DeleteFunc(slices.Clone(all), func(n notification.Notification) bool {
		_, told := n.Deliveries[notification.MailChannel]
		return told || !settings[n.RecipientID].ChannelsFor(n.Type).Mail
	})
	if len(wanted) == 0 {
		return nil, nil
	}
	contacts, err := s.people.Contacts(ctx, notification.Recipients(wanted))
	if err != nil {
		return nil, err
	}
	wanted = slices.DeleteFunc(wanted, func(n notification.Notification) bool { return !contacts[n.RecipientID].Reachable() })
	likes := slices.DeleteFunc(slices.Clone(wanted), func(n notification.Notification) bool { return n.Type != notification.PostLiked })
	mailed, err := s.store.ToldOfSubjects(ctx, notification.PostLiked, likes)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(wanted, func(n notification.Notification) bool {
		if n.Type != notification.PostLiked {
			return false
		}
		subject := notification.Subject{RecipientID: n.RecipientID, SubjectID: n.SubjectID}
		defer func() { mailed[subject] = true }()
		return mailed[subject]
	}), nil
}
