package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestText(t *testing.T) {
	t.Parallel()
	const plain = "hunter2"
	type config struct{ Password Text }
	holder := config{plain}

	t.Run("no way of printing shows it", func(t *testing.T) {
		t.Parallel()
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X"} {
			for _, value := range []any{holder, &holder, holder.Password, &holder.Password, []Text{plain}, map[Text]Text{"key": plain}} {
				text := fmt.Sprintf(verb, value)
				require.NotContains(t, text, plain, verb)
				require.NotContains(t, strings.ToLower(text), fmt.Sprintf("%x", plain), verb)
			}
		}
		written, err := json.Marshal(map[string]any{"a": holder, "b": []Text{plain}})
		require.NoError(t, err)
		require.NotContains(t, string(written), plain)

		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("config", "config", holder, "password", holder.Password)
		encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
		line, err := encoder.EncodeEntry(zapcore.Entry{}, []zap.Field{zap.Any("config", holder), zap.Any("password", holder.Password)})
		require.NoError(t, err)
		require.NotContains(t, log.String()+line.String(), plain)
	})

	t.Run("it can be read in and revealed", func(t *testing.T) {
		t.Parallel()
		var got config
		require.NoError(t, json.Unmarshal([]byte(`{"Password": "hunter2"}`), &got))
		require.Equal(t, plain, got.Password.Reveal())
	})

	t.Run("an empty one shows that it is empty", func(t *testing.T) {
		t.Parallel()
		require.Empty(t, Text("").String())
		require.NotEmpty(t, Text(plain).String())
	})
}
