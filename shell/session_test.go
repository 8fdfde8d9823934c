package shell

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/conf"
	"goosefs/shell/shelltest"
	"goosefs/wire"

	"github.com/urfave/cli/v2"
)

// childEnv makes the test binary the program of a stage with a large directory, where loading never ends, for tests of
// pipes and signals.
const childEnv = "GOOSEFS_SHELL_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	s := newStage()
	for i := range 20000 {
		s.cluster.write("/big/"+strings.Repeat("x", 100)+string(rune('0'+i%10))+time.Duration(i).String(), "", 0)
	}
	s.cluster.write("/hangs/forever", "text", 0)
	s.env.open = func(*cli.Context) (cluster, error) { return &gated{s.cluster, nil}, nil }
	app, args := s.program(append([]string{"goosefs"}, os.Args[1:]...))
	app.Writer, app.ErrWriter = os.Stdout, os.Stderr
	os.Exit(shelltest.Exit(app, args))
}

// goosefs fs ls -R / | head -1
func TestReaderGoesAway(t *testing.T) {
	child := exec.Command(os.Args[0], "fs", "ls", "-R", "/")
	child.Env = append(os.Environ(), childEnv+"=1")
	var stderr bytes.Buffer
	child.Stderr = &stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 200)
	if _, err := io.ReadFull(out, line); err != nil {
		t.Error(err)
	}
	out.Close()
	err = child.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGPIPE {
		t.Errorf("ended with %v, want SIGPIPE", err)
	}
	if stderr.Len() > 0 {
		t.Errorf("it said %q", stderr.String())
	}
}

// Ctrl-C in the middle of a command.
func TestSignal(t *testing.T) {
	child := exec.Command(os.Args[0], "fs", "load", "/big", "/hangs")
	child.Env = append(os.Environ(), childEnv+"=1")
	var stderr bytes.Buffer
	child.Stderr = &stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; n < 20000 && lines.Scan(); n++ { // all of /big, which is empty
	}
	if err := child.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	io.Copy(io.Discard, out)
	err = child.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 130 || stderr.String() != "interrupted\n" {
		t.Errorf("ended with %v, and said %q", err, stderr.String())
	}
}

// brokenWriter fails after so many bytes.
type brokenWriter struct {
	room int
	err  error
}

func (w *brokenWriter) Write(p []byte) (int, error) {
	if len(p) > w.room {
		return 0, w.err
	}
	w.room -= len(p)
	return len(p), nil
}

func TestOutputFails(t *testing.T) {
	s := newStage()
	s.cluster.write("/a", strings.Repeat("x", 300<<10), 0)
	s.cluster.write("/b/c", "", 0)
	for _, c := range []struct {
		words []string
		err   error
		code  int
		said  string
	}{
		{[]string{"fs", "cat", "/a", "/a"}, syscall.EPIPE, 141, ""},
		{[]string{"fs", "cat", "/a", "/a"}, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}, 255, "write /dev/stdout: no space left on device\n"},
		{[]string{"fs", "ls", "/"}, syscall.EPIPE, 141, ""},
		{[]string{"fs", "ls", "-R", "/", "/"}, syscall.EPIPE, 141, ""},
		{[]string{"fs", "mkdir", "/new1", "/new2"}, syscall.EPIPE, 141, ""},
		{[]string{"fs", "load", "/"}, syscall.EPIPE, 141, ""},
		{[]string{"fs", "stat", "/a"}, syscall.EPIPE, 141, ""},
		{[]string{"getConf"}, syscall.EPIPE, 141, ""},
		{[]string{"version"}, syscall.EPIPE, 141, ""},
	} {
		app, args := s.program(append([]string{"goosefs"}, c.words...))
		var errOut bytes.Buffer
		app.Writer, app.ErrWriter = &brokenWriter{0, c.err}, &errOut
		code := shelltest.Exit(app, args)
		said := errOut.String()
		if c.said == "" && said != "" || code != c.code || !strings.Contains(said, c.said) {
			t.Errorf("%v: exit %d, want %d; said %q, want %q", c.words, code, c.code, said, c.said)
		}
	}
	if s.cluster.mu.nodes["/new2"] != nil {
		t.Error("mkdir went on though nobody listened")
	}
}

func TestInterrupted(t *testing.T) {
	for _, words := range [][]string{{"fs", "load", "/"}, {"fs", "cat", "/a", "/b"}, {"fs", "count", "/"}, {"fs", "ls", "-R", "/"}, {"fs", "copyToLocal", "/", "."}} {
		s := newStage()
		s.cluster.write("/a", "text", 0)
		s.cluster.write("/b", "text", 0)
		t.Chdir(t.TempDir())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		app, args := s.program(append([]string{"goosefs"}, words...))
		var out, errOut bytes.Buffer
		app.Writer, app.ErrWriter, app.ExitErrHandler = &out, &errOut, func(*cli.Context, error) {}
		err := app.RunContext(ctx, args)
		var exit cli.ExitCoder
		if !errors.As(err, &exit) || exit.ExitCode() != 130 || err.Error() != "interrupted" || errOut.Len() > 0 {
			t.Errorf("%v: %v, %q", words, err, errOut.String())
		}
		if files, _ := filepath.Glob("*"); len(files) > 0 {
			t.Errorf("%v left %v", words, files)
		}
	}
}

