// Package ufs is the vocabulary of under file systems: the places where a
// dataset lives and stays (a web directory, a local folder, a bucket), and what
// the cache may ask of them.
//
// An object is a file of the source. Its bytes are named by a [Version], a token
// made from whatever the source offers to tell two states of an object apart: an
// ETag, a modification time and a length, an inode. Metadata is read once by Stat
// or List, and from then on every Open says which version it wants. That is the
// promise on which the whole cache rests:
//
//	Open yields exactly the bytes asked for, of exactly the version asked for,
//	or an error. Never fewer bytes, never more, never those of another version.
//
// An implementation ("kind") is one folder below this one:
//
//	web    index pages and files of an HTTP server, read-only
//	file   a folder of this host
//	mem    a folder in memory, for tests
//
// and every kind passes the one suite in ufstest. scheme chooses a kind by URI.
//
// # Rules for every kind
//
//  1. Errors are [*fs.PathError]; the errno is found by [errors.As]. ENOENT is said
//     only when the source said so itself: a source that is ill, slow or out of
//     reach answers EIO, EAGAIN or ETIMEDOUT, because "not found" deletes metadata.
//     ESTALE says that the object is no longer the version asked for: read the
//     metadata anew. EROFS, EACCES, ENOTDIR, EISDIR, EEXIST, ENOTEMPTY, EINVAL mean what
//     they mean to a program.
//  2. The path in an error is the full one (URL, absolute path), without secrets.
//  3. No call outlives its context, and a silent source ends a call by itself.
//  4. All methods may be called from many goroutines at once.
//  5. Names are slash-separated, relative to the base, human (never
//     percent-encoded); "" is the base itself. [CleanName] says which are valid.
package ufs

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"time"
)

// Version names the bytes of one object. It is opaque: only the kind that made
// it reads it, and everyone else compares it for equality. It is valid across
// processes and restarts. Directories have none ("").
type Version string

// Info describes one object or directory.
type Info struct {
	Name         string      // last element of the name; "" for the base
	Dir          bool        // a directory; Size and Version say nothing then
	Size         int64       // bytes in this version
	ModTime      time.Time   // zero: unknown
	Mode         fs.FileMode // permission bits; 0: unknown
	Owner, Group string      // "": unknown
	Version      Version
	Weak         bool // the source offers no good validator: a change that keeps the length may go unseen
}

// UFS is an under file system.
type UFS interface {
	// Stat describes one object or directory.
	Stat(ctx context.Context, name string) (Info, error)

	// List yields the entries of one directory, in the source's order, each once.
	// It stops at its first error, which is yielded alone with a zero Info: a
	// listing that ended with an error says nothing about names it did not yield.
	// Entries that a file system cannot show (unreadable, special, unsafe names)
	// are left out and logged.
	List(ctx context.Context, name string) iter.Seq2[Info, error]

	// Open reads the n bytes from off of version v. The range must lie inside the
	// version (EINVAL otherwise; also for an empty v). The reader ends with io.EOF
	// after exactly n bytes, all proven, or with an error instead of the last of
	// them. Its reads stop when ctx ends. The caller closes it.
	Open(ctx context.Context, name string, v Version, off, n int64) (io.ReadCloser, error)

	// Create starts an object. Nothing is visible under name until the Writer's
	// Commit, which replaces an older object in one step. The parent must exist.
	Create(ctx context.Context, name string, mode fs.FileMode) (Writer, error)

	// Mkdir makes one directory whose parent exists; EEXIST if the name is taken.
	Mkdir(ctx context.Context, name string, mode fs.FileMode) error

	// Remove removes an object or an empty directory (ENOTEMPTY otherwise).
	Remove(ctx context.Context, name string) error

	// Rename moves an object or a directory. It never replaces: EEXIST if to is taken.
	Rename(ctx context.Context, from, to string) error
}

// Writer receives the bytes of a new object, in order. Exactly one of Commit and
// Abort ends it; a second of either is harmless and reports EBADF.
type Writer interface {
	io.Writer

	// Commit makes the object durable and then visible, and describes it. After
	// an error the name means what it meant before; only if nothing but the very last
	// flush failed it may mean the new object, whole.
	Commit(ctx context.Context) (Info, error)

	// Abort forgets the bytes written.
	Abort() error
}

// Capacity is an ability of a UFS that knows its size, in bytes.
type Capacity interface {
	Capacity(ctx context.Context) (total, used int64, err error)
}

// Mover is an ability of a UFS in which an object that is renamed has another version
// afterwards, with the same bytes.
type Mover interface {
	// Move renames an object of version v, as Rename does, and says what it has become.
	// ESTALE says that it is another version: nothing has been moved. If it is gone, and
	// what it has become is at to, then an earlier Move got this far, which is fine.
	Move(ctx context.Context, from, to string, v Version) (Info, error)

	// Moved describes what an object of version v has become that a Move gave the name
	// to. ESTALE says that something else is there.
	Moved(ctx context.Context, to string, v Version) (Info, error)
}

// Sequential is an ability of a UFS that can be slow at starting in the middle
// of an object: while it reports true, each Open may cost a read of everything
// before off, so few long ranges, in order, are much cheaper than many short ones.
type Sequential interface {
	Sequential() bool
}

// Sweeper is an ability of a UFS whose Create can leave remains behind when a
// process dies. Sweep removes those older than age below the whole base, and
// says how many.
type Sweeper interface {
	Sweep(ctx context.Context, age time.Duration) (int, error)
}
