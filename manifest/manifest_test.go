package manifest

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/cockroachdb/datadriven"
)

// The two files that everything began with, word for word.
func TestSeed(t *testing.T) {
	docs, warnings, err := ReadPaths([]string{"testdata/seed/runtime.yaml", "testdata/seed/dataset.yaml"}, nil)
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	ds, rt, warnings, err := Bind(docs)
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	if want := (Dataset{
		Name: "hbase", Namespace: "default", AccessModes: []string{"ReadOnlyMany"},
		Mounts: []Mount{{MountPoint: "https://mirrors.tuna.tsinghua.edu.cn/apache/hbase/stable/", Name: "hbase"}},
	}); !reflect.DeepEqual(ds, want) {
		t.Errorf("got  %+v\nwant %+v", ds, want)
	}
	if want := (Runtime{
		Name: "hbase", Namespace: "default", Replicas: 3, Master: Master{Replicas: 3},
		Levels: []Level{{MediumType: "HDD", Paths: []string{"/mnt/disk1"}, Quotas: []int64{2 << 30}, High: 0.8, Low: 0.7, Line: 9}},
	}); !reflect.DeepEqual(rt, want) {
		t.Errorf("got  %+v\nwant %+v", rt, want)
	}
	if got := ds.Mounts[0].AlluxioPath(); got != "/hbase" {
		t.Errorf("mounted at %s", got)
	}
}

// TestTranscripts plays testdata/parse and testdata/bind. Commands:
//
//	parse         input: a manifest; output: what was read of it, or what is wrong
//	file NAME     makes a file
//	bind PATH…    reads paths (with - for the input) and joins what is in them
//
// go test ./manifest -run TestTranscripts -rewrite writes the outputs anew; commit only what you understand.
func TestTranscripts(t *testing.T) {
	for _, folder := range []string{"testdata/parse", "testdata/bind"} {
		datadriven.Walk(t, folder, func(t *testing.T, path string) {
			dir := t.TempDir()
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				input := strings.ReplaceAll(d.Input, "␉", "\t")
				switch d.Cmd {
				case "parse":
					docs, warnings, err := Parse("f.yaml", strings.NewReader(input))
					return report(t, docs, warnings, err)
				case "file":
					name := filepath.Join(dir, d.CmdArgs[0].Key)
					if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(input), 0o644)); err != nil {
						t.Fatal(err)
					}
					return ""
				case "bind":
					var paths []string
					for _, a := range d.CmdArgs {
						if a.Key != Stdin {
							a.Key = filepath.Join(dir, a.Key)
						}
						paths = append(paths, a.Key)
					}
					return strings.ReplaceAll(bind(t, paths, input), dir, "DIR")
				}
				return "unknown command\n"
			})
		})
	}
}

func bind(t *testing.T, paths []string, input string) string {
	docs, warnings, err := ReadPaths(paths, strings.NewReader(input))
	if err != nil {
		return report(t, nil, warnings, err)
	}
	ds, rt, more, err := Bind(docs)
	if err != nil {
		return report(t, nil, append(warnings, more...), err)
	}
	return report(t, []Document{{Dataset: &ds}, {Runtime: &rt}}, append(warnings, more...), nil)
}

func report(t *testing.T, docs []Document, warnings []Warning, err error) string {
	var b strings.Builder
	for _, w := range warnings {
		fmt.Fprintf(&b, "warning: %v\n", w)
	}
	if err != nil {
		var errno syscall.Errno
		if !errors.As(err, &errno) {
			t.Errorf("error without an errno: %v", err)
		}
		return fmt.Sprintf("%s%v\n", b.String(), err)
	}
	for _, doc := range docs {
		if doc.Dataset != nil {
			describeDataset(&b, *doc.Dataset)
		} else {
			describeRuntime(&b, *doc.Runtime)
		}
	}
	return b.String()
}

