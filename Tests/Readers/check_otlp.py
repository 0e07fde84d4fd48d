#!/usr/bin/env python3
# Receives a stored result over OTLP/HTTP and reads it with OpenTelemetry's own protobuf definitions.
# Usage: check_otlp.py SSEBOMB RESULT; status 1 where what they understood is not what the file says.
import http.server
import json
import math
import subprocess
import sys
import threading

from google.protobuf import json_format
from hdrh.histogram import HdrHistogram
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest, ExportMetricsServiceResponse)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

NAMES = {"e2e": "gen_ai.client.operation.duration",
         "ttfe": "gen_ai.client.operation.time_to_first_chunk",
         "gap": "gen_ai.client.operation.time_per_output_chunk",
         "ttft": "gen_ai.server.time_to_first_token",
         "tpot": "gen_ai.server.time_per_output_token"}
failures = []


def check(holds, words):
    if not holds:
        failures.append(words)


def receive(binary, result_path):
    """What the binary sends of the result, parsed: a member that the definitions lack is an error."""
    got = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, self.headers["Content-Type"],
                        self.rfile.read(int(self.headers["Content-Length"]))))
            answer = json_format.MessageToJson(ExportMetricsServiceResponse()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        subprocess.run([binary, "report", result_path, "--otlp",
                        f"http://127.0.0.1:{server.server_port}"],
                       check=True, stdout=subprocess.DEVNULL)
        server.shutdown()
    check([one[:2] for one in got] == [("/v1/metrics", "application/json")], f"otlp: {got[:2]}")
    return json_format.Parse(got[0][2], ExportMetricsServiceRequest())


def attributes(holder):
    return {one.key: getattr(one.value, one.value.WhichOneof("value"))
            for one in holder.attributes}


def histogram(name, metric, point):
    check(point.count == metric["count"], f"otlp: count of {name}")
    check(math.isclose(point.sum, metric["sum"] / 1e9), f"otlp: sum of {name}")
    check(point.time_unix_nano > point.start_time_unix_nano > 10**18, f"otlp: times of {name}")
    check(point.zero_count + sum(point.positive.bucket_counts) == point.count,
          f"otlp: buckets of {name}")
    base = 2 ** 2 ** -point.scale
    known = HdrHistogram.decode(metric["histogram"])
    cells = [(item.value_iterated_to, item.count_at_value_iterated_to)
             for item in known.get_recorded_iterator()]
    below = point.zero_count
    for place, count in enumerate(point.positive.bucket_counts):
        below += count
        edge = base ** (point.positive.offset + place + 1) * 1e9
        least = sum(count for value, count in cells if value <= edge * 0.998)
        most = sum(count for value, count in cells if value <= edge * 1.002 + 1)
        check(least <= below <= most, f"otlp: {name} up to {edge}: {least} {below} {most}")


def main():
    binary, result_path = sys.argv[1:]
    with open(result_path, encoding="utf-8") as file:
        result = json.load(file)
    request = receive(binary, result_path)
    resource = attributes(request.resource_metrics[0].resource)
    check(resource["service.name"] == "ssebomb", f"otlp: resource {resource}")
    check(resource["ssebomb.run.id"] == result["run"]["id"], "otlp: run")
    for name, value in result["run"]["labels"].items():
        check(resource[name] == value, f"otlp: label {name}")
    metrics = {one.name: one for one in request.resource_metrics[0].scope_metrics[0].metrics}
    for name, metric in result["metrics"].items():
        told = metrics[NAMES.get(name, f"ssebomb.{name}")]
        check(told.unit == "s" and told.WhichOneof("data") == "exponential_histogram",
              f"otlp: kind of {name}")
        data = told.exponential_histogram
        check(data.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE,
              f"otlp: temporality of {name}")
        histogram(name, metric, data.data_points[0])
        own = attributes(data.data_points[0])
        check(own["gen_ai.operation.name"] == "chat" and own["server.port"] > 0,
              f"otlp: attributes {own}")
    ends = {attributes(point)["outcome"]: point.as_int
            for point in metrics["ssebomb.requests"].sum.data_points}
    for end in ("completed", "failed", "cancelled", "cut"):
        check(ends[end] == result["counts"]["requests"][end], f"otlp: {end}")
    tokens = {attributes(point)["gen_ai.token.type"]: point.sum
              for point in metrics["gen_ai.client.token.usage"].histogram.data_points}
    check(tokens == {"output": result["counts"]["tokens"]["completion"],
                     "input": result["counts"]["tokens"]["prompt"]}, f"otlp: tokens {tokens}")
    print(f"otlp: {'ok' if not failures else 'FAILED'}")
    for failure in failures:
        print(f"  {failure}", file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
