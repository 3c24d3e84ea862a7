package post

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/words"
	"atrium/modules/uploads"
	"atrium/platform/database"
)

// constraints see to it that two posts cannot share a photo, even if both were claimed at once.
var constraints = database.Constraints{"post_images_photo": uploads.ErrNotUsable}

// Store writes posts. It is used inside transactions.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db.WithConstraints(constraints)} }

// Insert writes a new post; its times are those of PostgreSQL.
func (s *Store) Insert(ctx context.Context, id, author uuid.UUID, d Draft) error {
	row := d.row(id, author)
	if err := s.db.Conn(ctx).Create(&row).Error; err != nil {
		return err
	}
	return s.insertParts(ctx, id, d)
}

// Lock returns the version of the author's living post, locked until the transaction ends, or posts.ErrNotFound.
func (s *Store) Lock(ctx context.Context, author, id uuid.UUID) (version int64, err error) {
	err = s.one(s.db.Conn(ctx).Raw(`
		SELECT version FROM posts WHERE id = ? AND author_id = ? AND deleted_at IS NULL FOR NO KEY UPDATE`, id, author).Scan(&version))
	return version, err
}

// Save writes what the post says from now on, as its next version.
func (s *Store) Save(ctx context.Context, id uuid.UUID, d Draft) error {
	err := s.one(s.db.Conn(ctx).Exec(`
		UPDATE posts SET caption = ?, search = ?, room = ?, style = ?, visibility = ?, counts_hidden = ?, comment_policy = ?,
			version = version + 1, updated_at = clock_timestamp()
		WHERE id = ?`, d.Caption, words.SearchText(d.Caption), d.Room, d.Style, d.Visibility, d.CountsHidden, d.CommentPolicy, id))
	if err != nil {
		return err
	}
	for _, part := range []any{&Image{}, &Pin{}, &Tag{}} {
		if err := s.db.Conn(ctx).Where("post_id = ?", id).Delete(part).Error; err != nil {
			return err
		}
	}
	return s.insertParts(ctx, id, d)
}

// insertParts writes what belongs to a post beside its row: one statement per table.
func (s *Store) insertParts(ctx context.Context, id uuid.UUID, d Draft) error {
	images, pins, tags := d.parts(id)
	err := s.db.Conn(ctx).Create(&images).Error
	if err == nil && len(pins) > 0 {
		err = s.db.Conn(ctx).Create(&pins).Error
	}
	if err == nil && len(tags) > 0 {
		err = s.db.Conn(ctx).Create(&tags).Error
	}
	return err
}

// Delete hides the author's living post, or returns posts.ErrNotFound.
func (s *Store) Delete(ctx context.Context, author, id uuid.UUID) error {
	return s.one(s.db.Conn(ctx).Exec(`
		UPDATE posts SET deleted_at = clock_timestamp() WHERE id = ? AND author_id = ? AND deleted_at IS NULL`, id, author))
}

// Restore brings the author's post back if it was deleted at most a window ago, and returns its visibility, else posts.ErrNotFound.
func (s *Store) Restore(ctx context.Context, author, id uuid.UUID, window time.Duration) (visibility string, err error) {
	err = s.one(s.db.Conn(ctx).Raw(`
		UPDATE posts SET deleted_at = NULL
		WHERE id = ? AND author_id = ? AND deleted_at > clock_timestamp() - make_interval(secs => ?)
		RETURNING visibility`, id, author, window.Seconds()).Scan(&visibility))
	return visibility, err
}

// Expired locks a post that was deleted longer ago than the window, or returns posts.ErrNotFound.
func (s *Store) Expired(ctx context.Context, id uuid.UUID, window time.Duration) error {
	return s.one(s.db.Conn(ctx).Exec(`
		SELECT 1 FROM posts WHERE id = ? AND deleted_at <= clock_timestamp() - make_interval(secs => ?) FOR UPDATE`, id, window.Seconds()))
}

// Purge removes a post with everything below it.
func (s *Store) Purge(ctx context.Context, id uuid.UUID) error {
	return s.one(s.db.Conn(ctx).Exec(`DELETE FROM posts WHERE id = ?`, id))
}

// Photos returns the post's photos.
func (s *Store) Photos(ctx context.Context, id uuid.UUID) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT photo_id FROM post_images WHERE post_id = ? ORDER BY position`, id).Scan(&ids).Error
	return ids, err
}

// one returns posts.ErrNotFound where a statement met no row.
func (s *Store) one(done *gorm.DB) error {
	if done.Error != nil {
		return done.Error
	}
	if done.RowsAffected == 0 {
		return posts.ErrNotFound
	}
	return nil
}

// unfolded locks up to n posts without a search text.
func (s *Store) unfolded(ctx context.Context, n int) ([]Post, error) {
	var rows []Post
	err := s.db.Conn(ctx).Raw(`SELECT id, caption FROM posts WHERE search IS NULL ORDER BY id LIMIT ? FOR NO KEY UPDATE SKIP LOCKED`, n).Scan(&rows).Error
	return rows, err
}

func (s *Store) fold(ctx context.Context, p Post) error {
	if err := s.db.Conn(ctx).Where("post_id = ?", p.ID).Delete(&Tag{}).Error; err != nil {
		return err
	}
	if tags := tagsOf(p.ID, p.Caption); len(tags) > 0 {
		if err := s.db.Conn(ctx).Create(&tags).Error; err != nil {
			return err
		}
	}
	return s.one(s.db.Conn(ctx).Exec(`UPDATE posts SET search = ? WHERE id = ?`, words.SearchText(p.Caption), p.ID))
}
