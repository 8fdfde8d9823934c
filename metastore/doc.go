// Package metastore is the namespace: which files and directories there are,
// what is known of them, and which under file systems are mounted where.
//
// # A state machine
//
// A [Store] changes only by [Store.Apply], which takes encoded commands
// ([CreateFile], [Rename], [LoadEntries] …) in the order of a replicated log.
// What a command does depends on the command and on the state, and on nothing
// else: time, caller and operation id are put into its [Header] by the leader.
// So every member that applies the same log has the same state, which members
// can compare by [Store.Hashes].
//
// The store does no I/O on under file systems. What the leader found there
// enters as a command like any other: LoadEntries.
//
// # Inodes
//
// An [Inode] is a file, a directory, or a symbolic link, which is stored and shown and
// not followed. A file's id is its version: when a file
// is found changed in the under file system it gets a new id, so bytes that
// were cached under the old one can never be mistaken for the new ones. Ids are
// never used twice. An inode's record is stored under its parent's id and its
// name, so a rename writes two records however large the tree is that it moves.
//
// # Layers
//
// Changes are made in memory, in an overlay over a bbolt database, and go down
// to it a few seconds later in one synced transaction together with the index
// of the last command that they belong to ([Store.Applied]). The log is what
// makes them durable until then: after a crash it is applied again from there.
//
//	Apply ──► active overlay ──► frozen overlay (being written) ──► bbolt
//	                    reads look through all three, newest first
//
// A flush that fails ends the store: see [Store.Failed]. But one that finds the
// disk full is made again, and [Store.Full] says so meanwhile.
//
// # Deleting
//
// Deleting a directory takes its root out of the namespace at once and moves it
// to the trash, a parent that no path leads to. Every command then reaps a
// bounded number of inodes from the trash and names the removed files in its
// [Result], so that no command takes long, whatever it deletes.
//
// # Exactly once
//
// The result of a command that carries an operation id is remembered for
// [OpWindow] of command time. The same command again gets the same answer and
// changes nothing.
//
// # Listings
//
// A [Listing] is of one state. Of a large directory it is read by pages, so that
// commands do not wait long; the directory is watched meanwhile, and what changed
// behind a page is read once more in the end.
//
// # Errors
//
// Every error about a path is an [*Error]: its text is GooseFS's, and it wraps
// an [*io/fs.PathError] with a [syscall.Errno], which is what callers switch on.
package metastore
