// Package blockcache keeps cached bytes of immutable files in tiers of local
// directories.
//
// A file id is a version: the bytes under an id never change. So what is
// cached can be absent, but it can never be out of date, and the package has
// one promise to keep: a byte it returns is the byte that was put.
//
// # On disk
//
// One cached file is one sparse data file, byte for byte the original where it
// is present, and one index beside it:
//
//	DIR/goosefs-worker.json     which worker's cache this is (the store id), and
//	                            which cluster's file ids are in it
//	DIR/lock                    held (flock) while a Cache is open; holds its pid
//	DIR/blocks/XX/ID            the data, of the file's full length, with holes
//	DIR/blocks/XX/ID.idx        a header, then 8 bytes for each chunk
//	DIR/blocks/XX/ID.N.new      a file that is being written, see Create
//	DIR/quarantine/             what was found there and is not ours; bounded
//
// The unit of presence is the chunk (64 KiB), of eviction the block (the
// caller's block size, a multiple of the chunk). A chunk's record holds the
// crc32c of its bytes and a mark computed from file, chunk and crc; a record
// whose mark does not fit is no record. Every read from disk checks the crc.
//
// Nothing is synced (but the store id, and what is kept): after a crash index and
// data may disagree in any way, and the checksums decide which chunks are still there.
//
// # What clients write
//
// Put is for bytes that can be had again. Create is for bytes that are nowhere
// else yet, and whose length nobody knows before they end: they go to a file
// without a name of ours, and Commit makes that a cached file of one block. If it is
// kept it is synced first, it is never evicted, and its index says so after a
// restart, until LetGo: the bytes are elsewhere too.
//
// # Space
//
// Each directory has a quota; bytes are reserved before they are written and
// given back after they are freed, so use is never above the quota, indexes,
// directories and quarantine included. Above a tier's high watermark a
// background goroutine frees the coldest blocks, as the policy ranks them, down
// to the low one; a writer that meets a full directory frees just what it needs,
// or is refused: to be cached is a favour, never a condition of reading. When
// the disk itself is short the limit shrinks to what it has.
//
// A hole reads as zeros, so a block that is being read or written through this
// package is not evicted, and a file of which somebody else may hold a
// descriptor (which then carries a shared flock) is unlinked instead: the
// holder keeps its bytes, and they count as used until it lets go.
//
// A file that was handed out (Handout) is no victim either, until all copies of
// its descriptor are closed. Only Drop and DropBlock unlink it.
//
// # Trust
//
// A descriptor gives its holder bytes that nobody verifies any more. So a file
// is handed out only when all of it was written or verified since the cache was
// opened, and nobody but us changed it since: inode, size and time of change
// are those after our last write. What was not is verified in the background
// when somebody wants it.
//
// While it is held it is looked at every second. What others change of it then
// its holders see: it is their disk. But it is not handed out again before it
// is verified. A file that was cut off or replaced is dropped, never mended in
// place: what lies between would be zeros to those who hold it. Not found out
// are writes to a file that is still coming in, until something reads the chunk,
// writes through a mapping to a page that is dirty already, and a disk that
// changes bytes by itself.
//
// # Chunks in memory
//
// A chunk's slot in memory holds its record, or one of four states:
//
//	absent   nothing on disk
//	writing  one Put owns it
//	leaving  the evictor, or a reader that found it damaged, owns it
//	spoiled  space is allocated, the bytes are not to be trusted; Put may overwrite
//
// All disk work on a chunk is done by whoever owns it, without a lock.
//
// # Locks
//
// In this order, any of them may be skipped:
//
//	Cache.running   read-held by each call, so that Close can wait for them
//	Cache.cluster   the directories change to another cluster
//	dir.evicting    one goroutine at a time frees space in a directory
//	entry.names     the names of one file's pair are made, opened, punched or unlinked
//	Cache.files     the map of entries
//	entry.mu        everything known of one file
//	dir.mu          a directory's use and its blocks in order of heat
//
// descriptors.mu, changeLog.mu, heldFiles.mu and doubts.mu are leaves. Disk I/O
// happens under the first four only.
package blockcache
