package internal

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"atrium/modules/notifications"
	"atrium/platform/database"
)

// Store is the only file of the module that speaks to the database.
type Store struct{ db *database.DB }

// NewStore makes a Store.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

var faults = database.Faults{}

// Add writes a notification and reports whether it was new.
func (s *Store) Add(ctx context.Context, n *Notification) (bool, error) {
	result := s.db.Conn(ctx).Clauses(clause.OnConflict{OnConstraint: "notifications_once", DoNothing: true}).Create(n)
	if result.Error != nil {
		return false, fmt.Errorf("add notification: %w", result.Error)
	}
	return result.RowsAffected == 1, nil
}

// Any reports whether the recipient has a notification of this type about the subject.
func (s *Store) Any(ctx context.Context, recipient uuid.UUID, kind string, subject uuid.UUID) (bool, error) {
	var found bool
	err := s.db.Conn(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM notifications WHERE recipient_id = ? AND type = ? AND subject_id = ?)`,
		recipient, kind, subject).Scan(&found).Error
	if err != nil {
		return false, fmt.Errorf("look for notification: %w", err)
	}
	return found, nil
}

// Told reports whether the recipient has any notification about the subject.
func (s *Store) Told(ctx context.Context, recipient, subject uuid.UUID) (bool, error) {
	var found bool
	err := s.db.Conn(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM notifications WHERE recipient_id = ? AND subject_id = ?)`,
		recipient, subject).Scan(&found).Error
	if err != nil {
		return false, fmt.Errorf("look for notification: %w", err)
	}
	return found, nil
}

// ByID reads one notification, or returns notifications.ErrNotFound.
func (s *Store) ByID(ctx context.Context, id uuid.UUID) (Notification, error) {
	var n Notification
	err := s.db.Conn(ctx).Take(&n, "id = ?", id).Error
	return n, faults.Translate(err, notifications.ErrNotFound)
}

// Page reads a person's notifications, newest first, below the id given (the nil id: from the top).
func (s *Store) Page(ctx context.Context, recipient, below uuid.UUID, limit int) ([]Notification, error) {
	q := s.db.Conn(ctx).Where("recipient_id = ?", recipient).Order("id DESC").Limit(limit)
	if below != uuid.Nil {
		q = q.Where("id < ?", below)
	}
	var page []Notification
	if err := q.Find(&page).Error; err != nil {
		return nil, fmt.Errorf("read notifications: %w", err)
	}
	return page, nil
}

// CountUnread counts what the person has not read.
func (s *Store) CountUnread(ctx context.Context, recipient uuid.UUID) (int64, error) {
	var n int64
	err := s.db.Conn(ctx).Model(&Notification{}).Where("recipient_id = ? AND read_at IS NULL", recipient).Count(&n).Error
	if err != nil {
		return 0, fmt.Errorf("count unread notifications: %w", err)
	}
	return n, nil
}

// MarkRead marks everything up to and including upTo as read. It never marks anything as unread.
func (s *Store) MarkRead(ctx context.Context, recipient, upTo uuid.UUID) error {
	err := s.db.Conn(ctx).Exec(`UPDATE notifications SET read_at = now() WHERE recipient_id = ? AND read_at IS NULL AND id <= ?`,
		recipient, upTo).Error
	if err != nil {
		return fmt.Errorf("mark notifications read: %w", err)
	}
	return nil
}

// WithdrawUnread removes an unread notification whose cause was taken back.
func (s *Store) WithdrawUnread(ctx context.Context, recipient uuid.UUID, kind string, subject, actor uuid.UUID) error {
	err := s.db.Conn(ctx).Exec(`DELETE FROM notifications
		WHERE recipient_id = ? AND type = ? AND subject_id = ? AND actor_id = ? AND read_at IS NULL`, recipient, kind, subject, actor).Error
	if err != nil {
		return fmt.Errorf("withdraw notification: %w", err)
	}
	return nil
}

// Supersede removes what the recipient has not read of older events of this kind about the subject, and reports whether there is no newer one.
func (s *Store) Supersede(ctx context.Context, n Notification) (latest bool, err error) {
	conn := s.db.Conn(ctx)
	err = conn.Exec(`DELETE FROM notifications
		WHERE recipient_id = ? AND type = ? AND subject_id = ? AND cause_id < ? AND read_at IS NULL`, n.RecipientID, n.Type, n.SubjectID, n.CauseID).Error
	if err == nil {
		err = conn.Raw(`SELECT NOT EXISTS (SELECT 1 FROM notifications WHERE recipient_id = ? AND type = ? AND subject_id = ? AND cause_id > ?)`,
			n.RecipientID, n.Type, n.SubjectID, n.CauseID).Scan(&latest).Error
	}
	if err != nil {
		return false, fmt.Errorf("supersede notification: %w", err)
	}
	return latest, nil
}

// RemoveAboutPost removes everything about a post and its comments.
func (s *Store) RemoveAboutPost(ctx context.Context, post uuid.UUID) error {
	// Two statements: each has an index of its own.
	err := s.db.Conn(ctx).Exec(`DELETE FROM notifications WHERE subject_id = ?`, post).Error
	if err == nil {
		err = s.db.Conn(ctx).Exec(`DELETE FROM notifications WHERE subject_type = 'comment' AND facts->>'post_id' = ?`, post.String()).Error
	}
	if err != nil {
		return fmt.Errorf("remove notifications about a post: %w", err)
	}
	return nil
}

