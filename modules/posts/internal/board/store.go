package board

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/platform/database"
)

// constraints are violated by a post that was purged in the same moment.
var constraints = database.Constraints{"board_items_post": posts.ErrNotFound}

// Store keeps boards.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db.WithConstraints(constraints)} }

// Insert writes a new board.
func (s *Store) Insert(ctx context.Context, b *Board) error {
	return s.db.Conn(ctx).Create(b).Error
}

// Find returns a board, or posts.ErrBoardNotFound.
func (s *Store) Find(ctx context.Context, id uuid.UUID) (Board, error) {
	var b Board
	err := database.AtLeastOne(s.db.Conn(ctx).Raw(`SELECT * FROM boards WHERE id = ?`, id).Scan(&b), posts.ErrBoardNotFound)
	return b, err
}

// Lock returns the owner's board, locked until the transaction ends, or posts.ErrBoardNotFound.
func (s *Store) Lock(ctx context.Context, owner, id uuid.UUID) (Board, error) {
	var b Board
	err := database.AtLeastOne(s.db.Conn(ctx).Raw(`
		SELECT b.*, (SELECT count(*) FROM board_items i WHERE i.board_id = b.id) AS rows FROM boards b
		WHERE id = ? AND owner_id = ? FOR NO KEY UPDATE`, id, owner).Scan(&b), posts.ErrBoardNotFound)
	return b, err
}

// Count returns how many boards a person has.
func (s *Store) Count(ctx context.Context, owner uuid.UUID) (n int, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT count(*) FROM boards WHERE owner_id = ?`, owner).Scan(&n).Error
	return n, err
}

// Save writes what a locked board is from now on, as its next version.
func (s *Store) Save(ctx context.Context, b Board) error {
	return database.AtLeastOne(s.db.Conn(ctx).Exec(`
		UPDATE boards SET title = ?, description = ?, visibility = ?, cover_kind = ?, cover_id = ?,
			version = version + 1, updated_at = clock_timestamp()
		WHERE id = ?`, b.Title, b.Description, b.Visibility, b.CoverKind, b.CoverID, b.ID), posts.ErrBoardNotFound)
}

// Delete removes the owner's board with its items.
func (s *Store) Delete(ctx context.Context, owner, id uuid.UUID) error {
	return database.AtLeastOne(s.db.Conn(ctx).Exec(`DELETE FROM boards WHERE id = ? AND owner_id = ?`, id, owner), posts.ErrBoardNotFound)
}

// Of returns a person's boards with one of the visibilities, below an id, the newest first.
func (s *Store) Of(ctx context.Context, owner uuid.UUID, visibilities []string, below uuid.UUID, n int) ([]Board, error) {
	var rows []Board
	err := s.db.Conn(ctx).Raw(`
		SELECT * FROM boards WHERE owner_id = ? AND visibility = ANY(?) AND id < ? ORDER BY id DESC LIMIT ?`,
		owner, database.Array(visibilities), below, n).Scan(&rows).Error
	return rows, err
}

// Holding returns the boards with a post on them that are public or the viewer's, below an id, the newest first.
func (s *Store) Holding(ctx context.Context, viewer, post, below uuid.UUID, n int) ([]Board, error) {
	var rows []Board
	err := s.db.Conn(ctx).Raw(`
		SELECT b.* FROM board_items h JOIN boards b ON b.id = h.board_id
		WHERE h.post_id = ? AND h.board_id < ? AND (b.visibility = 'public' OR b.owner_id = ?)
		ORDER BY h.board_id DESC LIMIT ?`, post, below, viewer, n).Scan(&rows).Error
	return rows, err
}

// Items returns items of a board after a spot, in their order.
func (s *Store) Items(ctx context.Context, board uuid.UUID, after spot, n int) ([]Item, error) {
	var rows []Item
	err := s.db.Conn(ctx).Raw(`
		SELECT board_id, kind, item_id, rank, added_at FROM board_items WHERE board_id = ? AND (rank, item_id) > (?, ?)
		ORDER BY rank, item_id LIMIT ?`, board, after.Rank, after.ID, n).Scan(&rows).Error
	return rows, err
}

// Held returns how many living posts are on the boards, by author and visibility.
func (s *Store) Held(ctx context.Context, boards []uuid.UUID) ([]held, error) {
	var rows []held
	err := s.db.Conn(ctx).Raw(`
		SELECT i.board_id, p.author_id, p.visibility, count(*) AS posts FROM board_items i JOIN posts p ON p.id = i.post_id
		WHERE i.board_id = ANY(?) AND p.deleted_at IS NULL GROUP BY i.board_id, p.author_id, p.visibility`, database.Array(boards)).Scan(&rows).Error
	return rows, err
}

// Products returns the products on the boards.
func (s *Store) Products(ctx context.Context, boards []uuid.UUID) ([]Item, error) {
	var rows []Item
	err := s.db.Conn(ctx).Raw(`SELECT board_id, kind, item_id FROM board_items WHERE board_id = ANY(?) AND kind = ?`,
		database.Array(boards), kindProduct).Scan(&rows).Error
	return rows, err
}

// Covers returns what can stand for each of the boards: the item chosen for it, and the others in their order, from one place up to another.
func (s *Store) Covers(ctx context.Context, boards []uuid.UUID, from, to int) ([]Item, error) {
	var rows []Item
	err := s.db.Conn(ctx).Raw(`
		SELECT i.board_id, i.kind, i.item_id, i.rank, i.added_at
		FROM boards b CROSS JOIN LATERAL (
			SELECT *, (kind = b.cover_kind AND item_id = b.cover_id) IS TRUE AS chosen FROM board_items
			WHERE board_id = b.id ORDER BY chosen DESC, rank, item_id OFFSET ? LIMIT ?) i
		WHERE b.id = ANY(?) ORDER BY i.board_id, i.chosen DESC, i.rank, i.item_id`, from, to-from, database.Array(boards)).Scan(&rows).Error
	return rows, err
}

// Rank returns where a thing stands on a board, "" where it is not.
func (s *Store) Rank(ctx context.Context, board uuid.UUID, t Thing) (rank string, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT rank FROM board_items WHERE board_id = ? AND kind = ? AND item_id = ?`, board, t.Kind, t.ID).Scan(&rank).Error
	return rank, err
}

