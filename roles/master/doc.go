// Package master is the master process: the namespace (package metastore) replicated by raft (package raftlog), the
// under file systems that it is loaded from (package ufs), and the services that clients, workers and other masters
// call.
//
// One master leads. It answers everything about the namespace, after a quorum confirmed that it still leads; the
// others answer UNAVAILABLE with a hint, except for questions about the cluster itself. Every change is a command,
// made here with time, caller and operation id in it, and applied by all masters in one order. Until its root is
// mounted a leader is in safe mode, and refuses too.
//
// What a path is in its under file system is learned when it is first asked for ([loader]), outside of any lock, and
// becomes a command like any other. Many who ask for one path share one look ([flights]). Which worker holds what is
// soft state ([registry]), learned from the workers' reports, which go to every master.
//
// # A change on both sides
//
// Removing and renaming happen in the under file system first and in the namespace after; a directory is made in the
// namespace first, so that the namespace decides who made it. In between a master may die, a caller may ask again, and
// others may look:
//
//   - Changes of overlapping paths wait for each other, and a look that a change overtook is repeated ([changes]).
//   - An operation that is asked for again is only answered, not done again ([operations]).
//   - What a first try left behind in the under file system is taken for what it is: each step is fine with being done.
//   - What fails half-way is told to the namespace as it is.
//
// # One sick under file system
//
// Each mount has its own bounded calls, time limits and breaker ([sources]). Its failures are EIO, never "not found":
// nothing is taken for gone unless its source said so.
package master
