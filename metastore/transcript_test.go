package metastore

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestTranscripts runs the stories under testdata, one file for each operation.
// A directive is a list of commands and questions, one a line; the answers are
// in the same order. Ids are written by their container: #3 is 3<<24 | 0xFFFFFF.
// After each directive Check must be content, and at the end of a file the log
// must give the same state in every other way of applying it.
//
// After a change that is meant: go test -run TestTranscripts -rewrite
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, file string) {
		story := newStory(t)
		datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "run" {
				t.Fatalf("%s: unknown directive %q", d.Pos, d.Cmd)
			}
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				out.WriteString(story.run(t, strings.TrimSpace(line)))
				out.WriteByte('\n')
			}
			if err := story.Check(); err != nil {
				fmt.Fprintf(&out, "CHECK: %v\n", err)
			}
			return out.String()
		})
		everyWay(t, story.log, story.Hash())
	})
}

// story is a store with the log that made it.
type story struct {
	*Store
	dir   string
	log   [][]byte
	clock int64
	user  string
}

func newStory(t *testing.T) *story {
	st := &story{dir: t.TempDir(), clock: 1000, user: "alice"}
	st.Store = open(t, st.dir)
	return st
}

func open(t testing.TB, dir string) *Store {
	t.Helper()
	// Tests flush when they say so.
	s, err := Open(dir, Options{Owner: "root", Group: "wheel", FlushInterval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// line is a line of a story, taken apart: words, and what follows names.
type line struct {
	t     *testing.T
	text  string
	verb  string
	words []string
	named map[string]string
	now   func(path string) int64
}

func parseLine(t *testing.T, text string) line {
	verb, args, err := datadriven.ParseLine(text)
	if err != nil {
		t.Fatal(err)
	}
	l := line{t: t, text: text, verb: verb, named: map[string]string{}}
	for _, a := range args {
		if len(a.Vals) == 0 {
			l.words = append(l.words, a.Key)
		} else {
			l.named[a.Key] = strings.Join(a.Vals, ",")
		}
	}
	return l
}

func (l line) word(i int) string {
	if i >= len(l.words) {
		return ""
	}
	return l.words[i]
}

func (l line) has(word string) bool { return slices.Contains(l.words, word) }

func (l line) number(name string) int64 {
	text, ok := l.named[name]
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		l.t.Fatalf("%s: %v", l.text, err)
	}
	return n
}

// id is the id written as #N; 0 if it is not there.
func (l line) id(name string) int64 {
	text, ok := l.named[name]
	if !ok {
		return 0
	}
	return l.idIn(l.word(0), text)
}

func (l line) idIn(at, text string) int64 {
	if text == "#now" {
		return l.now(at)
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 64)
	if err != nil {
		l.t.Fatalf("%s: %v", l.text, err)
	}
	return idOf(n)
}

func (st *story) idNow(path string) int64 {
	r, err := st.Resolve(path)
	if err != nil || r.Inode == nil {
		return 0
	}
	return r.Inode.ID
}

func (l line) persistence() Persistence {
	for p := NotPersisted; p <= Lost; p++ {
		if p.String() == l.named["persistence"] {
			return p
		}
	}
	return NotPersisted
}

// options are "name:value,name:value".
func (l line) options() map[string]string {
	m := map[string]string{}
	for pair := range strings.SplitSeq(l.named["options"], ",") {
		if name, value, ok := strings.Cut(pair, ":"); ok {
			m[name] = value
		}
	}
	return m
}

func (st *story) run(t *testing.T, text string) string {
	l := parseLine(t, text)
	if answer, ok := st.ask(t, l); ok {
		return answer
	}
	st.clock += 1000
	l.now = st.idNow
	c := commandIn(l, Header{Time: st.clock, User: st.user, Group: "staff"})
	if c == nil {
		t.Fatalf("what is %q?", text)
	}
	return st.apply(encode(c))
}

func (st *story) apply(cmd []byte) string {
	st.log = append(st.log, cmd)
	switch r := st.Apply(uint64(len(st.log)), [][]byte{cmd})[0].(type) {
	case error:
		return describeError(r)
	case *Result:
		return describeResult(r)
	default:
		return fmt.Sprintf("a result of type %T", r)
	}
}

// commandIn is the command of a line; nil if it is none.
func commandIn(l line, h Header) command {
	if op := l.named["op"]; op != "" {
		copy(h.OpID[:], op)
	}
	at := l.word(0)
	switch l.verb {
	case "create":
		return CreateFile{Header: h, Path: at, Mode: uint32(l.number("mode")), BlockSize: l.number("block"),
			Recursive: l.has("recursive"), Persisted: l.has("persisted")}
	case "complete":
		return CompleteFile{Header: h, Path: at, IfID: l.id("if"), Length: l.number("length"),
			Persistence: l.persistence(), Version: l.named["version"], Weak: l.has("weak")}
	case "mkdir":
		return CreateDirectory{Header: h, Path: at, Mode: uint32(l.number("mode")),
			Recursive: l.has("recursive"), AllowExists: l.has("exists-ok"), Persisted: l.has("persisted")}
	case "rm":
		return Delete{Header: h, Path: at, IfID: l.id("if"), Recursive: l.has("recursive"), GoosefsOnly: l.has("goosefs-only")}
	case "ln":
		return CreateSymlink{Header: h, Path: at, Target: strings.Replace(l.named["to"], "<nul>", "\x00", 1) + strings.Repeat("x", int(l.number("more"))),
			Mode: uint32(l.number("mode")), Recursive: l.has("recursive")}
	case "mv":
		return Rename{Header: h, Src: at, Dst: l.word(1), IfID: l.id("if")}
	case "mount":
		return AddMount{Header: h, Path: at, UFS: l.word(1), ReadOnly: l.has("readonly"), Shared: l.has("shared"), Options: l.options(), Secrets: l.list("secrets"),
			Write: WritePolicy(l.number("write")), Read: ReadPolicy(l.number("read"))}
	case "unmount":
		return RemoveMount{Header: h, Path: at}
	case "updatemount":
		return UpdateMount{Header: h, Path: at, ReadOnly: l.has("readonly"), Shared: l.has("shared"), Options: l.options()}
	case "namespace":
		return setNamespaceIn(l, h)
	case "reap":
		return Reap{Header: h}
	case "setattr":
		return setAttributeIn(l, h)
	case "setfacl":
		return setACLIn(l, h)
	case "load":
		return loadIn(l, h)
	}
	return nil
}

func setAttributeIn(l line, h Header) command {
	c := SetAttribute{Header: h, Path: l.word(0), IfID: l.id("if"), Recursive: l.has("recursive")}
	for name, value := range l.named {
		switch number := func() int64 { return l.number(name) }; name {
		case "mode":
			c.Mode = new(uint32(number()))
		case "mtime":
			c.ModTime = new(number())
		case "atime":
			c.AccessTime = new(number())
		case "owner":
			c.Owner = &value
		case "group":
			c.Group = &value
		case "version":
			c.Version = &value
		case "persistence":
			c.Persistence = new(l.persistence())
			if value == "5" { // a state that does not exist
				c.Persistence = new(Persistence(5))
			}
		case "xattr":
			key, v, _ := strings.Cut(value, ":")
			c.SetXattr = map[string][]byte{strings.Replace(key, "<long>", strings.Repeat("n", 255), 1): []byte(v + strings.Repeat("x", int(l.number("more"))))}
		case "remove":
			c.RemoveXattr = strings.Split(value, ",")
		}
	}
	return c
}

// loadIn reads entries of the form "name/" (a directory), "name@version+length"
// (a file) and "-name#id" (gone).
func loadIn(l line, h Header) command {
	c := LoadEntries{Header: h, Dir: l.word(0), DirID: l.id("id"), Final: l.has("final"), BlockSize: l.number("block")}
	for _, word := range l.words[1:] {
		if word == "final" || word == "weak" {
			continue
		}
		if gone, ok := strings.CutPrefix(word, "-"); ok {
			name, id, _ := strings.Cut(gone, "#")
			c.Gone = append(c.Gone, Gone{Name: name, ID: l.idIn(path.Join(c.Dir, name), "#"+id)})
			continue
		}
		if name, ok := strings.CutSuffix(word, "/"); ok {
			c.Entries = append(c.Entries, Entry{Name: name, Dir: true, Mode: uint32(l.number("mode")), ModTime: l.number("mtime")})
			continue
		}
		name, rest, _ := strings.Cut(word, "@")
		version, size, _ := strings.Cut(rest, "+")
		length, err := strconv.ParseInt(size, 10, 64)
		if err != nil {
			l.t.Fatalf("%s: %v", l.text, err)
		}
		c.Entries = append(c.Entries, Entry{Name: name, Version: version, Length: length, Mode: uint32(l.number("mode")),
			Owner: l.named["owner"], Group: l.named["group"], ModTime: l.number("mtime"), Weak: l.has("weak")})
	}
	return c
}

func describeError(err error) string {
	errno, _ := errors.AsType[syscall.Errno](err)
	return fmt.Sprintf("%s: %v", errnoName(errno), err)
}

func errnoName(e syscall.Errno) string {
	names := map[syscall.Errno]string{
		syscall.ENOENT: "ENOENT", syscall.EEXIST: "EEXIST", syscall.EINVAL: "EINVAL", syscall.ENOTDIR: "ENOTDIR",
		syscall.EISDIR: "EISDIR", syscall.ENOTEMPTY: "ENOTEMPTY", syscall.EROFS: "EROFS", syscall.EXDEV: "EXDEV",
		syscall.EBUSY: "EBUSY", syscall.ESTALE: "ESTALE", syscall.ENAMETOOLONG: "ENAMETOOLONG",
		syscall.ENOSPC: "ENOSPC", syscall.E2BIG: "E2BIG",
	}
	if name, ok := names[e]; ok {
		return name
	}
	return fmt.Sprintf("errno %d", e)
}

func describeResult(r *Result) string {
	parts := []string{"ok"}
	if r.Inode.ID != 0 {
		parts = append(parts, describeInode(r.Path, &r.Inode))
	}
	if r.Mount.ID != 0 {
		parts = append(parts, describeMount(r.Mount))
	}
	if r.Changed > 0 {
		parts = append(parts, fmt.Sprintf("changed %d", r.Changed))
	}
	if len(r.Removed) > 0 {
		parts = append(parts, "removed "+describeIDs(r.Removed))
	}
	if r.Unreaped {
		parts = append(parts, "unreaped")
	}
	return strings.Join(parts, "; ")
}

func describeIDs(list []int64) string {
	var text []string
	for _, id := range list {
		text = append(text, fmt.Sprintf("#%d", containerOf(id)))
	}
	return strings.Join(text, " ")
}

func describeInode(at string, n *Inode) string {
	text := fmt.Sprintf("#%d %s %s", containerOf(n.ID), at, n.Persistence)
	switch {
	case n.Dir:
		text += fmt.Sprintf(" dir of %d", n.Children)
		if n.ChildrenLoaded {
			text += " loaded"
		}
		if n.MountID != 0 {
			text += fmt.Sprintf(" mount %d", n.MountID)
		}
	case len(n.Symlink) > 40:
		text += fmt.Sprintf(" link to %s… (%d bytes)", n.Symlink[:20], len(n.Symlink))
	case n.Symlink != "":
		text += " link to " + n.Symlink
	case !n.Completed:
		text += " incomplete"
	default:
		text += fmt.Sprintf(" %d bytes", n.Length)
	}
	if n.Version != "" {
		text += " version " + n.Version
	}
	if n.Weak {
		text += " weak"
	}
	return text
}

// describeAll adds what stat shows.
func describeAll(at string, n *Inode) string {
	text := fmt.Sprintf("%s\n  %s:%s %04o created %d modified %d accessed %d synced %d",
		describeInode(at, n), n.Owner, n.Group, n.Mode, n.CreateTime, n.ModTime, n.AccessTime, n.SyncTime)
	if !n.Dir {
		text += fmt.Sprintf(" block %d", n.BlockSize)
	}
	for _, p := range pairs(n.Xattr) {
		text += fmt.Sprintf(" %s=%q", p.Name, p.Value)
	}
	if len(n.ACL) > 0 {
		text += "\n  " + aclText(n.FullACL())
	}
	if len(n.DefaultACL) > 0 {
		text += "\n  " + aclText(n.DefaultACL)
	}
	return text
}

// ask answers questions, and does what is done to a store besides commands.
func (st *story) ask(t *testing.T, l line) (answer string, ok bool) {
	switch l.verb {
	case "flush":
		if err := st.Checkpoint(); err != nil {
			t.Fatal(err)
		}
		return "ok", true
	case "reopen":
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		st.Store = open(t, st.dir)
		return "ok", true
	case "wait": // lets command time pass, in seconds
		st.clock += l.number("s") * 1000
		return "ok", true
	case "user":
		st.user = l.word(0)
		return "ok", true
	case "resolve":
		return st.resolve(l.word(0)), true
	case "stat":
		r, err := st.Resolve(l.word(0))
		if err != nil || r.Inode == nil {
			return fmt.Sprintf("none (%v)", err), true
		}
		return describeAll(r.Path, r.Inode), true
	case "get":
		n, at, err := st.Get(l.id("id"))
		if err != nil {
			return describeError(err), true
		}
		return describeInode(at, &n), true
	case "ls":
		return st.list(l), true
	case "tree":
		return st.tree(t), true
	case "mounts":
		var all []string
		for _, m := range st.Mounts() {
			all = append(all, describeMount(m))
		}
		return strings.Join(append(all, "."), "\n"), true
	case "count":
		files, dirs, size, err := st.Count(l.word(0))
		if err != nil {
			return describeError(err), true
		}
		return fmt.Sprintf("%d files, %d dirs, %d bytes", files, dirs, size), true
	case "stats":
		s := st.Stats()
		return fmt.Sprintf("%d files, %d dirs, %d mounts, %d trash", s.Files, s.Dirs, s.Mounts, s.Trash), true
	}
	return "", false
}

func (st *story) resolve(at string) string {
	r, err := st.Resolve(at)
	if err != nil {
		return describeError(err)
	}
	text := "missing " + r.Path + ", under " + r.DeepestPath
	if r.Inode != nil {
		text = describeInode(r.Path, r.Inode)
	}
	if r.Mount.ID != 0 {
		text += fmt.Sprintf("; mount %d, %q is %s", r.Mount.ID, r.Rel, r.UFSPath)
	}
	return text
}

func (st *story) list(l line) string {
	r, err := st.Resolve(l.word(0))
	if err != nil {
		return describeError(err)
	}
	id := l.id("id")
	if r.Inode != nil {
		id = r.Inode.ID
	}
	list, err := st.List(id, l.named["after"], int(l.number("limit")))
	if err != nil {
		return describeError(err)
	}
	names := []string{}
	for _, n := range list {
		names = append(names, n.Name)
	}
	return fmt.Sprintf("%d: %s", len(names), strings.Join(names, " "))
}

// tree is the whole namespace.
func (st *story) tree(t *testing.T) string {
	var out bytes.Buffer
	var visit func(dir int64, at string)
	visit = func(dir int64, at string) {
		list, err := st.List(dir, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range list {
			fmt.Fprintf(&out, "%s\n", describeInode(path.Join(at, n.Name), &n))
			if n.Dir {
				visit(n.ID, path.Join(at, n.Name))
			}
		}
	}
	visit(RootID, "/")
	return out.String() + "."
}
