// Package usertest puts people into the database of a test.
package usertest

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/users"
	"atrium/modules/users/internal/user"
	"atrium/platform/database"
	"atrium/platform/keys"
	"atrium/platform/secret"
)

// Database is what tests ask of the database directly.
type Database struct{ *database.DB }

// Master is the master key of tests.
func Master(t testing.TB) *keys.Master {
	t.Helper()
	master, err := keys.NewMaster(keys.Config{Master: secret.Text(strings.Repeat("A", 43) + "=")})
	require.NoError(t, err)
	return master
}

// Join inserts a person, with the name in lower case as handle.
func (db Database) Join(t testing.TB, name string) uuid.UUID {
	t.Helper()
	u := user.New(users.NewPerson{Name: name, Email: name + "@atrium.test", EmailVerified: true})
	u.Handle = strings.ToLower(name)
	store := user.NewStore(db.DB, Master(t))
	require.NoError(t, store.Insert(t.Context(), &u))
	free, err := store.ClaimHandle(t.Context(), u.ID, u.Handle)
	require.NoError(t, err)
	require.True(t, free)
	return u.ID
}

// JoinPrivate inserts a person whose account is private.
func (db Database) JoinPrivate(t testing.TB, name string) uuid.UUID {
	t.Helper()
	id := db.Join(t, name)
	db.Exec(t, "UPDATE users SET is_private = true WHERE id = ?", id)
	return id
}

// Exec runs a statement.
func (db Database) Exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	require.NoError(t, db.Conn(t.Context()).Exec(statement, args...).Error)
}

// Number reads one number.
func (db Database) Number(t testing.TB, query string, args ...any) (n int64) {
	t.Helper()
	require.NoError(t, db.Conn(t.Context()).Raw(query, args...).Scan(&n).Error)
	return n
}

// Events returns how many events, or tasks, of that name were published.
func (db Database) Events(t testing.TB, name string) int64 {
	t.Helper()
	return db.Number(t, "SELECT count(*) FROM outbox WHERE name = ?", name)
}

// CountersHold checks that every counter equals its rows.
func (db Database) CountersHold(t testing.TB) {
	t.Helper()
	require.Zero(t, db.Number(t, `SELECT count(*) FROM users u WHERE
		u.followers <> (SELECT count(*) FROM user_follows f WHERE f.followee_id = u.id) OR
		u.following <> (SELECT count(*) FROM user_follows f WHERE f.follower_id = u.id)`), "a counter differs from its rows")
}
