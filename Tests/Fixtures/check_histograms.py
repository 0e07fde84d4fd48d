#!/usr/bin/env python3
"""Decodes every histogram of result files with the PyPI package `hdrhistogram`, and holds the
figures beside it against what the package finds.

Prints "OK N histograms", or one error a line and exits with 1.

    check_histograms.py FILE ...
"""
import json
import math
import sys

from hdrh.histogram import HdrHistogram

PERCENTILES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "p999": 99.9}


def errors(name, record):
    """Yields what `record` says otherwise than its histogram."""
    histogram = HdrHistogram.decode(record["histogram"])
    if histogram.get_total_count() != record["count"]:
        yield f"{name}: count {record['count']}, decoded {histogram.get_total_count()}"
    for key, percentile in PERCENTILES.items():
        if key not in record:
            continue
        decoded = value_at(histogram, math.ceil(percentile * record["count"] / 100))
        if not histogram.values_are_equivalent(decoded, record[key]):
            yield f"{name}: {key} {record[key]}, decoded {decoded}"


def value_at(histogram, rank):
    """The value of the sample with this rank: the package's own percentiles round the rank to the
    nearest, the result file's are never below it."""
    reached = 0
    for item in histogram.get_recorded_iterator():
        reached += item.count_at_value_iterated_to
        if reached >= rank:
            return item.value_iterated_to
    return None


def main(paths):
    found, count = [], 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        records = list(document["metrics"].items())
        for interval in document["intervals"]:
            start = interval["start_s"]
            records += [(f"{name} of second {start}", interval[name]) for name in ("ttft", "gap")]
        for name, record in records:
            if "histogram" in record:
                count += 1
                found += errors(f"{path}: {name}", record)
            elif record["count"] > 0:
                found.append(f"{path}: {name} has samples and no histogram")
    print("\n".join(found) if found else f"OK {count} histograms")
    return 1 if found else 0


sys.exit(main(sys.argv[1:]))
