package master_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"goosefs/client"
	"goosefs/roles/rolestest"
	"goosefs/wire"
	"goosefs/wire/pb"
)

// While a file moves between both ends of a directory of several pages, every listing has it once: the leader's, that of
// any master, and one that asks the under file system first.
func TestListingsAreOfOneState(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{Workers: 1})
	for i := range 2500 {
		write(t, c, fmt.Sprintf("d/m%04d", i), nil)
	}
	f := c.Client()
	if _, err := f.Create(t.Context(), "/d/a", client.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var mover sync.WaitGroup
	mover.Go(func() {
		for at, other := "/d/a", "/d/z"; ; at, other = other, at {
			select {
			case <-done:
				return
			default:
			}
			if err := f.Rename(t.Context(), at, other); err != nil {
				t.Error(err)
				return
			}
		}
	})
	throughClient := func(o client.StatOptions) func(ctx context.Context) ([]string, error) {
		return func(ctx context.Context) (names []string, err error) {
			for i, err := range f.List(ctx, "/d", o) {
				if err != nil {
					return nil, err
				}
				names = append(names, i.Name)
			}
			return names, nil
		}
	}
	looks := map[string]func(context.Context) ([]string, error){
		"leader": throughClient(client.StatOptions{}),
		"sync":   throughClient(client.StatOptions{Sync: true}),
	}
	for i := range c.Masters {
		master := pb.NewFileSystemMasterClientServiceClient(c.Conn(i))
		looks[fmt.Sprint("master ", i)] = func(ctx context.Context) ([]string, error) {
			return listKnown(wire.Known(ctx), master, "/d")
		}
	}
	_, err := looks["leader"](t.Context()) // now any master knows
	must(t, err)
	for range 15 {
		for who, look := range looks {
			names, err := look(t.Context())
			must(t, err)
			if len(names) != 2501 || slices.Contains(names, "a") == slices.Contains(names, "z") || !slices.IsSorted(names) {
				t.Errorf("%s: %d names, a %v, z %v", who, len(names), slices.Contains(names, "a"), slices.Contains(names, "z"))
			}
		}
	}
	close(done)
	mover.Wait()
}
