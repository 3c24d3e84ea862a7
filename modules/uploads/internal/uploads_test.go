package internal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"atrium/modules/uploads"
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

// bundle is the module on the real database, bucket and CDN, without Redis.
type bundle struct {
	t        *testing.T
	db       *database.DB
	blobs    *blob.Store
	store    *Store
	service  *Service
	library  *Library
	keeper   *Keeper
	studio   *Studio
	importer *Importer
	handlers []tasks.Handler
	app      *apptest.App
	owner    uuid.UUID
}

func setup(t *testing.T) *bundle {
	t.Helper()
	t.Parallel()
	return setupWith(t, uploads.DefaultConfig())
}

func setupWith(t *testing.T, cfg uploads.Config) *bundle {
	t.Helper()
	log := zaptest.NewLogger(t)
	db := dbtest.Clone(t)
	blobs, cdn := bucket(t)
	b := &bundle{t: t, db: db, blobs: blobs, store: NewStore(db), owner: uuid.New()}
	events := outbox.New(db)
	b.service = NewService(cfg, db, b.store, events, blobs, ratelimit.New(nil, log))
	b.library = NewLibrary(cfg, db, b.store, events, cdn, cache.New(nil, log))
	b.keeper = NewKeeper(b.store, blobs, invalidator(t), b.library)
	b.studio = NewStudio(cfg, db, b.store, events, blobs, b.keeper, log)
	files, err := download.New(download.Config{Allow: []string{"127.0.0.1/32"}})
	require.NoError(t, err)
	b.importer = NewImporter(db, b.store, events, blobs, files, log)
	b.handlers = Handlers(b.studio, b.keeper, b.library, b.importer)
	b.app = apptest.NewOn(t, db, NewHTTP(b.service, b.library).Routes())
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

// answer is the union of what the routes answer.
type answer struct {
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

func (b *bundle) do(as uuid.UUID, method, path string, body any) *apptest.Response {
	b.t.Helper()
	return b.app.Do(b.t, apptest.Request{Method: method, Path: path, Token: apptest.As(as), Body: body})
}

func declare(contentType string, content []byte) map[string]any {
	sum := sha256.Sum256(content)
	return map[string]any{"content_type": contentType, "bytes": len(content), "sha256": base64.StdEncoding.EncodeToString(sum[:])}
}

func (b *bundle) create(contentType string, content []byte) answer {
	b.t.Helper()
	return apptest.Read[answer](b.do(b.owner, http.MethodPost, "/v1/uploads", declare(contentType, content)).Want(http.StatusCreated))
}

// put sends the file as a client does, and returns the status.
func (b *bundle) put(to answer, content []byte) int {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), to.Upload.Method, to.Upload.URL, bytes.NewReader(content))
	require.NoError(b.t, err)
	for name, value := range to.Upload.Headers {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(b.t, err)
	defer res.Body.Close()
	return res.StatusCode
}

func (b *bundle) complete(id uuid.UUID) *apptest.Response {
	b.t.Helper()
	return b.do(b.owner, http.MethodPost, "/v1/uploads/"+id.String()+"/complete", nil)
}

func (b *bundle) find(id uuid.UUID) answer {
	b.t.Helper()
	return apptest.Read[answer](b.do(b.owner, http.MethodGet, "/v1/uploads/"+id.String(), nil).Want(http.StatusOK))
}

// send creates an upload, sends the file and completes.
func (b *bundle) send(contentType string, content []byte) (uuid.UUID, *apptest.Response) {
	b.t.Helper()
	created := b.create(contentType, content)
	require.Equal(b.t, http.StatusOK, b.put(created, content))
	return created.ID, b.complete(created.ID)
}

func (b *bundle) drain() []taskstest.Ran {
	b.t.Helper()
	return taskstest.Drain(b.t, b.db, b.handlers...)
}

// shoot makes a ready photo.
func (b *bundle) shoot() uuid.UUID {
	b.t.Helper()
	id, completed := b.send("image/jpeg", picture(b.t, 300, 200))
	completed.Want(http.StatusAccepted)
	b.drain()
	require.Equal(b.t, ready, b.find(id).Status)
	return id
}

func (b *bundle) photo(id uuid.UUID) photo.Photo {
	b.t.Helper()
	found, err := b.library.Photos(b.t.Context(), []uuid.UUID{id})
	require.NoError(b.t, err)
	require.Contains(b.t, found, id)
	return found[id]
}

// fetch gets a variant from the CDN.
func fetch(t *testing.T, p photo.Photo, size int, format string) (status int, body []byte) {
	t.Helper()
	return get(t, strings.NewReplacer("{size}", strconv.Itoa(size), "{format}", format).Replace(p.Src))
}

func get(t *testing.T, url string) (status int, body []byte) {
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

func (b *bundle) claim(ctx context.Context, audience uploads.Audience, ids ...uuid.UUID) error {
	return b.library.Claim(ctx, uploads.Claim{Owner: b.owner, Uploads: ids, Audience: audience, Pointer: "/body/photos"})
}

var (
	red  = color.NRGBA{0xb0, 0x30, 0x20, 0xff}
	sand = color.NRGBA{0xc9, 0xb7, 0x9c, 0xff}
)

// picture is sand with a red top left corner, as a JPEG.
func picture(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, canvas(width, height), &jpeg.Options{Quality: 95}))
	return b.Bytes()
}

