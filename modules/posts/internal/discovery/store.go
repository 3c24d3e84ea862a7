package discovery

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"atrium/modules/posts/internal/words"
	"atrium/platform/database"
	"atrium/platform/page"
)

// Store reads the lists that are no feed.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// byAuthor returns the author's posts with one of the visibilities.
func (s *Store) byAuthor(ctx context.Context, author uuid.UUID, visibilities []string, after page.Position, n int) ([]page.Position, error) {
	return s.newest(ctx, after, n, func(q *gorm.DB) *gorm.DB {
		return q.Where("author_id = ? AND visibility = ANY(?)", author, database.Array(visibilities))
	})
}

// found returns public posts whose caption holds all the words, of a room and a style ("": any).
func (s *Store) found(ctx context.Context, typed []string, room, style string, after page.Position, n int) ([]page.Position, error) {
	return s.newest(ctx, after, n, func(q *gorm.DB) *gorm.DB { return matching(q, typed, room, style) })
}

// traits returns what the newest n of these posts are.
func (s *Store) traits(ctx context.Context, typed []string, room, style string, n int) ([]traits, error) {
	var found []traits
	q := s.db.Conn(ctx).Table("posts").Select("author_id, coalesce(room, '') AS room, coalesce(style, '') AS style").Where("deleted_at IS NULL")
	err := matching(q, typed, room, style).Order("created_at DESC, id DESC").Limit(n).Scan(&found).Error
	return found, err
}

func matching(q *gorm.DB, typed []string, room, style string) *gorm.DB {
	q = q.Where("visibility = 'public'")
	if condition, values := words.InCaption(typed); condition != "" {
		q = q.Where(condition, values...)
	}
	if room != "" {
		q = q.Where("room = ?", room)
	}
	if style != "" {
		q = q.Where("style = ?", style)
	}
	return q
}

// newest returns living posts after a spot, newest first, narrowed down by where.
func (s *Store) newest(ctx context.Context, after page.Position, n int, where func(*gorm.DB) *gorm.DB) ([]page.Position, error) {
	var spots []page.Position
	q := s.db.Conn(ctx).Table("posts").Select("created_at AS at, id").
		Where("deleted_at IS NULL AND (created_at, id) < (?, ?)", after.At, after.ID)
	err := where(q).Order("created_at DESC, id DESC").Limit(n).Scan(&spots).Error
	return spots, err
}

// tagged returns posts with a hashtag, in one of its forms, the youngest id first: ids are made in the order of time.
func (s *Store) tagged(ctx context.Context, forms []string, after page.Position, n int) ([]page.Position, error) {
	var spots []page.Position
	err := s.db.Conn(ctx).Raw(`
		SELECT p.created_at AS at, p.id FROM post_tags t JOIN posts p ON p.id = t.post_id
		WHERE t.tag IN ? AND t.post_id < ? AND p.deleted_at IS NULL
		ORDER BY t.post_id DESC LIMIT ?`, forms, after.ID, n).Scan(&spots).Error
	return spots, err
}

// saved returns what a person saved, newest first, after a spot.
func (s *Store) saved(ctx context.Context, user uuid.UUID, after page.Position, n int) ([]page.Position, error) {
	var spots []page.Position
	err := s.db.Conn(ctx).Raw(`
		SELECT created_at AS at, post_id AS id FROM post_saves
		WHERE user_id = ? AND (created_at, post_id) < (?, ?)
		ORDER BY created_at DESC, post_id DESC LIMIT ?`, user, after.At, after.ID, n).Scan(&spots).Error
	return spots, err
}
