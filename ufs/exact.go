package ufs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
)

// Exact is the checked reader: whatever a kind gets from its source passes
// through one. It reads exactly Length bytes from Body and then io.EOF; it
// withholds the last bytes until the end is proven, so a caller that has all of
// them (io.ReadFull included) has the truth.
//
// An Exact is for one goroutine.
type Exact struct {
	Op, Path string // for errors
	Body     io.ReadCloser
	Length   int64

	// Whole says that Body must end after Length bytes: one more is an error.
	Whole bool

	// End, if not nil, is called once when the last bytes have come and before
	// they are handed over. Its error is given to the caller in their stead.
	End func() error

	got int64
	end error // what every further Read returns
}

// Read implements io.Reader.
func (e *Exact) Read(p []byte) (int, error) {
	if e.end != nil {
		return 0, e.end
	}
	left := e.Length - e.got
	if left == 0 { // only for Length 0: others end together with their last byte
		e.end = e.finish()
		return 0, e.end
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := e.Body.Read(p[:min(int64(len(p)), left)])
	e.got += int64(n)
	if e.got == e.Length {
		if e.end = e.finish(); e.end != io.EOF {
			return 0, e.end
		}
		return n, io.EOF
	}
	if err != nil {
		e.end = e.broken(err)
	}
	return n, e.end
}

// Close closes Body.
func (e *Exact) Close() error {
	if e.end == nil {
		e.end = &fs.PathError{Op: e.Op, Path: e.Path, Err: fs.ErrClosed}
	}
	return e.Body.Close()
}

// finish proves the end: io.EOF if all is well.
func (e *Exact) finish() error {
	if e.Whole {
		var extra [1]byte
		n, err := io.ReadFull(e.Body, extra[:])
		if n > 0 {
			return e.fail(fmt.Sprintf("the source sent more than the %d bytes of the answer", e.Length))
		}
		if err != io.EOF {
			return e.broken(err)
		}
	}
	if e.End != nil {
		if err := e.End(); err != nil {
			return err
		}
	}
	return io.EOF
}

// broken turns the error of a body that stopped early into the caller's.
func (e *Exact) broken(err error) error {
	var known *fs.PathError
	if errors.As(err, &known) {
		return err
	}
	text := fmt.Sprintf("the answer broke off after %d of %d bytes", e.got, e.Length)
	if err != io.EOF && err != io.ErrUnexpectedEOF {
		text += ": " + err.Error()
	}
	return e.fail(text)
}

func (e *Exact) fail(text string) error {
	return &fs.PathError{Op: e.Op, Path: e.Path, Err: &Reason{Errno: syscall.EIO, Text: text, Temporary: true}}
}

// CheckRange is EINVAL unless [off, off+n) lies inside [0, size).
func CheckRange(size, off, n int64) error {
	if off < 0 || n < 0 || off > size || n > size-off {
		return syscall.EINVAL
	}
	return nil
}
