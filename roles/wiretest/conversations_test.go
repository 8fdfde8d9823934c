package wiretest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"goosefs/wire/auth"
)

// conversation is what is recorded: a few lines of Python.
type conversation struct {
	program    string            // with fs, a client; write(path, type, size), which writes a file; and written, what it writes
	python     string            // below the folder of clients; the newest version by default
	scheme     auth.Scheme       // how the client logs in; not at all by default
	properties map[string]string // of the client
}

// old is the last version of the package that asks for persistence by a call of its own, and flushes each block.
const old = "python-0.1.9"

// small is the block size of files that are written.
const small = 64 << 10

// prelude is what the program begins with.
func (c conversation) prelude() string {
	properties := map[string]string{"goosefs.security.authentication.type": strings.ToUpper(fmt.Sprint(c.scheme))}
	maps.Copy(properties, c.properties)
	var said []string
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		said = append(said, fmt.Sprintf("%q: %q", key, properties[key]))
	}
	return fmt.Sprintf(`import hashlib
import goosefs
from goosefs import WriteType
written = hashlib.shake_128(b"written").digest(512 << 10)
def write(path, kind, size):
    fs.write_file(path, written[:size], write_type=kind, block_size_bytes=%d)
with goosefs.Goosefs(goosefs.Config(%q, properties={%s})) as fs:
`, small, sceneMaster, strings.Join(said, ", "))
}

// conversations are all that is recorded, by name.
func conversations() map[string]conversation {
	all := conversationsOfReaders()
	maps.Copy(all, conversationsOfWriters())
	return all
}

func conversationsOfReaders() map[string]conversation {
	return map[string]conversation{
		"status": {program: `
print(fs.get_status("/files/large").length, fs.get_status("/").folder, fs.exists("/files/none"))
print([s.length for s in fs.batch_get_status(["/files/small", "/files/empty"])])
`},
		"list": {program: `
print(sorted(s.name for s in fs.list_status("/files")), sorted(s.path for s in fs.list_status("/tree", recursive=True)))
`},
		"read": {program: `
for turn in range(2):
    print(len(fs.read_file("/files/large")), len(fs.read_file("/files/small")), len(fs.read_file("/files/empty")))
print(len(fs.read_range("/files/large", 1000000, 100000)))
`},
		"stream": {program: `
with fs.open_file("/files/large") as f:
    print(len(f.read(70000)), f.seek(-10, 2), len(f.read(-1)), len(f.read_at(1048570, 100)))
`},
		"positioned": {program: `
print(len(fs.positioned_read("/files/large", block_index=2, offset=100)), len(fs.positioned_read("/files/small", length=10)))
`},
		"changes": {program: `
fs.mkdir("/made/here", recursive=True)
fs.rename("/files/small", "/made/here/moved")
print(fs.get_status("/made/here/moved").length, len(fs.read_file("/made/here/moved")))
fs.delete("/made", recursive=True)
fs.delete("/files/empty")
`},
		"errors": {program: `
for attempt in (
    lambda: fs.get_status("/none"), lambda: fs.list_status("/none"), lambda: fs.read_file("/none"), lambda: fs.mkdir("/none/below"), lambda: fs.mkdir("/files/small"),
    lambda: fs.delete("/files"), lambda: fs.delete("/none"), lambda: fs.rename("/files/small", "/files/large"), lambda: fs.rename("/none", "/x"), lambda: fs.get_status("/../x"),
):
    try:
        attempt()
        print("done")
    except goosefs.exceptions.GoosefsError as e:
        print(type(e).__name__)
`},
	}
}

func conversationsOfWriters() map[string]conversation {
	one := map[string]string{"goosefs.user.file.replication.durable": "1", "goosefs.user.file.replication.durable.min": "1"} // there is one worker
	return map[string]conversation{
		"write-must-cache": {program: `
for size in (0, 1, 65535, 65536, 65537, 229376):
    write(f"/files/new-{size}", WriteType.MustCache, size)
    print(fs.get_status(f"/files/new-{size}").persisted, fs.read_file(f"/files/new-{size}") == written[:size])
`},
		"write-through": {program: `
for size in (0, 1, 229376):
    write(f"/files/new-{size}", WriteType.Through, size)
    print(fs.get_status(f"/files/new-{size}").persisted, fs.read_file(f"/files/new-{size}") == written[:size])
`},
		"write-cache-through": {program: `
for size in (0, 1, 229376):
    write(f"/files/new-{size}", WriteType.CacheThrough, size)
    print(fs.get_status(f"/files/new-{size}").persisted, fs.read_file(f"/files/new-{size}") == written[:size])
`},
		"write-async": {properties: one, program: `
for size in (0, 1, 229376):
    write(f"/files/new-{size}", WriteType.AsyncThrough, size)
    print(fs.read_file(f"/files/new-{size}") == written[:size])
`},
		"write-old": {python: old, program: `
for kind in (WriteType.MustCache, WriteType.CacheThrough, WriteType.AsyncThrough):
    write(f"/files/{kind.value}", kind, 150000)
    print(fs.read_file(f"/files/{kind.value}") == written[:150000])
`},
		"write-pieces": {program: `
for kind in (WriteType.MustCache, WriteType.CacheThrough):
    with fs.create_file(f"/new/{kind.value}", write_type=kind, block_size_bytes=65536, recursive=True) as w:
        for at in range(0, 200000, 30000):
            w.write(written[at:min(at + 30000, 200000)])
    print(fs.read_file(f"/new/{kind.value}") == written[:200000])
`},
		"write-cancel": {program: `
for kind in (WriteType.MustCache, WriteType.Through, WriteType.CacheThrough):
    w = fs.create_file(f"/files/{kind.value}", write_type=kind, block_size_bytes=65536)
    w.write(written[:150000])
    w.cancel()
    print(fs.exists(f"/files/{kind.value}"), fs.get_status(f"/files/{kind.value}").completed)
    fs.delete(f"/files/{kind.value}")
    write(f"/files/{kind.value}", kind, 100)
    print(fs.read_file(f"/files/{kind.value}") == written[:100])
`},
		"write-errors": {program: `
for attempt in (
    lambda: write("/files/small", WriteType.MustCache, 10), lambda: write("/files", WriteType.Through, 10), lambda: write("/none/below", WriteType.CacheThrough, 10),
    lambda: write("/files/small/below", WriteType.MustCache, 10), lambda: write("/../x", WriteType.MustCache, 10),
):
    try:
        attempt()
        print("done")
    except goosefs.exceptions.GoosefsError as e:
        print(type(e).__name__)
`},
		"simple": {scheme: auth.SIMPLE, properties: map[string]string{"goosefs.security.login.username": "alice"}, program: `
fs.mkdir("/alice")
write("/alice/f", WriteType.CacheThrough, 100000)
print(fs.get_status("/alice/f").owner, fs.read_file("/alice/f") == written[:100000], len(fs.read_file("/files/small")))
`},
	}
}
