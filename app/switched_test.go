package app

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/scripts/demo/client"
)

// Without Redis the product answers: people sign in, follow, read, fill their carts. What was to be done waits in the outbox.
func TestEndToEnd_WithoutRedis(t *testing.T) {
	t.Parallel()
	i := install(t, "ATRIUM_REDIS_URL=redis://127.0.0.1:1/0")
	i.serve("all")
	ana, ben := i.join("ana"), i.join("ben")
	for _, step := range []struct{ method, path string }{
		{http.MethodPut, "/users/" + ana.ID + "/follow"}, {http.MethodGet, "/users/" + ana.ID}, {http.MethodGet, "/feed"},
		{http.MethodGet, "/products"}, {http.MethodGet, "/cart"}, {http.MethodGet, "/notifications"}, {http.MethodGet, "/me/sessions"},
	} {
		_, err := ben.Call(t.Context(), step.method, step.path, nil, nil)
		require.NoError(t, err)
	}
	_, _, err := ana.Declare(t.Context(), smallJPEG(t))
	require.NoError(t, err)
	ready, err := client.Call(t.Context(), http.MethodGet, i.stack.API+"/readyz", "", nil, nil, nil)
	require.NoError(t, err)
	require.Contains(t, string(ready.Body), `"status":"degraded"`)
	require.Positive(t, i.count("SELECT count(*) FROM outbox WHERE finished_at IS NULL"))
}

// What is switched off is not there, and the others carry on.
func TestEndToEnd_WithOrdersOff(t *testing.T) {
	t.Parallel()
	i := install(t, "ATRIUM_MODULES_ORDERS=off")
	i.serve("api")
	ana := i.join("ana")
	_, err := ana.Call(t.Context(), http.MethodGet, "/feed", nil, nil)
	require.NoError(t, err)
	_, err = ana.Call(t.Context(), http.MethodGet, "/cart", nil, nil)
	require.ErrorAs(t, err, &client.Failure{})
	require.ErrorContains(t, err, "request.not_found")
}

func (i *installation) join(name string) *client.Person {
	i.t.Helper()
	p, _, err := client.SignIn(i.t.Context(), i.stack, name+uuid.NewString(), name+"@atrium.test", name, name)
	require.NoError(i.t, err)
	return p
}

// The dashboard exists for admins who signed in on its own pages, and for nobody else; what it changes comes from its own pages.
func TestEndToEnd_Dashboard(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.serve("api")
	boss := i.join("boss")
	sub := i.subjectOf(boss)
	require.Equal(t, http.StatusNotFound, i.browse(t, "stranger").visit("/admin/queues"))
	require.Equal(t, http.StatusNotFound, i.browse(t, sub).visit("/admin/queues"), "signed in, but no admin")

	refused := exec.CommandContext(t.Context(), filepath.Join(i.folder, "atrium"), "admin", "grant", "email=nobody@atrium.test")
	refused.Env = i.environ
	out, err := refused.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, "atrium: nobody has signed in with this address\n", string(out))

	i.run("atrium", "admin", "grant", "user="+boss.ID)
	b := i.browse(t, sub)
	require.Equal(t, http.StatusOK, b.visit("/admin/queues"))
	require.Equal(t, http.StatusOK, b.visit("/admin/queues/api/queues"))
	require.Equal(t, http.StatusForbidden, b.write("https://evil.example"))
	require.Equal(t, http.StatusForbidden, b.write(""))
	require.NotEqual(t, http.StatusForbidden, b.write(i.stack.API))
	_, err = client.Call(t.Context(), http.MethodGet, i.stack.API+"/admin/queues", boss.Token, nil, nil, nil)
	require.ErrorContains(t, err, "404", "an access token opens no page")
}

func (i *installation) subjectOf(p *client.Person) string {
	i.t.Helper()
	var sub string
	require.NoError(i.t, i.db.Conn(i.t.Context()).Raw("SELECT subject FROM identities WHERE user_id = ?", p.ID).Scan(&sub).Error)
	return sub
}

// browser is an admin's browser: it keeps cookies and follows redirects.
type browser struct {
	t      *testing.T
	origin string
	http   *http.Client
}

// browse goes through the back office's sign-in as the person whom Google knows by sub.
func (i *installation) browse(t *testing.T, sub string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	b := &browser{t: t, origin: i.stack.API, http: &http.Client{Jar: jar}}
	b.http.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), i.stack.Google) { // the person chooses an account there
			chosen := req.URL.Query()
			chosen.Set("sub", sub)
			chosen.Set("email", "boss@atrium.test")
			req.URL.RawQuery = chosen.Encode()
		}
		return nil
	}
	b.visit("/admin/sign-in/google")
	return b
}

func (b *browser) visit(path string) int {
	b.t.Helper()
	res, err := b.http.Get(b.origin + path)
	require.NoError(b.t, err)
	defer res.Body.Close()
	return res.StatusCode
}

// write tries to pause a queue from a page of that origin.
func (b *browser) write(origin string) int {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.origin+"/admin/queues/api/queues/"+url.PathEscape("default")+":pause", nil)
	require.NoError(b.t, err)
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	res, err := b.http.Do(req)
	require.NoError(b.t, err)
	defer res.Body.Close()
	var problem struct {
		Code string `json:"code"`
	}
	if json.NewDecoder(res.Body).Decode(&problem) == nil && res.StatusCode == http.StatusForbidden {
		require.Equal(b.t, "admin.foreign_origin", problem.Code)
	}
	return res.StatusCode
}
