#!/usr/bin/env python3
"""Validates result files against docs/result.schema.json, and the sums that no schema can state.

Prints "OK", or one error a line and exits with 1. Without the PyPI package jsonschema only the sums
are checked, and "OK (sums only)" is printed.

    validate_result.py FILE ...
"""
import json
import pathlib
import sys

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "docs" / "result.schema.json"
PERCENTILES = ["p50", "p90", "p95", "p99", "p999"]


def schema_errors(document):
    """Yields what the schema objects to; None where there is no validator."""
    try:
        import jsonschema
    except ImportError:
        return None
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def sum_errors(document):
    """Yields figures that contradict each other."""
    counts = document["counts"]
    requests = counts["requests"]
    parts = ["completed", "failed", "cancelled", "cut"]
    if requests["started"] != sum(requests[part] for part in parts):
        yield f"started is not the sum of {', '.join(parts)}: {requests}"
    if requests["failed"] != sum(counts["failures"].values()):
        yield f"failed is {requests['failed']}, its kinds are {counts['failures']}"
    if requests["completed_in_window"] > requests["completed"]:
        yield "more requests completed in the window than at all"
    for name, metric in document["metrics"].items():
        if metric["count"] == 0:
            if "unfinished" not in metric or "p50" in metric:
                yield f"{name} has neither samples nor unfinished waits, or figures without samples"
            continue
        if not metric["min"] <= metric["mean"] <= metric["max"]:
            yield f"{name}: the mean lies outside of min and max"
        figures = [metric[percentile] for percentile in PERCENTILES]
        if figures != sorted(figures):
            yield f"{name}: the percentiles do not ascend: {figures}"
    starts = [interval["start_s"] for interval in document["intervals"]]
    step = document["interval_s"]
    if any(later - earlier != step for earlier, later in zip(starts, starts[1:])):
        yield f"the intervals do not follow each other by {step} s: {starts}"


def main(paths):
    """Validates every file; returns the exit status."""
    if not paths:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    errors = []
    note = ""
    for path in paths:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        found = schema_errors(document)
        if found is None:
            note = " (sums only)"
        # The sums can be trusted to exist only in a document of the right shape.
        errors += [f"{path}: {error}" for error in found or sum_errors(document)]
    print("\n".join(errors) if errors else f"OK{note}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
