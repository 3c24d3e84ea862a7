package board

import (
	"context"
	"maps"
	"reflect"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/content"
	"atrium/modules/posts/internal/render"
	"atrium/modules/posts/internal/visibility"
	"atrium/modules/products"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/etag"
	"atrium/platform/idempotency"
	"atrium/platform/page"
	"atrium/platform/photo"
	"atrium/platform/plug"
)

// Deps is what a Service needs.
type Deps struct {
	plug.In

	DB        *database.DB
	Store     *Store
	Contents  *content.Cache
	Renderer  *render.Renderer
	Policy    *visibility.Policy
	People    users.Directory
	Catalogue products.Catalogue
	Signer    *page.Signer
}

// Service keeps boards. Safe for concurrent use.
type Service struct {
	db        *database.DB
	store     *Store
	contents  *content.Cache
	renderer  *render.Renderer
	policy    *visibility.Policy
	people    users.Directory
	catalogue products.Catalogue
	signer    *page.Signer
}

// NewService returns a service.
func NewService(d Deps) *Service {
	return &Service{db: d.DB, store: d.Store, contents: d.Contents, renderer: d.Renderer, policy: d.Policy, people: d.People,
		catalogue: d.Catalogue, signer: d.Signer}
}

// Create makes an empty board.
func (s *Service) Create(ctx context.Context, owner uuid.UUID, b Board) (Shown, error) {
	if made, ok := idempotency.Attached(ctx); ok {
		return s.find(ctx, owner, made)
	}
	if err := b.clean(); err != nil {
		return Shown{}, err
	}
	b.ID, b.OwnerID = uuid.Must(uuid.NewV7()), owner
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		n, err := s.store.Count(ctx, owner)
		if err != nil {
			return err
		}
		if n >= maxBoards {
			return posts.ErrTooManyBoards
		}
		if err := s.store.Insert(ctx, &b); err != nil {
			return err
		}
		return idempotency.Attach(ctx, b.ID)
	})
	if err != nil {
		return Shown{}, err
	}
	return s.find(ctx, owner, b.ID)
}

// find returns the board if the viewer may see it, else posts.ErrBoardNotFound.
func (s *Service) find(ctx context.Context, viewer, id uuid.UUID) (Shown, error) {
	b, err := s.store.Find(ctx, id)
	if err != nil {
		return Shown{}, err
	}
	shown, err := s.show(ctx, viewer, []Board{b})
	if err == nil && len(shown) == 0 {
		err = posts.ErrBoardNotFound
	}
	return shown[id], err
}

// Read returns the board with a page of those of its items that the viewer may see now, in the owner's order.
func (s *Service) Read(ctx context.Context, viewer, id uuid.UUID, q page.Query) (Open, error) {
	shown, err := s.find(ctx, viewer, id)
	if err != nil {
		return Open{}, err
	}
	scope := page.Scope("posts.board", viewer, id.String())
	var from spot
	if _, err := s.signer.OpenCursor(scope, q.Cursor, &from); err != nil {
		return Open{}, err
	}
	rows, err := page.Fill(Item{Rank: from.Rank, ItemID: from.ID}, q.Limit+1,
		func(after Item, n int) ([]Item, error) {
			return s.store.Items(ctx, id, spot{Rank: after.Rank, ID: after.ItemID}, n)
		},
		func(rows []Item) ([]Item, error) { return s.seen(ctx, viewer, rows) })
	if err != nil {
		return Open{}, err
	}
	list := page.Cut(s.signer, scope, q.Limit, rows, toItem, func(i Item) any { return spot{Rank: i.Rank, ID: i.ItemID} })
	return Open{Shown: shown, Items: list.Items, NextCursor: list.NextCursor}, nil
}

// seen returns those of the items that the viewer may see now, with what there is to see: two statements for any number.
func (s *Service) seen(ctx context.Context, viewer uuid.UUID, rows []Item) ([]Item, error) {
	var postIDs, productIDs []uuid.UUID
	for _, i := range rows {
		if i.Kind == kindPost {
			postIDs = append(postIDs, i.ItemID)
		} else {
			productIDs = append(productIDs, i.ItemID)
		}
	}
	cards, err := s.renderer.VisibleCards(ctx, viewer, postIDs)
	if err != nil {
		return nil, err
	}
	refs, err := s.catalogue.Refs(ctx, productIDs)
	if err != nil {
		return nil, err
	}
	kept := make([]Item, 0, len(rows))
	for _, i := range rows {
		if post, ok := cards[i.ItemID]; ok && i.Kind == kindPost {
			i.Post = &post
			kept = append(kept, i)
		}
		if ref, ok := refs[i.ItemID]; ok && i.Kind == kindProduct {
			i.Product = &ref
			kept = append(kept, i)
		}
	}
	return kept, nil
}

