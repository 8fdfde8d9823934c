package web_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"goosefs/ufs"
	"goosefs/ufs/ufstest"
	"goosefs/ufs/web"
)

// server is a real web server that a test starts over a folder.
type server struct {
	name   string
	start  func(t *testing.T, root string) (base string)
	hidden func(name string) bool
}

func servers() []server {
	dot := func(name string) bool { return strings.HasPrefix(name, ".") }
	return []server{
		{name: "nginx", start: startNginx, hidden: dot}, // nginx does not list names with a leading dot
		{name: "apache-plain", start: startApache("")},
		{name: "apache-fancy", start: startApache("IndexOptions FancyIndexing")},
		{name: "apache-table", start: startApache("IndexOptions FancyIndexing HTMLTable NameWidth=*")},
		{name: "lighttpd", start: startLighttpd(`mimetype.assign = ("" => "application/octet-stream")`)},
		{name: "lighttpd-without-validators", start: startLighttpd("")},
		{name: "python", start: startPython},
		{name: "go", start: startGo},
	}
}

// Every real server passes the suite of all kinds. One process per server; each
// test of the suite has a folder of its own below its root.
func TestRealServers(t *testing.T) {
	for _, s := range servers() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			root := publicDir(t)
			base := s.start(t, root)
			var count atomic.Int32
			ufstest.Run(t, func(t *testing.T) ufstest.Fixture {
				folder := fmt.Sprintf("test %d", count.Add(1))
				must(t, os.Mkdir(filepath.Join(root, folder), 0o755))
				f := ufstest.Folder(filepath.Join(root, folder))
				f.UFS = mount(t, base+"/"+strings.ReplaceAll(folder, " ", "%20"), web.Options{})
				f.Hidden = s.hidden
				return f
			})
		})
	}
}

// What the mount shows is what the folder holds, with the bytes of the folder, all the way down.
func TestRealServersTree(t *testing.T) {
	for _, s := range servers() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			root := publicDir(t)
			f := ufstest.Folder(root)
			want := map[string][]byte{}
			for i := range 60 {
				name := fmt.Sprintf("release %d/ü%d/file-%d.tar.gz", i%3, i%5, i)
				want[name] = ufstest.Bytes(i * 997)
				f.Put(t, name, want[name])
			}
			u := mount(t, s.start(t, root), web.Options{})
			got := map[string][]byte{}
			walk(t, u, "", got)
			if len(got) != len(want) {
				t.Errorf("found %d files, want %d", len(got), len(want))
			}
			for name, data := range want {
				if string(got[name]) != string(data) {
					t.Errorf("%s: %d bytes, want %d", name, len(got[name]), len(data))
				}
			}
		})
	}
}

func walk(t *testing.T, u ufs.UFS, name string, files map[string][]byte) {
	t.Helper()
	all, err := ufstest.Collect(t.Context(), u, name)
	must(t, err)
	for _, info := range all {
		path := strings.TrimPrefix(name+"/"+info.Name, "/")
		if info.Dir {
			walk(t, u, path, files)
			continue
		}
		files[path], err = ufstest.Read(t.Context(), u, path, info.Version, 0, info.Size)
		must(t, err)
	}
}

func mount(t testing.TB, base string, opt web.Options) *web.UFS {
	t.Helper()
	u, err := web.New(base, opt)
	must(t, err)
	t.Cleanup(func() { u.Close() })
	return u
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// skip ends a test that this machine cannot run; GOOSEFS_TEST_ALL=1 says that it must.
func skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("GOOSEFS_TEST_ALL") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// publicDir is a temporary folder that a server's own user can read.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "goosefs-web-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// run starts a server in the foreground, waits until it answers, and ends it with the test.
func run(t *testing.T, port int, argv ...string) string {
	t.Helper()
	path, err := exec.LookPath(argv[0])
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + argv[0]); err != nil {
			skip(t, argv[0]+" is not installed")
		}
	}
	log := filepath.Join(t.TempDir(), "log")
	out, err := os.Create(log)
	must(t, err)
	defer out.Close()
	cmd := exec.Command(path, argv[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	must(t, cmd.Start())
	gone := make(chan struct{})
	go func() {
		cmd.Wait()
		close(gone)
	}()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-gone:
		case <-time.After(5 * time.Second):
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-gone
		}
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for deadline := time.Now().Add(15 * time.Second); ; {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return "http://" + address
		}
		select {
		case <-gone:
			said, _ := os.ReadFile(log)
			t.Fatalf("%s ended by itself: %s", argv[0], said)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen: %v", argv[0], err)
		}
	}
}

