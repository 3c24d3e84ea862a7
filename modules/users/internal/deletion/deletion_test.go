package deletion

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/apptest"
	"atrium/platform/identity"
	"atrium/platform/mail"
	"atrium/platform/tasks"
	"atrium/platform/tasks/taskstest"
)

func (b *bundle) overdue(t *testing.T, id uuid.UUID) {
	t.Helper()
	b.db.Exec(t, "UPDATE users SET erase_at = now() - interval '1 minute' WHERE id = ?", id)
}

func TestErasure_ShowsHowFarItIs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, boss := b.join(t, "Ana"), b.join(t, "Boss")
	b.follow(t, boss, ana)
	left := b.Do(t, apptest.Request{Method: http.MethodDelete, Path: "/v1/me", Token: apptest.As(ana)}).Want(202).JSON()
	page := strings.TrimPrefix(left["progress_url"].(string), "https://api.atrium.test")
	token := strings.TrimPrefix(page, "/account/deletion/")
	look := func() map[string]any {
		return b.Do(t, apptest.Request{Path: "/v1/account-deletions/" + token}).Want(200).JSON()
	}
	done := func() (done, open []string) {
		for _, s := range look()["steps"].([]any) {
			step := s.(map[string]any)
			if step["done_at"] != nil {
				done = append(done, step["step"].(string))
			} else {
				open = append(open, step["step"].(string))
			}
		}
		return done, open
	}
	require.Equal(t, "waiting", look()["status"])
	require.Empty(t, look()["steps"])

	t.Run("coming back cancels it, leaving again begins another", func(t *testing.T) {
		require.NoError(t, b.deletions.Cancel(t.Context(), ana))
		require.Equal(t, "cancelled", look()["status"])
		again, err := b.deletions.Schedule(t.Context(), ana)
		require.NoError(t, err)
		require.NotEqual(t, token, again.Progress)
		token = again.Progress
		require.Equal(t, "waiting", look()["status"])
		require.EqualValues(t, 1, b.db.Events(t, "users.returned.v1"))
	})
	t.Run("it goes on where it was interrupted", func(t *testing.T) {
		b.overdue(t, ana)
		gone, interrupt := context.WithCancel(t.Context())
		require.NoError(t, b.deletions.store.recordOwnStep(t.Context(), ana, stepFollows, false))
		interrupt()
		require.Error(t, b.deletions.EraseDue(gone))
		require.Equal(t, "erasing", look()["status"])
		_, open := done()
		require.Equal(t, []string{"follows"}, open)
		require.NoError(t, b.deletions.EraseDue(t.Context()))
		finished, open := done()
		require.ElementsMatch(t, []string{"follows", "profile"}, finished)
		require.Empty(t, open)
		require.Equal(t, "erasing", look()["status"], "the others have not heard of it yet")
	})
	t.Run("it is finished when the last module is", func(t *testing.T) {
		broken := true
		others := []tasks.Handler{
			tasks.Subscriber("auth.user_deleted", func(context.Context, uuid.UUID, users.Deleted) error { return nil }),
			tasks.Subscriber("orders.user_deleted", func(context.Context, uuid.UUID, users.Deleted) error {
				if broken {
					return fmt.Errorf("not now")
				}
				return nil
			}),
		}
		all := append(Handlers(b.deletions), others...)
		taskstest.Try(t, b.db.DB, all...)
		require.NoError(t, b.deletions.UpdateProgress(t.Context()))
		finished, open := done()
		require.ElementsMatch(t, []string{"follows", "profile", "auth"}, finished)
		require.Equal(t, []string{"orders"}, open)
		require.Equal(t, "erasing", look()["status"])
		broken = false
		taskstest.Try(t, b.db.DB, all...)
		require.NoError(t, b.deletions.UpdateProgress(t.Context()))
		require.Equal(t, "erased", look()["status"])
		require.NoError(t, b.deletions.UpdateProgress(t.Context()))
	})
	b.db.CountersHold(t)
	b.Run(t,
		apptest.Scenario{Name: "the page says so", Path: "/account/deletion/" + token, Status: 200, Contains: []string{"The account is deleted", "orders: done"}},
		apptest.Scenario{Name: "a changed token shows nothing", Path: "/v1/account-deletions/" + token[:len(token)-2] + "AA", Status: 404},
		apptest.Scenario{Name: "nor on the page", Path: "/account/deletion/x", Status: 404},
		apptest.Scenario{Name: "admins see it", Token: apptest.As(boss, identity.RoleAdmin), Path: "/v1/admin/users/" + ana.String() + "/erasure", Status: 200, Contains: []string{`"erased"`}},
		apptest.Scenario{Name: "others do not", As: boss, Path: "/v1/admin/users/" + ana.String() + "/erasure", Status: 403},
	)
	require.Zero(t, b.db.Number(t, "SELECT count(*) FROM user_erasures e WHERE e::text ILIKE '%ana%'"), "what stays names nobody")
}

