package bench

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestBadFilesCommandLines(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "name a folder to measure"},
		{"/x /y", `unexpected "/y": a second folder is named by --compare`},
		{"/x --fly", "flag provided but not defined: -fly"},
		{"/x --size", "flag needs an argument: -size"},
		{"/x --runs many", "--runs many: "},
		{"/x --size 0", "--size 0: want a size above 0, such as 1MiB"},
		{"/x --block big", "--block big: want a size above 0, such as 1MiB"},
		{"/x --file-size -1", "--file-size -1: want a size above 0"},
		{"/x --size 1KiB", "--size 1 KiB: want at least one --block of 1 MiB"},
		{"/x --size 1KiB --block 1KiB", "--size 1 KiB: want at least one --random-block of 4 KiB"},
		{"/x --files 0", "--files 0: want at least 1"},
		{"/x --jobs 1,0", "--jobs 1,0: want numbers above 0, such as 1,8"},
		{"/x --random-jobs=", "--random-jobs is empty"},
		{"/x --readers x", "--readers x: want numbers above 0"},
		{"/x --pid me", "--pid me: want numbers above 0"},
		{"/x --only files,fly", "--only fly: want some of sequential,random,files,stat,open,readdir,list,create"},
		{"/x --phases hot", "--phases hot: want some of cold,mount-cold,warm"},
		{"/x --phases mount-cold", "--phases mount-cold needs --compare"},
		{"/x --runs 0", "--runs 0: want at least 1"},
		{"/x --duration 0s", "--duration 0s: want a duration above 0"},
		{"/x --data ../y", "--data ../y: want the name of a folder below DIR"},
		{"/x --data y --keep", "--keep is for files that this run lays"},
		{"/x --compare-pid 1", "--compare-pid needs --compare"},
		{"/x --compare /x/", "--compare /x/ is the same folder"},
		{"/x --lay /y", "--lay /y only makes files"},
	} {
		text, code := executeBench(t, append([]string{"files"}, strings.Fields(c.args)...)...)
		if code != 2 || !strings.Contains(text, "goosefs bench files: "+c.want) || strings.Contains(text, "\n") {
			t.Errorf("%s: %d, %q; want %q", c.args, code, text, c.want)
		}
	}
}

// The whole story by the command line: lay, read as JSON, as a table; what fails exits with 1.
func TestFilesCommand(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	args := []string{"--size", "64KiB", "--files", "5", "--file-size", "1KiB"}
	for _, want := range []string{" has ", " had "} {
		if text, code := executeBench(t, append([]string{"files", "--lay", data}, args...)...); code != 0 || text != data+want+"a file of 64 KiB and 5 files of 1 KiB\n" {
			t.Fatalf("%d, %q", code, text)
		}
	}
	text, code := executeBench(t, "files", dir, "--data", "data", "--block", "4KiB", "--runs", "1", "--duration", "5ms", "--only", "files,stat", "--json")
	var report FilesReport
	if err := json.Unmarshal([]byte(text), &report); err != nil || code != 0 || len(report.Lines) != 6 || report.Layout.FileSize != 1024 {
		t.Errorf("%d, %v, %s", code, err, text)
	}
	text, code = executeBench(t, "files", "--block", "4KiB", "--runs", "1", "--duration", "5ms", "--only", "create", "--size=64KiB", "--files=5", "--file-size=1KiB", dir)
	if code != 0 || !strings.Contains(text, "unlink") {
		t.Errorf("%d, %s", code, text)
	}
	if text, code = executeBench(t, "files", dir, "--data", "data", "--files", "6"); code != 1 || !strings.Contains(text, "data holds a file of 64 KiB and 5 files of 1 KiB, not") {
		t.Errorf("%d, %s", code, text)
	}
	// Of which nothing can be measured, the reasons are told, and that it failed.
	for format, words := range map[string]string{"": "left out: stat, cold: ", "--json": `"leftOut": [`} {
		args := []string{"files", dir, "--data", "data", "--block", "4KiB", "--only", "stat", "--phases", "cold"}
		if format != "" {
			args = append(args, format)
		}
		if text, code = executeBench(t, args...); code != 1 || !strings.Contains(text, words) || !strings.Contains(text, "nothing of what was asked for could be measured") {
			t.Errorf("%d, %s", code, text)
		}
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
}

func filesSample() *FilesReport {
	cpu := 0.456
	return &FilesReport{
		Version: "2.1.0", Time: time.Date(2026, 3, 7, 1, 2, 3, 0, time.UTC), CPUs: 2, Runs: 3, Seconds: 2.5,
		Folders: []Folder{{"/mnt/goosefs", "fuse.goosefs", []int{17}}, {"/srv/source", "ext4", nil}},
		Layout:  FilesLayout{Size: 1 << 30, Files: 10_000, FileSize: 100 << 10, Complete: true},
		Lines: []FilesLine{
			{
				Operation: "read 1 MiB sequential", Jobs: 4, Phase: "cold", Unit: "MB/s", Ratio: &Spread{0.5, 0.25, 0.75},
				Folders: []Series{
					{Runs: []float64{1, 2, 3}, Rate: Spread{1234.5, 1000, 2000}, P50: 850.4, P99: 1500, Bytes: 3 << 30, CPU: &cpu, Resident: 100 << 20},
					{Runs: []float64{1, 2, 3}, Rate: Spread{2469, 2000, 4000}, P50: 0.5, P99: 12.34, Bytes: 3 << 30},
				},
			},
			{
				Operation: "stat", Jobs: 1, Unit: "per second", Ratio: &Spread{1, 1, 1},
				Folders: []Series{{Rate: Spread{1e6, 1e6, 1e6}, CPU: &cpu}, {Rate: Spread{1e6, 1e6, 1e6}}},
			},
		},
		LeftOut: []LeftOut{{"create, unlink", "/mnt/goosefs: read-only file system"}},
	}
}

func TestFilesTable(t *testing.T) {
	var got strings.Builder
	if err := filesSample().writeTable(&got); err != nil {
		t.Fatal(err)
	}
	want := `goosefs 2.1.0, 2 processors, 2026-03-07 01:02:03; a file of 1 GiB and 10,000 files of 100 KiB; 3 runs of 2.5s at most; cold: the kernel's pages of the files are dropped
A is /mnt/goosefs (fuse.goosefs)
B is /srv/source (ext4)

              operation  at once  phase        unit          A              min – max  p50 µs  p99 µs  CPU s   memory          B              min – max  p50 µs  p99 µs  A / B    min – max
  read 1 MiB sequential        4   cold        MB/s      1,235          1,000 – 2,000     850   1,500   0.46  100 MiB      2,469          2,000 – 4,000    0.50    12.3   0.50  0.25 – 0.75
                   stat        1         per second  1,000,000  1,000,000 – 1,000,000    0.00    0.00   0.46    0 MiB  1,000,000  1,000,000 – 1,000,000    0.00    0.00   1.00  1.00 – 1.00
CPU s: of the processes named, for each GB, or for each million operations that read nothing
left out: create, unlink: /mnt/goosefs: read-only file system
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestFilesJSON(t *testing.T) {
	var text strings.Builder
	want := filesSample()
	if err := want.writeJSON(&text); err != nil {
		t.Fatal(err)
	}
	var got FilesReport
	if err := json.Unmarshal([]byte(text.String()), &got); err != nil || !reflect.DeepEqual(&got, want) {
		t.Errorf("%v: %+v", err, got)
	}
	if s := want.Lines[0].summary(); s != "read 1 MiB sequential, 4 at once, cold: 1,235 and 2,469 MB/s, ratio 0.50" {
		t.Error(s)
	}
}
