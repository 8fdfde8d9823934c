// Package raftlog is an ordered, durable, replicated list of commands.
//
// A command is a byte slice. Members of a cluster agree on one order of commands by raft
// (go.etcd.io/raft), each keeps the order in a journal on its own disk (etcd's write-ahead log), and
// each hands the commands, in that order, to its StateMachine. The package knows nothing of what a
// command means, of how members talk (Transport), or of configuration files.
//
// # The life of a command
//
//  1. Propose hands the command to the raft goroutine of the leader, which gives it a place in the
//     log and sends it to the followers at once.
//  2. Meanwhile the journal goroutine writes it. While one fdatasync runs, further commands gather,
//     and the next fdatasync covers them all (group commit). Followers do the same and answer.
//  3. When a majority has it on disk it is committed: the apply goroutine hands it, with everything
//     else that was committed since, to StateMachine.Apply in one call.
//  4. Propose returns what Apply returned for it.
//
// # Three goroutines
//
// The raft goroutine (replica.go) owns raft and everything about elections; it never does I/O, so that
// a slow disk or a slow Apply stops neither heartbeats nor elections. The journal goroutine
// (writer.go) owns the files. The apply goroutine (applier.go) is the only one that calls Apply,
// Snapshot, Restore, Checkpoint and Applied of the state machine. Queues between them keep order and
// never block the raft goroutine; raft's own limits bound them.
//
// # What is on disk
//
// Config.Dir holds LOCK and one folder log-INDEX, the journal: segments of etcd's WAL. Each segment
// begins with the cluster id, the member id and the first members, and is refused by anybody else.
// INDEX is the index the journal starts from: 1 for a new cluster, else that of the image received
// from a leader. The highest INDEX counts; an image starts a new folder rather than continuing the
// old one, because entries which the old one holds beyond the image may never have been agreed on.
//
// The state machine is its own checkpoint: Applied() says up to where its own disk has it, and the
// journal replays from there. So a local "snapshot" is no image but a mark (index, term, members) in
// the journal, made after Checkpoint; what lies before the mark is deleted. Images are made only for
// a follower that needs entries which are deleted already.
//
// # Batches
//
// Every write ends with a hard-state record and is synced before the next begins. So a complete
// batch after a broken record proves that the broken one had been on disk: that is damage, and
// refused. A broken record with nothing behind it was being written when the machine stopped: it was
// never acknowledged, and is cut off, with a line in the log.
//
// # Failure
//
// A failed write or fdatasync is final: nothing more is acknowledged, Failed is closed, Err says
// why, and the process is expected to exit. It is never retried, because a second fdatasync may
// succeed without the data (the kernel has forgotten it).
package raftlog
