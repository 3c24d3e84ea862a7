package palette

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/words"
	"atrium/platform/database"
)

// Store keeps the palettes of public posts.
type Store struct {
	db   *database.DB
	size atomic.Pointer[size]
}

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// The sizes that decide how photos are looked up.
const (
	mostCells = 1500            // so many looks into the index cost as much as reading everything
	mostRead  = 20_000          // palettes are read as a whole sooner than hundreds of looks into the index find some of them
	sizeKept  = 1 * time.Minute // how long it is known whether there are more
)

// Few reports whether there are so few palettes that it is best to read all of them. It is asked of PostgreSQL once a minute: what is
// found is the same either way.
func (s *Store) Few(ctx context.Context) (bool, error) {
	if known := s.size.Load(); known != nil && time.Since(known.at) < sizeKept {
		return known.few, nil
	}
	var n int
	err := s.db.Conn(ctx).Raw(`SELECT count(*) FROM (SELECT 1 FROM post_palettes LIMIT ?) p`, mostRead+1).Scan(&n).Error
	if err == nil {
		s.size.Store(&size{few: n <= mostRead, at: time.Now()})
	}
	return n <= mostRead, err
}

// size is whether there were few palettes at a moment.
type size struct {
	few bool
	at  time.Time
}

// lookUp calls visit at least for the photos with a colour in one of the cells, for some more than once; without cells for all photos. The
// post of a photo fits the rest of the query, and the photo has a colour in one of the cells of each of others too.
func (s *Store) lookUp(ctx context.Context, cells []int32, others [][]int32, q Query, visit func(post uuid.UUID, tones []byte)) error {
	statement, values := lookUpSQL(cells, others, q)
	if len(others) == 0 || len(cells) == 0 {
		return s.visitAll(ctx, statement, values, visit)
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.byIndex(ctx, true); err != nil {
			return err
		}
		if err := s.visitAll(ctx, statement, values, visit); err != nil {
			return err
		}
		return s.byIndex(ctx, false)
	})
}

// byIndex keeps the planner from reading everything in the transaction open in ctx: it takes the comparison of a palette with hundreds of
// cells for as cheap as that of two numbers.
func (s *Store) byIndex(ctx context.Context, only bool) error {
	return s.db.Conn(ctx).Exec(`SELECT set_config('enable_seqscan', ?, true)`, map[bool]string{true: "off", false: "on"}[only]).Error
}

// lookUpSQL returns the statement of lookUp. For one colour each cell is a look of its own into the index: one look for all would compare
// every entry with every cell.
func lookUpSQL(cells []int32, others [][]int32, q Query) (statement string, values []any) {
	conditions := ""
	if q.Room != "" {
		conditions, values = conditions+" AND room = ?", append(values, q.Room)
	}
	if q.Style != "" {
		conditions, values = conditions+" AND style = ?", append(values, q.Style)
	}
	switch {
	case len(cells) == 0 || len(cells) > mostCells && len(others) == 0:
		statement = `SELECT post_id, tones FROM post_palettes p WHERE true` + conditions
	case len(others) == 0:
		statement = `SELECT p.post_id, p.tones FROM unnest(CAST(? AS int[])) AS c (cell) JOIN post_palettes p ON p.cells @> ARRAY[c.cell] WHERE true` + conditions
		values = append([]any{database.Array(cells)}, values...)
	default: // the index finds what has both: nothing is read of what has only one
		statement = `SELECT post_id, tones FROM post_palettes p WHERE true` + conditions
		for _, all := range append([][]int32{cells}, others...) {
			statement, values = statement+` AND cells && CAST(? AS int[])`, append(values, database.Array(all))
		}
	}
	if condition, words := words.InCaption(q.Words); condition != "" {
		statement += " AND p.post_id IN (SELECT id FROM posts WHERE deleted_at IS NULL AND visibility = 'public' AND " + condition + ")"
		values = append(values, words...)
	}
	return statement, values
}

// visitAll calls visit for each row.
func (s *Store) visitAll(ctx context.Context, statement string, values []any, visit func(post uuid.UUID, tones []byte)) (err error) {
	conn := s.db.Conn(ctx).Raw(statement, values...)
	rows, err := conn.Rows()
	if err != nil {
		return err
	}
	defer func() { err = conn.AddError(errors.Join(err, rows.Close())) }() // so that it is translated, as GORM's own are
	var post uuid.UUID
	var tones sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&post, &tones); err != nil {
			return err
		}
		visit(post, tones)
	}
	return rows.Err()
}

