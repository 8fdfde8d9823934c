package shell

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/conf"
	"goosefs/shell/shelltest"

	"github.com/cockroachdb/datadriven"
	"github.com/urfave/cli/v2"
)

// stage is a cluster and a program that works on it.
type stage struct {
	cluster *fakeCluster
	env     env
}

func newStage() *stage {
	f := newFakeCluster()
	return &stage{f, env{
		open:     func(*cli.Context) (cluster, error) { return f, nil },
		version:  "1.2.3",
		revision: func() string { return "0123456789abcdef" },
		formatMaster: func(c *cli.Context, w io.Writer) error {
			if err := f.mu.fails["format /"]; err != nil {
				return err
			}
			_, err := fmt.Fprintln(w, "Formatted /srv/journal")
			return err
		},
		zone:     time.FixedZone("CST", 8*3600),
		terminal: func(io.Writer) bool { return false },
	}}
}

// program is what main is.
func (s *stage) program(args []string) (*cli.App, []string) {
	rest, props := SplitProperties(args)
	e := s.env
	e.conf = func(*cli.Context) (*conf.Conf, error) {
		c, _, err := conf.Load(conf.Input{Args: props, Env: func(string) string { return "" }, EtcDir: "/nowhere", Role: conf.RoleUser})
		return c, err
	}
	return &cli.App{Name: "goosefs", Commands: commands(e), HideHelp: true, HideVersion: true, Suggest: true}, rest
}

func (s *stage) run(words ...string) (stdout, stderr string, code int) {
	return shelltest.Run(s.program, words...)
}

// TestTranscripts plays every file of testdata on a cluster of its own.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			s := newStage()
			file, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			shelltest.Play(t, file, s.program, s.directive)
		})
	}
}

