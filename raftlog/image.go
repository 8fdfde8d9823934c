package raftlog

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.etcd.io/raft/v3/raftpb"
)

// An image travels as
//
//	magic (8) · version (4) · length of the head (4) · crc32c of the head (4) · head · frames
//
// The head is who the members are as of the image, in JSON. The frames hold the state machine's image, compressed by
// zstd: length, crc32c, bytes. A frame of length 0 ends them and is followed by the number of all bytes. So an image
// that was cut short or changed on the way is found out before it is used, whatever the transport promises.
const (
	imageMagic     = "goosimag"
	imageVersion   = 1
	maxHeadBytes   = 1 << 20
	maxFrameBytes  = 256 << 10
	frameHeadBytes = 4 + 4
)

// imageHead is what an image says of the members.
type imageHead struct {
	Voters   []uint64 `json:"voters"`
	Learners []uint64 `json:"learners"`
	Book     []Member `json:"book"`
}

// agrees: an image's head and the message that it came with say the same of who has a vote.
func (m membership) agrees(conf *raftpb.ConfState) bool {
	other := membershipOf(conf, nil)
	return slices.Equal(m.voters, other.voters) && slices.Equal(m.learners, other.learners) && m.unknown() == 0
}

// writeImage writes the image to w, at most rate bytes a second.
func writeImage(w io.Writer, m membership, image io.WriterTo, rate int64) error {
	text, err := json.Marshal(imageHead{m.voters, m.learners, m.book})
	if err != nil {
		panic(err) // numbers and strings only
	}
	head := binary.BigEndian.AppendUint32([]byte(imageMagic), imageVersion)
	head = binary.BigEndian.AppendUint32(head, uint32(len(text)))
	head = binary.BigEndian.AppendUint32(head, crc32.Checksum(text, castagnoli()))
	if _, err := w.Write(append(head, text...)); err != nil {
		return err
	}
	f := &frameWriter{w: w, rate: rate, began: time.Now()}
	b := bufio.NewWriterSize(f, maxFrameBytes)
	z, err := zstd.NewWriter(b, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	_, err = image.WriteTo(z)
	if err = errors.Join(err, z.Close()); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return err
	}
	end := make([]byte, frameHeadBytes, frameHeadBytes+8)
	_, err = w.Write(binary.BigEndian.AppendUint64(end, f.total))
	return err
}

// frameWriter cuts what it gets into frames and is never faster than rate bytes a second since it began: the other
// messages and the disks of the leader want their share.
type frameWriter struct {
	w     io.Writer
	rate  int64
	began time.Time
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
		due := time.Duration(float64(f.total) / float64(f.rate) * float64(time.Second))
		time.Sleep(due - time.Since(f.began))
	}
	return len(p), nil
}

// readImage copies the state machine's image to w. It returns no error only after a whole, unchanged image.
func readImage(w io.Writer, r io.Reader) (membership, error) {
	m, err := readImageHead(r)
	if err != nil {
		return m, err
	}
	f := &frameReader{r: r, buffer: make([]byte, maxFrameBytes)}
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return m, err
	}
	defer z.Close()
	if _, err := z.WriteTo(w); err != nil {
		return m, err
	}
	if !f.ended {
		return m, because(syscall.EIO, "the image goes on behind its end")
	}
	return m, nil
}

func readImageHead(r io.Reader) (m membership, err error) {
	fixed := make([]byte, len(imageMagic)+12)
	if _, err := io.ReadFull(r, fixed); err != nil {
		return m, cutShort(err)
	}
	if string(fixed[:len(imageMagic)]) != imageMagic {
		return m, because(syscall.EIO, "not an image: it begins with %q", fixed[:len(imageMagic)])
	}
	numbers := fixed[len(imageMagic):]
	if v := binary.BigEndian.Uint32(numbers); v != imageVersion {
		return m, because(syscall.EPROTONOSUPPORT, "an image of version %d: this program reads version %d", v, imageVersion)
	}
	length := binary.BigEndian.Uint32(numbers[4:])
	if length > maxHeadBytes {
		return m, because(syscall.EIO, "the image has a head of %d bytes", length)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return m, cutShort(err)
	}
	if crc32.Checksum(text, castagnoli()) != binary.BigEndian.Uint32(numbers[8:]) {
		return m, because(syscall.EIO, "the head of the image was changed on the way")
	}
	var head imageHead
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&head); err != nil {
		return m, because(syscall.EPROTONOSUPPORT, "the head of the image: %v", err)
	}
	return membership{head.Voters, head.Learners, head.Book}, nil
}

// frameReader is what the frames hold, verified.
type frameReader struct {
	r      io.Reader
	buffer []byte
	rest   []byte // of the frame begun
	total  uint64
	ended  bool
}

func (f *frameReader) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		if f.ended {
			return 0, io.EOF
		}
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// next reads a frame.
func (f *frameReader) next() error {
	var head [frameHeadBytes]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return cutShort(err)
	}
	n := binary.BigEndian.Uint32(head[:])
	switch {
	case n == 0:
		return f.end()
	case n > maxFrameBytes:
		return because(syscall.EIO, "the image has a frame of %d bytes", n)
	}
	if _, err := io.ReadFull(f.r, f.buffer[:n]); err != nil {
		return cutShort(err)
	}
	if crc32.Checksum(f.buffer[:n], castagnoli()) != binary.BigEndian.Uint32(head[4:]) {
		return because(syscall.EIO, "the image was changed on the way, near byte %d", f.total)
	}
	f.rest = f.buffer[:n]
	f.total += uint64(n)
	return nil
}

func (f *frameReader) end() error {
	var count [8]byte
	if _, err := io.ReadFull(f.r, count[:]); err != nil {
		return cutShort(err)
	}
	if sent := binary.BigEndian.Uint64(count[:]); sent != f.total {
		return because(syscall.EIO, "%d bytes of the image were sent, %d received", sent, f.total)
	}
	f.ended = true
	return nil
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return because(syscall.EIO, "the image was cut short")
	}
	return err
}
