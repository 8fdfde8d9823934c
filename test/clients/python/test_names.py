"""Names: what is there, what it is, and how it is made, moved and removed."""

import stat
import threading
import time
import unittest

import goosefs
from goosefs.exceptions import AlreadyExists, DirectoryNotEmpty, GoosefsError, InvalidArgument, NotFound

from support import BLOCK, SIZES, ClusterTest, config


class Status(ClusterTest):
    def test_fields_of_a_file(self):
        path, data = self.place("f", SIZES["3.5 blocks"])
        (self.ufs / "f").chmod(0o640)
        s = self.fs.get_status(path)
        self.assertEqual((s.name, s.path, s.length, s.block_size_bytes), ("f", path, len(data), BLOCK))
        self.assertEqual(s.ufs_path, str(self.ufs / "f"))
        self.assertEqual(s.mode, 0o640)
        self.assertFalse(s.folder)
        self.assertTrue(s.completed and s.persisted and s.cacheable)
        self.assertEqual(s.persistence_state, "PERSISTED")
        self.assertEqual(s.file_id & 0xFFFFFF, 0xFFFFFF)
        container = s.file_id >> 24
        self.assertGreater(container, 0)
        self.assertEqual(s.block_ids, [container << 24 | i for i in range(4)])
        self.assertGreater(s.mount_id, 0)
        for ms in (s.creation_time_ms, s.last_modification_time_ms, s.last_access_time_ms):
            self.assertLess(abs(ms / 1000 - time.time()), 3600)

    def test_fields_of_a_directory(self):
        (self.ufs / "d").mkdir()
        (self.ufs / "d" / "f").write_bytes(b"x")
        self.fs.list_status(self.dir + "/d")
        for path in ("/", self.dir, self.dir + "/d"):
            s = self.fs.get_status(path)
            self.assertEqual((s.path, s.length, s.folder, s.completed), (path, 0, True, True))
            self.assertEqual(s.name, path.rsplit("/", 1)[1])
            self.assertEqual(s.block_count(), 0)
            for ms in (s.creation_time_ms, s.last_modification_time_ms, s.last_access_time_ms):
                self.assertGreater(ms, 0, path)

    def test_empty_file(self):
        path, _ = self.place("f", 0)
        s = self.fs.get_status(path)
        self.assertEqual((s.length, s.block_ids, s.in_goose_fs_percentage), (0, [], 100))

    def test_exists(self):
        path, _ = self.place("f", 1)
        self.assertTrue(self.fs.exists(path))
        self.assertTrue(self.fs.exists(self.dir))
        self.assertFalse(self.fs.exists(self.dir + "/g"))
        self.assertFalse(self.fs.exists(path + "/below/a/file"))
        self.assertEqual(self.fs.batch_exists([path, self.dir + "/g", self.dir]), [True, False, True])

    def test_bad_paths(self):
        for path in ("", "relative", "/../etc/passwd", "/a/../b", "/nul\0", "/" + "n" * 256, "/" + "d/" * 3000):
            with self.subTest(path=path[:40]), self.assertRaises(GoosefsError):
                self.fs.get_status(path)
        with self.assertRaises(InvalidArgument):
            self.fs.mkdir("/../a")

    def test_one_spelling(self):
        path, _ = self.place("f", 1)
        self.assertEqual(self.fs.get_status(self.dir + "//f").path, path)


class Listings(ClusterTest):
    def test_names_and_kinds(self):
        wanted = {}
        for name, size in SIZES.items():
            path, data = self.place(name, size)
            wanted[path] = (False, len(data))
        (self.ufs / "d").mkdir()
        wanted[self.dir + "/d"] = (True, 0)
        entries = self.fs.list_status(self.dir)
        self.assertEqual({e.path: (e.folder, e.length) for e in entries}, wanted)
        for e in entries:
            self.assertEqual(e.name, e.path.rsplit("/", 1)[1])
            self.assertGreater(e.file_id, 0)
            self.assertGreater(e.last_modification_time_ms, 0)

    def test_several_pages(self):
        names = {f"name-{i:05}-{'x' * 100}" for i in range(2500)}
        for name in names:
            (self.ufs / name).touch()
        self.assertEqual({e.name for e in self.fs.list_status(self.dir)}, names)
        self.assertEqual(len(self.fs.list_status_grouped(self.dir)), len(names))

    def test_empty_directory_and_file(self):
        (self.ufs / "d").mkdir()
        (self.ufs / "empty").mkdir()
        self.assertEqual(self.fs.list_status(self.dir + "/empty"), [])
        (self.ufs / "d" / "f").write_bytes(b"12345")
        self.assertEqual([(e.path, e.length) for e in self.fs.list_status(self.dir + "/d/f")], [(self.dir + "/d/f", 5)])

    def test_missing(self):
        with self.assertRaises(NotFound):
            self.fs.list_status(self.dir + "/nothing")

    def test_recursive(self):
        wanted = set()
        for d in ("a", "a/b", "a/b/c", "e"):
            (self.ufs / d).mkdir()
            (self.ufs / d / "f").write_bytes(b"x")
            wanted |= {f"{self.dir}/{d}", f"{self.dir}/{d}/f"}
        self.assertEqual({e.path for e in self.fs.list_status(self.dir, recursive=True)}, wanted)
        batches = self.fs.batch_list_status([self.dir + "/a", self.dir + "/e"])
        self.assertEqual([sorted(e.name for e in b) for b in batches], [["b", "f"], ["f"]])


