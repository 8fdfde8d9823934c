package master

import (
	"cmp"
	"context"
	"slices"

	"goosefs/raftlog"
	"goosefs/wire"
	"goosefs/wire/clusterpb"

	"google.golang.org/grpc"
)

// clusterService answers questions about the cluster.
type clusterService struct {
	clusterpb.UnimplementedClusterServer
	*Master
}

// Status is what this master knows of all.
func (s *clusterService) Status(context.Context, *clusterpb.StatusRequest) (*clusterpb.ClusterStatus, error) {
	st, stats := s.raft.Status(), s.store.Stats()
	leader := s.leaderAddress()
	_, notReady := s.leads()
	reply := &clusterpb.ClusterStatus{
		Leader: leader, Version: s.options.Version, StartTimeMs: s.started.UnixMilli(), NowMs: s.now().UnixMilli(),
		AnsweredBy: s.self.Address, Term: st.Term, Applied: stats.Applied,
		Files: stats.Files, Directories: stats.Dirs, WebPort: int32(s.options.WebPort), SafeMode: leader == "" || leader == s.self.Address && notReady != nil,
	}
	reply.ClusterId, reply.Problems, reply.JournalFull = clusterName(s.identity.ClusterID), s.problems(), st.Full || s.store.Full()
	for _, member := range s.ordered(st.Members) {
		addr := s.clientAddress(member.Member)
		reply.Masters = append(reply.Masters, &clusterpb.Master{
			Id: member.ID, Address: addr, JournalAddress: member.Address, Learner: member.Learner,
			Leader: addr == leader && leader != "", Available: member.Active,
		})
	}
	return reply, nil
}

// ordered are the members in the order of the configuration, then those that came later.
func (m *Master) ordered(members []raftlog.MemberStatus) []raftlog.MemberStatus {
	place := func(s raftlog.MemberStatus) int {
		i := slices.IndexFunc(m.options.Masters, func(c Member) bool { return c.Journal == s.Address })
		if i < 0 {
			return len(m.options.Masters)
		}
		return i
	}
	slices.SortStableFunc(members, func(a, b raftlog.MemberStatus) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Address, b.Address))
	})
	return members
}

// ListWorkers lists the workers that report to this master.
func (s *clusterService) ListWorkers(ctx context.Context, _ *clusterpb.ListWorkersRequest) (*clusterpb.WorkerList, error) {
	if _, err := s.leads(); err != nil {
		return nil, err
	}
	return &clusterpb.WorkerList{Workers: s.registry.status(s.now())}, nil
}

// Invalidations streams the paths that change, from now on. The first message has none: it says that the stream is up.
func (s *clusterService) Invalidations(_ *clusterpb.InvalidationsRequest, stream grpc.ServerStreamingServer[clusterpb.Invalidation]) error {
	l := s.hub.join()
	defer s.hub.leave(l)
	if err := s.linearize(stream.Context()); err != nil {
		return err
	}
	if err := stream.Send(&clusterpb.Invalidation{}); err != nil {
		return err
	}
	for {
		select {
		case paths, ok := <-l.paths:
			if !ok {
				return wire.NotLeader(s.leaderAddress())
			}
			if err := stream.Send(&clusterpb.Invalidation{Paths: paths}); err != nil {
				return err
			}
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-s.ctx.Done():
			return wire.NotLeader("")
		}
	}
}
