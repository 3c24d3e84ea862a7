package user

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/keys"
	"atrium/platform/text"
)

// HandleRetention is how long a former handle still leads to its person, and how long nobody takes that of an erased one.
const HandleRetention = 90 * 24 * time.Hour

// Store reads and writes people.
type Store struct {
	db   *database.DB
	keys [][]byte // of the hashes of handles that are kept back: made with the first, known by any
}

// NewStore hashes the handles of erased people under the master key.
func NewStore(db *database.DB, master *keys.Master) *Store {
	return &Store{db: db, keys: master.DeriveAll("users.kept_handles", sha256.Size)}
}

// LockForChange bars other changes of a row, but not rows elsewhere that refer to it.
var LockForChange = clause.Locking{Strength: "NO KEY UPDATE"}

// Now returns the time by the database's clock, which all instances agree about.
func (s *Store) Now(ctx context.Context) (now time.Time, err error) {
	err = s.db.Conn(ctx).Raw("SELECT now()").Scan(&now).Error
	return now, err
}

// Insert keeps a new person.
func (s *Store) Insert(ctx context.Context, u *User) error {
	return s.db.Conn(ctx).Create(u).Error
}

// Find reads a person, deleted ones too, or returns users.ErrNotFound.
func (s *Store) Find(ctx context.Context, id uuid.UUID) (u User, err error) {
	err = s.db.Conn(ctx).Take(&u, "id = ?", id).Error
	return u, database.OrNotFound(err, users.ErrNotFound)
}

// Lock is Find, and nobody else changes the row until the transaction ends.
func (s *Store) Lock(ctx context.Context, id uuid.UUID) (u User, err error) {
	err = s.db.Conn(ctx).Clauses(LockForChange).Take(&u, "id = ?", id).Error
	return u, database.OrNotFound(err, users.ErrNotFound)
}

// Standing reads how an account stands. Inside a transaction the account cannot be locked out until that ends, so that
// a session is either refused or there to be revoked.
func (s *Store) Standing(ctx context.Context, id uuid.UUID) (users.Standing, error) {
	query := s.db.Conn(ctx)
	if database.InTransaction(ctx) {
		query = query.Clauses(clause.Locking{Strength: "SHARE"})
	}
	var row struct {
		Who     User `gorm:"embedded"`
		Overdue bool
	}
	err := query.Model(&User{}).Select("*, erase_at <= now() IS TRUE AS overdue").Take(&row, "id = ?", id).Error
	if err != nil {
		return users.Standing{}, database.OrNotFound(err, users.ErrNotFound)
	}
	standing := row.Who.Status()
	standing.Deleted = standing.Deleted || row.Overdue
	return standing, nil
}

// FindExisting reads those of the people who are not gone.
func (s *Store) FindExisting(ctx context.Context, ids []uuid.UUID) (found []User, err error) {
	err = s.db.Conn(ctx).Where("id = ANY(?) AND NOT gone", database.Array(ids)).Find(&found).Error
	return found, err
}

// Save writes what a person or the back office changes.
func (s *Store) Save(ctx context.Context, u *User) error {
	return s.db.Conn(ctx).Model(u).Select("handle", "display_name", "bio", "avatar_id", "cover_id", "is_private", "email", "email_verified",
		"roles", "version", "handle_changed_at", "handle_changed_before", "suspended_at", "erase_at", "erased_at", "updated_at").
		Updates(u).Error
}

// ClaimHandle secures a handle for a person, in the transaction open in ctx, and reports whether it, and what looks like it, was free.
// The handles that are kept back are looked at afterwards: whoever has waited for an erasure sees then what it has left.
func (s *Store) ClaimHandle(ctx context.Context, id uuid.UUID, handle string) (bool, error) {
	skeleton := text.HandleSkeleton(handle)
	done := s.db.Conn(ctx).Exec(`
		INSERT INTO user_handles AS h (skeleton, handle, user_id) VALUES (?, ?, ?)
		ON CONFLICT ON CONSTRAINT user_handles_pkey DO UPDATE
		SET handle = EXCLUDED.handle, user_id = EXCLUDED.user_id, expires_at = NULL
		WHERE h.user_id = EXCLUDED.user_id OR h.expires_at <= now()`, skeleton, handle, id)
	if done.Error != nil || done.RowsAffected == 0 {
		return false, done.Error
	}
	hashes := make([][]byte, len(s.keys))
	for i, key := range s.keys {
		hashes[i] = handleHash(key, skeleton)
	}
	kept := s.db.Conn(ctx).Exec(`DELETE FROM user_handles WHERE skeleton = ? AND user_id = ? AND EXISTS (
		SELECT 1 FROM user_kept_handles WHERE hash IN ? AND expires_at > now())`, skeleton, id, hashes)
	return kept.RowsAffected == 0, kept.Error
}

