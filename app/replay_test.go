package app

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/outbox"
)

// knocked is an event that only tests publish.
type knocked struct{}

func (knocked) EventName() string { return "test.knocked.v1" }

func TestFault_R9_TheCommandReplaysAllOfAKind(t *testing.T) {
	t.Parallel()
	i := install(t)
	box := outbox.New(i.db)
	require.NoError(t, i.db.InTx(t.Context(), func(ctx context.Context) error { return box.PublishAll(ctx, []outbox.Event{knocked{}, knocked{}}) }))
	require.NoError(t, i.db.Conn(t.Context()).Exec(`INSERT INTO event_receipts (subscriber, event_id, tries, dead_at)
		SELECT s.name, o.id, 21, now() FROM outbox o CROSS JOIN (VALUES ('test.answer'), ('test.bark')) AS s (name) WHERE o.name = ?`, knocked{}.EventName()).Error)
	dead := func(subscriber string) int {
		return i.count("SELECT count(*) FROM event_receipts WHERE subscriber = ? AND dead_at IS NOT NULL", subscriber)
	}
	require.Equal(t, "2 deliveries of test.answer are handed on again\n", i.run("atrium", "outbox", "replay", "--all", "test.answer"))
	require.Equal(t, []int{0, 2}, []int{dead("test.answer"), dead("test.bark")})
	require.Equal(t, "2 deliveries of test.knocked.v1 are handed on again\n", i.run("atrium", "outbox", "replay", "--all", knocked{}.EventName()))
	require.Zero(t, dead("test.bark"))
	require.Equal(t, "0 deliveries of test.bark are handed on again\n", i.run("atrium", "outbox", "replay", "--all", "test.bark"))

	for _, unclear := range [][]string{{}, {"--all", "test.bark", "01a227f9-c65c-7eca-9cad-78249e504aaa"}} {
		command := exec.CommandContext(t.Context(), filepath.Join(i.folder, "atrium"), append([]string{"outbox", "replay"}, unclear...)...)
		command.Env = i.environ
		out, err := command.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "say what")
	}
}
