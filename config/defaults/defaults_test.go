package defaults_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/config/defaults"
)

func TestSection(t *testing.T) {
	t.Parallel()
	type drain struct {
		RequeueAfter  time.Duration `koanf:"requeue_after"`
		SweepInterval time.Duration `koanf:"sweep_interval"`
		BatchSize     int           `koanf:"batch_size"`
		Retention     time.Duration `koanf:"retention"`
	}
	t.Run("is read as its owner's type", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, drain{RequeueAfter: 30 * time.Second, SweepInterval: time.Second, BatchSize: 100, Retention: 72 * time.Hour},
			defaults.Section[drain]("outbox"))
	})
	t.Run("does not pass over a setting that the type lacks", func(t *testing.T) {
		t.Parallel()
		type lacking struct {
			BatchSize int `koanf:"batch_size"`
		}
		defer func() { require.Contains(t, recover(), "retention") }()
		defaults.Section[lacking]("outbox")
		t.Error("a section that does not fit its type must panic")
	})
}
