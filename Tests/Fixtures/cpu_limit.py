#!/usr/bin/env python3
"""Runs a command in a control group that may use a tenth of one CPU.

Usage: cpu_limit.py COMMAND [ARGUMENT...]

Makes a group below the process's own, in whichever layout (v1, v2) has a CPU controller, and takes
it away again. Exits with the command's status, or with 77 where the machine allows none of this.
"""
import os
import subprocess
import sys

PERIOD, QUOTA = 100_000, 10_000


def places():
    """Folders in which a group may be made: the process's own, v1 first."""
    with open("/proc/self/cgroup") as file:
        lines = [line.strip().split(":", 2) for line in file]
    with open("/proc/self/mountinfo") as file:
        mounts = [line.split(" - ") for line in file]
    for hierarchy, controllers, path in sorted(lines, reverse=True):
        for left, right in mounts:
            root, point = left.split()[3:5]
            kind, options = right.split()[0], right.split()[-1].split(",")
            is_v1 = "cpu" in controllers.split(",") and kind == "cgroup" and "cpu" in options
            if is_v1 or (hierarchy == "0" and kind == "cgroup2"):
                below = path[len(root):] if root != "/" and path.startswith(root) else path
                yield is_v1, os.path.join(point, below.strip("/"))


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


def make():
    for is_v1, parent in places():
        folder = os.path.join(parent, f"ssebomb-test-{os.getpid()}")
        try:
            os.mkdir(folder)
            if is_v1:
                write(folder, "cpu.cfs_period_us", str(PERIOD))
                write(folder, "cpu.cfs_quota_us", str(QUOTA))
            else:
                write(folder, "cpu.max", f"{QUOTA} {PERIOD}")
            return folder
        except OSError:
            if os.path.isdir(folder):
                os.rmdir(folder)
    return None


def main():
    folder = make()
    if folder is None:
        print("no control group to be had", file=sys.stderr)
        return 77
    try:
        enter = lambda: write(folder, "cgroup.procs", str(os.getpid()))
        return subprocess.run(sys.argv[1:], preexec_fn=enter, timeout=60).returncode
    finally:
        os.rmdir(folder)


sys.exit(main())
