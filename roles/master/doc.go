// Package master is the master process: the namespace (package metastore) replicated by raft (package raftlog), the
// under file systems that it is loaded from (package ufs), and the services that clients, workers and other masters
// call.
//
// One master leads. It answers everything about the namespace, after a quorum confirmed that it still leads; the
// others answer UNAVAILABLE with a hint, except for questions about the cluster itself. Every change is a command,
// made here with time, caller and operation id in it, and applied by all masters in one order.
//
// What a path is in its under file system is learned when it is first asked for ([loader]), outside of any lock, and
// becomes a command like any other. Which worker holds what is soft state ([registry]), learned from the workers'
// reports, which go to every master.
package master
