package raftlog

import (
	"context"
	"fmt"
	"log/slog"

	"go.etcd.io/raft/v3"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// raftLogger lets raft write to a slog.Logger. raft tells of every vote, which is for debugging only; what a
// person should see is logged by replica. Panic and Fatal both panic: raft found an invariant
// broken, and the goroutine that called it ends the log with the text.
type raftLogger struct{ log *slog.Logger }

var _ raft.Logger = raftLogger{}

func (l raftLogger) write(level slog.Level, text func() string) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, text())
	}
}

func (l raftLogger) plain(level slog.Level, v []any) {
	l.write(level, func() string { return fmt.Sprint(v...) })
}

func (l raftLogger) format(level slog.Level, format string, v []any) {
	l.write(level, func() string { return fmt.Sprintf(format, v...) })
}

func (l raftLogger) Debug(v ...any)              { l.plain(slog.LevelDebug, v) }
func (l raftLogger) Debugf(f string, v ...any)   { l.format(slog.LevelDebug, f, v) }
func (l raftLogger) Info(v ...any)               { l.plain(slog.LevelDebug, v) }
func (l raftLogger) Infof(f string, v ...any)    { l.format(slog.LevelDebug, f, v) }
func (l raftLogger) Warning(v ...any)            { l.plain(slog.LevelWarn, v) }
func (l raftLogger) Warningf(f string, v ...any) { l.format(slog.LevelWarn, f, v) }
func (l raftLogger) Error(v ...any)              { l.plain(slog.LevelError, v) }
func (l raftLogger) Errorf(f string, v ...any)   { l.format(slog.LevelError, f, v) }
func (l raftLogger) Fatal(v ...any)              { panic(fmt.Sprint(v...)) }
func (l raftLogger) Fatalf(f string, v ...any)   { panic(fmt.Sprintf(f, v...)) }
func (l raftLogger) Panic(v ...any)              { panic(fmt.Sprint(v...)) }
func (l raftLogger) Panicf(f string, v ...any)   { panic(fmt.Sprintf(f, v...)) }

// zapLogger lets etcd's packages, which insist on zap, write to a slog.Logger. Where zap would end the
// process it panics instead, as raftLogger does.
func zapLogger(log *slog.Logger) *zap.Logger {
	return zap.New(zapCore{log}, zap.WithFatalHook(zapcore.WriteThenPanic))
}

// zapCore is a zapcore.Core over slog. (zapslog is the bridge in the other direction.)
type zapCore struct{ log *slog.Logger }

func slogLevel(level zapcore.Level) slog.Level {
	switch {
	case level <= zapcore.DebugLevel:
		return slog.LevelDebug
	case level == zapcore.InfoLevel:
		return slog.LevelDebug // etcd's news of its segments
	case level == zapcore.WarnLevel:
		return slog.LevelWarn
	}
	return slog.LevelError
}

func (c zapCore) Enabled(level zapcore.Level) bool {
	return c.log.Enabled(context.Background(), slogLevel(level))
}

func (c zapCore) With(fields []zapcore.Field) zapcore.Core {
	return zapCore{slog.New(c.log.Handler().WithAttrs(attributes(fields)))}
}

func (c zapCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return checked.AddCore(e, c)
	}
	return checked
}

func (c zapCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	c.log.LogAttrs(context.Background(), slogLevel(e.Level), e.Message, attributes(fields)...)
	return nil
}

func (c zapCore) Sync() error { return nil }

func attributes(fields []zapcore.Field) []slog.Attr {
	var attrs []slog.Attr
	for _, f := range fields {
		encoded := zapcore.NewMapObjectEncoder()
		f.AddTo(encoded)
		for key, value := range encoded.Fields {
			attrs = append(attrs, slog.Any(key, value))
		}
	}
	return attrs
}
