package master

import (
	"context"
	"sync"

	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// metricsService is GooseFS's service about metrics: clients report theirs to it. Official clients do so every ten seconds.
type metricsService struct {
	pb.UnimplementedMetricsMasterClientServiceServer
	sums *clientMetrics
}

// MetricsHeartbeat takes in what clients counted since they reported last. What has no name, or no value, is passed over: a
// client cannot do anything about it.
func (s *metricsService) MetricsHeartbeat(_ context.Context, req *pb.MetricsHeartbeatPRequest) (*pb.MetricsHeartbeatPResponse, error) {
	for _, client := range req.GetOptions().GetClientMetrics() {
		for _, m := range client.GetMetrics() {
			s.sums.add(m)
		}
	}
	return &pb.MetricsHeartbeatPResponse{}, nil
}

// GetMetrics tells what all clients together have counted since this master started or was told to begin anew.
func (s *metricsService) GetMetrics(context.Context, *pb.GetMetricsPOptions) (*pb.GetMetricsPResponse, error) {
	return &pb.GetMetricsPResponse{Metrics: s.sums.all()}, nil
}

// ClearMetrics begins anew.
func (s *metricsService) ClearMetrics(context.Context, *pb.ClearMetricsPRequest) (*pb.ClearMetricsPResponse, error) {
	s.sums.clear()
	return &pb.ClearMetricsPResponse{}, nil
}

// Limits of what a master remembers of clients' metrics, whatever clients send.
const (
	metricsKept    = 1000
	metricNameMost = 200 // bytes
)

// clientMetrics are the sums of what clients report: soft state of each master. A counter is what came since the last report,
// so it is added; of a gauge there is no sum over clients that come and go, so it is not kept.
type clientMetrics struct {
	mu struct {
		sync.Mutex
		counters map[string]float64 // by name, with "Client." before it
	}
}

func newClientMetrics() *clientMetrics {
	c := &clientMetrics{}
	c.clear()
	return c
}

func (c *clientMetrics) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.counters = make(map[string]float64)
}

// add takes one metric in: its name comes without the "Client." that it is known by.
func (c *clientMetrics) add(m *pb.Metric) {
	if m.GetMetricType() != pb.MetricType_COUNTER || m.GetName() == "" || len(m.GetName()) > metricNameMost || !(m.GetValue() > 0) {
		return
	}
	name := "Client." + m.GetName()
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.mu.counters[name]; known || len(c.mu.counters) < metricsKept {
		c.mu.counters[name] += m.GetValue()
	}
}

func (c *clientMetrics) all() map[string]*pb.MetricValue {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]*pb.MetricValue, len(c.mu.counters))
	for name, value := range c.mu.counters {
		all[name] = &pb.MetricValue{DoubleValue: proto.Float64(value), MetricType: pb.MetricType_COUNTER.Enum()}
	}
	return all
}
