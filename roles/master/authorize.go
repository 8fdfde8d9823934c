package master

import (
	"context"
	"errors"
	"path"
	"slices"
	"syscall"

	"goosefs/metastore"
	"goosefs/wire/auth"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

// Permissions are obeyed before a call reaches its handler, or, of calls that only read, before its answer leaves: the
// handler has looked into the under file system by then. What is decided is of one state of the namespace; like any
// permission it says what was allowed when it was asked for.

// permissions have the calls of a server obey owner, group and mode, if that is configured.
func (m *Master) permissions() []grpc.ServerOption {
	if !m.options.Permissions {
		return nil
	}
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(m.authorizeUnary), grpc.ChainStreamInterceptor(m.authorizeStream)}
}

// callerOf is who makes the call with the context.
func (m *Master) callerOf(ctx context.Context) caller {
	id, ok := auth.Of(ctx)
	if !ok {
		return caller{}
	}
	c := caller{user: id.User, groups: m.options.Auth.Groups.Of(id.User)}
	c.super = m.superusers().Has(c.user)
	return c
}

func (m *Master) superusers() auth.Superusers {
	return auth.Superusers{User: m.options.User, Group: m.options.Supergroup, Groups: m.options.Auth.Groups}
}

func (m *Master) authorizeUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	c := m.callerOf(ctx)
	if c.super {
		return handler(ctx, req)
	}
	if batch, ok := req.(*pb.GetStatusBatchPRequest); ok {
		return m.authorizeBatch(ctx, c, batch, handler)
	}
	if reads(req) {
		reply, err := handler(ctx, req)
		if refused := m.authorizeRead(c, req, err); refused != nil {
			return nil, refused
		}
		return reply, err
	}
	switch err := m.authorizeChange(ctx, c, info.FullMethod, req); {
	case err == errThere:
		return &pb.CreateDirectoryPResponse{}, nil
	case err != nil:
		return nil, err
	}
	reply, err := handler(ctx, req)
	conceal(reply)
	return reply, err
}

// reads says whether a call only reads what it is about.
func reads(req any) bool {
	switch req.(type) {
	case *pb.GetStatusPRequest, *pb.ListStatusPRequest, *pb.CheckAccessPRequest, *pb.GetLinkTargetPRequest:
		return true
	}
	return false
}