class Changes(ClusterTest):
    def test_mkdir(self):
        d = self.dir + "/a"
        self.fs.mkdir(d)
        self.assertTrue(self.fs.get_status(d).folder)
        self.assertEqual(stat.S_IMODE(self.fs.get_status(d).mode), 0o755)
        self.fs.mkdir(d)  # one that is there is fine
        with self.assertRaises(NotFound):
            self.fs.mkdir(self.dir + "/b/c/d")
        self.fs.mkdir(self.dir + "/b/c/d", recursive=True)
        self.assertTrue(self.fs.exists(self.dir + "/b/c"))
        path, _ = self.place("f", 1)
        with self.assertRaises(AlreadyExists):
            self.fs.mkdir(path)
        self.fs.batch_create_dir([f"{self.dir}/many/{i}" for i in range(50)], recursive=True)
        self.assertEqual(len(self.fs.list_status(self.dir + "/many")), 50)

    def test_rename(self):
        path, data = self.place("f", SIZES["block+1"])
        before = self.fs.get_status(path)
        self.fs.mkdir(self.dir + "/d")
        moved = self.dir + "/d/g"
        self.fs.rename(path, moved)
        after = self.fs.get_status(moved)
        self.assertEqual((after.file_id, after.block_ids), (before.file_id, before.block_ids))
        self.assertFalse(self.fs.exists(path))
        self.assertFalse((self.ufs / "f").exists())
        self.assertEqual((self.ufs / "d" / "g").read_bytes(), data)
        self.assertSame(self.fs.read_file(moved), data, moved)
        with self.assertRaises(NotFound):
            self.fs.rename(path, self.dir + "/h")
        with self.assertRaises(NotFound):
            self.fs.rename(moved, self.dir + "/no/such/dir")

    def test_rename_replaces_nothing(self):
        (a, data), (b, other) = self.place("a", 1000), self.place("b", 2000)
        self.fs.mkdir(self.dir + "/d")
        for target in (b, self.dir + "/d"):
            with self.assertRaises(AlreadyExists):
                self.fs.rename(a, target)
        self.assertSame(self.fs.read_file(a), data, a)
        self.assertSame(self.fs.read_file(b), other, b)

    def test_rename_of_a_directory(self):
        (self.ufs / "d" / "e").mkdir(parents=True)
        (self.ufs / "d" / "e" / "f").write_bytes(b"hello")
        self.fs.rename(self.dir + "/d", self.dir + "/x")
        self.assertEqual(self.fs.read_file(self.dir + "/x/e/f"), b"hello")
        with self.assertRaises(InvalidArgument):
            self.fs.rename(self.dir + "/x", self.dir + "/x/e/y")

    def test_one_of_many_renames_wins(self):
        sources = [self.place(f"s{i}", 100 + i) for i in range(8)]
        target = self.dir + "/target"
        barrier, won, lost = threading.Barrier(len(sources)), [], []

        def race(path):
            barrier.wait()
            try:
                self.fs.rename(path, target)
                won.append(path)
            except AlreadyExists:
                lost.append(path)

        threads = [threading.Thread(target=race, args=(path,)) for path, _ in sources]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual((len(won), len(lost)), (1, len(sources) - 1))
        self.assertSame(self.fs.read_file(target), dict(sources)[won[0]], target)
        for path in lost:
            self.assertSame(self.fs.read_file(path), dict(sources)[path], path)

    def test_delete(self):
        path, _ = self.place("f", 10)
        self.fs.delete(path)
        self.assertFalse(self.fs.exists(path))
        self.assertFalse((self.ufs / "f").exists())
        with self.assertRaises(NotFound):
            self.fs.delete(path)
        (self.ufs / "d").mkdir()
        (self.ufs / "d" / "g").write_bytes(b"x")
        with self.assertRaises(DirectoryNotEmpty):
            self.fs.delete(self.dir + "/d")
        self.assertTrue(self.fs.exists(self.dir + "/d/g"))
        self.fs.delete(self.dir + "/d", recursive=True)
        self.assertFalse((self.ufs / "d").exists())

    def test_delete_here_only(self):
        path, _ = self.place("f", 10)
        before = self.fs.get_status(path).file_id
        self.fs.delete(path, goosefs_only=True)
        self.assertTrue((self.ufs / "f").exists())
        self.assertNotEqual(self.fs.get_status(path).file_id, before)  # found again

    def test_several_clients(self):
        self.fs.mkdir(self.dir + "/d")
        with goosefs.Goosefs(config()) as other:
            self.assertTrue(other.exists(self.dir + "/d"))
            other.delete(self.dir + "/d")
        self.assertFalse(self.fs.exists(self.dir + "/d"))


if __name__ == "__main__":
    unittest.main()
