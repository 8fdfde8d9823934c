package shell

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"goosefs/client"
)

// LostFiles are the files that say so. Who had them is the last worker, if that is lost.
func (f *fakeCluster) LostFiles(_ context.Context, most int64) (files []client.LostFile, count int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.mu.fails["lost /"]; err != nil {
		return nil, 0, err
	}
	for _, p := range slices.Sorted(maps.Keys(f.mu.nodes)) {
		i := f.mu.nodes[p]
		if i.Persistence != "LOST" {
			continue
		}
		if count++; count > most {
			continue
		}
		lost := client.LostFile{Path: p, Length: i.Length, Block: int64(len(i.Blocks)) - 1}
		if n := len(f.mu.workers); n > 0 && !f.mu.workers[n-1].Live {
			lost.Worker, lost.Contact = fmt.Sprint(f.mu.workers[n-1].Host, ":", f.mu.workers[n-1].Port), f.mu.workers[n-1].LastContact
		}
		files = append(files, lost)
	}
	return files, count, nil
}