func describeDataset(b *strings.Builder, ds Dataset) {
	fmt.Fprintf(b, "dataset %s/%s %v read-only %v\n", ds.Namespace, ds.Name, ds.AccessModes, ds.ReadOnly())
	if ds.Owner != nil {
		fmt.Fprintf(b, "  owner %+v\n", *ds.Owner)
	}
	for _, m := range ds.Mounts {
		fmt.Fprintf(b, "  %s ← %s read-only %v shared %v%s\n", m.AlluxioPath(), m.MountPoint, m.ReadOnly, m.Shared, pairs(m.ShownOptions()))
	}
}

func describeRuntime(b *strings.Builder, rt Runtime) {
	fmt.Fprintf(b, "runtime %s/%s, %d masters, %d workers%s\n", rt.Namespace, rt.Name, rt.Master.Replicas, rt.Replicas, pairs(rt.Properties))
	for i, p := range []Process{rt.Master.Process, rt.Worker.Process, rt.Fuse.Process} {
		if len(p.Properties)+len(p.Env) > 0 {
			fmt.Fprintf(b, "  %s%s env%s\n", []string{"master", "worker", "fuse"}[i], pairs(p.Properties), pairs(p.Env))
		}
	}
	if len(rt.Fuse.Args) > 0 {
		fmt.Fprintf(b, "  fuse %q options %q\n", rt.Fuse.Args, rt.Fuse.MountOptions())
	}
	for _, l := range rt.Levels {
		fmt.Fprintf(b, "  %s %v %v high %v low %v line %d\n", l.MediumType, l.Paths, l.Quotas, l.High, l.Low, l.Line)
	}
}

func pairs(m map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, " %s=%s", k, m[k])
	}
	return b.String()
}

// Texts that are too awkward for a transcript.
func TestRefusedTexts(t *testing.T) {
	head := "apiVersion: data.fluid.io/v1alpha1\nkind: Dataset\nmetadata: {name: x}\n"
	bomb := "spec:\n  a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i, last := 0, "a"; i < 8; i++ {
		next := string(rune('b' + i))
		bomb += fmt.Sprintf("  %s: &%s [%s]\n", next, next, strings.Repeat("*"+last+",", 9))
		last = next
	}
	for name, test := range map[string]struct {
		text, want string
		errno      syscall.Errno
	}{
		"alias bomb":     {head + bomb, "more than 20000 values once aliases are expanded", syscall.EINVAL},
		"alias in alias": {head + "spec: &s\n  mounts: [*s]\n", "nested more than 50 deep, or an alias within itself", syscall.EINVAL},
		"deep":           {head + "spec: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000), "nested more than 50 deep", syscall.EINVAL},
		"deeper":         {head + "spec: " + strings.Repeat("[", 400_000), "not YAML", syscall.EINVAL},
		"large":          {head + strings.Repeat("#", maxFile), "file too large", syscall.EFBIG},
		"many documents": {strings.Repeat("---\na: 1\n", 101), "more than 100 documents", syscall.EINVAL},
		"latin 1":        {head + "# \xe9\n", "not UTF-8 text", syscall.EINVAL},
		"binary":         {head + "spec: !!binary aGVsbG8=\n", "not an object", syscall.EINVAL},
		"control":        {head + "spec: {mounts: [{mountPoint: \"https://h/\\n\"}]}\n", "control character", syscall.EINVAL},
		"long name":      {strings.Replace(head, "x", strings.Repeat("x", 64), 1), "at most 63", syscall.EINVAL},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Parse("f.yaml", strings.NewReader(test.text))
			var errno syscall.Errno
			if err == nil || !strings.Contains(err.Error(), test.want) || !errors.As(err, &errno) || errno != test.errno {
				t.Fatalf("%v; want %q and %v", err, test.want, test.errno)
			}
			if len(err.Error()) > 2000 || !strings.HasPrefix(err.Error(), "f.yaml") && errno != syscall.EFBIG {
				t.Errorf("not a message for people: %.300s", err)
			}
		})
	}
}

