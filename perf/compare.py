#!/usr/bin/env -S python3 -B
"""ssebomb beside the C drain, wrk, h2load and a plain aiohttp loop, on the same server.

    perf/compare.sh [--streams N,N,...] [--rate N] [--pairs N] [--window S] [--results DIR]

Two runs of each client at each number of streams, and the clients take turns. In the first the
streams never end: over a window the server counts events, the kernel CPU time and private memory,
and what is left unread in the sockets tells how far behind the client is. In the second each stream
is one request that ends, and the percentiles that the client reports are held against the server's.
Server and client have a CPU each. Writes compare.json, compare.md and compare.svg.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time

import harness
import plot

CLIENTS = ["drain", "drain --stamps", "ssebomb", "wrk", "h2load", "aiohttp"]
YARDSTICK = "drain --stamps"
TIMERS = ["ssebomb", "h2load", "aiohttp"]
METRICS = [("ttft", "mean"), ("ttft", "p50"), ("ttft", "p99"), ("gap", "p50"), ("gap", "p99")]
UNITS = {"us": 1e3, "ms": 1e6, "s": 1e9}
CONNECT_RATE = 1000


def numbers(text):
    return sorted(int(word) for word in text.split(","))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--streams", type=numbers, default=[200, 1000, 5000])
    parser.add_argument("--rate", type=float, default=20, help="events per second and stream")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--settle", type=float, default=2)
    parser.add_argument("--window", type=float, default=5)
    parser.add_argument("--results", default=os.path.join(harness.ROOT, "perf", "results"))
    options = parser.parse_args()
    if len(options.streams) < 2:
        parser.error("--streams wants at least two numbers: memory per stream is a slope")
    return options


def command(client, server, streams, cpu, ends):
    """The client on `streams` streams, of which each is one request if it `ends`."""
    url = server.base + harness.CHAT
    pinned = ["taskset", "-c", cpu]
    if client.startswith("drain"):
        flags = client.split()[1:]
        return harness.drain_command(server, streams, cpu, "--rate", CONNECT_RATE, *flags)
    if client == "ssebomb":
        paced = ["--connect-rate", CONNECT_RATE]
        if ends:
            load = ["-c", streams, "-n", streams, "-q", "--format", "json"]
            return harness.client_command(url, *load, *paced, cpu=cpu)
        return harness.load_command(server, streams, [cpu], *paced)
    if client == "wrk":
        script = os.path.join(harness.OUT, "post.lua")
        with open(harness.BODY, encoding="utf-8") as file:
            body = file.read()
        with open(script, "w", encoding="utf-8") as file:
            file.write('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n')
            file.write(f"wrk.body = [==[{body}]==]\n")
        load = ["-t", 1, "-c", streams, "-d", "600s", "--timeout", "600s", "-s", script]
        return [*pinned, "wrk", *load, url]
    if client == "h2load":
        # A period of a second would make a burst of the connects at each of its starts.
        paced = ["-r", CONNECT_RATE // 100, "--rate-period", "10ms"]
        load = ["--h1", "-t", 1, "-c", streams, "-n", streams, *paced]
        header = ["-H", "content-type: application/json"]
        return [*pinned, "h2load", *load, "-d", harness.BODY, *header, url]
    loop = os.path.join(harness.ROOT, "perf", "aiohttp_loop.py")
    load = ["--streams", streams, "--connect-rate", CONNECT_RATE, "--body", harness.BODY]
    return [*pinned, os.environ["AIOHTTP_PYTHON"], loop, *load, "--tally", tally_path(), url]


def tally_path():
    return os.path.join(harness.OUT, "tally")


def unhandled_bytes(client, server):
    """Bytes that the server has sent and the client hasn't worked off."""
    if client != "aiohttp":
        return unread_bytes(server.port)
    with open(tally_path(), "rb") as file:
        done = int.from_bytes(file.read(8), sys.byteorder)
    counts = server.stats()["counts"]
    return (counts["events"] - done) * counts["bytes"] / counts["events"]


def unread_bytes(port):
    """Bytes that lie in the sockets of the clients of `port`."""
    total, ending = 0, f":{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in file:
            _, _, remote, _, queues, *_ = line.split()
            if remote.endswith(ending):
                total += int(queues.split(":")[1], 16)
    return total


