package shell

import (
	"context"
	"io"
	"syscall"

	"goosefs/client"
)

// openFile opens a file for reading, and says so in GooseFS's words where the path is a directory or a link.
func openFile(ctx context.Context, c cluster, path string) (file, error) {
	info, err := c.Stat(ctx, path, client.StatOptions{})
	if err != nil {
		return nil, err
	}
	if info.Dir {
		return nil, mustBeFile("open", path)
	}
	if info.Symlink != "" {
		return nil, isLink("open", info)
	}
	return c.Open(ctx, path)
}

func mustBeFile(op, path string) error {
	return faultf(op, path, syscall.EISDIR, "Path %q must be a file.", path)
}

// isLink is the error of a command that wants a file's bytes.
func isLink(op string, i client.Info) error {
	return faultf(op, i.Path, syscall.EINVAL, "%s is a symbolic link to %s, which is not followed: name what it leads to", i.Path, i.Symlink)
}

// reader reads a file from off to end.
type reader struct {
	ctx      context.Context // of the reads
	f        file
	off, end int64
}

func (r *reader) Read(p []byte) (int, error) {
	if r.off >= r.end {
		return 0, io.EOF
	}
	n, err := r.f.ReadAt(r.ctx, p[:min(int64(len(p)), r.end-r.off)], r.off)
	r.off += int64(n)
	if err == io.EOF && r.off < r.end {
		// The file has the length that it was opened with: an earlier end is not to be taken for its end.
		path := r.f.Info().Path
		return n, faultf("read", path, syscall.EIO, "%s ended after %d of its %d bytes", path, r.off, r.f.Info().Length)
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// readChunk is how much one read asks for.
const readChunk = 1 << 20

// copyRange writes the bytes of f from off to end, a buffer of so many bytes at a time.
func copyRange(ctx context.Context, to io.Writer, f file, off, end int64, buffer int) error {
	_, err := io.CopyBuffer(onlyWriter{to}, &reader{ctx: ctx, f: f, off: off, end: end}, make([]byte, buffer))
	return err
}

// onlyWriter hides a ReadFrom, which would choose a buffer of its own.
type onlyWriter struct{ io.Writer }
