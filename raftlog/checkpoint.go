package raftlog

import "context"

// Checkpoint has the state machine write down what it has, and the log truncated up to there, now. It returns when the
// state machine is done. ErrFull means that it has no space; nothing has happened then.
func (l *Log) Checkpoint(ctx context.Context) error {
	done := make(chan error, 1)
	l.tasks.put(task{truncate: done})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return ErrClosed
	}
}
