package palette_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/posts/internal/moduletest"
	"atrium/modules/uploads"
	"atrium/platform/dbtest"
	"atrium/platform/tasks/taskstest"
)

func (b *bundle) colored(as uuid.UUID, query string) []string {
	b.T.Helper()
	return append([]string{}, b.Walk(as, "/search/posts?limit=2&"+query, func(int) {})...)
}

func TestColors_TheSmallWorldIsFoundInOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	little := b.Painted(ana, []uploads.Tone{moduletest.Share(moduletest.Slate, 0.8), moduletest.Share(moduletest.Sand, 0.2)}, object{"room": "living"})
	mostly := b.Painted(ana, []uploads.Tone{moduletest.Share(moduletest.Sand, 0.9), moduletest.Share(moduletest.Brick, 0.1)}, object{"style": "japandi"})
	nearly := b.Painted(ana, []uploads.Tone{moduletest.Share(moduletest.Beige, 1)})
	red := b.Painted(ana, []uploads.Tone{moduletest.Share(moduletest.Brick, 1)})
	for query, want := range map[string][]string{
		"color=C9B79C":                            {mostly, little, nearly},
		"color=%23c9b79c&tolerance=1":             {mostly, little},
		"color=2f4f4f":                            {little},
		"color=2f4f4f&color=c9b79c":               {little},
		"color=b22234&color=c9b79c":               {mostly},
		"color=b22234":                            {red, mostly},
		"color=00ff00":                            {},
		"color=c9b79c&room=living":                {little},
		"color=c9b79c&style=japandi":              {mostly},
		"color=c9b79c&q=painted&room=living":      {little},
		"color=c9b79c&q=nothing":                  {},
		"color=c9b79c&tolerance=20":               {mostly, little, nearly},
		"color=c9b79c&color=c9b79c&tolerance=1":   {mostly, little},
		"color=c9b79c&q=painted&style=industrial": {},
		"q=painted&tolerance=3":                   {red, nearly, mostly, little},
	} {
		require.Equal(t, want, b.colored(ana, query), query)
	}
}

func TestColors_FollowWhatHappensToPosts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	id := b.Painted(ana, []uploads.Tone{moduletest.Share(moduletest.Sand, 1)})
	edit := func(body object) {
		b.Send(ana, http.MethodPatch, "/posts/"+id, body, "If-Match", "*").Want(http.StatusOK)
		taskstest.Drain(t, b.DB, b.Handlers...)
	}
	there := func(color string) bool { return len(b.colored(ana, "color="+color)) == 1 }
	kept := func() (n int) {
		require.NoError(t, b.DB.Conn(t.Context()).Raw(`SELECT count(*) FROM post_palettes`).Scan(&n).Error)
		return n
	}
	require.True(t, there("c9b79c"))
	edit(object{"photos": []object{{"upload_id": b.Library.AddColored(ana, moduletest.Share(moduletest.Brick, 1))}}})
	require.False(t, there("c9b79c"))
	require.True(t, there("b22234"))
	edit(object{"room": "living"})
	require.Len(t, b.colored(ana, "color=b22234&room=living"), 1)
	edit(object{"visibility": "followers"})
	require.False(t, there("b22234"))
	require.Zero(t, kept(), "only of what everybody may see")
	edit(object{"visibility": "public"})
	require.True(t, there("b22234"))
	b.Send(ana, http.MethodDelete, "/posts/"+id, nil).Want(http.StatusNoContent)
	require.False(t, there("b22234"), "at once")
	taskstest.Drain(t, b.DB, b.Handlers...)
	require.Zero(t, kept())
	b.Send(ana, http.MethodPost, "/posts/"+id+"/restore", nil).Want(http.StatusOK)
	taskstest.Drain(t, b.DB, b.Handlers...)
	require.True(t, there("b22234"))
}

func TestColors_AWalkNeitherRepeatsNorMissesWhilePostsComeAndGo(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana, ben, blocker := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("blocker")
	var there []string
	for n := range 12 {
		there = append(there, b.Painted(ana, []uploads.Tone{moduletest.Share(moduletest.Sand, 1-float64(n)/20), moduletest.Share(moduletest.Slate, float64(n)/20)}))
	}
	hidden := b.Painted(blocker, []uploads.Tone{moduletest.Share(moduletest.Sand, 0.7), moduletest.Share(moduletest.Slate, 0.3)})
	gone := map[string]bool{}
	walked := b.Walk(ben, "/search/posts?limit=3&color=c9b79c", func(n int) {
		b.Painted(ana, []uploads.Tone{moduletest.Share(moduletest.Sand, 0.99), moduletest.Share(moduletest.Slate, 0.01)}) // before all that comes
		victim := there[len(there)-n]
		b.Send(ana, http.MethodDelete, "/posts/"+victim, nil).Want(http.StatusNoContent)
		gone[victim] = true
		b.People.Block(blocker, ben)
	})
	require.NotContains(t, walked, hidden)
	var want []string
	for _, id := range there {
		if !gone[id] {
			want = append(want, id)
		}
	}
	var survived []string
	for _, id := range walked {
		if !gone[id] {
			survived = append(survived, id)
		}
	}
	require.Equal(t, want, survived)
}

