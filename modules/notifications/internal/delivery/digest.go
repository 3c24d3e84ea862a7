package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"atrium/modules/notifications/internal/notification"
	"atrium/modules/users"
	"atrium/platform/outbox"
)

// sendDigest is the task that mails what has waited about one post.
type sendDigest struct {
	RecipientID uuid.UUID `json:"recipient_id"`
	PostID      uuid.UUID `json:"post_id"`
}

// TaskName is the task's name on the wire.
func (sendDigest) TaskName() string { return "notifications.send_digest" }

// digestLimit bounds the notifications of one mail; the rest waits for the next.
const digestLimit = 100

// digestSubject is the line above a mail of several notifications.
const digestSubject = "News about a room"

// letWait has a notification wait for the next mail about its post.
func (s *Service) letWait(ctx context.Context, n notification.Notification) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		due, err := s.store.LetMailWait(ctx, n)
		if err != nil {
			return err
		}
		return s.enqueueDigest(ctx, sendDigest{RecipientID: n.RecipientID, PostID: n.Post()}, due)
	})
}

func (s *Service) enqueueDigest(ctx context.Context, task sendDigest, due time.Time) error {
	if due.IsZero() {
		return nil
	}
	return s.outbox.Enqueue(ctx, task, outbox.At(due))
}

// SendDigest mails what has waited about a post, as far as it is so and was not read by now. The mail's id is the task's, so a
// repeated send is recognised.
func (s *Service) SendDigest(ctx context.Context, id uuid.UUID, task sendDigest) error {
	waiting, err := s.store.MailWaiting(ctx, task.RecipientID, task.PostID, digestLimit)
	if err != nil {
		return err
	}
	to, ok, err := s.address(ctx, task.RecipientID)
	if err != nil {
		return err
	}
	var news []notification.Notification
	if ok {
		if news, err = s.worthMailing(ctx, waiting); err != nil {
			return err
		}
	}
	if len(news) > 0 {
		if err := s.mailDigest(ctx, id, to, news); err != nil {
			return err
		}
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		due, err := s.store.EndMail(ctx, task.RecipientID, task.PostID, id, len(news) > 0, notification.IDs(waiting))
		if err != nil {
			return err
		}
		return s.enqueueDigest(ctx, task, due)
	})
}

// worthMailing returns those of a person's waiting notifications that are unread, are so, and are wanted by mail.
func (s *Service) worthMailing(ctx context.Context, waiting []notification.Notification) ([]notification.Notification, error) {
	var news []notification.Notification
	for _, n := range waiting {
		d, ok, err := s.deliverable(ctx, n.ID)
		if err != nil {
			return nil, err
		}
		if _, told := d.Deliveries[notification.MailChannel]; ok && !told && d.ReadAt == nil && d.channels.Mail {
			news = append(news, d.Notification)
		}
	}
	return news, nil
}

func (s *Service) mailDigest(ctx context.Context, id uuid.UUID, to users.Contact, news []notification.Notification) error {
	actors, err := s.people.Refs(ctx, notification.Actors(news...))
	if err != nil {
		return err
	}
	subject := digestSubject
	if len(news) == 1 {
		subject = deliverable{Notification: news[0]}.subject()
	}
	return s.send(ctx, id, to, subject, mailContent{Greeting: greeting(to), Sentences: sentences(news, actors)})
}

// sentences are what notifications say, each once, with how often it is said.
func sentences(news []notification.Notification, actors map[uuid.UUID]users.Ref) []string {
	var said []string
	times := map[string]int{}
	for _, n := range news {
		sentence := n.Sentence(actors[n.ActorID])
		if times[sentence]++; times[sentence] == 1 {
			said = append(said, sentence)
		}
	}
	for i, sentence := range said {
		if times[sentence] > 1 {
			said[i] = fmt.Sprintf("%s (%d×)", sentence, times[sentence])
		}
	}
	return said
}
