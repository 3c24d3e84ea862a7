// Package moduletest runs the whole module on the real database, bucket and CDN, without Redis, for the tests of its packages.
package moduletest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"atrium/config/defaults"
	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/cleanup"
	"atrium/modules/uploads/internal/importer"
	"atrium/modules/uploads/internal/intake"
	"atrium/modules/uploads/internal/library"
	"atrium/modules/uploads/internal/processing"
	"atrium/modules/uploads/internal/queue"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/apptest"
	"atrium/platform/blob"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/download"
	"atrium/platform/outbox"
	"atrium/platform/photo"
	"atrium/platform/ratelimit"
	"atrium/platform/secret"
	"atrium/platform/stacktest"
	"atrium/platform/tasks"
	"atrium/platform/tasks/taskstest"
)

// Bundle is the module with everything that its tests look at.
type Bundle struct {
	T          *testing.T
	DB         *database.DB
	Blobs      *blob.Store
	CDN        *blob.CDN
	Uploads    *upload.Store
	Imports    *importer.Store
	Importer   *importer.Service
	Library    *library.Service
	Publisher  *library.Publisher
	Cleanup    *cleanup.Service
	Processing processing.Deps
	Intake     *intake.Service
	Queue      *queue.Service
	Handlers   []tasks.Handler
	App        *apptest.App
	Owner      uuid.UUID // of the uploads that the Bundle's methods make
}

// Setup marks the test as parallel and runs the module with the default configuration.
func Setup(t *testing.T) *Bundle {
	t.Helper()
	t.Parallel()
	cfg := defaults.Section[uploads.Config]("uploads")
	cfg.ImageTime = 5 * time.Minute // beside all other tests
	return SetupWith(t, cfg)
}

// SetupWith runs the module with a configuration.
func SetupWith(t *testing.T, cfg uploads.Config) *Bundle {
	t.Helper()
	log := zaptest.NewLogger(t)
	db := dbtest.Clone(t)
	blobs, cdn := bucket(t)
	events := outbox.New(db)
	b := &Bundle{T: t, DB: db, Blobs: blobs, CDN: cdn, Uploads: upload.NewStore(db), Imports: importer.NewStore(db), Owner: uuid.New()}
	files, err := download.New(download.Config{Allow: []string{"127.0.0.1/32"}})
	require.NoError(t, err)
	b.Queue = queue.NewService(db, queue.NewStore(db), events)
	b.Importer = importer.NewService(importer.Deps{
		Config: cfg, DB: db, Uploads: b.Uploads, Imports: b.Imports, Outbox: events, Queue: b.Queue, Blobs: blobs, Files: files, Log: log,
	})
	photos := library.NewStore(db)
	b.Library = library.NewService(library.Deps{
		Config: cfg, DB: db, Store: photos, Imports: b.Imports, Outbox: events, CDN: cdn, Cache: cache.New(nil, log),
	})
	b.Publisher = library.NewPublisher(b.Uploads, photos, blobs, invalidator(t), b.Library)
	b.Cleanup = cleanup.NewService(cleanup.Deps{
		Uploads: b.Uploads, Store: cleanup.NewStore(db), Imports: b.Imports, Blobs: blobs, Library: b.Library, Public: b.Publisher,
	})
	b.Processing = processing.Deps{
		Config: cfg, DB: db, Uploads: b.Uploads, Store: processing.NewStore(db), Imports: b.Imports, Outbox: events, Blobs: blobs,
		Library: b.Library, Cleanup: b.Cleanup, Queue: b.Queue, Log: log,
	}
	b.Intake = intake.NewService(intake.Deps{
		Config: cfg, DB: db, Uploads: b.Uploads, Store: intake.NewStore(db), Queue: b.Queue, Blobs: blobs, Limiter: ratelimit.New(nil, log),
	})
	b.Handlers = slices.Concat(importer.Handlers(b.Importer), library.Handlers(b.Library, b.Publisher), cleanup.Handlers(b.Cleanup),
		processing.Handlers(processing.NewService(b.Processing)))
	b.App = apptest.NewOn(t, db, intake.NewHTTP(b.Intake, b.Library).Routes())
	return b
}

