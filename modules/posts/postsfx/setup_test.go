package postsfx

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
)

// bench is the whole module, plugged in as in the application, with other modules' fakes around it.
type bench struct {
	*apptest.App
	t        *testing.T
	db       *database.DB
	people   *userstest.Fake
	library  *uploadstest.Library
	shelf    *shelf
	reader   posts.Reader
	tastes   posts.Tastes
	wishes   posts.Wishes
	handlers []tasks.Handler
	redis    redis.UniversalClient // nil: without

	schedules map[string]func(ctx context.Context) error
}

// pushUpTo is how many followers an author has whose posts are pushed.
const pushUpTo = 100

// setup is for tests that do one thing after the other; nothing of them is committed.
func setup(t *testing.T) *bench { return setupOn(t, dbtest.Tx(t)) }

// setupOn takes a Redis too, or none.
func setupOn(t *testing.T, db *database.DB, rdb ...redis.UniversalClient) *bench {
	t.Helper()
	b := &bench{t: t, db: db, people: userstest.New(), library: uploadstest.NewLibrary(), shelf: &shelf{}}
	if len(rdb) > 0 {
		b.redis = rdb[0]
	}
	return start(b)
}

// another is another instance in the same world: it has cached nothing yet.
func (b *bench) another() *bench {
	b.t.Helper()
	return start(&bench{t: b.t, db: b.db, people: b.people, library: b.library, shelf: b.shelf, redis: b.redis})
}

func start(b *bench) *bench {
	b.t.Helper()
	var routes []httpserver.Routes
	b.schedules = map[string]func(ctx context.Context) error{}
	fxtest.New(b.t, fx.NopLogger, Module,
		fx.Supply(
			posts.Config{Rooms: []string{"living", "bedroom"}, Styles: []string{"japandi", "industrial"}, UndoWindow: 10 * time.Minute, CommentWindow: 15 * time.Minute, PushUpTo: pushUpTo},
			b.db, outbox.New(b.db), cache.New(b.redis, zap.NewNop()), page.NewSigner([]byte("a key of at least thirty-two bytes")),
		),
		fx.Provide(
			func() users.Directory { return b.people },
			func() users.Graph { return b.people },
			func() users.Tally { return b.people },
			func() users.Mutes { return b.people },
			func() uploads.Library { return b.library },
			func() products.Catalogue { return b.shelf },
		),
		fx.Invoke(
			fx.Annotate(func(all []httpserver.Routes) { routes = all }, fx.ParamTags(plug.RoutesGroup)),
			fx.Annotate(func(all []tasks.Handler) { b.handlers = all }, fx.ParamTags(plug.HandlersGroup)),
			fx.Annotate(func(all []tasks.Schedule) {
				for _, s := range all {
					b.schedules[s.Name] = s.Run
				}
			}, fx.ParamTags(plug.SchedulesGroup)),
			func(r posts.Reader, tastes posts.Tastes, wishes posts.Wishes) {
				b.reader, b.tastes, b.wishes = r, tastes, wishes
			},
		),
	).RequireStart()
	b.App = apptest.New(b.t, routes...)
	return b
}

// shelf is products in memory.
type shelf struct {
	mu     sync.Mutex
	refs   map[uuid.UUID]products.Ref
	offers map[uuid.UUID][]products.Offer
}

// put makes a product with one variant for each price.
func (s *shelf) put(slug string, stock int64, prices ...money.Money) uuid.UUID {
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

func (s *shelf) brand(id uuid.UUID, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := s.refs[id]
	ref.Brand = name
	s.refs[id] = ref
}

func (s *shelf) discontinue(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refs, id)
	delete(s.offers, id)
}

func (s *shelf) Refs(_ context.Context, ids []uuid.UUID) (map[uuid.UUID]products.Ref, error) {
	return subset(s, s.refs, ids), nil
}

func (s *shelf) Variants(_ context.Context, ids []uuid.UUID) (map[uuid.UUID][]products.Offer, error) {
	return subset(s, s.offers, ids), nil
}

func (s *shelf) Offers(context.Context, []uuid.UUID) (map[uuid.UUID]products.Offer, error) {
	return map[uuid.UUID]products.Offer{}, nil
}