def endless_run(client, streams, options):
    """CPU per event that was handled, how far the client was behind, and private memory."""
    server_cpu, client_cpu = harness.two_cpus()
    total = streams * options.rate
    with harness.mock(*harness.endless(streams, total), cpu=server_cpu) as server:
        words = command(client, server, streams, client_cpu, ends=False)
        with harness.process(words, stdout=subprocess.DEVNULL) as child:
            server.wait_for_streams(streams, 120)
            time.sleep(options.settle)
            sent, before = server.stats()["counts"]["bytes"], unhandled_bytes(client, server)
            window = harness.watch(server, [child], options.window)
            sent = server.stats()["counts"]["bytes"] - sent
            after = unhandled_bytes(client, server)
            memory = harness.private_bytes(child.pid)
    window.require(total)
    return {
        "cpu_ns_per_event": window.cost / (1 - (after - before) / sent),
        "events_per_s": window.rate,
        "busy": window.busy,
        "behind_s": (before + after) / 2 / (sent / window.elapsed),
        "private_bytes": memory,
    }


def reported(client, text):
    """TTFT and gap in nanoseconds as the client's output has them; absent where it has none."""
    if client == "h2load":
        found = re.search(r"time to 1st byte:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)\b", text)
        if not found:
            raise harness.Failed(f"h2load printed no time to 1st byte: {text[-300:]}")
        return {"ttft": {"mean": float(found.group(1)) * UNITS[found.group(2)]}, "gap": {}}
    document = json.loads(text)
    metrics = document["metrics"] if client == "ssebomb" else document
    kept = ["count", "mean", "p50", "p99"]
    return {name: {key: metrics[name][key] for key in kept} for name in ["ttft", "gap"]}


def ending_run(client, streams, options):
    """What the client reports and what the server did, where every request runs to its end."""
    server_cpu, client_cpu = harness.two_cpus()
    # All streams are open together for a while.
    tokens = round(options.rate * (streams / CONNECT_RATE + 5))
    shape = ["--ttft", "200ms", "--itl", f"{1000 / options.rate:g}ms", "--tokens", tokens]
    with harness.mock(*shape, cpu=server_cpu) as server:
        words = command(client, server, streams, client_cpu, ends=True)
        with harness.process(words, stdout=subprocess.PIPE, text=True) as child:
            text, _ = child.communicate(timeout=300)
        if child.returncode != 0:
            raise harness.Failed(f"{client} ended with status {child.returncode}: {text[-300:]}")
        truth = server.finish()["metrics"]
    seen = reported(client, text)
    for name in ["ttft", "gap"]:
        if seen[name].get("count", truth[name]["count"]) != truth[name]["count"]:
            raise harness.Failed(
                f"{client} has {seen[name]['count']} samples of {name}, the server"
                f" {truth[name]['count']}"
            )
    return {
        f"{name}_{key}": {"reported": seen[name].get(key), "true": truth[name][key]}
        for name, key in METRICS
    }


def collect(options):
    """All runs, as a list of what is said of each."""
    runs = []
    for turn in range(1, options.pairs + 1):
        for streams in options.streams:
            for client in CLIENTS:
                run = {"turn": turn, "streams": streams, "client": client}
                run["endless"] = harness.measured(endless_run, client, streams, options)
                if client in TIMERS:
                    run["ending"] = ending_run(client, streams, options)
                runs.append(run)
                print(
                    f"{turn}/{options.pairs} {streams:6} streams {client:15}"
                    f" {run['endless']['cpu_ns_per_event']:7.0f} ns/event"
                    f"  behind {1e3 * run['endless']['behind_s']:6.1f} ms",
                    flush=True,
                )
    return runs


def summarize(runs, options):
    """The median figures of each client at each number of streams."""
    rows = []
    for streams in options.streams:
        for client in CLIENTS:
            mine = [r for r in runs if r["streams"] == streams and r["client"] == client]
            row = {"streams": streams, "client": client, "errors_ns": {}, "true_ns": {}}
            for key in mine[0]["endless"]:
                row[key] = harness.median([run["endless"][key] for run in mine])
            for name, key in METRICS:
                pairs = [run["ending"][f"{name}_{key}"] for run in mine if "ending" in run]
                pairs = [pair for pair in pairs if pair["reported"] is not None]
                if pairs:
                    errors = [pair["reported"] - pair["true"] for pair in pairs]
                    row["errors_ns"][f"{name}_{key}"] = harness.median(errors)
                    row["true_ns"][f"{name}_{key}"] = harness.median([p["true"] for p in pairs])
            rows.append(row)
    return rows


def find(summary, streams, client):
    return next(r for r in summary if r["streams"] == streams and r["client"] == client)


def memory_slopes(summary, options):
    """Private bytes per stream, from the fewest to the most streams."""
    few, many = options.streams[0], options.streams[-1]
    return {
        client: (
            find(summary, many, client)["private_bytes"]
            - find(summary, few, client)["private_bytes"]
        ) / (many - few)
        for client in CLIENTS
    }


