package up

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// kind is something that `goosefs get` shows.
type kind struct {
	plural string // as kubectl names it in errors
	group  string // of the API, behind the plural in errors
	names  []string
	header []string
	wide   []string
	rows   func(view) []row

	masters bool // they are asked for it
}

// row is one line of a table, and the same thing as an object.
type row struct {
	name   string
	cells  []string
	wide   []string // further cells of -o wide
	object object
}

// kinds lists all of them.
func kinds() []kind {
	return []kind{
		{
			plural: "pods", names: []string{"pod", "pods", "po"},
			header: []string{"NAME", "READY", "STATUS", "RESTARTS", "AGE"}, wide: []string{"IP", "PORT", "PID", "LAST EXIT"},
			rows: podRows,
		},
		{
			plural: "goosefsruntimes", group: "data.fluid.io", names: []string{"goosefsruntime", "goosefsruntimes", "goose"},
			header: []string{"NAME", "MASTER PHASE", "WORKER PHASE", "FUSE PHASE", "AGE"},
			wide:   []string{"READY MASTERS", "DESIRED MASTERS", "READY WORKERS", "DESIRED WORKERS", "READY FUSES", "DESIRED FUSES"},
			rows:   runtimeRows, masters: true,
		},
		{
			plural: "datasets", group: "data.fluid.io", names: []string{"dataset", "datasets"},
			header: []string{"NAME", "UFS TOTAL SIZE", "CACHED", "CACHE CAPACITY", "CACHED PERCENTAGE", "PHASE", "AGE"},
			wide:   []string{"TOTAL FILES", "UFS", "MOUNT"},
			rows:   datasetRows, masters: true,
		},
	}
}

// findKind knows a kind by any of its names.
func findKind(name string) (kind, error) {
	var known []string
	for _, k := range kinds() {
		for _, n := range k.names {
			if n == strings.ToLower(name) {
				return k, nil
			}
		}
		known = append(known, k.names[0])
	}
	return kind{}, usageError(fmt.Sprintf("the server doesn't have a resource type %q; there are: %s", name, strings.Join(known, ", ")))
}

// notFound is kubectl's sentence for a name that does not exist.
func (k kind) notFound(name string) error {
	plural := k.plural
	if k.group != "" {
		plural += "." + k.group
	}
	return serverError(fmt.Sprintf("Error from server (NotFound): %s %q not found", plural, name))
}

// serverError is printed as it is.
type serverError string

func (e serverError) Error() string { return string(e) }

func podRows(v view) []row {
	var rows []row
	pods := slices.SortedFunc(slices.Values(v.record.Pods), func(a, b PodRecord) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range pods {
		ready := "0/1"
		if p.Ready {
			ready = "1/1"
		}
		pid, port, last := "<none>", "<none>", "<none>"
		if p.Process != nil {
			pid = strconv.Itoa(p.Process.PID)
		}
		if p.Port != 0 {
			port = strconv.Itoa(p.Port)
		}
		if p.LastExit != "" {
			last = p.LastExit
		}
		rows = append(rows, row{
			name:   p.Name,
			cells:  []string{p.Name, ready, string(p.Status), strconv.Itoa(p.Restarts), v.age(p.Created)},
			wide:   []string{p.Address, port, pid, last},
			object: podObject(v, p),
		})
	}
	return rows
}

func runtimeRows(v view) []row {
	n := func(i int) string { return strconv.Itoa(i) }
	return []row{{
		name:  v.record.Name,
		cells: []string{v.record.Name, v.masterPhase(), v.workerPhase(), v.fusePhase(), v.age(v.record.Created)},
		wide: []string{
			n(v.readyMasters()), n(v.record.Runtime.Masters), n(v.readyWorkers()), n(v.record.Runtime.Workers), n(v.ready(RoleFuse)), n(1),
		},
		object: runtimeObject(v),
	}}
}

func datasetRows(v view) []row {
	return []row{{
		name: v.record.Name,
		cells: []string{
			v.record.Name, v.ufsTotal(), formatSize(v.cached), formatSize(v.capacity), v.cachedPercentage(), v.datasetPhase(), v.age(v.record.Created),
		},
		wide:   []string{strconv.FormatInt(v.record.Dataset.Files, 10), v.sources(), v.paths()},
		object: datasetObject(v),
	}}
}
