package master

import (
	"context"

	"goosefs/metastore"
	"goosefs/wire/pb"
)

// SetAcl changes the access control list of a path as the namespace has it. The under file system keeps its own.
func (s *fileService) SetAcl(ctx context.Context, req *pb.SetAclPRequest) (*pb.SetAclPResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	action := req.GetAction()
	if action < pb.SetAclAction_REPLACE || action > pb.SetAclAction_REMOVE_DEFAULT {
		return nil, badACL(req.GetPath(), "action", action.String())
	}
	entries, err := listOf(req.GetPath(), req.GetEntries())
	if err != nil {
		return nil, err
	}
	o := req.GetOptions()
	set := metastore.SetACL{
		Header: s.head(o.GetCommonOptions()), Path: req.GetPath(), Action: metastore.ACLAction(action), Entries: entries, Recursive: o.GetRecursive(),
	}
	if !s.operations.applied(set.OpID, s.now()) {
		if _, err := s.loader.stat(ctx, set.Path, s.freshness(set.Path, o.GetCommonOptions())); err != nil {
			return nil, err
		}
	}
	_, err = s.propose(ctx, set, clean(set.Path))
	return &pb.SetAclPResponse{}, err
}
