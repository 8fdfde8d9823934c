"""Reads and changes of names go on while the cluster's leader is killed: slower for a moment, never wrong."""

import time
import unittest

from goosefs.exceptions import RpcError

from support import ClusterTest

# How long the program goes on, and how long any step may take, seconds; the leader is killed after the first.
GO_ON = 8
PATIENCE = 20


def patiently(step):
    """What step returns. The client looks for the next leader by itself, unless the connection breaks while it waits for an answer:
    then it says so, for it does not know whether the call happened. To do it again is right for all that is done here."""
    end = time.time() + PATIENCE
    while True:
        try:
            return step()
        except RpcError as e:
            if "transport::Error" not in str(e) or time.time() > end:
                raise


class Failover(ClusterTest):
    def test_nobody_notices(self):
        placed = [self.place(f"f{i}", 300_000 + i) for i in range(20)]
        print("begun", flush=True)
        end, turn, slowest = time.time() + GO_ON, 0, 0.0
        while time.time() < end:
            began = time.time()
            path, data = placed[turn % len(placed)]
            self.assertEqual(patiently(lambda: self.fs.get_status(path)).length, len(data))
            self.assertSame(patiently(lambda: self.fs.read_file(path)), data, path)
            made = f"{self.dir}/d{turn}"
            patiently(lambda: self.fs.mkdir(made))
            self.assertTrue(patiently(lambda: self.fs.exists(made)), f"{made} was made, and is lost")
            slowest, turn = max(slowest, time.time() - began), turn + 1
        self.assertLess(slowest, PATIENCE)
        made = {e.name for e in self.fs.list_status(self.dir) if e.folder}
        self.assertEqual(made, {f"d{i}" for i in range(turn)})
        print(f"{turn} turns, the slowest took {slowest:.1f} s", flush=True)


if __name__ == "__main__":
    unittest.main()
