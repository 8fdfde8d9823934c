"""What the programs of this folder share.

They are tests of a goosefs cluster by GooseFS's own Python package. Who runs them says where the cluster is:

GOOSEFS_MASTER_ADDR   host:port of its masters, with commas between
GOOSEFS_WORKER_ADDR   host:port of one of its workers
GOOSEFS_AUTH_TYPE     how clients log in
GOOSEFS_TEST_UFS      the folder that the cluster shows as /
GOOSEFS_TEST_BLOCK    the block size of files that it finds there, bytes
GOOSEFS_TEST_CACHE    the folder below which its workers keep what they cache
"""

import hashlib
import itertools
import os
import pathlib
import unittest

import goosefs
from goosefs import WriteType

MASTER = os.environ["GOOSEFS_MASTER_ADDR"]
WORKER = os.environ["GOOSEFS_WORKER_ADDR"]
AUTH = os.environ["GOOSEFS_AUTH_TYPE"]
UFS = pathlib.Path(os.environ["GOOSEFS_TEST_UFS"])
CACHE = os.environ["GOOSEFS_TEST_CACHE"]
BLOCK = int(os.environ["GOOSEFS_TEST_BLOCK"])

# Where the arithmetic of blocks and chunks can go wrong.
SIZES = {
    "empty": 0,
    "byte": 1,
    "chunk-1": (64 << 10) - 1,
    "block-1": BLOCK - 1,
    "block": BLOCK,
    "block+1": BLOCK + 1,
    "3.5 blocks": 3 * BLOCK + BLOCK // 2,
}

TYPES = {
    "MUST_CACHE": WriteType.MustCache,
    "TRY_CACHE": WriteType.TryCache,
    "CACHE_THROUGH": WriteType.CacheThrough,
    "THROUGH": WriteType.Through,
    "ASYNC_THROUGH": WriteType.AsyncThrough,
}

# Versions before 0.2 lend blocks as files; later ones know how old a status may be.
OLD = goosefs.__version__.startswith("0.1.")

_numbers = itertools.count()


def config(**properties):
    """The configuration of a client; an underscore in a name stands for a dot."""
    given = {"goosefs." + name.replace("_", "."): value for name, value in properties.items()}
    return goosefs.Config(MASTER, properties={"goosefs.security.authentication.type": AUTH, **given})


def content(name, size):
    """Bytes that no other name, size or offset has."""
    return hashlib.shake_128(f"{name} {size}".encode()).digest(size)


def sha(data):
    return hashlib.sha256(data).hexdigest()


class ClusterTest(unittest.TestCase):
    """A test with a client, and a folder of its own in the under file system that the cluster does not know yet."""

    properties = {}

    def setUp(self):
        self.name = f"{type(self).__name__}-{self._testMethodName}-{os.getpid()}-{next(_numbers)}"
        self.ufs = UFS / self.name
        self.ufs.mkdir()
        self.dir = "/" + self.name
        self.fs = goosefs.Goosefs(config(**self.properties))
        self.addCleanup(self.fs.close)

    def place(self, name, size):
        """A file that somebody put into the under file system: its path and its bytes."""
        data = content(self.name + name, size)
        (self.ufs / name).write_bytes(data)
        return f"{self.dir}/{name}", data

    def assertSame(self, got, want, what):
        """Long bytes are compared by their digests: nobody wants to see them."""
        self.assertEqual(len(got), len(want), f"{what}: length")
        self.assertEqual(sha(got), sha(want), f"{what}: sha256")
