//go:build !mutant_lease_read && !mutant_no_read_index && !mutant_same_read_id && !mutant_ack_before_sync && !mutant_answer_at_append

package raftlog

const built = none
