package model

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// Kind is what is asked.
type Kind string

// Create makes an incomplete file, Complete ends its writing, Remove with Recursive takes all below along, Rename
// replaces nothing, SetMode changes permission bits. Stat and List only read.
const (
	Create   Kind = "create"
	Complete Kind = "complete"
	Mkdir    Kind = "mkdir"
	Remove   Kind = "remove"
	Rename   Kind = "rename"
	SetMode  Kind = "chmod"
	Stat     Kind = "stat"
	List     Kind = "list"
)

// reads says that the kind changes nothing.
func (k Kind) reads() bool { return k == Stat || k == List }

// Input is what a client asks. Paths are clean and absolute, and lie below a top directory or are one.
type Input struct {
	Kind      Kind
	Path      string
	To        string // Rename; below the same top directory
	Recursive bool   // Remove
	Length    int64  // Complete
	Mode      uint32 // Create, Mkdir, SetMode
}

// Output is what it is told.
type Output struct {
	Unknown bool          // it may have happened, or may yet, or not
	Refused bool          // it did not happen, for reasons that are not in the names; Err says which
	Err     syscall.Errno // 0: done
	Entry   Entry         // of Stat, and of Create where the caller was told
	Entries []Entry       // of List, by name
}

// Entry is a file or directory as a client sees it.
type Entry struct {
	Name     string // without the path
	ID       int64  // 0: not told
	Dir      bool
	Complete bool  // true for directories
	Length   int64 // of a directory: how many entries it has
	Mode     uint32
}

// top is the top directory that the input is about.
func (in Input) top() string {
	first, _, _ := strings.Cut(strings.TrimPrefix(in.Path, "/"), "/")
	return "/" + first
}

func (in Input) String() string {
	switch in.Kind {
	case Create, Mkdir, SetMode:
		return fmt.Sprintf("%s %s %o", in.Kind, in.Path, in.Mode)
	case Complete:
		return fmt.Sprintf("%s %s %d", in.Kind, in.Path, in.Length)
	case Rename:
		return fmt.Sprintf("%s %s %s", in.Kind, in.Path, in.To)
	case Remove:
		if in.Recursive {
			return fmt.Sprintf("%s -R %s", in.Kind, in.Path)
		}
	}
	return fmt.Sprintf("%s %s", in.Kind, in.Path)
}

func (o Output) String() string {
	switch {
	case o.Unknown:
		return "unknown"
	case o.Err != 0:
		return o.Err.Error()
	case o.Entries != nil:
		var names []string
		for _, e := range o.Entries {
			names = append(names, e.String())
		}
		return "[" + strings.Join(names, ", ") + "]"
	case o.Entry != Entry{}:
		return o.Entry.String()
	}
	return "done"
}

func (e Entry) String() string {
	kind := "file"
	switch {
	case e.Dir:
		kind = "dir"
	case !e.Complete:
		kind = "incomplete"
	}
	return fmt.Sprintf("%s %s %d %o id %x", e.Name, kind, e.Length, e.Mode, e.ID)
}

// same says whether what a client was told of an entry fits what the model knows of it. An id that either does not
// know fits.
func (e Entry) same(told Entry) bool {
	if told.ID == 0 || e.ID == 0 {
		told.ID, e.ID = 0, 0
	}
	return e == told
}

func byName(a, b Entry) int { return strings.Compare(a.Name, b.Name) }

// sorted is the entries by name.
func sorted(entries []Entry) []Entry {
	entries = slices.Clone(entries)
	slices.SortFunc(entries, byName)
	return entries
}
