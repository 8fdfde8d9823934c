package metastore

import (
	"cmp"
	"slices"
	"strings"
	"syscall"

	"goosefs/metastore/metapb"
)

// Policy is what a mount says of the files in it: where new ones are written,
// whether what is read is kept, and how long they live. The zero Policy leaves
// that to the clients.
type Policy struct {
	Write WritePolicy
	Read  ReadPolicy

	TTL    int64 // ms from a file's CreateTime on; 0: for ever
	Action TTLAction
	// FreedUntil: files whose time was over by then have been freed, for ever,
	// though they may have been cached again since. It is of the action Free.
	FreedUntil int64
}

// WritePolicy is where a new file goes whose writer did not say.
type WritePolicy uint8

// The numbers are those of metapb.WritePolicy and of the wire. Do not reorder.
const (
	NoWritePolicy WritePolicy = iota
	WriteMustCache
	WriteTryCache
	WriteCacheThrough
	WriteThrough
	WriteAsyncThrough
	WriteNone
)

// String is the policy's name as users see it; "" if there is none.
func (p WritePolicy) String() string {
	if p == NoWritePolicy {
		return ""
	}
	return metapb.WritePolicy(p).String()
}

// ReadPolicy is what becomes of bytes that were read.
type ReadPolicy uint8

// The numbers are those of metapb.ReadPolicy and of the wire. Do not reorder.
const (
	NoReadPolicy ReadPolicy = iota
	ReadNoCache
	ReadCache
	ReadCachePromote
	ReadConsistentPromote
	ReadConsistent
)

// String is the policy's name as users see it; "" if there is none.
func (p ReadPolicy) String() string {
	if p == NoReadPolicy {
		return ""
	}
	return metapb.ReadPolicy(p).String()
}

// Keeps says whether workers keep what is read.
func (p ReadPolicy) Keeps() bool { return p != ReadNoCache }

// Consistent says whether what is known of a file is compared with the under file
// system whenever somebody asks for it.
func (p ReadPolicy) Consistent() bool { return p == ReadConsistent || p == ReadConsistentPromote }

// TTLAction is what becomes of a file that has lived for its time.
type TTLAction uint8

// The numbers are those of metapb.TTLAction. Do not reorder.
const (
	ActionDelete            TTLAction = iota // from the under file system, too
	ActionDeleteOnlyGoosefs                  // from the namespace and the cache
	ActionFree                               // from the cache
)

// String is the action's name as users see it.
func (a TTLAction) String() string { return metapb.TTLAction(a).String() }

// Namespace is the name of the namespace that a mount is; ok is false for mounts
// that are none. A namespace is a mount directly below "/".
func (m Mount) Namespace() (name string, ok bool) {
	name = strings.TrimPrefix(m.Path, "/")
	return name, name != "" && !strings.Contains(name, "/")
}

// Secret says whether the value of an option is not to be shown.
func (m Mount) Secret(option string) bool {
	_, ok := slices.BinarySearch(m.Secrets, option)
	return ok
}

// NamespacePath is the path of the namespace of a name, which must be one.
func NamespacePath(op, name string) (string, error) {
	switch {
	case len(name) > maxName:
		return "", errorf(op, "/"+name[:maxName], syscall.ENAMETOOLONG, "Namespace %q… of %d bytes is longer than %d: choose a shorter name",
			name[:16], len(name), maxName)
	case !validName(name):
		return "", errorf(op, "/"+name, syscall.EINVAL,
			`%q cannot be the name of a namespace: it is the name of a directory in "/", without slashes`, name)
	}
	return "/" + name, nil
}

// existingNamespace is the namespace of a name, which must be there.
func (t *tree) existingNamespace(op, name string) (found, Mount, error) {
	path, err := NamespacePath(op, name)
	if err != nil {
		return found{}, Mount{}, err
	}
	m, ok := t.s.mu.mounts[path]
	if !ok {
		return found{}, Mount{}, NoNamespace(op, name)
	}
	return t.walk(path), m, nil
}

// NoNamespace is the error about a name that no namespace has.
func NoNamespace(op, name string) error {
	return errorf(op, "/"+name, syscall.ENOENT, "Namespace %s does not exist; goosefs ns ls lists those that do", name)
}

// policyAllowed refuses a policy that could not be obeyed at a mount.
func policyAllowed(op string, m Mount) error {
	p := m.Policy
	switch {
	case p.Write > WriteNone:
		return errorf(op, m.Path, syscall.EINVAL, "Invalid write policy %d of %s: it is 1 to %d", p.Write, m.Path, WriteNone)
	case p.Read > ReadConsistent:
		return errorf(op, m.Path, syscall.EINVAL, "Invalid read policy %d of %s: it is 1 to %d", p.Read, m.Path, ReadConsistent)
	case p.Action > ActionFree:
		return errorf(op, m.Path, syscall.EINVAL, "Invalid TTL action %d of %s", p.Action, m.Path)
	case p.TTL < 0:
		return errorf(op, m.Path, syscall.EINVAL, "Invalid TTL %d of %s: it is milliseconds, more than 0", p.TTL, m.Path)
	case p.TTL > 0 && p.Action == ActionDelete && m.ReadOnly:
		return errorf(op, m.Path, syscall.EROFS,
			"Files cannot be deleted under readonly mount point %s when their time is over; choose the TTL action free or delete_only_goosefs", m.Path)
	}
	return nil
}

// secretsAmong are the names that are names of options, sorted.
func secretsAmong(options map[string]string, names []string) []string {
	var secrets []string
	for _, name := range names {
		if _, ok := options[name]; ok {
			secrets = append(secrets, name)
		}
	}
	slices.SortFunc(secrets, cmp.Compare[string])
	return slices.Compact(secrets)
}