func TestReadErrors(t *testing.T) {
	_, _, err := Parse("f.yaml", iotest.ErrReader(syscall.EIO))
	if !errors.Is(err, syscall.EIO) {
		t.Errorf("reader fails: %v", err)
	}
	_, _, err = ReadPaths([]string{"-"}, iotest.ErrReader(syscall.EIO))
	if !errors.Is(err, syscall.EIO) {
		t.Errorf("standard input fails: %v", err)
	}
	loop := filepath.Join(t.TempDir(), "loop.yaml")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{loop, filepath.Dir(loop)} {
		if _, _, err := ReadPaths([]string{path}, nil); !errors.Is(err, syscall.ELOOP) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestDefaultRuntimeIsValid(t *testing.T) {
	rt := DefaultRuntime("x")
	if rt.Master.Replicas%2 == 0 || len(rt.Levels[0].Paths) != len(rt.Levels[0].Quotas) || rt.Levels[0].Low >= rt.Levels[0].High {
		t.Errorf("%+v", rt)
	}
}

func TestCheckDisks(t *testing.T) {
	rt := Runtime{Replicas: 3, Levels: []Level{
		{Paths: []string{"/fits", "/small", "/broken"}, Quotas: []int64{1 << 30, 1 << 30, 1 << 30}},
		{Paths: []string{"/huge"}, Quotas: []int64{1 << 62}},
	}}
	free := map[string]int64{"/fits": 3 << 30, "/small": 3<<30 - 1, "/huge": 1<<63 - 1}
	var got []string
	for _, w := range rt.CheckDisks(func(path string) (int64, error) {
		n, ok := free[path]
		if !ok {
			return 0, &os.PathError{Op: "statfs", Path: path, Err: syscall.EIO}
		}
		return n, nil
	}) {
		got = append(got, w.String())
	}
	want := []string{
		"quota beyond the disk: 1GiB × 3 (one for each worker) in /small, where 3GiB is free; what does not fit is read without being kept",
		"cannot tell how much is free in /broken: statfs /broken: input/output error",
		"quota beyond the disk: 4EiB × 3 (one for each worker) in /huge, where 8EiB is free; what does not fit is read without being kept",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Whatever the text, Parse ends, and what it accepts keeps its promises.
func FuzzParse(f *testing.F) {
	for _, path := range []string{"testdata/seed/dataset.yaml", "testdata/seed/runtime.yaml"} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add("apiVersion: data.fluid.io/v1alpha1\nkind: GooseFSRuntime\nmetadata: {name: x}\nspec: {replicas: 1, master: {replicas: 1}, tieredstore: {levels: [{mediumtype: MEM, path: '/a,/b', quotaList: '1,2'}]}}")
	f.Add("a: &a [*a]\n---\n? [x]\n: y\n<<: *a")
	f.Fuzz(func(t *testing.T, text string) {
		docs, _, err := Parse("f", strings.NewReader(text))
		if err != nil {
			return
		}
		for _, doc := range docs {
			switch {
			case doc.Dataset != nil:
				if len(doc.Dataset.Mounts) == 0 || !label.MatchString(doc.Dataset.Name) {
					t.Errorf("%+v", doc.Dataset)
				}
				for _, m := range doc.Dataset.Mounts {
					if p := m.AlluxioPath(); p[0] != '/' || strings.Contains(p, "/../") || !strings.Contains(m.MountPoint, "://") {
						t.Errorf("%+v", m)
					}
				}
			case doc.Runtime != nil:
				rt := doc.Runtime
				if rt.Replicas < 1 || rt.Master.Replicas < 1 || rt.Master.Replicas%2 == 0 || len(rt.Levels) == 0 {
					t.Errorf("%+v", rt)
				}
				for _, l := range rt.Levels {
					if len(l.Paths) != len(l.Quotas) || len(l.Paths) == 0 || l.Low >= l.High || l.High > 1 || slices.Min(l.Quotas) < 1 {
						t.Errorf("%+v", l)
					}
				}
			default:
				t.Error("a document without content")
			}
		}
	})
}
