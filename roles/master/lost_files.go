package master

import (
	"context"
	"path"
	"syscall"

	"goosefs/metastore"
	"goosefs/wire/clusterpb"
)

// LostFiles walks through the whole namespace: what is lost is written nowhere.
func (s *adminService) LostFiles(ctx context.Context, req *clusterpb.LostFilesRequest) (*clusterpb.LostFileList, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	list := &clusterpb.LostFileList{}
	err := s.walk(ctx, func(at string, n *metastore.Inode) {
		index, found := s.registry.lostBlock(n, s.now())
		if !found {
			return
		}
		if list.Count++; list.Count > req.GetMost() {
			return
		}
		file := &clusterpb.LostFile{Path: at, Length: n.Length, Block: index}
		if had := s.registry.whereabouts(n.ID&^blockMask|index, s.now()).GetHolders(); len(had) > 0 {
			file.Holder = had[0]
		}
		list.Files = append(list.Files, file)
	})
	return list, err
}

// walk visits all files that the namespace knows. What changes meanwhile may be missed.
func (m *Master) walk(ctx context.Context, visit func(at string, n *metastore.Inode)) error {
	type dir struct {
		id int64
		at string
	}
	for dirs := []dir{{metastore.RootID, "/"}}; len(dirs) > 0; {
		d := dirs[len(dirs)-1]
		dirs = dirs[:len(dirs)-1]
		for after := ""; ; {
			children, err := m.store.List(d.id, after, loadPage)
			if errno := errnoOf(err); errno == syscall.ENOENT || errno == syscall.ENOTDIR {
				break // it was removed just now
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			for i := range children {
				n := &children[i]
				if after = n.Name; n.Dir {
					dirs = append(dirs, dir{n.ID, path.Join(d.at, n.Name)})
					continue
				}
				visit(path.Join(d.at, n.Name), n)
			}
			if len(children) < loadPage {
				break
			}
		}
	}
	return nil
}
