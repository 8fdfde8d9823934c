package master

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"goosefs/raftlog"
	"goosefs/wire"
	"goosefs/wire/clusterpb"
)

// adminService is what an administrator asks of the leader.
type adminService struct {
	clusterpb.UnimplementedAdminServer
	*Master
}

// ChangeQuorum adds or removes a master, or lets another lead.
func (s *adminService) ChangeQuorum(ctx context.Context, req *clusterpb.QuorumChange) (*clusterpb.QuorumChanged, error) {
	if role, _ := s.raft.Watch(); !role.Leading {
		return nil, wire.NotLeader(s.leaderAddress())
	}
	addr := req.GetAddress()
	var err error
	switch req.GetAction() {
	case clusterpb.QuorumChange_ADD:
		s.admissions.Lock()
		defer s.admissions.Unlock()
		err = s.admit(ctx, addr)
	case clusterpb.QuorumChange_REMOVE:
		var member raftlog.MemberStatus
		if member, err = s.memberAt(addr); err == nil {
			err = s.raft.Remove(ctx, member.ID)
		}
	case clusterpb.QuorumChange_ELECT:
		addr, err = s.elect(ctx, addr)
	default:
		err = pathErr("change the quorum", addr, syscall.ENOTSUP)
	}
	if err != nil {
		return nil, s.notLeading(err)
	}
	s.log.Info("the quorum was changed by an administrator", "action", req.GetAction(), "master", addr)
	return &clusterpb.QuorumChanged{Address: addr}, nil
}

// Raft gives a hand-over up after an election timeout, within which a master whose disk or link is busy may not have
// been elected. Then it is begun again. Changes are refused during a hand-over, and done in between.
const (
	electTries = 3
	electPause = 500 * time.Millisecond
)

// elect lets the master at addr lead, or whichever has most of the log.
func (s *adminService) elect(ctx context.Context, addr string) (string, error) {
	var id uint64
	if addr != "" {
		member, err := s.memberAt(addr)
		if err != nil {
			return addr, err
		}
		id = member.ID
	}
	err := s.raft.TransferLeadership(ctx, id)
	for try := 1; try < electTries && errors.Is(err, syscall.ETIMEDOUT) && pause(ctx, electPause); try++ {
		err = s.raft.TransferLeadership(ctx, id)
	}
	if role, _ := s.raft.Watch(); err == nil && role.Leader != 0 {
		addr = s.journalAddress(role.Leader)
	}
	return addr, err
}

// Checkpoint writes the leader's namespace down and cuts its journal.
func (s *adminService) Checkpoint(ctx context.Context, _ *clusterpb.CheckpointRequest) (*clusterpb.CheckpointDone, error) {
	if role, _ := s.raft.Watch(); !role.Leading {
		return nil, wire.NotLeader(s.leaderAddress())
	}
	if err := s.raft.Checkpoint(ctx); err != nil {
		return nil, s.notLeading(err)
	}
	return &clusterpb.CheckpointDone{Host: hostOf(s.self.Address), Applied: s.store.Applied()}, nil
}

// Backup writes the namespace to a file on this host, as it is at one moment after the call was made.
func (s *adminService) Backup(ctx context.Context, req *clusterpb.BackupRequest) (*clusterpb.BackupDone, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	done, err := s.backup(ctx, req.GetDirectory())
	if err != nil {
		return nil, err
	}
	return &clusterpb.BackupDone{Host: hostOf(s.self.Address), Path: done.path, Entries: done.entries}, nil
}

func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}
