// Package fuse shows a goosefs namespace as a directory of this host: [Mount] mounts a [Tree] (a client.FS, by
// [FromClient]) and serves the kernel until it is unmounted. What is shown is read-only; attempts to change it answer
// EROFS.
//
// # An inode is a version
//
// The number of an inode is the file id of the masters, and a file that changed has another id. So the pages that the
// kernel keeps of an inode never go stale, and are kept from one open to the next. What can be out of date is only
// which inode a name leads to. An open file stays with its version: it reads that version's bytes to the end, or
// ESTALE once they are not to be had any more. A call that arrives at a version which its name no longer means answers
// ESTALE too; the kernel then looks the name up again by itself, so programs do not notice.
//
// # What may be believed, and how long
//
// While the masters' stream of invalidations lives ([Tree] Watch), entries and attributes are believed for minutes:
// what changes is pushed. Without the stream they are believed for a second. Every answer is dated by a counter that
// each invalidation advances, taken before the question was asked; an answer that is older than an invalidation of
// what it speaks of counts as unconfirmed and lives for a second. See trust.go (decide) and forget.go (do).
//
// Entries of directories are given to the kernel for a second at most and confirmed from memory, because dropping
// them in the kernel would pull the working directory from under programs.
//
// # Listing
//
// A directory is read with READDIRPLUS from one streamed List, so that ls -l of ten thousand files is one call to a
// master; when only names are read it is READDIR. The kernel keeps the names of a listing as long as it may be believed.
// Listings that came whole are remembered in a catalogue, a few dozen bytes an entry and within a bound, until something is
// pushed about them: what the kernel forgets and asks for again, listings and names, no master is asked for.
package fuse
