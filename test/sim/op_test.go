package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"goosefs/metastore"
)

// kind is what an operation does.
type kind int

const (
	create kind = iota
	complete
	mkdir
	remove
	move
	setattr
	stat
	list
)

func (k kind) String() string {
	return [...]string{"create", "complete", "mkdir", "remove", "move", "setattr", "stat", "list"}[k]
}

func (k kind) reads() bool { return k == stat || k == list }

// op is what a client wants.
type op struct {
	kind
	number    uint64 // unique in the run; also its operation id, its owner, its group and its length: so a read tells whose work it sees
	path, dst string
	recursive bool
	anywhere  bool   // a read that any master may answer
	at        uint64 // the master that is asked first, if it is not the one that led last; 0: that one
	only      bool   // no other is asked
}

func (o op) tag() string { return fmt.Sprint("u", o.number) }

// top is the directory under / that the operation is about. Nothing moves from one to another.
func (o op) top() string { return top(o.path) }

func (o op) String() string {
	s := fmt.Sprintf("#%d %s %s", o.number, o.kind, o.path)
	if o.kind == move {
		s += " " + o.dst
	}
	if o.recursive {
		s += " -r"
	}
	return s
}

func (o op) id() (id metastore.OpID) {
	binary.BigEndian.PutUint64(id[8:], o.number)
	return id
}

// command is the operation as roles/master proposes it.
func (o op) command(ms int64) []byte {
	h := metastore.Header{OpID: o.id(), Time: ms, User: o.tag(), Group: o.tag()}
	switch o.kind {
	case create:
		return metastore.CreateFile{Header: h, Path: o.path, Recursive: o.recursive}.Encode()
	case complete:
		return metastore.CompleteFile{Header: h, Path: o.path, Length: int64(o.number)}.Encode()
	case mkdir:
		return metastore.CreateDirectory{Header: h, Path: o.path, Recursive: o.recursive}.Encode()
	case remove:
		return metastore.Delete{Header: h, Path: o.path, Recursive: o.recursive}.Encode()
	case move:
		return metastore.Rename{Header: h, Src: o.path, Dst: o.dst}.Encode()
	case setattr:
		group := o.tag()
		return metastore.SetAttribute{Header: h, Path: o.path, Group: &group}.Encode()
	}
	panic("sim: " + o.kind.String() + " changes nothing")
}

// answer is what an operation came to.
type answer struct {
	errno syscall.Errno // 0: it was done
	text  string        // what was made, changed, removed or seen
	blank bool          // done, but nothing was said of it
}

func (a answer) String() string {
	if a.errno != 0 {
		return a.errno.Error()
	}
	return "ok " + a.text
}

// fits says whether a master that should answer want may answer a.
func (a answer) fits(want answer) bool {
	return a == want || a.blank && want.errno == 0
}

// answerOf is the answer to a change, from what Apply returned for it.
func answerOf(result any) answer {
	switch r := result.(type) {
	case nil:
		return answer{blank: true}
	case *metastore.Result:
		return answer{text: describe(r.Inode)}
	case error:
		return answer{errno: errnoOf(r)}
	}
	panic(fmt.Sprintf("sim: a result of type %T", result))
}

func errnoOf(err error) syscall.Errno {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return syscall.EIO
}

func describe(n metastore.Inode) string {
	return thing{dir: n.Dir, owner: n.Owner, group: n.Group, length: n.Length, complete: n.Completed}.String()
}

func top(p string) string { return strings.SplitN(p, "/", 3)[1] }

func number(id metastore.OpID) uint64 { return binary.BigEndian.Uint64(id[8:]) }
