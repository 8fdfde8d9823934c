package master_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/rolestest"
	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// listKnown are the names that one master tells of a directory.
func listKnown(ctx context.Context, c pb.FileSystemMasterClientServiceClient, dir string) (names []string, err error) {
	stream, err := c.ListStatus(ctx, &pb.ListStatusPRequest{Path: &dir})
	for err == nil {
		var page *pb.ListStatusPResponse
		page, err = stream.Recv()
		for _, i := range page.GetFileInfos() {
			names = append(names, i.GetName())
		}
	}
	if err == io.EOF {
		err = nil
	}
	return names, err
}

// Any master tells our own clients what is known, as new as the leader would; official clients are sent to the leader.
func TestAnyMasterTellsWhatIsKnown(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{Workers: 1})
	f := c.Client()
	ours := wire.Known(t.Context())
	leader := c.Leader()
	for i := range c.Masters {
		master := pb.NewFileSystemMasterClientServiceClient(c.Conn(i))
		for n := range 50 {
			dir, p := fmt.Sprintf("/m%d-%d", i, n), fmt.Sprintf("/m%d-%d/f", i, n)
			if _, err := f.Create(t.Context(), p, client.CreateOptions{Recursive: true}); err != nil {
				t.Fatal(err)
			}
			// What was just acknowledged by the leader is there.
			if got, err := master.GetStatus(ours, &pb.GetStatusPRequest{Path: &p}); err != nil || got.GetFileInfo().GetPath() != p {
				t.Fatalf("master %d of %s: %v, %v", i, p, got, err)
			}
			none := dir + "/none"
			batch, err := master.GetStatusBatch(ours, &pb.GetStatusBatchPRequest{Paths: []string{p, none, dir, "relative"}})
			if err != nil || len(batch.GetFileInfos()) != 2 || batch.GetFileInfos()[1].GetPath() != dir || fmt.Sprint(batch.GetFailedPaths()) != fmt.Sprint([]string{none, "relative"}) {
				t.Fatalf("master %d of a batch: %v, %v", i, batch, err)
			}
			if names, err := listKnown(ours, master, dir); err != nil || fmt.Sprint(names) != "[f]" {
				t.Fatalf("master %d lists %v, %v", i, names, err)
			}
			must(t, f.Remove(t.Context(), p, client.RemoveOptions{CacheOnly: true}))
			_, err = master.GetStatus(ours, &pb.GetStatusPRequest{Path: &p})
			want(t, wire.FromStatus("stat", p, err), syscall.ENOENT, "does not exist")
		}
		_, err := listKnown(ours, master, "/m0-0/none")
		want(t, wire.FromStatus("list", "/m0-0/none", err), syscall.ENOENT, "does not exist")
		_, err = listKnown(ours, master, "relative")
		want(t, wire.FromStatus("list", "relative", err), syscall.EINVAL, "")
		_, err = master.GetStatus(ours, &pb.GetStatusPRequest{Path: new("relative")})
		want(t, wire.FromStatus("stat", "relative", err), syscall.EINVAL, "")
		if names, err := listKnown(ours, master, "/m0-0"); err != nil || len(names) != 0 {
			t.Errorf("an empty directory: %v, %v", names, err)
		}
		// What only the under file system can tell is for the leader to ask.
		write(t, c, fmt.Sprintf("unseen%d/x", i), []byte("x"))
		for _, p := range []string{fmt.Sprintf("/unseen%d", i), "/"} {
			_, err = listKnown(ours, master, p)
			if hint, standby := wire.LeaderHint(err); !standby || hint != c.Addresses()[leader] {
				t.Errorf("master %d lists %s: %v", i, p, err)
			}
		}
		_, err = master.GetStatus(ours, &pb.GetStatusPRequest{Path: new(fmt.Sprintf("/unseen%d", i))})
		if _, standby := wire.LeaderHint(err); !standby {
			t.Errorf("master %d of what it does not know: %v", i, err)
		}
		_, err = master.GetStatus(t.Context(), &pb.GetStatusPRequest{Path: new("/m0-0")})
		if (status.Code(err) == codes.Unavailable) != (i != leader) {
			t.Errorf("master %d to an official client: %v", i, err)
		}
	}
}

// A master that has lost touch tells nothing, and is asked for nothing; whoever asked it gets the leader's answer.
func TestLostMasterTellsNothing(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{Workers: 1})
	f := c.Client()
	must(t, f.Mkdir(t.Context(), "/d", client.MkdirOptions{CacheOnly: true}))
	lost := (c.Leader() + 1) % len(c.Masters)
	master := pb.NewFileSystemMasterClientServiceClient(c.Conn(lost))
	if _, err := master.GetStatus(wire.Known(t.Context()), &pb.GetStatusPRequest{Path: new("/d")}); err != nil {
		t.Fatal(err)
	}
	c.SilenceMaster(lost)
	must(t, f.Remove(t.Context(), "/d", client.RemoveOptions{CacheOnly: true}))
	for what, call := range map[string]func(context.Context) error{
		"stat": func(ctx context.Context) error {
			_, err := master.GetStatus(ctx, &pb.GetStatusPRequest{Path: new("/d")})
			return err
		},
		"batch": func(ctx context.Context) error {
			_, err := master.GetStatusBatch(ctx, &pb.GetStatusBatchPRequest{Paths: []string{"/d"}})
			return err
		},
		"list": func(ctx context.Context) error { _, err := listKnown(ctx, master, "/d"); return err },
	} {
		ctx, cancel := context.WithTimeout(wire.Known(t.Context()), 10*time.Second)
		if _, standby := wire.LeaderHint(call(ctx)); !standby {
			t.Errorf("%s: it answered %v", what, call(ctx))
		}
		cancel()
	}
}

// Many who ask at once are answered by all masters, and everybody sees what was acknowledged before.
func TestManyAsk(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{Workers: 1})
	f := c.Client()
	var all sync.WaitGroup
	for who := range 32 {
		all.Go(func() {
			for n := range 20 {
				p := fmt.Sprintf("/who%d/n%d", who, n)
				if _, err := f.Create(t.Context(), p, client.CreateOptions{Recursive: true}); err != nil {
					t.Error(err)
					return
				}
				if i, err := f.Stat(t.Context(), p, client.StatOptions{}); err != nil || i.Path != p || i.Completed {
					t.Errorf("just made: %s: %+v, %v", p, i, err)
				}
				must(t, f.Complete(t.Context(), p, 0))
				if i, err := f.Stat(t.Context(), p, client.StatOptions{}); err != nil || i.Path != p || !i.Completed {
					t.Errorf("just completed: %s: %+v, %v", p, i, err)
				}
				n := 0
				for i, err := range f.List(t.Context(), fmt.Sprintf("/who%d", who), client.StatOptions{}) {
					if err != nil {
						t.Error(err)
					}
					if n++; i.Path == p {
						p = ""
					}
				}
				if p != "" {
					t.Errorf("not listed among %d: %s", n, p)
				}
				if _, err := f.Stat(t.Context(), fmt.Sprintf("/who%d/none", who), client.StatOptions{}); !errors.Is(err, syscall.ENOENT) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
