"""Writes: every write type in every size, what lies where afterwards, and what is left of writes that were not finished."""

import asyncio
import itertools
import threading
import time
import unittest

import goosefs
from goosefs import WriteType
from goosefs.exceptions import AlreadyExists, FileIncomplete, GoosefsError, InvalidArgument, NotFound

from support import BLOCK, OLD, SIZES, TYPES, ClusterTest, config, content


class Writes(ClusterTest):
    def write(self, name, size, kind, fs=None):
        path, data = f"{self.dir}/{name}", content(self.name + name, size)
        (fs or self.fs).write_file(path, data, write_type=TYPES[kind], block_size_bytes=BLOCK)
        return path, data

    def awaitPersisted(self, path):
        end = time.time() + 30
        while not self.fs.get_status(path).persisted:
            self.assertLess(time.time(), end, f"{path} is {self.fs.get_status(path).persistence_state}")
            time.sleep(0.05)

    def test_every_type_in_every_size(self):
        for kind in TYPES:
            for size_name, size in SIZES.items():
                with self.subTest(type=kind, size=size_name):
                    path, data = self.write(f"{kind} {size_name}", size, kind)
                    status = self.fs.get_status(path)
                    self.assertEqual((status.length, status.completed, status.block_size_bytes), (size, True, BLOCK))
                    self.assertEqual(status.block_count(), -(-size // BLOCK))
                    for turn in ("at once", "again"):
                        self.assertSame(self.fs.read_file(path), data, f"{path}, {turn}")
                    with goosefs.Goosefs(config()) as other, other.open_file(path) as f:
                        self.assertSame(f.read(-1), data, f"{path} by another client")
                    ufs = self.ufs / path.rsplit("/", 1)[1]
                    if kind == "ASYNC_THROUGH":
                        self.awaitPersisted(path)
                    if kind in ("MUST_CACHE", "TRY_CACHE"):
                        self.assertFalse(ufs.exists(), "it is in the under file system")
                        self.assertFalse(status.persisted)
                    else:
                        self.assertSame(ufs.read_bytes(), data, f"{ufs} in the under file system")
                        self.assertEqual(self.fs.get_status(path).persistence_state, "PERSISTED")

    def test_in_many_pieces(self):
        for kind in TYPES:
            path, data = f"{self.dir}/{kind}", content(kind, 2 * BLOCK + 12_345)
            with self.subTest(type=kind), self.fs.create_file(path, write_type=TYPES[kind], block_size_bytes=BLOCK) as w:
                for step in range(0, len(data), 99_991):
                    w.write(data[step : step + 99_991])
            self.assertSame(self.fs.read_file(path), data, path)

    def test_ranges(self):
        for kind in TYPES:
            path, data = self.write(kind, SIZES["3.5 blocks"], kind)
            with self.fs.open_file(path) as f:
                for offset, length in ((0, 1), (BLOCK - 5, 10), (1000, BLOCK), (BLOCK - 1, 2 * BLOCK + 2), (len(data) - 7, 7)):
                    with self.subTest(type=kind, offset=offset, length=length):
                        want = data[offset : offset + length]
                        self.assertSame(self.fs.read_range(path, offset, length), want, "read_range")
                        self.assertSame(f.read_at(offset, length), want, "read_at")

    def test_without_waiting(self):
        """Many files at once, by one client that waits for none of them."""

        async def write_all(wanted):
            async with await goosefs.AsyncGoosefs.connect(config()) as fs:
                kinds = itertools.cycle(TYPES.values())
                await asyncio.gather(*(fs.write_file(path, data, write_type=kind) for (path, data), kind in zip(wanted.items(), kinds)))
                return await asyncio.gather(*(fs.read_file(path) for path in wanted))

        wanted = {f"{self.dir}/f{i}": content(f"{i}", 50_000 + i) for i in range(40)}
        for (path, data), got in zip(wanted.items(), asyncio.run(write_all(wanted))):
            self.assertSame(got, data, path)

    def test_errors_by_class(self):
        path, _ = self.place("f", 10)
        self.fs.mkdir(self.dir + "/d")
        for kind in TYPES.values():
            for taken in (path, self.dir + "/d"):
                with self.assertRaises(AlreadyExists):
                    self.fs.create_file(taken, write_type=kind)
            with self.assertRaises(NotFound):
                self.fs.create_file(self.dir + "/no/such/dir", write_type=kind)
            with self.assertRaises(GoosefsError):
                self.fs.create_file(path + "/below", write_type=kind)
        with self.assertRaises(InvalidArgument):
            self.fs.create_file("/../f")
        w = self.fs.create_file(self.dir + "/g", write_type=WriteType.CacheThrough)
        w.write(b"half")
        with self.assertRaises(FileIncomplete):
            self.fs.open_file(self.dir + "/g").read(1)
        self.fs.delete(self.dir + "/g")
        with self.assertRaises(GoosefsError):
            w.close()
        with self.assertRaises(NotFound):
            self.fs.get_status(self.dir + "/g")
        self.assertFalse((self.ufs / "g").exists())

    def test_below_directories_that_are_only_here(self):
        self.fs.mkdir(self.dir + "/a/b", recursive=True)
        path, data = self.write("a/b/f", BLOCK + 1, "CACHE_THROUGH")
        self.assertSame((self.ufs / "a" / "b" / "f").read_bytes(), data, path)
        deep, data = f"{self.dir}/x/y/z", b"deep"
        with self.assertRaises(NotFound):
            self.fs.write_file(deep, data, write_type=WriteType.Through)
        self.fs.write_file(deep, data, write_type=WriteType.Through, recursive=True)
        self.assertEqual((self.ufs / "x" / "y" / "z").read_bytes(), data)

    def test_nothing_is_written_over(self):
        path, data = self.write("f", 1000, "CACHE_THROUGH")
        for kind in TYPES:
            with self.subTest(type=kind), self.assertRaises(AlreadyExists):
                self.fs.write_file(path, b"other", write_type=TYPES[kind])
        self.assertSame(self.fs.read_file(path), data, path)
        before = self.fs.get_status(path).file_id
        self.fs.delete(path)
        self.write("f", 2000, "CACHE_THROUGH")
        self.assertNotEqual(self.fs.get_status(path).file_id, before)

    def test_many_writers_at_once(self):
        results, errors = {}, []

        def work(i):
            try:
                kind = list(TYPES)[i % len(TYPES)]
                results.__setitem__(*self.write(f"f{i}", BLOCK + 50_000 * i + 1, kind))
            except Exception as e:  # told below, in the test's own thread
                errors.append(e)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(15)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(errors, [])
        for path, data in results.items():
            self.assertSame(self.fs.read_file(path), data, path)

    def test_one_of_many_creations_wins(self):
        path, won, lost = self.dir + "/f", [], []

        def race(i):
            try:
                self.fs.write_file(path, bytes([i]) * 100_000, write_type=WriteType.MustCache)
                won.append(i)
            except AlreadyExists:
                lost.append(i)

        threads = [threading.Thread(target=race, args=(i,)) for i in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual((len(won), len(lost)), (1, 7))
        self.assertEqual(self.fs.read_file(path), bytes([won[0]]) * 100_000)

    def test_cancel(self):
        for kind in TYPES:
            with self.subTest(type=kind):
                path = f"{self.dir}/{kind}"
                w = self.fs.create_file(path, write_type=TYPES[kind], block_size_bytes=BLOCK)
                w.write(content("cancelled", BLOCK + 1000))
                w.cancel()
                self.assertFalse(self.fs.exists(path), "what was not finished is there")
                try:
                    self.assertEqual(self.fs.read_file(path), b"")  # a file that is being written has no length yet
                except GoosefsError:
                    pass
                try:
                    self.fs.delete(path)
                except NotFound:  # the client has done so itself
                    pass
                end = time.time() + 10
                while (self.ufs / kind).exists():
                    self.assertLess(time.time(), end, "it stays in the under file system")
                    time.sleep(0.05)
                _, data = self.write(kind, 1000, kind)
                self.assertSame(self.fs.read_file(path), data, "the second try")

    def test_publish_by_rename(self):
        """As OpenDAL and Lance do: written under another name, then renamed."""
        for kind in TYPES:
            with self.subTest(type=kind):
                path, data = self.write(f".tmp {kind}", 2 * BLOCK, kind)
                if kind == "ASYNC_THROUGH":
                    self.awaitPersisted(path)
                self.fs.rename(path, f"{self.dir}/{kind}")
                self.assertSame(self.fs.read_file(f"{self.dir}/{kind}"), data, kind)

    @unittest.skipIf(OLD, "it sends no checksum")
    def test_batch_of_empty_files(self):
        paths = [f"{self.dir}/e{i}" for i in range(50)]
        self.fs.batch_create_file(paths, write_type=WriteType.CacheThrough)
        self.assertEqual([s.length for s in self.fs.batch_get_status(paths)], [0] * 50)
        self.assertTrue(all((self.ufs / p.rsplit("/", 1)[1]).exists() for p in paths))


if __name__ == "__main__":
    unittest.main()
