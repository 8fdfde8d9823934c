"""Reads of files that lie in the under file system: cold, cached, whole, in ranges, in order, at places."""

import asyncio
import os
import random
import unittest

import goosefs

from support import BLOCK, OLD, SIZES, WORKER, ClusterTest, config, content


def ranges(size):
    """Places where a read can go wrong: both ends, and around the edges of blocks and chunks."""
    edges = [e for e in (0, 64 << 10, 1 << 20, BLOCK, 2 * BLOCK, size) if e <= size]
    for edge in edges:
        for before in (0, 1, 1000):
            for after in (1, 1000, 300_000):
                start, end = max(0, edge - before), min(size, edge + after)
                if start < end:
                    yield start, end - start
    if size > 2 * BLOCK:
        yield BLOCK - 5, BLOCK + 10  # all of one block, and something of both its neighbours


class Whole(ClusterTest):
    def test_every_size_cold_and_cached(self):
        placed = {name: self.place(name, size) for name, size in SIZES.items()}
        for name, (path, data) in placed.items():
            for state in ("cold", "cached"):
                with self.subTest(size=name, state=state):
                    self.assertSame(self.fs.read_file(path), data, f"{path}, {state}")

    def test_many_at_once(self):
        placed = [self.place(f"f{i}", 100_000 + i) for i in range(100)]

        async def read_all():
            async with await goosefs.AsyncGoosefs.connect(config()) as fs:
                return await asyncio.gather(*(fs.read_file(path) for path, _ in placed))

        for (path, data), got in zip(placed, asyncio.run(read_all())):
            self.assertSame(got, data, path)


class Ranges(ClusterTest):
    def test_read_range(self):
        for name in ("byte", "block+1", "3.5 blocks"):
            path, data = self.place(name, SIZES[name])
            for offset, length in ranges(len(data)):
                with self.subTest(size=name, offset=offset, length=length):
                    self.assertSame(self.fs.read_range(path, offset, length), data[offset : offset + length], path)

    def test_read_at_random_places(self):
        path, data = self.place("f", SIZES["3.5 blocks"])
        rnd = random.Random(7)
        with self.fs.open_file(path) as f:
            self.assertEqual(len(f), len(data))
            for _ in range(100):
                offset = rnd.randrange(len(data))
                length = rnd.choice((1, 100, 4096, 70_000, 1_500_000))
                want = data[offset : offset + length]
                self.assertSame(f.read_at(offset, length), want, f"{length} bytes at {offset}")

    def test_read_in_order(self):
        path, data = self.place("f", SIZES["3.5 blocks"])
        for step in (1000, 65_536, 1 << 20, (1 << 20) + 1, BLOCK + 3, -1):
            with self.subTest(step=step), self.fs.open_file(path) as f:
                got = bytearray()
                while len(got) < len(data):
                    self.assertEqual(f.tell(), len(got))
                    if step == 1000 and len(got) > 200_000:  # enough of the small ones
                        got += f.read(-1)
                        break
                    part = f.read(step)
                    self.assertTrue(part, f"the file ends at {len(got)}")
                    got += part
                self.assertSame(bytes(got), data, f"in steps of {step}")
                self.assertEqual(f.read(10), b"")

    def test_seek(self):
        path, data = self.place("f", SIZES["block+1"])
        with self.fs.open_file(path) as f:
            for offset, whence, at in ((100, os.SEEK_SET, 100), (50, os.SEEK_CUR, 160), (-20, os.SEEK_END, len(data) - 20), (BLOCK - 3, os.SEEK_SET, BLOCK - 3)):
                self.assertEqual(f.seek(offset, whence), at)
                self.assertEqual(f.read(10), data[at : at + 10])
                self.assertEqual(f.tell(), min(len(data), at + 10))

    def test_positioned_read_of_each_block(self):
        path, data = self.place("f", SIZES["3.5 blocks"])
        self.fs.read_file(path)  # a positioned read of 0.1.9 names no source: it finds what is cached
        for i in range(4):
            block = data[i * BLOCK : (i + 1) * BLOCK]
            for offset, length in ((0, -1), (0, 1), (len(block) - 1, 1), (1000, 70_000), (1000, -1)):
                if OLD and i == 3 and length < 0:
                    continue  # it asks for as much as a full block has
                with self.subTest(block=i, offset=offset, length=length):
                    want = block[offset:] if length < 0 else block[offset : offset + length]
                    self.assertSame(self.fs.positioned_read(path, block_index=i, offset=offset, length=length), want, path)


class Blocks(ClusterTest):
    def test_a_block_that_is_not_there(self):
        """The worker says so at once, and does not speak of another way to get it."""
        with goosefs.WorkerClient.connect(WORKER, config()) as worker:
            with self.assertRaises(goosefs.exceptions.RpcError) as caught:
                worker.read_block_positioned(9_999_999_999, 0, 10)
        for word in ("fallback", "falling back", "fall back"):
            self.assertNotIn(word, str(caught.exception).lower())

    def test_a_block_of_a_known_worker(self):
        path, data = self.place("f", SIZES["block+1"])
        self.fs.read_file(path)
        first, last = self.fs.get_status(path).block_ids
        with goosefs.WorkerClient.connect(WORKER, config()) as worker:
            self.assertSame(worker.read_block_positioned(first, 5, 100_000, chunk_size=1000), data[5:100_005], "first block")
            self.assertEqual(worker.read_block_positioned(last, 0, 1), data[-1:])
            with self.assertRaises(goosefs.exceptions.RpcError):
                worker.read_block_positioned(last, 1, 1)

    def test_a_block_of_any_worker(self):
        """Who knows one worker gets from it all blocks of a file that is nowhere but in the cache, on whichever worker they are."""
        path, data = self.dir + "/cached", content(self.name, 12 * BLOCK)
        self.fs.write_file(path, data, write_type=goosefs.WriteType.MustCache, block_size_bytes=BLOCK)
        with goosefs.WorkerClient.connect(WORKER, config()) as worker:
            for i, block in enumerate(self.fs.get_status(path).block_ids):
                self.assertSame(worker.read_block_positioned(block, 0, BLOCK), data[i * BLOCK : (i + 1) * BLOCK], f"block {i}")
                self.assertEqual(worker.read_block_positioned(block, 100, 50), data[i * BLOCK + 100 : i * BLOCK + 150])


class Errors(ClusterTest):
    def test_classes(self):
        self.place("f", 10)
        with self.assertRaises(goosefs.exceptions.NotFound):
            self.fs.read_file(self.dir + "/nothing")
        with self.assertRaises(goosefs.exceptions.NotFound):
            self.fs.open_file(self.dir + "/nothing")
        with self.assertRaises(goosefs.exceptions.IsADirectory):
            self.fs.open_file(self.dir)
        with self.assertRaises(goosefs.exceptions.GoosefsError):
            self.fs.read_file("no/absolute/path")

    def test_a_file_that_left_the_under_file_system(self):
        """What is neither cached nor there fails; never is it empty, short or zeros."""
        path, _ = self.place("f", SIZES["block+1"])
        self.fs.get_status(path)
        (self.ufs / "f").unlink()
        with self.assertRaises(goosefs.exceptions.GoosefsError):
            self.fs.read_file(path)


if __name__ == "__main__":
    unittest.main()
