package client

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"goosefs/wire/pb"
)

// What a worker says about the source is final: no other is asked.
func TestFinalAnswers(t *testing.T) {
	for errno, isFinal := range map[syscall.Errno]bool{
		syscall.EIO: true, syscall.ESTALE: true, syscall.EACCES: true, syscall.ENOENT: true, syscall.ERANGE: true, syscall.EINVAL: true,
		syscall.EAGAIN: false, syscall.ETIMEDOUT: false, syscall.ENOSPC: false, syscall.ECANCELED: false,
	} {
		p := newPlay(t, 1, 2)
		p.lead(0)
		_, x := p.file(p.client(), 1<<20)
		for _, w := range p.workers {
			w.set(func(w *prompter) {
				w.mu.do = func(*pb.ReadRequest, readStream) error {
					return &fs.PathError{Op: "read", Path: "http://source/f", Err: errno}
				}
			})
		}
		_, err := x.ReadAt(t.Context(), make([]byte, 10), 1000)
		if errnoOf(err) != errno || !strings.Contains(err.Error(), "http://source/f") {
			t.Errorf("%v became %v", errno, err)
		}
		if asked := len(p.workers[1].did()); asked != map[bool]int{true: 0, false: 1}[isFinal] {
			t.Errorf("%v: the other worker was asked %d times", errno, asked)
		}
	}
}

// A worker knows a file that was deleted by its id alone: the reader is told which one it is.
func TestAnswerNamesFile(t *testing.T) {
	p := newPlay(t, 1, 1)
	p.lead(0)
	f := p.client()
	_, x := p.file(f, 1<<20)
	p.workers[0].set(func(w *prompter) {
		w.mu.do = func(*pb.ReadRequest, readStream) error {
			return fmt.Errorf("file changed in UFS since open: %w", &fs.PathError{Op: "read", Path: "file 37", Err: syscall.ESTALE})
		}
	})
	_, err := x.ReadAt(t.Context(), make([]byte, 10), 1000)
	if errnoOf(err) != syscall.ESTALE || !strings.HasPrefix(err.Error(), "cannot read /f: file changed in UFS since open: ") {
		t.Error(err)
	}
}
