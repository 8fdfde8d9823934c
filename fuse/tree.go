package fuse

import (
	"context"
	"iter"

	"goosefs/client"
)

// Tree is what a mount needs of a cluster. Errors carry a syscall.Errno (errors.As). All methods are safe for
// concurrent use and return soon after their context ended.
type Tree interface {
	// Stat tells what path is now.
	Stat(ctx context.Context, path string, o client.StatOptions) (client.Info, error)
	// List streams the children of a directory by name, and ends with the first error. A file lists itself.
	List(ctx context.Context, path string, o client.StatOptions) iter.Seq2[client.Info, error]
	// OpenInfo opens the version of a file that info speaks of, without asking anyone.
	OpenInfo(info client.Info) File
	// Workers lists live and lost workers.
	Workers(ctx context.Context) ([]client.Worker, error)
	// Watch calls changed, on its own goroutine, with paths whose entry or attributes changed; a directory stands for
	// what is in it, too. Any call with lost = false says that the stream lives, so an empty one does when it begins.
	// lost = true says that it broke and that anything may have changed. Returns when ctx ends.
	Watch(ctx context.Context, changed func(paths []string, lost bool)) error
}

// File is one version of a file, open for reading.
type File interface {
	// ReadAt is like io.ReaderAt. ESTALE: the bytes of this version are gone.
	ReadAt(ctx context.Context, p []byte, off int64) (int, error)
	// Close is called once, when no read runs any more.
	Close() error
}
