package export

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/database"
)

// store keeps user_exports.
type store struct{ db *database.DB }

var constraints = database.Constraints{"user_exports_one_at_a_time": users.ErrExportRunning}

func (s store) insert(ctx context.Context, e export) error {
	return s.db.Conn(ctx).Exec("INSERT INTO user_exports (id, user_id, status, folder) VALUES (?, ?, ?, ?)",
		e.ID, e.UserID, e.Status, e.Folder).Error
}

func (s store) find(ctx context.Context, id uuid.UUID) (export, error) {
	return s.one(ctx, "SELECT * FROM user_exports WHERE id = ?", id)
}

func (s store) newest(ctx context.Context, user uuid.UUID) (export, error) {
	return s.one(ctx, "SELECT * FROM user_exports WHERE user_id = ? ORDER BY id DESC LIMIT 1", user)
}

func (s store) one(ctx context.Context, query string, id uuid.UUID) (export, error) {
	var found []export
	if err := s.db.Conn(ctx).Raw(query, id).Scan(&found).Error; err != nil {
		return export{}, err
	}
	if len(found) == 0 {
		return export{}, users.ErrNoExport
	}
	return found[0], nil
}

// ready marks an archive as finished and reports whether it was still wanted.
func (s store) ready(ctx context.Context, id uuid.UUID, kept time.Duration) (bool, error) {
	done := s.db.Conn(ctx).Exec(`UPDATE user_exports SET status = 'ready', expires_at = now() + make_interval(secs => ?)
		WHERE id = ? AND status = 'preparing'`, kept.Seconds(), id)
	return done.RowsAffected == 1, done.Error
}

// failed marks an archive that cannot be made; what may be there of it goes with the next run of Prune.
func (s store) failed(ctx context.Context, id uuid.UUID) error {
	return s.db.Conn(ctx).Exec("UPDATE user_exports SET status = 'failed', expires_at = now() WHERE id = ? AND status = 'preparing'", id).Error
}

// over finds archives whose time is over.
func (s store) over(ctx context.Context, limit int) (found []export, err error) {
	err = s.db.Conn(ctx).Raw("SELECT * FROM user_exports WHERE removed_at IS NULL AND expires_at <= now() ORDER BY expires_at LIMIT ?", limit).
		Scan(&found).Error
	return found, err
}

func (s store) removed(ctx context.Context, id uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`UPDATE user_exports SET removed_at = now(), status = CASE status WHEN 'failed' THEN status ELSE 'expired' END
		WHERE id = ?`, id).Error
}

// forget deletes rows whose archives were removed so long ago.
func (s store) forget(ctx context.Context, after time.Duration) error {
	return s.db.Conn(ctx).Exec("DELETE FROM user_exports WHERE removed_at <= now() - make_interval(secs => ?)", after.Seconds()).Error
}
