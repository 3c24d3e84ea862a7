package openapitest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/openapitest"
)

const sound = `{"openapi": "3.1.0", "info": {"title": "Lamps", "version": "1"},
	"paths": {"/lamps/{id}": {"get": {"responses": {"200": {"description": "a lamp", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Lamp"}}}}}}}},
	"components": {"schemas": {"Lamp": {"type": "object", "properties": {"watts": {"type": "integer", "minimum": 0}}}}}}`

// refusal is a test that is told of failures instead of failing.
type refusal struct {
	testing.TB
	failed bool
}

func (r *refusal) Helper()               {}
func (r *refusal) Errorf(string, ...any) { r.failed = true }
func (r *refusal) FailNow()              { panic(r) }

func refuses(t *testing.T, document string) (failed bool) {
	t.Helper()
	r := &refusal{TB: t}
	defer func() {
		if got := recover(); got != nil && got != any(r) {
			panic(got)
		}
		failed = r.failed
	}()
	openapitest.Valid(r, []byte(document))
	return r.failed
}

func TestValid(t *testing.T) {
	t.Parallel()
	require.Equal(t, "3.1.0", openapitest.Valid(t, []byte(sound))["openapi"])
	for name, change := range map[string][2]string{
		"another version":        {`"3.1.0"`, `"3.0.0"`},
		"a member nobody knows":  {`"responses"`, `"answers"`},
		"no description":         {`"description": "a lamp", `, ``},
		"a reference to nowhere": {`schemas/Lamp"`, `schemas/Bulb"`},
		"a type that is none":    {`"integer"`, `"number of watts"`},
		"a wrong keyword":        {`"minimum": 0`, `"minimum": "0"`},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(sound, change[0], change[1], 1)
			require.NotEqual(t, sound, changed)
			require.True(t, refuses(t, changed))
		})
	}
}
