package up

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sampleTreeSHA256 is the sha256 of "name size mtime sha256" lines of the sample's files. It is the same on every machine.
const sampleTreeSHA256 = "8e1727d6211c04ff756573e32b471ce3e5d019dc152097fe431e320d80cf0074"

func TestSampleIsTheSameEverywhere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sample")
	if made, err := makeSample(dir); err != nil || !made {
		t.Fatal(made, err)
	}
	if made, err := makeSample(dir); err != nil || made {
		t.Errorf("made again: %t, %v", made, err)
	}
	root := filepath.Join(dir, sampleRoot)
	names, rest, err := listFiles(root, -1)
	if err != nil || rest != 0 {
		t.Fatal(rest, err)
	}
	p, err := readAll(context.Background(), root, names, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	if p.bytes != 64<<20 {
		t.Errorf("%d bytes, want 64 MiB", p.bytes)
	}
	tree := sha256.New()
	for _, name := range names {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(tree, "%s %d %d %x\n", name, info.Size(), info.ModTime().Unix(), p.sums[name])
	}
	if got := fmt.Sprintf("%x", tree.Sum(nil)); got != sampleTreeSHA256 {
		t.Errorf("the sample is %s, want %s", got, sampleTreeSHA256)
	}
	if info, err := os.Stat(filepath.Join(root, "hbase-2.6.4-bin.tar.gz")); err != nil || info.Size() != 40<<20 {
		t.Errorf("the large tarball: %v, %v", info, err)
	}
}

func TestSampleTarballsAreTarballs(t *testing.T) {
	for _, size := range []int{1 << 20, 1<<20 + 1, 1<<20 + 511, 70_000, 65_535 + 23, 8_000_001} {
		data := tarball("hbase-1.2.3-bin.tar.gz", size)
		if len(data) != size {
			t.Fatalf("%d bytes, want %d", len(data), size)
		}
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		r := tar.NewReader(z)
		h, err := r.Next()
		if err != nil || h.Name != "hbase-1.2.3-bin/sample.bin" {
			t.Fatalf("%d: %v, %v", size, h, err)
		}
		if n, err := io.Copy(io.Discard, r); err != nil || n != h.Size {
			t.Errorf("%d: %d bytes of %d, %v", size, n, h.Size, err)
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("%d: after the file: %v", size, err)
		}
		if _, err := io.Copy(io.Discard, z); err != nil { // checks the crc
			t.Errorf("%d: %v", size, err)
		}
	}
}

func TestSampleChecksumsAreRight(t *testing.T) {
	dir := os.Getenv(envSample)
	checked := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, ok := strings.CutSuffix(path, ".sha512")
		if err != nil || !ok {
			return err
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		if got := fmt.Sprintf("%x  %s\n", sha512.Sum512(data), filepath.Base(name)); got != string(want) {
			t.Errorf("%s: %s", path, want)
		}
		checked++
		return err
	})
	if err != nil || checked != len(sampleTarballs()) {
		t.Errorf("checked %d, %v", checked, err)
	}
}

func TestSampleThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := makeSample(filepath.Join(file, "sample")); err == nil {
		t.Error("made below a file")
	}
}