// What the program cannot set up is told as it is.
func TestNoCluster(t *testing.T) {
	refused := errors.New("goosefs-site.properties:3: goosefs.master.rpc.addresses=x: write host:port")
	s := newStage()
	s.env.open = func(*cli.Context) (cluster, error) { return nil, refused }
	for _, v := range fsVerbs() {
		v := v.(verb)
		words := []string{"fs", v.name}
		switch v.name {
		case "test":
			words = append(words, "-e")
		case "setfacl":
			words = append(words, "-b")
		}
		for i := 0; i < v.min; i++ {
			words = append(words, "/a")
		}
		_, stderr, code := s.run(words...)
		if code != v.failCode() || stderr != refused.Error()+"\n" {
			t.Errorf("%v: exit %d, %q", words, code, stderr)
		}
	}
	s = newStage()
	s.env.open = func(*cli.Context) (cluster, error) { return nil, refused }
	if _, stderr, code := s.run("fsadmin", "report"); code != 255 || stderr != refused.Error()+"\n" {
		t.Errorf("report: exit %d, %q", code, stderr)
	}
	_, stderr, code := s.run("fsadmin", "journal", "quorum", "info", "-domain", "MASTER")
	if code != 255 || stderr != refused.Error()+"\n" {
		t.Errorf("quorum info: exit %d, %q", code, stderr)
	}
}

// Commands with a real client, of masters that nobody serves.
func TestUnreachableMasters(t *testing.T) {
	opened := 0
	commands := Commands(Deps{
		Version: "1.2.3",
		Open: func(*cli.Context) (*client.FS, error) {
			opened++
			return client.New(client.Config{Masters: []string{"hbase-master-0:26000"}, Network: wire.NewMemory().Host("shell"), RetryFor: time.Millisecond})
		},
		Conf: func(*cli.Context) (*conf.Conf, error) {
			c, _, err := conf.Load(conf.Input{Env: func(string) string { return "" }, EtcDir: "/nowhere"})
			return c, err
		},
	})
	program := func(args []string) (*cli.App, []string) { return &cli.App{Name: "goosefs", Commands: commands}, args }
	for _, words := range [][]string{{"fs", "ls", "/"}, {"fs", "cat", "/a"}, {"fs", "masterInfo"}, {"fsadmin", "report"}} {
		stdout, stderr, code := shelltest.Run(program, words...)
		if code != 255 || stdout != "" || !strings.Contains(stderr, "hbase-master-0:26000") {
			t.Errorf("%v: exit %d, %q, %q", words, code, stdout, stderr)
		}
	}
	if stdout, _, code := shelltest.Run(program, "version"); code != 0 || stdout != "1.2.3\n" || opened != 4 {
		t.Errorf("version: exit %d, %q; opened %d clients", code, stdout, opened)
	}
}

// Names of the namespace never lead out of the local folder that they are copied to.
func TestCopyToLocalHostileNames(t *testing.T) {
	for _, path := range []string{"/d/../../evil", "/d/..", "/d//evil", "/d/./x"} {
		s := newStage()
		s.cluster.write("/d/good", "text", 0)
		evil := s.cluster.write("/d/evil", "text", 0)
		evil.Path = path
		folder := t.TempDir()
		t.Chdir(folder)
		_, stderr, code := s.run("fs", "copyToLocal", "/d", "in/side")
		if code == 0 || !strings.Contains(stderr, "no such file") {
			t.Errorf("%s: exit %d, %q", path, code, stderr)
		}
		_, stderr, code = s.run("fs", "copyToLocal", "/d", "file://"+folder+"/copy")
		if code != 255 || !strings.Contains(stderr, "leads elsewhere") {
			t.Errorf("%s: exit %d, %q", path, code, stderr)
		}
		if files, _ := filepath.Glob("../*evil*"); len(files) > 0 {
			t.Errorf("%s made %v", path, files)
		}
	}
}

// A local folder that takes no more, and one in the place of a file.
func TestCopyToLocalFails(t *testing.T) {
	s := newStage()
	s.cluster.write("/d/a", "text", 0)
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("copy/a/full", 0o777); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := s.run("fs", "copyToLocal", "/d/*", "copy")
	if want := "/d/a was not copied: write copy/a: file exists\n"; code != 255 || stderr != want {
		t.Errorf("exit %d, %q, want %q", code, stderr, want)
	}
	left, _ := filepath.Glob("copy/.*")
	if len(left) > 0 {
		t.Errorf("left %v", left)
	}
	if err := os.WriteFile("plain", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	_, stderr, code = s.run("fs", "copyToLocal", "/d", "plain")
	if want := "mkdir plain: not a directory\n"; code != 255 || stderr != want {
		t.Errorf("exit %d, %q, want %q", code, stderr, want)
	}
}

// Errors keep operation, path and errno under GooseFS's words.
func TestFault(t *testing.T) {
	err := exitOf(notExist("stat", "/a"), verb{})
	var at *fs.PathError
	if !errors.As(err, &at) || at.Op != "stat" || at.Path != "/a" || !errors.Is(err, syscall.ENOENT) {
		t.Errorf("%#v", err)
	}
	if got := errnoOf(errors.New("no errno")); got != syscall.EIO {
		t.Errorf("errno %v", got)
	}
}
