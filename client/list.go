package client

import (
	"context"
	"io"
	"iter"

	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

// List streams the children of path, by name; a file lists itself. The sequence ends after the first error.
// A listing that breaks in the middle, because a master died, begins anew behind the last name that was seen.
func (f *FS) List(ctx context.Context, path string, o StatOptions) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		req := &pb.ListStatusPRequest{Path: &path, Options: &pb.ListStatusPOptions{CommonOptions: o.common()}}
		if o.Sync {
			req.Options.LoadMetadataType = pb.LoadMetadataPType_ALWAYS.Enum()
		}
		stopped, seen := false, ""
		read := func(ctx context.Context, conn *grpc.ClientConn) (struct{}, error) {
			stream, err := pb.NewFileSystemMasterClientServiceClient(conn).ListStatus(ctx, req)
			if err != nil {
				return struct{}{}, err
			}
			for {
				page, err := stream.Recv()
				if err == io.EOF {
					return struct{}{}, nil
				}
				if err != nil {
					return struct{}{}, err
				}
				for _, p := range page.GetFileInfos() {
					if p.GetName() <= seen && seen != "" {
						continue
					}
					seen = p.GetName()
					if !yield(infoOf(p), nil) {
						stopped = true
						return struct{}{}, nil
					}
				}
			}
		}
		var err error
		// One of many goes to any master, and to the leader if that one cannot tell all of it.
		done, busy := false, f.listings.Add(1) > flightLimit
		defer f.listings.Add(-1)
		if busy && !o.Sync {
			_, done, err = known(ctx, f, "list", path, read)
		}
		if !done && !stopped {
			_, err = lead(ctx, f, "list", path, read)
		}
		if err != nil && !stopped {
			yield(Info{}, wire.FromStatus("list", path, err))
		}
	}
}
