package shell

import (
	"context"
	"crypto/md5"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"goosefs/client"
	"goosefs/roles/rolestest"

	"github.com/urfave/cli/v2"
)

// A file changes in the under file system after the masters saw it: commands that begin now have the new bytes.
func TestChangedBeforeCommand(t *testing.T) {
	stand := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1})
	s := newStage()
	s.env.open = func(*cli.Context) (cluster, error) { return clientCluster{stand.Client()}, nil }
	local := filepath.Join(t.TempDir(), "copy")
	write := func(path, text string) {
		if err := os.WriteFile(filepath.Join(stand.Root, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range []struct{ command, prints string }{
		{"fs cat PATH", "second text"},
		{"fs head -c 100 PATH", "second text"},
		{"fs tail -c 4 PATH", "text"},
		{"fs checksum PATH", fmt.Sprintf("md5sum: %x\n\n", md5.Sum([]byte("second text")))},
		{"fs load PATH", "PATH loaded\n"},
		{"fs cp PATH PATH-copy", "Copied PATH to PATH-copy\n"},
		{"fs copyToLocal PATH " + local, "Copied PATH to " + local + "\n"},
	} {
		path := fmt.Sprint("/f", i)
		write(path, "first")
		if _, err := stand.Client().Stat(t.Context(), path, client.StatOptions{}); err != nil {
			t.Fatal(err)
		}
		write(path, "second text")
		words := strings.Fields(strings.ReplaceAll(c.command, "PATH", path))
		stdout, stderr, code := s.run(words...)
		if want := strings.ReplaceAll(c.prints, "PATH", path); stdout != want || stderr != "" || code != 0 {
			t.Errorf("%v ended with %d, printed %q and said %q, want %q", words, code, stdout, stderr, want)
		}
	}
	if got, err := os.ReadFile(local); string(got) != "second text" {
		t.Errorf("copied %q, %v", got, err)
	}
}

// changing is a cluster whose file fails after some bytes, and is another one once the masters have looked again.
type changing struct {
	*fakeCluster
	gives int // bytes of the old version
	looks int
	gone  bool
	fixed bool // looking again helps
}

func (c *changing) Stat(ctx context.Context, path string, o client.StatOptions) (client.Info, error) {
	if o.Sync {
		if c.looks++; c.gone {
			return client.Info{}, notExist("stat", path)
		}
	}
	return c.fakeCluster.Stat(ctx, path, client.StatOptions{})
}

func (c *changing) Open(ctx context.Context, path string) (file, error) {
	f, err := c.fakeCluster.Open(ctx, path)
	if err == nil && (c.looks == 0 || !c.fixed) {
		return &changedFile{f, c.gives}, nil
	}
	return f, err
}

type changedFile struct {
	file
	gives int
}

func (f *changedFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off >= int64(f.gives) {
		return 0, faultf("read", "/f", syscall.ESTALE, "file changed in UFS since open: /f")
	}
	return f.file.ReadAt(ctx, p[:min(len(p), f.gives-int(off))], off)
}

func TestChangedUnderCommand(t *testing.T) {
	const again = "file changed in UFS since open: /f; try again: the file is opened as it is then\n"
	for what, c := range map[string]struct {
		on             changing
		stdout, stderr string
		looks          int
	}{
		"nothing was given out": {changing{fixed: true}, "all of it", "", 1},
		"something was":         {changing{fixed: true, gives: 4}, "all ", again, 1},
		"it changes for ever":   {changing{}, "", again, staleTries + 1},
		"it was deleted":        {changing{gone: true, gives: 4}, "all ", "/f was deleted while it was read: file changed in UFS since open: /f\n", 1},
		"and not read yet":      {changing{gone: true}, "", "Path \"/f\" does not exist.\n", 1},
	} {
		t.Run(what, func(t *testing.T) {
			s := newStage()
			s.cluster.write("/f", "all of it", 0)
			c.on.fakeCluster = s.cluster
			s.env.open = func(*cli.Context) (cluster, error) { return &c.on, nil }
			stdout, stderr, code := s.run("fs", "cat", "/f")
			if stdout != c.stdout || stderr != c.stderr || (code == 0) != (c.stderr == "") || c.on.looks != c.looks {
				t.Errorf("ended with %d after %d looks, printed %q and said %q", code, c.on.looks, stdout, stderr)
			}
		})
	}
}