func config(t *testing.T, dir, text string) string {
	t.Helper()
	path := filepath.Join(dir, "server.conf")
	must(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func startNginx(t *testing.T, root string) string {
	dir, port := publicDir(t), freePort(t)
	path := config(t, dir, fmt.Sprintf(`
daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events { }
http {
	access_log off;
	client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
	server { listen 127.0.0.1:%[2]d; root %[3]s; autoindex on; }
}`, dir, port, root))
	return run(t, port, "nginx", "-p", dir, "-e", "stderr", "-c", path)
}

func startApache(options string) func(t *testing.T, root string) string {
	return func(t *testing.T, root string) string {
		const modules = "/usr/lib/apache2/modules"
		if _, err := os.Stat(modules); err != nil {
			skip(t, "apache2 is not installed as Debian does it: no "+modules)
		}
		dir, port := publicDir(t), freePort(t)
		owner := ""
		if os.Getuid() == 0 { // apache refuses to serve as root
			name := "www-data"
			if _, err := user.Lookup(name); err != nil {
				name = "nobody"
			}
			group, err := user.LookupGroupId(lookup(t, name).Gid)
			must(t, err)
			owner = "User " + name + "\nGroup " + group.Name
		}
		load := ""
		for _, module := range []string{"mpm_event", "authz_core", "dir", "autoindex"} {
			load += fmt.Sprintf("LoadModule %s_module %s/mod_%s.so\n", module, modules, module)
		}
		path := config(t, dir, fmt.Sprintf(`
ServerRoot %[1]s
ServerName localhost
Listen 127.0.0.1:%[2]d
PidFile %[1]s/pid
ErrorLog %[1]s/errors
Mutex pthread
%[3]s
%[4]s
DocumentRoot "%[5]s"
<Directory "%[5]s">
	Options +Indexes +FollowSymLinks
	Require all granted
	%[6]s
</Directory>
`, dir, port, load, owner, root, options))
		return run(t, port, "apache2", "-D", "FOREGROUND", "-f", path)
	}
}

func lookup(t *testing.T, name string) *user.User {
	t.Helper()
	u, err := user.Lookup(name)
	must(t, err)
	return u
}

func startLighttpd(more string) func(t *testing.T, root string) string {
	return func(t *testing.T, root string) string {
		dir, port := publicDir(t), freePort(t)
		path := config(t, dir, fmt.Sprintf(`
server.document-root = "%s"
server.bind = "127.0.0.1"
server.port = %d
server.modules = ("mod_dirlisting")
dir-listing.activate = "enable"
dir-listing.hide-dotfiles = "disable"
server.stat-cache-engine = "disable" # else it serves what was there a second ago
static-file.disable-pathinfo = "enable" # else /file/below is /file
%s
`, root, port, more))
		return run(t, port, "lighttpd", "-D", "-f", path)
	}
}

func startPython(t *testing.T, root string) string {
	port := freePort(t)
	return run(t, port, "python3", "-m", "http.server", strconv.Itoa(port), "--bind", "127.0.0.1", "--directory", root)
}

func startGo(t *testing.T, root string) string {
	s := httptest.NewServer(http.FileServer(http.Dir(root)))
	t.Cleanup(s.Close)
	return s.URL
}
