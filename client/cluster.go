package client

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"syscall"
	"time"

	"goosefs/wire/clusterpb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Cluster is what one of the masters says of all of them: the first that knows who leads, or if none does, any that
// answers.
func (f *FS) Cluster(ctx context.Context) (Cluster, error) {
	var mu sync.Mutex
	var any Cluster // said by one that knows no leader
	asking, enough := context.WithCancel(ctx)
	defer enough()
	c, err := anyMaster(asking, f, "cluster", func(ctx context.Context, conn *grpc.ClientConn) (Cluster, error) {
		c, err := askStatus(ctx, conn)
		if err == nil && c.Leader == "" {
			mu.Lock()
			defer mu.Unlock()
			any, err = c, errLeaderless
			time.AfterFunc(leaderlessWait, enough) // the others may be as silent as they like
		}
		return c, err
	})
	mu.Lock()
	defer mu.Unlock()
	if err != nil && any.AnsweredBy != "" && ctx.Err() == nil {
		return any, nil
	}
	return c, err
}

// leaderlessWait is how long the other masters are waited for once one has said that it knows no leader.
const leaderlessWait = 500 * time.Millisecond

var errLeaderless = status.Error(codes.Unavailable, "this master knows no leader")

// ClusterOf is what the given master, host:port, says.
func (f *FS) ClusterOf(ctx context.Context, master string) (Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	c, err := attempt(ctx, f.masters, master, askStatus)
	if err != nil {
		return Cluster{}, f.masters.unreachable("cluster", err)
	}
	return c, nil
}

// Leader is the address, host:port, of the leading master. It waits for one for as long as the client may.
func (f *FS) Leader(ctx context.Context) (string, error) {
	for p := newPatience(f.cfg); ; {
		c, err := f.Cluster(ctx)
		if err == nil && c.Leader != "" {
			return c.Leader, nil
		}
		if errors.Is(err, syscall.ENOKEY) {
			return "", err // waiting does not help
		}
		u, ok := err.(*unreachableError)
		if f.ctx.Err() != nil || !p.wait(ctx, ok && u.refused) {
			if err == nil || ctx.Err() != nil {
				err = f.masters.ended(ctx, "leader", "/", err)
			}
			return "", err
		}
	}
}

func askStatus(ctx context.Context, conn *grpc.ClientConn) (Cluster, error) {
	s, err := clusterpb.NewClusterClient(conn).Status(ctx, &clusterpb.StatusRequest{})
	if err != nil {
		return Cluster{}, err
	}
	c := Cluster{
		Leader: s.GetLeader(), Version: s.GetVersion(), AnsweredBy: s.GetAnsweredBy(),
		Started: millis(s.GetStartTimeMs()), Now: millis(s.GetNowMs()), Term: s.GetTerm(), Applied: s.GetApplied(),
		SafeMode: s.GetSafeMode(), Files: s.GetFiles(), Dirs: s.GetDirectories(), WebPort: int(s.GetWebPort()),
		ID: s.GetClusterId(), Problems: s.GetProblems(), Full: s.GetJournalFull(),
	}
	for _, m := range s.GetMasters() {
		c.Masters = append(c.Masters, Master{Address: m.GetAddress(), JournalAddress: m.GetJournalAddress(), Available: m.GetAvailable(), Leader: m.GetLeader(), Learner: m.GetLearner()})
	}
	return c, nil
}

// Workers are all workers that report to the masters or did, by host.
func (f *FS) Workers(ctx context.Context) ([]Worker, error) {
	return lead(ctx, f, "workers", "/", askWorkers)
}

func askWorkers(ctx context.Context, conn *grpc.ClientConn) ([]Worker, error) {
	list, err := clusterpb.NewClusterClient(conn).ListWorkers(ctx, &clusterpb.ListWorkersRequest{})
	if err != nil {
		return nil, err
	}
	var workers []Worker
	for _, w := range list.GetWorkers() {
		worker := Worker{
			ID: w.GetWorkerId(), Host: w.GetHost(), Port: int(w.GetRpcPort()), Live: w.GetLive(),
			LastContact: time.Duration(w.GetLastContactMs()) * time.Millisecond, Started: millis(w.GetStartTimeMs()), Blocks: w.GetBlocks(),
			FromCache: w.GetCounters().GetBytesFromCache(), FromUFS: w.GetCounters().GetBytesFromUfs(),
			Evicted: w.GetCounters().GetBlocksEvicted(), Damaged: w.GetCounters().GetChunksDamaged(),
		}
		for _, t := range w.GetTiers() {
			worker.Tiers = append(worker.Tiers, Tier{Alias: t.GetAlias(), Quota: t.GetQuota(), Used: t.GetUsed(), Failed: t.GetFailed()})
		}
		workers = append(workers, worker)
	}
	slices.SortFunc(workers, func(a, b Worker) int { return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.ID, b.ID)) })
	return workers, nil
}
