"""A process that races others for names: it does what a line of its standard input says, and answers with a line.

rename PATH TO · create PATH BYTE · mkdir PATH · delete PATH: the answer is "done", or the class of the error. A created file is
100,000 times its BYTE, and goes through to the under file system."""

import sys

import goosefs
from goosefs.exceptions import GoosefsError

from support import config

SIZE = 100_000


def act(fs, verb, path, last=None):
    if verb == "rename":
        fs.rename(path, last)
    elif verb == "create":
        fs.write_file(path, bytes([int(last)]) * SIZE, write_type=goosefs.WriteType.CacheThrough)
    elif verb == "mkdir":
        fs.mkdir(path)
    else:
        fs.delete(path)


def main():
    with goosefs.Goosefs(config()) as fs:
        print("ready", flush=True)
        for line in sys.stdin:
            try:
                act(fs, *line.split())
                print("done", flush=True)
            except GoosefsError as e:
                print(type(e).__name__, flush=True)


if __name__ == "__main__":
    main()
