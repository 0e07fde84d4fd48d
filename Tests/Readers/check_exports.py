#!/usr/bin/env python3
# Reads every export of a run with a reader that isn't ssebomb's, and holds what it understood against
# the result file: usage check_exports.py DIR, with result.json and the exports in it. The figures
# are compared, not only parsed; a difference ends it with status 1.
import csv
import json
import math
import subprocess
import sys

import junitparser
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from llmd_benchmark_report import BenchmarkReportV02, load_benchmark_report
from prometheus_client.openmetrics.parser import text_string_to_metric_families

JAVA_LOG_PROCESSOR = ["java", "-cp", "/usr/share/java/hdrhistogram.jar",
                      "org.HdrHistogram.HistogramLogProcessor"]
failures = []


def check(holds, words):
    if not holds:
        failures.append(words)


def near(left, right, words, relative=1e-9):
    check(left is not None and right is not None
          and math.isclose(left, right, rel_tol=relative, abs_tol=1e-9), f"{words}: {left} {right}")


def ms(metric, field):
    return metric[field] / 1e6


def shown(metric, field):
    """A percentile as reports show it: no greater than the greatest sample."""
    return min(metric[field], metric["max"])


def cells(histogram):
    return [(item.value_iterated_to, item.count_at_value_iterated_to)
            for item in histogram.get_recorded_iterator()]


def read_hlog(place, result):
    metrics = result["metrics"]
    path = f"{place}/run.hlog"
    sums, starts = {}, {}
    reader = HistogramLogReader(path, HdrHistogram(1, 86_400_000_000_000, 3))
    while True:
        histogram = reader.get_next_interval_histogram()
        if histogram is None:
            break
        tag = histogram.get_tag()
        starts.setdefault(tag, []).append(histogram.get_start_time_stamp())
        if tag not in sums:
            sums[tag] = HdrHistogram(1, 86_400_000_000_000, 3)
        sums[tag].add(histogram)
    check(set(sums) == set(metrics), f"hlog: tags {sorted(sums)}")
    check(len(starts["gap"]) > 1, "hlog: one interval only")
    check(starts["gap"] == sorted(starts["gap"]), "hlog: intervals out of order")
    for name, histogram in sums.items():
        check(histogram.get_total_count() == metrics[name]["count"], f"hlog: count of {name}")
        check(cells(histogram) == cells(HdrHistogram.decode(metrics[name]["histogram"])),
              f"hlog: samples of {name}")


def read_hgrm(place, result):
    """The reference implementation makes a distribution of the log; ours must be the same lines."""
    for name in ("ttft", "gap", "e2e"):
        made = f"{place}/java-{name}"
        subprocess.run(
            JAVA_LOG_PROCESSOR + ["-i", f"{place}/run.hlog", "-o", made, "-tag", name,
                                  "-outputValueUnitRatio", "1000000"],
            check=True, stdout=subprocess.DEVNULL)
        def rows(path):
            with open(path, encoding="utf-8") as file:
                lines = [line.split() for line in file]
            return [line for line in lines if line and not line[0].startswith(("#", "Value"))]
        ours, theirs = rows(f"{place}/{name}.hgrm"), rows(f"{made}.hgrm")
        check(len(ours) > 10, f"hgrm: {name} has {len(ours)} lines")
        check(ours == theirs, f"hgrm: {name} isn't what the reference implementation writes: "
              + next((f"{a} / {b}" for a, b in zip(ours, theirs) if a != b), "lengths"))
        with open(f"{place}/{name}.hgrm", encoding="utf-8") as file:
            tail = [line for line in file if line.startswith("#[")]
        check(f"{result['metrics'][name]['count']:>12}]" in tail[1], f"hgrm: tail of {name}")


