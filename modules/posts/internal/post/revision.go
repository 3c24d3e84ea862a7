package post

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/content"
)

// maxRevisions bounds what is kept of one post's past: the newest.
const maxRevisions = 100

// Revision is what a post said before an edit. Its photos are named by id only: what the post lost is gone.
type Revision struct {
	Version   int64     `json:"version"`
	Said      Draft     `json:"said" gorm:"serializer:json"`
	WrittenAt time.Time `json:"written_at" doc:"when the author wrote it"`
}

// SchemaName is its name in the OpenAPI document.
func (Revision) SchemaName() string { return "PostRevision" }

// Keep notes what a locked post says before it is edited, and forgets what is older than the newest hundred.
func (s *Store) Keep(ctx context.Context, now *content.Content) error {
	row := struct {
		PostID uuid.UUID
		Revision
	}{PostID: now.ID, Revision: Revision{Version: now.Version, Said: draftOf(now), WrittenAt: now.UpdatedAt}}
	if err := s.db.Conn(ctx).Table("post_revisions").Create(&row).Error; err != nil {
		return err
	}
	return s.db.Conn(ctx).Exec(
		`DELETE FROM post_revisions WHERE post_id = ? AND version <= ?`, now.ID, now.Version-maxRevisions).Error
}

// Revisions returns what a post said in versions below one, the newest first.
func (s *Store) Revisions(ctx context.Context, post uuid.UUID, below int64, n int) ([]Revision, error) {
	var rows []Revision
	err := s.db.Conn(ctx).Raw(`
		SELECT version, said, written_at FROM post_revisions WHERE post_id = ? AND version < ?
		ORDER BY version DESC LIMIT ?`, post, below, n).Scan(&rows).Error
	return rows, err
}

// Owned returns posts.ErrNotFound unless the author's post is there.
func (s *Store) Owned(ctx context.Context, author, id uuid.UUID) error {
	var one int
	return s.one(s.db.Conn(ctx).Raw(`SELECT 1 FROM posts WHERE id = ? AND author_id = ? AND deleted_at IS NULL`, id, author).Scan(&one))
}
