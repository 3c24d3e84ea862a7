package app

import (
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/platform/stacktest"
	"atrium/scripts/demo/client"
)

// An instance that cannot reach Redis takes back what others have copies of, and is killed before it could tell them. They have to
// know at once, by the outbox, and so does whoever starts anew.
func TestFault_R1_WhatIsTakenBackIsTakenBackEverywhere(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.serve("all")
	ada, _, err := client.SignIn(t.Context(), i.stack, "copies-ada", "ada@atrium.test", "Ada", "ada")
	require.NoError(t, err)
	ben, _, err := client.SignIn(t.Context(), i.stack, "copies-ben", "ben@atrium.test", "Ben", "ben")
	require.NoError(t, err)
	post := func() string {
		return i.made(ada, "/posts", map[string]any{"caption": "mine", "photos": []any{map[string]any{"upload_id": i.photoOf(ada)}}})
	}
	deleted, hidden, left := post(), post(), post()
	sees := func(who *client.Person, post string) int {
		answer, _ := who.Call(t.Context(), http.MethodGet, "/posts/"+post, nil, nil)
		return answer.Status
	}
	for _, id := range []string{deleted, hidden, left} {
		require.Equal(t, http.StatusOK, sees(ben, id))
	}

	line := stacktest.NewProxy(t, i.redisURL)
	line.Cut()
	addr := freeAddress(t)
	deaf := *i
	deaf.environ = append(slices.Clone(i.environ), "ATRIUM_REDIS_URL="+line.URL(), "ATRIUM_HTTP_ADDR="+addr)
	does := func(method, path string, body any, header map[string]string) {
		_, err := client.Call(t.Context(), method, "http://"+addr+"/v1"+path, ada.Token, header, body, nil)
		require.NoError(t, err)
	}
	p := deaf.serve("api")
	does(http.MethodDelete, "/posts/"+deleted, nil, nil)
	does(http.MethodPatch, "/posts/"+hidden, map[string]any{"visibility": "private"}, map[string]string{"If-Match": "*"})
	p.stop(syscall.SIGKILL)
	for _, id := range []string{deleted, hidden} {
		i.eventually(5*time.Second, "the instance that heard nothing knows", func() bool { return sees(ben, id) == http.StatusNotFound })
	}
	require.Equal(t, http.StatusOK, sees(ben, left))

	p = deaf.serve("api")
	does(http.MethodPut, "/users/"+ben.ID+"/block", nil, nil)
	p.stop(syscall.SIGKILL)
	i.eventually(5*time.Second, "the block holds", func() bool { return sees(ben, left) == http.StatusNotFound })
}
