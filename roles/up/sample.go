package up

import (
	"archive/tar"
	"bytes"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sampleRoot is where the sample lies below sample/, and in the URL.
const sampleRoot = "hbase/stable"

// sampleSize is the size of all sample files together, and bigSample that of one of them.
const (
	sampleSize = 64 << 20
	bigSample  = 40 << 20
)

// sampleTarballs lists the tarballs of three releases, the newest at the top as on a mirror, the others in a folder. The
// last one is as large as it must be to make sampleSize.
func sampleTarballs() []struct {
	name string
	size int
} {
	return []struct {
		name string
		size int
	}{
		{"hbase-2.6.4-bin.tar.gz", bigSample},
		{"hbase-2.6.4-client-bin.tar.gz", 6 << 20},
		{"hbase-2.6.4-src.tar.gz", 3 << 20},
		{"previous/hbase-2.5.13-bin.tar.gz", 8 << 20},
		{"previous/hbase-2.5.13-src.tar.gz", 2 << 20},
		{"previous/hbase-2.4.18-src.tar.gz", 1 << 20},
		{"previous/hbase-2.4.18-bin.tar.gz", 0},
	}
}

// makeSample makes the files of the quick start below dir, unless they are there. They are the same bytes on every
// machine: real .tar.gz archives, though of pseudo-random content, real checksums beside them, and a few texts.
func makeSample(dir string) (made bool, err error) {
	if _, err := os.Stat(dir); err == nil {
		return false, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return false, err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".sample-*")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(tmp)
	if err := writeSample(filepath.Join(tmp, sampleRoot)); err != nil {
		return false, err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return false, err
	}
	return true, os.Rename(tmp, dir)
}

func writeSample(root string) error {
	left := sampleSize
	write := func(name string, data []byte) error {
		left -= len(data)
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := writeFile(path, data, 0o644); err != nil {
			return err
		}
		released := time.Date(2025, 11, 12, 9, 30, 0, 0, time.UTC)
		return os.Chtimes(path, released, released)
	}
	texts := map[string]string{"CHANGES.md": sampleText("Changelog", 400), "RELEASENOTES.md": sampleText("Release notes", 60)}
	for _, name := range sortedKeys(texts) {
		if err := write(name, []byte(texts[name])); err != nil {
			return err
		}
	}
	for _, t := range sampleTarballs() {
		base := filepath.Base(t.name)
		checksumLen := hex.EncodedLen(sha512.Size) + len("  \n") + len(base)
		size := t.size
		if size == 0 {
			size = left - checksumLen
		}
		data := tarball(base, size)
		if err := write(t.name, data); err != nil {
			return err
		}
		sum := sha512.Sum512(data)
		if err := write(t.name+".sha512", fmt.Appendf(nil, "%x  %s\n", sum, base)); err != nil {
			return err
		}
	}
	return nil
}

// sampleText makes a list of n entries.
func sampleText(title string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# HBase %s\n\nThis is sample text, made by `goosefs up`.\n\n", title)
	for i := range n {
		fmt.Fprintf(&b, "* HBASE-%05d: sample entry %d\n", 28000+i, i+1)
	}
	return b.String()
}

// tarball returns a .tar.gz of exactly size bytes with one file of pseudo-random bytes, named after it. The compression
// method is "stored", so that the bytes do not depend on the version of a compressor.
func tarball(name string, size int) []byte {
	const (
		gzipHeader, gzipTrailer = 10, 8
		blockHeader, maxBlock   = 5, 65535
		tarHeader, tarEnd       = 512, 1024
	)
	overhead := func(n int) int {
		return gzipHeader + gzipTrailer + n + blockHeader*((n+maxBlock-1)/maxBlock)
	}
	n := (size - gzipHeader - gzipTrailer) / 512 * 512
	for overhead(n) > size {
		n -= 512
	}
	content := make([]byte, n-tarHeader-tarEnd)
	var seed [32]byte
	copy(seed[:], name)
	rand.NewChaCha8(seed).Read(content)

	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	header := &tar.Header{
		Name: strings.TrimSuffix(name, ".tar.gz") + "/sample.bin", Mode: 0o644, Size: int64(len(content)),
		ModTime: time.Unix(1762900000, 0), Format: tar.FormatUSTAR,
	}
	// A bytes.Buffer does not fail, and the header is valid.
	w.WriteHeader(header)
	w.Write(content)
	w.Close()

	out := make([]byte, 0, size)
	// What is missing to size becomes the comment that a gzip header may have (RFC 1952): text and a zero.
	if pad := size - overhead(n); pad > 0 {
		out = append(out, 0x1f, 0x8b, 8, 1<<4, 0, 0, 0, 0, 0, 3)
		out = append(out, bytes.Repeat([]byte{'.'}, pad-1)...)
		out = append(out, 0)
	} else {
		out = append(out, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3)
	}
	for rest := archive.Bytes(); len(rest) > 0; {
		block := rest[:min(len(rest), maxBlock)]
		rest = rest[len(block):]
		last := byte(0)
		if len(rest) == 0 {
			last = 1
		}
		out = append(out, last)
		out = binary.LittleEndian.AppendUint16(out, uint16(len(block)))
		out = binary.LittleEndian.AppendUint16(out, ^uint16(len(block)))
		out = append(out, block...)
	}
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(archive.Bytes()))
	return binary.LittleEndian.AppendUint32(out, uint32(archive.Len()))
}
