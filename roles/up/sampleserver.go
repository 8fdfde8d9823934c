package up

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// sampleServer is the web server of the quick start: the source of the dataset, within `up` itself. Its address is the
// same each time, since it is part of the mount's URI, which is state.
type sampleServer struct {
	url    string
	sent   atomic.Int64 // bytes of bodies
	server *http.Server
	done   chan error
}

// sampleURL is where the sample is served.
func sampleURL(address string) string {
	return fmt.Sprintf("http://%s/%s/", net.JoinHostPort(address, strconv.Itoa(portSample)), sampleRoot)
}

// serveSample serves the folder until close.
func serveSample(dir, address string) (*sampleServer, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(portSample)))
	if err != nil {
		return nil, fmt.Errorf("web server of the sample: %w", err)
	}
	s := &sampleServer{url: sampleURL(address), done: make(chan error, 1)}
	files := http.FileServer(http.Dir(dir))
	s.server = &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			files.ServeHTTP(&countingWriter{ResponseWriter: w, sent: &s.sent}, r)
		}),
	}
	go func() { s.done <- s.server.Serve(l) }()
	return s, nil
}

// close ends the server and every connection to it.
func (s *sampleServer) close() error {
	err := s.server.Close()
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// countingWriter counts what a handler sends.
type countingWriter struct {
	http.ResponseWriter
	sent *atomic.Int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.sent.Add(int64(n))
	return n, err
}
