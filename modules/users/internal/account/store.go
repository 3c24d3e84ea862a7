package account

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/modules/users/internal/user"
	"atrium/platform/database"
)

// store keeps user_settings and user_email_changes.
type store struct{ db *database.DB }

func (s store) insertEmailChange(ctx context.Context, id, user uuid.UUID, previous string) error {
	return s.db.Conn(ctx).Exec("INSERT INTO user_email_changes (id, user_id, previous) VALUES (?, ?, ?)", id, user, previous).Error
}

// emailChange returns a former address and whose it was; empty where there is none to tell any more.
func (s store) emailChange(ctx context.Context, id uuid.UUID) (previous, handle string, err error) {
	var found struct{ Previous, Handle string }
	err = s.db.Conn(ctx).Raw(`SELECT c.previous, u.handle FROM user_email_changes c JOIN users u ON u.id = c.user_id WHERE c.id = ?`, id).Scan(&found).Error
	return found.Previous, found.Handle, err
}

func (s store) deleteEmailChange(ctx context.Context, id uuid.UUID) error {
	return s.db.Conn(ctx).Exec("DELETE FROM user_email_changes WHERE id = ?", id).Error
}

// pruneEmailChanges forgets former addresses that could not be told in time.
func (s store) pruneEmailChanges(ctx context.Context) error {
	return s.db.Conn(ctx).Exec("DELETE FROM user_email_changes WHERE changed_at <= now() - make_interval(secs => ?)", formerAddressesKept.Seconds()).Error
}

func (s store) insertSettings(ctx context.Context, c *settings) error {
	return s.db.Conn(ctx).Create(c).Error
}

func (s store) settings(ctx context.Context, id uuid.UUID) (c settings, err error) {
	err = s.db.Conn(ctx).Take(&c, "user_id = ?", id).Error
	return c, database.OrNotFound(err, users.ErrNotFound)
}

func (s store) lockSettings(ctx context.Context, id uuid.UUID) (c settings, err error) {
	err = s.db.Conn(ctx).Clauses(user.LockForChange).Take(&c, "user_id = ?", id).Error
	return c, database.OrNotFound(err, users.ErrNotFound)
}

func (s store) saveSettings(ctx context.Context, c *settings) error {
	c.Version++
	return s.db.Conn(ctx).Save(c).Error
}
