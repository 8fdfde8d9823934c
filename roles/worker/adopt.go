package worker

import (
	"context"
	"fmt"
	"time"

	"goosefs/wire/clusterpb"

	"google.golang.org/grpc"
)

// meetFor is how long a master may take to say which cluster it is of.
const meetFor = 3 * time.Second

// meet asks a master which cluster it is of, before it is told what is cached here: a file id means nothing in another
// cluster. If the master's is another than this worker's, and has a leader, the worker changes over. A master of
// another cluster without a leader may be a relic; it is told nothing.
func (w *Worker) meet(ctx context.Context, conn *grpc.ClientConn) (cluster string, err error) {
	ctx, cancel := context.WithTimeout(ctx, meetFor)
	defer cancel()
	s, err := clusterpb.NewClusterClient(conn).Status(ctx, &clusterpb.StatusRequest{})
	if err != nil {
		return "", err
	}
	switch id := s.GetClusterId(); {
	case id == "" || w.cache.InCluster(id):
		return id, nil
	case s.GetLeader() == "":
		return "", fmt.Errorf("it is of cluster %s, which has no leader, and this worker of another", id)
	default:
		return id, w.adopt(id)
	}
}

// adopt makes the worker a part of a cluster. What it has from before is dropped, and what is under way is ended first,
// so that nothing of the old cluster gets into the cache of the new one.
func (w *Worker) adopt(cluster string) error {
	w.adopting.Lock()
	defer w.adopting.Unlock()
	if w.cache.InCluster(cluster) {
		return nil
	}
	var dropped int64
	err := w.fills.restart(w.ctx, func() (err error) {
		w.sources.forgetAll()
		dropped, err = w.cache.SetCluster(cluster)
		return err
	})
	if err == nil {
		w.log.Info("in a cluster", "cluster", cluster, "dropped", dropped)
	}
	return err
}