// List pages through a person's boards ("": the viewer's own), the newest first: of others only public ones, and of a private account
// only for its followers. users.ErrNotFound where the person is hidden.
func (s *Service) List(ctx context.Context, viewer uuid.UUID, user string, q page.Query) (page.List[Shown], error) {
	owner, visibilities := viewer, []string{posts.Public, posts.Private}
	if user != "" {
		var err error
		if owner, err = s.people.Resolve(ctx, user); err != nil {
			return page.List[Shown]{}, err
		}
	}
	if owner != viewer {
		relations, err := s.policy.Relations(ctx, viewer, []uuid.UUID{owner})
		if err != nil {
			return page.List[Shown]{}, err
		}
		if !relations.CanSeePerson(owner) {
			return page.List[Shown]{}, users.ErrNotFound
		}
		visibilities = []string{posts.Public}
	}
	return s.page(ctx, viewer, page.Scope("posts.boards", viewer, owner.String()), q,
		func(below uuid.UUID, n int) ([]Board, error) { return s.store.Of(ctx, owner, visibilities, below, n) })
}

// Holding pages through the boards that the viewer may see and that hold a post, the newest first; posts.ErrNotFound where the post is
// hidden from the viewer.
func (s *Service) Holding(ctx context.Context, viewer, post uuid.UUID, q page.Query) (page.List[Shown], error) {
	if _, err := s.contents.Find(ctx, viewer, post); err != nil {
		return page.List[Shown]{}, err
	}
	return s.page(ctx, viewer, page.Scope("posts.holding", viewer, post.String()), q,
		func(below uuid.UUID, n int) ([]Board, error) { return s.store.Holding(ctx, viewer, post, below, n) })
}

func (s *Service) page(ctx context.Context, viewer uuid.UUID, scope string, q page.Query, more func(below uuid.UUID, n int) ([]Board, error)) (page.List[Shown], error) {
	below := uuid.Max
	if _, err := s.signer.OpenCursor(scope, q.Cursor, &below); err != nil {
		return page.List[Shown]{}, err
	}
	shown := map[uuid.UUID]Shown{}
	rows, err := page.Fill(Board{ID: below}, q.Limit+1,
		func(after Board, n int) ([]Board, error) { return more(after.ID, n) },
		func(rows []Board) ([]Board, error) {
			found, err := s.show(ctx, viewer, rows)
			for id, b := range found {
				shown[id] = b
			}
			return slices.DeleteFunc(rows, func(b Board) bool { _, ok := found[b.ID]; return !ok }), err
		})
	if err != nil {
		return page.List[Shown]{}, err
	}
	return page.Cut(s.signer, scope, q.Limit, rows, func(b Board) Shown { return shown[b.ID] }, func(b Board) any { return b.ID }), nil
}

// show returns those of the boards that the viewer may see: some statements for any number of boards.
func (s *Service) show(ctx context.Context, viewer uuid.UUID, rows []Board) (map[uuid.UUID]Shown, error) {
	owners := make([]uuid.UUID, len(rows))
	for i, b := range rows {
		owners[i] = b.OwnerID
	}
	relations, err := s.policy.Relations(ctx, viewer, owners)
	if err != nil {
		return nil, err
	}
	refs, err := s.people.Refs(ctx, owners)
	if err != nil {
		return nil, err
	}
	visible := slices.DeleteFunc(slices.Clone(rows), func(b Board) bool {
		_, known := refs[b.OwnerID]
		return !known || !relations.CanSeePost(b.OwnerID, b.Visibility)
	})
	counts, err := s.count(ctx, viewer, ids(visible))
	if err != nil {
		return nil, err
	}
	covers, err := s.covers(ctx, viewer, slices.Collect(maps.Keys(counts)))
	if err != nil {
		return nil, err
	}
	shown := make(map[uuid.UUID]Shown, len(visible))
	for _, b := range visible {
		shown[b.ID] = toShown(b, refs[b.OwnerID], covers[b.ID], counts[b.ID])
	}
	return shown, nil
}

func ids(boards []Board) []uuid.UUID {
	all := make([]uuid.UUID, len(boards))
	for i, b := range boards {
		all[i] = b.ID
	}
	return all
}

// count returns how many items of each of the boards the viewer can open. Boards without any are absent.
func (s *Service) count(ctx context.Context, viewer uuid.UUID, boards []uuid.UUID) (map[uuid.UUID]int64, error) {
	counts := map[uuid.UUID]int64{}
	if len(boards) == 0 {
		return counts, nil
	}
	if err := s.countPosts(ctx, viewer, boards, counts); err != nil {
		return nil, err
	}
	return counts, s.countProducts(ctx, boards, counts)
}

func (s *Service) countPosts(ctx context.Context, viewer uuid.UUID, boards []uuid.UUID, counts map[uuid.UUID]int64) error {
	rows, err := s.store.Held(ctx, boards)
	if err != nil {
		return err
	}
	authors := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		authors[i] = row.AuthorID
	}
	relations, err := s.policy.Relations(ctx, viewer, authors)
	for _, row := range rows {
		if relations.CanSeePost(row.AuthorID, row.Visibility) {
			counts[row.BoardID] += row.Posts
		}
	}
	return err
}

