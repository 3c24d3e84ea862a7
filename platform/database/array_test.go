package database_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"atrium/platform/database"
	"atrium/platform/dbtest"
)

func TestArray(t *testing.T) {
	t.Parallel()
	db := dbtest.Tx(t)
	ids := make([]uuid.UUID, 5000)
	for i := range ids {
		ids[i] = uuid.New()
	}
	for _, list := range [][]uuid.UUID{ids, ids[:1], {}, nil} {
		back := []uuid.UUID{}
		require.NoError(t, db.Conn(t.Context()).Raw("SELECT unnest(?::uuid[])", database.Array(list)).Scan(&back).Error)
		require.Equal(t, append([]uuid.UUID{}, list...), back)
	}
	var words []string
	require.NoError(t, db.Conn(t.Context()).Raw("SELECT unnest(?::text[])", database.Array([]string{"a", "", "c'"})).Scan(&words).Error)
	require.Equal(t, []string{"a", "", "c'"}, words)
	var none []string
	require.NoError(t, db.Conn(t.Context()).Raw("SELECT unnest(?::text[])", database.Array[string](nil)).Scan(&none).Error)
	require.Empty(t, none)
}

func TestArray_DoesNotWriteIDsAsText(t *testing.T) {
	const perID = 3 // allocations; as text, as the driver sends foreign types, it would be 20
	ids := make([]uuid.UUID, 1000)
	require.Less(t, testing.AllocsPerRun(10, func() {
		value, err := database.Array(ids).Value()
		require.NoError(t, err)
		_, err = pgtype.NewMap().Encode(pgtype.UUIDArrayOID, pgtype.BinaryFormatCode, value, nil)
		require.NoError(t, err)
	}), float64(perID*len(ids)))
}
