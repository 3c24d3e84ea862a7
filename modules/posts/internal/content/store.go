package content

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/platform/database"
)

// Store reads posts. It writes nothing.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// Contents returns what the posts say and what moves on them, deleted ones too. Those that never were, or were purged, are absent.
func (s *Store) Contents(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*Content, map[uuid.UUID]Figures, error) {
	var rows []struct {
		Content
		Figures
	}
	err := s.db.Conn(ctx).Raw(`
		SELECT p.id, p.author_id, p.caption, p.room, p.style, p.visibility, p.version, p.created_at, p.updated_at,
		       p.counts_hidden, p.comment_policy,
		       p.deleted_at IS NOT NULL AS gone, p.like_count AS likes, p.comment_count AS comments, p.save_count AS saves,
		       (SELECT coalesce(json_agg(coalesce(t.shown, t.tag) ORDER BY t.position), '[]') FROM post_tags t WHERE t.post_id = p.id) AS tags,
		       (SELECT coalesce(json_agg(json_build_object('id', i.photo_id, 'alt', i.alt,
		               'focal', CASE WHEN i.focal_x IS NOT NULL THEN json_build_object('x', i.focal_x, 'y', i.focal_y) END, 'pins',
		               (SELECT coalesce(json_agg(json_build_object('x', g.x, 'y', g.y, 'label', g.label, 'product_id', g.product_id)
		                                         ORDER BY g.position), '[]')
		                FROM post_product_tags g WHERE g.post_id = i.post_id AND g.photo_id = i.photo_id)
		           ) ORDER BY i.position), '[]')
		        FROM post_images i WHERE i.post_id = p.id) AS photos
		FROM posts p WHERE p.id = ANY(?)`, database.Array(ids)).Scan(&rows).Error
	if err != nil {
		return nil, nil, err
	}
	contents, figures := make(map[uuid.UUID]*Content, len(rows)), make(map[uuid.UUID]Figures, len(rows))
	for i := range rows {
		contents[rows[i].ID], figures[rows[i].ID] = &rows[i].Content, rows[i].Figures
	}
	return contents, figures, nil
}

// Figures returns what moves on posts. Those that never were, or were purged, are absent.
func (s *Store) Figures(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Figures, error) {
	var rows []struct {
		ID uuid.UUID
		Figures
	}
	err := s.db.Conn(ctx).Raw(`SELECT id, like_count AS likes, comment_count AS comments, save_count AS saves FROM posts WHERE id = ANY(?)`,
		database.Array(ids)).Scan(&rows).Error
	figures := make(map[uuid.UUID]Figures, len(rows))
	for _, row := range rows {
		figures[row.ID] = row.Figures
	}
	return figures, err
}

// States returns the states of posts. Those that never were, or were purged, are absent.
func (s *Store) States(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]State, error) {
	var rows []struct {
		ID uuid.UUID
		State
	}
	err := s.db.Conn(ctx).Raw(`SELECT id, version, visibility, deleted_at IS NOT NULL AS gone FROM posts WHERE id = ANY(?)`,
		database.Array(ids)).Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	states := make(map[uuid.UUID]State, len(rows))
	for _, row := range rows {
		states[row.ID] = row.State
	}
	return states, nil
}

// countByAuthor returns how many living posts the authors have. Who has none is absent.
func (s *Store) countByAuthor(ctx context.Context, authors []uuid.UUID) (map[uuid.UUID]posts.ByVisibility, error) {
	var rows []struct {
		AuthorID uuid.UUID
		posts.ByVisibility
	}
	err := s.db.Conn(ctx).Raw(`
		SELECT author_id, count(*) FILTER (WHERE visibility = 'public') AS public, count(*) FILTER (WHERE visibility = 'followers') AS followers,
		       count(*) FILTER (WHERE visibility = 'private') AS private
		FROM posts WHERE author_id = ANY(?) AND deleted_at IS NULL GROUP BY author_id`, database.Array(authors)).Scan(&rows).Error
	counts := make(map[uuid.UUID]posts.ByVisibility, len(rows))
	for _, row := range rows {
		counts[row.AuthorID] = row.ByVisibility
	}
	return counts, err
}
