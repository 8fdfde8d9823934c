package fuse

import (
	"errors"
	"log/slog"
	"path"
	"time"
)

// Type is what /proc/mounts shows as the type of our mounts; scripts of Fluid wait for it.
const Type = "fuse." + subtype

const subtype = "goosefs-fuse"

// Options say how to mount. The zero value is sensible but for UID and GID, where it shows root; -1 maps names.
type Options struct {
	Root   string       // the path in the namespace that the mount point shows; "/" by default
	Log    *slog.Logger // nil: discard
	FsName string       // the source in /proc/mounts; "goosefs-fuse" by default

	AllowOther bool // let users other than the mounting one in, as far as file modes allow
	ReadOnly   bool // mount ro; without it the mount looks writable and attempts answer EROFS
	DirectIO   bool // keep no pages in the kernel
	NoOpen     bool // the kernel opens and closes files without asking, see kept.go; implies ReadOnly and no Passthrough
	NonEmpty   bool // hide what the mount point holds
	NoExec     bool // programs on the mount cannot be run
	XAttrs     bool // show user.goosefs.* attributes; costs ls -l a request per file

	UID, GID int    // the shown owner and group; -1: those of this host with the same name, else root
	Umask    uint32 // permission bits to hide

	// How long the kernel believes what it was told while invalidations are pushed; without the stream it is a second
	// at most. 0: the default, negative: not at all. By default AttrTimeout and EntryTimeout are 5 minutes, a bound for
	// an invalidation that never came, and NegativeTimeout (a name that does not exist) is a second.
	AttrTimeout, EntryTimeout, NegativeTimeout time.Duration

	MaxRead       int // bytes asked of the tree at once; 1 MiB by default
	MaxReadAhead  int // bytes that the kernel reads ahead; 1 MiB by default, negative for none
	MaxBackground int // requests that the kernel has under way by itself; 64 by default

	// Passthrough is how large a file is at least, in bytes, that is read from the disk of a worker on this host if that
	// holds all of it; 1 MiB by default, negative: none is. Pages of smaller files are kept by the kernel instead.
	Passthrough int64

	// Prefetch has small files loaded that workers do not hold yet, when a program opens one after the other of a
	// directory that was listed. See prefetch.go.
	Prefetch bool

	UnmountWait time.Duration // how long Unmount waits for open files before it detaches; 5 s by default

	Raw []string // mount options as typed after -o; they win over the fields. See [ParseOptions]
}

const (
	believed    = 5 * time.Minute
	maxRequest  = 1 << 20
	unmountWait = 5 * time.Second
	background  = 64
	passthrough = 1 << 20
)

// withDefaults applies Raw and fills in what was left open. ignored are the raw options that mean nothing here.
func (o Options) withDefaults() (full Options, ignored []string, err error) {
	if o, ignored, err = o.with(o.Raw); err != nil {
		return o, nil, err
	}
	o.Raw = nil
	if o.NoOpen {
		if o.DirectIO {
			return o, nil, errors.New("mount options no_open and direct_io exclude each other: that no pages are kept is said at each open")
		}
		// The kernel would let programs open files for writing.
		o.ReadOnly, o.Passthrough = true, -1
	}
	o.Root = path.Clean("/" + o.Root)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.FsName == "" {
		o.FsName = subtype
	}
	o.AttrTimeout = lifetimeOr(o.AttrTimeout, believed)
	o.EntryTimeout = lifetimeOr(o.EntryTimeout, believed)
	o.NegativeTimeout = lifetimeOr(o.NegativeTimeout, unconfirmed)
	if o.MaxRead <= 0 {
		o.MaxRead = maxRequest
	}
	if o.MaxReadAhead == 0 {
		o.MaxReadAhead = maxRequest
	}
	if o.MaxBackground <= 0 {
		o.MaxBackground = background
	}
	if o.Passthrough == 0 {
		o.Passthrough = passthrough
	}
	if o.UnmountWait == 0 {
		o.UnmountWait = unmountWait
	}
	return o, ignored, nil
}

func lifetimeOr(d, otherwise time.Duration) time.Duration {
	switch {
	case d == 0:
		return otherwise
	case d < 0:
		return 0
	}
	return d
}