// KeepHandlesBack replaces the handles of somebody who is being erased by hashes, in the transaction open in ctx: the present one for
// HandleRetention, former ones for the rest of theirs.
func (s *Store) KeepHandlesBack(ctx context.Context, id uuid.UUID) error {
	var gone []struct {
		Skeleton  string
		ExpiresAt *time.Time
	}
	err := s.db.Conn(ctx).Raw("DELETE FROM user_handles WHERE user_id = ? RETURNING skeleton, expires_at", id).Scan(&gone).Error
	for _, h := range gone {
		if err != nil {
			return err
		}
		err = s.db.Conn(ctx).Exec(`INSERT INTO user_kept_handles AS k (hash, expires_at) SELECT ?::bytea, coalesce(?::timestamptz, now() + make_interval(secs => ?))
			ON CONFLICT (hash) DO UPDATE SET expires_at = greatest(k.expires_at, EXCLUDED.expires_at)`,
			handleHash(s.keys[0], h.Skeleton), h.ExpiresAt, HandleRetention.Seconds()).Error
	}
	return err
}

// PruneKeptHandles forgets the handles of erased people that anybody may take again.
func (s *Store) PruneKeptHandles(ctx context.Context) error {
	return s.db.Conn(ctx).Exec("DELETE FROM user_kept_handles WHERE expires_at <= now()").Error
}

func handleHash(key []byte, skeleton string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(skeleton))
	return mac.Sum(nil)
}

// RetireHandle lets a former handle lead to its person until then.
func (s *Store) RetireHandle(ctx context.Context, id uuid.UUID, handle string, until time.Time) error {
	return s.db.Conn(ctx).Exec("UPDATE user_handles SET expires_at = ? WHERE skeleton = ? AND user_id = ?",
		until, text.HandleSkeleton(handle), id).Error
}

// FindByHandles returns whose the handles are, former ones too; unknown ones are absent.
func (s *Store) FindByHandles(ctx context.Context, handles []string) (map[string]uuid.UUID, error) {
	skeletons := make([]string, len(handles))
	for i, h := range handles {
		skeletons[i] = text.HandleSkeleton(h)
	}
	var rows []struct {
		Skeleton string
		UserID   uuid.UUID
	}
	err := s.db.Conn(ctx).Raw(`SELECT skeleton, user_id FROM user_handles
		WHERE skeleton = ANY(?) AND (expires_at IS NULL OR expires_at > now())`, database.Array(skeletons)).Scan(&rows).Error
	if err != nil {
		return nil, err
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

// FindByEmail reads the people with an address, whatever its case, but for those who are gone.
func (s *Store) FindByEmail(ctx context.Context, email string) (found []User, err error) {
	err = s.db.Conn(ctx).Where("lower(email) = lower(?) AND email <> '' AND NOT gone", email).Order("id").Find(&found).Error
	return found, err
}

// AddPosts changes the number of posts; the constraint refuses to go below 0.
func (s *Store) AddPosts(ctx context.Context, id uuid.UUID, delta int) error {
	return s.db.Conn(ctx).Exec("UPDATE users SET posts = posts + ? WHERE id = ?", delta, id).Error
}

// Contacts returns how to reach those of the people who are not gone.
func (s *Store) Contacts(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]users.Contact, error) {
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
	return found, err
}

// Currency reads the currency of a person's settings; "" where there are none.
func (s *Store) Currency(ctx context.Context, id uuid.UUID) (currency string, err error) {
	err = s.db.Conn(ctx).Raw("SELECT coalesce((SELECT currency FROM user_settings WHERE user_id = ?), '')", id).Scan(&currency).Error
	return currency, err
}

// DefaultVisibility reads who sees what a person publishes without saying.
func (s *Store) DefaultVisibility(ctx context.Context, id uuid.UUID) (visibility string, err error) {
	err = s.db.Conn(ctx).Raw("SELECT coalesce((SELECT default_visibility FROM user_settings WHERE user_id = ?), 'public')", id).Scan(&visibility).Error
	return visibility, err
}

// LockAll locks people in the order of their ids, so that two who do the same wait instead of deadlocking.
// Whoever does not exist is absent.
func (s *Store) LockAll(ctx context.Context, ids ...uuid.UUID) (map[uuid.UUID]User, error) {
	var rows []User
	err := s.db.Conn(ctx).Clauses(LockForChange).Where("id = ANY(?)", database.Array(ids)).Order("id").Find(&rows).Error
	found := map[uuid.UUID]User{}
	for _, u := range rows {
		found[u.ID] = u
	}
	return found, err
}
