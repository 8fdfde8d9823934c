//go:build mutant_ack_before_sync

package raftlog

const built = ackBeforeSync
