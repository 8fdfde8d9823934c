package up

import (
	"slices"

	"goosefs/manifest"
)

// Role is what a pod does; it is also the verb on its command line.
type Role string

// The roles, in starting order. They stop in the opposite one.
const (
	RoleMaster Role = "master"
	RoleWorker Role = "worker"
	RoleFuse   Role = "fuse"
)

// Pod is one process of the cluster, as planned.
type Pod struct {
	Name       string // hbase-master-0; also its host name
	Role       Role
	Address    string            // its own loopback address
	Port       int               // where it answers others; 0 for the mount
	Ports      []int             // every port it listens on
	Args       []string          // after the name of the binary
	Properties map[string]string // its goosefs-site.properties
	Env        map[string]string // besides the environment of `up`
	Folders    []string          // to be made before it starts
}

// Plan is everything that `up` is going to do, decided beforehand.
type Plan struct {
	Name, Namespace string
	Pods            []Pod             // masters, workers, the mount
	Hosts           map[string]string // name to address
	Masters         []string          // name:port for clients
	Client          map[string]string // the properties of clients; holds no secrets
	Mount           string            // where the mount is
	Dataset         []manifest.Mount  // what the dataset consists of
	Mounts          []manifest.Mount  // of these, what is to be mounted in the namespace: not the root
	Levels          []LevelRecord     // the tiers of each worker
	tiers           []tier
	Notes           []string // what was decided differently from what the manifest says
}

// of returns the pods of a role.
func (p Plan) of(r Role) []Pod {
	return slices.DeleteFunc(slices.Clone(p.Pods), func(pod Pod) bool { return pod.Role != r })
}
