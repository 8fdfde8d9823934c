package master

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/ufs/mem"
	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// Messages of a listing have at most a thousand entries and stay below what clients take, whatever the files are like.
func TestPages(t *testing.T) {
	m := &Master{now: time.Now, sources: sourcesOver(map[string]ufs.UFS{"u": mem.New()}), registry: newCrew(t).registry}
	m.options.StripeSize = 1 << 30
	mount := metastore.Mount{ID: 1, UFS: "u"}
	crew := &crew{registry: m.registry, t: t, sessions: make(map[int64]*session)}
	crew.says(1, true)
	for _, c := range []struct {
		what            string
		files           int
		blocks          int64
		pages, perBlock int
	}{
		{"small files", 2500, 1, 3, 1},
		{"files of 10,000 blocks", 12, 10_000, 0, 1},
		{"files too long to tell all blocks", 3, 1 << 24, 1, 0},
		{"empty files", 5, 0, 1, 0},
		{"none", 0, 0, 0, 0},
	} {
		var sent []*pb.ListStatusPResponse
		p := &pages{send: func(page *pb.ListStatusPResponse) error {
			sent = append(sent, page)
			return nil
		}}
		for i := range c.files {
			n := &metastore.Inode{ID: int64(i+1)<<24 | blockMask, Name: fmt.Sprint(i), Length: c.blocks * 64 << 20, BlockSize: 64 << 20}
			info := m.fileInfo(n, "/"+n.Name, mount, "u/"+n.Name)
			if want := int(c.blocks) * c.perBlock; len(info.GetFileBlockInfos()) != want || len(info.GetBlockIds()) != want {
				t.Fatalf("%s: %d blocks are told, want %d", c.what, len(info.GetFileBlockInfos()), want)
			}
			if err := p.add(info); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.flush(); err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, page := range sent {
			total += len(page.GetFileInfos())
			if size := proto.Size(page); len(page.GetFileInfos()) > pageEntries || size >= 4<<20 {
				t.Errorf("%s: a message of %d entries and %d bytes", c.what, len(page.GetFileInfos()), size)
			}
		}
		if total != c.files || c.pages != 0 && len(sent) != c.pages {
			t.Errorf("%s: %d entries in %d messages", c.what, total, len(sent))
		}
	}
	broken := errors.New("gone")
	p := &pages{send: func(*pb.ListStatusPResponse) error { return broken }}
	big := &pb.FileInfo{Path: proto.String(string(make([]byte, wire.MaxReply)))}
	if err := errors.Join(p.add(big), p.add(big)); !errors.Is(err, broken) {
		t.Errorf("the client left: %v", err)
	}
}
