package roles

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"goosefs/conf"
)

func TestProfile(t *testing.T) {
	serve := func(addr string) (log string, stop func(), err error) {
		t.Helper()
		cfg, _, err := conf.Load(conf.Input{EtcDir: t.TempDir(), Env: func(string) string { return "" }, Args: []string{profileProperty + "=" + addr}})
		if err != nil {
			t.Fatal(err)
		}
		var lines strings.Builder
		stop, err = profile(cfg, slog.New(slog.NewTextHandler(&lines, nil)))
		return lines.String(), stop, err
	}
	for addr, want := range map[string]string{
		"0.0.0.0:6060": "an address of this host alone", ":6060": "an address of this host alone", "127.0.0.1": "an address of this host alone",
		"example.org:6060": "an address of this host alone", "127.0.0.1:99999": "invalid port",
	} {
		if _, _, err := serve(addr); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", addr, err, want)
		}
	}
	if log, stop, err := serve(""); err != nil || log != "" {
		t.Errorf("not wanted: %q, %v", log, err)
	} else {
		stop()
	}
	log, stop, err := serve("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, addr, _ := strings.Cut(strings.TrimSpace(log), "address=")
	reply, err := http.Get("http://" + addr + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if text, err := io.ReadAll(reply.Body); err != nil || !strings.Contains(string(text), "goroutine profile") {
		t.Errorf("%.100s, %v", text, err)
	}
	stop()
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}
