package raftlog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"syscall"
)

// An image travels in frames: length, crc32c, bytes. A frame of length 0 ends it and is followed by the number
// of all bytes. So an image that was cut short or changed on the way is found out before it is used, whatever
// the transport promises.
const (
	maxFrameBytes  = 256 << 10
	frameHeadBytes = 4 + 4
)

// writeImage writes the image to w in frames.
func writeImage(w io.Writer, image io.WriterTo) error {
	f := &frameWriter{w: w}
	b := bufio.NewWriterSize(f, maxFrameBytes)
	if _, err := image.WriteTo(b); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return err
	}
	end := make([]byte, frameHeadBytes, frameHeadBytes+8)
	_, err := w.Write(binary.BigEndian.AppendUint64(end, f.total))
	return err
}

type frameWriter struct {
	w     io.Writer
	total uint64
}

func (f *frameWriter) Write(p []byte) (int, error) {
	for part := p; len(part) > 0; {
		n := min(len(part), maxFrameBytes)
		head := binary.BigEndian.AppendUint32(nil, uint32(n))
		head = binary.BigEndian.AppendUint32(head, crc32.Checksum(part[:n], castagnoli()))
		if _, err := f.w.Write(head); err != nil {
			return len(p) - len(part), err
		}
		if _, err := f.w.Write(part[:n]); err != nil {
			return len(p) - len(part), err
		}
		f.total += uint64(n)
		part = part[n:]
	}
	return len(p), nil
}

// readImage copies the bytes of a framed image to w. It returns nil only after a whole, unchanged image.
func readImage(w io.Writer, framed io.Reader) error {
	var total uint64
	head := make([]byte, frameHeadBytes)
	buf := make([]byte, maxFrameBytes)
	for {
		if _, err := io.ReadFull(framed, head); err != nil {
			return cutShort(err)
		}
		n := binary.BigEndian.Uint32(head)
		if n == 0 {
			break
		}
		if n > maxFrameBytes {
			return because(syscall.EIO, "the image has a frame of %d bytes", n)
		}
		if _, err := io.ReadFull(framed, buf[:n]); err != nil {
			return cutShort(err)
		}
		if crc32.Checksum(buf[:n], castagnoli()) != binary.BigEndian.Uint32(head[4:]) {
			return because(syscall.EIO, "the image was changed on the way, near byte %d", total)
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		total += uint64(n)
	}
	if _, err := io.ReadFull(framed, head[:8]); err != nil {
		return cutShort(err)
	}
	if sent := binary.BigEndian.Uint64(head); sent != total {
		return because(syscall.EIO, "%d bytes of the image were sent, %d received", sent, total)
	}
	return nil
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return because(syscall.EIO, "the image was cut short")
	}
	return err
}
