package app

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// The pages work in a real browser, under their own Content-Security-Policy and without any other host: the documentation
// lists the routes, and an admin gets from the sign-in page to the queues' dashboard.
func TestBrowser_DocumentationAndDashboard(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.serve("all")
	boss := i.join("boss")
	i.run("atrium", "admin", "grant", "user="+boss.ID)
	b := openTab(t)

	b.do(
		chromedp.Navigate(i.stack.API+"/docs"),
		chromedp.WaitVisible(chromedp.CSS(`[data-path="/v1/feed"]`)),
	)
	b.picture("docs")
	b.do(
		chromedp.Navigate(i.stack.API+"/admin/sign-in"),
		chromedp.Click(`//a[text()="Sign in with Google"]`),
		chromedp.SetValue(chromedp.CSS(`input[name="sub"]`), i.subjectOf(boss)),
		chromedp.SetValue(chromedp.CSS(`input[name="email"]`), boss.Email),
		chromedp.Click(`//button[text()="Sign in"]`),
		chromedp.WaitVisible(`//a[contains(text(),".default")]`),
	)
	b.picture("dashboard")
	require.Empty(t, b.complaints(), "what the browser's console says")
}

// tab is one tab of a headless Chromium that lives as long as the test.
type tab struct {
	t       *testing.T
	ctx     context.Context
	console func() []string
}

func openTab(t *testing.T) *tab {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	require.NotEmpty(t, path, "this test needs Chromium: scripts/bootstrap.sh --browser installs it")
	limited, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	allocator, stopAllocator := chromedp.NewExecAllocator(limited, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(filepath.Join(t.TempDir(), "profile")), chromedp.WindowSize(1280, 900))...)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		closeTab()
		stopAllocator()
		stop()
	})
	messages := chromedp.Console(ctx)
	b := &tab{t: t, ctx: ctx}
	b.console = func() (said []string) {
		closeTab() // ends the stream of messages
		for m, err := range messages {
			if err != nil {
				break
			}
			if m.IsException() || m.Type == chromedp.ConsoleError {
				said = append(said, m.Text+" "+m.URL)
			}
		}
		return said
	}
	return b
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

// picture keeps what the page looks like in the folder TEST_PICTURES names, for people to look at.
func (b *tab) picture(name string) {
	b.t.Helper()
	folder := os.Getenv("TEST_PICTURES")
	if folder == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(folder, name+".png"), png, 0o600))
}

// complaints closes the browser and returns the errors that its console has shown: exceptions, refused and failed requests.
func (b *tab) complaints() []string { return b.console() }
