package wiretest

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"goosefs/roles/rolestest"
	"goosefs/wire/pb"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

func workersOf(t *testing.T, manager pb.WorkerManagerMasterClientServiceClient) map[int64]string {
	t.Helper()
	reply, err := manager.GetWorkerInfoList(t.Context(), &pb.GetWorkerInfoListPOptions{})
	must(t, err)
	hosts := map[int64]string{}
	for _, w := range reply.GetWorkerInfos() {
		if w.GetId() <= 0 || hosts[w.GetId()] != "" || w.GetAddress().GetRpcPort() != 9203 || w.VirtualNodeNum == nil || w.GetVirtualNodeNum() <= 0 || w.GetCapacityBytes() <= 0 {
			t.Errorf("a worker that clients cannot use: %v", w)
		}
		hosts[w.GetId()] = w.GetAddress().GetHost()
	}
	return hosts
}

// The id of a worker is its place on the ring of clients: it stays when the worker is started anew, and a worker that is gone is
// not told of.
func TestWorkerIDsStay(t *testing.T) {
	s := newStand(t, rolestest.Options{Workers: 3})
	before := workersOf(t, s.manager)
	if hosts := slices.Sorted(maps.Values(before)); !slices.Equal(hosts, []string{"worker-0", "worker-1", "worker-2"}) {
		t.Fatalf("workers %v", before)
	}
	s.StopWorker(1)
	s.WaitForWorkers(2)
	if now := workersOf(t, s.manager); len(now) != 2 {
		t.Errorf("without worker-1: %v", now)
	}
	s.StartWorker(1)
	s.WaitForWorkers(3)
	if now := workersOf(t, s.manager); !maps.Equal(now, before) {
		t.Errorf("they were %v and are %v", before, now)
	}
}

// Official clients that see no worker never ask again, so a master that has just started waits for the first.
func TestWorkersAreWaitedFor(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	before := workersOf(t, s.manager)
	s.StopWorker(0)
	s.StopMaster(0)
	s.StartMaster(0)
	manager := pb.NewWorkerManagerMasterClientServiceClient(s.Conn(0))
	started := make(chan struct{})
	time.AfterFunc(300*time.Millisecond, func() {
		defer close(started)
		s.StartWorker(0)
	})
	if now := workersOf(t, manager); !maps.Equal(now, before) {
		t.Errorf("the worker was %v, and %v is told", before, now)
	}
	<-started
	s.WaitForWorkers(1)
	// Who waits no longer than this gets what there is.
	s.StopWorker(0)
	s.StopMaster(0)
	s.StartMaster(0)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := pb.NewWorkerManagerMasterClientServiceClient(s.Conn(0)).GetWorkerInfoList(ctx, &pb.GetWorkerInfoListPOptions{})
	want(t, "an impatient client", err, codes.DeadlineExceeded, "")
}

// What a standby says makes official clients try the next address: NOT_FOUND of the version, UNAVAILABLE of everything else.
// Workers they ask it for all their life.
func TestStandby(t *testing.T) {
	s := newStand(t, rolestest.Options{Masters: 3, Workers: 2})
	leader := s.Leader()
	ask := &pb.GetServiceVersionPRequest{ServiceType: pb.ServiceType_META_MASTER_CLIENT_SERVICE.Enum(), AllowedOnStandbyMasters: proto.Bool(false)}
	for i := range s.Masters {
		conn := s.Conn(i)
		version, files := pb.NewServiceVersionClientServiceClient(conn), pb.NewFileSystemMasterClientServiceClient(conn)
		_, err := version.GetServiceVersion(t.Context(), ask)
		_, statErr := files.GetStatus(t.Context(), &pb.GetStatusPRequest{Path: proto.String("/")})
		_, mkdirErr := files.CreateDirectory(t.Context(), &pb.CreateDirectoryPRequest{Path: proto.String("/d"), Options: &pb.CreateDirectoryPOptions{AllowExists: proto.Bool(true)}})
		code, others := codes.OK, codes.OK
		if i != leader {
			code, others = codes.NotFound, codes.Unavailable
		}
		want(t, "version", err, code, "")
		want(t, "status", statErr, others, "")
		want(t, "mkdir", mkdirErr, others, "")
		_, err = version.GetServiceVersion(t.Context(), &pb.GetServiceVersionPRequest{AllowedOnStandbyMasters: proto.Bool(true)})
		want(t, "version of any", err, codes.OK, "")
		for end := time.Now().Add(rolestest.Patience); len(workersOf(t, pb.NewWorkerManagerMasterClientServiceClient(conn))) != 2; {
			if time.Now().After(end) {
				t.Fatalf("master %d does not tell both workers", i)
			}
		}
	}
}

// Clients report what they counted since the last time; a master adds it up, within limits.
func TestMetrics(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	counter := func(name string, value float64) *pb.Metric {
		return &pb.Metric{Instance: proto.String("Client"), Source: proto.String("app"), Name: &name, Value: &value, MetricType: pb.MetricType_COUNTER.Enum()}
	}
	beat := func(metrics ...*pb.Metric) {
		t.Helper()
		_, err := s.metrics.MetricsHeartbeat(t.Context(), &pb.MetricsHeartbeatPRequest{Options: &pb.MetricsHeartbeatPOptions{
			ClientMetrics: []*pb.ClientMetrics{{Source: proto.String("app"), Metrics: metrics}},
		}})
		must(t, err)
	}
	sums := func() map[string]*pb.MetricValue {
		t.Helper()
		reply, err := s.metrics.GetMetrics(t.Context(), &pb.GetMetricsPOptions{})
		must(t, err)
		return reply.GetMetrics()
	}
	gauge := counter("MetadataCacheSize", 7)
	gauge.MetricType = pb.MetricType_GAUGE.Enum()
	beat(counter("BytesReadLocal", 10), counter("ReadOpsTotal", 1), gauge, counter("", 1), counter("Less", -1), counter(string(make([]byte, 1000)), 1))
	beat(counter("BytesReadLocal", 32))
	beat()
	got := sums()
	if len(got) != 2 || got["Client.BytesReadLocal"].GetDoubleValue() != 42 || got["Client.ReadOpsTotal"].GetDoubleValue() != 1 {
		t.Errorf("%v", got)
	}
	for i := range 3000 {
		beat(counter("Name"+time.Duration(i).String(), 1))
	}
	if n := len(sums()); n != 1000 {
		t.Errorf("a client made the master remember %d names", n)
	}
	_, err := s.metrics.ClearMetrics(t.Context(), &pb.ClearMetricsPRequest{})
	must(t, err)
	if got := sums(); len(got) != 0 {
		t.Errorf("cleared: %v", got)
	}
}