// directive sets the stage:
//
//	worker host=H tier=MEM:quota:used,… [lost] [contact=SECONDS] [cache=BYTES] [ufs=BYTES]
//	file path=P [cached=BLOCKS]      with its text below, or size=N
//	link path=P target=T
//	acl path=P                       with its entries below
//	dir path=P | mount path=P ufs=URI
//	fail op=OP path=P errno=eio      the operation fails from now on; errno=none ends that
//	cluster leader=none | leader=ADDRESS
//	localfile path=P                 a file in the local folder, with its text below
//	local                            what is in the local folder
//	calls [sorted]                   what was asked of the cluster beside paths
func (s *stage) directive(t *testing.T, d *datadriven.TestData) string {
	f := s.cluster
	f.mu.Lock()
	defer f.mu.Unlock()
	text := func(key string) string {
		var v string
		if d.HasArg(key) {
			d.ScanArgs(t, key, &v)
		}
		return v
	}
	number := func(key string) int64 {
		var v int64
		if d.HasArg(key) {
			d.ScanArgs(t, key, &v)
		}
		return v
	}
	switch d.Cmd {
	case "worker":
		w := client.Worker{
			ID: int64(len(f.mu.workers) + 1), Host: text("host"), Port: 26003, Live: !d.HasArg("lost"),
			LastContact: time.Duration(number("contact")) * time.Second, Started: f.mu.state.Now.Add(-10 * time.Minute),
			FromCache: number("cache"), FromUFS: number("ufs"), Blocks: number("blocks"), Evicted: number("evicted"),
		}
		for _, arg := range d.CmdArgs {
			if arg.Key != "tier" {
				continue
			}
			for _, v := range arg.Vals {
				var tier client.Tier
				parts := strings.Split(v, ":")
				tier.Alias = parts[0]
				fmt.Sscan(parts[1], &tier.Quota)
				fmt.Sscan(parts[2], &tier.Used)
				tier.Failed = parts[3:]
				w.Tiers = append(w.Tiers, tier)
			}
		}
		f.mu.workers = append(f.mu.workers, w)
	case "file":
		content := d.Input
		if content != "" {
			content += "\n"
		}
		if n := number("size"); n > 0 {
			content = strings.Repeat("0123456789abcde\n", int(n)/16+1)[:n]
		}
		i := f.write(unquoted(text("path")), content, int(number("cached")))
		if state := text("persistence"); state != "" {
			i.Persistence = state
		}
		if n := number("length"); n > 0 {
			i.Length = n
		}
	case "link":
		i := f.add(text("path"), false)
		i.Symlink, i.Mode, i.Persistence, i.Percent = text("target"), 0o777, "NOT_PERSISTED", 100
		i.Length = int64(len(i.Symlink))
	case "acl":
		f.setListLocked(t, text("path"), d)
	case "dir":
		f.add(text("path"), true)
	case "fail":
		key := text("op") + " " + text("path")
		errno := map[string]syscall.Errno{"eio": syscall.EIO, "enoent": syscall.ENOENT, "eexist": syscall.EEXIST, "ecanceled": syscall.ECANCELED, "ehostunreach": syscall.EHOSTUNREACH}[text("errno")]
		delete(f.mu.fails, key)
		if errno != 0 {
			f.mu.fails[key] = &fs.PathError{Op: text("op"), Path: text("path"), Err: errno}
		}
	case "problem":
		f.mu.state.Problems = append(f.mu.state.Problems, d.Input)
	case "cluster":
		f.mu.state.Leader = text("leader")
	case "localfile":
		if err := os.MkdirAll(filepath.Dir(text("path")), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(text("path"), []byte(d.Input+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	case "local":
		return localTree(t)
	case "calls":
		if d.HasArg("sorted") { // they were made at the same time
			slices.Sort(f.mu.calls)
		}
		calls := strings.Join(f.mu.calls, "\n")
		f.mu.calls = nil
		return calls
	default:
		d.Fatalf(t, "unknown directive %s", d.Cmd)
	}
	return ""
}

// localTree lists the files below the working directory with what is in them, and the directories.
func localTree(t *testing.T) string {
	var b strings.Builder
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		if d.IsDir() {
			fmt.Fprintf(&b, "%s/\n", path)
			return nil
		}
		content, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %q\n", path, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// unquoted lets a path have escapes in it.
func unquoted(path string) string {
	return strings.NewReplacer(`\e`, "\x1b", `\n`, "\n", `\s`, " ").Replace(path)
}

// TestHelp holds every command to a summary, a usage line and an example that starts with its own name, and finds the
// same behind help, --help and the error of a wrong command line.
func TestHelp(t *testing.T) {
	s := newStage()
	app, _ := s.program([]string{"goosefs"})
	var walk func(path []string, list []*cli.Command)
	walk = func(path []string, list []*cli.Command) {
		for _, c := range list {
			words := append(slices.Clone(path), c.Name)
			full := "goosefs " + strings.Join(words, " ")
			if c.Usage == "" || strings.HasSuffix(c.Usage, ".") || strings.Contains(c.Usage, "\n") {
				t.Errorf("%s: summary %q is not one line without a full stop", full, c.Usage)
			}
			if !strings.HasPrefix(c.UsageText, full) {
				t.Errorf("%s: usage %q", full, c.UsageText)
			}
			_, examples, ok := strings.Cut(c.Description, "Examples:\n")
			if !ok || !strings.Contains(examples, "   "+full) {
				t.Errorf("%s: no example in %q", full, c.Description)
			}
			out, stderr, code := s.run(append(words, "--help")...)
			if code != 0 || stderr != "" || !strings.Contains(out, c.UsageText) || !strings.Contains(out, "Examples:") {
				t.Errorf("%s --help: exit %d, %q, %s", full, code, stderr, out)
			}
			if len(path) > 0 && c.Name != "help" {
				helped, _, code := s.run(append(slices.Clone(path), "help", c.Name)...)
				if code != 0 || helped != out {
					t.Errorf("help of %s differs from --help: exit %d\n%s", full, code, helped)
				}
			}
			_, stderr, code = s.run(append(words, "--nonsense-flag")...)
			if code == 0 || !strings.Contains(stderr, "Usage: "+full) {
				t.Errorf("%s with an unknown flag: exit %d, %s", full, code, stderr)
			}
			walk(words, c.Subcommands)
		}
	}
	walk(nil, app.Commands)
}
