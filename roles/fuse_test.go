package roles

import (
	"bytes"
	"log/slog"
	"os"
	"os/signal"
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

// A mount that waits for masters which nobody starts ends when it is told to, and says for whom it waited.
func TestStoppedWhileItWaits(t *testing.T) {
	e := Env{Version: "test", Properties: []string{
		"goosefs.work.dir=" + t.TempDir(), "goosefs.master.rpc.addresses=127.0.0.1:1",
	}}
	ended := make(chan error, 1)
	at := t.TempDir()
	stop := make(chan os.Signal, 8) // the signal is no end of the tests, before and after
	signal.Notify(stop, syscall.SIGTERM)
	defer signal.Stop(stop)
	go func() { ended <- e.runFuse(at, "/", nil) }()
	for {
		select {
		case err := <-ended:
			if err == nil || err.Error() != "told to stop before a master of 127.0.0.1:1 had answered" {
				t.Errorf("ended with %v", err)
			}
			return
		case <-time.After(50 * time.Millisecond):
			if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
	}
}
