#!/usr/bin/env -S python3 -B
"""Time from starting ssebomb to its first request.

    perf/startup.py [--runs N]

This script is the server: it reads the clock just before it starts the client and again when the
first bytes of the request have arrived. What lies between includes the fork, the loading of the
binary and the connect, so it is an upper bound of what ssebomb itself takes.
"""

import argparse
import socket
import subprocess
import time

import harness

BAR_MS = 20
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    b'data: {"object":"chat.completion.chunk","choices":[{"index":0,'
    b'"delta":{"content":"x"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


def one_start(listener):
    """Milliseconds from before the fork to the first byte of the request."""
    url = f"http://127.0.0.1:{listener.getsockname()[1]}{harness.CHAT}"
    command = harness.client_command(url, "-c", 1, "-n", 1, "-q")
    before = time.monotonic_ns()
    with harness.process(command, stdout=subprocess.DEVNULL) as child:
        connection, _ = listener.accept()
        connection.settimeout(5)
        connection.recv(65536)
        elapsed = time.monotonic_ns() - before
        connection.sendall(ANSWER)
        connection.close()
        child.wait(10)
    return elapsed / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=21)
    options = parser.parse_args()
    harness.require_binary()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        one_start(listener)  # Brings the binary into the page cache.
        times = sorted(one_start(listener) for _ in range(options.runs))
    middle = harness.median(times)
    print(f"start to first request, {options.runs} runs: least {times[0]:.1f} ms,")
    print(f"median {middle:.1f} ms, most {times[-1]:.1f} ms")
    print(f"median {middle:.1f} ms, bar {BAR_MS} ms: {harness.within(middle, BAR_MS)}")
    return middle <= BAR_MS


if __name__ == "__main__":
    harness.run(main)
