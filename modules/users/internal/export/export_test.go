package export

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/auth/authtest"
	"atrium/modules/users"
	"atrium/platform/apptest"
	"atrium/platform/blob"
	"atrium/platform/database"
	"atrium/platform/dataexport"
	"atrium/platform/dbtest"
	"atrium/platform/keys"
	"atrium/platform/outbox"
	"atrium/platform/secret"
	"atrium/platform/stacktest"
	"atrium/platform/tasks/taskstest"
)

// bundle is the capability on a database, a bucket and a CDN; what modules contribute is the test's.
type bundle struct {
	*apptest.App
	db      *database.DB
	files   *blob.Store
	exports *Service
	session *authtest.Sessions
}

func setup(t *testing.T, parts ...dataexport.Part) *bundle {
	t.Helper()
	db := dbtest.Clone(t)
	pathStyle, err := strconv.ParseBool(stacktest.Env(t, "ATRIUM_S3_PATH_STYLE"))
	require.NoError(t, err)
	files, err := blob.New(t.Context(), blob.Config{
		Endpoint: stacktest.Env(t, "ATRIUM_S3_ENDPOINT"), Region: stacktest.Env(t, "ATRIUM_S3_REGION"), Bucket: stacktest.Env(t, "ATRIUM_S3_BUCKET"),
		AccessKeyID: stacktest.Env(t, "ATRIUM_S3_ACCESS_KEY_ID"), SecretAccessKey: secret.Text(stacktest.Env(t, "ATRIUM_S3_SECRET_ACCESS_KEY")), PathStyle: pathStyle,
	})
	require.NoError(t, err)
	cdn, err := blob.NewCDN(blob.CDNConfig{
		URL: stacktest.Env(t, "ATRIUM_CDN_URL"), KeyPairID: stacktest.Env(t, "ATRIUM_CDN_KEY_PAIR_ID"), PrivateKey: secret.Text(stacktest.Env(t, "ATRIUM_CDN_PRIVATE_KEY")),
	})
	require.NoError(t, err)
	master, err := keys.NewMaster(keys.Config{Master: secret.Text(strings.Repeat("A", 43) + "=")})
	require.NoError(t, err)
	sessions := authtest.NewSessions()
	exports := NewService(Deps{Master: master, DB: db, Outbox: outbox.New(db), Files: files, CDN: cdn, Sessions: sessions, Parts: parts})
	app := apptest.NewOn(t, db, Routes(NewHTTP(exports)))
	exports.publicURL = app.URL
	return &bundle{App: app, db: db, files: files, exports: exports, session: sessions}
}

func (b *bundle) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	require.NoError(t, b.db.Conn(t.Context()).Exec(statement, args...).Error)
}

func (b *bundle) work(t *testing.T) []taskstest.Ran {
	t.Helper()
	return taskstest.Try(t, b.db, Handlers(b.exports)...)
}

// numbers is a part of n rows, whose text is the person's id.
func numbers(module string, n int) dataexport.Part {
	return dataexport.Part{Module: module, Write: func(_ context.Context, user uuid.UUID, to *dataexport.Archive) error {
		return to.Rows("numbers", iter.Seq2[json.RawMessage, error](func(yield func(json.RawMessage, error) bool) {
			for i := range n {
				if !yield(json.RawMessage(`{"n":`+strconv.Itoa(i)+`,"user":"`+user.String()+`"}`), nil) {
					return
				}
			}
		}))
	}}
}