func TestSampleServer(t *testing.T) {
	dir := t.TempDir()
	if err := writeFile(filepath.Join(dir, sampleRoot, "CHANGES.md"), []byte("0123456789"), 0o644); err != nil {
		t.Fatal(err)
	}
	address := hostIn(subnetOf(dir, 0), hostSample)
	s, err := serveSample(dir, address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := serveSample(dir, address); err == nil {
		t.Error("two servers at one address")
	}
	get := func(name, ranged string) string {
		req, err := http.NewRequest("GET", s.url+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if ranged != "" {
			req.Header.Set("Range", ranged)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(resp.StatusCode, " ", string(body))
	}
	if got := get("CHANGES.md", "bytes=2-4"); got != "206 234" || s.sent.Load() != 3 {
		t.Errorf("a range: %q, sent %d", got, s.sent.Load())
	}
	if got := get("", ""); !strings.Contains(got, `<a href="CHANGES.md">`) {
		t.Errorf("the index: %s", got)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if err := listenable(fmt.Sprintf("%s:%d", address, portSample)); err != nil {
		t.Errorf("after close: %v", err)
	}
}

func TestReadAllAndCompare(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, dir := range []string{a, b} {
		for _, name := range []string{"x", "sub/y", "sub/z"} {
			if err := writeFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	names, rest, err := listFiles(a, 6)
	if got := fmt.Sprint(names, rest, err); got != "[sub/y] 2 <nil>" {
		t.Errorf("the first 6 bytes: %s", got)
	}
	names, _, _ = listFiles(a, -1)
	first, err := readAll(context.Background(), a, names, func(int64) {})
	if err != nil || first.files != 3 || first.bytes != 11 {
		t.Fatalf("%+v, %v", first, err)
	}
	if err := os.WriteFile(filepath.Join(b, "sub/y"), []byte("wrong"), 0o644); err != nil {
		t.Fatal(err)
	}
	second, err := readAll(context.Background(), b, names, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.compare(first, "itself"); err != nil {
		t.Error(err)
	}
	if err := first.compare(second, "b"); err == nil || !strings.HasPrefix(err.Error(), "sub/y: sha256 ") {
		t.Errorf("other bytes: %v", err)
	}
	fewer, _ := readAll(context.Background(), a, names[:2], func(int64) {})
	if err := first.compare(fewer, "b"); err == nil || err.Error() != "x: not in b" {
		t.Errorf("fewer files: %v", err)
	}
	if err := fewer.compare(first, "b"); err == nil || err.Error() != "2 files, but 3 in b" {
		t.Errorf("more files: %v", err)
	}
	if _, err := readAll(context.Background(), a, []string{"none"}, func(int64) {}); err == nil {
		t.Error("a file that is not there")
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errInterrupted)
	if _, err := readAll(ctx, a, names, func(int64) {}); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("interrupted: %v", err)
	}
	if _, _, err := listFiles(filepath.Join(a, "none"), -1); err == nil {
		t.Error("a folder that is not there")
	}
}

func TestSameNames(t *testing.T) {
	for _, test := range []struct{ mount, source, want string }{
		{"", "", "<nil>"}, {"a b", "a b", "<nil>"},
		{"a", "a b", "b: not in the mount"}, {"b", "a b", "a: not in the mount"}, {"a c", "a b", "b: not in the mount"},
		{"a b", "a", "b: not in the source"}, {"a b", "b", "a: not in the source"},
	} {
		if got := fmt.Sprint(sameNames(strings.Fields(test.mount), strings.Fields(test.source))); got != test.want {
			t.Errorf("%q against %q: %s, want %s", test.mount, test.source, got, test.want)
		}
	}
}

func TestOrigin(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		kernel, fetched int64
		want            string
	}{
		{0, 64 * mib, "all from the source"},
		{0, 65 * mib, "all from the source"}, // with listings
		{0, 0, "all from the workers' cache"},
		{0, 2000, "all from the workers' cache"}, // listings only
		{64 * mib, 0, "all from the kernel's page cache"},
		{24 * mib, 0, "40.00MiB from the workers' cache, 24.00MiB from the kernel's page cache"},
		{24 * mib, 30 * mib, "30.00MiB from the source, 10.00MiB from the workers' cache, 24.00MiB from the kernel's page cache"},
		{-1, 0, "all from the workers' cache or the kernel's"},
		{0, -5, "all from the workers' cache"}, // a worker has restarted
	} {
		if got := (pass{bytes: 64 * mib, kernel: test.kernel}).origin(test.fetched); got != test.want {
			t.Errorf("kernel %d, fetched %d: %s, want %s", test.kernel, test.fetched, got, test.want)
		}
	}
}

func TestFormats(t *testing.T) {
	for n, want := range map[int64]string{0: "0.00B", 1023: "1023.00B", 1024: "1.00KiB", 6 << 30: "6.00GiB", 2061584302: "1.92GiB", 1 << 62: "4.00EiB"} {
		if got := formatSize(n); got != want {
			t.Errorf("formatSize(%d) = %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 84 * time.Second: "84s", 119 * time.Second: "119s", 2 * time.Minute: "2m", 244 * time.Second: "4m4s", 15*time.Minute + 30*time.Second: "15m",
		3 * time.Hour: "3h", 185 * time.Minute: "3h5m", 26 * time.Hour: "26h", 51 * time.Hour: "2d3h", 240 * time.Hour: "10d",
	} {
		if got := formatAge(d); got != want {
			t.Errorf("formatAge(%d) = %s, want %s", d, got, want)
		}
	}
	if got := formatPercent(1, 3) + formatPercent(1, 0) + formatRate(5e6, 2*time.Second) + formatRate(1, 0); got != "33.3%0.0%2 MB/s-" {
		t.Error(got)
	}
}
