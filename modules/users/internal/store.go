package internal

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"atrium/modules/users"
	"atrium/platform/database"
)

// store keeps people. With store_graph.go it is all that speaks GORM here.
type store struct{ db *database.DB }

var faults = database.Faults{}

// lockForChange bars other changes of a row, but not rows elsewhere that refer to it.
var lockForChange = clause.Locking{Strength: "NO KEY UPDATE"}

// now is the database's clock: all instances agree about it.
func (s store) now(ctx context.Context) (now time.Time, err error) {
	err = s.db.Conn(ctx).Raw("SELECT now()").Scan(&now).Error
	return now, faults.Translate(err, nil)
}

func (s store) insert(ctx context.Context, u *user) error {
	return faults.Translate(s.db.Conn(ctx).Create(u).Error, nil)
}

func (s store) find(ctx context.Context, id uuid.UUID) (u user, err error) {
	err = s.db.Conn(ctx).Take(&u, "id = ?", id).Error
	return u, faults.Translate(err, users.ErrNotFound)
}

func (s store) lock(ctx context.Context, id uuid.UUID) (u user, err error) {
	err = s.db.Conn(ctx).Clauses(lockForChange).Take(&u, "id = ?", id).Error
	return u, faults.Translate(err, users.ErrNotFound)
}

// standing reads how an account stands. Inside a transaction the account cannot be locked out until that ends, so that
// a session is either refused or there to be revoked.
func (s store) standing(ctx context.Context, id uuid.UUID) (users.Standing, error) {
	query := s.db.Conn(ctx)
	if database.InTransaction(ctx) {
		query = query.Clauses(clause.Locking{Strength: "SHARE"})
	}
	var row struct {
		Who     user `gorm:"embedded"`
		Overdue bool
	}
	err := query.Model(&user{}).Select("*, erase_at <= now() IS TRUE AS overdue").Take(&row, "id = ?", id).Error
	if err != nil {
		return users.Standing{}, faults.Translate(err, users.ErrNotFound)
	}
	standing := row.Who.standing()
	standing.Deleted = standing.Deleted || row.Overdue
	return standing, nil
}

// present finds those of ids who are not gone.
func (s store) present(ctx context.Context, ids []uuid.UUID) (found []user, err error) {
	err = s.db.Conn(ctx).Where("id = ANY(?) AND NOT gone", database.Array(ids)).Find(&found).Error
	return found, faults.Translate(err, nil)
}

// save writes what a person or the back office changes.
func (s store) save(ctx context.Context, u *user) error {
	err := s.db.Conn(ctx).Model(u).Select("handle", "display_name", "bio", "avatar_id", "cover_id", "is_private", "email", "email_verified",
		"roles", "version", "handle_changed_at", "handle_changed_before", "suspended_at", "erase_at", "erased_at", "updated_at").
		Updates(u).Error
	return faults.Translate(err, nil)
}

// claimHandle secures a handle for a person, in the transaction open in ctx, and reports whether it was free.
func (s store) claimHandle(ctx context.Context, id uuid.UUID, handle string) (bool, error) {
	done := s.db.Conn(ctx).Exec(`
		INSERT INTO user_handles AS h (skeleton, handle, user_id) VALUES (?, ?, ?)
		ON CONFLICT ON CONSTRAINT user_handles_pkey DO UPDATE
		SET handle = EXCLUDED.handle, user_id = EXCLUDED.user_id, expires_at = NULL
		WHERE h.user_id = EXCLUDED.user_id OR h.expires_at <= now()`, skeleton(handle), handle, id)
	return done.RowsAffected == 1, faults.Translate(done.Error, nil)
}

// retireHandle lets a handle lead to its person for a while yet.
func (s store) retireHandle(ctx context.Context, id uuid.UUID, handle string, until time.Time) error {
	err := s.db.Conn(ctx).Exec("UPDATE user_handles SET expires_at = ? WHERE skeleton = ? AND user_id = ?",
		until, skeleton(handle), id).Error
	return faults.Translate(err, nil)
}

// byHandles finds whose the handles are; old ones lead to their people too.
func (s store) byHandles(ctx context.Context, handles []string) (map[string]uuid.UUID, error) {
	skeletons := make([]string, len(handles))
	for i, h := range handles {
		skeletons[i] = skeleton(h)
	}
	var rows []struct {
		Skeleton string
		UserID   uuid.UUID
	}
	err := s.db.Conn(ctx).Raw(`SELECT skeleton, user_id FROM user_handles
		WHERE skeleton = ANY(?) AND (expires_at IS NULL OR expires_at > now())`, database.Array(skeletons)).Scan(&rows).Error
	if err != nil {
		return nil, faults.Translate(err, nil)
	}
	owners := map[string]uuid.UUID{}
	for _, row := range rows {
		owners[row.Skeleton] = row.UserID
	}
	found := map[string]uuid.UUID{}
	for i, h := range handles {
		if owner, ok := owners[skeletons[i]]; ok {
			found[h] = owner
		}
	}
	return found, nil
}