// RemoveBetween removes what two people caused each other.
func (s *Store) RemoveBetween(ctx context.Context, a, b uuid.UUID) error {
	err := s.db.Conn(ctx).Exec(`DELETE FROM notifications WHERE (recipient_id = ? AND actor_id = ?) OR (recipient_id = ? AND actor_id = ?)`,
		a, b, b, a).Error
	if err != nil {
		return fmt.Errorf("remove notifications between two people: %w", err)
	}
	return nil
}

// RemovePerson removes a person's notifications, those they caused, their devices and their settings.
func (s *Store) RemovePerson(ctx context.Context, user uuid.UUID) error {
	for _, statement := range []string{
		`DELETE FROM notifications WHERE recipient_id = ? OR actor_id = ?`,
		`DELETE FROM devices WHERE user_id = ? OR user_id = ?`,
		`DELETE FROM notification_settings WHERE user_id = ? OR user_id = ?`,
	} {
		if err := s.db.Conn(ctx).Exec(statement, user, user).Error; err != nil {
			return fmt.Errorf("remove a person's notifications: %w", err)
		}
	}
	return nil
}

// devicesPerPerson bounds what one notification can cost; the devices used longest ago are forgotten first.
const devicesPerPerson = 20

// PutDevice registers an installation: its token leaves whoever had it before.
func (s *Store) PutDevice(ctx context.Context, d Device) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		conn := s.db.Conn(ctx)
		if err := conn.Exec(`DELETE FROM devices WHERE token = ? AND (user_id, installation_id) <> (?, ?)`, d.Token, d.UserID, d.InstallationID).Error; err != nil {
			return fmt.Errorf("move device token: %w", err)
		}
		err := conn.Exec(`INSERT INTO devices (installation_id, user_id, platform, token, locale, timezone) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (user_id, installation_id) DO UPDATE SET platform = excluded.platform, token = excluded.token,
			locale = excluded.locale, timezone = excluded.timezone, updated_at = now()`,
			d.InstallationID, d.UserID, d.Platform, d.Token, d.Locale, d.Timezone).Error
		if err != nil {
			return fmt.Errorf("register device: %w", err)
		}
		err = conn.Exec(`DELETE FROM devices WHERE user_id = ? AND installation_id NOT IN
			(SELECT installation_id FROM devices WHERE user_id = ? ORDER BY updated_at DESC, installation_id LIMIT ?)`, d.UserID, d.UserID, devicesPerPerson).Error
		if err != nil {
			return fmt.Errorf("forget the oldest devices: %w", err)
		}
		return nil
	})
}

// RemoveDevice forgets an installation of the user; an unknown one is no error.
func (s *Store) RemoveDevice(ctx context.Context, user uuid.UUID, installation string) error {
	if err := s.db.Conn(ctx).Exec(`DELETE FROM devices WHERE user_id = ? AND installation_id = ?`, user, installation).Error; err != nil {
		return fmt.Errorf("remove device: %w", err)
	}
	return nil
}

// RemoveDevices forgets all of the user's installations; the app registers its own again when the user comes back.
func (s *Store) RemoveDevices(ctx context.Context, user uuid.UUID) error {
	if err := s.db.Conn(ctx).Exec(`DELETE FROM devices WHERE user_id = ?`, user).Error; err != nil {
		return fmt.Errorf("remove a person's devices: %w", err)
	}
	return nil
}

// PurgeToken forgets a token that the push service does not know any more.
func (s *Store) PurgeToken(ctx context.Context, token string) error {
	if err := s.db.Conn(ctx).Exec(`DELETE FROM devices WHERE token = ?`, token).Error; err != nil {
		return fmt.Errorf("purge device token: %w", err)
	}
	return nil
}

// Devices lists the user's installations.
func (s *Store) Devices(ctx context.Context, user uuid.UUID) ([]Device, error) {
	var devices []Device
	if err := s.db.Conn(ctx).Where("user_id = ?", user).Order("installation_id").Find(&devices).Error; err != nil {
		return nil, fmt.Errorf("read devices: %w", err)
	}
	return devices, nil
}

// Settings reads a person's wishes; those who never said anything have none, at version 1.
func (s *Store) Settings(ctx context.Context, user uuid.UUID) (Settings, error) {
	found := []Settings{}
	if err := s.db.Conn(ctx).Limit(1).Find(&found, "user_id = ?", user).Error; err != nil {
		return Settings{}, fmt.Errorf("read notification settings: %w", err)
	}
	if len(found) == 0 {
		return Settings{UserID: user, Types: map[string]Channels{}, Version: 1}, nil
	}
	return found[0], nil
}

// LockSettings makes sure that the row is there and locks it in the open transaction.
func (s *Store) LockSettings(ctx context.Context, user uuid.UUID) (Settings, error) {
	conn := s.db.Conn(ctx)
	if err := conn.Exec(`INSERT INTO notification_settings (user_id) VALUES (?) ON CONFLICT DO NOTHING`, user).Error; err != nil {
		return Settings{}, fmt.Errorf("open notification settings: %w", err)
	}
	var settings Settings
	err := conn.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&settings, "user_id = ?", user).Error
	return settings, faults.Translate(err, nil)
}

// SaveSettings writes the wishes.
func (s *Store) SaveSettings(ctx context.Context, settings Settings) error {
	if err := s.db.Conn(ctx).Save(&settings).Error; err != nil {
		return fmt.Errorf("save notification settings: %w", err)
	}
	return nil
}
