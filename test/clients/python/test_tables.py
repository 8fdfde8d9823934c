"""pyarrow and pandas on files of the cluster."""

import io
import unittest

import pandas
import pyarrow
import pyarrow.dataset
import pyarrow.parquet

from support import TYPES, ClusterTest


class File(io.RawIOBase):
    """A file of the cluster as Python's libraries want it."""

    def __init__(self, reader):
        self.reader = reader

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=0):
        return self.reader.seek(offset, whence)

    def tell(self):
        return self.reader.tell()

    def readinto(self, buffer):
        part = self.reader.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def read(self, size=-1):
        return self.reader.read(-1 if size is None else size)


class NewFile(io.RawIOBase):
    """A file of the cluster that Python's libraries write."""

    def __init__(self, writer):
        self.writer, self.written = writer, 0

    def writable(self):
        return True

    def tell(self):
        return self.written

    def write(self, data):
        data = bytes(data)
        self.writer.write(data)
        self.written += len(data)
        return len(data)


class Tables(ClusterTest):
    def table(self):
        rows = 200_000
        return pyarrow.table({"id": range(rows), "even": [i % 2 == 0 for i in range(rows)], "name": [f"row {i}" for i in range(rows)]})

    def test_parquet(self):
        wanted = self.table()
        pyarrow.parquet.write_table(wanted, self.ufs / "t.parquet", row_group_size=20_000, compression="none")
        with self.fs.open_file(self.dir + "/t.parquet") as f:
            parquet = pyarrow.parquet.ParquetFile(pyarrow.PythonFile(File(f), mode="r"))
            self.assertEqual(parquet.metadata.num_row_groups, 10)
            self.assertTrue(parquet.read_row_group(7, columns=["name"]).equals(wanted.select(["name"]).slice(140_000, 20_000)))
            self.assertTrue(parquet.read().equals(wanted))

    def test_csv(self):
        wanted = self.table().slice(0, 50_000).to_pandas()
        wanted.to_csv(self.ufs / "t.csv", index=False)
        with self.fs.open_file(self.dir + "/t.csv") as f:
            got = pandas.read_csv(io.BufferedReader(File(f)))
        pandas.testing.assert_frame_equal(got, wanted, check_dtype=False)

    def test_written(self):
        """What the libraries write they read again, through the cluster and from the under file system."""
        wanted = self.table().slice(0, 100_000)
        for kind in ("MUST_CACHE", "CACHE_THROUGH", "THROUGH"):
            with self.subTest(type=kind):
                with self.fs.create_file(f"{self.dir}/{kind}.parquet", write_type=TYPES[kind], block_size_bytes=256 << 10) as w:
                    pyarrow.parquet.write_table(wanted, pyarrow.PythonFile(NewFile(w), mode="w"), row_group_size=10_000, compression="none")
                with self.fs.create_file(f"{self.dir}/{kind}.csv", write_type=TYPES[kind], block_size_bytes=256 << 10) as w:
                    wanted.to_pandas().to_csv(io.TextIOWrapper(io.BufferedWriter(NewFile(w)), write_through=True), index=False)
                with self.fs.open_file(f"{self.dir}/{kind}.parquet") as f:
                    self.assertTrue(pyarrow.parquet.read_table(pyarrow.PythonFile(File(f), mode="r")).equals(wanted))
                with self.fs.open_file(f"{self.dir}/{kind}.csv") as f:
                    got = pandas.read_csv(io.BufferedReader(File(f)))
                pandas.testing.assert_frame_equal(got, wanted.to_pandas(), check_dtype=False)
                if kind != "MUST_CACHE":
                    self.assertTrue(pyarrow.parquet.read_table(self.ufs / f"{kind}.parquet").equals(wanted))


if __name__ == "__main__":
    unittest.main()