func (s store) byEmail(ctx context.Context, email string) (found []user, err error) {
	err = s.db.Conn(ctx).Where("lower(email) = lower(?) AND email <> '' AND NOT gone", email).Order("id").Find(&found).Error
	return found, faults.Translate(err, nil)
}

// addPosts moves the number of posts; the constraint refuses to go below 0.
func (s store) addPosts(ctx context.Context, id uuid.UUID, delta int) error {
	err := s.db.Conn(ctx).Exec("UPDATE users SET posts = posts + ? WHERE id = ?", delta, id).Error
	return faults.Translate(err, nil)
}

// contacts finds how to reach those of ids who are not gone.
func (s store) contacts(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]users.Contact, error) {
	var rows []struct {
		ID uuid.UUID
		users.Contact
	}
	err := s.db.Conn(ctx).Raw(`SELECT u.id, u.display_name, u.email, u.email_verified, s.language,
		coalesce(s.quiet_from, '') AS quiet_from, coalesce(s.quiet_to, '') AS quiet_to
		FROM users u JOIN user_settings s ON s.user_id = u.id WHERE u.id = ANY(?) AND NOT u.gone`, database.Array(ids)).Scan(&rows).Error
	found := map[uuid.UUID]users.Contact{}
	for _, row := range rows {
		found[row.ID] = row.Contact
	}
	return found, faults.Translate(err, nil)
}

func (s store) insertSettings(ctx context.Context, c *settings) error {
	return faults.Translate(s.db.Conn(ctx).Create(c).Error, nil)
}

func (s store) settings(ctx context.Context, id uuid.UUID) (c settings, err error) {
	err = s.db.Conn(ctx).Take(&c, "user_id = ?", id).Error
	return c, faults.Translate(err, users.ErrNotFound)
}

func (s store) lockSettings(ctx context.Context, id uuid.UUID) (c settings, err error) {
	err = s.db.Conn(ctx).Clauses(lockForChange).Take(&c, "user_id = ?", id).Error
	return c, faults.Translate(err, users.ErrNotFound)
}

func (s store) saveSettings(ctx context.Context, c *settings) error {
	c.Version++
	return faults.Translate(s.db.Conn(ctx).Save(c).Error, nil)
}

// agree keeps a yes; saying it twice is no error.
func (s store) agree(ctx context.Context, c consent) error {
	err := s.db.Conn(ctx).Clauses(clause.OnConflict{DoNothing: true}).Select("user_id", "document", "version").Create(&c).Error
	return faults.Translate(err, nil)
}

// consents are the versions that a person agreed to, by document.
func (s store) consents(ctx context.Context, id uuid.UUID) (map[string][]string, error) {
	var rows []consent
	err := s.db.Conn(ctx).Find(&rows, "user_id = ?", id).Error
	agreed := map[string][]string{}
	for _, row := range rows {
		agreed[row.Document] = append(agreed[row.Document], row.Version)
	}
	return agreed, faults.Translate(err, nil)
}

// due are people whose time to come back is over, the longest first.
func (s store) due(ctx context.Context, limit int) (ids []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT id FROM users WHERE erase_at <= now() AND erased_at IS NULL ORDER BY erase_at LIMIT ?`, limit).
		Scan(&ids).Error
	return ids, faults.Translate(err, nil)
}

// lockDue locks a person whose time is over, and reports false for one who came back or is erased already.
func (s store) lockDue(ctx context.Context, id uuid.UUID) (u user, due bool, err error) {
	err = s.db.Conn(ctx).Clauses(lockForChange).Take(&u, "id = ? AND erase_at <= now() AND erased_at IS NULL", id).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return u, false, nil
	}
	return u, err == nil, faults.Translate(err, nil)
}

// forget deletes what only says something about one person. Follows are not among it: they move other people's figures.
func (s store) forget(ctx context.Context, id uuid.UUID) error {
	for _, statement := range []string{
		"DELETE FROM user_handles WHERE user_id = ?",
		"DELETE FROM user_settings WHERE user_id = ?",
		"DELETE FROM user_consents WHERE user_id = ?",
		"UPDATE user_exports SET status = 'expired', expires_at = now() WHERE user_id = ? AND removed_at IS NULL", // the archives go soon
		"DELETE FROM follow_requests WHERE ? IN (follower_id, followee_id)",
		"DELETE FROM user_blocks WHERE ? IN (blocker_id, blocked_id)",
		"DELETE FROM user_mutes WHERE ? IN (muter_id, muted_id)",
		"DELETE FROM user_muted_terms WHERE user_id = ?",
		"DELETE FROM user_dismissals WHERE ? IN (user_id, dismissed_id)",
	} {
		if err := s.db.Conn(ctx).Exec(statement, id).Error; err != nil {
			return faults.Translate(err, nil)
		}
	}
	return nil
}
