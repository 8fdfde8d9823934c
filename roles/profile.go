package roles

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"goosefs/conf"
)

const profileProperty = "goosefs.profile.address"

// profile serves what the Go runtime knows of this process (net/http/pprof) at the configured address, if there is one:
// only to this host, for profiles show names and addresses. stop ends it.
func profile(cfg *conf.Conf, log *slog.Logger) (stop func(), err error) {
	addr := cfg.String(profileProperty)
	if addr == "" {
		return func() {}, nil
	}
	if err := loopback(addr); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", profileProperty, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Warn("profiles are no longer served", "err", err)
		}
	}()
	log.Info("profiles are served", "address", l.Addr())
	return func() {
		server.Close() // of the listener: nothing depends on it
		<-ended
	}, nil
}

// loopback refuses addresses that other hosts can reach.
func loopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	if err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%s=%s: want an address of this host alone, such as 127.0.0.1:6060", profileProperty, addr)
	}
	return nil
}