def error_cell(row, name):
    error = row["errors_ns"].get(name)
    return "-" if error is None else f"{error / 1e6:+,.3f}"


def markdown(document):
    """The tables, with what has to be known to read them."""
    lines = ["# ssebomb beside other clients", "", f"`{document['command']}` on"]
    lines += [f"{document['cpu_model']}, {document['kernel']}; {document['versions']}.", ""]
    for streams in document["streams"]:
        cost = find(document["summary"], streams, YARDSTICK)["cpu_ns_per_event"]
        lines += [f"## {streams:,} streams x {document['rate']:g} events/s", ""]
        titles = ["client", "CPU per event", "of the drain's", "behind"]
        titles += ["TTFT mean", "TTFT p50", "TTFT p99", "gap p50", "gap p99"]
        lines += [f"| {' | '.join(titles)} |", f"|---{'|---:' * (len(titles) - 1)}|"]
        for client in CLIENTS:
            row = find(document["summary"], streams, client)
            behind = f"{1e3 * row['behind_s']:,.1f} ms"
            cells = [f"{row['cpu_ns_per_event'] / 1e3:.2f} µs"]
            cells += [f"{row['cpu_ns_per_event'] / cost:.2f} x"]
            late = row["behind_s"] > 1 / document["rate"]
            cells += [f"**{behind}: can't follow**" if late else behind]
            cells += [error_cell(row, f"{name}_{key}") for name, key in METRICS]
            lines.append(f"| {client} | {' | '.join(cells)} |")
        lines.append("")
    few, many = document["streams"][0], document["streams"][-1]
    lines += ["## Memory", "", "| client | bytes per stream |", "|---|---:|"]
    lines += [f"| {client} | {size:,.0f} |" for client, size in document["memory"].items()]
    lines += [
        "",
        f"- Median of {document['pairs']} run(s) of each client; they took turns. One CPU for the"
        " server, one for the client.",
        "- TTFT and gap: error in milliseconds, what the client reports minus what the server did,"
        " with TTFT 200 ms and every stream one request. 0.000 is the same cell of either side's"
        " histogram, which is up to 0.1 % wide.",
        "- A dash: the client doesn't measure it. wrk times whole responses; h2load's TTFT is its"
        " mean \"time to 1st byte\", which begins with the connect.",
        "- CPU per event counts the events that were handled; \"of the drain's\" is that of"
        f" `{YARDSTICK}`.",
        "- Behind: what the client had not worked off, over what is sent in a second. One that is"
        " more than a gap behind can't follow the load.",
        f"- Memory: private memory while streaming, slope from {few:,} to {many:,} streams."
        " A client that can't follow also holds what it hasn't worked off.",
    ]
    return "\n".join(lines) + "\n"


def version(words):
    """The line of a program's output that names its version."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()[0].strip()


def versions():
    code = "import aiohttp, platform; print(aiohttp.__version__, platform.python_version())"
    aiohttp, python = version([os.environ["AIOHTTP_PYTHON"], "-c", code]).split()
    wrk = version(["wrk", "-v"]).split(" [")[0].replace("debian/", "")
    h2load = version(["h2load", "--version"])
    return f"ssebomb {version([harness.BINARY, '--version'])}, {wrk}, {h2load}, " + (
        f"aiohttp {aiohttp} with Python {python}"
    )


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.machine()


def write(options, name, text):
    os.makedirs(options.results, exist_ok=True)
    path = os.path.join(options.results, name)
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".tmp", path)


def main():
    options = arguments()
    harness.require_binary()
    if "AIOHTTP_PYTHON" not in os.environ:
        raise harness.Failed("run perf/compare.sh, which installs the other clients")
    os.makedirs(harness.OUT, exist_ok=True)
    runs = collect(options)
    summary = summarize(runs, options)
    document = {
        "command": " ".join(["perf/compare.sh", *sys.argv[1:]]),
        "cpu_model": cpu_model(),
        "kernel": f"{platform.system()} {platform.release()}",
        "versions": versions(),
        "streams": options.streams,
        "rate": options.rate,
        "pairs": options.pairs,
        "summary": summary,
        "memory": memory_slopes(summary, options),
        "runs": runs,
    }
    write(options, "compare.json", json.dumps(document, indent=1) + "\n")
    write(options, "compare.md", markdown(document))
    write(options, "compare.svg", plot.svg(document))
    print("\n" + markdown(document))
    return True


if __name__ == "__main__":
    harness.run(main)
