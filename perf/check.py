#!/usr/bin/env -S python3 -B
"""Compares counts per event, request and stream with the budgets in perf/budgets.json.

    perf/check.py [NAME...]

Counts only, no times: the outcome is the same on a slow or busy machine. A budget that was lowered
stays lowered: raising it needs a reason in the change that does.
"""

import functools
import json
import os
import sys

import counts
import harness
import micro


# Of the benchmark in memory: an event that is alone in chunk and read, where the name says nothing
# else.
IN_MEMORY = {
    "chunked_instructions_per_event": ("chunked", "single", 180),
    "parser_instructions_per_event": ("parser", "single", 180),
    "probe_instructions_per_event": ("probe", "single", 180),
    "decode_instructions_per_event": micro.USUAL,
    "decode_instructions_per_cut_event": ("together", "cut", 180),
    "decode_instructions_per_16k_event": ("together", "single", 16_000),
    "histogram_instructions_per_record": ("histogram", "hot", 0),
}
SYSTEM_CALLS = {
    "reads_per_event": "reads",
    "waits_per_event": "waits",
    "other_system_calls_per_event": "others",
}


def measured():
    """The function that measures each count, by name; one that gives several is called once."""
    in_memory = functools.cache(lambda: micro.instructions(micro.build()))
    system_calls = functools.cache(counts.system_calls_per_event)
    return {
        **{name: lambda case=case: in_memory()[case] for name, case in IN_MEMORY.items()},
        "loop_instructions_per_event": counts.loop_instructions_per_event,
        "allocations_per_event": counts.allocations_per_event,
        "allocations_per_request": counts.allocations_per_request,
        "allocations_per_stream": counts.allocations_per_stream,
        **{name: lambda kind=kind: system_calls()[kind] for name, kind in SYSTEM_CALLS.items()},
        "system_calls_per_request": counts.system_calls_per_request,
        "system_calls_per_stream": counts.system_calls_per_stream,
        "bytes_per_stream": counts.bytes_per_stream,
    }


def main():
    with open(os.path.join(harness.ROOT, "perf", "budgets.json"), encoding="utf-8") as file:
        budgets = json.load(file)
    known = measured()
    names = sys.argv[1:] or list(budgets)
    for name in names:
        if name not in known or name not in budgets:
            raise harness.Failed(f"'{name}' is none of: {' '.join(budgets)}")
    rows, failed = [], 0
    for name in names:
        if name not in IN_MEMORY:
            harness.require_binary()
        budget = budgets[name]
        try:
            value = known[name]()
        except harness.Failed as failure:
            print(f"{name}: {failure}")
            rows.append([name, "-", f"{budget:g}", "FAILED"])
            failed += 1
            continue
        failed += value > budget
        rows.append([name, f"{value:.4f}", f"{budget:g}", harness.within(value, budget)])
    harness.table(["count", "measured", "budget", ""], rows)
    print(f"perf-check: {len(rows) - failed} passed, {failed} failed")
    return failed == 0


if __name__ == "__main__":
    harness.run(main)
