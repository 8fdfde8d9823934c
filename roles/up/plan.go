package up

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"goosefs/conf"
	"goosefs/manifest"
)

// settings are what a plan needs besides the manifests.
type settings struct {
	layout   layout
	subnet   netip.Prefix
	root     bool                    // `up` runs as root
	sample   bool                    // the dataset is the quick start's: all tiers lie under --dir
	writable func(path string) error // whether a tier may lie there; asked of each path once
}

// makePlan decides every pod of the cluster. It changes nothing; settings.writable is its only question to the world.
func makePlan(d manifest.Dataset, r manifest.Runtime, s settings) (Plan, error) {
	if r.Master.Replicas > maxMasters || r.Replicas > maxWorkers {
		return Plan{}, usageError(fmt.Sprintf("%d masters and %d workers do not fit on one host; at most %d and %d have addresses in %s",
			r.Master.Replicas, r.Replicas, maxMasters, maxWorkers, s.subnet))
	}
	b := builder{dataset: d, runtime: r, settings: s}
	if err := b.choosePorts(); err != nil {
		return Plan{}, err
	}
	b.plan = Plan{
		Name: r.Name, Namespace: d.Namespace, Mount: s.layout.Mount,
		Hosts: map[string]string{}, Dataset: d.Mounts, Mounts: d.Mounts,
	}
	b.chooseNames()
	b.chooseRoot()
	b.chooseTiers()
	b.common = b.commonProperties()
	for i := range r.Master.Replicas {
		b.plan.Pods = append(b.plan.Pods, b.master(i))
	}
	for i := range r.Replicas {
		b.plan.Pods = append(b.plan.Pods, b.worker(i))
	}
	b.plan.Pods = append(b.plan.Pods, b.fuse())
	b.plan.Client = b.clientProperties()
	return b.plan, nil
}

// builder holds what the steps of makePlan share.
type builder struct {
	dataset  manifest.Dataset
	runtime  manifest.Runtime
	settings settings
	ports    struct{ master, masterWeb, journal, worker, workerWeb int }
	journal  []string          // name:port of the masters among themselves
	root     map[string]string // properties of the root mount
	common   map[string]string // properties of every pod
	plan     Plan
}

// tier is a level with the folders that were decided for it.
type tier struct {
	alias  string
	paths  []string // the worker's own folder comes below
	quotas []int64
	high   float64
	low    float64
}

// choosePorts takes the ports of the seed, unless a property says otherwise.
func (b *builder) choosePorts() error {
	for _, p := range []struct {
		port     *int
		property string
		standard int
		role     map[string]string // the properties of that role, which win
	}{
		{&b.ports.master, "goosefs.master.rpc.port", portMaster, b.runtime.Master.Properties},
		{&b.ports.masterWeb, "goosefs.master.web.port", portMasterWeb, b.runtime.Master.Properties},
		{&b.ports.journal, "goosefs.master.embedded.journal.port", portJournal, b.runtime.Master.Properties},
		{&b.ports.worker, "goosefs.worker.rpc.port", portWorker, b.runtime.Worker.Properties},
		{&b.ports.workerWeb, "goosefs.worker.web.port", portWorkerWeb, b.runtime.Worker.Properties},
	} {
		text, ok := p.role[p.property]
		if !ok {
			text, ok = b.runtime.Properties[p.property]
		}
		if !ok {
			*p.port = p.standard
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 || n > 65535 {
			return usageError(fmt.Sprintf("%s: %s: write a port from 1 to 65535, e.g. %d", p.property, text, p.standard))
		}
		*p.port = n
	}
	return nil
}

// chooseNames gives every pod a name and an address.
func (b *builder) chooseNames() {
	for i := range b.runtime.Master.Replicas {
		name := b.masterName(i)
		b.plan.Hosts[name] = hostIn(b.settings.subnet, hostFirstMaster+i)
		b.plan.Masters = append(b.plan.Masters, net.JoinHostPort(name, strconv.Itoa(b.ports.master)))
		b.journal = append(b.journal, net.JoinHostPort(name, strconv.Itoa(b.ports.journal)))
	}
	for i := range b.runtime.Replicas {
		b.plan.Hosts[b.workerName(i)] = hostIn(b.settings.subnet, hostFirstWorker+i)
	}
	b.plan.Hosts[b.fuseName()] = hostIn(b.settings.subnet, hostFuse)
}

func (b *builder) masterName(i int) string { return fmt.Sprintf("%s-master-%d", b.runtime.Name, i) }
func (b *builder) workerName(i int) string { return fmt.Sprintf("%s-worker-%d", b.runtime.Name, i) }
func (b *builder) fuseName() string        { return b.runtime.Name + "-fuse-0" }

// chooseRoot decides what / is: the mount of the dataset whose path is /, or else a folder of the cluster's own.
func (b *builder) chooseRoot() {
	b.root = map[string]string{"goosefs.master.mount.table.root.ufs": b.settings.layout.state("underFSStorage")}
	i := slices.IndexFunc(b.dataset.Mounts, func(m manifest.Mount) bool { return m.AlluxioPath() == "/" })
	if i < 0 {
		return
	}
	m := b.dataset.Mounts[i]
	b.plan.Mounts = slices.Delete(slices.Clone(b.dataset.Mounts), i, i+1)
	b.root = map[string]string{
		"goosefs.master.mount.table.root.ufs":      m.MountPoint,
		"goosefs.master.mount.table.root.readonly": strconv.FormatBool(m.ReadOnly),
		"goosefs.master.mount.table.root.shared":   strconv.FormatBool(m.Shared),
	}
	for name, value := range m.Options {
		b.root["goosefs.master.mount.table.root.option."+name] = value
	}
}

// chooseTiers takes the folders of the manifest where they can be written, and folders under --dir where not.
func (b *builder) chooseTiers() {
	for i, level := range b.runtime.Levels {
		t := tier{alias: level.MediumType, quotas: level.Quotas, high: level.High, low: level.Low}
		for j, path := range level.Paths {
			own := filepath.Join(path, b.dataset.Namespace, b.runtime.Name)
			if err := b.tierFits(path); err != nil {
				own = filepath.Join(b.settings.layout.tiers(), fmt.Sprintf("%s%d-%d", strings.ToLower(t.alias), i, j))
				b.plan.Notes = append(b.plan.Notes, fmt.Sprintf("tier %s lies in %s instead of %s: %v", t.alias, own, path, err))
			}
			t.paths = append(t.paths, own)
		}
		b.plan.tiers = append(b.plan.tiers, t)
		l := LevelRecord{MediumType: t.alias, Paths: t.paths, High: t.high, Low: t.low}
		for _, quota := range t.quotas {
			l.Quotas = append(l.Quotas, conf.FormatSize(quota))
		}
		b.plan.Levels = append(b.plan.Levels, l)
	}
}

// tierFits says why a tier may not lie where the manifest puts it.
func (b *builder) tierFits(path string) error {
	if b.settings.sample {
		return fmt.Errorf("the quick start keeps to its own folder")
	}
	return b.settings.writable(path)
}