// bucket is the stack's bucket and the CDN in front of it.
func bucket(t *testing.T) (*blob.Store, *blob.CDN) {
	t.Helper()
	pathStyle, err := strconv.ParseBool(stacktest.Env(t, "ATRIUM_S3_PATH_STYLE"))
	require.NoError(t, err)
	blobs, err := blob.New(t.Context(), blob.Config{
		Endpoint: stacktest.Env(t, "ATRIUM_S3_ENDPOINT"), Region: stacktest.Env(t, "ATRIUM_S3_REGION"), Bucket: stacktest.Env(t, "ATRIUM_S3_BUCKET"),
		AccessKeyID: stacktest.Env(t, "ATRIUM_S3_ACCESS_KEY_ID"), SecretAccessKey: secret.Text(stacktest.Env(t, "ATRIUM_S3_SECRET_ACCESS_KEY")),
		PathStyle: pathStyle,
	})
	require.NoError(t, err)
	cdn, err := blob.NewCDN(blob.CDNConfig{
		URL: stacktest.Env(t, "ATRIUM_CDN_URL"), KeyPairID: stacktest.Env(t, "ATRIUM_CDN_KEY_PAIR_ID"),
		PrivateKey: secret.Text(stacktest.Env(t, "ATRIUM_CDN_PRIVATE_KEY")),
	})
	require.NoError(t, err)
	return blobs, cdn
}

// invalidator speaks to the stack's CDN.
func invalidator(t *testing.T) *blob.Invalidator {
	t.Helper()
	edge, err := blob.NewInvalidator(
		blob.CDNConfig{Endpoint: stacktest.Env(t, "ATRIUM_CDN_ENDPOINT"), DistributionID: stacktest.Env(t, "ATRIUM_CDN_DISTRIBUTION_ID")},
		blob.Config{AccessKeyID: stacktest.Env(t, "ATRIUM_S3_ACCESS_KEY_ID"), SecretAccessKey: secret.Text(stacktest.Env(t, "ATRIUM_S3_SECRET_ACCESS_KEY"))})
	require.NoError(t, err)
	return edge
}

// Answer is the union of what the routes Answer.
type Answer struct {
	ID     uuid.UUID    `json:"id"`
	Status string       `json:"status"`
	Reason string       `json:"reason"`
	Photo  *photo.Photo `json:"photo"`
	Upload struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
	} `json:"upload"`
}

// Do sends a request of somebody.
func (b *Bundle) Do(as uuid.UUID, method, path string, body any) *apptest.Response {
	b.T.Helper()
	return b.App.Do(b.T, apptest.Request{Method: method, Path: path, Token: apptest.As(as), Body: body})
}

// Declare is the body that creates an upload of the content.
func Declare(contentType string, content []byte) map[string]any {
	sum := sha256.Sum256(content)
	return map[string]any{"content_type": contentType, "bytes": len(content), "sha256": base64.StdEncoding.EncodeToString(sum[:])}
}

// Create creates an upload.
func (b *Bundle) Create(contentType string, content []byte) Answer {
	b.T.Helper()
	return apptest.Read[Answer](b.Do(b.Owner, http.MethodPost, "/v1/uploads", Declare(contentType, content)).Want(http.StatusCreated))
}

