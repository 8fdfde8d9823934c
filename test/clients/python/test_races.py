"""Several processes want the same name at once: one has it, and the others are told why not."""

import subprocess
import sys
import unittest

from goosefs.exceptions import NotFound

from racer import SIZE
from support import ClusterTest

TURNS = 20


class Races(ClusterTest):
    def setUp(self):
        super().setUp()
        self.racers = [
            subprocess.Popen([sys.executable, "-B", "racer.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
        ]
        for r in self.racers:
            self.addCleanup(r.wait, 20)
            self.addCleanup(r.stdout.close)
            self.addCleanup(r.stdin.close)
        for r in self.racers:
            self.assertEqual(r.stdout.readline(), "ready\n")

    def race(self, *lines):
        """Has each process do a line, all at once; their answers."""
        for r, line in zip(self.racers, lines):
            r.stdin.write(line + "\n")
        for r in self.racers:
            r.stdin.flush()
        return [r.stdout.readline().strip() for r, _ in zip(self.racers, lines)]

    def winner(self, answers, *excuses):
        """Who was done, which is one; the others have one of the excuses."""
        self.assertEqual(answers.count("done"), 1, answers)
        self.assertLessEqual(set(answers), {"done", *excuses})
        return answers.index("done")

    def test_renames_to_one_name(self):
        for turn in range(TURNS):
            placed = [self.place(f"{turn}-{i}", 100 + i) for i in range(3)]
            target = f"{self.dir}/target-{turn}"
            won = self.winner(self.race(*(f"rename {path} {target}" for path, _ in placed)), "AlreadyExists")
            self.assertEqual(self.fs.read_file(target), placed[won][1])
            self.assertEqual((self.ufs / f"target-{turn}").read_bytes(), placed[won][1])
            for i, (path, data) in enumerate(placed):
                if i != won:
                    self.assertEqual(self.fs.read_file(path), data)

    def test_renames_of_one_file(self):
        for turn in range(TURNS):
            path, data = self.place(f"{turn}", 1000)
            targets = [f"{self.dir}/{turn}-{i}" for i in range(3)]
            won = self.winner(self.race(*(f"rename {path} {to}" for to in targets)), "NotFound")
            self.assertEqual([self.fs.exists(p) for p in (path, *targets)], [False, *(i == won for i in range(3))])
            self.assertEqual(self.fs.read_file(targets[won]), data)

    def test_a_rename_a_creation_and_a_directory(self):
        for turn in range(TURNS):
            path, data = self.place(f"{turn}", 1000)
            target = f"{self.dir}/target-{turn}"
            answers = self.race(f"rename {path} {target}", f"create {target} {turn}", f"mkdir {target}")
            won = self.winner(answers, "AlreadyExists")
            status = self.fs.get_status(target)
            self.assertEqual(status.folder, won == 2)
            if won < 2:
                self.assertEqual(self.fs.read_file(target), (data, bytes([turn]) * SIZE)[won])

    def test_creations(self):
        for turn in range(TURNS):
            path = f"{self.dir}/{turn}"
            won = self.winner(self.race(*(f"create {path} {i}" for i in range(3))), "AlreadyExists")
            self.assertEqual(self.fs.read_file(path), bytes([won]) * SIZE)

    def test_a_rename_and_a_removal(self):
        """The file is in its new place, or nowhere."""
        for turn in range(TURNS):
            path, data = self.place(f"{turn}", 1000)
            target = f"{self.dir}/target-{turn}"
            renamed, removed = self.race(f"rename {path} {target}", f"delete {path}")
            self.assertLessEqual({renamed, removed}, {"done", "NotFound"})
            self.assertIn("done", (renamed, removed))
            self.assertFalse(self.fs.exists(path))
            if renamed == "done":
                self.assertEqual(removed, "NotFound")
                self.assertEqual(self.fs.read_file(target), data)
            else:
                with self.assertRaises(NotFound):
                    self.fs.get_status(target)


if __name__ == "__main__":
    unittest.main()
