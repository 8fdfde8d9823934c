package shell

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/shell/shelltest"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"
)

// needs skips a test for what the machine lacks, unless nothing may be skipped.
func needs(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("GOOSEFS_TEST_ALL") == "1" {
		t.Fatalf("no %s: %v", what, err)
	}
	t.Skipf("no %s: %v", what, err)
}

// screen is a terminal, and what has been written to it.
type screen struct {
	tty *os.File // programs write to it
	mu  struct {
		sync.Mutex
		text bytes.Buffer
	}
	grown chan struct{}
}

func newTerminal(t *testing.T) *screen {
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	needs(t, "pseudo terminals", err)
	needs(t, "unlocked pseudo terminal", unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	needs(t, "number of a pseudo terminal", err)
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	needs(t, "pseudo terminal", err)
	s := &screen{tty: tty, grown: make(chan struct{}, 1)}
	go func() {
		p := make([]byte, 4096)
		for {
			n, err := keyboard.Read(p)
			s.mu.Lock()
			s.mu.text.Write(p[:n])
			s.mu.Unlock()
			select {
			case s.grown <- struct{}{}:
			default:
			}
			if err != nil {
				keyboard.Close()
				return
			}
		}
	}()
	t.Cleanup(func() { tty.Close() })
	return s
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(s.mu.text.String(), "\r\n", "\n")
}

// await waits until text is on the screen.
func (s *screen) await(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !strings.Contains(s.text(), text) {
		select {
		case <-s.grown:
		case <-deadline:
			t.Fatalf("no %q on the screen:\n%s", text, s.text())
		}
	}
}

func terminalStage() *stage {
	s := newStage()
	s.env.terminal = isTerminal
	return s
}

func TestTerminalNames(t *testing.T) {
	s, tty := terminalStage(), newTerminal(t)
	s.cluster.write("/evil\x1b[2J", "text", 0)
	s.cluster.write("/good name", "text", 0)
	app, args := s.program([]string{"goosefs", "fs", "ls", "/", "/missing"})
	app.Writer, app.ErrWriter = tty.tty, tty.tty
	if code := shelltest.Exit(app, args); code != 255 {
		t.Errorf("exit %d", code)
	}
	tty.await(t, "does not exist")
	text := tty.text()
	if strings.Contains(text, "\x1b[2J") || !strings.Contains(text, `"/evil\x1b[2J"`) || !strings.Contains(text, " /good name\n") {
		t.Errorf("on the screen: %q", text)
	}
	if n := strings.Count(text, "does not exist"); n != 1 {
		t.Errorf("a person was told %d times:\n%s", n, text)
	}
	// Into a pipe goes the name itself.
	stdout, _, _ := s.run("fs", "ls", "/")
	if !strings.Contains(stdout, " /evil\x1b[2J\n") {
		t.Errorf("into a pipe: %q", stdout)
	}
	for _, words := range [][]string{{"fs", "stat", "/evil\x1b[2J"}, {"fs", "stat", "-f", "%N", "/evil\x1b[2J"}, {"fs", "du", "/"}, {"fs", "count", "/evil\x1b[2J", "/x\x1b[2J"},
		{"fs", "mkdir", "/new\x1b[2J"}, {"fs", "mv", "/new\x1b[2J", "/newer\x1b[2J"}, {"fs", "rm", "-R", "/newer\x1b[2J"}, {"fs", "load", "/evil\x1b[2J"}, {"fs", "free", "/evil\x1b[2J"},
		{"fs", "x\x1b[2J"}, {"fs", "ls", "--x\x1b[2J"}, {"fs", "mount", "/m\x1b[2J", "http://h/\x1b[2J"}, {"fs", "mount"}, {"fsadmin", "report", "x\x1b[2J"}, {"getConf", "x\x1b[2J"}} {
		app, args := s.program(append([]string{"goosefs"}, words...))
		app.Writer, app.ErrWriter = tty.tty, tty.tty
		shelltest.Exit(app, args)
		fmt.Fprintf(tty.tty, "after %q\n", words)
		tty.await(t, fmt.Sprintf("after %q\n", words))
		if strings.Contains(tty.text(), "\x1b[2J") {
			t.Fatalf("%q cleared the screen: %q", words, tty.text())
		}
	}
}

// gated lets loading wait for the test.
type gated struct {
	*fakeCluster
	gate chan struct{}
}

func (g *gated) Load(ctx context.Context, info client.Info, progress func(int64)) error {
	select {
	case <-g.gate:
		return g.fakeCluster.Load(ctx, info, progress)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestTerminalMeter(t *testing.T) {
	s, errors := terminalStage(), newTerminal(t)
	s.cluster.mu.workers = []client.Worker{{ID: 1, Host: "w", Tiers: []client.Tier{{Alias: "HDD"}}, Live: true}}
	for i := range 3 {
		s.cluster.write(fmt.Sprintf("/data/%d", i), strings.Repeat("x", 4096), 0)
	}
	g := &gated{s.cluster, make(chan struct{})}
	s.env.open = func(*cli.Context) (cluster, error) { return g, nil }
	run := func(output *os.File, words ...string) (stdout string, code int) {
		app, args := s.program(append([]string{"goosefs"}, words...))
		var out bytes.Buffer
		app.Writer, app.ErrWriter = &out, errors.tty
		if output != nil {
			app.Writer = output
		}
		code = shelltest.Exit(app, args)
		return out.String(), code
	}
	go func() {
		errors.await(t, "Loading /data")
		close(g.gate)
	}()
	// Standard output into a pipe: every file is told there, the meter is beside it.
	stdout, code := run(nil, "fs", "load", "/data")
	if want := "/data/0 loaded\n/data/1 loaded\n/data/2 loaded\n"; code != 0 || stdout != want {
		t.Errorf("exit %d, %q, want %q", code, stdout, want)
	}
	errors.await(t, "12.00KB")
	errors.await(t, "done")

	// Both on one terminal: one line tells of the end.
	s.cluster.Free(t.Context(), "/", true)
	output := newTerminal(t)
	if _, code := run(output.tty, "fs", "load", "/data"); code != 0 {
		t.Errorf("exit %d", code)
	}
	output.await(t, "/data loaded\n")
	if text := output.text(); text != "/data loaded\n" {
		t.Errorf("on the screen: %q", text)
	}

	// What fails is told below the meter.
	s.cluster.Free(t.Context(), "/", true)
	s.cluster.mu.fails["load /data/1"] = notExist("load", "/data/1")
	if _, code := run(output.tty, "fs", "load", "/data"); code != 255 {
		t.Errorf("exit %d", code)
	}
	errors.await(t, "/data: 1 of 3 files failed to load\n")

	t.Chdir(t.TempDir())
	if _, code := run(output.tty, "fs", "copyToLocal", "/data", "copy"); code != 0 {
		t.Errorf("exit %d", code)
	}
	output.await(t, "Copied /data to copy\n")
	for _, words := range [][]string{{"fs", "count", "/"}, {"fs", "free", "/data"}, {"fs", "loadMetadata", "-R", "/"}} {
		if _, code := run(output.tty, words...); code != 0 {
			t.Errorf("%v: exit %d", words, code)
		}
	}
	if isTerminal(&bytes.Buffer{}) {
		t.Error("a buffer is no terminal")
	}
}
