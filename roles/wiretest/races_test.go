package wiretest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"goosefs/roles/rolestest"
	"goosefs/wire/pb"

	"google.golang.org/grpc/codes"
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

// A file is moved to a name that others make a file or a directory of at the same moment: one of them has it, the file is whole in its
// old or its new place, and what was written to the name is what is there.
func TestMovesAmidCreations(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	for i := range 60 {
		from, to := fmt.Sprintf("/d/from-%d", i), fmt.Sprintf("/d/to-%d", i)
		s.put(from, []byte("moved"))
		s.stat(from)
		var moved, created, made error
		var all sync.WaitGroup
		all.Go(func() { moved = s.rename(from, to) })
		all.Go(func() { created = s.writeThrough(to, []byte("created")) })
		all.Go(func() {
			_, made = s.files.CreateDirectory(t.Context(), &pb.CreateDirectoryPRequest{Path: &to, Options: &pb.CreateDirectoryPOptions{AllowExists: proto.Bool(true)}})
		})
		all.Wait()
		won := 0
		for who, err := range map[string]error{"moved": moved, "created": created, "made": made} {
			if err == nil {
				won++
			} else {
				want(t, who, err, codes.AlreadyExists, "already exists")
			}
		}
		if won != 1 {
			t.Fatalf("%s: moved %v, created %v, made %v", to, moved, created, made)
		}
		if moved != nil && s.content(from) != "moved" {
			t.Fatalf("%s was not moved, and is %q", from, s.content(from))
		}
		if got := s.content(to); moved == nil && got != "moved" || created == nil && got != "created" || made == nil && got != "" {
			t.Fatalf("%s is %q: moved %v, created %v, made %v", to, got, moved, created, made)
		}
	}
}

// writeThrough writes a file to the under file system.
func (s *stand) writeThrough(path string, data []byte) error {
	reply, err := s.files.CreateFile(s.t.Context(), &pb.CreateFilePRequest{Path: &path, Options: &pb.CreateFilePOptions{WriteType: pb.WritePType_THROUGH.Enum()}})
	if err != nil {
		return err
	}
	if _, err := s.write(begin(fileOf(reply.GetFileInfo())), bytesAs(data), flushed()); err != nil {
		return err
	}
	return s.complete(path, int64(len(data)), nil)
}

// content is what a file of the under file system holds, and what the cluster says of it; of a directory, nothing.
func (s *stand) content(path string) string {
	s.t.Helper()
	info := s.stat(path)
	if info.GetFolder() {
		return ""
	}
	data, err := os.ReadFile(s.Root + path)
	must(s.t, err)
	got, err := s.read(0, info, 0, 0, info.GetLength(), nil)
	if err != nil || string(got) != string(data) {
		s.t.Fatalf("%s is %q in the under file system, and %q here, %v", path, data, got, err)
	}
	return string(data)
}
