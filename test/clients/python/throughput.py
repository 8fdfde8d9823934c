"""How fast GooseFS's own Python clients write and read a file, beside plain copies of the same bytes by Python.

    python3 test/clients/python/throughput.py PROGRAM [--sizes MiB,...] [--turns N,...] [--dir DIR]

starts `PROGRAM local` over a folder below DIR, on free ports, and prints a Markdown table. The clients are those that tools/clients
has installed below bin/clients. Each measurement is of a process of its own, so that nothing is in the client's caches; it begins
when the client is connected, and ends when the file is closed. Right behind it the same is done in a plain folder of the same disk.
Bytes go by pieces of 1 MiB, and each that was read is compared with what it should be, which is in memory. The processor time is of
the client and of `PROGRAM local`, for each GB.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
PIECE = MIB
PATIENCE = 120  # seconds, for what is to happen by itself
JOB = "--job"  # what follows is for a process that measures once
CLIENTS = pathlib.Path(__file__).resolve().parents[3] / "bin" / "clients"
NEW, OLD = "python", "python-0.1.9"


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: what a client does, and to which file of the root folder."""

    title: str
    venv: str
    verb: str
    file: str
    large: bool = False  # it is one block, not several of 64 MiB: of a file that was found only the first is lent
    cold: bool = False  # nobody has cached it, and the kernel's pages of it and of the plain file are dropped
    short_circuit: bool = False


ROWS = (
    Row("write, CACHE_THROUGH", NEW, "write", "written"),
    Row("read, cold", NEW, "read", "found", cold=True),
    Row("read, cached", NEW, "read", "found"),
    Row("read, cached, one block, by 0.1.9", OLD, "read", "found", large=True),
    Row("the same, short circuit", OLD, "read", "found", large=True, short_circuit=True),
)


# What a process does that measures once. The last line of its output is the result.


def timed(do):
    """How long do() took: seconds of the clock, and of this process's processor time."""
    used, start = processor_here(), time.perf_counter()
    do()
    return {"seconds": time.perf_counter() - start, "processor": processor_here() - used}


def processor_here():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure_client(job):
    """Does what job["verb"] says with job["path"], by the package of this interpreter, and checks what was read."""
    import goosefs

    data = pathlib.Path(job["source"]).read_bytes()
    properties = {"goosefs.user.short.circuit.enabled": str(job["short_circuit"]).lower()}
    with goosefs.Goosefs(goosefs.Config(job["master"], properties=properties)) as fs:
        match job["verb"]:
            case "write":
                return timed(lambda: write(fs.create_file(job["path"], write_type=goosefs.WriteType.CacheThrough), data))
            case "await":
                return await_cached(fs, job["path"])
            case "delete":
                return fs.delete(job["path"])
        result = timed(lambda: read(fs.open_file(job["path"]), data))
        maps = pathlib.Path("/proc/self/maps").read_text()
    if (job["state"] in maps) != job["short_circuit"]:
        raise SystemExit(f"{job['path']}: {'no' if job['short_circuit'] else 'a'} cached file is mapped")
    return result


def write(file, data):
    with file:
        for at in range(0, len(data), PIECE):
            file.write(data[at : at + PIECE])


def read(file, data):
    """Reads a file, which is to have these bytes."""
    at = 0
    with file:
        while piece := file.read(PIECE):
            if piece != data[at : at + len(piece)]:
                raise SystemExit(f"other bytes than were written, in the {len(piece)} from {at}")
            at += len(piece)
    if at != len(data):
        raise SystemExit(f"{at} bytes of {len(data)}")


def await_cached(fs, path):
    end = time.monotonic() + PATIENCE
    while (percent := fs.get_status(path).in_goose_fs_percentage) < 100:
        if time.monotonic() > end:
            raise SystemExit(f"{path}: {percent} % are cached after {PATIENCE} s")
        time.sleep(0.2)


def measure_plain(job):
    """The same in a folder."""
    data = pathlib.Path(job["source"]).read_bytes()
    if job["verb"] == "write":
        return timed(lambda: write_synced(job["path"], data))
    return timed(lambda: read(open(job["path"], "rb", buffering=0), data))


def write_synced(path, data):
    """Writes a file that is on the disk when it is over, as with CACHE_THROUGH."""
    file = open(path, "wb", buffering=0)
    write(file, data)
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


# What the process does that starts all the others.


def result_of(interpreter, **job):
    """What a process of its own says to a job. A client that is given properties looks for its master in the environment."""
    command = [interpreter, "-B", __file__, JOB, json.dumps(job)]
    env = environment() | ({"GOOSEFS_MASTER_ADDR": job["master"]} if "master" in job else {})
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=env)
    if run.returncode:
        raise SystemExit(f"{job}: exit status {run.returncode}")
    return json.loads(run.stdout.splitlines()[-1])


def environment():
    """Without what would configure a goosefs."""
    return {k: v for k, v in os.environ.items() if not k.startswith("GOOSEFS_")}


def free_ports(n):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(n)]
        return [s.getsockname()[1] for s in sockets]


