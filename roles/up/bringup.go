package up

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// progressEvery is the time between two lines about long work.
const progressEvery = 10 * time.Second

// bringUp starts the pods, mounts the dataset, and shows what there is.
func (u *session) bringUp(ctx context.Context) error {
	u.introduce()
	u.pods.start(u.plan.of(RoleMaster))
	if err := u.pods.await(ctx, startLimit); err != nil {
		return err
	}
	u.pods.start(u.plan.of(RoleWorker))
	u.pods.start(u.plan.of(RoleFuse))
	if err := u.pods.await(ctx, startLimit); err != nil {
		return err
	}
	if err := u.mountDataset(ctx); err != nil {
		return err
	}
	if err := u.countDataset(ctx); err != nil {
		return err
	}
	return u.showTables(ctx)
}

// introduce says what is going to be run, and what was decided differently from the manifest.
func (u *session) introduce() {
	if u.previous == nil {
		u.say("cluster %s in %s: %d masters, %d workers, addresses in %s", u.plan.Name, short(u.layout.Dir), u.runtime.Master.Replicas, u.runtime.Replicas, u.network)
	} else {
		u.say("cluster %s in %s, warm start: state and cache of %s ago are kept", u.plan.Name, short(u.layout.Dir), formatAge(time.Since(u.previous.Started)))
	}
	if u.sample != nil {
		u.say("dataset: %s, a web server in this process over %s", u.sample.url, short(u.layout.sample()))
	}
	for _, note := range u.plan.Notes {
		u.say("%s", strings.ReplaceAll(note, u.layout.Dir, short(u.layout.Dir)))
	}
	disks, err := disksOf(u.plan.tiers, u.runtime.Replicas)
	if err != nil {
		u.warn("%v", err)
	}
	for _, w := range checkDisks(disks) {
		u.warn("%s", w)
	}
	u.say("")
}

// report tells the story of a pod.
func (u *session) report(e event) {
	switch e.kind {
	case podReady:
		again := ""
		if e.restarts > 0 {
			again = fmt.Sprintf("   restarts %d", e.restarts)
		}
		u.say("%-*s   Running   %.1fs%s", u.width, e.pod, e.took.Seconds(), again)
	case podDied:
		last := "it printed nothing"
		if e.last != "" {
			last = "its last line: " + e.last
		}
		u.say("%s ended: %s; %s; restart %d in %s", e.pod, e.exit, last, e.restarts, e.took)
	case podStopped:
		u.say("%-*s   stopped", u.width, e.pod)
	case podKilled:
		u.warn("%s did not end by SIGTERM and was killed", e.pod)
	}
}

// mountDataset makes the mount table as the manifest has it.
func (u *session) mountDataset(ctx context.Context) error {
	have, err := u.masters.Mounts(ctx)
	if err != nil {
		return fmt.Errorf("mount table: %w", err)
	}
	var ours []MountRecord
	if u.previous != nil {
		ours = u.previous.Dataset.Mounts
	}
	wanted := mountRecords(u.plan.Dataset)
	// Until all is done, both may be there.
	if err := u.ledger.update(func(r *Record) { r.Dataset.Mounts = union(ours, wanted) }); err != nil {
		return err
	}
	u.say("")
	if err := perform(ctx, u.masters, reconcile(have, u.plan.Mounts, ours), u.say); err != nil {
		return err
	}
	return u.ledger.update(func(r *Record) { r.Dataset.Mounts = wanted })
}

// countDataset makes the masters know the whole dataset, and adds it up. If the source does not answer, a dataset that
// is known from before still serves what is cached.
func (u *session) countDataset(ctx context.Context) error {
	var total DatasetRecord
	next := time.Now().Add(progressEvery)
	progress := func(files int64) {
		if now := time.Now(); now.After(next) {
			next = now.Add(progressEvery)
			u.say("              %d files so far", files)
		}
	}
	for _, m := range u.plan.Dataset {
		files, bytes, err := count(ctx, u.masters, m.AlluxioPath(), true, progress)
		if err != nil && u.previous != nil && ctx.Err() == nil {
			u.warn("%s cannot be compared with its source: %v; what is known of it stays", m.AlluxioPath(), err)
			files, bytes, err = count(ctx, u.masters, m.AlluxioPath(), false, progress)
		}
		if err != nil {
			return fmt.Errorf("load the names of %s: %w", m.AlluxioPath(), err)
		}
		total.Files += files
		total.UFSTotal += bytes
	}
	return u.ledger.update(func(r *Record) {
		r.Dataset.Counted, r.Dataset.Files, r.Dataset.UFSTotal = true, total.Files, total.UFSTotal
	})
}

// showTables prints what `kubectl get` would: pods, the runtime, the dataset; and the masters.
func (u *session) showTables(ctx context.Context) error {
	v := look(ctx, u.ledger.record())
	if v.ask(ctx, u.masters); v.problem != nil {
		return fmt.Errorf("the masters do not answer: %w", v.problem)
	}
	for _, k := range kinds() {
		if err := u.table(k, v); err != nil {
			return err
		}
	}
	u.say("\n$ goosefs fs masterInfo\n%s", masterInfo(v.masters))
	return nil
}
