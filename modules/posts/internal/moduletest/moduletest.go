// Package moduletest is the whole posts module, plugged in as in the application, with other modules' fakes around it.
package moduletest

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/zap"

	"atrium/modules/posts"
	"atrium/modules/posts/postsfx"
	"atrium/modules/products"
	"atrium/modules/uploads"
	"atrium/modules/uploads/uploadstest"
	"atrium/modules/users"
	"atrium/modules/users/userstest"
	"atrium/platform/apptest"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/httpserver"
	"atrium/platform/money"
	"atrium/platform/outbox"
	"atrium/platform/page"
	"atrium/platform/plug"
	"atrium/platform/tasks"
	"atrium/platform/tasks/taskstest"
)

// Bundle is one instance of the module, and the world around it.
type Bundle struct {
	*apptest.App
	T         *testing.T
	DB        *database.DB
	People    *userstest.Fake
	Library   *uploadstest.Library
	Catalogue *Catalogue
	Reader    posts.Reader
	Counts    posts.Counts
	Tastes    posts.Tastes
	Wishes    posts.Wishes
	Activity  posts.Activity
	Handlers  []tasks.Handler
	Redis     redis.UniversalClient // nil: without

	Schedules map[string]func(ctx context.Context) error

	uploadsOff bool
}

// PushUpTo is how many followers an author has whose posts are pushed.
const PushUpTo = 100

// New is for tests that do one thing after the other; nothing of them is committed.
func New(t *testing.T) *Bundle { return NewOn(t, dbtest.Tx(t)) }

// NewOn takes a Redis too, or none.
func NewOn(t *testing.T, db *database.DB, rdb ...redis.UniversalClient) *Bundle {
	t.Helper()
	b := &Bundle{T: t, DB: db, People: userstest.New(), Library: uploadstest.NewLibrary(), Catalogue: &Catalogue{}}
	if len(rdb) > 0 {
		b.Redis = rdb[0]
	}
	return start(b)
}

// Another is another instance in the same world: it has cached nothing yet.
func (b *Bundle) Another() *Bundle {
	b.T.Helper()
	return start(&Bundle{T: b.T, DB: b.DB, People: b.People, Library: b.Library, Catalogue: b.Catalogue, Redis: b.Redis})
}

// WithoutUploads is another instance, on which uploads is switched off.
func (b *Bundle) WithoutUploads() *Bundle {
	b.T.Helper()
	return start(&Bundle{T: b.T, DB: b.DB, People: b.People, Library: b.Library, Catalogue: b.Catalogue, Redis: b.Redis, uploadsOff: true})
}

func (b *Bundle) photos() uploads.Library {
	if b.uploadsOff {
		return uploads.Absent{}
	}
	return b.Library
}

func start(b *Bundle) *Bundle {
	b.T.Helper()
	var routes []httpserver.Routes
	b.Schedules = map[string]func(ctx context.Context) error{}
	fxtest.New(b.T, fx.NopLogger, postsfx.Module, plug.Collected,
		fx.Supply(
			posts.Config{Rooms: []string{"living", "bedroom"}, Styles: []string{"japandi", "industrial"}, UndoWindow: 10 * time.Minute, CommentWindow: 15 * time.Minute, PushUpTo: PushUpTo},
			b.DB, outbox.New(b.DB), cache.New(b.Redis, zap.NewNop(), cache.WithTimeout(5*time.Second)), page.NewSigner([]byte("a key of at least thirty-two bytes")),
		),
		fx.Provide(
			func() users.Directory { return b.People },
			func() users.Graph { return b.People },
			func() users.Counters { return b.People },
			func() users.Mutes { return b.People },
			b.photos,
			func() products.Catalogue { return b.Catalogue },
		),
		fx.Invoke(
			func(all plug.All[httpserver.Routes], handlers plug.All[tasks.Handler], schedules plug.All[tasks.Schedule]) {
				routes, b.Handlers = all, handlers
				for _, s := range schedules {
					b.Schedules[s.Name] = s.Run
				}
			},
			func(r posts.Reader, counts posts.Counts, tastes posts.Tastes, wishes posts.Wishes, activity posts.Activity) {
				b.Reader, b.Counts, b.Tastes, b.Wishes, b.Activity = r, counts, tastes, wishes, activity
			},
		),
	).RequireStart()
	b.App = apptest.New(b.T, routes...)
	return b
}

