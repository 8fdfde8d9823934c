package manifest

import "strings"

// A Runtime says which processes make up the cluster.
type Runtime struct {
	Name      string
	Namespace string // "default" when the file names none
	Replicas  int    // workers, at least 1

	Master Master
	Worker Worker
	Fuse   Fuse

	// Levels are the tiers of every worker, the fastest first; at least one, no
	// two of one medium.
	Levels []Level

	// Properties are for all processes. Those of Master, Worker and Fuse win
	// over them. The -D pairs of jvmOptions are among them.
	Properties map[string]string
}

// Master is what the masters have in common.
type Master struct {
	Replicas int // a positive odd number
	Process
}

// Worker is what the workers have in common.
type Worker struct{ Process }

// Fuse is what the mounts have in common.
type Fuse struct {
	// Args are the arguments of GooseFS's mount program.
	Args []string
	Process
}

// MountOptions are the options in Args, as after -o of mount: those of each
// --fuse-opts=a,b=c.
func (f Fuse) MountOptions() []string {
	var options []string
	for _, arg := range f.Args {
		list, ok := strings.CutPrefix(arg, "--fuse-opts=")
		if !ok {
			continue
		}
		for _, o := range strings.Split(list, ",") {
			if o = strings.TrimSpace(o); o != "" {
				options = append(options, o)
			}
		}
	}
	return options
}

// Process is what any process may be given.
type Process struct {
	Properties map[string]string
	Env        map[string]string // environment variables
}

// A Level is one tier.
type Level struct {
	MediumType string   // MEM, SSD or HDD
	Paths      []string // absolute; no folder is used twice
	Quotas     []int64  // bytes, one for each path
	High, Low  float64  // watermarks: above High, bytes leave until Low is reached
	Line       int      // where the level stands in its file, 0 for a default one
}

// DefaultRuntime is for a Dataset that has none: three masters, and three workers
// with 2 GiB each.
func DefaultRuntime(name string) Runtime {
	return Runtime{
		Name: name, Namespace: defaultNamespace, Replicas: 3, Master: Master{Replicas: 3},
		Levels: []Level{{MediumType: "HDD", Paths: []string{"/mnt/disk1"}, Quotas: []int64{2 << 30}, High: 0.8, Low: 0.7}},
	}
}

// defaultLevel is for a Runtime that has none, and is that of Fluid's chart.
func defaultLevel() Level {
	return Level{MediumType: "MEM", Paths: []string{"/dev/shm"}, Quotas: []int64{1 << 30}, High: defaultHigh, Low: defaultLow}
}

const (
	defaultHigh = 0.95
	defaultLow  = 0.7
)
