package idempotency_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/idempotency"
)

func setup(t *testing.T) (*database.DB, *idempotency.Store, idempotency.Request) {
	t.Helper()
	db := dbtest.Clone(t)
	return db, idempotency.NewStore(db), idempotency.Request{
		UserID: uuid.New(), Route: "POST /v1/orders", Key: "k", Hash: []byte("hash"), Lease: time.Minute,
	}
}

// age moves a record into the past.
func age(t *testing.T, db *database.DB, column string, by time.Duration) {
	t.Helper()
	sql := `UPDATE idempotency_records SET ` + column + ` = ` + column + ` - make_interval(secs => ?)`
	require.NoError(t, db.Conn(t.Context()).Exec(sql, by.Seconds()).Error)
}

func TestCrash(t *testing.T) {
	t.Parallel()
	db, store, request := setup(t)
	ctx := t.Context()
	slow, _, err := store.Begin(ctx, request)
	require.NoError(t, err)
	resource := uuid.New()
	require.NoError(t, db.InTx(ctx, func(ctx context.Context) error {
		return idempotency.Attach(idempotency.With(ctx, slow), resource)
	}))

	_, _, err = store.Begin(ctx, request)
	require.ErrorIs(t, err, idempotency.ErrInProgress, "the lease holds")

	age(t, db, "lease_until", 2*time.Minute)
	other := request
	other.Hash = []byte("other")
	_, _, err = store.Begin(ctx, other)
	require.ErrorIs(t, err, idempotency.ErrKeyReused, "a dead run still owns its key")

	retry, _, err := store.Begin(ctx, request)
	require.NoError(t, err)
	attached, ok := idempotency.Attached(idempotency.With(ctx, retry))
	require.True(t, ok)
	require.Equal(t, resource, attached)

	t.Run("a run that was taken over can neither commit nor answer", func(t *testing.T) {
		err := db.InTx(ctx, func(ctx context.Context) error {
			return idempotency.Attach(idempotency.With(ctx, slow), uuid.New())
		})
		require.ErrorIs(t, err, idempotency.ErrInProgress)
		require.NoError(t, slow.Finish(ctx, idempotency.Answer{Status: 500}))
		_, _, err = store.Begin(ctx, request)
		require.ErrorIs(t, err, idempotency.ErrInProgress, "the second run is still the one")
	})
	t.Run("the answer is kept even if the caller has gone", func(t *testing.T) {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		require.NoError(t, retry.Finish(gone, idempotency.Answer{Status: 201, Header: map[string]string{"ETag": `"1"`}, Body: []byte("{}")}))
		_, answer, err := store.Begin(ctx, request)
		require.NoError(t, err)
		require.Equal(t, &idempotency.Answer{Status: 201, Header: map[string]string{"ETag": `"1"`}, Body: []byte("{}")}, answer)
	})
	t.Run("after a day the key is new", func(t *testing.T) {
		age(t, db, "created_at", 25*time.Hour)
		run, answer, err := store.Begin(ctx, other)
		require.NoError(t, err)
		require.Nil(t, answer)
		_, ok := idempotency.Attached(idempotency.With(ctx, run))
		require.False(t, ok)
	})
}

func TestAttachNeedsATransaction(t *testing.T) {
	t.Parallel()
	_, store, request := setup(t)
	run, _, err := store.Begin(t.Context(), request)
	require.NoError(t, err)
	require.Error(t, idempotency.Attach(idempotency.With(t.Context(), run), uuid.New()))
	require.NoError(t, idempotency.Attach(t.Context(), uuid.New()), "without a key there is nothing to note")
	require.Equal(t, "k", idempotency.Key(idempotency.With(t.Context(), run)))
}

func TestPrune(t *testing.T) {
	t.Parallel()
	db, store, request := setup(t)
	_, _, err := store.Begin(t.Context(), request)
	require.NoError(t, err)
	age(t, db, "created_at", 25*time.Hour)
	request.Key = "young"
	_, _, err = store.Begin(t.Context(), request)
	require.NoError(t, err)
	pruned, err := store.Prune(t.Context(), idempotency.KeptFor)
	require.NoError(t, err)
	require.EqualValues(t, 1, pruned)
}

// A run that lives is not taken over, however long it takes; one whose process died is, soon after its last sign of life.
func TestFault_R11_TheLeaseOfADeadProcessEndsInSeconds(t *testing.T) {
	t.Parallel()
	db, store, request := setup(t)
	request.Lease = time.Second
	run, _, err := store.Begin(t.Context(), request)
	require.NoError(t, err)
	die := run.Hold(t.Context())
	until := func() (lease time.Time) {
		require.NoError(t, db.Conn(t.Context()).Raw("SELECT lease_until FROM idempotency_records").Scan(&lease).Error)
		return lease
	}
	first := until()
	require.Eventually(t, func() bool { return until().After(first.Add(2 * request.Lease)) }, time.Minute, 20*time.Millisecond, "it gives signs of life")
	_, _, err = store.Begin(t.Context(), request)
	require.ErrorIs(t, err, idempotency.ErrInProgress)

	die()
	require.Eventually(t, func() bool {
		_, _, err = store.Begin(t.Context(), request)
		return err == nil
	}, 10*time.Second, 20*time.Millisecond, "a repetition takes it over")
	err = run.InTx(t.Context(), func(context.Context) (*idempotency.Answer, error) { return &idempotency.Answer{Status: 201}, nil })
	require.ErrorIs(t, err, idempotency.ErrInProgress, "the first can commit nothing any more")
}
