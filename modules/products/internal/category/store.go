package category

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Store reads and writes categories.
type Store struct {
	db         *database.DB
	inDeletion *database.DB // the same, where a category is deleted: see inUse
}

func NewStore(db *database.DB) *Store {
	return &Store{db: db.WithConstraints(constraints), inDeletion: db.WithConstraints(inUse)}
}

var constraints = database.Constraints{"categories_pkey": errTaken}

// inUse is what constraints mean where a category is deleted: something refers to it.
var inUse = database.Constraints{"products_category": errInUse, "categories_parent": errInUse}

// All reads them in the order they are shown.
func (s *Store) All(ctx context.Context) ([]Category, error) {
	var rows []Category
	err := s.db.Conn(ctx).Raw(`SELECT slug, parent_slug, name, position, version FROM categories ORDER BY position, slug`).Scan(&rows).Error
	return rows, err
}

// BySlug reads one, or returns errNotFound.
func (s *Store) BySlug(ctx context.Context, slug string) (c Category, err error) {
	err = s.db.Conn(ctx).Take(&c, "slug = ?", slug).Error
	return c, database.OrNotFound(err, errNotFound)
}

// LockAll keeps the tree as it is until the transaction ends: two moves at once could make a circle.
func (s *Store) LockAll(ctx context.Context) error {
	return s.db.Conn(ctx).Exec(`LOCK TABLE categories IN SHARE ROW EXCLUSIVE MODE`).Error
}

// Insert writes a new category.
func (s *Store) Insert(ctx context.Context, c Category) error {
	return s.db.Conn(ctx).Create(&c).Error
}

// Update writes a category back.
func (s *Store) Update(ctx context.Context, c Category) error {
	return s.db.Conn(ctx).Exec(`UPDATE categories SET parent_slug = ?, name = ?, position = ?, version = ? WHERE slug = ?`,
		c.ParentSlug, c.Name, c.Position, c.Version, c.Slug).Error
}

// Delete removes a category, or returns errNotFound or errInUse. Products that were deleted count, too.
func (s *Store) Delete(ctx context.Context, slug string) error {
	return database.AtLeastOne(s.inDeletion.Conn(ctx).Exec(`DELETE FROM categories WHERE slug = ?`, slug), errNotFound)
}

// ProductsIn reads ids of products in a category, ascending, after one.
func (s *Store) ProductsIn(ctx context.Context, category string, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT id FROM products WHERE category_slug = ? AND deleted_at IS NULL AND id > ? ORDER BY id LIMIT ?`,
		category, after, limit).Scan(&ids).Error
	return ids, err
}
