package e2e_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// webServer is an nginx or an apache2 on a port of its own. It keeps the port when it is stopped.
type webServer struct {
	t       testing.TB
	root    string
	dir     string // configuration, pid, access log
	port    int
	address string // to listen on
	argv    []string
	reach   func() bool // whether it listens
	running *process
}

// publicDir is a temporary folder that a server's own user can read.
func publicDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "goosefs-e2e-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// url ends in a slash.
func (s *webServer) url() string { return fmt.Sprintf("http://%s:%d/", s.address, s.port) }

// start serves until stop, or the end of the test.
func (s *webServer) start() {
	s.t.Helper()
	s.running = start(s.t, s.argv[0], 5*time.Second, exec.Command(s.argv[0], s.argv[1:]...))
	eventually(s.t, 15*time.Second, s.argv[0]+" listens", func() bool {
		if s.running.ends(0) {
			s.t.Fatalf("%s ended by itself:\n%s", s.argv[0], s.running.out)
		}
		return s.reach()
	})
}

// answers says whether one can connect from here.
func (s *webServer) answers() bool {
	conn, err := net.Dial("tcp", net.JoinHostPort(s.address, strconv.Itoa(s.port)))
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// stop kills it at once.
func (s *webServer) stop() {
	syscall.Kill(-s.running.cmd.Process.Pid, syscall.SIGKILL)
	<-s.running.done
}

// freeze makes it silent: it accepts and never answers. thaw ends that.
func (s *webServer) freeze() { syscall.Kill(-s.running.cmd.Process.Pid, syscall.SIGSTOP) }
func (s *webServer) thaw()   { syscall.Kill(-s.running.cmd.Process.Pid, syscall.SIGCONT) }

// requests are the lines of the access log so far: method, status, bytes of the body, path.
func (s *webServer) requests() []string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "access"))
	must(s.t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// newNginx has nginx serve root.
func newNginx(t testing.TB, root string) *webServer {
	t.Helper()
	s := &webServer{t: t, root: root, dir: publicDir(t), port: freePort(t), address: "127.0.0.1"}
	s.reach = s.answers
	s.argv = []string{findServer(t, "nginx"), "-p", s.dir, "-e", "stderr", "-c", s.config(s.nginxConfig())}
	return s
}

// nginxConfig is as little as nginx takes, and an access log for requests.
func (s *webServer) nginxConfig() string {
	return fmt.Sprintf(`
daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events { }
http {
	log_format short '$request_method $status $body_bytes_sent $request_uri';
	access_log %[1]s/access short;
	client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
	server { listen %[2]s:%[3]d; root %[4]s; autoindex on; }
}`, s.dir, s.address, s.port, s.root)
}

// newApache has Debian's apache2 serve root, with its icons and columns as an administrator leaves them.
func newApache(t testing.TB, root string) *webServer {
	t.Helper()
	s := &webServer{t: t, root: root, dir: publicDir(t), port: freePort(t), address: "127.0.0.1"}
	s.reach = s.answers
	const modules = "/usr/lib/apache2/modules"
	_, err := os.Stat(modules)
	need(t, err)
	owner := ""
	if os.Geteuid() == 0 { // it refuses to serve as root
		nobody, err := user.Lookup("www-data")
		if err != nil {
			nobody, err = user.Lookup("nobody")
		}
		must(t, err)
		group, err := user.LookupGroupId(nobody.Gid)
		must(t, err)
		owner = "User " + nobody.Username + "\nGroup " + group.Name
	}
	load := ""
	for _, module := range []string{"mpm_event", "authz_core", "dir", "autoindex"} {
		load += fmt.Sprintf("LoadModule %s_module %s/mod_%s.so\n", module, modules, module)
	}
	s.argv = []string{findServer(t, "apache2"), "-D", "FOREGROUND", "-f", s.config(fmt.Sprintf(`
ServerRoot %[1]s
ServerName localhost
Listen 127.0.0.1:%[2]d
PidFile %[1]s/pid
ErrorLog /dev/stderr
Mutex pthread
%[3]s%[4]s
DocumentRoot "%[5]s"
<Directory "%[5]s">
	Options +Indexes +FollowSymLinks
	IndexOptions FancyIndexing VersionSort HTMLTable NameWidth=30 DescriptionWidth=20
	Require all granted
</Directory>
`, s.dir, s.port, load, owner, root))}
	return s
}

func (s *webServer) config(text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, "server.conf")
	must(s.t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// findServer finds a program that Debian puts where only root looks.
func findServer(t testing.TB, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	need(t, fmt.Errorf("%s is not installed", name))
	return ""
}