def read_openmetrics(place, result):
    with open(f"{place}/run.om", encoding="utf-8") as file:
        families = {f.name: f for f in text_string_to_metric_families(file.read())}
    def value(family, name, **labels):
        for sample in families[family].samples:
            if sample.name == name and all(sample.labels.get(k) == v for k, v in labels.items()):
                return sample.value
        return None
    counts = result["counts"]
    for end in ("completed", "failed", "cut"):
        check(value("ssebomb_requests", "ssebomb_requests_total", outcome=end)
              == counts["requests"][end], f"openmetrics: {end}")
    near(value("ssebomb_requests_per_second", "ssebomb_requests_per_second"),
         result["rates"]["requests"], "openmetrics: rate")
    check(value("ssebomb_run", "ssebomb_run_info", id=result["run"]["id"]) == 1,
          "openmetrics: info")
    for name, metric in result["metrics"].items():
        family = f"ssebomb_{name}_seconds"
        check(families[family].type == "histogram" and families[family].unit == "seconds",
              f"openmetrics: type of {name}")
        check(value(family, f"{family}_count") == metric["count"], f"openmetrics: {name}")
        near(value(family, f"{family}_sum"), metric["sum"] / 1e9, f"openmetrics: sum of {name}")
        histogram = HdrHistogram.decode(metric["histogram"])
        for sample in families[family].samples:
            edge = sample.labels.get("le")
            if edge and edge != "+Inf":
                below = sum(
                    item.count_at_value_iterated_to
                    for item in histogram.get_recorded_iterator()
                    if histogram.get_lowest_equivalent_value(item.value_iterated_to)
                    <= float(edge) * 1e9)
                check(sample.value == below, f"openmetrics: {name} le {edge}")


def completed_tokens(place):
    """Prompt and completion tokens of the completed requests of the window, from the request log."""
    with open(f"{place}/requests.ndjson", encoding="utf-8") as file:
        lines = [line for line in map(json.loads, file)
                 if line["measured"] and line["outcome"] == "completed"]
    return tuple(sum(line[name] or 0 for line in lines) for name in ("prompt_tokens", "tokens"))


def read_vllm(place, result):
    with open(f"{place}/vllm.json", encoding="utf-8") as file:
        report = json.load(file)
    requests = result["counts"]["requests"]
    check(report["completed"] == requests["completed"], "vllm: completed")
    check(requests["failed"] > 0, "vllm: nothing failed, so its rule isn't tried")
    check((report["total_input_tokens"], report["total_output_tokens"]) == completed_tokens(place),
          "vllm: tokens of completed requests")
    near(report["request_throughput"], report["completed"] / report["duration"],
         "vllm: request_throughput")
    near(report["output_throughput"], report["total_output_tokens"] / report["duration"],
         "vllm: output_throughput")
    near(report["total_token_throughput"],
         (report["total_input_tokens"] + report["total_output_tokens"]) / report["duration"],
         "vllm: total_token_throughput")
    check(report["request_rate"] == "inf", "vllm: request_rate")
    for name, metric in (("ttft", "ttft"), ("tpot", "tpot"), ("itl", "gap"), ("e2el", "e2e")):
        metric = result["metrics"][metric]
        # The file has whole nanoseconds.
        near(report[f"mean_{name}_ms"], ms(metric, "mean"), f"vllm: mean {name}", 1e-6)
        near(report[f"median_{name}_ms"], shown(metric, "p50") / 1e6, f"vllm: median {name}")
        near(report[f"std_{name}_ms"], ms(metric, "stddev"), f"vllm: std {name}", 1e-4)
        near(report[f"p99_{name}_ms"], shown(metric, "p99") / 1e6, f"vllm: p99 {name}")
        check(f"p99.9_{name}_ms" in report, f"vllm: p99.9 {name}")
    check(report["ssebomb_basis"]["tokens"] == result["counts"]["tokens"]["basis"], "vllm: basis")


def read_aiperf(place, result):
    with open(f"{place}/aiperf.json", encoding="utf-8") as file:
        report = json.load(file)
    check(report["schema_version"] == "1.4" and report["is_complete"] is True, "aiperf: head")
    check(report["request_count"]["avg"] == result["counts"]["requests"]["completed"],
          "aiperf: request_count")
    check((report["total_isl"]["avg"], report["total_osl"]["avg"]) == completed_tokens(place),
          "aiperf: tokens of completed requests")
    for name, metric in (("time_to_first_token", "ttft"), ("inter_token_latency", "tpot"),
                         ("inter_chunk_latency", "gap"), ("request_latency", "e2e")):
        metric = result["metrics"][metric]
        check(report[name]["unit"] == "ms" and report[name]["count"] == metric["count"],
              f"aiperf: {name}")
        for field in ("p50", "p90", "p95", "p99"):
            near(report[name][field], shown(metric, field) / 1e6, f"aiperf: {name} {field}")
        near(report[name]["sum"] / report[name]["count"], report[name]["avg"],
             f"aiperf: sum of {name}")