// Palettes returns the palettes that are kept of posts' photos.
func (s *Store) Palettes(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID][][]Tone, error) {
	var rows []Photo
	err := s.db.Conn(ctx).Raw(`SELECT post_id, tones FROM post_palettes WHERE post_id = ANY(?)`, database.Array(ids)).Scan(&rows).Error
	palettes := map[uuid.UUID][][]Tone{}
	for _, row := range rows {
		palettes[row.PostID] = append(palettes[row.PostID], decode(row.Tones))
	}
	return palettes, err
}

// subject is a post whose palettes are to be kept, or no more.
type subject struct {
	ID          uuid.UUID
	Visibility  string
	Deleted     bool
	Room, Style *string
}

// lock reads posts, and keeps them from being edited until the transaction ends.
func (s *Store) lock(ctx context.Context, ids []uuid.UUID) ([]subject, error) {
	var rows []subject
	err := s.db.Conn(ctx).Raw(`
		SELECT id, visibility, deleted_at IS NOT NULL AS deleted, room, style FROM posts
		WHERE id = ANY(?) ORDER BY id FOR NO KEY UPDATE`, database.Array(ids)).Scan(&rows).Error
	return rows, err
}

// place is a photo on a post.
type place struct{ PhotoID, PostID uuid.UUID }

// photos returns the photos of posts.
func (s *Store) photos(ctx context.Context, ids []uuid.UUID) ([]place, error) {
	var rows []place
	err := s.db.Conn(ctx).Raw(`SELECT photo_id, post_id FROM post_images WHERE post_id = ANY(?)`, database.Array(ids)).Scan(&rows).Error
	return rows, err
}

// Photo is a row of post_palettes.
type Photo struct {
	PhotoID     uuid.UUID `gorm:"primaryKey"`
	PostID      uuid.UUID
	Room, Style *string
	Tones       []byte
	Cells       cells `gorm:"type:int[]"`
}

// TableName is the table's name.
func (Photo) TableName() string { return "post_palettes" }

// replace writes the palettes of posts in place of those that were.
func (s *Store) replace(ctx context.Context, ids []uuid.UUID, photos []Photo) error {
	err := s.db.Conn(ctx).Exec(`DELETE FROM post_palettes WHERE post_id = ANY(?)`, database.Array(ids)).Error
	if err == nil && len(photos) > 0 {
		err = s.db.Conn(ctx).CreateInBatches(photos, 1000).Error
	}
	return err
}

// walk is how far the search for what is missing has come.
type walk struct {
	After   uuid.UUID
	EndedAt *time.Time
}

// resume reads how far the walk has come, and keeps others from walking until the transaction ends.
func (s *Store) resume(ctx context.Context) (w walk, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT after, ended_at FROM post_palette_walk FOR UPDATE`).Scan(&w).Error
	return w, err
}

// progress writes down how far the walk has come; ended: to the end of all posts, so that it begins anew.
func (s *Store) progress(ctx context.Context, after uuid.UUID, ended bool) error {
	return s.db.Conn(ctx).Exec(`
		UPDATE post_palette_walk SET after = ?, ended_at = CASE WHEN ? THEN clock_timestamp() END`, after, ended).Error
}

// next returns up to n posts after one, by id.
func (s *Store) next(ctx context.Context, after uuid.UUID, n int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT id FROM posts WHERE id > ? ORDER BY id LIMIT ?`, after, n).Scan(&ids).Error
	return ids, err
}

// outdated returns those of the posts whose photos are not those that palettes are kept of, or that are kept with another room or style.
func (s *Store) outdated(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error) {
	var found []uuid.UUID
	err := s.db.Conn(ctx).Raw(`
		SELECT p.id FROM posts p
		JOIN post_images i ON i.post_id = p.id
		LEFT JOIN post_palettes k ON k.photo_id = i.photo_id AND k.post_id = p.id
			AND k.room IS NOT DISTINCT FROM p.room AND k.style IS NOT DISTINCT FROM p.style
		WHERE p.id = ANY(@ids) AND (p.visibility = 'public' AND p.deleted_at IS NULL) <> (k.photo_id IS NOT NULL)
		UNION
		SELECT k.post_id FROM post_palettes k
		LEFT JOIN post_images i ON i.photo_id = k.photo_id AND i.post_id = k.post_id
		LEFT JOIN posts p ON p.id = k.post_id AND p.visibility = 'public' AND p.deleted_at IS NULL
		WHERE k.post_id = ANY(@ids) AND (i.photo_id IS NULL OR p.id IS NULL)
		ORDER BY 1`, map[string]any{"ids": database.Array(ids)}).Scan(&found).Error
	return found, err
}
