package up

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"goosefs/conf"
	"goosefs/wire"
)

// commonProperties are those that every process of the cluster has, from the manifest and then from us.
func (b *builder) commonProperties() map[string]string {
	p := maps.Clone(b.runtime.Properties)
	if p == nil {
		p = map[string]string{}
	}
	maps.Copy(p, map[string]string{
		"goosefs.master.rpc.addresses": strings.Join(b.plan.Masters, ","),
		"goosefs.master.rpc.port":      strconv.Itoa(b.ports.master),
		"goosefs.master.web.port":      strconv.Itoa(b.ports.masterWeb),
		"goosefs.network.hosts":        wire.FormatHosts(b.plan.Hosts),
		"goosefs.logs.dir":             b.settings.layout.logs(),
	})
	return p
}

// properties are those of one pod; in each of the layers the last counts.
func (b *builder) properties(pod string, layers ...map[string]string) map[string]string {
	p := maps.Clone(b.common)
	p["goosefs.work.dir"] = b.settings.layout.state(pod)
	for _, l := range layers {
		maps.Copy(p, l)
	}
	return p
}

func (b *builder) master(i int) Pod {
	name := b.masterName(i)
	state := b.settings.layout.state(name)
	return Pod{
		Name: name, Role: RoleMaster, Address: b.plan.Hosts[name], Port: b.ports.master,
		Ports: []int{b.ports.master, b.ports.masterWeb, b.ports.journal},
		Args:  []string{"master"},
		Properties: b.properties(name, b.runtime.Master.Properties, b.root, map[string]string{
			"goosefs.master.hostname":                   name,
			"goosefs.master.bind.host":                  b.plan.Hosts[name],
			"goosefs.master.rpc.port":                   strconv.Itoa(b.ports.master),
			"goosefs.master.web.port":                   strconv.Itoa(b.ports.masterWeb),
			"goosefs.master.embedded.journal.addresses": strings.Join(b.journal, ","),
			"goosefs.master.embedded.journal.port":      strconv.Itoa(b.ports.journal),
			"goosefs.master.journal.type":               "EMBEDDED",
			"goosefs.master.journal.folder":             filepath.Join(state, "journal"),
			"goosefs.master.metastore.dir":              filepath.Join(state, "metastore"),
		}),
		Env:     b.runtime.Master.Env,
		Folders: []string{state, b.settings.layout.state("underFSStorage")},
	}
}

func (b *builder) worker(i int) Pod {
	name := b.workerName(i)
	state := b.settings.layout.state(name)
	tiers, folders := b.tierProperties(i)
	return Pod{
		Name: name, Role: RoleWorker, Address: b.plan.Hosts[name], Port: b.ports.worker,
		Ports: []int{b.ports.worker, b.ports.workerWeb},
		Args:  []string{"worker"},
		Properties: b.properties(name, b.runtime.Worker.Properties, map[string]string{
			"goosefs.worker.hostname":    name,
			"goosefs.worker.bind.host":   b.plan.Hosts[name],
			"goosefs.worker.rpc.port":    strconv.Itoa(b.ports.worker),
			"goosefs.worker.web.port":    strconv.Itoa(b.ports.workerWeb),
			"goosefs.worker.data.folder": filepath.Join(state, "worker"),
		}, tiers),
		Env:     b.runtime.Worker.Env,
		Folders: append([]string{state}, folders...),
	}
}

// tierProperties describes the tiers of one worker, each in a folder of its own.
func (b *builder) tierProperties(worker int) (properties map[string]string, folders []string) {
	properties = map[string]string{"goosefs.worker.tieredstore.levels": strconv.Itoa(len(b.plan.tiers))}
	for i, t := range b.plan.tiers {
		level := fmt.Sprintf("goosefs.worker.tieredstore.level%d.", i)
		var paths, quotas, media []string
		for j, path := range t.paths {
			own := filepath.Join(path, fmt.Sprintf("worker-%d", worker))
			folders = append(folders, own)
			paths = append(paths, own)
			quotas = append(quotas, conf.FormatSize(t.quotas[j]))
			media = append(media, t.alias)
		}
		properties[level+"alias"] = t.alias
		properties[level+"dirs.path"] = strings.Join(paths, ",")
		properties[level+"dirs.quota"] = strings.Join(quotas, ",")
		properties[level+"dirs.mediumtype"] = strings.Join(media, ",")
		if t.high > 0 {
			properties[level+"watermark.high.ratio"] = strconv.FormatFloat(t.high, 'g', -1, 64)
		}
		if t.low > 0 {
			properties[level+"watermark.low.ratio"] = strconv.FormatFloat(t.low, 'g', -1, 64)
		}
	}
	return properties, folders
}

func (b *builder) fuse() Pod {
	name := b.fuseName()
	options := map[string]string{"goosefs.fuse.mount.options": strings.Join(b.fuseOptions(), ",")}
	return Pod{
		Name: name, Role: RoleFuse, Address: b.plan.Hosts[name],
		Args:       []string{"fuse", b.settings.layout.Mount, "/"},
		Properties: b.properties(name, options, b.runtime.Fuse.Properties),
		Env:        b.runtime.Fuse.Env,
		Folders:    []string{b.settings.layout.Mount},
	}
}

// fuseOptions are the mount options of the runtime, or else what the dataset's access modes mean; with them the owner,
// and other users' access, which only root may grant without asking /etc/fuse.conf.
func (b *builder) fuseOptions() []string {
	options := b.runtime.Fuse.MountOptions()
	if len(options) == 0 {
		options = []string{"rw"}
		if b.dataset.ReadOnly() {
			options = []string{"ro"}
		}
	}
	if o := b.dataset.Owner; o != nil {
		options = append(options, fmt.Sprintf("uid=%d", o.UID), fmt.Sprintf("gid=%d", o.GID))
	}
	allowed := slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(o, "allow_") })
	if b.settings.root && !allowed {
		options = append(options, "allow_other")
	}
	return options
}

// clientProperties are for whoever uses the cluster from a shell. Anybody may read that file, so secrets stay out.
func (b *builder) clientProperties() map[string]string {
	p := maps.Clone(b.common)
	maps.DeleteFunc(p, func(name, _ string) bool {
		return conf.IsSecret(name)
	})
	return p
}