func canvas(width, height int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.SetNRGBA(x, y, sand)
			if x < width/3 && y < height/3 {
				img.SetNRGBA(x, y, red)
			}
		}
	}
	return img
}

// secretPlace is what no fetched byte may tell.
const secretPlace = "Serial-4711-at-home"

// withEXIF puts an orientation, a GPS position, a serial number, XMP and IPTC into a JPEG, as phones do.
func withEXIF(t *testing.T, content []byte, orientation uint16) []byte {
	t.Helper()
	le := binary.LittleEndian
	tiff := append([]byte("II*\x00"), 8, 0, 0, 0)
	entry := func(tag, kind uint16, count, value uint32) {
		tiff = le.AppendUint32(le.AppendUint32(le.AppendUint16(le.AppendUint16(tiff, tag), kind), count), value)
	}
	const entries, gpsAt = 3, 8 + 2 + 3*12 + 4
	textAt := uint32(gpsAt + 2 + 2*12 + 4)
	tiff = le.AppendUint16(tiff, entries)
	entry(0x0112, 3, 1, uint32(orientation))
	entry(0x013B, 2, uint32(len(secretPlace)+1), textAt) // artist
	entry(0x8825, 4, 1, gpsAt)                           // the GPS directory
	tiff = append(le.AppendUint16(append(tiff, 0, 0, 0, 0), 2), []byte{}...)
	entry(0x0001, 2, 2, uint32('N'))
	entry(0x0003, 2, 2, uint32('E'))
	tiff = append(append(append(tiff, 0, 0, 0, 0), secretPlace...), 0)
	segments := [][]byte{
		segment(0xE1, append([]byte("Exif\x00\x00"), tiff...)),
		segment(0xE1, []byte("http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta><exif:GPSLatitude>"+secretPlace+"</exif:GPSLatitude></x:xmpmeta>")),
		segment(0xED, []byte("Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x18\x1c\x02\x5a\x00\x13"+secretPlace)),
		segment(0xFE, []byte(secretPlace)),
	}
	return bytes.Join([][]byte{content[:2], bytes.Join(segments, nil), content[2:]}, nil)
}

func segment(marker byte, body []byte) []byte {
	return append([]byte{0xFF, marker, byte((len(body) + 2) >> 8), byte(len(body) + 2)}, body...)
}

// leaks fails the test if bytes tell where a photo was taken.
func leaks(t *testing.T, content []byte) {
	t.Helper()
	for _, trace := range []string{secretPlace, "Exif", "GPS", "xmpmeta", "8BIM", "ns.adobe.com", "ICC_PROFILE"} {
		require.False(t, bytes.Contains(content, []byte(trace)), trace)
	}
}