func TestColors_PostsFromBeforeAreFoundOnceTheWalkHasPassed(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	sql := func(query string, args ...any) {
		t.Helper()
		require.NoError(t, b.DB.Conn(t.Context()).Exec(query, args...).Error)
	}
	walk := func() { t.Helper(); require.NoError(t, b.Schedules["posts.palettes"](t.Context())) }
	var ids []string
	for range 3 {
		ids = append(ids, b.Painted(ana, []uploads.Tone{moduletest.Share(moduletest.Sand, 1)}))
	}
	sql(`INSERT INTO posts (id, author_id, caption, visibility) SELECT gen_random_uuid(), ?, '', 'private' FROM generate_series(1, 1200)`, ana)
	sql(`DELETE FROM post_palettes`)
	walk()
	require.ElementsMatch(t, ids, b.colored(ben, "color=c9b79c"))

	sql(`DELETE FROM post_palettes WHERE post_id = ?`, ids[0])
	b.Send(ana, http.MethodPatch, "/posts/"+ids[1], object{"visibility": "followers"}, "If-Match", "*").Want(http.StatusOK) // its event is not heard
	walk()
	require.ElementsMatch(t, ids[2:], b.colored(ben, "color=c9b79c"), "it rests for a day")
	sql(`UPDATE post_palette_walk SET after = ?, ended_at = NULL`, ids[2]) // as if it had been interrupted there
	walk()
	require.ElementsMatch(t, ids[2:], b.colored(ben, "color=c9b79c"), "it goes on where it was")
	sql(`UPDATE post_palette_walk SET ended_at = ended_at - interval '25 hours'`)
	walk()
	require.ElementsMatch(t, []string{ids[0], ids[2]}, b.colored(ben, "color=c9b79c"))
	var kept int
	require.NoError(t, b.DB.Conn(t.Context()).Raw(`SELECT count(*) FROM post_palettes`).Scan(&kept).Error)
	require.Equal(t, 2, kept)
}

func TestSearch_RefusesWhatIsNoQuery(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	for query, pointer := range map[string]string{
		"color=red": "query.color", "color=fff": "query.color", "color=c9b79c&color=zzzzzz": "query.color",
		"color=111111&color=222222&color=333333": "query.color", "color=c9b79c&tolerance=0": "query.tolerance",
		"color=c9b79c&tolerance=21": "query.tolerance", "color=c9b79c&tolerance=x": "query.tolerance", "room=dungeon": "query.room",
		"style=none": "query.style", "limit=0": "query.limit", "colour=c9b79c": "query.colour",
	} {
		answer := b.Get(ana, "/search/posts?"+query)
		require.Equal(t, http.StatusUnprocessableEntity, answer.Status, query)
		require.Contains(t, fmt.Sprint(answer.JSON()["errors"]), "pointer:"+pointer, query)
	}
	first := b.Painted(ana, []uploads.Tone{moduletest.Share(moduletest.Sand, 1)})
	b.Painted(ana, []uploads.Tone{moduletest.Share(moduletest.Sand, 1)})
	cursor := *b.Page(ana, "/search/posts?limit=1&color=c9b79c", "").NextCursor
	for _, query := range []string{"color=c9b79d", "color=c9b79c&tolerance=9", "color=c9b79c&room=living", "color=c9b79c&q=x", "", "color=c9b79c&color=2f4f4f"} {
		require.Equal(t, "page.invalid_cursor", b.Get(ana, "/search/posts?"+query+"&cursor="+cursor).Want(http.StatusBadRequest).Code(), query)
	}
	require.Equal(t, []string{first}, b.Page(ana, "/search/posts?limit=50&color=C9B79C", cursor).IDs())
}

func FuzzSearch(f *testing.F) {
	for _, seed := range []string{"oak", "%", `\`, "_", "\x00", "\xff\xfe", "'; --", "거실", "é́́", "\u202e", " \t\n"} {
		f.Add(seed, "c9b79c", "15")
		f.Add("x", seed, seed)
	}
	f.Fuzz(func(t *testing.T, text, color, tolerance string) {
		b := setup(t)
		query := url.Values{"q": {text}, "color": {color}, "tolerance": {tolerance}}
		someone := b.People.Add("someone")
		status := b.Get(someone, "/search/posts?"+query.Encode()).Status
		require.Contains(t, []int{http.StatusOK, http.StatusUnprocessableEntity, http.StatusBadRequest}, status)
		status = b.Get(someone, "/tags/"+url.PathEscape(text)).Status
		require.Less(t, status, http.StatusInternalServerError)
	})
}
