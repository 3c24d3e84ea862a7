// Package logging makes the process's logger: JSON lines for machines, plain lines on a terminal, and a last net under
// both that masks what must never be logged.
package logging

import (
	"fmt"
	"os"

	"github.com/mattn/go-isatty"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Config is the section "log" of the configuration.
type Config struct {
	Level  string `koanf:"level" validate:"oneof=debug info warn error"`
	Format string `koanf:"format" validate:"oneof=auto json console"` // auto: console on a terminal, else JSON
}

// New makes a logger that writes to standard error.
func New(cfg Config) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(cfg.Level)
	if err != nil {
		return nil, fmt.Errorf("logging: %w", err)
	}
	console := cfg.Format == "console" || cfg.Format == "auto" && isatty.IsTerminal(os.Stderr.Fd())
	return newLogger(level, console, zapcore.Lock(os.Stderr)), nil
}

func newLogger(level zapcore.Level, console bool, sink zapcore.WriteSyncer) *zap.Logger {
	format := zap.NewProductionEncoderConfig()
	format.TimeKey, format.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	encoder := zapcore.NewJSONEncoder(format)
	if console {
		format = zap.NewDevelopmentEncoderConfig()
		format.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		encoder = zapcore.NewConsoleEncoder(format)
	}
	return zap.New(guard{zapcore.NewCore(encoder, sink, level)}, zap.AddStacktrace(zapcore.DPanicLevel))
}
