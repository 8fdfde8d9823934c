package up

import (
	"strconv"
	"time"
)

// object is what -o json and -o yaml print: the shape that kubectl has, as far as it means something here.
type object map[string]any

// listOf wraps several objects as kubectl does.
func listOf(items []object) object {
	return object{"apiVersion": "v1", "kind": "List", "metadata": object{}, "items": items}
}

func metadata(v view, name string, created time.Time, labels object) object {
	m := object{"name": name, "namespace": v.record.Namespace, "creationTimestamp": stamp(created)}
	if labels != nil {
		m["labels"] = labels
	}
	return m
}

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

func podObject(v view, p PodRecord) object {
	status := object{
		"phase": podPhase(p.Status), "podIP": p.Address, "hostIP": p.Address, "startTime": stamp(p.Created),
		"containerStatuses": []object{{
			"name": "goosefs-" + string(p.Role), "ready": p.Ready, "restartCount": p.Restarts, "state": containerState(p),
		}},
	}
	if p.LastExit != "" {
		status["message"] = "last exit: " + p.LastExit
	}
	container := object{"name": "goosefs-" + string(p.Role)}
	if p.Port != 0 {
		container["ports"] = []object{{"name": "rpc", "containerPort": p.Port}}
	}
	spec := object{"hostname": p.Name, "restartPolicy": "Always", "containers": []object{container}}
	return object{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": metadata(v, p.Name, p.Created, object{"app": "goosefs", "release": v.record.Name, "role": "goosefs-" + string(p.Role)}),
		"spec":     spec, "status": status,
	}
}

// podPhase is what Kubernetes calls the phase; a pod that backs off counts as running.
func podPhase(s Status) string {
	switch s {
	case StatusPending, StatusUnknown:
		return string(s)
	case StatusCompleted:
		return "Succeeded"
	}
	return "Running"
}

func containerState(p PodRecord) object {
	if p.Status == StatusRunning && p.Process != nil {
		return object{"running": object{"startedAt": stamp(p.Started), "containerID": "pid://" + strconv.Itoa(p.Process.PID)}}
	}
	return object{"waiting": object{"reason": string(p.Status)}}
}

func runtimeObject(v view) object {
	var levels []object
	for _, l := range v.record.Runtime.Levels {
		levels = append(levels, object{"mediumtype": l.MediumType, "paths": l.Paths, "quotas": l.Quotas, "high": l.High, "low": l.Low})
	}
	return object{
		"apiVersion": "data.fluid.io/v1alpha1", "kind": "GooseFSRuntime",
		"metadata": metadata(v, v.record.Name, v.record.Created, nil),
		"spec": object{
			"replicas": v.record.Runtime.Workers, "master": object{"replicas": v.record.Runtime.Masters},
			"tieredstore": object{"levels": levels},
		},
		"status": object{
			"masterPhase": v.masterPhase(), "workerPhase": v.workerPhase(), "fusePhase": v.fusePhase(),
			"masterNumberReady": v.readyMasters(), "desiredMasterNumberScheduled": v.record.Runtime.Masters,
			"workerNumberReady": v.readyWorkers(), "desiredWorkerNumberScheduled": v.record.Runtime.Workers,
			"fuseNumberReady": v.ready(RoleFuse), "desiredFuseNumberScheduled": 1,
			"leader": v.masters.Leader, "cacheStates": cacheStates(v),
		},
	}
}

func datasetObject(v view) object {
	var mounts []object
	for _, m := range v.record.Dataset.Mounts {
		mounts = append(mounts, object{"mountPoint": m.UFS, "path": m.Path, "readOnly": m.ReadOnly, "shared": m.Shared})
	}
	return object{
		"apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset",
		"metadata": metadata(v, v.record.Name, v.record.Created, nil),
		"spec":     object{"mounts": mounts},
		"status": object{
			"phase": v.datasetPhase(), "ufsTotal": v.ufsTotal(), "fileNum": strconv.FormatInt(v.record.Dataset.Files, 10),
			"mounts": mounts, "mountPath": v.record.Mount, "cacheStates": cacheStates(v),
			"runtimes": []object{{"name": v.record.Name, "namespace": v.record.Namespace, "type": "goosefs", "category": "Accelerate"}},
		},
	}
}

func cacheStates(v view) object {
	return object{"cacheCapacity": formatSize(v.capacity), "cached": formatSize(v.cached), "cachedPercentage": v.cachedPercentage()}
}
