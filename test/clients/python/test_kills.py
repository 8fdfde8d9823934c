"""Files are written and read while masters or workers are killed: what was acknowledged is there afterwards, whole.

The program goes on until its standard input ends. Who runs it says in a line when it kills something for the first time, and has all
run again before the end. Each file has a name that only one writer uses, and is begun anew until the client says that it is there.

What the client does not survive by itself, it tells as an error:

- A call to a master whose connection breaks before the answer is not repeated, for the client does not know whether it happened. What
  it repeats carries the same id, so that a file is never in the way of its own creation.
- WriteBlock is never repeated: when its worker dies, so does the file, or, written CACHE_THROUGH, only its place in the cache. Of
  ASYNC_THROUGH, a block needs the workers that the client chose for it, two by default.
- A read that has begun is not repeated on another worker.

Nothing worse may happen. A write that failed leaves nothing, or a file that is not complete, which nobody can read, and which can be
removed and made anew; or, if only the last answer was lost, the file, whole."""

import collections
import concurrent.futures
import itertools
import random
import re
import sys
import threading
import time
import unittest

import goosefs
from goosefs.exceptions import IoError, MasterUnavailable, NotFound, NoWorkerAvailable, RpcError

from support import BLOCK as FOUND
from support import TYPES, ClusterTest, config, content

