#!/usr/bin/env python3
"""Reads one base64 HdrHistogram (V2 compressed) on stdin and prints what the PyPI package
`hdrhistogram` finds in it, as JSON: count, min, max, mean, stddev and percentiles in nanoseconds."""
import json
import sys

from hdrh.histogram import HdrHistogram

histogram = HdrHistogram.decode(sys.stdin.read().strip())
print(json.dumps({
    "count": histogram.get_total_count(),
    "min": histogram.get_min_value(),
    "max": histogram.get_max_value(),
    "mean": histogram.get_mean_value(),
    "stddev": histogram.get_stddev(),
    "percentiles": {
        str(p): histogram.get_value_at_percentile(p) for p in (50, 90, 95, 99, 99.9, 100)
    },
}))