func (s *Service) countProducts(ctx context.Context, boards []uuid.UUID, counts map[uuid.UUID]int64) error {
	rows, err := s.store.Products(ctx, boards)
	if err != nil || len(rows) == 0 {
		return err
	}
	held := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		held[i] = row.ItemID
	}
	refs, err := s.catalogue.Refs(ctx, content.Distinct(held))
	for _, row := range rows {
		if _, ok := refs[row.ItemID]; ok {
			counts[row.BoardID]++
		}
	}
	return err
}

// coverSteps are how many of a board's items are looked at for its cover: most often the first few are enough.
var coverSteps = []int{5, 50, maxItems}

// covers returns the photo that stands for each of the boards: of the item chosen for it, else of the first that the viewer may see.
func (s *Service) covers(ctx context.Context, viewer uuid.UUID, boards []uuid.UUID) (map[uuid.UUID]*photo.Photo, error) {
	covers, from := map[uuid.UUID]*photo.Photo{}, 0
	for _, to := range coverSteps {
		if len(boards) == 0 {
			break
		}
		rows, err := s.store.Covers(ctx, boards, from, to)
		if err != nil {
			return nil, err
		}
		items, err := s.seen(ctx, viewer, rows)
		if err != nil {
			return nil, err
		}
		for _, i := range items {
			if covers[i.BoardID] == nil {
				covers[i.BoardID] = i.photo()
			}
		}
		boards = slices.DeleteFunc(boards, func(id uuid.UUID) bool { return covers[id] != nil })
		from = to
	}
	return covers, nil
}

// Edit changes the owner's board. One that it leaves as it is keeps its version.
func (s *Service) Edit(ctx context.Context, owner, id uuid.UUID, match etag.Match, e Edit) (Shown, error) {
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		b, err := s.store.Lock(ctx, owner, id)
		if err != nil {
			return err
		}
		if err := match.Check(b.Version); err != nil {
			return err
		}
		before := b
		b = e.onto(b)
		if err := b.clean(); err != nil {
			return err
		}
		if e.Cover != nil && *e.Cover != nil {
			if rank, err := s.store.Rank(ctx, id, **e.Cover); err != nil || rank == "" {
				return orNotThere(err, "/body/cover")
			}
		}
		if reflect.DeepEqual(before, b) {
			return nil
		}
		return s.store.Save(ctx, b)
	})
	if err != nil {
		return Shown{}, err
	}
	return s.find(ctx, owner, id)
}

// Delete removes the owner's board; what was on it stays where it is.
func (s *Service) Delete(ctx context.Context, owner, id uuid.UUID) error {
	return s.store.Delete(ctx, owner, id)
}

// Put puts a post or product that the owner may see on their board, or moves it there.
func (s *Service) Put(ctx context.Context, owner, id uuid.UUID, t Thing, place Place) error {
	if err := s.there(ctx, owner, t); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		b, err := s.store.Lock(ctx, owner, id)
		if err != nil {
			return err
		}
		had, err := s.store.Rank(ctx, id, t)
		if err != nil || had != "" && (!place.Given || place.After != nil && *place.After == t) {
			return err
		}
		if had == "" && b.Rows >= maxItems {
			return posts.ErrBoardFull
		}
		rank, err := s.rank(ctx, id, t, place)
		if err == nil && len(rank) > longest {
			if err = s.store.Spread(ctx, id); err == nil {
				rank, err = s.rank(ctx, id, t, place)
			}
		}
		if err != nil {
			return err
		}
		return s.store.Put(ctx, id, t, rank)
	})
}

// there returns posts.ErrNotFound or products.ErrNotFound of what the person may not see.
func (s *Service) there(ctx context.Context, user uuid.UUID, t Thing) error {
	if t.Kind == kindPost {
		_, err := s.contents.Find(ctx, user, t.ID)
		return err
	}
	refs, err := s.catalogue.Refs(ctx, []uuid.UUID{t.ID})
	if _, ok := refs[t.ID]; err == nil && !ok {
		err = products.ErrNotFound
	}
	return err
}

// rank returns the rank of a place on a locked board, for a thing that leaves the one it has.
func (s *Service) rank(ctx context.Context, board uuid.UUID, t Thing, place Place) (string, error) {
	var before string
	var err error
	switch {
	case !place.Given:
		before, err = s.store.Last(ctx, board)
		return between(before, ""), err
	case place.After != nil:
		if before, err = s.store.Rank(ctx, board, *place.After); err != nil || before == "" {
			return "", orNotThere(err, "/body/after")
		}
	}
	after, err := s.store.Next(ctx, board, before, t)
	if err != nil {
		return "", err
	}
	return between(before, after), nil
}

func orNotThere(err error, pointer string) error {
	if err != nil {
		return err
	}
	return posts.ErrInvalid.At(pointer, "is not on this board")
}

// Take takes an item off the owner's board. One that is not on it is no error.
func (s *Service) Take(ctx context.Context, owner, id uuid.UUID, t Thing) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.store.Lock(ctx, owner, id); err != nil {
			return err
		}
		return s.store.Take(ctx, id, t)
	})
}
