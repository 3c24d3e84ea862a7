package config

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var modules = []string{"orders", "posts"}

func offline(t *testing.T, file string, environ ...string) (*Config, error) {
	t.Helper()
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "atrium.yaml")
		require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
	}
	return LoadOffline(modules, path, environ)
}

func TestLoad(t *testing.T) {
	t.Parallel()
	t.Run("the file wins over the defaults, the environment over both", func(t *testing.T) {
		t.Parallel()
		cfg, err := offline(t, "http: {addr: '127.0.0.1:1', max_body: 2048}", "ATRIUM_HTTP_ADDR=127.0.0.1:2")
		require.NoError(t, err)
		require.Equal(t, "127.0.0.1:2", cfg.HTTP.Addr)
		require.EqualValues(t, 2048, cfg.HTTP.MaxBody)
	})
	t.Run("modules are on unless switched off, in either place", func(t *testing.T) {
		t.Parallel()
		cfg, err := offline(t, "modules: {orders: off}")
		require.NoError(t, err)
		require.False(t, cfg.Modules.On("orders"))
		require.True(t, cfg.Modules.On("posts"))
		cfg, err = offline(t, "modules: {orders: off}", "ATRIUM_MODULES_ORDERS=on", "ATRIUM_MODULES_POSTS=off")
		require.NoError(t, err)
		require.True(t, cfg.Modules.On("orders"))
		require.False(t, cfg.Modules.On("posts"))
	})
	t.Run("lists come separated by commas from the environment", func(t *testing.T) {
		t.Parallel()
		cfg, err := offline(t, "", "ATRIUM_HTTP_TRUSTED_PROXIES=10.0.0.0/8,192.168.0.0/16")
		require.NoError(t, err)
		require.Equal(t, []string{"10.0.0.0/8", "192.168.0.0/16"}, cfg.HTTP.TrustedProxies)
	})
	t.Run("a part of a map in the file leaves the rest of it as it is", func(t *testing.T) {
		t.Parallel()
		cfg, err := offline(t, "http: {limits: {read: {per_minute: 7, burst: 7}}}")
		require.NoError(t, err)
		require.Equal(t, 7, cfg.HTTP.Limits["read"].PerMinute)
		require.Positive(t, cfg.HTTP.Limits["write"].PerMinute)
	})
	t.Run("everything wrong is reported at once, without a value", func(t *testing.T) {
		t.Parallel()
		_, err := offline(t, "http: {adr: x, drain_timeout: soon}\nmodules: {orders: perhaps, chat: on}", "ATRIUM_REDIS_ULR=secret", "ATRIUM_TASKS_CONCURRENCY=many")
		var faults Faults
		require.ErrorAs(t, err, &faults)
		require.Len(t, faults, 6, "%v", faults)
		for _, fault := range []string{"http.adr: unknown key", "http.drain_timeout: not a valid value (a duration such as 30s)", "modules.chat: unknown key",
			"modules.orders: not a valid value (on or off)", "ATRIUM_REDIS_ULR: unknown environment variable", "tasks.concurrency: not a valid value (a whole number)"} {
			require.ErrorContains(t, err, fault)
		}
		require.NotContains(t, err.Error(), "secret")
	})
	t.Run("what is required and missing is named with both its names", func(t *testing.T) {
		t.Parallel()
		_, err := Load(modules, "", nil)
		require.ErrorContains(t, err, "database.url: is missing (set it in the file or as ATRIUM_DATABASE_URL)")
		require.ErrorContains(t, err, "keys.master: is missing (set it in the file or as ATRIUM_KEYS_MASTER)")
	})
	t.Run("a file that is not there is a sentence", func(t *testing.T) {
		t.Parallel()
		_, err := LoadOffline(modules, "nowhere.yaml", nil)
		require.ErrorContains(t, err, "cannot read the file")
	})
}

func TestRenamed(t *testing.T) {
	t.Parallel()
	t.Run("the old name works in a file and says so", func(t *testing.T) {
		t.Parallel()
		cfg, err := offline(t, "auth: {master_key: old}")
		require.NoError(t, err)
		require.Equal(t, "old", cfg.Keys.Master.Reveal())
		require.Equal(t, []string{"auth.master_key is called keys.master now; the old name stops working with the next release"}, cfg.Notices)
	})
	t.Run("the old variable works, and wins over a file like any other", func(t *testing.T) {
		t.Parallel()
		cfg, err := offline(t, "keys: {master: file}", "ATRIUM_AUTH_MASTER_KEY=old")
		require.NoError(t, err)
		require.Equal(t, "old", cfg.Keys.Master.Reveal())
		require.Equal(t, []string{"ATRIUM_AUTH_MASTER_KEY is called ATRIUM_KEYS_MASTER now; the old name stops working with the next release"}, cfg.Notices)
	})
	t.Run("the new name alone says nothing", func(t *testing.T) {
		t.Parallel()
		cfg, err := offline(t, "", "ATRIUM_KEYS_MASTER=new")
		require.NoError(t, err)
		require.Equal(t, "new", cfg.Keys.Master.Reveal())
		require.Empty(t, cfg.Notices)
	})
	t.Run("both names in one place are refused, without a value", func(t *testing.T) {
		t.Parallel()
		_, err := offline(t, "auth: {master_key: hunter2}\nkeys: {master: hunter3}", "ATRIUM_AUTH_MASTER_KEY=hunter2", "ATRIUM_KEYS_MASTER=hunter3")
		require.ErrorContains(t, err, "auth.master_key: is called keys.master now, and ")
		require.ErrorContains(t, err, "ATRIUM_KEYS_MASTER: is set by ATRIUM_AUTH_MASTER_KEY and ATRIUM_KEYS_MASTER: remove the old one")
		require.NotContains(t, err.Error(), "hunter")
	})
}

func TestPrint_HidesSecrets(t *testing.T) {
	t.Parallel()
	cfg, err := offline(t, "", "ATRIUM_DATABASE_URL=postgres://user:hunter2@host/db", "ATRIUM_DATABASE_DIRECT_URL=postgres://user:hunter2@other/db",
		"ATRIUM_PAYMENT_SECRET_KEY=hunter2", "ATRIUM_KEYS_MASTER=hunter2hunter2", "ATRIUM_KEYS_ACCEPT=hunter2old,hunter2older")
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, cfg.Print(&out))
	require.NotContains(t, out.String(), "hunter2")
	require.Contains(t, out.String(), "database.url: [hidden]\n")
	require.Contains(t, out.String(), "keys.accept: [[hidden], [hidden]]\n")
	require.Contains(t, out.String(), "http.addr: 127.0.0.1:8080\n")
	require.Contains(t, out.String(), "modules.orders: on\n")
}

func TestNoTwoSettingsShareAVariable(t *testing.T) {
	t.Parallel()
	cfg, err := offline(t, "")
	require.NoError(t, err)
	seen := map[string]string{}
	for _, l := range settings(cfg) {
		name := variable(l.key)
		require.Empty(t, seen[name], "%s is the variable of %s and of %s", name, seen[name], l.key)
		seen[name] = l.key
	}
}
