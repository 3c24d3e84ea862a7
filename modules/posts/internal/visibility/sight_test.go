package visibility_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/posts/internal/moduletest"
	"atrium/platform/apptest"
	"atrium/platform/dbtest"
)

// everyRoute lists each route on a post or one of its comments, with a request that the owner may make.
func everyRoute(post, comment string) []apptest.Request {
	return []apptest.Request{
		{Method: http.MethodGet, Path: "/posts/" + post},
		{Method: http.MethodPatch, Path: "/posts/" + post, Body: object{"caption": "x"}, Header: map[string]string{"If-Match": "*"}},
		{Method: http.MethodGet, Path: "/posts/" + post + "/history"},
		{Method: http.MethodDelete, Path: "/posts/" + post},
		{Method: http.MethodPost, Path: "/posts/" + post + "/restore"},
		{Method: http.MethodPut, Path: "/posts/" + post + "/like"},
		{Method: http.MethodDelete, Path: "/posts/" + post + "/like"},
		{Method: http.MethodPut, Path: "/posts/" + post + "/save"},
		{Method: http.MethodDelete, Path: "/posts/" + post + "/save"},
		{Method: http.MethodGet, Path: "/posts/" + post + "/likes"},
		{Method: http.MethodGet, Path: "/posts/" + post + "/shop"},
		{Method: http.MethodGet, Path: "/posts/" + post + "/similar"},
		{Method: http.MethodGet, Path: "/posts/" + post + "/comments"},
		{Method: http.MethodPost, Path: "/posts/" + post + "/comments", Body: object{"text": "x"}},
		{Method: http.MethodGet, Path: "/comments/" + comment},
		{Method: http.MethodPatch, Path: "/comments/" + comment, Body: object{"text": "x"}},
		{Method: http.MethodDelete, Path: "/comments/" + comment},
		{Method: http.MethodPut, Path: "/comments/" + comment + "/pin"},
		{Method: http.MethodDelete, Path: "/comments/" + comment + "/pin"},
	}
}

// mine reports whether only the author, or the writer, may do it, however visible the post is.
func mine(r apptest.Request) bool {
	comment := r.Path[:10] == "/comments/"
	return comment && r.Method != http.MethodGet || r.Method == http.MethodPatch || strings.HasSuffix(r.Path, "/history") || r.Method == http.MethodPost && r.Body == nil ||
		r.Method == http.MethodDelete && len(r.Path) == len("/posts/")+36
}

func TestSight_HoldsOnEveryRoute(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t)) // where time goes on: explore looks at it
	author := b.People.Add("author")
	stranger, follower, blocked, blocker := b.People.Add("stranger"), b.People.Add("follower"), b.People.Add("blocked"), b.People.Add("blocker")
	b.People.Follow(follower, author)
	b.People.Block(author, blocked)
	b.People.Block(blocker, author)
	viewers := map[string]uuid.UUID{"stranger": stranger, "follower": follower, "blocked": blocked, "blocker": blocker, "nobody": uuid.Nil}
	for _, c := range []struct {
		visibility string
		private    bool
		sees       []string
	}{
		{"public", false, []string{"stranger", "follower", "nobody"}},
		{"public", true, []string{"follower"}},
		{"followers", false, []string{"follower"}},
		{"followers", true, []string{"follower"}},
		{"private", false, nil},
	} {
		b.People.SetPrivate(author, false)
		post := b.Publish(author, "#sight", object{"visibility": c.visibility})
		comment := b.Comment(author, post, "mine", nil)
		b.People.SetPrivate(author, c.private)
		sees := map[string]bool{}
		for _, name := range c.sees {
			sees[name] = true
		}
		for name, viewer := range viewers {
			for _, r := range everyRoute(post, comment) {
				what := c.visibility + " " + name + " " + r.Method + " " + r.Path
				answer := b.Do(t, apptest.Request{Method: r.Method, Path: "/v1" + r.Path, Token: token(viewer), Body: r.Body, Header: r.Header})
				switch {
				case viewer == uuid.Nil && (r.Method != http.MethodGet || mine(r)):
					require.Equal(t, http.StatusUnauthorized, answer.Status, what)
				case mine(r) || !sees[name]:
					require.Equal(t, http.StatusNotFound, answer.Status, "%s: %s", what, answer.Body)
				default:
					require.Less(t, answer.Status, 300, "%s: %s", what, answer.Body)
				}
			}
			for _, path := range []string{"/users/author/posts?limit=9", "/tags/sight/posts?limit=9", "/explore?limit=9", "/search/posts?q=sight"} {
				answer := b.Get(viewer, path)
				if answer.Status == http.StatusOK {
					inList := c.visibility == "public" || path[1] == 'u' || path[1] == 't' // the others are public lists
					require.Equal(t, sees[name] && inList, moduletest.Contains(answer, post), "%s %s %s", c.visibility, name, path)
				} else if viewer == uuid.Nil {
					require.Equal(t, http.StatusUnauthorized, answer.Status, path)
				} else {
					require.Equal(t, http.StatusNotFound, answer.Status, path)
					require.Contains(t, []string{"blocked", "blocker"}, name)
				}
			}
			visible, err := b.Reader.Visible(t.Context(), viewer, []uuid.UUID{uuid.MustParse(post), uuid.New()})
			require.NoError(t, err)
			require.Equal(t, sees[name], len(visible) == 1, "%s %s Reader", c.visibility, name)
		}
		b.Get(author, "/posts/"+post).Want(http.StatusOK)
		require.True(t, moduletest.Contains(b.Get(author, "/feed?limit=50"), post), "one's own is in one's feed")
		require.Equal(t, sees["follower"], moduletest.Contains(b.Get(follower, "/feed?limit=50"), post))
		require.False(t, moduletest.Contains(b.Get(stranger, "/feed?limit=50"), post))
	}
}

func token(viewer uuid.UUID) string {
	if viewer == uuid.Nil {
		return ""
	}
	return apptest.As(viewer)
}

func TestMalformedIDsAnswerLikeUnknownOnes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	for _, id := range []string{"x", "00000000", "%7B" + uuid.NewString() + "%7D", uuid.NewString()} {
		for _, r := range everyRoute(id, id) {
			answer := b.Do(t, apptest.Request{Method: r.Method, Path: "/v1" + r.Path, Token: apptest.As(ana), Body: r.Body, Header: r.Header})
			require.Equal(t, http.StatusNotFound, answer.Status, "%s %s: %s", r.Method, r.Path, answer.Body)
		}
	}
	b.Get(ana, "/users/nobody/posts").Want(http.StatusNotFound)
	b.Get(ana, "/products/nothing/posts").Want(http.StatusNotFound)
	require.Empty(t, b.Page(ana, "/tags/%20%23/posts?limit=5", "").Items)
	for _, path := range []string{"/feed?limit=0", "/feed?limit=51", "/feed?color=red", "/feed/new-count", "/feed/new-count?since=yesterday", "/search/posts?room=dungeon", "/search/posts?colour=C9B79C"} {
		b.Get(ana, path).Want(http.StatusUnprocessableEntity)
	}
}
