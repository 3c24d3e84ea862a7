package internal

import (
	"context"

	"github.com/google/uuid"
)

// Categories reads them in the order they are shown.
func (s *Store) Categories(ctx context.Context) ([]Category, error) {
	var rows []Category
	err := s.db.Conn(ctx).Raw(`SELECT slug, parent_slug, name, position, version FROM categories ORDER BY position, slug`).Scan(&rows).Error
	return rows, faults.Translate(err, nil)
}

// Category reads one, or returns errCategoryNotFound.
func (s *Store) Category(ctx context.Context, slug string) (c Category, err error) {
	err = s.db.Conn(ctx).Take(&c, "slug = ?", slug).Error
	return c, faults.Translate(err, errCategoryNotFound)
}

// LockCategories keeps the tree as it is until the transaction ends: two moves at once could make a circle.
func (s *Store) LockCategories(ctx context.Context) error {
	return faults.Translate(s.db.Conn(ctx).Exec(`LOCK TABLE categories IN SHARE ROW EXCLUSIVE MODE`).Error, nil)
}

// InsertCategory writes a new category.
func (s *Store) InsertCategory(ctx context.Context, c Category) error {
	return faults.Translate(s.db.Conn(ctx).Create(&c).Error, nil)
}

// UpdateCategory writes a category back.
func (s *Store) UpdateCategory(ctx context.Context, c Category) error {
	err := s.db.Conn(ctx).Exec(`UPDATE categories SET parent_slug = ?, name = ?, position = ?, version = ? WHERE slug = ?`,
		c.ParentSlug, c.Name, c.Position, c.Version, c.Slug).Error
	return faults.Translate(err, nil)
}

// DeleteCategory removes a category, or returns errCategoryNotFound or errCategoryInUse. Products that were deleted count, too.
func (s *Store) DeleteCategory(ctx context.Context, slug string) error {
	done := s.db.Conn(ctx).Exec(`DELETE FROM categories WHERE slug = ?`, slug)
	if err := categoryFaults.Translate(done.Error, nil); err != nil {
		return err
	}
	if done.RowsAffected == 0 {
		return errCategoryNotFound
	}
	return nil
}

// InCategory reads ids of products in a category, ascending, after one.
func (s *Store) InCategory(ctx context.Context, category string, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT id FROM products WHERE category_slug = ? AND deleted_at IS NULL AND id > ? ORDER BY id LIMIT ?`,
		category, after, limit).Scan(&ids).Error
	return ids, faults.Translate(err, nil)
}
