package review

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"atrium/platform/database"
)

// Store reads and writes reviews and the sums of their points.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db.WithConstraints(constraints)} }

var constraints = database.Constraints{"product_reviews_once": errReviewed}

// Insert writes a new review and counts it.
func (s *Store) Insert(ctx context.Context, r *Review) error {
	if err := s.db.Conn(ctx).Create(r).Error; err != nil {
		return err
	}
	return s.count(ctx, r.ProductID, 1, r.Rating)
}

// Lock reads a review for a change, or returns errNotFound.
func (s *Store) Lock(ctx context.Context, id uuid.UUID) (*Review, error) {
	var r Review
	err := s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Take(&r, "id = ?", id).Error
	return &r, database.OrNotFound(err, errNotFound)
}

// Update writes a review back, one version on, and keeps what it said before.
func (s *Store) Update(ctx context.Context, r *Review, before Review) error {
	conn := s.db.Conn(ctx)
	err := conn.Exec(`INSERT INTO product_review_versions (review_id, version, rating, text, written_at)
		SELECT id, version, rating, text, coalesce(edited_at, created_at) FROM product_reviews WHERE id = ?`, r.ID).Error
	if err != nil {
		return err
	}
	now := conn.NowFunc()
	r.Version, r.EditedAt = r.Version+1, &now
	if err := conn.Select("rating", "text", "photos", "version", "edited_at").Updates(r).Error; err != nil {
		return err
	}
	return s.count(ctx, r.ProductID, 0, r.Rating-before.Rating)
}

// Delete removes a review with its older versions.
func (s *Store) Delete(ctx context.Context, r *Review) error {
	if err := s.db.Conn(ctx).Exec(`DELETE FROM product_reviews WHERE id = ?`, r.ID).Error; err != nil {
		return err
	}
	return s.count(ctx, r.ProductID, -1, -r.Rating)
}

// count moves the sums of a product's ratings.
func (s *Store) count(ctx context.Context, product uuid.UUID, reviews, points int64) error {
	if reviews == 0 && points == 0 {
		return nil
	}
	conn := s.db.Conn(ctx)
	done := conn.Exec(`UPDATE product_ratings SET count = count + ?, sum = sum + ? WHERE product_id = ?`, reviews, points, product)
	if done.Error != nil || done.RowsAffected == 1 {
		return done.Error
	}
	return conn.Exec(`INSERT INTO product_ratings (product_id, count, sum) VALUES (?, ?, ?)
		ON CONFLICT (product_id) DO UPDATE SET count = product_ratings.count + excluded.count, sum = product_ratings.sum + excluded.sum`,
		product, reviews, points).Error
}

// Reviewed returns which of the lines have a review.
func (s *Store) Reviewed(ctx context.Context, lines []uuid.UUID) (map[uuid.UUID]bool, error) {
	var rows []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT line_id FROM product_reviews WHERE line_id = ANY(?)`, database.Array(lines)).Scan(&rows).Error
	reviewed := make(map[uuid.UUID]bool, len(rows))
	for _, line := range rows {
		reviewed[line] = true
	}
	return reviewed, err
}

// SoldBy reports whether a person sells a product.
func (s *Store) SoldBy(ctx context.Context, person, product uuid.UUID) (sold bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM products WHERE id = ? AND seller_id = ?)`, product, person).Scan(&sold).Error
	return sold, err
}

// ByAuthor reads the reviews of a person.
func (s *Store) ByAuthor(ctx context.Context, author uuid.UUID) ([]Review, error) {
	var rows []Review
	err := s.db.Conn(ctx).Order("product_id, id").Find(&rows, "author_id = ?", author).Error
	return rows, err
}

// After reads reviews in the order of their ids, after one.
func (s *Store) After(ctx context.Context, id uuid.UUID, limit int) ([]Review, error) {
	var rows []Review
	err := s.db.Conn(ctx).Order("id").Limit(limit).Find(&rows, "id > ?", id).Error
	return rows, err
}

// Page reads reviews of a product, newest first, below an id (the nil id: from the top).
func (s *Store) Page(ctx context.Context, product, below uuid.UUID, limit int) ([]Review, error) {
	if below == uuid.Nil {
		below = uuid.Max
	}
	var rows []Review
	err := s.db.Conn(ctx).Order("id DESC").Limit(limit).Find(&rows, "product_id = ? AND id < ?", product, below).Error
	return rows, err
}

// LockByAuthor reads and locks up to limit reviews of a person.
func (s *Store) LockByAuthor(ctx context.Context, author uuid.UUID, limit int) ([]Review, error) {
	var rows []Review
	err := s.db.Conn(ctx).Order("product_id, id").Limit(limit).Clauses(clause.Locking{Strength: "UPDATE"}).Find(&rows, "author_id = ?", author).Error
	return rows, err
}
