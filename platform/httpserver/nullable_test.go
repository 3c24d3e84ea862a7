package httpserver_test

import (
	"encoding/json"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"atrium/platform/apptest"
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

// A client that means "take it away" must hear where that cannot be.
func TestPatch_NullWhereItCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	app := setup(t)
	patch := func(body string) *apptest.Response {
		return app.Do(t, apptest.Request{Method: "PATCH", Path: "/v1/lamps/" + ana.String(), Token: apptest.As(ana), Body: json.RawMessage(body), Header: map[string]string{"If-Match": "*"}})
	}
	problem := wantProblem(t, patch(`{"name": null}`), 422, "request.invalid")
	require.Equal(t, []any{map[string]any{"pointer": "/body/name", "detail": "must not be null"}}, problem["errors"])
	patch(`{"name": "Sun"}`).Want(200)
}