// Put sends the file as a client does, and returns the status.
func (b *Bundle) Put(to Answer, content []byte) int {
	b.T.Helper()
	req, err := http.NewRequestWithContext(b.T.Context(), to.Upload.Method, to.Upload.URL, bytes.NewReader(content))
	require.NoError(b.T, err)
	for name, value := range to.Upload.Headers {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(b.T, err)
	defer res.Body.Close()
	return res.StatusCode
}

// Complete completes an upload.
func (b *Bundle) Complete(id uuid.UUID) *apptest.Response {
	b.T.Helper()
	return b.Do(b.Owner, http.MethodPost, "/v1/uploads/"+id.String()+"/complete", nil)
}

// Find returns an upload as its owner sees it.
func (b *Bundle) Find(id uuid.UUID) Answer {
	b.T.Helper()
	return apptest.Read[Answer](b.Do(b.Owner, http.MethodGet, "/v1/uploads/"+id.String(), nil).Want(http.StatusOK))
}

// Send creates an upload, sends the file and completes.
func (b *Bundle) Send(contentType string, content []byte) (uuid.UUID, *apptest.Response) {
	b.T.Helper()
	created := b.Create(contentType, content)
	require.Equal(b.T, http.StatusOK, b.Put(created, content))
	return created.ID, b.Complete(created.ID)
}

// Drain runs all tasks until none is left.
func (b *Bundle) Drain() []taskstest.Ran {
	b.T.Helper()
	return taskstest.Drain(b.T, b.DB, b.Handlers...)
}

// AddReady makes a ready photo.
func (b *Bundle) AddReady() uuid.UUID {
	b.T.Helper()
	id, completed := b.Send("image/jpeg", Picture(b.T, 300, 200))
	completed.Want(http.StatusAccepted)
	b.Drain()
	require.Equal(b.T, string(upload.Ready), b.Find(id).Status)
	return id
}

// Photo returns a photo as other modules see it.
func (b *Bundle) Photo(id uuid.UUID) photo.Photo {
	b.T.Helper()
	found, err := b.Library.Photos(b.T.Context(), []uuid.UUID{id})
	require.NoError(b.T, err)
	require.Contains(b.T, found, id)
	return found[id]
}

// Fetch gets a variant from the CDN.
func Fetch(t *testing.T, p photo.Photo, size int, format string) (status int, body []byte) {
	t.Helper()
	return Get(t, strings.NewReplacer("{size}", strconv.Itoa(size), "{format}", format).Replace(p.Src))
}

// Get fetches a URL.
func Get(t *testing.T, url string) (status int, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, body
}

// Claim claims photos of the owner.
func (b *Bundle) Claim(ctx context.Context, audience uploads.Audience, ids ...uuid.UUID) error {
	return b.Library.Claim(ctx, uploads.Claim{Owner: b.Owner, Uploads: ids, Audience: audience, Pointer: "/body/photos"})
}

// AddRow puts a ready photo into the database only: for rules that no file matters to.
func (b *Bundle) AddRow(owner uuid.UUID) uuid.UUID {
	b.T.Helper()
	u := upload.New(owner, upload.Declaration{ContentType: "image/jpeg", Bytes: 1}, time.Now())
	u.Status = upload.Ready
	require.NoError(b.T, b.Uploads.Insert(b.T.Context(), u))
	return u.ID
}

// RequireErased fails the test if anything of an upload is left.
func (b *Bundle) RequireErased(u *upload.Upload) {
	b.T.Helper()
	_, err := b.Uploads.Find(b.T.Context(), u.ID)
	require.ErrorIs(b.T, err, uploads.ErrNotFound)
	for _, prefix := range []string{upload.PrivateFolder(u.PhotoKey), u.OriginalKey(), u.QuarantineKey} {
		keys, err := b.Blobs.List(b.T.Context(), prefix, "", 10)
		require.NoError(b.T, err)
		require.Empty(b.T, keys)
	}
}

// Payloads is all that the outbox holds.
func (b *Bundle) Payloads() (all string) {
	b.T.Helper()
	require.NoError(b.T, b.DB.Conn(b.T.Context()).Raw("SELECT string_agg(payload::text, ' ') FROM outbox").Scan(&all).Error)
	return all
}
