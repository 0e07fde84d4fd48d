#!/usr/bin/env python3
# Scrapes a run while it goes on with readers that aren't ssebomb's: prometheus-client's parsers, and a
# real Prometheus of its own on loopback. Usage: check_live.py SSEBOMB URL; status 1 where what they
# understood is not what the result file says.
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus

failures = []
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def check(holds, words):
    if not holds:
        failures.append(words)


def get(url, accept=None):
    request = urllib.request.Request(url, headers={"Accept": accept} if accept else {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def samples(families):
    return {(sample.name, tuple(sorted(sample.labels.items()))): (family.type, sample.value)
            for family in families for sample in family.samples}


def scrape_twice(url):
    told = []
    for _ in range(2):
        kind, text = get(url, OPENMETRICS)
        check(kind == OPENMETRICS + "; charset=utf-8", f"live: content type {kind}")
        told.append(samples(read_openmetrics(text)))
        time.sleep(1.5)
    before, after = told
    growing = ("_total", "_bucket", "_count", "_sum")
    for (name, labels), (_, value) in before.items():
        if name.endswith(growing):
            check(after[name, labels][1] >= value, f"live: {name} {labels} fell")
    events = ("ssebomb_token_events_total", ())
    check(after[events][1] > before[events][1] > 0, "live: no token events")
    kind, text = get(url)
    check(kind == "text/plain; version=0.0.4; charset=utf-8", f"live: content type {kind}")
    older = samples(read_prometheus(text))
    check(older[events][0] == "counter", f"live: {older[events]}")
    # The older parser gives each histogram's parts under one name, too.
    check(set(name for name, _ in older) >= set(name for name, _ in after), "live: a family lacks")


def query(place, expression):
    answer = get(f"{place}/api/v1/query?" + urllib.parse.urlencode({"query": expression}))[1]
    return [float(one["value"][1]) for one in json.loads(answer)["data"]["result"]]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def with_prometheus(url, directory):
    """Starts a Prometheus that scrapes `url` each second, and returns it with its own address."""
    target = urllib.parse.urlsplit(url).netloc
    config = f"{directory}/prometheus.yml"
    with open(config, "w", encoding="utf-8") as file:
        json.dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [
            {"job_name": "load", "static_configs": [{"targets": [target]}]}]}, file)
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
         f"--web.listen-address={address}", "--log.level=error"],
        stdout=subprocess.DEVNULL)
    return process, f"http://{address}"


def ask_prometheus(place, result_path, run):
    deadline = time.monotonic() + 30
    seen = []
    while time.monotonic() < deadline and run.poll() is None:
        try:
            seen = query(place, "ssebomb_token_events_total{job=\"load\"}")
            if seen and seen[0] > 0:
                break
        except OSError:
            pass
        time.sleep(0.2)
    check(seen and seen[0] > 0, f"prometheus: no token events: {seen}")
    check(query(place, "up") == [1], "prometheus: the target isn't up")
    time.sleep(3)
    check(all(rate > 0 for rate in query(place, "rate(ssebomb_token_events_total[5s])") or [0]),
          "prometheus: no rate")
    quantile = query(place, "histogram_quantile(0.5, ssebomb_gap_seconds_bucket)")
    run.wait(timeout=60)
    with open(result_path, encoding="utf-8") as file:
        result = json.load(file)
    most = query(place, "max_over_time(ssebomb_token_events_total[1m])")
    check(most and 0 < most[0] <= result["counts"]["token_events"], f"prometheus: {most}")
    # Two edges of the histogram lie 2.5 times apart at most.
    told, known = quantile[0] * 1e9, result["metrics"]["gap"]["p50"]
    check(known / 2.5 <= told <= known * 2.5, f"prometheus: median gap {told} for {known}")
    ids = [one["metric"]["id"] for one in json.loads(
        get(f"{place}/api/v1/query?query=last_over_time(ssebomb_run_info[1m])")[1])["data"]["result"]]
    check(set(ids) == {result["run"]["id"]}, f"prometheus: runs {ids}")


def main():
    binary, target = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        result_path = f"{directory}/result.json"
        run = subprocess.Popen(
            [binary, "-c", "8", "-d", "15s", "--no-progress", "--listen", ":0", "-o", result_path,
             "--body", '{"messages":[],"stream":true}', target],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        url = re.search(r"http://\S+", run.stderr.readline()).group()
        prometheus, place = with_prometheus(url, directory)
        try:
            time.sleep(2)
            scrape_twice(url)
            ask_prometheus(place, result_path, run)
        finally:
            for process in (prometheus, run):
                process.terminate()
                process.wait()
    print(f"live: {'ok' if not failures else 'FAILED'}")
    for failure in failures:
        print(f"  {failure}", file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
