package up

import (
	"context"
	"slices"
	"strings"
	"time"

	"goosefs/client"
)

// view is a cluster as it is now: the record, corrected by what can be seen.
type view struct {
	record   Record // its pods as they are
	now      time.Time
	masters  client.Cluster // what the masters say of themselves
	capacity int64          // bytes that live workers may keep
	cached   int64          // bytes they keep
	live     int            // workers that the masters hear
	bound    bool           // every mount of the dataset is there
	problem  error          // why the masters did not answer; what they would have said is zero
}

// Phases, in Fluid's words.
const (
	phaseReady   = "Ready"
	phasePartial = "PartialReady"
	phaseNot     = "NotReady"

	phaseBound    = "Bound"
	phaseNotBound = "NotBound"
)

// phase of a component of which so many are ready.
func phase(ready, desired int) string {
	switch {
	case ready >= desired:
		return phaseReady
	case ready > 0:
		return phasePartial
	}
	return phaseNot
}

// look looks at every pod.
func look(ctx context.Context, r Record) view {
	v := view{record: r, now: time.Now()}
	supervised := r.Up.alive()
	v.record.Pods = make([]PodRecord, len(r.Pods))
	for i, p := range r.Pods {
		v.record.Pods[i] = inspect(ctx, p, r.Mount, supervised)
	}
	return v
}

// ask asks the masters for the rest. What they do not tell stays zero, and problem says why.
func (v *view) ask(ctx context.Context, c cluster) {
	var workers []client.Worker
	var mounts []client.MountPoint
	if v.masters, v.problem = c.Cluster(ctx); v.problem == nil {
		workers, v.problem = c.Workers(ctx)
	}
	if v.problem == nil {
		mounts, v.problem = c.Mounts(ctx)
	}
	for _, w := range workers {
		if !w.Live {
			continue
		}
		v.live++
		for _, t := range w.Tiers {
			v.capacity += t.Quota
			v.cached += t.Used
		}
	}
	v.bound = len(v.record.Dataset.Mounts) > 0
	for _, want := range v.record.Dataset.Mounts {
		there := slices.ContainsFunc(mounts, func(m client.MountPoint) bool { return m.Path == want.Path })
		v.bound = v.bound && there
	}
}

// inspect corrects a pod's entry: what the record calls running may be gone or silent.
func inspect(ctx context.Context, p PodRecord, mount string, supervised bool) PodRecord {
	if p.Status != StatusRunning && p.Status != StatusTerminating {
		p.Ready = false
		return p
	}
	if !p.Process.alive() {
		p.Status, p.Ready = StatusBackOff, false
		if !supervised {
			p.Status = StatusUnknown
		}
		return p
	}
	if !p.Ready {
		return p
	}
	if p.Role == RoleFuse {
		p.Ready = mountAnswers(ctx, mount) == nil
	} else {
		p.Ready = reachable(ctx, p.Address, p.Port) == nil
	}
	return p
}

// ready counts the pods of a role that are.
func (v view) ready(role Role) int {
	n := 0
	for _, p := range v.record.Pods {
		if p.Role == role && p.Ready {
			n++
		}
	}
	return n
}

// readyMasters is 0 while no leader is known: masters without one serve nobody.
func (v view) readyMasters() int {
	if v.problem != nil || v.masters.Leader == "" {
		return 0
	}
	return v.ready(RoleMaster)
}

// readyWorkers are those that the masters hear and that run.
func (v view) readyWorkers() int { return min(v.live, v.ready(RoleWorker)) }

func (v view) masterPhase() string { return phase(v.readyMasters(), v.record.Runtime.Masters) }
func (v view) workerPhase() string { return phase(v.readyWorkers(), v.record.Runtime.Workers) }
func (v view) fusePhase() string   { return phase(v.ready(RoleFuse), 1) }

func (v view) datasetPhase() string {
	if v.bound && v.masterPhase() != phaseNot && v.workerPhase() != phaseNot {
		return phaseBound
	}
	return phaseNotBound
}

// ufsTotal is the size of the dataset at its source, as counted last.
func (v view) ufsTotal() string {
	if !v.record.Dataset.Counted {
		return "[Calculating]"
	}
	return formatSize(v.record.Dataset.UFSTotal)
}

func (v view) cachedPercentage() string { return formatPercent(v.cached, v.record.Dataset.UFSTotal) }

func (v view) age(since time.Time) string {
	if since.IsZero() {
		return "<none>"
	}
	return formatAge(v.now.Sub(since))
}

// sources lists the URIs of the dataset's mounts.
func (v view) sources() string {
	var uris []string
	for _, m := range v.record.Dataset.Mounts {
		uris = append(uris, m.UFS)
	}
	return strings.Join(uris, ",")
}

// paths lists where in the mount the dataset is.
func (v view) paths() string {
	var paths []string
	for _, m := range v.record.Dataset.Mounts {
		paths = append(paths, strings.TrimSuffix(v.record.Mount+m.Path, "/"))
	}
	return strings.Join(paths, ",")
}
