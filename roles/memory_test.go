package roles

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

const memoryChild = "GOOSEFS_ROLES_TEST_MEMORY"

// In a container that may use 100 MiB the garbage collector knows it.
func TestMemoryLimit(t *testing.T) {
	if os.Getenv(memoryChild) != "" {
		limitMemory(slog.Default())
		fmt.Println("limit", debug.SetMemoryLimit(-1))
		return
	}
	group, file := filepath.Join("/sys/fs/cgroup/memory", fmt.Sprintf("goosefs-test-%d", os.Getpid())), "memory.limit_in_bytes"
	if _, err := os.Stat("/sys/fs/cgroup/memory"); err != nil {
		group, file = filepath.Join("/sys/fs/cgroup", filepath.Base(group)), "memory.max"
	}
	err := os.Mkdir(group, 0o755)
	if err == nil {
		t.Cleanup(func() { os.Remove(group) })
		err = os.WriteFile(filepath.Join(group, file), []byte("104857600"), 0o644)
	}
	if err != nil && os.Getenv("GOOSEFS_TEST_ALL") != "1" {
		t.Skipf("control groups cannot be made here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("sh", "-c", `echo $$ >"$0"/cgroup.procs && exec "$@"`, group, os.Args[0], "-test.run=^TestMemoryLimit$", "-test.v")
	child.Env = append(os.Environ(), memoryChild+"=1")
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "limit 94371840\n") {
		t.Errorf("%v: %s", err, out)
	}
}
