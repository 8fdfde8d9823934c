package master

import (
	"context"
	"time"

	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// workerManagerService is GooseFS's service about workers, for clients.
type workerManagerService struct {
	pb.UnimplementedWorkerManagerMasterClientServiceServer
	*Master
}

// GetWorkerInfoList lists the workers that can be used now. Clients place blocks by it. Standbys answer too, because
// official clients go on asking the master that they asked first. A master that has just started waits a moment for the first
// worker to report: official clients that see none never ask again.
func (s *workerManagerService) GetWorkerInfoList(ctx context.Context, _ *pb.GetWorkerInfoListPOptions) (*pb.GetWorkerInfoListPResponse, error) {
	s.registry.awaitFirst(ctx, firstWorker-s.now().Sub(s.started))
	if ctx.Err() != nil {
		return nil, ctx.Err() // an empty list would be believed
	}
	workers := s.registry.status(s.now())
	reply := &pb.GetWorkerInfoListPResponse{LastUpdatedTimestamp: proto.Int64(s.now().UnixMilli())}
	for _, w := range workers {
		if w.GetLive() {
			reply.WorkerInfos = append(reply.WorkerInfos, s.workerInfo(w))
		}
	}
	return reply, nil
}

// firstWorker is how long after a master's start its workers should have found it.
const firstWorker = 5 * time.Second

// GetWorkerReport lists all workers, lost ones too.
func (s *workerManagerService) GetWorkerReport(context.Context, *pb.GetWorkerReportPOptions) (*pb.GetWorkerInfoListPResponse, error) {
	workers, err := s.workers()
	if err != nil {
		return nil, err
	}
	reply := &pb.GetWorkerInfoListPResponse{LastUpdatedTimestamp: proto.Int64(s.now().UnixMilli())}
	for _, w := range workers {
		reply.WorkerInfos = append(reply.WorkerInfos, s.workerInfo(w))
	}
	return reply, nil
}

// GetCapacityBytes is the quota of all live workers.
func (s *workerManagerService) GetCapacityBytes(context.Context, *pb.GetCapacityBytesPOptions) (*pb.GetCapacityBytesPResponse, error) {
	workers, err := s.workers()
	capacity, _ := sums(workers)
	return &pb.GetCapacityBytesPResponse{Bytes: &capacity}, err
}

// GetUsedBytes is what all live workers hold.
func (s *workerManagerService) GetUsedBytes(context.Context, *pb.GetUsedBytesPOptions) (*pb.GetUsedBytesPResponse, error) {
	workers, err := s.workers()
	_, used := sums(workers)
	return &pb.GetUsedBytesPResponse{Bytes: &used}, err
}

// GetWorkerManagerMasterInfo sums the workers up.
func (s *workerManagerService) GetWorkerManagerMasterInfo(context.Context, *pb.GetWorkerManagerMasterInfoPOptions) (*pb.GetWorkerManagerMasterInfoPResponse, error) {
	workers, err := s.workers()
	if err != nil {
		return nil, err
	}
	capacity, used := sums(workers)
	var live, lost int32
	for _, w := range workers {
		if w.GetLive() {
			live++
		} else {
			lost++
		}
	}
	return &pb.GetWorkerManagerMasterInfoPResponse{WorkerManagerMasterInfo: &pb.WorkerManagerMasterInfo{
		CapacityBytes: &capacity, UsedBytes: &used, FreeBytes: proto.Int64(capacity - used), LiveWorkerNum: &live, LostWorkerNum: &lost,
	}}, nil
}

func (s *workerManagerService) workers() ([]*clusterpb.WorkerStatus, error) {
	if _, err := s.leads(); err != nil {
		return nil, err
	}
	return s.registry.status(s.now()), nil
}

func sums(workers []*clusterpb.WorkerStatus) (capacity, used int64) {
	for _, w := range workers {
		if w.GetLive() {
			c, u := sum(w)
			capacity, used = capacity+c, used+u
		}
	}
	return capacity, used
}

func sum(w *clusterpb.WorkerStatus) (capacity, used int64) {
	for _, t := range w.GetTiers() {
		capacity += t.GetQuota()
		used += t.GetUsed()
	}
	return capacity, used
}

func (m *Master) workerInfo(w *clusterpb.WorkerStatus) *pb.WorkerInfo {
	state := pb.WorkerStatus_ACTIVE
	if !w.GetLive() {
		state = pb.WorkerStatus_INACTIVE
	}
	capacity, used := sum(w)
	return &pb.WorkerInfo{
		Id: &w.WorkerId, Address: &pb.WorkerNetAddress{Host: &w.Host, RpcPort: &w.RpcPort, DataPort: &w.RpcPort},
		LastContactSec: proto.Int32(int32(w.GetLastContactMs() / 1000)), State: &state, Alive: &w.Live,
		CapacityBytes: &capacity, UsedBytes: &used, CacheUsedBytes: &used, StartTimeMs: &w.StartTimeMs,
		VirtualNodeNum: proto.Int32(int32(m.options.VirtualNodes)),
	}
}
