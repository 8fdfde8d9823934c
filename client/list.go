package client

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"syscall"

	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

// List streams the children of path, by name; a file lists itself. The sequence ends after the first error.
// All is of one instant. A listing that breaks in the middle, because a master died, begins anew behind the last name
// that was seen; if what was seen has changed meanwhile, it ends with EAGAIN.
func (f *FS) List(ctx context.Context, path string, o StatOptions) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		req := &pb.ListStatusPRequest{Path: &path, Options: &pb.ListStatusPOptions{CommonOptions: o.common()}}
		if o.Sync {
			req.Options.LoadMetadataType = pb.LoadMetadataPType_ALWAYS.Enum()
		}
		stopped, seen := false, ""
		told, changed := prefix{seed: maphash.MakeSeed()}, false
		read := func(ctx context.Context, conn *grpc.ClientConn) (struct{}, error) {
			stream, err := pb.NewFileSystemMasterClientServiceClient(conn).ListStatus(ctx, req)
			if err != nil {
				return struct{}{}, err
			}
			again := prefix{seed: told.seed} // what was told before, as it is now
			for {
				page, err := stream.Recv()
				if err == io.EOF {
					changed = again != told
					return struct{}{}, nil
				}
				if err != nil {
					return struct{}{}, err
				}
				for _, p := range page.GetFileInfos() {
					before := p.GetName() <= seen && seen != ""
					if changed = !before && again != told; changed {
						return struct{}{}, nil
					}
					again.add(p)
					if before {
						continue
					}
					seen, told = p.GetName(), again
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
		if busy && o.asKnown() {
			_, done, err = known(ctx, f, "list", path, read)
		}
		if !done && !stopped {
			_, err = lead(ctx, f, "list", path, read)
		}
		if err == nil && changed {
			err = &fs.PathError{Op: "list", Path: path, Err: syscall.EAGAIN}
		}
		if err != nil && !stopped {
			yield(Info{}, wire.FromStatus("list", path, err))
		}
	}
}

// prefix stands for the beginning of a listing. Two are the same if the entries and their attributes are; where their
// blocks are does not count.
type prefix struct {
	seed maphash.Seed
	sum  uint64
}

func (b *prefix) add(p *pb.FileInfo) {
	b.sum = maphash.Comparable(b.seed, struct {
		before                                                  uint64
		id, length, created, modified, accessed, mount          int64
		mode                                                    int32
		dir, completed, mountPoint                              bool
		name, path, owner, group, persistence, ufs, fingerprint string
		symlink                                                 string
	}{
		b.sum,
		p.GetFileId(), p.GetLength(), p.GetCreationTimeMs(), p.GetLastModificationTimeMs(), p.GetLastAccessTimeMs(), p.GetMountId(),
		p.GetMode(),
		p.GetFolder(), p.GetCompleted(), p.GetMountPoint(),
		p.GetName(), p.GetPath(), p.GetOwner(), p.GetGroup(), p.GetPersistenceState(), p.GetUfsPath(), p.GetUfsFingerprint(),
		p.GetSymlink(),
	})
	for _, e := range append(aclOf(p.GetAcl()), aclOf(p.GetDefaultAcl())...) {
		b.sum = maphash.Comparable(b.seed, struct {
			before uint64
			entry  ACLEntry
		}{b.sum, e})
	}
	for _, name := range slices.Sorted(maps.Keys(p.GetXattr())) {
		b.sum = maphash.Comparable(b.seed, [3]string{fmt.Sprint(b.sum), name, string(p.GetXattr()[name])})
	}
}