# Of what is written. Small, so that there are many files; what is found has blocks of another size.
BLOCK = 256 << 10
SIZES = (0, 1, (64 << 10) - 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + BLOCK // 2)
WRITERS, READERS = 3, 2
PIECE = 256 << 10  # of what is read slowly
PATIENCE = 30  # seconds, for one step
TROUBLE = (IoError, MasterUnavailable, NoWorkerAvailable, RpcError)
# What is not persisted is nowhere but in the cache.
CACHED = ("MUST_CACHE", "TRY_CACHE")


def patiently(step):
    """What step returns, which may be done again if it fails."""
    end = time.time() + PATIENCE
    while True:
        try:
            return step()
        except TROUBLE:
            if time.time() > end:
                raise
            time.sleep(0.05)


def read_anew(path):
    """The bytes of a file, by another client: one that saw a worker die leaves it alone for a minute, also where only that one has them."""

    def read():
        with goosefs.Goosefs(config()) as fs:
            return fs.read_file(path)

    return patiently(read)


class Kills(ClusterTest):
    def setUp(self):
        super().setUp()
        self.killed, self.over = threading.Event(), threading.Event()
        self.failures = collections.Counter()

    def failed(self, what, error):
        """Notes an error. Before anything is killed there may be none."""
        if not self.killed.is_set():
            raise error
        text = re.sub(r"\d{5,}", "N", str(error))
        self.failures[f"{what}: {type(error).__name__}: {text[:150]}"] += 1

    def try_to_write(self, fs, path, data, kind, pause):
        w = fs.create_file(path, write_type=TYPES[kind], block_size_bytes=BLOCK)
        try:
            for at in range(0, len(data), 64 << 10):
                w.write(data[at : at + (64 << 10)])
                time.sleep(pause)
            w.close()
        except TROUBLE:
            w.cancel()  # before somebody else begins the file: the client may remove it by its name
            raise

    def is_whole(self, fs, path, data):
        """Whether a write that failed has left all of the file. If it has left anything else, that is removed."""
        try:
            status = patiently(lambda: fs.get_status(path))
        except NotFound:
            return False
        if status.completed:
            self.assertSame(read_anew(path), data, f"{path}, whose write failed and which is complete")
            return True
        self.assertEqual(status.length, 0, f"{path}, which is not complete")
        self.assertFalse(patiently(lambda: fs.exists(path)), f"{path}, which is not complete")
        try:
            patiently(lambda: fs.delete(path))
        except NotFound:  # it was removed the first time
            pass
        return False

    def write(self, number):
        """Writes one file after another, and returns what was acknowledged: path, type, size."""
        acknowledged, slow = {}, number == 0
        with goosefs.Goosefs(config()) as fs:
            for turn, (kind, size) in enumerate(itertools.cycle(itertools.product(TYPES, SIZES))):
                if self.over.is_set():
                    return acknowledged
                path = f"{self.dir}/{number}-{turn}"
                data, end = content(path, size), time.time() + PATIENCE
                while True:
                    try:
                        self.try_to_write(fs, path, data, kind, 0.05 if slow else 0)
                        break
                    except TROUBLE as e:
                        self.failed(f"write {kind}", e)
                        self.assertLess(time.time(), end, f"{path} cannot be written: {e}")
                        if self.is_whole(fs, path, data):
                            break
                acknowledged[path] = (kind, size)
                if kind in ("CACHE_THROUGH", "THROUGH"):
                    self.assertSame((self.ufs / path.rsplit("/", 1)[1]).read_bytes(), data, f"{path} in the under file system, when it was acknowledged")
                if turn % 5 == 4:
                    self.assertSame(read_anew(path), data, path)

    def read(self, number, placed):
        """Reads files that were there before, whole and in order."""
        rnd, turns = random.Random(number), 0
        with goosefs.Goosefs(config()) as fs:
            while not self.over.is_set():
                path, data = rnd.choice(placed)
                try:
                    if turns % 4 == 3:
                        self.assertSame(fs.read_file(path), data, path)
                    else:
                        self.read_slowly(fs, path, data)
                    turns += 1
                except TROUBLE as e:
                    self.failed("read", e)
        return turns

    def read_slowly(self, fs, path, data):
        """Never is anything read but the file's bytes at that place, nor does it end before its end."""
        got = 0
        with fs.open_file(path) as f:
            while got < len(data):
                part = f.read(PIECE)
                self.assertSame(part, data[got : got + PIECE], f"{path} at {got}")
                got += len(part)
                time.sleep(0.02)

    def test_what_is_acknowledged_stays(self):
        placed = [self.place(f"placed-{i}", 2 * FOUND + i) for i in range(8)]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            reads = [pool.submit(self.read, i, placed) for i in range(READERS)]
            writes = [pool.submit(self.write, i) for i in range(WRITERS)]
            print("begun", flush=True)
            for _ in sys.stdin:
                self.killed.set()
            self.over.set()
            turns = sum(r.result() for r in reads)
            acknowledged = {path: how for w in writes for path, how in w.result().items()}
        print(f"{len(acknowledged)} files written, {turns} read; {sum(self.failures.values())} failures", flush=True)
        for what, n in self.failures.most_common():
            print(f"  {n} {what}", flush=True)
        self.assertGreater(turns, 0)
        self.assertGreater(len(acknowledged), 20)
        self.everything_is_there(acknowledged, placed)

    def everything_is_there(self, acknowledged, placed):
        with goosefs.Goosefs(config()) as fs:
            for path, (kind, size) in acknowledged.items():
                data = content(path, size)
                status = patiently(lambda: fs.get_status(path))
                self.assertEqual((status.completed, status.length), (True, size), f"{path}, {kind}")
                self.assertSame(patiently(lambda: fs.read_file(path)), data, f"{path}, {kind}")
                if kind not in CACHED:
                    self.await_persisted(fs, path)
                    self.assertSame((self.ufs / path.rsplit("/", 1)[1]).read_bytes(), data, f"{path}, {kind}, in the under file system")
            known = {path for path, _ in placed}
            self.assertEqual({e.path for e in fs.list_status(self.dir)} - known, set(acknowledged))
        seen = {self.dir + "/" + f.name for f in self.ufs.iterdir() if not f.name.startswith(".goosefs-")}
        self.assertEqual(seen - known, {path for path, (kind, _) in acknowledged.items() if kind not in CACHED})

    def await_persisted(self, fs, path):
        end = time.time() + PATIENCE
        while not (status := patiently(lambda: fs.get_status(path))).persisted:
            self.assertLess(time.time(), end, f"{path} is {status.persistence_state}")
            time.sleep(0.05)


if __name__ == "__main__":
    unittest.main()
