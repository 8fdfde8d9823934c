package client

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path"

	"goosefs/wire/pb"
)

// WriteType says where the bytes of a new file go, in GooseFS's words. The numbers are those of the wire.
type WriteType int

// The types. Where a file is only cached, it is on one worker, and is not evicted.
const (
	MustCache    WriteType = 1 // to the cache only
	TryCache     WriteType = 2 // the same here
	CacheThrough WriteType = 3 // to the cache and the under file system: when the file is closed it is in both
	Through      WriteType = 4 // to the under file system only
	AsyncThrough WriteType = 5 // to the cache, and in the background from there to the under file system
	None         WriteType = 6 // like MustCache
)

// String is the type's name.
func (t WriteType) String() string { return pb.WritePType(t).String() }

// writeType is where the bytes of a new file at p go: as o says, or else the directory that it will be in, by the policy of
// its namespace, or else o's default.
func (f *FS) writeType(ctx context.Context, p string, o CreateOptions) (WriteType, error) {
	if o.Type != 0 {
		return o.Type, nil
	}
	for dir := path.Dir(path.Clean("/" + p)); ; dir = path.Dir(dir) {
		info, err := f.Stat(ctx, dir, StatOptions{})
		// A directory that is not there yet will be as the one above it is.
		if errors.Is(err, fs.ErrNotExist) && dir != "/" {
			continue
		}
		if err != nil {
			return 0, err
		}
		named := pb.WritePType_value[string(info.Xattr[writePolicyXattr])] // 0 for what is no type
		return cmp.Or(WriteType(named), o.Default, MustCache), nil
	}
}

// cached says whether the bytes go to the cache.
func (t WriteType) cached() bool { return t != Through }

// through says whether the bytes go to the under file system while they are written.
func (t WriteType) through() bool { return t == Through || t == CacheThrough }