func TestExport_FromTheRequestToTheArchive(t *testing.T) {
	t.Parallel()
	const size = 3*8<<20 + 5 // several parts of a stream
	photo := dataexport.Part{Module: "uploads", Write: func(_ context.Context, _ uuid.UUID, to *dataexport.Archive) error {
		return to.File("originals/a.jpg", io.LimitReader(endless{}, size))
	}}
	b := setup(t, photo, numbers("posts", 2500), numbers("orders", 0))
	ana, ben := uuid.New(), uuid.New()
	ask := func(token string) *apptest.Response {
		return b.Do(t, apptest.Request{Method: http.MethodPost, Path: "/v1/me/export", Token: token})
	}
	look := func(who uuid.UUID) *apptest.Response {
		return b.Do(t, apptest.Request{Path: "/v1/me/export", Token: apptest.As(who)})
	}
	require.Equal(t, "users.no_export", look(ana).Want(404).Code())
	require.Equal(t, "auth.reauth_required", ask(apptest.Stale(ana)).Want(403).Code())
	require.Equal(t, "preparing", ask(apptest.As(ana)).Want(202).JSON()["status"])
	require.Equal(t, "users.export_running", ask(apptest.As(ana)).Want(409).Code())
	require.Equal(t, "preparing", look(ana).Want(200).JSON()["status"])
	look(ben).Want(404)
	require.Len(t, taskstest.Events[users.ExportRequested](t, b.db), 1, "the audit log hears of it")

	for _, ran := range b.work(t) {
		require.NoError(t, ran.Err)
	}
	standing := look(ana).Want(200).JSON()
	require.Equal(t, "ready", standing["status"])
	for member, after := range map[string]time.Duration{"expires_at": 10 * time.Minute, "kept_until": 7 * 24 * time.Hour} {
		until, err := time.Parse(time.RFC3339, standing[member].(string))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(after), until, time.Minute)
	}

	files := fetch(t, standing["url"].(string))
	require.Len(t, files, 4)
	require.Len(t, files["uploads/originals/a.jpg"], size)
	var rows []map[string]any
	require.NoError(t, json.Unmarshal(files["posts/numbers.json"], &rows))
	require.Len(t, rows, 2500)
	require.Equal(t, ana.String(), rows[2499]["user"])
	require.JSONEq(t, "[]", string(files["orders/numbers.json"]))
	require.Contains(t, string(files["index.json"]), `"posts/numbers.json"`)

	t.Run("the link opens this archive alone", func(t *testing.T) {
		link := b.Do(t, apptest.Request{Path: strings.TrimPrefix(standing["url"].(string), b.URL)}).Want(302).Header.Get("Location")
		path, query, _ := strings.Cut(link, "?")
		for _, other := range []string{path, strings.Replace(path, "/exports/", "/exports/x", 1) + "?" + query} {
			answer, err := http.Get(other)
			require.NoError(t, err)
			_ = answer.Body.Close()
			require.Equal(t, http.StatusForbidden, answer.StatusCode)
		}
	})
	t.Run("after its time it is expired, then gone", func(t *testing.T) {
		b.exec(t, "UPDATE user_exports SET expires_at = now() - interval '1 second'")
		require.Equal(t, "expired", look(ana).Want(200).JSON()["status"])
		e, err := b.exports.store.newest(t.Context(), ana)
		require.NoError(t, err)
		_, err = b.files.Head(t.Context(), e.key())
		require.NoError(t, err)
		require.NoError(t, b.exports.Prune(t.Context()))
		require.Equal(t, "expired", look(ana).Want(200).JSON()["status"])
		_, err = b.files.Head(t.Context(), e.key())
		require.ErrorIs(t, err, blob.ErrNotFound)
	})
	t.Run("then another one may be asked for", func(t *testing.T) { ask(apptest.As(ana)).Want(202) })
	t.Run("its row is forgotten in the end", func(t *testing.T) {
		b.exec(t, "UPDATE user_exports SET removed_at = now() - interval '31 days' WHERE removed_at IS NOT NULL")
		require.NoError(t, b.exports.Prune(t.Context()))
		var left int64
		require.NoError(t, b.db.Conn(t.Context()).Raw("SELECT count(*) FROM user_exports").Scan(&left).Error)
		require.EqualValues(t, 1, left)
	})
}

