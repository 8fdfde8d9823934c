package client

import "time"

// Info is what the masters know of a file, a directory or a symbolic link.
type Info struct {
	Path, Name                  string
	ID                          int64 // of this version of the file: a changed file has another id
	Dir                         bool
	Symlink                     string // what a link leads to, as it was given; empty for what is none
	Length                      int64  // bytes, of a link those of its target's text; 0 for directories
	BlockSize                   int64
	Mode                        uint32 // permission bits
	Owner, Group                string
	Created, Modified, Accessed time.Time
	Completed                   bool
	Cacheable                   bool
	ReadPolicy                  ReadPolicy // of its namespace; 0 if that has none
	Persistence                 string     // NOT_PERSISTED, TO_BE_PERSISTED, PERSISTED, LOST
	Percent                     int        // of its bytes in the cache
	MountID                     int64
	MountPoint                  bool   // this directory is where an under file system is mounted
	UFSPath                     string // where it is in the under file system; empty if nowhere
	Fingerprint                 string // of the object in the under file system
	Blocks                      []Block
	Xattr                       map[string][]byte
	ACL                         []ACLEntry // whole; nil where the mode says all of it
	DefaultACL                  []ACLEntry // what is made in this directory inherits it
}

// Block is a piece of a file that is cached as one.
type Block struct {
	ID, Offset, Length int64
	Locations          []Location // the worker that has it or should, first
}

// Location is a worker that holds a block or, where Tier is empty, is the one to ask for it.
type Location struct {
	WorkerID int64
	Host     string
	Port     int
	Tier     string // MEM, SSD, HDD
	Socket   string // path on its host where it hands descriptors out; told at a file's first block only
}

// Cached says if the location holds bytes of the block now.
func (l Location) Cached() bool { return l.Tier != "" }

// MountPoint is an entry of the mount table.
type MountPoint struct {
	Path, UFS, Type  string // Type: web, local, …
	Capacity, Used   int64  // bytes; -1 unknown
	ReadOnly, Shared bool
	Options          map[string]string
	ID               int64
}

// Worker is a worker as the masters know it.
type Worker struct {
	ID          int64
	Host        string
	Port        int
	Live        bool
	LastContact time.Duration // ago
	Started     time.Time
	Tiers       []Tier
	Blocks      int64
	// Since the worker started, bytes.
	FromCache, FromUFS int64
	Evicted, Damaged   int64 // blocks, chunks
}

// Tier is one kind of storage of a worker.
type Tier struct {
	Alias       string // MEM, SSD, HDD
	Quota, Used int64  // bytes
	Failed      []string
}

// Cluster is what one master says about all of them.
type Cluster struct {
	Leader     string // host:port; empty if that master knows none
	Masters    []Master
	Version    string
	AnsweredBy string
	Started    time.Time // the answering master
	Now        time.Time // by its clock
	Term       uint64
	Applied    uint64
	SafeMode   bool
	Files      int64
	Dirs       int64
	WebPort    int

	ID       string   // random, made with the cluster: file ids mean nothing in another one
	Problems []string // of masters, a line each
	Full     bool     // the journal's disk of the answering master
}

// Master is a member of the quorum.
type Master struct {
	Address, JournalAddress string
	Available, Leader       bool
	Learner                 bool // it has no vote yet
}

// StatOptions say how fresh an answer must be.
type StatOptions struct {
	Sync   bool          // compare with the under file system first
	MaxAge time.Duration // compare what was compared longer ago; 0: as the masters are configured
}

func (o StatOptions) asKnown() bool { return !o.Sync && o.MaxAge <= 0 }

// MkdirOptions: Recursive makes parents too, AllowExists takes an existing directory for success, CacheOnly leaves the
// under file system alone.
type MkdirOptions struct {
	Recursive, AllowExists, CacheOnly bool

	Mode uint32 // 0777 less the umask by default
}

// RemoveOptions: Recursive takes directories with all below, CacheOnly leaves the under file system alone, Unchecked
// removes a directory though the under file system may hold files in it that the masters do not know.
type RemoveOptions struct {
	Recursive, CacheOnly, Unchecked bool
}

// MountOptions of a new mount.
type MountOptions struct {
	ReadOnly, Shared bool
	Options          map[string]string
}
