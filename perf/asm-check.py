#!/usr/bin/env -S python3 -B
"""Reads the machine code that runs per event and fails when it does what it must not.

    perf/asm-check.py [BINARY] [--root PATTERN]... [--show]

Starts at the loop's root function in the release binary, follows every direct call and tail call
within the engine, and fails on reference counting, exclusivity checks, allocation, metadata and
witness lookups and calls of unspecialised generics. Cold functions are not entered: those whose
name starts with `cold`, by the project's convention `@inline(never)`, and those of COLD below.
Indirect calls can't be followed and are listed. --show prints what was walked.
"""

import argparse
import collections
import os
import re
import shutil
import subprocess

import harness

# Where the walk starts: patterns over demangled names.
ROOTS = [r"SSEBombCore\.LoopThread\.run\(\)"]

# What is part of the engine: only these functions are entered.
ENGINE = re.compile(r"SSEBomb\w*\.|^csup_")

# Not entered, where they are functions of their own: each runs a few times a request, a second or
# a process, never per event. Inlined into a hot function they are judged as part of it.
COLD = [
    r"\.cold\w*\(",
    r"\.Spill\.grow\(",
    # Housekeeping.
    r"\.LoopThread\.(keepHouse|stopStarting|cutAll|takeRunDelay)\(",
    # A request's start: connect, handshake, send.
    r"\.LoopThread\.(startReady|begin|openConnection|bindSource|connectReady|connectFailed)\(",
    r"\.LoopThread\.(startTLS|handshake|handshakeReady|send|writable)\(",
    # Its head, and its end.
    r"\.LoopThread\.(beforeBody|takeHead|complete|perform|fail|failRecorded|lost|finish)\(",
    r"\.LoopThread\.(release|scheduleNext|retire|closeConnection|messageEnded|checkLimit)\(",
    # Only where a single stream is traced, or something went wrong.
    r"\.LoopThread\.trace\w*\(",
    r"\.(ErrorLog|EventTrace|NameCounts)\.",
]

# What no function of the walk may call: patterns over symbol names.
FORBIDDEN = [
    (r"swift_(retain|release|bridgeObject|unknownObject|unowned|weak)", "reference counting"),
    (r"swift_(beginAccess|endAccess)", "exclusivity check"),
    (r"swift_(alloc|slowAlloc|initStackObject|dealloc|slowDealloc|deallocClass)", "allocation"),
    (r"(malloc|calloc|realloc|free|posix_memalign|aligned_alloc|_Zn[wa]m|_Zd[la]Pvm?)$",
     "allocation"),
    (r"swift_(get|check|instantiate)\w*(Metadata|Witness|Conform|Type)", "metadata lookup"),
    (r"__swift_(instantiate|project|mutable_project|allocate|destroy)", "metadata or existential"),
    (r"swift_(dynamicCast|conformsToProtocol|isUniquelyReferenced|once|willThrow)",
     "runtime service"),
    (r"\$s\S*M[anr]$", "metadata lookup"),
    (r"\$s\S*W[lL]$", "witness table lookup"),
]

# Functions of the standard library that may be called: they end the process.
FATAL = re.compile(r"assertionFailure|fatalErrorMessage|_fatalError|preconditionFailure")

HEADER = re.compile(r"^[0-9a-f]+ <(.+)>:$")
CALL = re.compile(r"\t(call|jmp|bl|b)q?\s+(?:0x)?[0-9a-f]+ <([^>]+)>")
INDIRECT = re.compile(r"\t(?:callq?\s+\*|jmpq?\s+\*|(?:callq?|jmpq?)\s+QWORD|blr\s)")
# A jump table's last two instructions before the jump: the offset is loaded and added.
TABLE = re.compile(r"\tmovs\w+.*\n.*\tadd")


def disassemble(binary):
    """Each function's instructions, by symbol."""
    tool = shutil.which("llvm-objdump") or shutil.which("objdump")
    if not tool:
        raise harness.Failed("objdump is missing: apt-get install binutils")
    functions, lines = {}, None
    with subprocess.Popen(
        [tool, "-d", "--no-show-raw-insn", binary], stdout=subprocess.PIPE, text=True
    ) as dump:
        for line in dump.stdout:
            header = HEADER.match(line)
            if header:
                lines = functions.setdefault(header.group(1), [])
            elif lines is not None:
                lines.append(line.rstrip())
    return functions