var mailed = regexp.MustCompile(`https://api\.atrium\.test(/account/delete/\S+)`)

func TestDeletionByMail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, second := b.join(t, "Ana"), b.join(t, "ANA") // two accounts with one address
	unverified := b.join(t, "Cleo")
	b.db.Exec(t, "UPDATE users SET email = 'ana@atrium.test', email_verified = false WHERE id = ?", unverified)
	ask := func(email string) *apptest.Response {
		return b.Do(t, apptest.Request{Method: http.MethodPost, Path: "/v1/account-deletions", Body: map[string]any{"email": email}})
	}
	form := func(path, body string) *apptest.Response {
		return b.Do(t, apptest.Request{Method: http.MethodPost, Path: path, Body: body, Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}})
	}
	work := func() { taskstest.Drain(t, b.db.DB, Handlers(b.deletions)...) }

	t.Run("nobody learns who has an account", func(t *testing.T) {
		known, unknown := ask("ANA@atrium.test").Want(202), ask("nobody@atrium.test").Want(202)
		require.Equal(t, known.Body, unknown.Body)
		require.Equal(t, form("/account/delete", "email=x%40y.z").Want(202).Body, form("/account/delete", "email=").Want(202).Body)
		require.Contains(t, string(b.Do(t, apptest.Request{Path: "/account/delete"}).Want(200).Body), `<form method="post"`)
	})
	work()
	require.Len(t, b.mails.sent, 2, "one for each account that is surely theirs")
	require.NotEqual(t, b.mails.sent[0].ID, b.mails.sent[1].ID)
	for _, m := range b.mails.sent {
		require.Equal(t, "ana@atrium.test", strings.ToLower(m.To))
	}
	link := mailed.FindStringSubmatch(b.mails.sent[0].Text)[1]
	b.Run(t,
		apptest.Scenario{Name: "opening the link does nothing yet", Path: link, Status: 200, Contains: []string{"@ana"}},
		apptest.Scenario{Name: "opening it twice neither", Path: link, Status: 200},
		apptest.Scenario{Name: "a changed link is dead", Path: link[:len(link)-3] + "AAA", Status: 404, Contains: []string{"Ask for another"}},
	)
	require.False(t, b.relation(t, second, ana).Gone)

	t.Run("confirmed by several at once, it counts once", func(t *testing.T) {
		var good atomic.Int32
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if r := form(link, ""); r.Status == http.StatusSeeOther {
					good.Add(1)
					if !strings.HasPrefix(r.Header.Get("Location"), "/account/deletion/") {
						t.Errorf("leads to %s", r.Header.Get("Location"))
					}
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, good.Load())
		require.True(t, b.relation(t, second, ana).Gone)
		require.False(t, b.relation(t, ana, second).Gone, "the other account stays")
		form(link, "").Want(404)
		require.EqualValues(t, 1, b.db.Number(t, "SELECT count(*) FROM user_erasures"))
	})
	t.Run("three an hour, then silence", func(t *testing.T) {
		for range 4 {
			ask("ana@ATRIUM.test").Want(202)
		}
		require.EqualValues(t, 3, b.db.Number(t, "SELECT count(*) FROM deletion_requests WHERE lower(email) = 'ana@atrium.test'"))
	})
	t.Run("a mail that could not be sent is sent again, as the same one", func(t *testing.T) {
		b.mails.down = mail.ErrUnavailable
		before := len(b.mails.sent)
		taskstest.Try(t, b.db.DB, Handlers(b.deletions)...)
		require.Len(t, b.mails.sent, before)
		b.mails.down = nil
		work()
		require.Len(t, b.mails.sent, before+2, "two requests, each about the account that is left")
	})
	t.Run("after a day links are dead and addresses forgotten", func(t *testing.T) {
		late := mailed.FindStringSubmatch(b.mails.sent[len(b.mails.sent)-1].Text)[1]
		b.Do(t, apptest.Request{Path: late}).Want(200)
		b.db.Exec(t, "UPDATE deletion_requests SET asked_at = now() - interval '25 hours'")
		form(late, "").Want(404)
		require.NoError(t, b.deletions.store.pruneRequests(t.Context()))
		require.Zero(t, b.db.Number(t, "SELECT count(*) FROM deletion_requests"))
		b.Do(t, apptest.Request{Path: late}).Want(404)
	})
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo := b.join(t, "Ana"), b.join(t, "Ben"), b.join(t, "Cleo")
	b.follow(t, ana, ben)
	b.follow(t, cleo, ana)
	b.Do(t, apptest.Request{Method: http.MethodDelete, Path: "/v1/me", Token: apptest.Stale(ana)}).Want(403)
	first := b.Do(t, apptest.Request{Method: http.MethodDelete, Path: "/v1/me", Token: apptest.As(ana)}).Want(202).JSON()["erase_at"]
	require.Equal(t, first, b.Do(t, apptest.Request{Method: http.MethodDelete, Path: "/v1/me", Token: apptest.As(ana)}).Want(202).JSON()["erase_at"],
		"asking again postpones nothing")
	b.Do(t, apptest.Request{Path: "/v1/users/ana", Token: apptest.As(ben)}).Want(404)

	t.Run("before the time nothing is erased, and one can come back", func(t *testing.T) {
		require.NoError(t, b.deletions.EraseDue(t.Context()))
		require.NoError(t, b.deletions.Cancel(t.Context(), ana))
		b.Do(t, apptest.Request{Path: "/v1/users/ana", Token: apptest.As(ben)}).Want(200)
		require.True(t, b.relation(t, ana, ben).Following)
	})
	t.Run("after it, what says who they were is gone", func(t *testing.T) {
		_, err := b.deletions.Schedule(t.Context(), ana)
		require.NoError(t, err)
		b.db.Exec(t, "UPDATE users SET erase_at = now() - interval '1 minute' WHERE id = ?", ana)
		standing, err := b.accounts.Standing(t.Context(), ana)
		require.NoError(t, err)
		require.True(t, standing.Deleted, "too late to come back")
		require.NoError(t, b.deletions.EraseDue(t.Context()))
		require.NoError(t, b.deletions.EraseDue(t.Context()))
		b.db.CountersHold(t)
		require.EqualValues(t, 1, b.db.Events(t, "users.deleted.v1"))
		require.Zero(t, b.db.Number(t, "SELECT count(*) FROM users u WHERE u::text ILIKE '%ana%'"))
		require.Zero(t, b.db.Number(t, "SELECT count(*) FROM user_follows WHERE ? IN (follower_id, followee_id)", ana))
		_, err = b.accounts.Me(t.Context(), ana)
		require.ErrorIs(t, err, users.ErrNotFound)
	})
}

