//go:build mutant_answer_at_append

package raftlog

const built = answerAtAppend
