package master

import (
	"context"
	"syscall"

	"goosefs/metastore"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// SetAttribute changes mode, owner and group, and the write type of a directory, as the namespace has them. The under file system keeps its own.
func (s *fileService) SetAttribute(ctx context.Context, req *pb.SetAttributePRequest) (*pb.SetAttributePResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	if o.GetPersisted() {
		return nil, &metastore.Error{
			Text: "That " + req.GetPath() + " is persisted cannot be set by a client",
			Err:  pathErr("setattribute", req.GetPath(), syscall.ENOTSUP),
		}
	}
	set := metastore.SetAttribute{Header: s.head(o.GetCommonOptions()), Path: req.GetPath(), Recursive: o.GetRecursive()}
	if o != nil {
		set.Owner, set.Group = o.Owner, o.Group
	}
	if o.GetMode() != nil {
		set.Mode = proto.Uint32(modeOf(o.GetMode()))
	}
	var r metastore.Resolution
	var err error
	if !s.operations.applied(set.OpID, s.now()) {
		r, err = s.loader.stat(ctx, set.Path, s.freshness(set.Path, o.GetCommonOptions()))
	}
	if err == nil {
		err = setWriteType(&set, o, r)
	}
	if err != nil {
		return nil, err
	}
	_, err = s.propose(ctx, set, clean(set.Path))
	return &pb.SetAttributePResponse{}, err
}
