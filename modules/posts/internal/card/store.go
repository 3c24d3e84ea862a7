package card

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Store reads posts. It writes nothing.
type Store struct{ db *database.DB }

// NewStore makes a Store.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

// Contents returns what the posts say, deleted ones too: whether a post is there, its figures tell.
func (s *Store) Contents(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Content, error) {
	var rows []Content
	err := s.db.Conn(ctx).Raw(`
		SELECT p.id, p.author_id, p.caption, p.room, p.style, p.visibility, p.version, p.created_at, p.updated_at,
		       p.counts_hidden, p.comment_policy,
		       (SELECT coalesce(json_agg(t.tag ORDER BY t.position), '[]') FROM post_tags t WHERE t.post_id = p.id) AS tags,
		       (SELECT coalesce(json_agg(json_build_object('id', i.photo_id, 'alt', i.alt, 'pins',
		               (SELECT coalesce(json_agg(json_build_object('x', g.x, 'y', g.y, 'label', g.label, 'product_id', g.product_id)
		                                         ORDER BY g.position), '[]')
		                FROM post_product_tags g WHERE g.post_id = i.post_id AND g.photo_id = i.photo_id)
		           ) ORDER BY i.position), '[]')
		        FROM post_images i WHERE i.post_id = p.id) AS photos
		FROM posts p WHERE p.id = ANY(?)`, database.Array(ids)).Scan(&rows).Error
	if err != nil {
		return nil, faults.Translate(err, nil)
	}
	contents := make(map[uuid.UUID]Content, len(rows))
	for _, row := range rows {
		contents[row.ID] = row
	}
	return contents, nil
}

// figures returns the figures of those of the posts that are there, with the viewer's flags.
func (s *Store) figures(ctx context.Context, viewer uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]Figures, error) {
	var rows []Figures
	err := s.db.Conn(ctx).Raw(`
		SELECT p.id, p.author_id, p.visibility, p.version, p.like_count AS likes, p.comment_count AS comments, p.save_count AS saves,
		       p.author_id = @viewer AS own,
		       EXISTS (SELECT 1 FROM post_likes l WHERE l.post_id = p.id AND l.user_id = @viewer) AS liked,
		       EXISTS (SELECT 1 FROM post_saves s WHERE s.post_id = p.id AND s.user_id = @viewer) AS saved
		FROM posts p WHERE p.id = ANY(@ids) AND p.deleted_at IS NULL`,
		map[string]any{"viewer": viewer, "ids": database.Array(ids)}).Scan(&rows).Error
	if err != nil {
		return nil, faults.Translate(err, nil)
	}
	figures := make(map[uuid.UUID]Figures, len(rows))
	for _, row := range rows {
		figures[row.ID] = row
	}
	return figures, nil
}

var faults = database.Faults{}
