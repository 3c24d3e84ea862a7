package database_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/fault"
)

var (
	errTaken  = fault.Conflict("notes.taken", "This note exists.")
	errAbsent = fault.NotFound("notes.not_found", "There is no such note.")
	errEmpty  = errors.New("a note needs a text") // not every meaning is a fault
)

type note struct {
	ID   int `gorm:"primaryKey"`
	Text string
}

// noteStore is a store as modules have them.
type noteStore struct{ db *database.DB }

func newNoteStore(t *testing.T, db *database.DB) *noteStore {
	t.Helper()
	require.NoError(t, db.Conn(t.Context()).Exec(`CREATE TABLE notes (id int PRIMARY KEY, text text NOT NULL DEFAULT 'x',
		CONSTRAINT notes_text CHECK (text <> ''), CONSTRAINT notes_small CHECK (id < 100))`).Error)
	return &noteStore{db: db.WithConstraints(database.Constraints{"notes_pkey": errTaken, "notes_text": errEmpty})}
}

func (s *noteStore) Insert(ctx context.Context, id int, text string) error {
	return s.db.Conn(ctx).Create(&note{ID: id, Text: text}).Error
}

func (s *noteStore) InsertAll(ctx context.Context, notes []note) error {
	return s.db.Conn(ctx).Create(&notes).Error
}

func (s *noteStore) Find(ctx context.Context, id int) (n note, err error) {
	err = s.db.Conn(ctx).First(&n, "id = ?", id).Error
	return n, database.OrNotFound(err, errAbsent)
}

func (s *noteStore) Rename(ctx context.Context, id int, text string) error {
	return database.AtLeastOne(s.db.Conn(ctx).Exec(`UPDATE notes SET text = ? WHERE id = ?`, text, id), errAbsent)
}

func (s *noteStore) read(ctx context.Context, query string) (numbers []int, err error) {
	err = s.db.Conn(ctx).Raw(query).Scan(&numbers).Error
	return numbers, err
}

func (s *noteStore) each(ctx context.Context, query string) error {
	conn := s.db.Conn(ctx).Raw(query)
	rows, err := conn.Rows()
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	return conn.AddError(errors.Join(rows.Err(), rows.Close()))
}

func (s *noteStore) Broken(ctx context.Context) error {
	run := func() error { return s.db.Conn(ctx).Model(&note{}).Where("colour = 1").Update("text", "y").Error }
	return run()
}

// divisionAtRow2 fails after its first row, so while rows are read.
const divisionAtRow2 = `SELECT 1 / (2 - n) FROM generate_series(1, 3) AS n`

func TestErrors_NameTheOperation(t *testing.T) {
	t.Parallel()
	s := newNoteStore(t, dbtest.Clone(t))
	ctx := t.Context()
	wrong := func(fn func(context.Context, string) ([]int, error), query string) error {
		_, err := fn(ctx, query)
		return err
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"Create":                   {s.Insert(ctx, 500, "x"), "database_test.noteStore.Insert: ERROR: new row"},
		"Create of a list":         {s.InsertAll(ctx, []note{{500, "x"}, {501, "x"}}), "database_test.noteStore.InsertAll: ERROR: new row"},
		"Raw and Scan":             {wrong(s.read, "SELECT 1 / 0"), "database_test.noteStore.read: ERROR: division by zero"},
		"Scan past the first row":  {wrong(s.read, divisionAtRow2), "database_test.noteStore.read: ERROR: division by zero"},
		"Scan into the wrong type": {wrong(s.read, "SELECT 'x'"), "database_test.noteStore.read: sql: Scan error"},
		"Rows":                     {s.each(ctx, "SELECT colour FROM notes"), "database_test.noteStore.each: ERROR: column"},
		"Rows past the first row":  {s.each(ctx, divisionAtRow2), "database_test.noteStore.each: ERROR: division by zero"},
		"Update in a closure":      {s.Broken(ctx), "database_test.noteStore.Broken: ERROR: column"},
		"a plain function":         {s.db.Conn(ctx).Exec("SELEC").Error, "database_test.TestErrors_NameTheOperation: ERROR: syntax"},
	} {
		require.ErrorContains(t, c.err, c.want, name)
		require.Equal(t, fault.KindInternal, fault.KindOf(c.err), name)
		require.Regexp(t, "^"+c.want, c.err.Error(), "%s: named once", name)
	}

	t.Run("and keep the driver's error", func(t *testing.T) {
		var pg *pgconn.PgError
		require.ErrorAs(t, s.Insert(ctx, 500, "x"), &pg)
		require.Equal(t, "notes_small", pg.ConstraintName)
		ended, cancel := context.WithCancel(ctx)
		cancel()
		err := s.Insert(ended, 1, "x")
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "database_test.noteStore.Insert: ")
	})
	t.Run("of a commit too", func(t *testing.T) {
		err := s.db.InTx(ctx, func(ctx context.Context) error {
			return s.db.Conn(ctx).Exec(`CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO late VALUES (1), (1)`).Error
		})
		require.ErrorContains(t, err, "database_test.TestErrors_NameTheOperation: commit: ERROR: duplicate key")
	})
}

