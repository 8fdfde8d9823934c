package write

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"goosefs/client"
	"goosefs/roles/rolestest"
)

// What keeps a file out of the under file system is told to whoever asks, and once it is mended the file is persisted when
// he asks for it again.
func TestStuckPersistence(t *testing.T) {
	for what, test := range map[string]struct {
		path     string
		data     string
		obstacle func(root string) error
		away     func(root string) error
		errno    syscall.Errno
		says     []string
	}{
		"the name is taken": {
			"/V/k1", "ours",
			func(root string) error { return os.WriteFile(root+"/V/k1", []byte("theirs"), 0o644) },
			func(root string) error { return os.Remove(root + "/V/k1") },
			syscall.EEXIST, []string{"/V/k1 exists, and goosefs did not make it", "give /V/k1 another name (goosefs fs mv)"},
		},
		"the name of an empty file is taken": {
			"/V/k2", "",
			func(root string) error { return os.WriteFile(root+"/V/k2", []byte("theirs"), 0o644) },
			func(root string) error { return os.Remove(root + "/V/k2") },
			syscall.EEXIST, []string{"/V/k2 exists, and goosefs did not make it"},
		},
		"the folder is a file": {
			"/V/sub/k3", "ours",
			func(root string) error { return os.WriteFile(root+"/V/sub", nil, 0o644) },
			func(root string) error { return os.Remove(root + "/V/sub") },
			syscall.ENOTDIR, []string{"/V/sub"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize})
			f := c.Client()
			put(t, f, test.path, []byte(test.data), client.CreateOptions{Recursive: true, Type: client.MustCache})
			if err := os.MkdirAll(c.Root+"/V", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := test.obstacle(c.Root); err != nil {
				t.Fatal(err)
			}
			if err := f.Persist(t.Context(), test.path); err != nil {
				t.Fatal(err)
			}
			var tries client.PersistTries
			eventually(t, "a try fails", func() bool {
				var err error
				tries, err = f.PersistTries(t.Context(), test.path)
				return err == nil && tries.Failed > 0
			})
			for _, says := range test.says {
				if !tries.Stuck || tries.Errno != test.errno || !strings.Contains(tries.Reason, says) || strings.Contains(tries.Reason, ".goosefs-") {
					t.Errorf("it failed of %+v, want %v and %q", tries, test.errno, says)
				}
			}
			if err := test.away(c.Root); err != nil {
				t.Fatal(err)
			}
			if err := f.Persist(t.Context(), test.path); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is persisted", func() bool { return stat(t, f, test.path).Persistence == "PERSISTED" })
			inFolder(t, c, test.path, []byte(test.data))
		})
	}
	f := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1}).Client()
	_, err := f.PersistTries(t.Context(), "/none")
	wants(t, err, syscall.ENOENT, "/none")
}
