//go:build mutant_same_read_id

package raftlog

const built = sameReadID