func TestErrors_OfConstraints(t *testing.T) {
	t.Parallel()
	for kind, open := range map[string]func(testing.TB) *database.DB{"pool": dbtest.Clone, "sandbox": dbtest.Tx} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			s := newNoteStore(t, db)
			require.NoError(t, s.Insert(t.Context(), 1, "x"))
			require.ErrorIs(t, s.Insert(t.Context(), 1, "x"), errTaken)
			require.ErrorIs(t, s.Rename(t.Context(), 1, ""), errEmpty)

			t.Run("the cause names the operation", func(t *testing.T) {
				var f *fault.Error
				require.ErrorAs(t, s.Insert(t.Context(), 1, "x"), &f)
				require.ErrorContains(t, f.Unwrap(), "database_test.noteStore.Insert: ERROR: duplicate key")
			})
			t.Run("in the transaction of a database without the map", func(t *testing.T) {
				err := db.InTx(t.Context(), func(ctx context.Context) error {
					require.NoError(t, s.Insert(ctx, 2, "x"))
					return s.Insert(ctx, 1, "x")
				})
				require.ErrorIs(t, err, errTaken)
				_, err = s.Find(t.Context(), 2)
				require.ErrorIs(t, err, errAbsent, "rolled back with the transaction that it joined")
			})
			t.Run("mean nothing to another store", func(t *testing.T) {
				err := (&noteStore{db: db}).Insert(t.Context(), 1, "x")
				require.NotErrorIs(t, err, errTaken)
				require.ErrorContains(t, err, "database_test.noteStore.Insert: ERROR: duplicate key")
			})
		})
	}
}

func TestOrNotFound(t *testing.T) {
	t.Parallel()
	s := newNoteStore(t, dbtest.Tx(t))
	require.NoError(t, s.Insert(t.Context(), 1, "x"))
	_, err := s.Find(t.Context(), 1)
	require.NoError(t, err)
	_, err = s.Find(t.Context(), 2)
	require.Same(t, errAbsent, err)

	var none note
	err = s.db.Conn(t.Context()).Take(&none, "id = 2").Error
	require.ErrorIs(t, err, gorm.ErrRecordNotFound)
	require.ErrorContains(t, err, "database_test.TestOrNotFound: record not found", "where nobody expected it, the log can tell")
	require.ErrorIs(t, database.OrNotFound(s.Insert(t.Context(), 1, "x"), errAbsent), errTaken)
}

func TestAtLeastOne(t *testing.T) {
	t.Parallel()
	s := newNoteStore(t, dbtest.Tx(t))
	require.NoError(t, s.Insert(t.Context(), 1, "x"))
	require.NoError(t, s.Rename(t.Context(), 1, "y"))
	require.Same(t, errAbsent, s.Rename(t.Context(), 2, "y"))
	require.ErrorIs(t, s.Rename(t.Context(), 1, ""), errEmpty)
}

func BenchmarkConn(b *testing.B) {
	db := dbtest.Tx(b).WithConstraints(database.Constraints{"notes_pkey": errTaken})
	b.Run("pool", func(b *testing.B) {
		for b.Loop() {
			_ = db.Conn(b.Context())
		}
	})
	b.Run("transaction", func(b *testing.B) {
		_ = db.InTx(b.Context(), func(ctx context.Context) error {
			for b.Loop() {
				_ = db.Conn(ctx)
			}
			return nil
		})
	})
}
