package internal

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

	"atrium/modules/users"
	"atrium/platform/apptest"
	"atrium/platform/identity"
	"atrium/platform/mail"
	"atrium/platform/tasks"
	"atrium/platform/tasks/taskstest"
)

func (b *bundle) overdue(t *testing.T, id uuid.UUID) {
	t.Helper()
	b.exec(t, "UPDATE users SET erase_at = now() - interval '1 minute' WHERE id = ?", id)
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
		require.NoError(t, b.people.Restore(t.Context(), ana))
		require.Equal(t, "cancelled", look()["status"])
		again, err := b.people.Leave(t.Context(), ana)
		require.NoError(t, err)
		require.NotEqual(t, token, again.Progress)
		token = again.Progress
		require.Equal(t, "waiting", look()["status"])
		require.EqualValues(t, 1, b.events(t, "users.returned.v1"))
	})
	t.Run("it goes on where it was interrupted", func(t *testing.T) {
		b.overdue(t, ana)
		gone, interrupt := context.WithCancel(t.Context())
		require.NoError(t, b.people.store.stepErasure(t.Context(), ana, stepFollows, false))
		interrupt()
		require.Error(t, b.people.EraseDue(gone, b.graph))
		require.Equal(t, "erasing", look()["status"])
		_, open := done()
		require.Equal(t, []string{"follows"}, open)
		require.NoError(t, b.people.EraseDue(t.Context(), b.graph))
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
		all := append(Handlers(b.people), others...)
		taskstest.Try(t, b.db, all...)
		require.NoError(t, b.people.WatchErasures(t.Context()))
		finished, open := done()
		require.ElementsMatch(t, []string{"follows", "profile", "auth"}, finished)
		require.Equal(t, []string{"orders"}, open)
		require.Equal(t, "erasing", look()["status"])
		broken = false
		taskstest.Try(t, b.db, all...)
		require.NoError(t, b.people.WatchErasures(t.Context()))
		require.Equal(t, "erased", look()["status"])
		require.NoError(t, b.people.WatchErasures(t.Context()))
	})
	b.figuresHold(t)
	b.Run(t,
		apptest.Scenario{Name: "the page says so", Path: "/account/deletion/" + token, Status: 200, Contains: []string{"The account is deleted", "orders: done"}},
		apptest.Scenario{Name: "a changed token shows nothing", Path: "/v1/account-deletions/" + token[:len(token)-2] + "AA", Status: 404},
		apptest.Scenario{Name: "nor on the page", Path: "/account/deletion/x", Status: 404},
		apptest.Scenario{Name: "admins see it", Token: apptest.As(boss, identity.RoleAdmin), Path: "/v1/admin/users/" + ana.String() + "/erasure", Status: 200, Contains: []string{`"erased"`}},
		apptest.Scenario{Name: "others do not", As: boss, Path: "/v1/admin/users/" + ana.String() + "/erasure", Status: 403},
	)
	require.Zero(t, b.number(t, "SELECT count(*) FROM user_erasures e WHERE e::text ILIKE '%ana%'"), "what stays names nobody")
}

var mailed = regexp.MustCompile(`https://api\.atrium\.test(/account/delete/\S+)`)

func TestDeletionByMail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, second := b.join(t, "Ana"), b.join(t, "ANA") // two accounts with one address
	unverified := b.join(t, "Cleo")
	b.exec(t, "UPDATE users SET email = 'ana@atrium.test', email_verified = false WHERE id = ?", unverified)
	ask := func(email string) *apptest.Response {
		return b.Do(t, apptest.Request{Method: http.MethodPost, Path: "/v1/account-deletions", Body: map[string]any{"email": email}})
	}
	form := func(path, body string) *apptest.Response {
		return b.Do(t, apptest.Request{Method: http.MethodPost, Path: path, Body: body, Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}})
	}
	work := func() { taskstest.Drain(t, b.db, Handlers(b.people)...) }

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
		for range 5 {
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
		require.EqualValues(t, 1, b.number(t, "SELECT count(*) FROM user_erasures"))
	})
	t.Run("three an hour, then silence", func(t *testing.T) {
		for range 5 {
			ask("ana@ATRIUM.test").Want(202)
		}
		require.EqualValues(t, 3, b.number(t, "SELECT count(*) FROM deletion_requests WHERE lower(email) = 'ana@atrium.test'"))
	})
	t.Run("a mail that could not be sent is sent again, as the same one", func(t *testing.T) {
		b.mails.down = mail.ErrUnavailable
		before := len(b.mails.sent)
		taskstest.Try(t, b.db, Handlers(b.people)...)
		require.Len(t, b.mails.sent, before)
		b.mails.down = nil
		work()
		require.Len(t, b.mails.sent, before+2, "two requests, each about the account that is left")
	})
	t.Run("after a day links are dead and addresses forgotten", func(t *testing.T) {
		late := mailed.FindStringSubmatch(b.mails.sent[len(b.mails.sent)-1].Text)[1]
		b.Do(t, apptest.Request{Path: late}).Want(200)
		b.exec(t, "UPDATE deletion_requests SET asked_at = now() - interval '25 hours'")
		form(late, "").Want(404)
		require.NoError(t, b.people.store.pruneDeletionRequests(t.Context()))
		require.Zero(t, b.number(t, "SELECT count(*) FROM deletion_requests"))
		b.Do(t, apptest.Request{Path: late}).Want(404)
	})
}
