package database_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"atrium/migrations"
	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/fault"
	"atrium/platform/secret"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	t.Run("sessions carry the timeouts and speak UTC", func(t *testing.T) {
		t.Parallel()
		cfg := dbtest.Config(t)
		cfg.StatementTimeout, cfg.LockTimeout = 1500*time.Millisecond, 700*time.Millisecond
		db := dbtest.Open(t, cfg)
		for name, want := range map[string]string{
			"statement_timeout": "1500ms", "lock_timeout": "700ms", "idle_in_transaction_session_timeout": "10s", "TimeZone": "UTC",
		} {
			var got string
			require.NoError(t, db.Conn(t.Context()).Raw("SELECT current_setting(?)", name).Scan(&got).Error)
			require.Equal(t, want, got, name)
		}
	})
	t.Run("a wrong URL is refused without showing it", func(t *testing.T) {
		t.Parallel()
		_, err := database.Open(database.Config{URL: "postgres://me:hunter2@[bad"})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
	})
	t.Run("a database that is away is a fault to try again", func(t *testing.T) {
		t.Parallel()
		db := dbtest.Open(t, database.Config{URL: secret.Text("postgres://nobody@" + deadAddress(t) + "/x"), MaxConnections: 1, AcquireTimeout: time.Second})
		err := db.InTx(t.Context(), func(context.Context) error { return nil })
		require.Equal(t, fault.KindUnavailable, fault.KindOf(err))
		require.Error(t, db.Ping(t.Context()))
	})
}

func TestConn_TimesAndArraysSurvive(t *testing.T) {
	t.Parallel()
	db := dbtest.Tx(t)
	type moment struct {
		ID uuid.UUID `gorm:"type:uuid;primaryKey"`
		At time.Time
	}
	require.NoError(t, db.Conn(t.Context()).Exec("CREATE TABLE moments (id uuid PRIMARY KEY, at timestamptz)").Error)
	written := moment{ID: uuid.Must(uuid.NewV7()), At: db.Conn(t.Context()).NowFunc()}
	require.NoError(t, db.Conn(t.Context()).Create(&written).Error)

	var read []moment
	ids := database.Array([]uuid.UUID{written.ID, uuid.New()})
	require.NoError(t, db.Conn(t.Context()).Where("id = ANY(?)", ids).Find(&read).Error)
	require.Equal(t, []moment{written}, read)

	var found bool
	require.NoError(t, db.Conn(t.Context()).Raw("SELECT 'c,d' = ANY(?)", database.Array([]string{`a"b`, "c,d"})).Scan(&found).Error)
	require.True(t, found)
	require.NoError(t, db.Conn(t.Context()).Where("id = ANY(?)", database.Array([]uuid.UUID(nil))).Find(&read).Error)
	require.Empty(t, read)
}

func TestSlowStatementsAreLoggedWithoutValues(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.WarnLevel)
	db, err := database.Open(dbtest.Config(t), database.WithLogger(zap.New(core)))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	private := []any{"o'anna@example.org", []byte("anna"), database.Array([]string{"it's anna"})}
	const statement = "SELECT count(*) FROM (SELECT pg_sleep(0.6), ?::text, ?::bytea, ?::text[]) AS s"
	require.NoError(t, db.Conn(t.Context()).Exec(statement, private...).Error)
	var n int
	require.NoError(t, db.Conn(t.Context()).Raw(statement, private...).Scan(&n).Error)
	require.Equal(t, 2, logs.FilterMessage("slow statement").Len())
	for _, entry := range logs.All() {
		require.NotContains(t, entry.ContextMap()["sql"], "anna")
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	db := dbtest.Clone(t)
	ctx, stop := context.WithCancel(t.Context())
	got, ended := make(chan string, 10), make(chan error, 1)
	go func() { ended <- db.Listen(ctx, "news", func(payload string) { got <- payload }) }()

	require.Empty(t, receive(t, got), "listening has begun")
	require.NoError(t, db.Notify(t.Context(), "news", "one"))
	require.Equal(t, "one", receive(t, got))

	require.NoError(t, db.Conn(t.Context()).Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND query LIKE 'LISTEN%'`).Error)
	require.Empty(t, receive(t, got), "listening has begun again")
	require.NoError(t, db.Notify(t.Context(), "news", "two"))
	require.Equal(t, "two", receive(t, got))

	stop()
	require.NoError(t, receive(t, ended))
}

func TestSchema(t *testing.T) {
	t.Parallel()
	db := dbtest.Clone(t)
	require.NoError(t, database.CheckSchema(t.Context(), db, migrations.Latest()))
	require.ErrorContains(t, database.CheckSchema(t.Context(), db, migrations.Latest()+1), "run `atrium migrate`")
	require.ErrorContains(t, database.CheckSchema(t.Context(), db, migrations.Latest()-1), "run `atrium migrate`", "its own newest one was not applied")

	t.Run("a database that was never migrated is at version 0", func(t *testing.T) {
		require.NoError(t, db.Conn(t.Context()).Exec("DROP TABLE goose_db_version").Error)
		require.ErrorContains(t, database.CheckSchema(t.Context(), db, 5), "is at version 0, this build needs 5")
	})
}

// A build works with the schema of a later one that declares itself compatible with it, and with no other.
func TestFault_R2_ABuildAcceptsSchemasThatDeclareThemselvesCompatible(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t)
	own := migrations.Latest()
	from := func(version int64) []byte {
		return fmt.Appendf(nil, "-- +goose Up\n-- +atrium compatible-from %d\nSELECT 1;\n", version)
	}
	migrate := func(files fstest.MapFS) error {
		require.NoError(t, database.Migrate(t.Context(), cfg, files))
		return database.CheckSchema(t.Context(), dbtest.Open(t, cfg), own)
	}
	require.NoError(t, migrate(fstest.MapFS{"29990101000000_a.sql": {Data: from(own)}}))
	require.NoError(t, migrate(fstest.MapFS{"29990101000001_b.sql": {Data: from(own - 5)}}))
	require.NoError(t, database.Migrate(t.Context(), cfg, migrations.FS), "the build itself migrates as ever")
	require.ErrorContains(t, migrate(fstest.MapFS{"29990101000002_c.sql": {Data: from(29990101000001)}}), "newer than this build")
	require.ErrorContains(t, migrate(fstest.MapFS{"29990101000003_d.sql": {Data: from(own)}}), "newer than this build", "one of them is not compatible")

	cfg = dbtest.Config(t)
	require.ErrorContains(t, migrate(fstest.MapFS{"29990101000000_a.sql": {Data: []byte("-- +goose Up\nSELECT 1;\n")}}), "newer than this build")
}

func TestMigrate_AtOnceFromSeveralProcesses(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t)
	later := fstest.MapFS{
		"29990101000000_first.sql":  {Data: []byte("-- +goose Up\nCREATE TABLE made_once (id int);")},
		"29990101000001_second.sql": {Data: []byte("-- +goose Up\nINSERT INTO made_once VALUES (1);")},
	}
	failures := make(chan error, 3)
	for range cap(failures) {
		go func() { failures <- database.Migrate(t.Context(), cfg, later) }()
	}
	for range cap(failures) {
		require.NoError(t, receive(t, failures))
	}
	db := dbtest.Open(t, cfg)
	var n int
	require.NoError(t, db.Conn(t.Context()).Raw("SELECT count(*) FROM made_once").Scan(&n).Error)
	require.Equal(t, 1, n)
}

func receive[T any](t *testing.T, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came within 20 seconds")
	}
	return value
}

// deadAddress is one that refuses connections.
func deadAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