def read_k6(place, result):
    with open(f"{place}/k6.json", encoding="utf-8") as file:
        metrics = json.load(file)["metrics"]
    requests = result["counts"]["requests"]
    decided = requests["completed"] + requests["failed"] + requests["cancelled"]
    check(metrics["http_reqs"]["values"]["count"] == decided, "k6: http_reqs")
    with open(f"{place}/vllm.json", encoding="utf-8") as file:
        near(metrics["http_reqs"]["values"]["rate"],
             metrics["http_reqs"]["values"]["count"] / json.load(file)["duration"], "k6: its rate")
    check(metrics["http_req_failed"]["values"]["passes"] == requests["failed"], "k6: failed")
    for name, metric in (("http_req_duration", "e2e"), ("ttft", "ttft"), ("gap", "gap")):
        trend, metric = metrics[name], result["metrics"][metric]
        check(trend["type"] == "trend" and trend["contains"] == "time", f"k6: {name}")
        near(trend["values"]["p(95)"], shown(metric, "p95") / 1e6, f"k6: {name} p(95)")
        near(trend["values"]["med"], shown(metric, "p50") / 1e6, f"k6: {name} med")
    outcomes = {f"{gate['metric']}:{expression}": told["ok"] for gate in result["thresholds"]
                for expression, told in metrics.get(
                    {"failures": "http_req_failed", "requests": "iterations"}.get(gate["metric"], gate["metric"]),
                    {}).get("thresholds", {}).items()}
    for gate in result["thresholds"]:
        check(outcomes.get(gate["expression"]) is (gate["outcome"] == "passed"),
              f"k6: gate {gate['expression']} {outcomes}")


def read_llmd(place, result):
    with open(f"{place}/llmd.json", encoding="utf-8") as file:
        report = load_benchmark_report(json.load(file))
    check(isinstance(report, BenchmarkReportV02), f"llmd: {type(report)}")
    aggregate = report.results.request_performance.aggregate
    check(aggregate.requests.total == result["counts"]["requests"]["started"], "llmd: total")
    near(aggregate.throughput.request_rate.mean, result["rates"]["requests"], "llmd: rate")
    near(aggregate.latency.time_to_first_token.p50, shown(result["metrics"]["ttft"], "p50") / 1e6,
         "llmd: ttft")
    near(aggregate.latency.inter_token_latency.p90, shown(result["metrics"]["itl"], "p90") / 1e6,
         "llmd: itl")
    series = report.results.request_performance.time_series.throughput.request_rate.series
    check(len(series) == len(result["intervals"]), "llmd: series")


def read_junit(place, result):
    suites = list(junitparser.JUnitXml.fromfile(f"{place}/junit.xml"))
    check(len(suites) == 1, "junit: suites")
    kinds = {"passed": None, "missed": junitparser.Failure, "not_judged": junitparser.Error}
    cases = {case.name: case for case in suites[0]}
    check(len(cases) == len(result["thresholds"]) >= 3, "junit: cases")
    for gate in result["thresholds"]:
        told = [one for one in cases[gate["expression"]].result
                if not isinstance(one, junitparser.SystemOut)]
        expected = kinds[gate["outcome"]]
        check([type(one) for one in told] == ([expected] if expected else []),
              f"junit: {gate['expression']} {told}")
        check(not told or told[0].message == gate["sentence"], f"junit: {gate['sentence']}")
    check({gate["outcome"] for gate in result["thresholds"]} == set(kinds), "junit: outcomes")


def read_csv(place, result):
    with open(f"{place}/run.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    figures = {(row["name"], row["statistic"]): row for row in rows}
    check(len(figures) == len(rows), "csv: a figure twice")
    for name, metric in result["metrics"].items():
        check(int(figures[name, "count"]["value"]) == metric["count"], f"csv: {name}")
        near(float(figures[name, "p50"]["value"]), shown(metric, "p50") / 1e9, f"csv: {name} p50")
        weak = "p99" in metric.get("unsupported", [])
        check(((name, "p99") in figures) is not weak, f"csv: {name} p99")
    for gate in result["thresholds"]:
        check(figures[gate["expression"], "threshold"]["value"] == gate["outcome"], "csv: gate")


def main():
    place = sys.argv[1]
    with open(f"{place}/result.json", encoding="utf-8") as file:
        result = json.load(file)
    readers = [read_hlog, read_hgrm, read_openmetrics, read_vllm, read_aiperf, read_k6, read_llmd,
               read_junit, read_csv]
    for reader in readers:
        before = len(failures)
        reader(place, result)
        print(f"{reader.__name__}: {'ok' if len(failures) == before else 'FAILED'}")
    for failure in failures:
        print(f"  {failure}", file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
