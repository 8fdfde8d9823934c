package roles

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goosefs/fuse"
)

// lines is a log.
type lines struct {
	sync.Mutex
	bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.Buffer.Write(p)
}

func (l *lines) String() string {
	l.Lock()
	defer l.Unlock()
	return l.Buffer.String()
}

// A mount that is sent SIGUSR1 logs what it did.
func TestStatsOnSignal(t *testing.T) {
	var log lines
	stop := statsOnSignal(slog.New(slog.NewTextHandler(&log, nil)), func() fuse.Stats { return fuse.Stats{Opens: 7, Direct: 5, Passed: 3} })
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	const want = "mount.opens=7 mount.open=0 mount.direct=5 mount.passed=3"
	for end := time.Now().Add(10 * time.Second); !strings.Contains(log.String(), want); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("logged %q, want %q", log.String(), want)
		}
	}
	stop()
}
