package client

import "goosefs/wire/pb"

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

// cached says whether the bytes go to the cache.
func (t WriteType) cached() bool { return t != Through }

// through says whether the bytes go to the under file system while they are written.
func (t WriteType) through() bool { return t == Through || t == CacheThrough }
