"""What every measuring script needs: the mock server, a client, the C drain, CPU time over a
window, memory and a table.

Standard library only. Knows ssebomb's command line and nothing of what a script measures. All
processes are ended by their id, also when a script fails. SSEBOMB names the binary to measure.
"""

import contextlib
import json
import os
import signal
import ssl
import statistics
import subprocess
import sys
import time
import urllib.request
from typing import NamedTuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.environ.get("SSEBOMB", os.path.join(ROOT, ".build", "release", "ssebomb"))
OUT = os.environ.get("PERF_DIR", os.path.join(ROOT, ".build-perf"))
BODY = os.path.join(ROOT, "perf", "body.json")
CHAT = "/v1/chat/completions"


class Failed(Exception):
    """A measurement that could not be made; the text says what to do."""


class Bottleneck(Failed):
    """The server could not send what was asked, so the run measured the server."""


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
        self.tls = self.base.startswith("https:")
        # Its certificate is one that `certificate` made.
        self.trust = ssl._create_unverified_context() if self.tls else None

    def stats(self):
        """The server's own account of what it did so far."""
        url = self.base + "/stats"
        with urllib.request.urlopen(url, timeout=10, context=self.trust) as answer:
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


def certificate():
    """A self-signed certificate for localhost and its key, as two paths."""
    folder = os.path.join(OUT, "certificates")
    os.makedirs(folder, exist_ok=True)
    paths = f"{folder}/server.pem", f"{folder}/server.key"
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "2", "-subj", "/CN=localhost", "-out", paths[0], "-keyout", paths[1],
    ]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return paths


def tls_arguments():
    """What makes the mock serve TLS."""
    pem, key = certificate()
    return ["--tls-cert", pem, "--tls-key", key]


def drain_command(server, streams, cpu, *flags):
    """The C drain on `streams` streams of the mock, with the request that ssebomb sends, for longer
    than any measurement takes: who starts it ends it."""
    with open(BODY, "rb") as file:
        body = file.read()
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        "Content-Type: application/json\r\nAccept: text/event-stream\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    drain = compiled("drain.c", "-lssl", "-lcrypto")
    request = os.path.join(OUT, "request")
    with open(request, "wb") as file:
        file.write(head.encode() + body)
    load = ["--streams", streams, "--cpu", cpu, "--settle", 600, "--window", 1]
    tls = ["--tls"] if server.tls else []
    return [drain, *load, *tls, *flags, "127.0.0.1", server.port, request]


def load_command(server, streams, cpus, *flags):
    """ssebomb on `streams` endless streams of the mock, one loop a CPU; who starts it ends it."""
    load = ["-c", streams, "-d", "10m", "--drain", 0, "-q", "-t", len(cpus)]
    load += ["--cpus", ",".join(str(cpu) for cpu in cpus)]
    if server.tls:
        load.append("-k")
    return client_command(server.base + CHAT, *load, *flags)


def endless(streams, rate):
    """What makes the mock send `rate` events a second over all of `streams` streams, for ever.

    First tokens are spread over one gap. Otherwise a client that connects in a burst would have its
    events in lumps, and pay for fewer wake-ups than one that connects at leisure.
    """
    gap = f"{1e6 * streams / rate:.0f}us"
    return ["--ttft", f"uniform:1us,{gap}", "--itl", gap, "--tokens", 1_000_000]


class Window(NamedTuple):
    """What happened in a measured window: events that the server sent, CPU time of the client, and
    of everything else on the machine but the server."""

    events: int
    cpu_ns: int
    others_ns: int
    elapsed: float

    @property
    def cost(self):
        return self.cpu_ns / self.events

    @property
    def rate(self):
        return self.events / self.elapsed

    @property
    def busy(self):
        return self.cpu_ns / 1e9 / self.elapsed

    @property
    def others(self):
        """CPU that neither client nor server had: on a quiet machine next to none."""
        return max(0, self.others_ns / 1e9 / self.elapsed)

    def require(self, rate):
        """Raises `Bottleneck` unless the server sent at least 95 % of `rate` events a second."""
        if self.rate < 0.95 * rate:
            raise Bottleneck(
                f"the mock sent {self.rate:.0f} of {rate:.0f} events/s: it is the bottleneck"
            )


