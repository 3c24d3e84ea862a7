package app

import (
	"context"
	"encoding/json"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/scripts/demo/client"
)

var anAddress = map[string]string{"name": "Fan", "line1": "Example Street 1", "city": "Berlin", "postal_code": "10115", "country": "DE"}

// The process is killed while PostgreSQL commits: what was done is answered when it is asked for again, and not done again.
func TestFault_R11_APOSTThatWasDoneAndNotAnsweredIsAnsweredTheSame(t *testing.T) {
	t.Parallel()
	i := install(t)
	api := i.serve("api")
	ana := i.join("ana")
	for _, statement := range []string{
		`CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END'`,
		`CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON addresses DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_for_test()`,
	} {
		require.NoError(t, i.db.Conn(t.Context()).Exec(statement).Error)
	}
	release := i.holdLock(4711)
	go func() {
		_, _ = ana.Call(context.Background(), http.MethodPost, "/me/addresses", anAddress, nil, "Idempotency-Key", "once")
	}()
	i.eventually(20*time.Second, "the commit is under way", func() bool {
		return i.count("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted") == 1
	})
	api.stop(syscall.SIGKILL)
	release()
	i.eventually(20*time.Second, "it is committed", func() bool { return i.count("SELECT count(*) FROM addresses") == 1 })

	i.serve("api")
	again := i.postUntilDone(ana, "once")
	require.Equal(t, http.StatusCreated, again.Status)
	require.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))
	var made struct {
		ID string `json:"id"`
	}
	require.NoError(t, json.Unmarshal(again.Body, &made))
	require.Equal(t, 1, i.count("SELECT count(*) FROM addresses WHERE id = ?", made.ID))
	require.Equal(t, 1, i.count("SELECT count(*) FROM addresses"), "it was done once")
}

// The process is killed before it commits: nothing was done, and seconds later the repetition does it.
func TestFault_R11_APOSTOfADeadProcessIsTakenOverInSeconds(t *testing.T) {
	t.Parallel()
	i := install(t)
	api := i.serve("api")
	ana := i.join("ana")
	for _, statement := range []string{
		`CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(4712); RETURN NULL; END'`,
		`CREATE TRIGGER slow_insert AFTER INSERT ON addresses FOR EACH ROW EXECUTE FUNCTION wait_for_test()`,
	} {
		require.NoError(t, i.db.Conn(t.Context()).Exec(statement).Error)
	}
	release := i.holdLock(4712)
	go func() {
		_, _ = ana.Call(context.Background(), http.MethodPost, "/me/addresses", anAddress, nil, "Idempotency-Key", "once")
	}()
	i.eventually(20*time.Second, "the insert is under way", func() bool {
		return i.count("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4712 AND NOT granted") == 1
	})
	api.stop(syscall.SIGKILL)
	died := time.Now()
	release()
	i.serve("api")
	answer := i.postUntilDone(ana, "once")
	require.Equal(t, http.StatusCreated, answer.Status)
	require.Less(t, time.Since(died), 40*time.Second, "with a start in between")
	require.Equal(t, 1, i.count("SELECT count(*) FROM addresses"))
}

// holdLock holds an advisory lock until release is called.
func (i *installation) holdLock(key int) (release func()) {
	i.t.Helper()
	locked, let, done := make(chan error, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = i.db.InTx(context.Background(), func(ctx context.Context) error {
			err := i.db.Conn(ctx).Exec("SELECT pg_advisory_xact_lock(?)", key).Error
			locked <- err
			if err == nil {
				<-let
			}
			return err
		})
	}()
	require.NoError(i.t, <-locked)
	return func() {
		close(let)
		<-done
	}
}

// postUntilDone repeats a request as clients do: while the first still counts as running.
func (i *installation) postUntilDone(p *client.Person, key string) (answer client.Answer) {
	i.t.Helper()
	i.eventually(30*time.Second, "the repetition is answered", func() bool {
		var err error
		answer, err = p.Call(i.t.Context(), http.MethodPost, "/me/addresses", anAddress, nil, "Idempotency-Key", key)
		return err == nil
	})
	return answer
}
