"""The client's own cache of pages: what it serves is what the file is, of one version."""

import tempfile
import unittest

import goosefs

from support import BLOCK, OLD, SIZES, TYPES, ClusterTest, config, content


class PageCache(ClusterTest):
    def client(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        fs = goosefs.Goosefs(
            config(
                user_client_cache_enabled="true",
                user_client_cache_dirs=folder.name,
                user_client_cache_size="256MB",
                user_client_cache_page_size="64KB",
                user_client_cache_async_write_enabled="false",
                user_file_metadata_sync_interval="0",
            )
        )
        self.addCleanup(fs.close)
        return fs

    def test_every_size_again_and_again(self):
        fs = self.client()
        for name, size in SIZES.items():
            path, data = self.place(name, size)
            for turn in range(3):
                self.assertSame(fs.read_file(path), data, f"{name}, turn {turn}")
            if size > 10:
                with fs.open_file(path) as f:
                    self.assertSame(f.read_at(size - 10, 10), data[-10:], f"the end of {name}")

    def test_a_file_that_is_written_anew(self):
        """Who removes a file and writes it again makes another one, whatever its name and length."""
        fs = self.client()
        for kind in TYPES:
            path = f"{self.dir}/{kind}"
            for turn in range(3):
                data = content(f"{path} {turn}", SIZES["block+1"])
                fs.write_file(path, data, write_type=TYPES[kind], block_size_bytes=BLOCK)
                for when in ("at once", "again"):
                    self.assertSame(fs.read_file(path), data, f"{path}, turn {turn}, {when}")
                fs.delete(path)

    @unittest.skipIf(OLD, "it cannot ask for the present state")
    def test_a_file_that_is_another_one(self):
        """Who replaces a file in the under file system changes its id: no page of the old one is taken for the new one's."""
        fs = self.client()
        path, old = self.place("f", SIZES["block+1"])
        self.assertSame(fs.read_file(path), old, "the first version")
        before = fs.get_status(path)
        _, new = self.place("g", SIZES["block+1"])
        (self.ufs / "g").rename(self.ufs / "f")
        after = fs.get_status(path)
        self.assertNotEqual(before.file_id, after.file_id)
        self.assertSame(fs.read_file(path), new, "the second version")


if __name__ == "__main__":
    unittest.main()
