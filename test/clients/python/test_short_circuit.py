"""Blocks that a worker on the client's own host lends as files (versions up to 0.1.9 only; later ones have given that up)."""

import pathlib
import unittest

import goosefs
from goosefs import WriteType

from support import BLOCK, CACHE, SIZES, ClusterTest, config, content


def mapped():
    """The cached files that this process has mapped."""
    maps = pathlib.Path("/proc/self/maps").read_text().splitlines()
    return {line.split(maxsplit=5)[-1] for line in maps if CACHE in line}


class ShortCircuit(ClusterTest):
    properties = {"user_short_circuit_enabled": "true"}

    def test_every_size_cold_and_cached(self):
        for name, size in SIZES.items():
            path, data = self.place(name, size)
            for state in ("cold", "cached", "again"):
                with self.subTest(size=name, state=state):
                    self.assertSame(self.fs.read_file(path), data, f"{path}, {state}")
                    with self.fs.open_file(path) as f:
                        self.assertSame(f.read(-1), data, f"{path} in order, {state}")
                        if size > 1000:
                            self.assertSame(f.read_at(size - 1000, 700), data[-1000:-300], f"{path} at a place, {state}")

    def warm(self, *placed):
        """Has the workers cache files: for some seconds a client does not ask again for what it did not get."""
        with goosefs.Goosefs(config()) as other:
            for path, data in placed:
                self.assertSame(other.read_file(path), data, path)

    def test_it_is_used(self):
        """Files of one block are mapped, if the worker that the client takes for its own has them."""
        placed = [self.place(f"f{i}", 200_000) for i in range(24)]
        self.warm(*placed)
        for path, data in placed:
            with self.fs.open_file(path) as f:
                self.assertSame(f.read(-1), data, path)
        self.assertTrue(mapped(), "no cached file is mapped")

    def test_written_blocks(self):
        """Every block that a client wrote is mapped, if the worker that the client takes for its own has it: it is a file of its own."""
        size = 5 * BLOCK + BLOCK // 2
        for name, kind in {"cached": WriteType.MustCache, "through": WriteType.CacheThrough}.items():
            with self.subTest(type=name):
                path, data = f"{self.dir}/{name}", content(self.name + name, size)
                with goosefs.Goosefs(config()) as other:
                    other.write_file(path, data, write_type=kind, block_size_bytes=BLOCK)
                before = mapped()
                self.assertSame(self.fs.read_file(path), data, path)
                with self.fs.open_file(path) as f:
                    self.assertSame(f.read(-1), data, f"{path} in order")
                    for block in range(6):
                        at = block * BLOCK
                        self.assertSame(f.read_at(at + 7, 1000), data[at + 7 : at + 1007], f"{path} in block {block}")
                    lent = mapped() - before
                self.assertTrue(lent, f"no block of {path} is mapped")
                blocks = [data[at : at + BLOCK] for at in range(0, size, BLOCK)]
                for file in lent:
                    self.assertIn(pathlib.Path(file).read_bytes(), blocks, f"{file} is no block of {path}")

    def test_files_that_are_removed_meanwhile(self):
        """What is mapped stays what it was."""
        placed = [self.place(f"f{i}", 200_000) for i in range(24)]
        self.warm(*placed)
        open_files = [(self.fs.open_file(path), data) for path, data in placed]
        for f, data in open_files:
            self.assertSame(f.read_at(0, 1000), data[:1000], "before")
        before = mapped()
        self.assertTrue(before, "no cached file is mapped")
        self.fs.delete(self.dir, recursive=True)
        survived = 0
        for f, data in open_files:
            try:
                self.assertSame(f.read_at(0, 100_000), data[:100_000], "after")
                survived += 1
            except goosefs.exceptions.RpcError as e:  # it was not mapped, and is gone
                self.assertIn("does not exist", str(e))
        self.assertGreaterEqual(survived, len(before))


if __name__ == "__main__":
    unittest.main()
