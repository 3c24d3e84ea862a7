package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/migrations"
	"atrium/scripts/demo/client"
)

// laterBuild builds the product as a later build would be: with testdata/next put over it. Its binary is called "later".
var laterBuild = sync.OnceValues(func() (string, error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return "", err
	}
	over := func(path string) string { return filepath.Join(root, path) }
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		over("app/next.go"):                        over("app/testdata/next/next.go.txt"),
		over("migrations/20991231000000_next.sql"): over("app/testdata/next/next.sql"),
	}})
	if err != nil {
		return "", err
	}
	file, binary := filepath.Join(binariesFolder, "overlay.json"), filepath.Join(binariesFolder, "later")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return "", err
	}
	if out, err := exec.Command("go", "build", "-overlay", file, "-o", binary, "atrium").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the later build: %w\n%s", err, out)
	}
	return binary, nil
})

// worker starts a worker of a binary, with settings of its own.
func (i *installation) worker(binary string, settings ...string) *process {
	i.t.Helper()
	command := exec.Command(filepath.Join(i.folder, binary), "serve", "--role", "worker")
	command.Env = settings
	return i.start("worker", command)
}

func (i *installation) ready() string {
	i.t.Helper()
	answer, err := client.Call(i.t.Context(), http.MethodGet, i.stack.API+"/readyz", "", nil, nil, nil)
	require.NoError(i.t, err, "it is ready")
	return string(answer.Body)
}

// A build and the one before it, and a worker that lacks two modules, work side by side on the newer schema. What the lacking worker
// finds first waits, counted, for those who can do it, and goes on when they arrive; nobody starts anew.
func TestFault_R2_BuildsAndWorkersWithDifferentModulesWorkSideBySide(t *testing.T) {
	t.Parallel()
	_, err := laterBuild()
	require.NoError(t, err)
	i := install(t)
	api := i.serve("api")
	private := freeAddress(t)
	lacking := i.worker("atrium", "ATRIUM_MODULES_NOTIFICATIONS=off", "ATRIUM_MODULES_ORDERS=off", "ATRIUM_HTTP_PRIVATE_ADDR="+private)
	i.run("later", "migrate")
	require.Contains(t, i.ready(), `"schema":"ok"`)
	c := i.gather()
	variant := i.stockShelf(1000)

	orders := i.buyAndLike(c, c.post, variant)
	i.eventually(60*time.Second, "what the worker cannot do is counted", func() bool {
		figures := read(t, "http://"+private+"/metrics")
		return strings.Contains(figures, fmt.Sprintf(`atrium_outbox_parked{handler="notifications.post_liked"} %d`, fans)) &&
			strings.Contains(figures, `atrium_outbox_parked{handler="orders.`)
	})
	require.Zero(t, i.count("SELECT count(*) FROM notifications WHERE type = 'post.liked'"))

	whole, later := i.worker("atrium"), i.worker("later")
	i.eventually(90*time.Second, "everything goes on", i.nothingWaits)
	require.Equal(t, fans, i.count("SELECT count(*) FROM notifications WHERE type = 'post.liked'"))
	require.Equal(t, orders, i.count("SELECT count(*) FROM orders WHERE status = 'paid'"))

	orders += i.buyAndLike(c, i.anotherPost(c), variant)
	i.eventually(90*time.Second, "nobody takes what others must do", i.nothingWaits)
	require.Equal(t, 2*fans, i.count("SELECT count(*) FROM notifications WHERE type = 'post.liked'"))
	require.Equal(t, orders, i.count("SELECT count(*) FROM orders WHERE status = 'paid'"))
	for _, handler := range []string{"next.post_liked", "notifications.next_happened", "orders.next_settle"} {
		require.Equal(t, fans, i.count("SELECT count(*) FROM next_notes WHERE handler = ? AND post_id <> ?", handler, c.post), handler)
	}
	require.Zero(t, i.count("SELECT count(*) FROM event_receipts WHERE dead_at IS NOT NULL"))
	for _, p := range []*process{api, lacking, whole, later} {
		require.NoError(t, p.command.Process.Signal(syscall.Signal(0)), "nobody was started anew")
	}
}

// nothingWaits reports whether everything that was due is done.
func (i *installation) nothingWaits() bool {
	return i.count("SELECT count(*) FROM outbox WHERE finished_at IS NULL AND available_at <= now()") == 0
}

// buyAndLike lets every fan like the post, and every third buy and pay.
func (i *installation) buyAndLike(c *crowd, post, variant string) (orders int) {
	i.t.Helper()
	for n, fan := range c.fans {
		_, err := fan.Call(i.t.Context(), http.MethodPut, "/posts/"+post+"/like", nil, nil)
		require.NoError(i.t, err)
		if n%3 == 0 {
			i.buyAs(fan, variant, "of "+post)
			orders++
		}
	}
	return orders
}

func (i *installation) anotherPost(c *crowd) string {
	i.t.Helper()
	photo, err := c.author.AddPhoto(i.t.Context(), smallJPEG(i.t))
	require.NoError(i.t, err)
	var post struct {
		ID string `json:"id"`
	}
	_, err = c.author.Call(i.t.Context(), http.MethodPost, "/posts", map[string]any{"caption": "Desk", "photos": []any{map[string]any{"upload_id": photo}}}, &post)
	require.NoError(i.t, err)
	return post.ID
}

// A schema of a build that did not say that older ones can work with it is refused, running and starting.
func TestFault_R2_ASchemaThatDoesNotSayItIsCompatibleIsRefused(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.serve("api")
	apply := func(version int64) {
		require.NoError(t, i.db.Conn(t.Context()).Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, true)", version).Error)
	}
	apply(20991231000000)
	_, err := client.Call(t.Context(), http.MethodGet, i.stack.API+"/readyz", "", nil, nil, nil)
	i.eventually(10*time.Second, "it is not ready any more", func() bool {
		_, err = client.Call(t.Context(), http.MethodGet, i.stack.API+"/readyz", "", nil, nil, nil)
		return err != nil
	})
	command := exec.CommandContext(t.Context(), filepath.Join(i.folder, "atrium"), "serve", "--role", "worker")
	command.Env = i.environ
	out, err := command.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "newer than this build")

	declare := "INSERT INTO schema_compatibility (version, compatible_from) VALUES (?, ?)"
	require.NoError(t, i.db.Conn(t.Context()).Exec(declare, 20991231000000, migrations.Latest()).Error)
	i.eventually(10*time.Second, "what declares itself compatible is served", func() bool {
		_, err := client.Call(t.Context(), http.MethodGet, i.stack.API+"/readyz", "", nil, nil, nil)
		return err == nil
	})
	i.serve("worker")
}

// read fetches a page whose text matters.
func read(t *testing.T, url string) string {
	t.Helper()
	answer, err := client.Call(t.Context(), http.MethodGet, url, "", nil, nil, nil)
	require.NoError(t, err)
	return string(answer.Body)
}
