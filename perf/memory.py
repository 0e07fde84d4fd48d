#!/usr/bin/env -S python3 -B
"""User-space memory of ssebomb per open, idle stream.

    perf/memory.py [--plain-only]

The slope of the process's private memory between a small and a large number of streams that have
all had their head and one event and wait for the next; what the program needs anyway drops out.
Plain streams are served by the mock, TLS ones by hold.c, which decides whether a handshake is a
full one or resumes a session.
"""

import argparse
import json
import os
import signal
import subprocess
import time

import harness

PLAIN = (1_000, 15_000)
TLS = (500, 4_000)
PLAIN_BAR = 1_024
# (name, TLS 1.x, resumed, bar in bytes)
TLS_CASES = [
    ("TLS 1.3, full", 3, False, 33 * 1024),
    ("TLS 1.3, resumed", 3, True, 30 * 1024),
    ("TLS 1.2, full", 2, False, 25 * 1024),
    ("TLS 1.2, resumed", 2, True, 13 * 1024),
]


def settled_bytes(pid):
    """Private memory once it has stopped changing."""
    last = harness.private_bytes(pid)
    for _ in range(20):
        time.sleep(0.5)
        value = harness.private_bytes(pid)
        if abs(value - last) < 16 * 1024:
            return value
        last = value
    return last


def load(url, streams, *more):
    return harness.client_command(
        url, "-c", streams, "-d", "10m", "--drain", 0, "-t", 1, "-q", *more
    )


def plain(streams):
    with harness.mock("--ttft", "10ms", "--itl", "1h") as server:
        command = load(server.base + harness.CHAT, streams)
        with harness.process(command, stdout=subprocess.DEVNULL) as client:
            server.wait_for_streams(streams)
            time.sleep(1)
            return settled_bytes(client.pid)


def open_sockets(pid):
    folder, count = f"/proc/{pid}/fd", 0
    for name in os.listdir(folder):
        try:
            count += os.readlink(f"{folder}/{name}").startswith("socket:")
        except FileNotFoundError:
            pass
    return count


def tls(streams, minor, resumed, files):
    """Private memory with `streams` TLS streams, after checking that they are of the right kind."""
    hold = harness.compiled("hold.c", "-lssl", "-lcrypto")
    command = [hold, *files, minor, int(resumed)]
    with harness.process(command, stdout=subprocess.PIPE, text=True) as server:
        port = server.stdout.readline().rsplit(":", 1)[1].strip()
        url = f"https://localhost:{port}{harness.CHAT}"
        # Paced below what the server can shake hands, so that a session is there to resume.
        with harness.process(
            load(url, streams, "-k", "--connect-rate", 250), stdout=subprocess.DEVNULL
        ) as client:
            deadline = time.monotonic() + 30 + streams / 100
            while open_sockets(client.pid) < streams:
                if client.poll() is not None or time.monotonic() > deadline:
                    raise harness.Failed(f"{streams} TLS streams could not be opened")
                time.sleep(0.3)
            time.sleep(2)
            value = settled_bytes(client.pid)
        server.send_signal(signal.SIGTERM)
        account = json.loads(server.communicate(timeout=10)[0].splitlines()[-1])
    # The first handshakes have no session to resume, nor has one that starts while the last
    # session is in use: a few full ones in a hundred change the slope by less than their share.
    share = account["resumed"] / max(1, account["served"])
    wrong = share < 0.9 if resumed else share > 0
    if account["served"] < streams or wrong:
        raise harness.Failed(f"not the handshakes that were to be measured: {account}")
    return value


def slope(measure, counts):
    few, many = counts
    return (measure(many) - measure(few)) / (many - few)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--plain-only", action="store_true")
    options = parser.parse_args()
    harness.require_binary()
    results = [("plain", slope(plain, PLAIN), PLAIN_BAR, PLAIN)]
    if not options.plain_only:
        files = harness.certificate()
        for name, minor, resumed, bar in TLS_CASES:
            value = slope(lambda n, m=minor, r=resumed: tls(n, m, r, files), TLS)
            results.append((name, value, bar, TLS))
    rows = [
        [name, f"{counts[0]} to {counts[1]}", f"{value:.0f}", bar, harness.within(value, bar)]
        for name, value, bar, counts in results
    ]
    harness.table(["bytes per stream", "streams", "measured", "bar", ""], rows)
    return all(value <= bar for _, value, bar, _ in results)


if __name__ == "__main__":
    harness.run(main)