// The link opens what the person may take along; it is theirs only for a moment after they proved who they are.
func TestFault_V6_TheLinkIsShortAndEndsWithItsSession(t *testing.T) {
	t.Parallel()
	b := setup(t, numbers("posts", 1))
	ana := uuid.New()
	look := func() *apptest.Response {
		return b.Do(t, apptest.Request{Path: "/v1/me/export", Token: apptest.As(ana)}).Want(200)
	}
	open := func(url string) *apptest.Response {
		return b.Do(t, apptest.Request{Path: strings.TrimPrefix(url, b.URL)})
	}
	ready := func() (url string) {
		_, err := b.exports.Request(t.Context(), ana)
		require.NoError(t, err)
		for _, ran := range b.work(t) {
			require.NoError(t, ran.Err)
		}
		return look().JSON()["url"].(string)
	}
	url := ready()
	require.Len(t, fetch(t, url), 2)

	stale := b.Do(t, apptest.Request{Path: "/v1/me/export", Token: apptest.Stale(ana)})
	require.Equal(t, "auth.reauth_required", stale.Want(403).Code())
	require.NotContains(t, string(stale.Body), "/v1/exports/")

	t.Run("it lives for ten minutes", func(t *testing.T) {
		e, err := b.exports.store.newest(t.Context(), ana)
		require.NoError(t, err)
		old := link{export: e.ID, expires: time.Now().Add(-time.Second)}
		require.Equal(t, "users.no_export", open(b.URL+filePath+b.exports.links.seal(old)).Want(404).Code())
		signed := open(url).Want(302).Header.Get("Location")
		policy, err := base64.StdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "=", "~", "/").Replace(regexp.MustCompile("Policy=([^&]+)").FindStringSubmatch(signed)[1]))
		require.NoError(t, err)
		until, err := strconv.ParseInt(regexp.MustCompile(`"AWS:EpochTime":(\d+)`).FindStringSubmatch(string(policy))[1], 10, 64)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(signedTTL), time.Unix(until, 0), 10*time.Second, "and what it leads to for a minute")
	})
	t.Run("nobody makes one", func(t *testing.T) {
		for _, changed := range []string{url[:len(url)-2] + "AA", url + "A", b.URL + filePath + "x"} {
			require.Equal(t, "users.no_export", open(changed).Want(404).Code())
		}
	})
	t.Run("it ends with the session", func(t *testing.T) {
		l, ok := b.exports.links.open(strings.TrimPrefix(url, b.URL+filePath))
		require.True(t, ok)
		b.session.End(l.session)
		open(url).Want(404)
	})
	t.Run("it ends with the account, which gives its archive up", func(t *testing.T) {
		url := b.URL + filePath + b.exports.links.seal(link{export: uuid.New(), session: uuid.New(), expires: time.Now().Add(time.Minute)})
		open(url).Want(404)
		b.exec(t, "UPDATE user_exports SET status = 'expired', expires_at = now()") // as an erasure does
		e, err := b.exports.store.newest(t.Context(), ana)
		require.NoError(t, err)
		open(b.URL + filePath + b.exports.links.seal(link{export: e.ID, session: uuid.New(), expires: time.Now().Add(time.Minute)})).Want(404)
	})
}

func TestExport_AModuleThatFailsLeavesNoArchive(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	b := setup(t, numbers("orders", 10), dataexport.Part{Module: "posts", Write: func(context.Context, uuid.UUID, *dataexport.Archive) error { return broken }})
	ana := uuid.New()
	_, err := b.exports.Request(t.Context(), ana)
	require.NoError(t, err)
	status := func() string {
		s, err := b.exports.Standing(t.Context(), ana)
		require.NoError(t, err)
		return s.Status
	}
	tries := 0
	for ; status() == preparing && tries < 20; tries++ {
		ran := b.work(t)
		require.Len(t, ran, 1)
		require.ErrorIs(t, ran[0].Err, broken)
	}
	require.Equal(t, 6, tries, "the first and five more")
	require.Equal(t, failed, status())
	e, err := b.exports.store.newest(t.Context(), ana)
	require.NoError(t, err)
	_, err = b.files.Head(t.Context(), e.key())
	require.ErrorIs(t, err, blob.ErrNotFound)
	_, err = b.exports.Request(t.Context(), ana)
	require.NoError(t, err, "one may ask again")
}

func TestExport_OfSomebodyWhoLeftMeanwhileIsThrownAway(t *testing.T) {
	t.Parallel()
	var b *bundle
	b = setup(t, dataexport.Part{Module: "users", Write: func(ctx context.Context, user uuid.UUID, _ *dataexport.Archive) error {
		return b.db.Conn(ctx).Exec("UPDATE user_exports SET status = 'expired', expires_at = now() WHERE user_id = ?", user).Error // as an erasure does
	}})
	ana := uuid.New()
	_, err := b.exports.Request(t.Context(), ana)
	require.NoError(t, err)
	for _, ran := range b.work(t) {
		require.NoError(t, ran.Err)
	}
	e, err := b.exports.store.newest(t.Context(), ana)
	require.NoError(t, err)
	require.Equal(t, expired, e.Status)
	_, err = b.files.Head(t.Context(), e.key())
	require.ErrorIs(t, err, blob.ErrNotFound)
}

// endless is a file without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i)
	}
	return len(p), nil
}

// fetch opens a link as the app would, and returns the files of the archive behind it.
func fetch(t *testing.T, link string) map[string][]byte {
	t.Helper()
	answer, err := http.Get(link)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	content, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, f := range archive.File {
		r, err := f.Open()
		require.NoError(t, err)
		files[f.Name], err = io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
	}
	return files
}
