package master

import (
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"
)

// needsOf is what a call wants of which paths. It is false for a call that is not about paths.
func needsOf(req any) ([]need, bool) {
	one := func(op, path string, what demand) ([]need, bool) {
		return []need{{op: op, path: path, what: what}}, true
	}
	switch r := req.(type) {
	case *pb.GetStatusPRequest:
		return one("stat", r.GetPath(), toStat)
	case *pb.ListStatusPRequest:
		return one("list", r.GetPath(), toRead)
	case *pb.CheckAccessPRequest:
		return []need{{op: "access", path: r.GetPath(), what: toAccess, rights: rightsOf(r.GetOptions().GetBits())}}, true
	case *pb.GetLinkTargetPRequest:
		return one("readlink", r.GetLink(), toStat)
	case *pb.CreateFilePRequest:
		return one("create", r.GetPath(), toMake)
	case *pb.CreateSymlinkPRequest:
		return one("symlink", r.GetLink(), toMake)
	case *pb.CreateDirectoryPRequest:
		if r.GetOptions().GetAllowExists() {
			return one("mkdir", r.GetPath(), toEnsure)
		}
		return one("mkdir", r.GetPath(), toMake)
	case *pb.CompleteFilePRequest:
		return one("complete", r.GetPath(), toFill)
	case *pb.CommitLocationPRequest:
		return one("commit", r.GetPath(), toFill)
	case *pb.ScheduleAsyncPersistencePRequest:
		return one("persist", r.GetPath(), toFill)
	case *pb.DeletePRequest:
		if r.GetOptions().GetRecursive() {
			return []need{{op: "delete", path: r.GetPath(), what: toRemoveAll, below: true}}, true
		}
		return one("delete", r.GetPath(), toRemove)
	case *pb.RenamePRequest:
		return []need{{op: "rename", path: r.GetPath(), what: toRemove}, {op: "rename", path: r.GetDstPath(), what: toMake}}, true
	case *pb.SetAttributePRequest:
		return []need{setAttributeNeed(r)}, true
	case *pb.SetAclPRequest:
		return []need{{op: "setacl", path: r.GetPath(), what: toOwn, below: r.GetOptions().GetRecursive()}}, true
	case *clusterpb.PersistenceRequest:
		return one("persist", r.GetPath(), toFill)
	case *pb.FreePRequest:
		return one("free", r.GetPath(), toRead)
	}
	return nil, false
}

func setAttributeNeed(r *pb.SetAttributePRequest) need {
	o := r.GetOptions()
	a := attributes{owner: o.GetOwner(), group: o.GetGroup(), mode: o.GetMode() != nil || o != nil && o.WritePType != nil}
	a.others = a == attributes{}
	return need{op: "setattribute", path: r.GetPath(), what: toChange, changes: a, below: o.GetRecursive()}
}

// rightsOf reads the rights that a call asks about.
func rightsOf(b pb.Bits) right { return right(b-1) & (read | write | search) }

// withoutSession are the calls that clients may make before they have authenticated. Official clients look for the leader
// on channels that never do, and never authenticate again for the list of workers.
func withoutSession() []string {
	return []string{pb.ServiceVersionClientService_GetServiceVersion_FullMethodName, pb.WorkerManagerMasterClientService_GetWorkerInfoList_FullMethodName}
}

// open says whether a method is for everybody, whatever it is asked. What is neither open nor about paths is for superusers.
func open(method string) bool {
	switch method {
	case pb.SaslAuthenticationService_Authenticate_FullMethodName,
		pb.ServiceVersionClientService_GetServiceVersion_FullMethodName,
		pb.WorkerManagerMasterClientService_GetWorkerInfoList_FullMethodName,
		pb.WorkerManagerMasterClientService_GetWorkerReport_FullMethodName,
		pb.WorkerManagerMasterClientService_GetWorkerLostStorage_FullMethodName,
		pb.WorkerManagerMasterClientService_GetCapacityBytes_FullMethodName,
		pb.WorkerManagerMasterClientService_GetUsedBytes_FullMethodName,
		pb.WorkerManagerMasterClientService_GetWorkerManagerMasterInfo_FullMethodName,
		pb.WorkerManagerMasterClientService_GetClusterRateLimit_FullMethodName,
		pb.WorkerManagerMasterClientService_GetMigrationProgress_FullMethodName,
		pb.MetricsMasterClientService_MetricsHeartbeat_FullMethodName,
		pb.MetricsMasterClientService_GetMetrics_FullMethodName,
		pb.FileSystemMasterClientService_GetMountTable_FullMethodName, // less their options, see [Master.conceal]
		pb.FileSystemMasterClientService_GetMountPoint_FullMethodName,
		pb.FileSystemMasterClientService_GetSyncPathList_FullMethodName,
		pb.FileSystemMasterClientService_ListNamespace_FullMethodName,
		pb.FileSystemMasterClientService_StatNamespace_FullMethodName,
		pb.FileSystemMasterClientService_CheckPersistenceDone_FullMethodName,
		pb.FileSystemMasterClientService_CountFailedPersistence_FullMethodName,
		clusterpb.Cluster_Status_FullMethodName,
		clusterpb.Cluster_ListWorkers_FullMethodName,
		clusterpb.Cluster_Invalidations_FullMethodName:
		return true
	}
	return false
}