class Local:
    """A `goosefs local` that runs."""

    def __init__(self, program, home, block):
        self.root, self.state, log = home / "root", home / "state", home / "log"
        self.root.mkdir(parents=True)
        master, journal, worker = free_ports(3)
        self.master = f"127.0.0.1:{master}"
        properties = {
            "goosefs.master.rpc.port": master,
            "goosefs.master.embedded.journal.port": journal,
            "goosefs.worker.rpc.port": worker,
            "goosefs.user.block.size.bytes.default": block,
            "goosefs.worker.tieredstore.level0.dirs.quota": "10GB",
        }
        with open(log, "w") as stderr:
            self.process = subprocess.Popen(
                [program, "local", "--dir", self.state, *(f"-D{k}={v}" for k, v in properties.items()), self.root],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=environment(),
            )
        if "serves" not in self.process.stdout.readline():
            self.stop()
            raise SystemExit(f"{program} local did not start:\n{log.read_text()}")

    def processor(self):
        """Seconds of processor time that it has used so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

def drop(path):
    """Drops the kernel's pages of a file."""
    with open(path, "rb") as f:
        os.fsync(f.fileno())
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Turn:
    """Every row once, with new files of one size."""

    def __init__(self, local, large, home, size, number):
        self.local, self.large, self.size, self.suffix = local, large, size, f"-{size}-{number}"
        self.source, self.plain = home / "source", home / "plain"

    def run(self):
        """The result of each row: (of the client, of the plain folder)."""
        write_synced(self.source, os.urandom(self.size))
        for local in (self.local, self.large):
            shutil.copyfile(self.source, local.root / ("found" + self.suffix))
        self.client(self.large, OLD, "read", "found")
        results = {row: self.compare(row) for row in ROWS}
        for local, file in {(self.large if row.large else self.local, row.file) for row in ROWS}:
            self.client(local, NEW, "delete", file)
        self.plain.unlink()
        return results

    def client(self, local, venv, verb, file, short_circuit=False):
        place = {"master": local.master, "state": str(local.state), "source": str(self.source), "path": f"/{file}{self.suffix}"}
        return result_of(CLIENTS / venv / "bin" / "python", **place, verb=verb, short_circuit=short_circuit)

    def compare(self, row):
        local = self.large if row.large else self.local
        if row.cold:
            drop(local.root / (row.file + self.suffix))
        elif row.verb == "read":
            self.client(local, NEW, "await", row.file)
        before = local.processor()
        got = self.client(local, row.venv, row.verb, row.file, row.short_circuit)
        got["server"] = local.processor() - before
        if row.cold:
            drop(self.plain)
        return got, result_of(sys.executable, verb=row.verb, path=str(self.plain), source=str(self.source))


def measure(program, home, size, turns):
    """The results of all turns."""
    with contextlib.ExitStack() as stack:
        local = Local(program, home / "local", 64 * MIB)
        stack.callback(local.stop)
        large = Local(program, home / "large", size)
        stack.callback(large.stop)
        return [Turn(local, large, home, size, i).run() for i in range(turns)]


def table(size, turns):
    """Lines of the table: the median of all turns, and of the ratios of each turn's pairs, with their limits."""
    for row in ROWS:
        pairs = [turn[row] for turn in turns]
        rate = [statistics.median(size / 1e6 / one["seconds"] for one in side) for side in zip(*pairs)]
        ratios = sorted(plain["seconds"] / client["seconds"] for client, plain in pairs)
        used = [statistics.median(client[what] for client, _ in pairs) / (size / 1e9) for what in ("processor", "server")]
        yield (
            f"| {size // MIB} MiB: {row.title} | {rate[0]:.0f} | {rate[1]:.0f} "
            f"| {statistics.median(ratios):.2f} ({ratios[0]:.2f} – {ratios[-1]:.2f}) | {used[0]:.2f} | {used[1]:.2f} |"
        )


def numbers(text):
    return [int(n) for n in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=pathlib.Path, help="the goosefs that is measured")
    parser.add_argument("--sizes", type=numbers, default=[64, 1024], help="of the files, MiB (default 64,1024)")
    parser.add_argument("--turns", type=numbers, default=[5, 3], help="how often each size is measured (default 5,3)")
    parser.add_argument("--dir", help="where the temporary folder is made")
    args = parser.parse_args()
    if len(args.sizes) != len(args.turns) or min(args.sizes + args.turns) < 1:
        parser.error(f"--sizes {args.sizes} --turns {args.turns}: write as many turns as sizes, each 1 or more")
    for venv in (NEW, OLD):
        if not (CLIENTS / venv).exists():
            parser.error(f"{CLIENTS / venv} is not there; tools/clients installs it")
    with tempfile.TemporaryDirectory(prefix="goosefs-throughput-", dir=args.dir) as name:
        home = pathlib.Path(name)
        lines = []
        for size, turns in zip(args.sizes, args.turns):
            lines += table(size * MIB, measure(args.program.resolve(), home / str(size), size * MIB, turns))
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} processors; load averages at the end: {load}.\n")
    print("| | client MB/s | plain MB/s | client / plain | client s/GB | goosefs s/GB |\n|---|--:|--:|--:|--:|--:|")
    print("\n".join(lines))


if __name__ == "__main__":
    if sys.argv[1:2] == [JOB]:
        job = json.loads(sys.argv[2])
        print(json.dumps(measure_client(job) if "master" in job else measure_plain(job)))
    else:
        main()
