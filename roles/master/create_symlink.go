package master

import (
	"context"
	"syscall"

	"goosefs/metastore"
	"goosefs/wire/pb"
)

// CreateSymlink makes a symbolic link in the namespace, and nowhere else, whatever the write type: no under file system
// would show it as the link that it is (file shows what a link leads to, and leaves out those that lead out of its
// folder). What is only in the namespace stays there when its directory is loaded again.
func (s *fileService) CreateSymlink(ctx context.Context, req *pb.CreateSymlinkPRequest) (*pb.CreateSymlinkPResponse, error) {
	if _, err := s.leads(); err != nil {
		return nil, err
	}
	if err := nameable("symlink", req.GetLink()); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	create := metastore.CreateSymlink{
		Header: s.headOf(ctx, o.GetCommonOptions()), Path: req.GetLink(), Target: o.GetTarget(), Mode: modeOf(o.GetMode()), Recursive: o.GetCreateParent(),
	}
	max := asKnown
	if !s.operations.applied(create.OpID, s.now()) {
		max = s.freshness(create.Path, o.GetCommonOptions()) // a file that is only in the under file system so far is in the way as well
	}
	r, err := s.loader.stat(ctx, create.Path, max)
	if err != nil {
		return nil, err
	}
	_, err = s.proposeNew(ctx, create, create.Path, missingPaths(r)...)
	return &pb.CreateSymlinkPResponse{}, err
}

// GetLinkTarget answers what a symbolic link leads to, as it was given.
func (s *fileService) GetLinkTarget(ctx context.Context, req *pb.GetLinkTargetPRequest) (*pb.GetLinkTargetPResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	r, err := s.loader.stat(ctx, req.GetLink(), s.freshness(req.GetLink(), nil))
	switch {
	case err != nil:
		return nil, err
	case r.Inode == nil:
		return nil, r.Absent("readlink")
	case r.Inode.Symlink == "":
		return nil, &metastore.Error{Text: r.Path + " is not a symbolic link", Err: pathErr("readlink", r.Path, syscall.EINVAL)}
	}
	return &pb.GetLinkTargetPResponse{Target: &r.Inode.Symlink}, nil
}

// resolvable refuses to answer what a link leads to in place of the link: that is for clients to ask, who know where what
// is not in the namespace would be.
func resolvable(r metastore.Resolution, o *pb.GetStatusPOptions) error {
	if !o.GetResolveLink() || r.Inode.Symlink == "" {
		return nil
	}
	return &metastore.Error{
		Text: r.Path + " is a symbolic link to " + r.Inode.Symlink + ", which masters do not resolve: ask for that path",
		Err:  pathErr("stat", r.Path, syscall.ENOTSUP),
	}
}

// linkError refuses to do with a link what is done with bytes.
func linkError(op, p, target string) error {
	return &metastore.Error{
		Text: p + " is a symbolic link to " + target + " and has no bytes: name what it leads to",
		Err:  pathErr(op, p, syscall.EINVAL),
	}
}
