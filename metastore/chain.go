package metastore

import "slices"

// Chain is the inodes along a path, from the root to the path itself or as far as it is known, of one state. whole says
// whether the last is the path's own. It fails for what cannot be a path, as [Store.Resolve] does.
func (s *Store) Chain(path string) (chain []Inode, clean string, whole bool, err error) {
	clean, err = CleanPath("resolve", path)
	if err != nil {
		return nil, "", false, err
	}
	err = s.read(func(t *tree) error {
		f := t.walk(clean)
		whole = f.inode != nil
		for n := f.deepest; ; n = t.inode(n.ParentID) {
			chain = append(chain, *n)
			if n.ID == RootID {
				return nil
			}
		}
	})
	slices.Reverse(chain)
	return chain, clean, whole, err
}
