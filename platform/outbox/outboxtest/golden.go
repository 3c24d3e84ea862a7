// Package outboxtest holds the payloads of events against files, so that none changes unseen.
package outboxtest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/outbox"
)

// Golden requires the payload of each event to be what its file testdata/events/<name>.json says, in the package under test. Events wait
// in outboxes and queues across deployments: a payload may gain fields, and nothing else. UPDATE_GOLDEN=1 rewrites the files.
func Golden(t *testing.T, events ...outbox.Event) {
	t.Helper()
	for _, event := range events {
		t.Run(event.EventName(), func(t *testing.T) {
			path := filepath.Join("testdata", "events", event.EventName()+".json")
			payload, err := json.MarshalIndent(event, "", "  ")
			require.NoError(t, err)
			payload = append(payload, '\n')
			if os.Getenv("UPDATE_GOLDEN") != "" {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
				require.NoError(t, os.WriteFile(path, payload, 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), string(payload))
		})
	}
}