def demangled(symbols):
    """Readable names by symbol."""
    symbols = sorted(symbols)
    tool = shutil.which("swift-demangle")
    command = [tool] if tool else ["swift", "demangle"]
    done = subprocess.run(
        [*command, "-compact"], input="\n".join(symbols), capture_output=True, text=True, check=True
    )
    # "(name in _HASH)" is how a private function is told from others of its name.
    lines = [re.sub(r"\((\w+) in _[0-9A-F]+\)", r"\1", name) for name in done.stdout.splitlines()]
    return dict(zip(symbols, lines))


def target_of(text):
    """The symbol of a call's operand, or None for a jump inside a function."""
    if "+0x" in text:
        return None
    return text.removesuffix("@plt")


class Walk:
    """All engine functions that can be reached from the roots by direct calls."""

    def __init__(self, functions, names):
        self.functions = functions
        self.names = names
        self.seen = {}
        self.cold = set()
        self.indirect = []
        self.faults = []

    def name(self, symbol):
        return self.names.get(symbol, symbol)

    def visit(self, symbol, caller):
        pending = collections.deque([(symbol, caller)])
        while pending:
            # Breadth first: the path that is told is a shortest one.
            symbol, caller = pending.popleft()
            if symbol in self.seen:
                continue
            self.seen[symbol] = caller
            lines = self.functions[symbol]
            for index, line in enumerate(lines):
                callee = self.read(symbol, line, "\n".join(lines[max(0, index - 4):index]))
                if callee:
                    pending.append((callee, symbol))

    def read(self, symbol, line, before):
        """Judges one instruction; returns the function to enter next, if any."""
        call = CALL.search(line)
        if not call:
            if INDIRECT.search(line) and not TABLE.search(before):
                self.indirect.append((symbol, " ".join(line.split("\t")[1:])))
            return None
        callee = target_of(call.group(2))
        if callee is None or callee == symbol:
            return None
        for pattern, what in FORBIDDEN:
            if re.match(pattern, callee):
                self.fault(symbol, callee, what)
                return None
        name = self.name(callee)
        if any(re.search(pattern, name) for pattern in COLD):
            self.cold.add(callee)
            return None
        ours = ENGINE.search(name) or "generic specialization" in name
        if ours and callee in self.functions:
            return callee
        if callee.startswith("$s") and not FATAL.search(name):
            self.fault(symbol, callee, "call into the standard library")
        return None

    def fault(self, symbol, callee, what):
        """Several calls of the same from one function are one fault."""
        if (symbol, callee, what) not in self.faults:
            self.faults.append((symbol, callee, what))

    def path(self, symbol):
        """The function and who called it, the caller behind it."""
        steps = []
        while symbol is not None:
            steps.append(short(self.name(symbol)))
            symbol = self.seen.get(symbol)
        # The nearest callers tell a path from another; all of it would be a paragraph.
        return " < ".join(steps[:4] + (["..."] if len(steps) > 4 else []))


def short(name):
    name = re.sub(r"^.* of (?=SSEBomb|static SSEBomb)", "", name)
    return re.sub(r"\(.*", "", re.sub(r"SSEBomb\w+\.", "", name)) or name


def report(walk, show):
    if show:
        for symbol in walk.seen:
            print(f"  walked  {walk.path(symbol)}")
        for symbol in sorted(walk.cold):
            print(f"  cold    {short(walk.name(symbol))}")
    for symbol, line in walk.indirect:
        print(f"indirect call in {short(walk.name(symbol))}: {line}")
    for symbol in dict.fromkeys(symbol for symbol, _, _ in walk.faults):
        print(f"FAULT in {walk.path(symbol)}")
        for by, callee, what in walk.faults:
            if by == symbol:
                print(f"      {what}: {short(walk.name(callee))}")
    print(
        f"asm-check: {len(walk.seen)} functions walked, {len(walk.cold)} cold left out,"
        f" {len(walk.indirect)} indirect calls, {len(walk.faults)} faults"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary", nargs="?", default=harness.BINARY)
    parser.add_argument("--root", action="append")
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    if not os.path.exists(options.binary):
        raise harness.Failed(f"{options.binary} is missing: run `make release` first")
    functions = disassemble(options.binary)
    called = {m.group(2) for lines in functions.values() for m in map(CALL.search, lines) if m}
    targets = {target_of(text) for text in called} - {None}
    names = demangled(set(functions) | targets)
    walk = Walk(functions, names)
    for pattern in options.root or ROOTS:
        roots = [symbol for symbol in functions if re.search(pattern, names[symbol])]
        if not roots:
            raise harness.Failed(f"no function is named like {pattern}: update ROOTS")
        for root in roots:
            walk.visit(root, None)
    report(walk, options.show)
    return not walk.faults


if __name__ == "__main__":
    harness.run(main)