// authorizeRead decides about a call that was answered, with err.
func (m *Master) authorizeRead(c caller, req any, err error) error {
	if errno := errnoOf(err); err != nil && errno != syscall.ENOENT && errno != syscall.ENOTDIR {
		return nil // it tells nothing
	}
	needs, _ := needsOf(req)
	for _, n := range needs {
		chain, _, whole, err := m.store.Chain(n.path)
		if err == nil {
			err = judge(c, n, chain, whole)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// authorizeBatch leaves out of a batch what the caller may not see: he is told that it failed, as if he had asked for each
// path by itself.
func (m *Master) authorizeBatch(ctx context.Context, c caller, req *pb.GetStatusBatchPRequest, handler grpc.UnaryHandler) (any, error) {
	reply, err := handler(ctx, req)
	batch, ok := reply.(*pb.GetStatusBatchPResponse)
	if err != nil || !ok {
		return reply, err
	}
	visible := &pb.GetStatusBatchPResponse{FailedPaths: batch.GetFailedPaths()}
	for _, info := range batch.GetFileInfos() {
		if m.authorizeRead(c, &pb.GetStatusPRequest{Path: info.Path}, nil) != nil {
			visible.FailedPaths = append(visible.FailedPaths, info.GetPath())
			continue
		}
		visible.FileInfos = append(visible.FileInfos, info)
	}
	return visible, nil
}

// errThere says that a directory is to be made that is there: nothing is left to do, and to be allowed.
var errThere = errors.New("the directory is there")

// authorizeChange decides about a call that is to be made.
func (m *Master) authorizeChange(ctx context.Context, c caller, method string, req any) error {
	if open(method) {
		return nil
	}
	needs, ok := needsOf(req)
	if blocks, named := req.(*pb.RemoveBlocksPRequest); named {
		needs, ok = m.ownersOf(blocks.GetBlockIds()), true
	}
	if !ok {
		return m.superusersOnly(c, method)
	}
	if _, err := m.leads(); err != nil {
		return err
	}
	for _, n := range needs {
		r, err := m.loader.stat(ctx, n.path, anyAge)
		if err != nil {
			return err
		}
		chain, _, whole, err := m.store.Chain(n.path)
		if err != nil {
			return err
		}
		err = judge(c, n, chain, whole)
		if err != nil && n.what == toEnsure && whole && chain[len(chain)-1].Dir && judge(c, need{path: n.path, what: toStat}, chain, whole) == nil {
			return errThere
		}
		if err == nil && n.below && whole {
			err = m.authorizeBelow(ctx, c, n, r, chain[len(chain)-1])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// authorizeBelow decides about all that is below a directory, which is looked up first where it may not be known.
func (m *Master) authorizeBelow(ctx context.Context, c caller, n need, r metastore.Resolution, dir metastore.Inode) error {
	if n.what == toRemoveAll && r.Inode != nil {
		if err := m.loader.readTree(ctx, r, true); err != nil {
			return err
		}
	}
	return m.judgeBelow(ctx, c, n, dir.ID, r.Path)
}

func (m *Master) judgeBelow(ctx context.Context, c caller, n need, dir int64, p string) error {
	for after := ""; ; {
		children, err := m.store.List(dir, after, loadPage)
		if errnoOf(err) == syscall.ENOENT || errnoOf(err) == syscall.ENOTDIR || err == nil && len(children) == 0 {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		for i := range children {
			at := path.Join(p, children[i].Name)
			err := judgeInode(c, n, &children[i], func(want right) error { return lacks(c, n, want, at, &children[i]) })
			if err == nil && children[i].Dir {
				err = m.judgeBelow(ctx, c, n, children[i].ID, at)
			}
			if err != nil {
				return err
			}
		}
		after = children[len(children)-1].Name
	}
}

// ownersOf is what the removal of blocks needs: to be allowed to write the files that they are of. Those of files that
// are not there are nobody's.
func (m *Master) ownersOf(blocks []int64) (needs []need) {
	const index = 1<<24 - 1 // of a block within its file
	var files []int64
	for _, b := range blocks {
		files = append(files, b|index)
	}
	slices.Sort(files)
	for _, id := range slices.Compact(files) {
		if _, p, err := m.store.Get(id); err == nil {
			needs = append(needs, need{op: "removeblocks", path: p, what: toFill})
		}
	}
	return needs
}

// superusersOnly refuses everybody.
func (m *Master) superusersOnly(c caller, method string) error {
	return &metastore.Error{Text: m.superusers().Refusal(c.user, method), Err: pathErr(path.Base(method), c.user, syscall.EPERM)}
}

// conceal takes the options of mounts, which may hold secrets, from an answer.
func conceal(reply any) {
	if table, ok := reply.(*pb.GetMountTablePResponse); ok {
		for _, mount := range table.GetMountPoints() {
			mount.Properties = nil
		}
	}
}

func (m *Master) authorizeStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	c := m.callerOf(stream.Context())
	switch {
	case c.super || open(info.FullMethod):
		return handler(srv, stream)
	case info.FullMethod != pb.FileSystemMasterClientService_ListStatus_FullMethodName:
		return m.superusersOnly(c, info.FullMethod)
	}
	l := &listed{ServerStream: stream, master: m, caller: c}
	err := handler(srv, l)
	if l.judged {
		return err
	}
	if refused := m.authorizeRead(c, l.req, err); refused != nil {
		return refused
	}
	return err
}

// listed is the stream of a listing, which is judged before the first page leaves.
type listed struct {
	grpc.ServerStream
	master *Master
	caller caller
	req    any
	judged bool
}

// RecvMsg implements [grpc.ServerStream].
func (l *listed) RecvMsg(m any) error {
	err := l.ServerStream.RecvMsg(m)
	l.req = m
	return err
}

// SendMsg implements [grpc.ServerStream].
func (l *listed) SendMsg(m any) error {
	if !l.judged {
		l.judged = true
		if err := l.master.authorizeRead(l.caller, l.req, nil); err != nil {
			return err
		}
	}
	return l.ServerStream.SendMsg(m)
}
