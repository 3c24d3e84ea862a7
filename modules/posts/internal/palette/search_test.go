package palette

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/stacktest"
)

// anyPalette draws the colours of a photo: mostly the greys and browns of rooms, and something from anywhere.
func anyPalette(r *rand.Rand) []Tone {
	tones := make([]Tone, 1+r.IntN(6))
	for i := range tones {
		color := anyColor(r)
		if r.IntN(3) > 0 {
			color = Lab{40 + 50*r.Float64(), 8 * r.Float64(), 20 * r.Float64()}
		}
		tones[i] = Tone{Lab: color, Share: 1 / float64(len(tones))}
	}
	return decode(encode(tones))
}

// hang writes posts with palettes.
func hang(t testing.TB, db *database.DB, palettes map[uuid.UUID][][]Tone) {
	t.Helper()
	store := NewStore(db)
	var ids []uuid.UUID
	var photos []Photo
	for id, all := range palettes {
		ids = append(ids, id)
		for _, tones := range all {
			photos = append(photos, Photo{PhotoID: uuid.New(), PostID: id, Tones: encode(tones), Cells: cellsOf(tones)})
		}
	}
	require.NoError(t, db.Conn(t.Context()).Exec(`
		INSERT INTO posts (id, author_id, caption, visibility) SELECT id, id, '', 'public' FROM unnest(CAST(? AS uuid[])) AS p (id)`,
		database.Array(ids)).Error)
	require.NoError(t, store.replace(t.Context(), ids, photos))
}

// bruteForce compares every photo with the colours.
func bruteForce(palettes map[uuid.UUID][][]Tone, q Query) []Match {
	found := []Match{}
	for id, all := range palettes {
		best := noMatch
		for _, tones := range all {
			best = min(best, rank(tones, q.Colors, float64(q.Tolerance)))
		}
		if best < noMatch {
			found = append(found, Match{Post: id, Rank: best})
		}
	}
	slices.SortFunc(found, inOrder)
	return found
}

func TestSearch_PropertyItFindsWhatComparingEveryPhotoFinds(t *testing.T) {
	t.Parallel()
	db := dbtest.Tx(t)
	r := rand.New(rand.NewPCG(11, 12))
	palettes := map[uuid.UUID][][]Tone{}
	for range stacktest.Budget(80, 800) {
		id := uuid.New()
		for range 1 + r.IntN(3) {
			palettes[id] = append(palettes[id], anyPalette(r))
		}
	}
	hang(t, db, palettes)
	search := NewSearch(NewStore(db))
	for range stacktest.Budget(20, 200) {
		q := Query{Tolerance: 1 + r.IntN(mostTolerance)}
		for range 1 + r.IntN(2) {
			q.Colors = append(q.Colors, anyPalette(r)[0].Lab)
		}
		want := bruteForce(palettes, q)
		got, after, n := []Match{}, Before, 1+r.IntN(stacktest.Budget(40, 200))
		for {
			page, err := search.Nearest(t.Context(), q, after, n)
			require.NoError(t, err)
			got = append(got, page...)
			if len(page) < n {
				break
			}
			after = page[n-1]
		}
		require.Equal(t, want, got, "%+v, %d a page", q, n)
	}
}

// A prepared statement is planned for ten cells, whatever their number: for few palettes the planner preferred reading all of them to ten
// looks into the index, and compared each with hundreds of cells, 190 to 460 ms for 400 photos.
func TestFault_S6_NoPaletteIsReadForEachCell(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(15, 16))
	for _, photos := range []int{400, 10_000} {
		db := dbtest.Clone(t)
		palettes := map[uuid.UUID][][]Tone{}
		for range photos {
			palettes[uuid.New()] = [][]Tone{anyPalette(r)}
		}
		hang(t, db, palettes)
		search := NewSearch(NewStore(db))
		few, err := search.store.Few(t.Context())
		require.NoError(t, err)
		require.True(t, few)
		for n := range 16 {
			if n == 8 {
				require.NoError(t, db.Conn(t.Context()).Exec(`ANALYZE post_palettes`).Error)
			}
			q := Query{Tolerance: []int{1, 5, 15, 20}[n%4]}
			for range 1 + n%3/2 {
				q.Colors = append(q.Colors, []Lab{anyColor(r), anyPalette(r)[0].Lab}[n%2])
			}
			want := bruteForce(palettes, q)
			search.store.size.Store(&size{few: true, at: time.Now()})
			found, read := nearest(t, db, search, q)
			require.Equal(t, photos, read, "all of them, once: %+v", q)
			require.Equal(t, best(want, 21), found, "%+v", q)
			if photos < 10_000 {
				continue
			}
			search.store.size.Store(&size{at: time.Now()}) // as if they were a million
			found, read = nearest(t, db, search, q)
			require.Zero(t, read, "by the index: %+v", q)
			require.Equal(t, best(want, 21), found, "%+v", q)
		}
	}
}

// nearest searches, and tells how many palettes were read past the index meanwhile.
func nearest(t *testing.T, db *database.DB, search *Search, q Query) (found []Match, read int) {
	t.Helper()
	require.NoError(t, db.InTx(t.Context(), func(ctx context.Context) (err error) {
		var before, after int
		count := `SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_xact_user_tables WHERE relname = 'post_palettes'`
		if err := db.Conn(ctx).Raw(count).Scan(&before).Error; err != nil {
			return err
		}
		if found, err = search.Nearest(ctx, q, Before, 21); err != nil {
			return err
		}
		err = db.Conn(ctx).Raw(count).Scan(&after).Error
		read = after - before
		return err
	}))
	return found, read
}

func TestRank(t *testing.T) {
	t.Parallel()
	white, black, red := Lab{100, 0, 0}, Lab{0, 0, 0}, Lab{53, 80, 67}
	mostly := func(main, other Lab) []Tone { return []Tone{{main, 0.9}, {other, 0.1}} }
	require.Less(t, rank(mostly(white, red), []Lab{white}, 15), rank(mostly(red, white), []Lab{white}, 15), "of equals, what is seen more of")
	require.Less(t, rank(mostly(red, white), []Lab{white}, 15), rank(mostly(Lab{97, 0, 0}, red), []Lab{white}, 15), "nearer is better")
	require.Equal(t, noMatch, rank(mostly(white, red), []Lab{white, black}, 15), "all of the colours")
	require.Equal(t, rank(mostly(white, black), []Lab{white, black}, 15), rank(mostly(black, white), []Lab{white, black}, 15))
	require.Less(t, rank(mostly(white, black), []Lab{black}, 1), complete(1))
}