// Catalogue is products in memory.
type Catalogue struct {
	mu     sync.Mutex
	refs   map[uuid.UUID]products.Ref
	offers map[uuid.UUID][]products.Offer
}

// Add makes a product with one variant for each price.
func (s *Catalogue) Add(slug string, stock int64, prices ...money.Money) uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := uuid.Must(uuid.NewV7())
	ref := products.Ref{ID: id, Slug: slug, Name: slug}
	var offers []products.Offer
	for _, price := range prices {
		ref.Price = &prices[0]
		offers = append(offers, products.Offer{VariantID: uuid.Must(uuid.NewV7()), Product: ref, SKU: slug, Price: price, Available: stock, OnSale: true})
	}
	if s.refs == nil {
		s.refs, s.offers = map[uuid.UUID]products.Ref{}, map[uuid.UUID][]products.Offer{}
	}
	s.refs[id], s.offers[id] = ref, offers
	return id
}

func (s *Catalogue) SetBrand(id uuid.UUID, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := s.refs[id]
	ref.Brand = name
	s.refs[id] = ref
}

func (s *Catalogue) Discontinue(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refs, id)
	delete(s.offers, id)
}

func (s *Catalogue) Refs(_ context.Context, ids []uuid.UUID) (map[uuid.UUID]products.Ref, error) {
	return subset(s, s.refs, ids), nil
}

func (s *Catalogue) Variants(_ context.Context, ids []uuid.UUID) (map[uuid.UUID][]products.Offer, error) {
	return subset(s, s.offers, ids), nil
}

func (s *Catalogue) Offers(context.Context, []uuid.UUID) (map[uuid.UUID]products.Offer, error) {
	return map[uuid.UUID]products.Offer{}, nil
}

// Alternatives are all other products.
func (s *Catalogue) Alternatives(_ context.Context, ids []uuid.UUID, n int) (map[uuid.UUID][]products.Ref, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[uuid.UUID][]products.Ref{}
	for _, id := range ids {
		for other, ref := range s.refs {
			if other != id && len(found[id]) < n {
				found[id] = append(found[id], ref)
			}
		}
	}
	return found, nil
}

func (s *Catalogue) Resolve(_ context.Context, idOrSlug string) (uuid.UUID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, ref := range s.refs {
		if id.String() == idOrSlug || ref.Slug == idOrSlug {
			return id, nil
		}
	}
	return uuid.Nil, products.ErrNotFound
}

func subset[V any](s *Catalogue, all map[uuid.UUID]V, ids []uuid.UUID) map[uuid.UUID]V {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[uuid.UUID]V{}
	for _, id := range ids {
		if v, ok := all[id]; ok {
			found[id] = v
		}
	}
	return found
}

// Object is a JSON object.
type Object = map[string]any

// Send sends a request as a person (uuid.Nil: nobody).
func (b *Bundle) Send(as uuid.UUID, method, path string, body any, header ...string) *apptest.Response {
	b.T.Helper()
	request := apptest.Request{Method: method, Path: "/v1" + path, Body: body}
	if as != uuid.Nil {
		request.Token = apptest.As(as)
	}
	if len(header) == 2 {
		request.Header = map[string]string{header[0]: header[1]}
	}
	return b.Do(b.T, request)
}

func (b *Bundle) Get(as uuid.UUID, path string) *apptest.Response {
	b.T.Helper()
	return b.Send(as, http.MethodGet, path, nil)
}

// DraftBody is the body of a post with one new photo.
func (b *Bundle) DraftBody(author uuid.UUID, caption string) Object {
	return Object{"caption": caption, "photos": []Object{{"upload_id": b.Library.Add(author)}}}
}

