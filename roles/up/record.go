package up

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Record is what `up` writes down for `get`, for `down` and for the next `up`: run/cluster.json. It holds no secrets.
type Record struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Network   string `json:"network"` // 127.81.22.0/24, for the life of the state

	Created time.Time  `json:"created"`           // the first `up` in this folder
	Started time.Time  `json:"started"`           // the latest
	Stopped *time.Time `json:"stopped,omitempty"` // nil while it runs, or died
	Up      *ProcessID `json:"up,omitempty"`      // the `up` that runs or ran; nil when it ended in order

	Sample  bool              `json:"sample"` // the dataset is the quick start's
	Mount   string            `json:"mount"`
	Hosts   map[string]string `json:"hosts"`
	Masters []string          `json:"masters"`
	Pods    []PodRecord       `json:"pods"`
	Runtime RuntimeRecord     `json:"runtime"`
	Dataset DatasetRecord     `json:"dataset"`
}

// Status of a pod, in the words of kubectl.
type Status string

// The statuses.
const (
	StatusPending     Status = "Pending"          // not started yet
	StatusRunning     Status = "Running"          // the process lives
	StatusBackOff     Status = "CrashLoopBackOff" // it died and will be started again
	StatusTerminating Status = "Terminating"      // it was asked to end
	StatusCompleted   Status = "Completed"        // it ended because it was asked to
	StatusUnknown     Status = "Unknown"          // nobody looks after it: `up` is gone
)

// PodRecord is the latest news of a pod.
type PodRecord struct {
	Name     string     `json:"name"`
	Role     Role       `json:"role"`
	Address  string     `json:"address"`
	Port     int        `json:"port,omitempty"`
	Status   Status     `json:"status"`
	Ready    bool       `json:"ready"` // it has answered since it started
	Restarts int        `json:"restarts"`
	Created  time.Time  `json:"created"` // its first start under this `up`
	Started  time.Time  `json:"started"` // its latest
	Process  *ProcessID `json:"process,omitempty"`
	LastExit string     `json:"lastExit,omitempty"` // why it died last
}

// RuntimeRecord is the runtime as it was asked for.
type RuntimeRecord struct {
	Masters int           `json:"masters"`
	Workers int           `json:"workers"`
	Levels  []LevelRecord `json:"levels"`
}

// LevelRecord is a tier of each worker.
type LevelRecord struct {
	MediumType string   `json:"mediumtype"`
	Paths      []string `json:"paths"` // without the worker's own folder
	Quotas     []string `json:"quotas"`
	High       float64  `json:"high"`
	Low        float64  `json:"low"`
}

// DatasetRecord is the dataset as it was asked for, and what is known of its source.
type DatasetRecord struct {
	Mounts   []MountRecord `json:"mounts"`
	Counted  bool          `json:"counted"` // the next two are known
	UFSTotal int64         `json:"ufsTotal"`
	Files    int64         `json:"files"`
}

// MountRecord is a mount as the manifest asked for it; it is taken away again when it is no longer there.
type MountRecord struct {
	Path     string `json:"path"`
	UFS      string `json:"ufs"`
	ReadOnly bool   `json:"readOnly"`
	Shared   bool   `json:"shared"`

	Options map[string]string `json:"options,omitempty"` // secrets masked
}

// loadRecord reads run/cluster.json. No file is nil without an error.
func loadRecord(path string) (*Record, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := new(Record)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w; remove it, and `goosefs up` writes it anew", path, err)
	}
	return r, nil
}

// ledger is the record of a running `up`: every change goes to the file at once.
type ledger struct {
	path string
	mu   struct {
		sync.Mutex
		record Record
	}
}

func newLedger(path string, r Record) *ledger {
	l := &ledger{path: path}
	l.mu.record = r
	return l
}

// update changes the record and writes it. A reader sees the file before or after, never a part.
func (l *ledger) update(change func(*Record)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.mu.record)
	data, err := json.MarshalIndent(l.mu.record, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(l.path, append(data, '\n'), 0o644)
}

// updatePod changes the entry of one pod.
func (l *ledger) updatePod(name string, change func(*PodRecord)) error {
	return l.update(func(r *Record) {
		i := slices.IndexFunc(r.Pods, func(p PodRecord) bool { return p.Name == name })
		if i >= 0 {
			change(&r.Pods[i])
		}
	})
}

// record returns a copy that does not change.
func (l *ledger) record() Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.mu.record
	r.Pods = slices.Clone(r.Pods)
	return r
}

// writeFile replaces a file as a whole, with its folder if need be.
func writeFile(path string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}
