//go:build mutant_no_read_index

package raftlog

const built = noReadIndex