func TestFault_V10_ThreeDeletionRequestsAnHourWhateverTheRace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range 20 {
		email := []string{"ana@atrium.test", "ANA@atrium.test"}[i%2]
		all.Go(func() {
			<-start
			if err := b.deletions.Request(t.Context(), email); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	all.Wait()
	require.EqualValues(t, 3, b.db.Number(t, "SELECT count(*) FROM deletion_requests"))
	require.EqualValues(t, 3, b.db.Number(t, "SELECT count(*) FROM outbox WHERE name = 'users.mail_deletion'"))
}

// Nobody becomes a person who has left by taking their name; and the name is not kept for that.
func TestFault_V7_AnErasedHandleIsKeptBackWithoutBeingKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.join(t, "modernana"), b.join(t, "Ben")
	take := func(handle string) *apptest.Response {
		return b.Do(t, apptest.Request{Method: http.MethodPatch, Path: "/v1/me", Token: apptest.As(ben), Header: map[string]string{"If-Match": "*"}, Body: map[string]any{"handle": handle}})
	}
	b.Do(t, apptest.Request{Method: http.MethodPatch, Path: "/v1/me", Token: apptest.As(ana), Header: map[string]string{"If-Match": "*"}, Body: map[string]any{"handle": "ana.of.old"}}).Want(200)
	b.db.Exec(t, "UPDATE user_handles SET expires_at = now() + interval '10 days' WHERE handle = 'modernana'")
	_, err := b.deletions.Schedule(t.Context(), ana)
	require.NoError(t, err)
	b.overdue(t, ana)
	require.NoError(t, b.deletions.EraseDue(t.Context()))

	for _, handle := range []string{"ana.of.old", "Ana.Of.Old", "ana.0f.old", "modernana", "modemana"} {
		require.Equal(t, "users.handle_taken", take(handle).Want(409).Code(), handle)
	}
	stranger := b.join(t, "ana.of.old")
	require.Zero(t, b.db.Number(t, "SELECT count(*) FROM users WHERE id = ? AND handle = 'ana.of.old'", stranger), "sign-up gives it to nobody either")
	require.EqualValues(t, 2, b.db.Number(t, "SELECT count(*) FROM user_kept_handles WHERE octet_length(hash) = 32"))
	require.Zero(t, b.db.Number(t, "SELECT count(*) FROM user_handles WHERE user_id = ?", ana))
	require.Zero(t, b.db.Number(t, "SELECT count(*) FROM user_kept_handles k WHERE k.hash IN (sha256('ana.of.old'), sha256('modernana'), sha256('rnodernana'))"), "nobody finds it by guessing")
	b.Do(t, apptest.Request{Path: "/v1/users/ana.of.old", Token: apptest.As(ben)}).Want(404)

	t.Run("a former one for the rest of its time, the last one for that of a renamed one", func(t *testing.T) {
		require.EqualValues(t, 2, b.db.Number(t, `SELECT count(*) FROM user_kept_handles
			WHERE expires_at BETWEEN now() + interval '9 days' AND now() + interval '10 days' OR expires_at BETWEEN now() + interval '89 days' AND now() + interval '90 days'`))
		b.db.Exec(t, "UPDATE user_kept_handles SET expires_at = now() - interval '1 second' WHERE expires_at > now() + interval '11 days'")
		take("modernana").Want(409)
		take("ana.of.old").Want(200)
		require.NoError(t, b.deletions.users.PruneKeptHandles(t.Context()))
		require.EqualValues(t, 1, b.db.Number(t, "SELECT count(*) FROM user_kept_handles"))
	})
}

// Whoever waits for a handle while its person is erased does not get it.
func TestFault_V7_NorInTheMomentOfTheErasure(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 5 {
		handle := fmt.Sprintf("leaving%d", i)
		ana, ben := b.join(t, handle), b.join(t, fmt.Sprintf("waiting%d", i))
		_, err := b.deletions.Schedule(t.Context(), ana)
		require.NoError(t, err)
		b.overdue(t, ana)
		var all sync.WaitGroup
		all.Go(func() {
			if err := b.deletions.EraseDue(t.Context()); err != nil {
				t.Error(err)
			}
		})
		for range 4 {
			all.Go(func() {
				answer := b.Do(t, apptest.Request{Method: http.MethodPatch, Path: "/v1/me", Token: apptest.As(ben), Header: map[string]string{"If-Match": "*"}, Body: map[string]any{"handle": handle}})
				if answer.Status != http.StatusConflict {
					t.Errorf("answered %d: %s", answer.Status, answer.Body)
				}
			})
		}
		all.Wait()
	}
}

// The pictures of an account that is locked open for nobody, and are there again when the person is back.
func TestFault_V15_PicturesGoWithTheLockAndComeBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.join(t, "Ana")
	avatar, cover := b.library.Add(ana), b.library.Add(ana)
	b.Do(t, apptest.Request{Method: http.MethodPatch, Path: "/v1/me", Token: apptest.As(ana), Header: map[string]string{"If-Match": "*"},
		Body: map[string]any{"avatar_upload_id": avatar, "cover_upload_id": cover}}).Want(200)
	audience := func(want uploads.Audience, when string) {
		t.Helper()
		require.Equal(t, []uploads.Audience{want, want}, []uploads.Audience{b.library.Audience(avatar), b.library.Audience(cover)}, when)
	}
	audience(uploads.Everybody, "at first")
	require.NoError(t, b.accounts.Suspend(t.Context(), ana, uuid.New()))
	audience(uploads.Some, "suspended")
	_, err := b.deletions.Schedule(t.Context(), ana)
	require.NoError(t, err)
	require.NoError(t, b.accounts.Reinstate(t.Context(), ana))
	audience(uploads.Some, "reinstated, but leaving")
	require.NoError(t, b.deletions.Cancel(t.Context(), ana))
	audience(uploads.Everybody, "back")
	_, err = b.deletions.Schedule(t.Context(), ana)
	require.NoError(t, err)
	require.NoError(t, b.accounts.Suspend(t.Context(), ana, uuid.New()))
	require.NoError(t, b.deletions.Cancel(t.Context(), ana))
	audience(uploads.Some, "still suspended")
	require.NoError(t, b.accounts.Reinstate(t.Context(), ana))
	audience(uploads.Everybody, "reinstated")
}
