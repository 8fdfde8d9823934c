package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Who may import whom, as docs/design.md says. A folder's rule holds for all below it, unless a longer one is here.
var mayImport = map[string][]string{
	".":               {"roles", "shell"},
	"roles":           {"roles", "client", "conf", "fuse", "wire", "blockcache", "raftlog"},
	"roles/master":    {"raftlog", "metastore", "ufs", "wire", "conf"},
	"roles/worker":    {"blockcache", "ufs", "client", "wire", "conf"},
	"roles/up":        {"client", "conf", "manifest", "wire", "roles/up"},
	"roles/rolestest": {"roles", "client", "wire", "blockcache"},
	"fuse":            {"client"},
	"shell":           {"client", "conf"},
	"client":          {"wire"},
	"manifest":        {"conf"},
	"raftlog":         {},
	"metastore":       {},
	"blockcache":      {},
	"ufs":             {},
	"wire":            {},
	"conf":            {},
	"test":            {},
}

// Which folders may use a library that is one folder's business.
var mayUse = map[string][]string{
	"google.golang.org/grpc":           {"wire", "client", "roles", "test/write"},
	"go.etcd.io/bbolt":                 {"metastore", "blockcache"},
	"go.etcd.io/raft":                  {"raftlog", "roles/master", "test/sim"},
	"go.etcd.io/etcd":                  {"raftlog"},
	"github.com/hanwen/go-fuse":        {"fuse"},
	"github.com/urfave/cli":            {".", "roles", "roles/up", "shell"},
	"github.com/jedib0t/go-pretty":     {"shell", "roles/up"},
	"github.com/magiconair/properties": {"conf"},
	"go.yaml.in/yaml":                  {"manifest", "roles/up"},
	"golang.org/x/net/html":            {"ufs/web"},
}

func TestImports(t *testing.T) {
	for file, imports := range sources(t) {
		dir := path.Dir(file)
		test := strings.HasSuffix(file, "_test.go")
		for _, imported := range imports {
			if ours, ok := strings.CutPrefix(imported, "goosefs/"); ok {
				rule := ruleOf(dir)
				if !test && !within(ours, rule) && !slices.ContainsFunc(mayImport[rule], func(p string) bool { return within(ours, p) }) {
					t.Errorf("%s imports goosefs/%s: %s may import only itself and %v (docs/design.md, section 2)", file, ours, rule, mayImport[rule])
				}
				continue
			}
			for library, users := range mayUse {
				if within(imported, library) && !slices.ContainsFunc(users, func(u string) bool { return dir == u || u != "." && within(dir, u) }) {
					t.Errorf("%s imports %s: only %v may (docs/design.md, section 2)", file, imported, users)
				}
			}
		}
	}
}

// TestCode keeps what no linter knows: no init functions, no package called util.
func TestCode(t *testing.T) {
	for file := range sources(t) {
		for _, drawer := range []string{"util", "utils", "helper", "helpers", "common", "misc"} {
			if slices.Contains(strings.Split(path.Dir(file), "/"), drawer) {
				t.Errorf("%s: %q says nothing: name the package after what it gives", file, drawer)
			}
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has func init: pass what it sets up as an argument instead", file)
			}
		}
	}
}

// sources are the imports of all files of the project but generated ones, by path.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && p != "." || d.Name() == "testdata" || p == "tools" || p == "bin") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, ".pb.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		all[filepath.ToSlash(p)] = nil
		for _, i := range parsed.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			all[filepath.ToSlash(p)] = append(all[filepath.ToSlash(p)], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("found %d files only: the rules would hold of nothing", len(all))
	}
	return all
}

// ruleOf is the longest folder with a rule that dir is in.
func ruleOf(dir string) string {
	for d := dir; ; d = path.Dir(d) {
		if _, ok := mayImport[d]; ok || d == "." {
			return d
		}
	}
}

// within says whether p is dir or below it.
func within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, dir+"/")
}
