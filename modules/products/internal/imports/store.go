package imports

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"atrium/platform/database"
)

// Store keeps imports and their files.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store {
	return &Store{db: db.WithConstraints(database.Constraints{"product_imports_running": errRunning})}
}

// Running reports whether an import of a person is not finished.
func (s *Store) Running(ctx context.Context, owner uuid.UUID) (running bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT EXISTS (SELECT FROM product_imports WHERE owner_id = ? AND status IN ('queued', 'running'))`, owner).Scan(&running).Error
	return running, err
}

// KeepPart keeps a part of an import's file.
func (s *Store) KeepPart(ctx context.Context, id uuid.UUID, part int, content []byte) error {
	return s.db.Conn(ctx).Exec(`INSERT INTO product_import_files (import_id, part, content) VALUES (?, ?, ?)`, id, part, content).Error
}

// DropFile deletes what was kept of a file.
func (s *Store) DropFile(ctx context.Context, id uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM product_import_files WHERE import_id = ?`, id).Error
}

// Insert writes a new import, or returns errRunning.
func (s *Store) Insert(ctx context.Context, i *Import) error { return s.db.Conn(ctx).Create(i).Error }

// ByID reads an import, or returns errNotFound.
func (s *Store) ByID(ctx context.Context, id uuid.UUID) (*Import, error) {
	var i Import
	err := s.db.Conn(ctx).Take(&i, "id = ?", id).Error
	return &i, database.OrNotFound(err, errNotFound)
}

// Lock is ByID for a step of the import. Whoever takes one holds the lock until it is written.
func (s *Store) Lock(ctx context.Context, id uuid.UUID) (*Import, error) {
	var i Import
	err := s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Take(&i, "id = ?", id).Error
	return &i, database.OrNotFound(err, errNotFound)
}

// Update writes how far an import got.
func (s *Store) Update(ctx context.Context, i *Import) error {
	i.MovedAt = s.db.Conn(ctx).NowFunc()
	return s.db.Conn(ctx).Select("status", "position", "line", "rows", "created", "updated", "unchanged", "failed", "problems", "moved_at",
		"finished_at").Updates(i).Error
}

// Claim notes the lines of SKUs, and returns which line had each first. One import takes one step at a time.
func (s *Store) Claim(ctx context.Context, id uuid.UUID, skus []string, lines []int64) (map[string]int, error) {
	var rows []struct {
		SKU  string `gorm:"column:sku"`
		Line int
	}
	err := s.db.Conn(ctx).Raw(`INSERT INTO product_import_lines AS l (import_id, sku, line)
		SELECT ?, sku, min(line) FROM unnest(?::text[], ?::bigint[]) AS n (sku, line) GROUP BY sku
		ON CONFLICT (import_id, sku) DO UPDATE SET line = l.line RETURNING sku, line`, id, database.Array(skus), database.Array(lines)).Scan(&rows).Error
	first := make(map[string]int, len(rows))
	for _, row := range rows {
		first[row.SKU] = row.Line
	}
	return first, err
}

// Made notes the products that lines of a dry run would have created, by SKU.
func (s *Store) Made(ctx context.Context, id uuid.UUID, skus, slugs []string) error {
	if len(skus) == 0 {
		return nil
	}
	return s.db.Conn(ctx).Exec(`UPDATE product_import_lines l SET slug = m.slug FROM unnest(?::text[], ?::text[]) AS m (sku, slug)
		WHERE l.import_id = ? AND l.sku = m.sku`, database.Array(skus), database.Array(slugs), id).Error
}

// Tried returns which of the slugs an earlier step of a dry run would have created.
func (s *Store) Tried(ctx context.Context, id uuid.UUID, slugs []string) (map[string]bool, error) {
	var found []string
	err := s.db.Conn(ctx).Raw(`SELECT DISTINCT slug FROM product_import_lines WHERE import_id = ? AND slug = ANY(?)`, id, database.Array(slugs)).Scan(&found).Error
	tried := make(map[string]bool, len(found))
	for _, slug := range found {
		tried[slug] = true
	}
	return tried, err
}

// DropLines deletes what Claim and Made noted.
func (s *Store) DropLines(ctx context.Context, id uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM product_import_lines WHERE import_id = ?`, id).Error
}

// File reads an import's file, a part at a time.
func (s *Store) File(ctx context.Context, id uuid.UUID) io.Reader {
	return &file{ctx: ctx, store: s, id: id}
}

// file is a kept file being read.
type file struct {
	ctx   context.Context //nolint:containedctx // a Reader has nowhere else to take it from; it lives for one run
	store *Store
	id    uuid.UUID
	part  int
	rest  []byte
}

// Read satisfies io.Reader.
func (f *file) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		var rows [][]byte
		err := f.store.db.Conn(f.ctx).Raw(`SELECT content FROM product_import_files WHERE import_id = ? AND part = ?`, f.id, f.part).Scan(&rows).Error
		if err != nil {
			return 0, err
		}
		if len(rows) == 0 {
			return 0, io.EOF
		}
		f.part, f.rest = f.part+1, rows[0]
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// cleanedAtOnce bounds what one statement of Clean deletes.
const cleanedAtOnce = 100

// Clean deletes imports with their files that began before a time, and what uploads left that broke off.
func (s *Store) Clean(ctx context.Context, keep, upload time.Duration) error {
	for _, c := range []struct {
		sql  string
		wait time.Duration
	}{
		{`WITH old AS (DELETE FROM product_imports WHERE id IN (SELECT id FROM product_imports
				WHERE created_at < now() - make_interval(secs => ?) AND status NOT IN ('queued', 'running') LIMIT ?) RETURNING id),
			lines AS (DELETE FROM product_import_lines WHERE import_id IN (SELECT id FROM old))
			DELETE FROM product_import_files WHERE import_id IN (SELECT id FROM old)`, keep},
		{`DELETE FROM product_import_files f WHERE (import_id, part) IN (SELECT import_id, part FROM product_import_files
			WHERE kept_at < now() - make_interval(secs => ?) AND NOT EXISTS (SELECT FROM product_imports i WHERE i.id = import_id) LIMIT ?)`, upload},
	} {
		for {
			done := s.db.Conn(ctx).Exec(c.sql, c.wait.Seconds(), cleanedAtOnce)
			if done.Error != nil {
				return done.Error
			}
			if done.RowsAffected == 0 {
				break
			}
		}
	}
	return nil
}

// Stuck reads imports that have not moved for a while.
func (s *Store) Stuck(ctx context.Context, quiet time.Duration) (ids []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT id FROM product_imports WHERE status IN ('queued', 'running') AND moved_at < now() - make_interval(secs => ?)`,
		quiet.Seconds()).Scan(&ids).Error
	return ids, err
}

// Forget deletes a person's imports, in the transaction open in ctx.
func (s *Store) Forget(ctx context.Context, owner uuid.UUID) error {
	var err error
	for _, sql := range []string{
		`DELETE FROM product_import_files WHERE import_id IN (SELECT id FROM product_imports WHERE owner_id = ?)`,
		`DELETE FROM product_import_lines WHERE import_id IN (SELECT id FROM product_imports WHERE owner_id = ?)`,
		`DELETE FROM product_imports WHERE owner_id = ?`,
	} {
		err = errors.Join(err, s.db.Conn(ctx).Exec(sql, owner).Error)
	}
	return err
}
