#!/usr/bin/env python3
# Reads the single requests of a stored result by docs/RESULT-FORMAT.md alone, and compares them with
# the lines of --per-request.
# Usage: check_requests.py DIRECTORY; status 1 where they differ.
import base64
import datetime
import json
import pathlib
import sys
import zlib

NAMES = ("class", "outcome", "failure", "finish_reason", "basis")
FLAGS = ("measured", "slow_reader")


def words(data):
    word = shift = 0
    for byte in data:
        word |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield word
            word = shift = 0


def rows(section):
    count = section["kept"]
    flat = list(words(zlib.decompress(base64.b64decode(section["data"], validate=True))))
    columns = section["columns"]
    assert len(flat) == count * len(columns), "as many words as members"
    first, last = columns.index("sched_ns"), columns.index("done_ns")
    sched = 0
    for row in range(count):
        line, reference = {}, sched
        for place, column in enumerate(columns):
            word = flat[place * count + row]
            if word == 0:
                line[column] = None
                continue
            zigzag = word - 1
            value = zigzag >> 1 if zigzag % 2 == 0 else -(zigzag >> 1) - 1
            if first <= place <= last:
                value += reference
                reference = value
            if column in NAMES:
                value = section["names"][column][value]
            line[column] = bool(value) if column in FLAGS else value
        sched = sched if line["sched_ns"] is None else line["sched_ns"]
        yield line


place = pathlib.Path(sys.argv[1])
result = json.loads((place / "result.json").read_text())
section = result["requests"]
lines = [json.loads(line) for line in (place / "requests.ndjson").read_text().splitlines()]
started = datetime.datetime.fromisoformat(result["run"]["started_at"].replace("Z", "+00:00"))
epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
microseconds = (started - epoch) // datetime.timedelta(microseconds=1)
beginning = microseconds * 1_000 + section["start_offset_ns"]
stored = [{"run_started_unix_ns": beginning, **row} for row in rows(section)]
if section["left_out"] or not lines or stored != lines:
    sys.exit(f"requests: FAILED: {len(stored)} stored, {len(lines)} lines, not the same")
