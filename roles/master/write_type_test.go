package master_test

import (
	"syscall"
	"testing"

	"goosefs/client"
	"goosefs/ufs"
	"goosefs/ufs/mem"
	"goosefs/wire"
	"goosefs/wire/pb"
)

// A directory tells clients how to write files in it, and so do those in it, be they made or found.
func TestWriteTypeOfADirectory(t *testing.T) {
	root := mem.New()
	put(t, root, "d/found/file", "bytes")
	m := alone(t, nil, map[string]ufs.UFS{"mem://root": root})
	ctx := t.Context()
	set := func(p string, o *pb.SetAttributePOptions) error {
		_, err := m.rpc.SetAttribute(ctx, &pb.SetAttributePRequest{Path: &p, Options: o})
		return wire.FromStatus("setattribute", p, err)
	}
	through := &pb.SetAttributePOptions{WritePType: pb.WritePType_CACHE_THROUGH.Enum()}
	must(t, set("/d", through))
	must(t, m.Mkdir(ctx, "/d/made", client.MkdirOptions{}))
	wantNames(t, m.FS, "/d", true, "found", "made")
	for p, want := range map[string]string{"/": "", "/d": "CACHE_THROUGH", "/d/made": "CACHE_THROUGH", "/d/found": "CACHE_THROUGH", "/d/found/file": ""} {
		if got := stat(t, m.FS, p).Xattr; string(got["innerWriteType"]) != want || len(got) > 1 {
			t.Errorf("%s says %q", p, got)
		}
	}
	for what, c := range map[string]struct {
		err  error
		text string
	}{
		"of a file":    {set("/d/found/file", through), "/d/found/file is not a directory"},
		"of all below": {set("/d", &pb.SetAttributePOptions{WritePType: pb.WritePType_THROUGH.Enum(), Recursive: new(true)}), "cannot be set recursively"},
		"not a type":   {set("/d", &pb.SetAttributePOptions{WritePType: pb.WritePType(7).Enum()}), "Invalid write type 7 of /d"},
	} {
		t.Run(what, func(t *testing.T) { want(t, c.err, syscall.EINVAL, c.text) })
	}
	want(t, set("/none", through), syscall.ENOENT, "does not exist")
	must(t, set("/d", &pb.SetAttributePOptions{WritePType: pb.WritePType_UNSPECIFIED_WRITE_TYPE.Enum()}))
	if got := stat(t, m.FS, "/d").Xattr; len(got) > 0 {
		t.Errorf("it still says %q", got)
	}
}

// Only its owner may say how files in a directory are written, be it that others may write there.
func TestWriteTypePermission(t *testing.T) {
	c := company(t, 1)
	ctx, p := t.Context(), "/shared"
	must(t, c.Client().Mkdir(ctx, p, client.MkdirOptions{}))
	must(t, c.Client().Chmod(ctx, p, 0o777))
	_, err := rpc(t, c, "eve").SetAttribute(ctx, &pb.SetAttributePRequest{Path: &p, Options: &pb.SetAttributePOptions{WritePType: pb.WritePType_NONE.Enum()}})
	denied(t, wire.FromStatus("setattribute", p, err), syscall.EPERM, "user=eve is not the owner of path=/shared")
}
