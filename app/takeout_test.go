package app

import (
	"archive/zip"
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"atrium/config"
	"atrium/platform/dbtest"
	"atrium/platform/plug"
	"atrium/platform/takeout"
)

// Every module hands out what it keeps about a person, by statements that fit the schema.
func TestEveryModuleIsInAPersonsArchive(t *testing.T) {
	t.Parallel()
	cfg, err := config.LoadOffline(moduleNames(), "", nil)
	require.NoError(t, err)
	cfg.Database = dbtest.Config(t)
	var parts []takeout.Part
	_, err = assemble(cfg, fx.Invoke(fx.Annotate(func(all []takeout.Part) { parts = all }, fx.ParamTags(plug.TakeoutGroup))))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, takeout.Write(t.Context(), &out, uuid.New(), parts, time.Now()))
	archive, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	folders := map[string]int{}
	for _, f := range archive.File {
		folder, _, _ := bytes.Cut([]byte(f.Name), []byte("/"))
		folders[string(folder)]++
	}
	for _, m := range catalogue {
		require.Positive(t, folders[m.name], "%s hands out nothing", m.name)
	}
}
