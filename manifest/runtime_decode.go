package manifest

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"goosefs/conf"
)

// runtime decodes the spec of a GooseFSRuntime.
func (d *decoder) runtime(spec *yaml.Node) *Runtime {
	rt := &Runtime{Master: Master{Replicas: 1}}
	var jvm, data map[string]string
	known := fields{
		"replicas":    d.replicas(&rt.Replicas),
		"master":      func(n *yaml.Node, at string) { d.master(n, at, &rt.Master) },
		"worker":      func(n *yaml.Node, at string) { d.worker(n, at, &rt.Worker) },
		"fuse":        func(n *yaml.Node, at string) { d.fuse(n, at, &rt.Fuse) },
		"properties":  d.textMap(&rt.Properties, d.checkProperty),
		"jvmOptions":  d.jvmOptions(&jvm),
		"tieredstore": func(n *yaml.Node, at string) { d.tieredStore(n, at, rt) },
		"data":        func(n *yaml.Node, at string) { data = d.data(n, at) },
	}
	for _, name := range []string{
		"goosefsVersion", "jobMaster", "jobWorker", "apiGateway", "initUsers", "runAs", "disablePrometheus", "hadoopConfig", "cleanCachePolicy",
	} {
		known[name] = nil
	}
	before := len(d.problems)
	d.object(spec, "spec", known)
	rt.Properties = merge(rt.Properties, jvm, data)
	if len(d.problems) > before {
		return rt
	}
	if rt.Replicas == 0 {
		rt.Replicas = 1
		d.warn(spec, "spec.replicas is not given; there will be 1 worker")
	}
	if len(rt.Levels) == 0 {
		rt.Levels = []Level{defaultLevel()}
		d.warn(spec, "spec.tieredstore.levels is not given; each worker keeps up to 1 GiB in memory, in /dev/shm")
	}
	return rt
}

// replicas decodes a number of processes.
func (d *decoder) replicas(into *int) field {
	return func(n *yaml.Node, at string) {
		before := len(d.problems)
		d.number(into)(n, at)
		if len(d.problems) == before && *into < 1 {
			d.refuse(n, at, n.Value, "has to be at least 1")
		}
	}
}

func (d *decoder) master(n *yaml.Node, at string, m *Master) {
	var jvm map[string]string
	d.object(n, at, d.process(&m.Process, &jvm, fields{
		"replicas": func(n *yaml.Node, at string) {
			before := len(d.problems)
			d.number(&m.Replicas)(n, at)
			if len(d.problems) == before && (m.Replicas < 1 || m.Replicas%2 == 0) {
				d.refuse(n, at, n.Value, "must be a positive odd number; write 1, 3 or 5")
			}
		},
	}))
	m.Properties = merge(m.Properties, jvm)
}

func (d *decoder) worker(n *yaml.Node, at string, w *Worker) {
	var jvm map[string]string
	d.object(n, at, d.process(&w.Process, &jvm, fields{"replicas": nil}))
	w.Properties = merge(w.Properties, jvm)
}

func (d *decoder) fuse(n *yaml.Node, at string, f *Fuse) {
	var jvm map[string]string
	d.object(n, at, d.process(&f.Process, &jvm, fields{
		"args": d.texts(&f.Args), "image": nil, "imageTag": nil, "imagePullPolicy": nil, "cleanPolicy": nil, "global": nil,
	}))
	f.Properties = merge(f.Properties, jvm)
}

// process adds the fields that all kinds of process have to the special ones.
func (d *decoder) process(p *Process, jvm *map[string]string, special fields) fields {
	special["properties"] = d.textMap(&p.Properties, d.checkProperty)
	special["jvmOptions"] = d.jvmOptions(jvm)
	special["env"] = d.textMap(&p.Env, func(n *yaml.Node, at, key, _ string) {
		if strings.Contains(key, "=") {
			d.refuse(n, at, "", "not the name of an environment variable; write it without =")
		}
	})
	for _, name := range []string{"ports", "resources", "enabled", "nodeSelector", "annotations"} {
		special[name] = nil
	}
	return special
}

// jvmOptions takes the -D pairs; the rest is for a JVM, and there is none.
func (d *decoder) jvmOptions(into *map[string]string) field {
	return func(n *yaml.Node, at string) {
		d.list(n, at, func(n *yaml.Node, at string) {
			var option string
			d.text(&option)(n, at)
			for _, p := range conf.SplitJavaOpts(option) {
				*into = merge(*into, map[string]string{p.Key: p.Value})
				d.checkProperty(n, at+"["+p.Key+"]", p.Key, p.Value)
			}
		})
	}
}

// checkProperty refuses the values that the processes would refuse at start.
func (d *decoder) checkProperty(n *yaml.Node, at, key, value string) {
	hint, err := conf.Check(key, value)
	if err != nil {
		shown := short(value)
		if conf.IsSecret(key) {
			shown = ""
		}
		d.refuse(n, at, shown, err.Error())
	}
	if hint != "" {
		d.warn(n, "%s: %s", at, hint)
	}
}

// data decodes how many copies of a block there may be, as a property.
func (d *decoder) data(n *yaml.Node, at string) map[string]string {
	copies := 1
	d.object(n, at, fields{"replicas": d.replicas(&copies), "pin": nil})
	return map[string]string{"goosefs.user.file.replication.max": strconv.Itoa(copies)}
}
