package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	token   = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
	address = "ana.lopez+x@mail.example.com"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(log *zap.Logger){
		"message":   func(log *zap.Logger) { log.Info("sent to " + address) },
		"string":    func(log *zap.Logger) { log.Info("x", zap.String("a", "Bearer abcdefgh12345"), zap.String("b", token)) },
		"bytes":     func(log *zap.Logger) { log.Info("x", zap.ByteString("a", []byte(address))) },
		"error":     func(log *zap.Logger) { log.Info("x", zap.Error(errors.New("no user "+address))) },
		"any":       func(log *zap.Logger) { log.Info("x", zap.Any("a", struct{ To string }{address})) },
		"with":      func(log *zap.Logger) { log.With(zap.String("a", token)).Info("x") },
		"named url": func(log *zap.Logger) { log.Info("x", zap.String("a", "postgres://atrium:s3cret-token@db:5432/atrium")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			write(newLogger(zapcore.InfoLevel, false, zapcore.AddSync(&out)))
			require.True(t, json.Valid(out.Bytes()), out.String())
			require.Contains(t, out.String(), masked)
			for _, private := range []string{"lopez", "eyJ", "abcdefgh12345", "s3cret-token"} {
				require.NotContains(t, out.String(), private)
			}
		})
	}
	t.Run("the usual line stays as it is", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		log := newLogger(zapcore.InfoLevel, false, zapcore.AddSync(&out))
		log.Debug("too small to tell")
		log.Info("request", zap.String("route", "/v1/posts/:id"), zap.Int("status", 200), zap.String("tag", "@home"))
		var line map[string]any
		require.NoError(t, json.Unmarshal(out.Bytes(), &line))
		require.Equal(t, "/v1/posts/:id", line["route"])
		require.Equal(t, "@home", line["tag"])
		require.NotContains(t, out.String(), masked)
	})
}

func TestNew(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Level: "loud"})
	require.Error(t, err)
	log, err := New(Config{Level: "warn", Format: "auto"})
	require.NoError(t, err)
	require.False(t, log.Core().Enabled(zapcore.InfoLevel))
}

func BenchmarkGuard(b *testing.B) {
	log := newLogger(zapcore.InfoLevel, false, zapcore.AddSync(discard{}))
	b.ReportAllocs()
	for b.Loop() {
		log.Info("request", zap.String("route", "/v1/posts/:id"), zap.Int("status", 200), zap.String("request_id", "01890000-0000-7000-8000-000000000001"))
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
