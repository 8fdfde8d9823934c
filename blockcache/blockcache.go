package blockcache

import (
	"errors"
	"io/fs"
	"log/slog"
	"strconv"
	"syscall"
)

// ChunkSize is the unit of presence and of checksums.
const ChunkSize = 64 << 10

// Policies for Options.Policy.
const (
	TINYLFU = "TINYLFU" // evict the block that was used least often lately, see docs/eviction.md
	LRU     = "LRU"     // evict the block that was read or put longest ago
	NONE    = "NONE"    // evict nothing; stop admitting when full
)

// ErrMiss says that the next byte asked for is not cached.
var ErrMiss = errors.New("blockcache: not cached")

// Why no descriptor of a file is handed out, besides ErrMiss: nothing of it is cached.
var (
	ErrPartial    = errors.New("blockcache: cached in part only")
	ErrUnverified = errors.New("blockcache: not verified yet") // it is about to be, in the background
	ErrTooMany    = errors.New("blockcache: too many files are held elsewhere")
)

// Options describe a cache. Only Tiers has no default.
type Options struct {
	Tiers     []Tier       // fastest first, e.g. MEM, SSD, HDD
	Policy    string       // LRU (default), TINYLFU or NONE
	OpenFiles int          // most descriptors kept open between calls; default 512
	Handouts  int          // most files of which descriptors are held elsewhere; default 1024
	Log       *slog.Logger // nil discards

	open opener // how files are opened; nil is the operating system
}

// Tier is a group of directories of one kind of medium.
type Tier struct {
	Alias string
	Dirs  []Dir
	// High and Low are watermarks, ratios of the quota, 0 < Low < High <= 1.
	// Both zero mean 0.95 and 0.7.
	High, Low float64
}

// Dir is one directory of a tier and the most bytes it may hold.
type Dir struct {
	Path  string
	Quota int64
}

// FileInfo names an immutable file. Block i is the range [i*BlockSize,
// (i+1)*BlockSize); BlockSize is a multiple of ChunkSize unless the file is a
// single block.
type FileInfo struct {
	ID, Length, BlockSize int64
}

// Range is a run of bytes of a file.
type Range struct {
	Off, Len int64
}

// TierUsage is a tier's use. Quota and Used leave out failed directories. Used
// is 0 when nothing is cached: it leaves out the few pages that empty folders take.
type TierUsage struct {
	Alias       string
	Dirs        []DirUsage
	Quota, Used int64
}

// DirUsage is a directory's use. Used counts allocated bytes, indexes,
// quarantine and folders. Failed is why the directory is out of service until
// the cache is opened again.
type DirUsage struct {
	Path        string
	Quota, Used int64
	Failed      error
}

// BlockState is a block of which Bytes are cached.
type BlockState struct {
	FileID, Index, Bytes int64
}

// BlockChange says how much of a block is cached now; 0 is nothing.
type BlockChange struct {
	FileID, Index, Bytes int64
}

// Stats count since Open.
type Stats struct {
	Hits          int64 // reads served whole
	Misses        int64 // reads that ended at a chunk which is not there
	BytesRead     int64 // verified bytes handed out
	BytesKept     int64 // bytes put on disk
	EvictedBlocks int64
	EvictedBytes  int64
	Damaged       int64 // chunks and index records that failed a check, or were lost
	Quarantined   int64 // files found that are not ours, or torn
	NotKept       int64 // Puts refused or failed, in part or whole
	NotKeptBytes  int64
}

// validate refuses what cannot be cached: the arithmetic on offsets below
// relies on it.
func (i FileInfo) validate() error {
	switch {
	case i.ID <= 0, i.Length < 0, i.Length > maxLength, i.BlockSize <= 0,
		i.BlockSize%ChunkSize != 0 && i.BlockSize < i.Length:
		return i.failure("acquire", syscall.EINVAL)
	}
	return nil
}

// maxLength keeps rounded-up offsets from overflowing.
const maxLength = 1 << 60

// failure is an error about the file, which is named by its id.
func (i FileInfo) failure(op string, errno syscall.Errno) error {
	return &fs.PathError{Op: op, Path: strconv.FormatInt(i.ID, 10), Err: errno}
}

// chunks is how many chunks the file has.
func (i FileInfo) chunks() int64 { return (i.Length + ChunkSize - 1) / ChunkSize }

// chunkLen is the length of a chunk: ChunkSize but for the file's last.
func (i FileInfo) chunkLen(chunk int64) int64 {
	return min(ChunkSize, i.Length-chunk*ChunkSize)
}

// blockOf is the block that holds a chunk.
func (i FileInfo) blockOf(chunk int64) int64 { return chunk * ChunkSize / i.BlockSize }

// blockChunks is the range of chunks [first, end) of a block. Blocks and
// chunks share their borders: see validate.
func (i FileInfo) blockChunks(block int64) (first, end int64) {
	first = block * i.BlockSize / ChunkSize
	if i.BlockSize >= i.Length-first*ChunkSize {
		return first, i.chunks()
	}
	return first, first + i.BlockSize/ChunkSize
}
