package speed

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// publicDir is a temporary folder that the server's own user can read.
func publicDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "goosefs-speed-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

// command runs to its end, and gives what it printed.
func command(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, complaint.String())
	}
	return out
}

// serve runs a program until the end of the test, and returns its pid once it is ready. What it says is told if the test
// fails.
func serve(t testing.TB, ready func() bool, name string, args ...string) (pid string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	said, err := os.Create(filepath.Join(publicDir(t), "said"))
	must(t, err)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	must(t, cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Errorf("%s does not end by SIGTERM", name)
			cmd.Process.Kill()
		}
		if text, err := os.ReadFile(said.Name()); err == nil && t.Failed() {
			t.Logf("%s said\n%s", name, text)
		}
	})
	for end := time.Now().Add(2 * time.Minute); !ready(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) || len(done) > 0 {
			t.Fatalf("%s is not ready", cmd)
		}
	}
	return strconv.Itoa(cmd.Process.Pid)
}

// nginx serves a folder.
func nginx(t testing.TB, root string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	l.Close()
	dir := publicDir(t)
	config := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events { }
http {
	access_log off; sendfile on; keepalive_requests 100000;
	client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
	server { listen %[2]s; root %[3]s; autoindex on; }
}`, dir, address, root)
	file := filepath.Join(dir, "nginx.conf")
	must(t, os.WriteFile(file, []byte(config), 0o644))
	serve(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, "/usr/sbin/nginx", "-p", dir, "-e", "stderr", "-c", file)
	return "http://" + address + "/"
}

// mountable is something that mounts a web server. It returns the folder that shows its root, and who serves that.
type mountable struct {
	name       string
	mount      func(t *testing.T, source string) (dir string, pids []string)
	firstsOnly bool // it differs from another by first reads only
}

// mounts are what can be compared here.
func mounts(t *testing.T, program string) []mountable {
	all := []mountable{
		goosefs(program, "goosefs"),
		goosefs(program, "without passthrough", "-Dgoosefs.fuse.passthrough.enabled=false"),
		goosefs(program, "without open", "-Dgoosefs.fuse.no.open.enabled=true"),
	}
	prefetching := goosefs(program, "with prefetch", "-Dgoosefs.fuse.prefetch.enabled=true")
	prefetching.firstsOnly = true
	all = append(all, prefetching)
	if path, err := exec.LookPath("rclone"); err == nil {
		all = append(all, mountable{name: "rclone", mount: func(t *testing.T, source string) (string, []string) {
			home := publicDir(t)
			dir := filepath.Join(home, "mnt")
			must(t, os.Mkdir(dir, 0o755))
			t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
			pid := serve(t, shows(dir), path, "mount", ":http:", dir, "--http-url", source, "--vfs-cache-mode", "full", "--read-only",
				"--cache-dir", filepath.Join(home, "cache"), "--config", filepath.Join(home, "none"))
			return dir, []string{pid}
		}})
	} else {
		t.Log("left out: rclone is not installed")
	}
	return all
}

func shows(dir string) func() bool {
	return func() bool {
		_, err := os.Stat(filepath.Join(dir, "bench", "large"))
		return err == nil
	}
}

// mountPID is the pid of the pod that mounts.
func mountPID(t *testing.T, run string) (pids []string) {
	files, err := filepath.Glob(filepath.Join(run, "*-fuse-*.pid"))
	must(t, err)
	for _, file := range files {
		pid, err := os.ReadFile(file)
		must(t, err)
		pids = append(pids, strings.TrimSpace(string(pid)))
	}
	return pids
}

// goosefs is a cluster of `goosefs up`.
func goosefs(program, name string, properties ...string) mountable {
	return mountable{name: name, mount: func(t *testing.T, source string) (string, []string) {
		home := publicDir(t)
		manifest := filepath.Join(home, "manifest.yaml")
		must(t, os.WriteFile(manifest, fmt.Appendf(nil, `apiVersion: data.fluid.io/v1alpha1
kind: Dataset
metadata: {name: speed}
spec:
  mounts:
    - {mountPoint: %q, name: speed}
---
apiVersion: data.fluid.io/v1alpha1
kind: GooseFSRuntime
metadata: {name: speed}
spec:
  replicas: 1
  tieredstore:
    levels:
      - {mediumtype: SSD, path: %s/tier, quota: 8G, high: "0.95", low: "0.7"}
  master: {replicas: 1}
`, source, home), 0o644))
		dir := filepath.Join(home, "mnt", "speed")
		serve(t, shows(dir), program, append([]string{"up", "-f", manifest, "--dir", filepath.Join(home, "goosefs"),
			"--mount", filepath.Join(home, "mnt"), "--read", "0"}, properties...)...)
		return dir, mountPID(t, filepath.Join(home, "goosefs", "run"))
	}}
}
