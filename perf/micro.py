#!/usr/bin/env -S python3 -B
"""Nanoseconds and instructions per event of each thing that runs per event, in memory.

    perf/micro.py [--no-counts]

Chunked decoder, event stream parser and token probe, alone and together, by size of the event and
by shape: `single` is a chunk an event and a read a chunk, `many` eight events in one chunk and
read, `cut` an event in two reads that meet in the middle of its data. The histogram per record: the
same cell again and again, and values over 28 octaves. Times are medians of 31 rounds over all
cases; instructions are counted by callgrind (valgrind), the same in every repeat. SWIFTC names the
compiler. What is compiled are the sources of the product, in a module of their own.
"""

import argparse
import glob
import os
import re
import shutil
import subprocess

import harness

CORE = os.path.join(harness.ROOT, "Sources", "SSEBombCore")
SOURCES = [
    *(f"HTTP/{name}.swift" for name in ["BodyFraming", "ChunkedDecoder", "ResponseHead"]),
    "HTTP/WireLimits.swift", "SSE/*.swift", "Memory/Spill.swift", "Stats/Histogram.swift",
]
FEATURES = ["ExistentialAny", "MemberImportVisibility", "InternalImportsByDefault"]
MODULE = "SSEBombMicro"
SIZES = [60, 180, 1_000, 16_000]
SHAPES = ["single", "many", "cut"]
LATENCIES = ["hot", "scattered"]
# An event of 180 bytes that is alone in chunk and read, through all three decoders.
USUAL = ("together", "single", 180)
BAR_NS = 100


def build():
    """Compiles the benchmark; returns its path."""
    os.makedirs(harness.OUT, exist_ok=True)
    product = os.path.join(harness.OUT, "micro")
    patterns = [os.path.join(CORE, name) for name in SOURCES]
    patterns.append(os.path.join(harness.ROOT, "perf", "micro", "*.swift"))
    files = [path for pattern in patterns for path in sorted(glob.glob(pattern))]
    command = [os.environ.get("SWIFTC", "swiftc"), "-O", "-wmo", "-gline-tables-only"]
    command += ["-swift-version", "6", "-module-name", MODULE]
    for feature in FEATURES:
        command += ["-enable-upcoming-feature", feature]
    if subprocess.run([*command, *files, "-o", product], check=False).returncode != 0:
        raise harness.Failed("the benchmark does not compile")
    return product


def cases(lines):
    """What the program printed, by component, shape and size."""
    split = [line.split() for line in lines.splitlines()]
    return {(name, shape, int(size)): values for name, shape, size, *values in split}


def times(program):
    """Median nanoseconds per event, or record, by case."""
    done = subprocess.run([program, "time"], stdout=subprocess.PIPE, text=True, check=True)
    return {case: float(values[0]) for case, values in cases(done.stdout).items()}


def instructions(program):
    """Instructions per event, or record, by case.

    Callgrind counts inside the functions named Root only, and writes one file for each pass: two
    passes a case, of which the second is steady.
    """
    out = os.path.join(harness.OUT, "micro.callgrind")
    for old in glob.glob(f"{out}*"):
        os.remove(old)
    mangled = f"$s{len(MODULE)}{MODULE}"
    flags = [f"--toggle-collect={mangled}*Root*", f"--dump-after={mangled}7runPass*"]
    command = [*callgrind(out, *flags), program, "count"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise harness.Failed(f"the count ended with status {done.returncode}, see {out}.log")
    counted = {}
    for index, (case, values) in enumerate(cases(done.stdout).items()):
        total = collected(f"{out}.{2 * index + 2}")
        samples = int(values[0])
        if total < samples:
            raise harness.Failed(f"callgrind collected nothing of {case}, see {out}.log")
        counted[case] = total / samples
    return counted


def callgrind(out, *flags):
    """The words before a program whose instructions are to be counted into the file `out`.

    Without address space randomisation, and with an empty environment, a count is the same in every
    repeat.
    """
    if not shutil.which("valgrind"):
        raise harness.Failed("valgrind is not installed: apt-get install valgrind")
    return [
        "env", "-i", f"PATH={os.environ['PATH']}", "SWIFT_DETERMINISTIC_HASHING=1",
        "setarch", "-R", "valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
        f"--log-file={out}.log", *flags,
    ]


def collected(path):
    """The instructions in one of callgrind's files."""
    try:
        with open(path, encoding="utf-8") as file:
            found = re.search(r"^totals: (\d+)$", file.read(), re.MULTILINE)
    except FileNotFoundError:
        found = None
    return int(found.group(1)) if found else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--no-counts", action="store_true", help="times alone, without valgrind")
    options = parser.parse_args()
    program = build()
    measured = [times(program)]
    if not options.no_counts:
        measured.append(instructions(program))
    units = ["ns", "instr."][:len(measured)]

    def row(name, shape, sizes):
        figures = [values.get((name, shape, size)) for values in measured for size in sizes]
        return [f"{name}, {shape}", *("" if x is None else f"{x:,.1f}" for x in figures)]

    head = ["per event of"] + [f"{size:,} B {unit}" for unit in units for size in SIZES]
    decoders = [(name, shape) for name in ["chunked", "parser"] for shape in SHAPES]
    decoders += [("probe", "single"), *(("together", shape) for shape in SHAPES)]
    harness.table(head, [row(name, shape, SIZES) for name, shape in decoders])
    print()
    harness.table(["per record", *units], [row("histogram", kind, [0]) for kind in LATENCIES])
    print()
    usual = measured[0][USUAL]
    print(f"together, single, 180 bytes: {usual:.0f} ns, bar {BAR_NS} ns:"
          f" {harness.within(usual, BAR_NS)}")
    return usual <= BAR_NS


if __name__ == "__main__":
    harness.run(main)