// Next returns the rank after one, leaving a thing out; "" at the end.
func (s *Store) Next(ctx context.Context, board uuid.UUID, rank string, without Thing) (next string, err error) {
	err = s.db.Conn(ctx).Raw(`
		SELECT rank FROM board_items WHERE board_id = ? AND rank > ? AND (kind, item_id) <> (?, ?)
		ORDER BY rank LIMIT 1`, board, rank, without.Kind, without.ID).Scan(&next).Error
	return next, err
}

// Last returns the highest rank on a board, "" where it is empty.
func (s *Store) Last(ctx context.Context, board uuid.UUID) (last string, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT rank FROM board_items WHERE board_id = ? ORDER BY rank DESC LIMIT 1`, board).Scan(&last).Error
	return last, err
}

// Put puts a thing on a locked board at a rank, or moves it there.
func (s *Store) Put(ctx context.Context, board uuid.UUID, t Thing, rank string) error {
	return s.db.Conn(ctx).Exec(`
		WITH touched AS (UPDATE boards SET updated_at = clock_timestamp() WHERE id = @board)
		INSERT INTO board_items (board_id, kind, item_id, rank) VALUES (@board, @kind, @id, @rank)
		ON CONFLICT (board_id, kind, item_id) DO UPDATE SET rank = excluded.rank`,
		map[string]any{"board": board, "kind": t.Kind, "id": t.ID, "rank": rank}).Error
}

// Take takes a thing off a locked board.
func (s *Store) Take(ctx context.Context, board uuid.UUID, t Thing) error {
	return s.db.Conn(ctx).Exec(
		`DELETE FROM board_items WHERE board_id = ? AND kind = ? AND item_id = ?`, board, t.Kind, t.ID).Error
}

// Spread gives the items of a locked board short ranks in the order that they have.
func (s *Store) Spread(ctx context.Context, board uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`
		UPDATE board_items i SET rank = o.fresh
		FROM (SELECT kind, item_id, (CAST(? AS text[]))[row_number() OVER (ORDER BY rank, item_id)] AS fresh
		      FROM board_items WHERE board_id = ?) o
		WHERE i.board_id = ? AND i.kind = o.kind AND i.item_id = o.item_id`, database.Array(spread(maxItems)), board, board).Error
}
