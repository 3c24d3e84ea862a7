package app

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/scripts/demo/client"
)

// told is a person's list of notifications by type, whose unread ones the count has to equal.
func (i *installation) told(p *client.Person) map[string]int {
	i.t.Helper()
	var list struct {
		Items []struct {
			Type string `json:"type"`
			Read bool   `json:"read"`
		} `json:"items"`
	}
	_, err := p.Call(i.t.Context(), http.MethodGet, "/notifications?limit=50", nil, &list)
	require.NoError(i.t, err)
	types, unread := map[string]int{}, 0
	for _, n := range list.Items {
		types[n.Type]++
		if !n.Read {
			unread++
		}
	}
	var count struct {
		Count int `json:"count"`
	}
	_, err = p.Call(i.t.Context(), http.MethodGet, "/notifications/unread-count", nil, &count)
	require.NoError(i.t, err)
	require.Equal(i.t, unread, count.Count, "the count equals the list: %v", types)
	return types
}

// settled waits until everything that is due was done.
func (i *installation) settled() {
	i.t.Helper()
	i.eventually(60*time.Second, "everything is done", func() bool {
		return i.count("SELECT count(*) FROM outbox WHERE finished_at IS NULL AND available_at <= now()") == 0
	})
}

// On the built product, with its own workers: what people take back at once leaves no notification, whatever overtakes what, and what
// stays is pushed once.
func TestFault_N4_R4_OnTheProductWhatIsTakenBackIsNotTold(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.serve("all")
	c := i.gather()
	do := func(p *client.Person, method, path string, body, out any, header ...string) {
		t.Helper()
		_, err := p.Call(t.Context(), method, path, body, out, header...)
		require.NoError(t, err, "%s %s", method, path)
	}
	like, follow := "/posts/"+c.post+"/like", "/users/"+c.author.ID+"/follow"
	kept := 0
	for n, fan := range c.fans {
		for range 4 {
			do(fan, http.MethodPut, like, nil, nil)
			do(fan, http.MethodDelete, like, nil, nil)
		}
		do(fan, http.MethodPut, follow, nil, nil)
		do(fan, http.MethodDelete, follow, nil, nil)
		if n%2 == 0 {
			do(fan, http.MethodPut, like, nil, nil)
			do(fan, http.MethodPut, follow, nil, nil)
			kept++
		}
		var comment struct {
			ID string `json:"id"`
		}
		do(fan, http.MethodPost, "/posts/"+c.post+"/comments", map[string]string{"text": "lovely"}, &comment)
		do(fan, http.MethodDelete, "/comments/"+comment.ID, nil, nil)
	}
	i.settled()
	require.Equal(t, map[string]int{"post.liked": kept, "user.followed": kept}, i.told(c.author))
	token := "push-" + c.author.ID
	for kind, want := range map[string]int{"post.liked": kept, "user.followed": kept} {
		all := i.pushes(token, kind)
		require.GreaterOrEqual(t, len(all), want, kind)
		for id, times := range all {
			require.Equal(t, 1, times, "%s %s", kind, id)
		}
	}

	fan := c.fans[1]
	do(c.author, http.MethodPatch, "/me", map[string]bool{"is_private": true}, nil, "If-Match", "*")
	do(fan, http.MethodPut, follow, nil, nil)
	i.settled()
	require.Equal(t, 1, i.told(c.author)["user.follow_requested"])
	do(c.author, http.MethodPut, "/me/follow-requests/"+fan.ID, nil, nil)
	i.settled()
	require.Zero(t, i.told(c.author)["user.follow_requested"])
	require.Equal(t, 1, i.told(fan)["user.follow_accepted"])
	require.Len(t, i.pushes("push-"+fan.ID, "user.follow_accepted"), 1)

	var me struct {
		Handle string `json:"handle"`
	}
	do(fan, http.MethodGet, "/me", nil, &me)
	do(c.author, http.MethodPatch, "/posts/"+c.post, map[string]string{"caption": "for @" + me.Handle}, nil, "If-Match", "*")
	i.settled()
	require.Equal(t, 1, i.told(fan)["user.mentioned"])
	do(c.author, http.MethodPatch, "/posts/"+c.post, map[string]string{"visibility": "private"}, nil, "If-Match", "*")
	require.Zero(t, i.told(fan)["user.mentioned"], "at once")
	i.settled()
	require.Zero(t, i.told(fan)["user.mentioned"])
	do(c.author, http.MethodPatch, "/posts/"+c.post, map[string]string{"visibility": "followers"}, nil, "If-Match", "*")
	i.settled()
	require.Equal(t, 1, i.told(fan)["user.mentioned"])
	require.Len(t, i.pushes("push-"+fan.ID, "user.mentioned"), 1)
}