// Publish publishes a post and returns its id; more overrides the draft.
func (b *Bundle) Publish(author uuid.UUID, caption string, more ...Object) string {
	b.T.Helper()
	body := b.DraftBody(author, caption)
	for _, m := range more {
		for k, v := range m {
			body[k] = v
		}
	}
	return b.Send(author, http.MethodPost, "/posts", body).Want(http.StatusCreated).JSON()["id"].(string)
}

// Comment writes a comment and returns its id.
func (b *Bundle) Comment(writer uuid.UUID, post, text string, parent any) string {
	b.T.Helper()
	body := Object{"text": text}
	if parent != nil {
		body["parent_id"] = parent
	}
	return b.Send(writer, http.MethodPost, "/posts/"+post+"/comments", body).Want(http.StatusCreated).JSON()["id"].(string)
}

// List is a page of posts or comments.
type List struct {
	Items      []Object `json:"items"`
	NextCursor *string  `json:"next_cursor"`
}

func (l List) IDs() []string {
	ids := []string{}
	for _, item := range l.Items {
		ids = append(ids, item["id"].(string))
	}
	return ids
}

// Page reads a page; path has its query already.
func (b *Bundle) Page(as uuid.UUID, path, cursor string) List {
	b.T.Helper()
	if cursor != "" {
		path += "&cursor=" + cursor
	}
	return apptest.Read[List](b.Get(as, path).Want(http.StatusOK))
}

// Walk reads all pages; between is called after each.
func (b *Bundle) Walk(as uuid.UUID, path string, between func(pageNo int)) []string {
	b.T.Helper()
	var ids []string
	for n, cursor := 1, ""; ; n++ {
		page := b.Page(as, path, cursor)
		ids = append(ids, page.IDs()...)
		if page.NextCursor == nil {
			return ids
		}
		cursor = *page.NextCursor
		between(n)
	}
}

// Counters returns what the post's row says, and what the rows below it say.
func (b *Bundle) Counters(post string) (counted, rows [3]int) {
	b.T.Helper()
	row := b.DB.Conn(b.T.Context()).Raw(`
		SELECT like_count, comment_count, save_count,
		       (SELECT count(*) FROM post_likes WHERE post_id = p.id),
		       (SELECT count(*) FROM post_comments WHERE post_id = p.id AND deleted_at IS NULL),
		       (SELECT count(*) FROM post_saves WHERE post_id = p.id)
		FROM posts p WHERE id = ?`, post).Row()
	require.NoError(b.T, row.Scan(&counted[0], &counted[1], &counted[2], &rows[0], &rows[1], &rows[2]))
	return counted, rows
}

// Edit changes a post, whatever its version, and returns it.
func (b *Bundle) Edit(author uuid.UUID, post string, body Object) Object {
	b.T.Helper()
	return b.Send(author, http.MethodPatch, "/posts/"+post, body, "If-Match", "*").Want(http.StatusOK).JSON()
}

// The colours of the small world: L, a and b are those of the hexadecimal digits beside them.
var (
	Sand  = uploads.Tone{L: 75.26, A: 2.10, B: 16.06}   // c9b79c
	Beige = uploads.Tone{L: 76.52, A: 2.55, B: 17.50}   // about 1 from sand
	Slate = uploads.Tone{L: 31.26, A: -11.72, B: -3.73} // 2f4f4f
	Brick = uploads.Tone{L: 40.73, A: 52.57, B: 33.17}  // b22234, or nearly
)

// Share says how much of a picture has a colour.
func Share(t uploads.Tone, part float64) uploads.Tone {
	t.Weight = part
	return t
}

// Painted publishes a post with one photo of these colours, and lets what follows from it happen.
func (b *Bundle) Painted(author uuid.UUID, tones []uploads.Tone, more ...Object) string {
	b.T.Helper()
	photo := Object{"photos": []Object{{"upload_id": b.Library.AddColored(author, tones...)}}}
	id := b.Publish(author, "painted", append([]Object{photo}, more...)...)
	taskstest.Drain(b.T, b.DB, b.Handlers...)
	return id
}

// Contains reports whether a page has an item with the id.
func Contains(answer *apptest.Response, id string) bool {
	for _, item := range apptest.Read[List](answer).Items {
		if item["id"] == id {
			return true
		}
	}
	return false
}
