package wiretest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"goosefs/roles/rolestest"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// Whoever looks at a name while it is moved to, or removed, in the under file system does not bring it into the namespace, or out
// of it, before the command of that change: the one who changes it is not told that somebody else was quicker.
func TestLooksAmidChanges(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	const turns = 50
	for i := range turns {
		s.put(fmt.Sprintf("d/from-%d", i), []byte("x"))
	}
	_, _, err := s.list("/d")
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var lookers sync.WaitGroup
	now := &pb.FileSystemMasterCommonPOptions{SyncIntervalMs: proto.Int64(0)}
	path := func(i int) *string { return proto.String(fmt.Sprintf("/d/to-%d", i%turns)) }
	for range 4 {
		lookers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				_, _ = s.files.GetStatus(ctx, &pb.GetStatusPRequest{Path: path(i), Options: &pb.GetStatusPOptions{CommonOptions: now}})
			}
		})
	}
	lookers.Go(func() {
		for ctx.Err() == nil {
			all, err := s.files.ListStatus(ctx, &pb.ListStatusPRequest{Path: proto.String("/d"), Options: &pb.ListStatusPOptions{CommonOptions: now}})
			for err == nil {
				_, err = all.Recv()
			}
		}
	})
	for i := range turns {
		from := fmt.Sprintf("/d/from-%d", i)
		id := s.stat(from).GetFileId()
		if err := s.rename(from, *path(i)); err != nil {
			t.Errorf("nobody else moves it: %v", err)
		}
		if got := s.stat(*path(i)).GetFileId(); got != id {
			t.Errorf("%s has the id %d, and had %d before it was moved", *path(i), got, id)
		}
		if i%2 == 1 {
			if err := s.remove(*path(i), false); err != nil {
				t.Errorf("nobody else removes it: %v", err)
			}
		}
	}
	stop()
	lookers.Wait()
	entries, _, err := s.list("/d")
	if err != nil || len(entries) != turns/2 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}
