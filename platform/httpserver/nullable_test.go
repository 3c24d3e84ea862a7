package httpserver_test

import (
	"encoding/json"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"atrium/platform/httpserver"
)

func TestNullable(t *testing.T) {
	t.Parallel()
	oak := "oak"
	for name, test := range map[string]struct {
		body    string
		present bool
		value   *string
	}{
		"absent": {`{}`, false, nil},
		"null":   {`{"wood": null}`, true, nil},
		"there":  {`{"wood": "oak"}`, true, &oak},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var patch struct {
				Wood httpserver.Nullable[string] `json:"wood"`
			}
			require.NoError(t, json.Unmarshal([]byte(test.body), &patch))
			require.Equal(t, test.present, patch.Wood.Present)
			require.Equal(t, test.value, patch.Wood.Value)
			change := patch.Wood.Change()
			require.Equal(t, test.present, change != nil)
			if test.present {
				require.Equal(t, test.value, *change)
			}
		})
	}
	schema := httpserver.Nullable[string]{}.Schema(huma.NewMapRegistry("#/", huma.DefaultSchemaNamer))
	require.Equal(t, huma.TypeString, schema.Type)
	require.True(t, schema.Nullable)
}
