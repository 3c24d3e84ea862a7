package app

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"atrium/config"
	"atrium/modules/users"
	"atrium/platform/plug"
	"atrium/platform/tasks"
)

// Every module that keeps something of people listens to their erasure, and the erasure waits for it even while it is off.
func TestEveryModuleHearsOfAnErasure(t *testing.T) {
	t.Parallel()
	cfg, err := config.LoadOffline(moduleNames(), "", nil)
	require.NoError(t, err)
	var handlers []tasks.Handler
	_, err = assemble(cfg, fx.Invoke(func(all plug.All[tasks.Handler]) { handlers = all }))
	require.NoError(t, err)
	hears := map[string]bool{}
	for _, h := range handlers {
		if h.Subject() == (users.Deleted{}).EventName() && h.IsLasting() {
			module, _, _ := strings.Cut(h.Name(), ".")
			hears[module] = true
		}
	}
	for _, m := range catalogue {
		require.True(t, hears[m.name], "%s has no lasting subscriber of users.deleted.v1", m.name)
	}
}
