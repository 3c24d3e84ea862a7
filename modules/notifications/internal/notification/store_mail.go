package notification

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// mailPause is the time between two mails about one post to one person.
const mailPause = time.Hour

// ClaimMail makes the task the one that mails the recipient about a post now, and reports whether it is: within an hour of the last
// mail, and while others wait for the next, it is not. Idempotent.
func (s *Store) ClaimMail(ctx context.Context, recipient, post, task uuid.UUID) (bool, error) {
	done := s.db.Conn(ctx).Exec(`
		INSERT INTO notification_mails AS m (recipient_id, post_id, task_id) VALUES (?, ?, ?)
		ON CONFLICT ON CONSTRAINT notification_mails_pkey DO UPDATE SET task_id = excluded.task_id,
			mailed_at = CASE WHEN m.task_id = excluded.task_id THEN m.mailed_at ELSE now() END,
			digest_at = CASE WHEN m.task_id = excluded.task_id THEN m.digest_at END
		WHERE m.task_id = excluded.task_id
			OR greatest(m.mailed_at, m.digest_at) <= now() - make_interval(secs => ?)`, recipient, post, task, mailPause.Seconds())
	return done.RowsAffected == 1, done.Error
}

// LetMailWait has a notification wait for the next mail about its post, in the transaction open in ctx. It returns when that mail has
// to be sent where nothing waited before, else the zero time.
func (s *Store) LetMailWait(ctx context.Context, n Notification) (due time.Time, err error) {
	if err := s.db.Conn(ctx).Exec(`UPDATE notifications SET mail_waits = true WHERE id = ?`, n.ID).Error; err != nil {
		return due, err
	}
	err = s.db.Conn(ctx).Raw(`UPDATE notification_mails SET digest_at = greatest(now(), mailed_at + make_interval(secs => ?))
		WHERE recipient_id = ? AND post_id = ? AND digest_at IS NULL RETURNING digest_at`, mailPause.Seconds(), n.RecipientID, n.Post()).Scan(&due).Error
	return due, err
}

// Digest is the next mail to a person about a post.
type Digest struct {
	RecipientID uuid.UUID
	PostID      uuid.UUID
	DigestAt    time.Time
}

// LetMailsWait is LetMailWait for those of the notifications about posts whose recipients had a mail about them in the last hour, or
// for whom others wait. It returns which these are, and the mails that have to be sent where nothing waited before.
func (s *Store) LetMailsWait(ctx context.Context, all []Notification) (waiting map[uuid.UUID]bool, due []Digest, err error) {
	var recipients, rooms []uuid.UUID
	for _, n := range all {
		if post := n.Post(); post != uuid.Nil {
			recipients, rooms = append(recipients, n.RecipientID), append(rooms, post)
		}
	}
	if len(rooms) == 0 {
		return nil, nil, nil
	}
	// The rows first: EndMail needs them too, and then sees either that something waits still, or that nothing does.
	var mailed []Digest
	err = s.db.Conn(ctx).Raw(`
		SELECT recipient_id, post_id FROM notification_mails
		WHERE (recipient_id, post_id) IN (SELECT * FROM unnest(?::uuid[], ?::uuid[])) AND greatest(mailed_at, digest_at) > now() - make_interval(secs => ?)
		ORDER BY recipient_id, post_id FOR UPDATE`, database.Array(recipients), database.Array(rooms), mailPause.Seconds()).Scan(&mailed).Error
	if err != nil || len(mailed) == 0 {
		return nil, nil, err
	}
	paused := map[[2]uuid.UUID]bool{}
	for _, m := range mailed {
		paused[[2]uuid.UUID{m.RecipientID, m.PostID}] = true
	}
	waiting = map[uuid.UUID]bool{}
	recipients, rooms = nil, nil
	var ids []uuid.UUID
	for _, n := range all {
		if paused[[2]uuid.UUID{n.RecipientID, n.Post()}] {
			waiting[n.ID] = true
			ids, recipients, rooms = append(ids, n.ID), append(recipients, n.RecipientID), append(rooms, n.Post())
		}
	}
	if err = s.update(ctx, ids, `UPDATE notifications SET mail_waits = true WHERE id = ANY(?)`); err != nil {
		return nil, nil, err
	}
	err = s.db.Conn(ctx).Raw(`
		UPDATE notification_mails SET digest_at = greatest(now(), mailed_at + make_interval(secs => ?))
		WHERE (recipient_id, post_id) IN (SELECT * FROM unnest(?::uuid[], ?::uuid[])) AND digest_at IS NULL
		RETURNING recipient_id, post_id, digest_at`, mailPause.Seconds(), database.Array(recipients), database.Array(rooms)).Scan(&due).Error
	return waiting, due, err
}

// MailWaiting reads up to limit of what waits for the next mail about a post, oldest first.
func (s *Store) MailWaiting(ctx context.Context, recipient, post uuid.UUID, limit int) (waiting []Notification, err error) {
	err = s.db.Conn(ctx).Where("recipient_id = ? AND mail_waits AND (subject_id = ? OR facts->>'post_id' = ?)", recipient, post, post.String()).
		Order("id").Limit(limit).Find(&waiting).Error
	return waiting, err
}

// EndMail notes, in the transaction open in ctx, that the task has mailed about a post (sent: there was something to mail), and what
// waits for it no longer. It returns when the next mail has to be sent for what waits since, else the zero time.
func (s *Store) EndMail(ctx context.Context, recipient, post, task uuid.UUID, sent bool, done []uuid.UUID) (due time.Time, err error) {
	// The row first: whoever lets a notification wait needs it too, and then sees either that something waits still, or that nothing does.
	err = s.db.Conn(ctx).Exec(`UPDATE notification_mails SET task_id = ?, mailed_at = CASE WHEN ? THEN now() ELSE mailed_at END
		WHERE recipient_id = ? AND post_id = ?`, task, sent, recipient, post).Error
	if err == nil {
		// What was left untold meanwhile is mailed when it is told.
		err = s.db.Conn(ctx).Exec(`UPDATE notifications SET mail_waits = false,
			deliveries = CASE WHEN told_at IS NULL THEN deliveries ELSE jsonb_build_object(?::text, ?::text) || deliveries END
			WHERE id = ANY(?)`, MailChannel, task.String(), database.Array(done)).Error
	}
	if err == nil {
		err = s.db.Conn(ctx).Raw(`UPDATE notification_mails m SET digest_at = CASE WHEN EXISTS (SELECT 1 FROM notifications
				WHERE recipient_id = m.recipient_id AND mail_waits AND (subject_id = m.post_id OR facts->>'post_id' = m.post_id::text))
				THEN greatest(now(), mailed_at + make_interval(secs => ?)) END
			WHERE recipient_id = ? AND post_id = ? RETURNING coalesce(digest_at, '0001-01-01T00:00:00Z')`, mailPause.Seconds(), recipient, post).Scan(&due).Error
	}
	return due, err
}
