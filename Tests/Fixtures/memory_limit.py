#!/usr/bin/env python3
"""Runs a command in a control group that has too little memory for what goes on in it.

Usage: memory_limit.py COMMAND [ARGUMENT...]

The group has room for the command and little else, and a second process in it reads a large file
over and over: pages of either are always being taken away and read again. Exits with the command's
status, or with 77 where the machine allows none of this, or lacks pressure stall information.
"""
import os
import subprocess
import sys
import tempfile
import time

LIMIT = 24 << 20
FILE_SIZE = 96 << 20
READER = """
import mmap, sys
with open(sys.argv[1], "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as pages:
    while True:
        for at in range(0, len(pages), 4096): pages[at]
"""


def mount(kind, option):
    with open("/proc/self/mountinfo") as file:
        for line in file:
            left, right = line.split(" - ")
            fields = right.split()
            if fields[0] == kind and (not option or option in fields[-1].split(",")):
                return left.split()[4]
    return None


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


def make():
    """The group's folders: one with the limit, and one whose pressure is accounted for."""
    unified, memory = mount("cgroup2", None), mount("cgroup", "memory")
    name, folders = f"ssebomb-test-{os.getpid()}", []
    try:
        if unified is None or not os.path.exists("/proc/pressure/memory"):
            return []
        for place in [unified] + ([memory] if memory else []):
            os.mkdir(os.path.join(place, name))
            folders.append(os.path.join(place, name))
        if memory:
            write(folders[1], "memory.limit_in_bytes", str(LIMIT))
        else:
            write(folders[0], "memory.max", str(LIMIT))
        return folders
    except OSError:
        for folder in folders:
            os.rmdir(folder)
        return []


def main():
    folders = make()
    if not folders:
        print("no control group to be had", file=sys.stderr)
        return 77

    def enter():
        for folder in folders:
            write(folder, "cgroup.procs", str(os.getpid()))

    with tempfile.NamedTemporaryFile(dir=os.environ.get("TMPDIR")) as file:
        file.truncate(FILE_SIZE)
        for _ in range(FILE_SIZE >> 20):
            file.write(os.urandom(1 << 20))
        file.flush()
        os.fsync(file.fileno())
        # The pages must be charged to who reads them, not to who wrote them.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        reader = subprocess.Popen([sys.executable, "-c", READER, file.name], preexec_fn=enter)
        try:
            return subprocess.run(sys.argv[1:], preexec_fn=enter, timeout=60).returncode
        finally:
            reader.kill()
            reader.wait()
            for folder in folders:
                for _ in range(50):
                    try:
                        os.rmdir(folder)
                        break
                    except OSError:
                        time.sleep(0.1)


sys.exit(main())
