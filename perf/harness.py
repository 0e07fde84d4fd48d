"""What every measuring script needs: the mock server, a client, CPU time, memory and a table.

Standard library only. Knows ssebomb's command line and nothing of what a script measures. All
processes are ended by their id, also when a script fails. SSEBOMB names the binary to measure.
"""

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.environ.get("SSEBOMB", os.path.join(ROOT, ".build", "release", "ssebomb"))
OUT = os.environ.get("PERF_DIR", os.path.join(ROOT, ".build-perf"))
BODY = os.path.join(ROOT, "perf", "body.json")
CHAT = "/v1/chat/completions"


class Failed(Exception):
    """A measurement that could not be made; the text says what to do."""


def require_binary():
    if not os.access(BINARY, os.X_OK):
        raise Failed(f"{BINARY} is missing: run `make release` first, or set SSEBOMB")


def two_cpus():
    """One CPU for the server, one for the client: they must not take each other's time."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise Failed("two CPUs are needed, one for the server and one for the client")
    return cpus[0], cpus[1]


def compiled(source, *flags):
    """Compiles perf/SOURCE unless it is newer than its product; returns the product's path."""
    os.makedirs(OUT, exist_ok=True)
    path = os.path.join(ROOT, "perf", source)
    product = os.path.join(OUT, os.path.splitext(source)[0])
    if "-shared" in flags:
        product += ".so"
    if os.path.exists(product) and os.path.getmtime(product) >= os.path.getmtime(path):
        return product
    compiler = os.environ.get("CC", "clang")
    command = [compiler, "-O2", "-Wall", "-Wextra", "-std=gnu11", path, "-o", product, *flags]
    subprocess.run(command, check=True)
    return product


@contextlib.contextmanager
def process(command, **options):
    """A child that does not outlive the block: asked to stop, killed after five seconds."""
    child = subprocess.Popen([str(word) for word in command], **options)
    try:
        yield child
    finally:
        stop(child)


def stop(child):
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(5)


class Mock:
    """A running `ssebomb serve` on a free loopback port."""

    def __init__(self, child):
        self.child = child
        line = child.stdout.readline()
        if "http" not in line:
            raise Failed(f"`ssebomb serve` did not say where it listens: {line!r}")
        self.base = line.split()[-1].rstrip("/")
        self.port = int(self.base.rsplit(":", 1)[1])

    def stats(self):
        """The server's own account of what it did so far."""
        with urllib.request.urlopen(self.base + "/stats", timeout=10) as answer:
            return json.load(answer)

    def events(self):
        return self.stats()["counts"]["events"]

    def wait_for_streams(self, count, seconds=60):
        """Returns when `count` streams are open."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            streams_open = self.stats()["counts"]["streams_open"]
            if streams_open >= count:
                return
            time.sleep(0.2)
        raise Failed(f"{count} streams were not open after {seconds} s, only {streams_open}")

    def finish(self):
        """Stops the server and returns the truth it prints at its end."""
        self.child.send_signal(signal.SIGTERM)
        text, _ = self.child.communicate(timeout=20)
        return json.loads(text[text.index("{"):])


@contextlib.contextmanager
def mock(*arguments, cpu=None):
    command = [BINARY, "serve", *arguments]
    if cpu is not None:
        command += ["--cpus", cpu]
    with process(command, stdout=subprocess.PIPE, text=True) as child:
        yield Mock(child)


def client_command(url, *arguments, cpu=None):
    command = [BINARY, "--no-progress", "--post", BODY, *arguments]
    if cpu is not None:
        command += ["-t", 1, "--cpus", cpu]
    return [*command, url]


def cpu_ns(pid):
    """CPU time of all threads that a process now has, in nanoseconds."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
    return total


def private_bytes(pid):
    """Memory that only this process has: what would be free again without it."""
    total = 0
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith(("Private_Clean:", "Private_Dirty:")):
                total += int(line.split()[1]) * 1024
    return total


def median(values):
    return statistics.median(values)


def table(head, rows):
    """Prints rows under a head, the first column to the left, the others to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())


def within(value, bar):
    return "ok" if value <= bar else "OVER"


def run(main):
    """Calls `main`, which returns whether every bar was met, and ends the script accordingly."""
    try:
        met = main()
    except Failed as failure:
        sys.exit(f"{os.path.basename(sys.argv[0])}: {failure}")
    sys.exit(0 if met else 1)
