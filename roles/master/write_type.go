package master

import (
	"fmt"
	"syscall"

	"goosefs/metastore"
	"goosefs/wire/pb"
)

// setWriteType has a SetAttribute change how clients write files in a directory, if its options say so. Clients of GooseFS
// read it from the directory's extended attributes ([metastore.InnerWriteType]), of which 2.x has a call to set no other. r is
// what the path is, as far as it must be looked at.
func setWriteType(set *metastore.SetAttribute, o *pb.SetAttributePOptions, r metastore.Resolution) error {
	if o == nil || o.WritePType == nil {
		return nil
	}
	refused := func(format string, args ...any) error {
		return &metastore.Error{Text: fmt.Sprintf(format, args...), Err: pathErr("setattribute", set.Path, syscall.EINVAL)}
	}
	name, known := pb.WritePType_name[int32(o.GetWritePType())]
	switch {
	case !known:
		return refused("Invalid write type %d of %s: it is 1 to 6, or 0 for none", o.GetWritePType(), set.Path)
	case r.Inode != nil && !r.Inode.Dir:
		return refused("%s is not a directory: only a directory says how files in it are written", set.Path)
	case set.Recursive:
		return refused("The write type of %s cannot be set recursively: directories that are made in it inherit it", set.Path)
	case o.GetWritePType() == pb.WritePType_UNSPECIFIED_WRITE_TYPE:
		set.RemoveXattr = []string{metastore.InnerWriteType}
	default:
		set.SetXattr = map[string][]byte{metastore.InnerWriteType: []byte(name)}
	}
	return nil
}
