package comment

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/platform/database"
)

// constraints are violated by a post or parent that was purged in the same moment.
var constraints = database.Constraints{"post_comments_post": posts.ErrNotFound, "post_comments_parent": posts.ErrCommentNotFound}

// Store keeps comments.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db.WithConstraints(constraints)} }

// Insert writes a comment; its time is that of PostgreSQL.
func (s *Store) Insert(ctx context.Context, c *Comment) error {
	return s.db.Conn(ctx).Create(c).Error
}

// Find returns a living comment, or posts.ErrCommentNotFound.
func (s *Store) Find(ctx context.Context, id uuid.UUID) (Comment, error) {
	var c Comment
	err := database.AtLeastOne(s.db.Conn(ctx).Raw(`
		SELECT c.*, p.pinned_comment_id IS NOT DISTINCT FROM c.id AS pinned
		FROM post_comments c JOIN posts p ON p.id = c.post_id
		WHERE c.id = ? AND c.deleted_at IS NULL`, id).Scan(&c), posts.ErrCommentNotFound)
	return c, err
}

// Edit writes another text, if the comment is at most a window old, else posts.ErrEditClosed. The same text is no change.
func (s *Store) Edit(ctx context.Context, id uuid.UUID, text string, window time.Duration) (changed bool, err error) {
	err = database.AtLeastOne(s.db.Conn(ctx).Raw(`
		WITH young AS (
			SELECT id, text <> @text AS changed FROM post_comments
			WHERE id = @id AND deleted_at IS NULL AND created_at > clock_timestamp() - make_interval(secs => @window) FOR NO KEY UPDATE),
		edited AS (
			UPDATE post_comments c SET text = @text, edited_at = clock_timestamp() FROM young WHERE c.id = young.id AND young.changed)
		SELECT changed FROM young`, map[string]any{"id": id, "text": text, "window": window.Seconds()}).Scan(&changed), posts.ErrEditClosed)
	return changed, err
}

// Delete forgets the text and keeps the row, or returns posts.ErrCommentNotFound.
func (s *Store) Delete(ctx context.Context, id uuid.UUID) error {
	return database.AtLeastOne(s.db.Conn(ctx).Exec(`
		UPDATE post_comments SET text = '', deleted_at = clock_timestamp() WHERE id = ? AND deleted_at IS NULL`, id),
		posts.ErrCommentNotFound)
}

// Move moves the post's counter. It comes last in a transaction, since everybody who comments waits for this row.
func (s *Store) Move(ctx context.Context, post uuid.UUID, delta int) error {
	return s.db.Conn(ctx).Exec(
		`UPDATE posts SET comment_count = comment_count + ? WHERE id = ?`, delta, post).Error
}

// Below returns comments of a post, oldest first, after one, without the pinned one. Deleted ones are among them where they hold living replies.
func (s *Store) Below(ctx context.Context, post uuid.UUID, after Comment, n int) ([]Comment, error) {
	var rows []Comment
	err := s.db.Conn(ctx).Raw(`
		SELECT c.* FROM post_comments c
		WHERE c.post_id = ? AND (c.created_at, c.id) > (?, ?)
		  AND (c.deleted_at IS NOT NULL OR c.id IS DISTINCT FROM (SELECT pinned_comment_id FROM posts WHERE id = c.post_id))
		  AND (c.deleted_at IS NULL OR EXISTS (SELECT 1 FROM post_comments r WHERE r.parent_id = c.id AND r.deleted_at IS NULL))
		ORDER BY c.created_at, c.id LIMIT ?`, post, after.CreatedAt, after.ID, n).Scan(&rows).Error
	return rows, err
}

// mostRepliers bounds of how many people's replies it is looked at whether a hidden comment has one that can be seen.
const mostRepliers = 200

// Repliers returns who wrote living replies to each of the comments, each person once.
func (s *Store) Repliers(ctx context.Context, comments []uuid.UUID) ([]reply, error) {
	var rows []reply
	err := s.db.Conn(ctx).Raw(`
		SELECT c.id AS parent_id, r.author_id FROM unnest(CAST(? AS uuid[])) AS c (id) CROSS JOIN LATERAL (
			SELECT DISTINCT author_id FROM post_comments WHERE parent_id = c.id AND deleted_at IS NULL LIMIT ?) r`,
		database.Array(comments), mostRepliers).Scan(&rows).Error
	return rows, err
}

// Pinned returns the post's pinned comment, if there is one.
func (s *Store) Pinned(ctx context.Context, post uuid.UUID) ([]Comment, error) {
	var rows []Comment
	err := s.db.Conn(ctx).Raw(`
		SELECT c.*, true AS pinned FROM posts p JOIN post_comments c ON c.id = p.pinned_comment_id
		WHERE p.id = ? AND c.deleted_at IS NULL`, post).Scan(&rows).Error
	return rows, err
}

// Pin pins a living comment, or returns posts.ErrCommentNotFound. The comment is locked, so that it is not deleted meanwhile.
func (s *Store) Pin(ctx context.Context, post, id uuid.UUID) error {
	return database.AtLeastOne(s.db.Conn(ctx).Exec(`
		WITH living AS (SELECT id FROM post_comments WHERE id = ? AND deleted_at IS NULL FOR SHARE)
		UPDATE posts SET pinned_comment_id = living.id FROM living WHERE posts.id = ?`, id, post), posts.ErrCommentNotFound)
}

// Unpin takes the pin from a comment, if it has it.
func (s *Store) Unpin(ctx context.Context, post, id uuid.UUID) error {
	return s.db.Conn(ctx).Exec(
		`UPDATE posts SET pinned_comment_id = NULL WHERE id = ? AND pinned_comment_id = ?`, post, id).Error
}

// Filter returns the words that the author does not want below their posts.
func (s *Store) Filter(ctx context.Context, author uuid.UUID) ([]string, error) {
	list := []string{}
	err := s.db.Conn(ctx).Raw(`SELECT unnest(words) FROM post_comment_filters WHERE author_id = ?`, author).Scan(&list).Error
	return list, err
}

// SetFilter replaces them.
func (s *Store) SetFilter(ctx context.Context, author uuid.UUID, list []string) error {
	return s.db.Conn(ctx).Exec(`
		INSERT INTO post_comment_filters (author_id, words) VALUES (?, ?)
		ON CONFLICT (author_id) DO UPDATE SET words = excluded.words, updated_at = now()`, author, database.Array(list)).Error
}