def watch(server, clients, seconds):
    """Measures running clients of one server over `seconds`."""
    return watch_beside([(server, clients)], seconds)[0]


def watch_beside(sides, seconds):
    """Measures what runs at the same time over the same `seconds`; a window for each side, which is
    a server and its clients."""

    def account():
        events = [server.events() for server, _ in sides]
        own = [sum(cpu_ns(client.pid) for client in clients) for _, clients in sides]
        servers = sum(cpu_ns(server.child.pid) for server, _ in sides)
        return events, own, machine_cpu_ns() - sum(own) - servers, time.monotonic()

    before = account()
    time.sleep(seconds)
    for client in (client for _, clients in sides for client in clients):
        if client.poll() is not None:
            raise Failed(f"{client.args[0]} ended early, status {client.returncode}")
    after = account()
    others, elapsed = after[2] - before[2], after[3] - before[3]
    windows = [
        Window(after[0][i] - before[0][i], after[1][i] - before[1][i], others, elapsed)
        for i in range(len(sides))
    ]
    warn_of_others(windows[0].others)
    return windows


def warn_of_others(share):
    """Says so when others than those that are measured took more than a tenth of a CPU."""
    if share > 0.1:
        print(f"not a quiet machine: others took {share:.0%} of a CPU", file=sys.stderr)


def measured(measure, *arguments):
    """`measure(*arguments)`, made again up to twice where the server was the bottleneck."""
    for _ in range(2):
        try:
            return measure(*arguments)
        except Bottleneck as failure:
            print(f"once more: {failure}", file=sys.stderr)
    return measure(*arguments)


def cpu_ns(pid):
    """CPU time of all threads that a process now has, in nanoseconds."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
    return total


def machine_cpu_ns():
    """CPU time that the whole machine has spent, in nanoseconds, to the clock tick."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq, steal, *_ = map(int, file.readline().split()[1:])
    ticks = user + nice + system + irq + softirq + steal
    return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def private_bytes(pid):
    """Memory that only this process has: what would be free again without it."""
    total = 0
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith(("Private_Clean:", "Private_Dirty:")):
                total += int(line.split()[1]) * 1024
    return total


def run_beside_mock(shape, load, seconds):
    """One whole run with a CPU for each side; the client's result file and the server's truth."""
    server_cpu, client_cpu = two_cpus()
    os.makedirs(OUT, exist_ok=True)
    path = os.path.join(OUT, "result.json")
    with mock(*shape, cpu=server_cpu) as server:
        command = client_command(server.base + CHAT, *load, "-q", "-o", path, cpu=client_cpu)
        command = [str(word) for word in command]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, timeout=seconds, check=False)
        if done.returncode != 0:
            raise Failed(f"ssebomb ended with status {done.returncode}: {' '.join(command)}")
        truth = server.finish()
    with open(path, encoding="utf-8") as file:
        return json.load(file), truth


ERRORS_HEAD = ["milliseconds", "reported", "true", "error", "bar", ""]


def errors(reported, true, bars):
    """Rows of reported and true TTFT and gap with their difference, in milliseconds, against `bars`
    (a bar by percentile); and whether all are met and both sides have the same samples."""
    rows, met = [], True
    for metric in ["ttft", "gap"]:
        seen, real = reported[metric], true[metric]
        if seen["count"] != real["count"]:
            print(f"{metric}: the client has {seen['count']} samples, the server {real['count']}")
            met = False
        for percentile, bar in bars.items():
            error = (seen[percentile] - real[percentile]) / 1e6
            met = met and abs(error) <= bar
            cells = [f"{seen[percentile] / 1e6:.3f}", f"{real[percentile] / 1e6:.3f}"]
            cells += [f"{error:+.3f}", f"{bar:g}", within(abs(error), bar)]
            rows.append([f"{metric} {percentile}", *cells])
    return rows, met


def verdict_text(result):
    """The verdict of a result file in words."""
    verdict = result.get("verdict")
    if verdict is None:
        return "no verdict"
    sentences = [reason["sentence"] for reason in verdict["reasons"]]
    return "; ".join([f"verdict: {verdict['state']}", *sentences])


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
