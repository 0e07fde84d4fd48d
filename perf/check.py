#!/usr/bin/env -S python3 -B
"""Compares counts per event with the budgets in perf/budgets.json.

    perf/check.py [NAME...]

Counts only, no times: the outcome is the same on a slow or busy machine. A budget that was lowered
stays lowered: raising it needs a reason in the change that does.
"""

import json
import os
import sys

import counts
import harness


def measured():
    """Each count by name; a function that gives several is called once."""
    calls = {}

    def system_calls(name):
        if not calls:
            calls.update(counts.system_calls_per_event())
        return calls[name]

    return {
        "decode_instructions_per_event": counts.decode_instructions_per_event,
        "allocations_per_event": counts.allocations_per_event,
        "reads_per_event": lambda: system_calls("reads"),
        "waits_per_event": lambda: system_calls("waits"),
        "other_system_calls_per_event": lambda: system_calls("others"),
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
        if name != "decode_instructions_per_event":
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
