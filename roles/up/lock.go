package up

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// acquire takes the folder for this process. The lock goes with the process; a second `up` is told who has it.
func acquire(l layout) (*flock.Flock, error) {
	if err := os.MkdirAll(l.run(), 0o755); err != nil {
		return nil, fmt.Errorf("--dir %s: %w", short(l.Dir), err)
	}
	lock := flock.New(l.lock())
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.lock(), err)
	}
	if !ok {
		holder, _ := os.ReadFile(l.lock())
		pid := strings.TrimSpace(string(holder))
		if pid == "" {
			pid = "unknown"
		}
		return nil, fmt.Errorf("a cluster runs in %s already (pid %s); stop it with `goosefs down --dir %s`, or take another --dir", short(l.Dir), pid, short(l.Dir))
	}
	if err := os.WriteFile(l.lock(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return nil, err
	}
	return lock, nil
}
