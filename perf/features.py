#!/usr/bin/env -S python3 -B
"""CPU per event with datasets, sessions and each API's own stream, against the plain run.

    perf/features.py [--pairs N] [--streams N] [--tokens N] [--window S] [--only NAME,...]

The plain run sends the same body each time and reads chat completions. Each case runs beside a plain
run, at the same time and on the same CPU, and is compared with that: a machine whose speed drifts,
or a neighbour who takes caches and time, treats both alike. The medians of these ratios are held
against the bar; plain beside plain shows how far two equal runs differ. Mocks have one CPU, clients
the other; streams are requests of `--tokens` tokens at 20 a second, one after the other on kept
connections. Events are counted by the servers; those of other APIs are longer or shorter than the
plain run's.
"""

import argparse
import contextlib
import json
import os
import subprocess
import time

import harness

BAR = 1.05
RATE = 20
PLAIN = (harness.CHAT, ["--post", harness.BODY])
BUILT = ["--model", "m", "--max-tokens", "{tokens}"]
# What each case asks for: the path, and the flags that make its requests.
CASES = {
    "plain": PLAIN,
    "dataset": (harness.CHAT, [*BUILT, "--dataset", "{dataset}", "--order", "shuffle"]),
    "synthetic": (
        harness.CHAT, ["--model", "m", "--synthetic", "lognormal:100,0.5:{tokens}", "--unique"],
    ),
    "sessions": (
        harness.CHAT, [*BUILT, "--dataset", "{dataset}", "--turns", "uniform:2,6"],
    ),
    "openai-completions": ("/v1/completions", BUILT),
    "openai-responses": ("/v1/responses", BUILT),
    "anthropic": ("/v1/messages", BUILT),
    "gemini": ("/v1beta/models/m:streamGenerateContent?alt=sse", ["--max-tokens", "{tokens}"]),
    "ollama": ("/api/chat", BUILT),
    "llamacpp": ("/completion", BUILT),
    "tgi": ("/generate_stream", ["--max-tokens", "{tokens}"]),
    "triton": ("/v2/models/m/generate_stream", ["--max-tokens", "{tokens}"]),
}
ROWS = 2_000


def dataset():
    """A file of conversations in ShareGPT's form, with prompts of 20 to 200 words."""
    os.makedirs(harness.OUT, exist_ok=True)
    path = os.path.join(harness.OUT, "conversations.json")
    rows = [
        {
            "conversations": [
                {"from": "human", "value": " ".join(["sea", "wind", "salt"][row % 3:] * words)},
                {"from": "gpt", "value": "Waves come and go with the moon and the wind. " * 4},
            ]
        }
        for row in range(ROWS)
        for words in [7 + row * 37 % 60]
    ]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(rows, file)
    return path


@contextlib.contextmanager
def running(case, options):
    """A mock and a client of one case, with all streams open."""
    path, flags = case
    values = {"tokens": options.tokens, "dataset": options.dataset}
    flags = [flag.format(**values) for flag in flags]
    server_cpu, client_cpu = harness.two_cpus()
    gap = 1000 / RATE
    shape = ["--ttft", f"uniform:1ms,{gap:g}ms", "--itl", f"{gap:g}ms", "--tokens", options.tokens]
    with harness.mock(*shape, cpu=server_cpu) as server:
        command = [harness.BINARY, "--no-progress", "-c", options.streams, "-d", "10m"]
        command += ["--drain", 0, "-q", "-t", 1, "--cpus", client_cpu, *flags, server.base + path]
        with harness.process(command, stdout=subprocess.DEVNULL) as child:
            server.wait_for_streams(options.streams * 9 // 10)
            yield server, [child]


def measure(case, is_first, options):
    """The windows of the plain run and of one case beside it, started in turns as the first."""
    first, second = (CASES[case], PLAIN) if is_first else (PLAIN, CASES[case])
    with running(first, options) as one, running(second, options) as other:
        time.sleep(options.settle)
        plain, case = (other, one) if is_first else (one, other)
        windows = harness.watch_beside([plain, case], options.window)
    for window in windows:
        # First token and end of a request take a gap more than its tokens.
        window.require(0.9 * options.streams * RATE)
    return windows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--streams", type=int, default=1_500)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--settle", type=float, default=2)
    parser.add_argument("--window", type=float, default=5)
    parser.add_argument("--only", help="some of the cases, by name")
    options = parser.parse_args()
    harness.require_binary()
    options.dataset = dataset()
    names = options.only.split(",") if options.only else list(CASES)
    if unknown := set(names) - set(CASES):
        raise harness.Failed(f"{', '.join(unknown)} is none of: {', '.join(CASES)}")
    ratios = {name: [] for name in names}
    costs = {name: [] for name in names}
    for turn in range(options.pairs):
        for name in names:
            plain, other = harness.measured(measure, name, turn % 2 == 1, options)
            costs[name].append((plain.cost, other.cost))
            ratios[name].append(other.cost / plain.cost)
            print(
                f"{turn + 1}/{options.pairs} {name:20} {other.cost:7.0f} ns/event"
                f"  plain {plain.cost:7.0f}  ratio {ratios[name][-1]:.3f}",
                flush=True,
            )
    print()
    rows, met = [], True
    for name in names:
        ratio = harness.median(ratios[name])
        met = met and ratio <= BAR
        plain, other = (harness.median(column) for column in zip(*costs[name]))
        spread = f"{min(ratios[name]):.3f} to {max(ratios[name]):.3f}"
        rows.append(
            [name, f"{other:.0f}", f"{plain:.0f}", f"{ratio:.3f}", spread, f"{BAR:.2f}"]
            + [harness.within(ratio, BAR)]
        )
    harness.table(["run", "ns/event", "plain", "x plain", "single", "bar", ""], rows)
    return met


if __name__ == "__main__":
    harness.run(main)
