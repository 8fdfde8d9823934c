package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestREADME does what the README's section on the seed's workflow shows for one host, as it stands but for paths and
// the web directory.
func TestREADME(t *testing.T) {
	bin := program(t)
	needMount(t)
	root := publicDir(t)
	tr := growTree(t, root, 20, 4, 8<<20)
	web := newNginx(t, root)
	web.start()
	home := publicDir(t)
	mount := filepath.Join(home, "mnt", "goosefs")
	replace := strings.NewReplacer("/srv/goosefs", filepath.Join(home, "srv"), "/mnt/", filepath.Join(home, "mnt")+"/",
		"https://mirrors.tuna.tsinghua.edu.cn/apache/hbase/stable/", web.url())
	t.Cleanup(func() {
		for mountedAt(mount) != "" && unmount(mount) == nil {
			t.Error("the mount is left")
		}
	})

	shell := func(script string) *exec.Cmd {
		cmd := exec.Command("sh", "-ec", script)
		cmd.Dir, cmd.Env = home, environment()
		return cmd
	}
	var up *process
	did := map[string]bool{}
	for _, block := range readmeBlocks(t, "## The seed's workflow, on bare hosts", "On several hosts") {
		block = replace.Replace(block)
		first, _, _ := strings.Cut(block, "\n")
		name, isFile := strings.CutPrefix(first, "# ")
		switch {
		case isFile:
			must(t, os.WriteFile(filepath.Join(home, name), []byte(block), 0o644))
			did["write"] = true
		case strings.HasPrefix(first, "go build"): // what it builds is there already
			if first != "go build -o goosefs ." {
				t.Errorf("the README builds by %q", first)
			}
			must(t, os.Symlink(bin, filepath.Join(home, "goosefs")))
			did["build"] = true
		case strings.HasPrefix(first, "./goosefs up"):
			up = start(t, first, 60*time.Second, shell("exec "+strings.TrimSpace(block)))
			up.await("It runs until Ctrl-C", 2*time.Minute)
			tr.verify(t, filepath.Join(mount, "hbase"))
			did["up"] = true
		default:
			r := run(t, shell(block))
			if r.code != 0 {
				t.Errorf("exit code %d\n%s\n%s%s", r.code, block, r.stdout, r.stderr)
			}
			expectREADME(t, block, r.stdout, tr)
			did["look"] = true
		}
	}
	for _, step := range []string{"build", "write", "up", "look"} {
		if !did[step] {
			t.Errorf("the README has no step to %s", step)
		}
	}
	if up != nil && up.code(10*time.Second) != 0 {
		t.Errorf("after down, up ends with code %d", up.code(0))
	}
	if kind := mountedAt(mount); kind != "" {
		t.Errorf("still mounted: %s", kind)
	}
}

// readmeBlocks are the indented blocks of the README between two texts.
func readmeBlocks(t *testing.T, from, to string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	must(t, err)
	_, text2, ok := strings.Cut(string(text), from)
	part, _, ok2 := strings.Cut(text2, to)
	if !ok || !ok2 {
		t.Fatalf("the README has nothing between %q and %q", from, to)
	}
	var blocks []string
	inside := false
	for line := range strings.Lines(part) {
		code, indented := strings.CutPrefix(line, "    ")
		switch {
		case indented && inside:
			blocks[len(blocks)-1] += code
		case indented:
			blocks = append(blocks, code)
		}
		inside = indented
	}
	return blocks
}

// expectREADME wants the block's output to show what its commands are for.
func expectREADME(t *testing.T, block, out string, tr *tree) {
	t.Helper()
	for command, want := range map[string][]string{
		"ls -lR":             {filepath.Base(sorted(tr.files)[0])},
		"get pod":            {"hbase-master-0 ", "hbase-worker-2 ", "hbase-fuse-0 ", "RESTARTS"},
		"get goosefsruntime": {"MASTER PHASE", "Ready          Ready          Ready"},
		"get dataset":        {"CACHED PERCENTAGE", "Bound"},
		"fs masterInfo":      {"current leader master: hbase-master-", "All masters: [hbase-master-0:26000, hbase-master-1:26000, hbase-master-2:26000]"},
		"fs ls -R /hbase":    {"/hbase/" + sorted(tr.files)[0]},
		"fsadmin report":     {"Live Workers: 3"},
		"goosefs down":       {"stopped"},
	} {
		for _, text := range want {
			if strings.Contains(block, command) && !strings.Contains(out, text) {
				t.Errorf("%s does not print %q:\n%s", command, text, out)
			}
		}
	}
}
