package address

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Store is the only file of the package that speaks to the database.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// Lock keeps everybody else from changing the person's address book until the transaction ends.
func (s *Store) Lock(ctx context.Context, user uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`SELECT pg_advisory_xact_lock(hashtextextended('orders.addresses ' || ?::text, 0))`, user).Error
}

// Count counts a person's addresses.
func (s *Store) Count(ctx context.Context, user uuid.UUID) (n int, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT count(*) FROM addresses WHERE user_id = ?`, user).Scan(&n).Error
	return n, err
}

// Page reads a person's addresses, newest first, below the id given (the nil id: from the top).
func (s *Store) Page(ctx context.Context, user, below uuid.UUID, limit int) ([]Address, error) {
	q := s.db.Conn(ctx).Where("user_id = ?", user).Order("id DESC").Limit(limit)
	if below != uuid.Nil {
		q = q.Where("id < ?", below)
	}
	var rows []Address
	err := q.Find(&rows).Error
	return rows, err
}

// ByID reads a person's address, or returns errNotFound.
func (s *Store) ByID(ctx context.Context, user, id uuid.UUID) (Address, error) {
	var a Address
	err := s.db.Conn(ctx).Take(&a, "id = ? AND user_id = ?", id, user).Error
	return a, database.OrNotFound(err, errNotFound)
}

// Insert writes a new address.
func (s *Store) Insert(ctx context.Context, a *Address) error {
	return s.db.Conn(ctx).Create(a).Error
}

// Update writes an address back, one version on.
func (s *Store) Update(ctx context.Context, a *Address) error {
	a.Version++
	return s.db.Conn(ctx).Select("*").Omit("id", "user_id", "created_at").Updates(a).Error
}

// Default reads a person's default address; found is false where there is none.
func (s *Store) Default(ctx context.Context, user uuid.UUID) (a Address, found bool, err error) {
	rows := []Address{}
	if err = s.db.Conn(ctx).Limit(1).Find(&rows, "user_id = ? AND is_default", user).Error; err != nil || len(rows) == 0 {
		return a, false, err
	}
	return rows[0], true, nil
}

// Undefault takes the mark of the default address off all others.
func (s *Store) Undefault(ctx context.Context, user, other uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`UPDATE addresses SET is_default = false, version = version + 1
		WHERE user_id = ? AND id <> ? AND is_default`, user, other).Error
}

// Delete removes a person's address, or returns errNotFound.
func (s *Store) Delete(ctx context.Context, user, id uuid.UUID) error {
	return database.AtLeastOne(s.db.Conn(ctx).Exec(`DELETE FROM addresses WHERE id = ? AND user_id = ?`, id, user), errNotFound)
}

// Forget removes a person's addresses.
func (s *Store) Forget(ctx context.Context, user uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM addresses WHERE user_id = ?`, user).Error
}