// Alternatives are all other products.
func (s *shelf) Alternatives(_ context.Context, ids []uuid.UUID, n int) (map[uuid.UUID][]products.Ref, error) {
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

func (s *shelf) Resolve(_ context.Context, idOrSlug string) (uuid.UUID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, ref := range s.refs {
		if id.String() == idOrSlug || ref.Slug == idOrSlug {
			return id, nil
		}
	}
	return uuid.Nil, products.ErrNotFound
}

func subset[V any](s *shelf, all map[uuid.UUID]V, ids []uuid.UUID) map[uuid.UUID]V {
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

// object is a JSON object.
type object = map[string]any

// do sends a request as a person (uuid.Nil: nobody).
func (b *bench) do(as uuid.UUID, method, path string, body any, header ...string) *apptest.Response {
	b.t.Helper()
	request := apptest.Request{Method: method, Path: "/v1" + path, Body: body}
	if as != uuid.Nil {
		request.Token = apptest.As(as)
	}
	if len(header) == 2 {
		request.Header = map[string]string{header[0]: header[1]}
	}
	return b.Do(b.t, request)
}

func (b *bench) get(as uuid.UUID, path string) *apptest.Response {
	b.t.Helper()
	return b.do(as, http.MethodGet, path, nil)
}

// draft is the body of a post with one new photo.
func (b *bench) draft(author uuid.UUID, caption string) object {
	return object{"caption": caption, "photos": []object{{"upload_id": b.library.Add(author)}}}
}

// post publishes a post and returns its id; more overrides the draft.
func (b *bench) post(author uuid.UUID, caption string, more ...object) string {
	b.t.Helper()
	body := b.draft(author, caption)
	for _, m := range more {
		for k, v := range m {
			body[k] = v
		}
	}
	return b.do(author, http.MethodPost, "/posts", body).Want(http.StatusCreated).JSON()["id"].(string)
}

// comment writes a comment and returns its id.
func (b *bench) comment(writer uuid.UUID, post, text string, parent any) string {
	b.t.Helper()
	body := object{"text": text}
	if parent != nil {
		body["parent_id"] = parent
	}
	return b.do(writer, http.MethodPost, "/posts/"+post+"/comments", body).Want(http.StatusCreated).JSON()["id"].(string)
}

// list is a page of posts or comments.
type list struct {
	Items      []object `json:"items"`
	NextCursor *string  `json:"next_cursor"`
}

func (l list) ids() []string {
	ids := []string{}
	for _, item := range l.Items {
		ids = append(ids, item["id"].(string))
	}
	return ids
}

// page reads a page; path has its query already.
func (b *bench) page(as uuid.UUID, path, cursor string) list {
	b.t.Helper()
	if cursor != "" {
		path += "&cursor=" + cursor
	}
	return apptest.Read[list](b.get(as, path).Want(http.StatusOK))
}

// walk reads all pages; between is called after each.
func (b *bench) walk(as uuid.UUID, path string, between func(pageNo int)) []string {
	b.t.Helper()
	var ids []string
	for n, cursor := 1, ""; ; n++ {
		page := b.page(as, path, cursor)
		ids = append(ids, page.ids()...)
		if page.NextCursor == nil {
			return ids
		}
		cursor = *page.NextCursor
		between(n)
	}
}

// counters returns what the post's row says, and what the rows below it say.
func (b *bench) counters(post string) (counted, rows [3]int) {
	b.t.Helper()
	row := b.db.Conn(b.t.Context()).Raw(`
		SELECT like_count, comment_count, save_count,
		       (SELECT count(*) FROM post_likes WHERE post_id = p.id),
		       (SELECT count(*) FROM post_comments WHERE post_id = p.id AND deleted_at IS NULL),
		       (SELECT count(*) FROM post_saves WHERE post_id = p.id)
		FROM posts p WHERE id = ?`, post).Row()
	require.NoError(b.t, row.Scan(&counted[0], &counted[1], &counted[2], &rows[0], &rows[1], &rows[2]))
	return counted, rows
}
