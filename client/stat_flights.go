package client

import (
	"context"
	"sync"

	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

const (
	// flightLimit is how many messages about paths are under way at the same time; more calls wait for the next.
	flightLimit = 2
	// flightPaths is how many paths go into one message.
	flightPaths = 128
)

// statFlights lets calls that come at the same time share messages. As long as few are under way each has a message of
// its own, to the leader. Those that come meanwhile wait, and go together as soon as an answer is back: so a busy mount
// asks for many paths at once, and an idle one never waits.
//
// Shared messages are spread over all masters, for any can tell what is known. A path of which more than that must be
// found out, because it is not known or its answer is too old, is then asked for alone: so what is slow there holds up
// nobody else.
type statFlights struct {
	fs *FS
	mu struct {
		sync.Mutex
		flying  int // messages
		waiting []*statCall
	}
}

// statCall is a call that waits for its turn.
type statCall struct {
	ctx  context.Context
	path string
	done chan struct{} // closed when the rest is there
	info Info
	err  error
}

func (s *statFlights) do(ctx context.Context, path string) (Info, error) {
	call := s.board(ctx, path)
	if call == nil {
		defer s.land()
		return s.fs.statAlone(ctx, path, StatOptions{})
	}
	select {
	case <-call.done:
		return call.info, call.err
	case <-ctx.Done():
		return Info{}, s.fs.masters.ended(ctx, "stat", path, nil)
	case <-s.fs.ctx.Done():
		return Info{}, s.fs.masters.closedError("stat")
	}
}

// board returns nil if the caller may ask by itself, and must land then; else a call that somebody will answer.
func (s *statFlights) board(ctx context.Context, path string) *statCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.flying < flightLimit {
		s.mu.flying++
		return nil
	}
	call := &statCall{ctx: ctx, path: path, done: make(chan struct{})}
	s.mu.waiting = append(s.mu.waiting, call)
	return call
}

// land ends a message. The next one goes at once, if somebody waits.
func (s *statFlights) land() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.waiting) == 0 {
		s.mu.flying--
		return
	}
	n := min(flightPaths, len(s.mu.waiting))
	calls := s.mu.waiting[:n:n]
	s.mu.waiting = s.mu.waiting[n:]
	// After Close nobody waits any more.
	s.fs.background(func(ctx context.Context) {
		alone := s.together(ctx, calls)
		s.land()
		for _, c := range alone {
			s.fs.background(func(context.Context) {
				c.info, c.err = s.fs.statAlone(c.ctx, c.path, StatOptions{})
				close(c.done)
			})
		}
	})
}

// together asks for all calls in one message and answers those that it can. It returns the others.
func (s *statFlights) together(ctx context.Context, calls []*statCall) (alone []*statCall) {
	if len(calls) == 1 {
		return calls
	}
	paths := make([]string, len(calls))
	for i, c := range calls {
		paths[i] = c.path
	}
	reply, ok, err := known(ctx, s.fs, "stat", paths[0], func(ctx context.Context, conn *grpc.ClientConn) (*pb.GetStatusBatchPResponse, error) {
		return statBatch(ctx, conn, paths, StatOptions{})
	})
	if !ok || err != nil {
		return calls
	}
	told := assign(paths, reply)
	if told == nil {
		return calls
	}
	for i, c := range calls {
		if told[i] == nil {
			alone = append(alone, c)
			continue
		}
		c.info = infoOf(told[i])
		close(c.done)
	}
	return alone
}

// assign says which answer of a batch belongs to which path; nil belongs to those that failed. The answers come in the
// order of the paths, and so do the names of those that failed. It is nil if that does not add up.
func assign(paths []string, reply *pb.GetStatusBatchPResponse) []*pb.FileInfo {
	infos, failed := reply.GetFileInfos(), reply.GetFailedPaths()
	if len(infos)+len(failed) != len(paths) {
		return nil
	}
	told := make([]*pb.FileInfo, len(paths))
	for i, p := range paths {
		switch {
		case len(failed) > 0 && failed[0] == p:
			failed = failed[1:]
		case len(infos) > 0:
			told[i], infos = infos[0], infos[1:]
		default:
			return nil
		}
	}
	return told
}
