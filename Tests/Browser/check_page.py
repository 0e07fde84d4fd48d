#!/usr/bin/env python3
"""Looks at the page of `run --html`, and of `report --html`, through Chromium.

Runs the real binary against its own mock, then asks a browser for the page's DOM and for the place
of every label, at several widths. Prints what is wrong and exits with 1.

    SSEBOMB=PATH CHROMIUM=PATH Tests/Browser/check_page.py [--keep DIRECTORY]

With --keep the pages and their pictures (light, dark, narrow, paper) stay there to be looked at.
"""

import argparse
import collections
import html
import html.parser
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

SSEBOMB = os.environ.get("SSEBOMB", ".build/release/ssebomb")
CHROMIUM = os.environ.get("CHROMIUM", "chromium")
BODY = '{"model":"m","stream":true,"messages":[{"role":"user","content":"canary-body"}]}'

# Each a page: the mock's behaviour, and the run's flags.
RUNS = {
    "faults": (
        ["--ttft", "lognormal:120ms,0.5", "--itl", "lognormal:12ms,0.5", "--tokens",
         "lognormal:40,0.6", "--fault", "reset@stream:0.001", "--fault", "http-503@head:0.02",
         "--fault", "stall@stream:0.001"],
        ["-c", "40", "-d", "6s", "--ramp", "1s", "--warmup", "1s", "--idle-timeout", "700ms",
         "--drain", "1s", "--threshold", "ttft:p90<1s", "--threshold", "gap:p99<1us",
         "--threshold", "e2e:p99.9<1s", "--slo", "ttft<1s", "--label", "build=<b>1</b>",
         "-H", "Authorization: Bearer canary-header"],
    ),
    "open": (
        ["--ttft", "50ms", "--itl", "5ms", "--tokens", "30"],
        ["-R", "40", "-d", "4s", "--max-streams", "30"],
    ),
    "stages": (
        ["--ttft", "20ms", "--itl", "5ms", "--tokens", "20"],
        ["--stage", "2s:20", "--stage", "2s:5", "--ramp-down", "0s"],
    ),
    # Percentiles of many nines, gaps of one read, and an end in the middle of the load.
    "many": (
        ["--ttft", "5ms", "--itl", "1ms", "--tokens", "1000", "--chunking", "2-events"],
        ["-c", "60", "-d", "5s", "--drain", "0"],
    ),
    "one": (["--ttft", "10ms", "--itl", "10ms", "--tokens", "5"], ["-n", "1"]),
    "refused": (["--fault", "http-429@head"], ["-c", "3", "-d", "2s"]),
}

MEASURE = """
<script>
addEventListener('load', () => {
  const box = e => { const r = e.getBoundingClientRect();
    return [r.left, r.top, r.right, r.bottom]; };
  const text = e => [e.textContent, ...box(e)];
  const figures = [...document.querySelectorAll('figure')].map(f => ({
    id: f.id, box: box(f), labels: [...f.querySelectorAll('svg text')]
      .filter(e => e.getClientRects().length).map(text),
    drawn: [...f.querySelectorAll('svg svg path')].map(box)}));
  const tiles = [...document.querySelectorAll('.tile')].map(box);
  const boxes = [...document.querySelectorAll('h1,h2,h3,p,li,dt,dd,td,th,pre,code,span')]
    .filter(e => e.getClientRects().length).map(text);
  const result = {width: innerWidth, scroll: document.documentElement.scrollWidth,
    scripts: document.querySelectorAll('script').length, figures, boxes, tiles};
  parent.document.getElementById('measured').textContent = JSON.stringify(result);
});
</script>
"""

failures = []


def check(condition, sentence):
    if not condition:
        failures.append(sentence)
        print("wrong:", sentence)


def chromium(page, *flags, width=1200, height=1000):
    with tempfile.TemporaryDirectory() as profile:
        return subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             f"--user-data-dir={profile}", f"--window-size={width},{height}", *flags,
             page.as_uri()],
            check=True, timeout=60, capture_output=True, text=True).stdout


class Page(html.parser.HTMLParser):
    """What the checks need of a DOM: sections, gates, tiles, fields and table cells."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.sections, self.rows = set(), [], {}
        self.gates, self.fields, self.tiles = [], {}, {}
        self.row = self.cell = self.gate = self.term = self.tile = None
        self.loads, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.add(tag)
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            if name in values:
                self.loads.append(values[name])
        if tag == "section":
            self.sections.append(values.get("id"))
        if tag == "tr":
            self.row = values.get("data-row")
            if self.row is not None:
                self.rows[self.row] = {}
        if tag == "td" and self.row is not None:
            self.cell = values.get("data-name")
        if tag == "li" and values.get("class") in ("passed", "missed", "not_judged"):
            self.gates.append([values["class"], ""])
            self.gate = True
        if tag in ("dt", "dd"):
            self.term = (tag, "")
        if tag == "div" and values.get("class") == "tile":
            self.tile = values["data-name"]
            self.tiles[self.tile] = ""

    def handle_endtag(self, tag):
        if tag == "li":
            self.gate = None
        if tag == "td":
            self.cell = None
        if tag == "section":
            self.tile = None
        if tag in ("dt", "dd") and self.term:
            if tag == "dt":
                self.name = self.term[1]
            else:
                self.fields[self.name] = self.term[1]
            self.term = None

    def handle_data(self, data):
        self.text += data
        if self.row is not None and self.cell is not None:
            self.rows[self.row][self.cell] = data
        if self.gate:
            self.gates[-1][1] += data
        if self.term:
            self.term = (self.term[0], self.term[1] + data)
        if self.tile:
            self.tiles[self.tile] += data + " "


# Figures as the report writes them, made again from the result file's integers.

def significant(value):
    if value <= 0:
        return "0"
    decimals = 0 if value >= 99.95 else 1 if value >= 9.995 else 2 if value >= 0.9995 else \
        3 if value >= 0.09995 else 4
    factor = 10 ** decimals
    return f"{int(value * factor + 0.5) / factor:,.{decimals}f}"


def duration(nanoseconds):
    if nanoseconds < 1000:
        return f"{nanoseconds}ns"
    for size, name in ((1e3, "µs"), (1e6, "ms"), (1e9, "s")):
        if nanoseconds / size < 999.5:
            return significant(nanoseconds / size) + name
    return None


def check_numbers(name, page, result):
    shown = 0
    for metric, record in result["metrics"].items():
        row = next((page.rows[r] for r in page.rows if r.split(" (")[0] == metric), None)
        if row is None or "p50" not in record:
            continue
        shown += 1
        check(row["n"] == f"{record['count']:,}", f"{name}: n of {metric} is {row['n']}")
        for key, title in (("mean", "mean"), ("p50", "p50"), ("p90", "p90"), ("p95", "p95"),
                           ("p99", "p99"), ("p999", "p99.9"), ("max", "max")):
            # The report shows no percentile above the greatest sample.
            want = duration(min(record[key], record["max"]))
            if key in record.get("unsupported", []):
                want = f"({want})"
            check(row[title] == want, f"{name}: {title} of {metric} is {row[title]}, not {want}")
    counts = result["counts"]["requests"]
    started = " ".join(page.fields["started"].split())
    want = (f"{counts['started']:,} = {counts['completed']:,} completed + "
            f"{counts['failed']:,} failed + {counts['cancelled']:,} cancelled + "
            f"{counts['cut']:,} cut")
    check(want in page.text, f"{name}: no '{want}' (started: {started})")
    check(" ".join(page.tiles["requests"].split()).startswith(
        f"requests {counts['completed']:,} completed"),
          f"{name}: the tile of requests says {page.tiles['requests']}")
    gates = [(gate["outcome"], gate["expression"]) for gate in result.get("thresholds", [])]
    check(len(gates) == len(page.gates), f"{name}: {len(page.gates)} gates, not {len(gates)}")
    for (outcome, expression), (tone, text) in zip(gates, page.gates):
        check(outcome == tone and expression in text, f"{name}: {expression} is shown as {tone}")
    check(result["verdict"]["state"] in page.text, f"{name}: no verdict")
    for reason in result["verdict"]["reasons"]:
        check(reason["sentence"] in page.text, f"{name}: no sentence for {reason['code']}")
    return shown


def check_dom(name, file, result):
    page = Page(chromium(file, "--dump-dom"))
    sections = ["decision", "numbers", "pictures", "again"]
    check(page.sections == sections, f"{name}: sections are {page.sections}")
    check("script" not in page.tags and "img" not in page.tags and "link" not in page.tags,
          f"{name}: {page.tags}")
    check(not page.loads, f"{name}: the page asks for {page.loads}")
    raw = file.read_text()
    for word in ("canary", "@import", "url("):
        check(word not in raw, f"{name}: the page holds {word}")
    check(shlex.join(result["run"]["command"]) in page.text, f"{name}: no command line")
    return check_numbers(name, page, result)


def overlap(one, other):
    """Boxes of text lines have some air above and below the letters: a pixel of it may be shared."""
    air = 1
    return (one[1] < other[3] - air and other[1] < one[3] - air
            and one[2] < other[4] - air and other[2] < one[4] - air)


def check_layout(name, file, width):
    raw = file.read_text()
    policy = re.search(r"\n<meta http-equiv[^>]*>", raw).group(0)
    measured = file.with_suffix(f".{width}.measured.html")
    # Scripts are forbidden on the page itself, so the copy that is measured says otherwise.
    # In a frame, because a browser's window can't be as narrow as a telephone.
    inner = html.escape(raw.replace(policy, "").replace("</body>", MEASURE + "</body>"))
    measured.write_text(
        f'<!DOCTYPE html><pre id="measured"></pre><iframe style="width:{width}px;height:900px;'
        f'border:0" srcdoc="{inner}"></iframe>')
    dom = chromium(measured, "--dump-dom", width=1300)
    text = re.search(r'<pre id="measured">(.*?)</pre>', dom, re.S).group(1)
    layout = json.loads(html.unescape(text))
    at = f"{name} at {width}"
    check(layout["width"] == width, f"{at}: the window is {layout['width']} wide")
    check(layout["scroll"] <= width, f"{at}: the page is {layout['scroll']} wide")
    for text, left, _, right, _ in layout["boxes"]:
        check(left >= 0 and right <= width + 0.5, f"{at}: '{text[:40]}' leaves the page")
    rows = collections.Counter(top for _, top, _, _ in layout["tiles"])
    # On a telephone an odd one is as wide as two.
    check(width <= 720 or len(rows) == 1 or min(rows.values()) > 1,
          f"{at}: tiles stand {' + '.join(map(str, rows.values()))}")
    labels = 0
    for figure in layout["figures"]:
        left, top, right, bottom = figure["box"]
        check(left >= 0 and right <= width, f"{at}: {figure['id']} leaves the page")
        boxes = figure["labels"]
        labels += len(boxes)
        for place, one in enumerate(boxes):
            check(one[1] >= left and one[3] <= right and one[2] >= top and one[4] <= bottom,
                  f"{at}: '{one[0]}' leaves {figure['id']}")
            for other in boxes[:place]:
                check(not overlap(one, other),
                      f"{at}: '{one[0]}' and '{other[0]}' overlap in {figure['id']}")
        for one in figure["drawn"]:
            check(one[0] >= left and one[2] <= right and one[1] >= top and one[3] <= bottom,
                  f"{at}: a shape leaves {figure['id']}")
    return [figure["id"] for figure in layout["figures"]], labels


def check_flight(page):
    """Streams to the end, whatever the last interval is worth: a run that ends late has a longer one,
    in which fewer were in flight."""
    figure = re.search(r'<figure id="flight">.*?</figure>', page, re.S).group(0)
    path = re.search(r'class="line p50" d="([^"]*)"', figure).group(1)
    heights = [float(point.split()[1]) for point in re.split("[ML]", path)[1:]]
    check(len(heights) > 3, f"many: a line of {len(heights)} points in flight")
    # 96 is the bottom.
    check(max(heights[1:]) < 90, f"many: streams in flight fall to {max(heights[1:])} of 96")


def run(name, mock_flags, flags, directory):
    mock = subprocess.Popen([SSEBOMB, "serve", "--listen", "127.0.0.1:0", *mock_flags],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = re.search(r"http://[0-9.:]+", mock.stdout.readline()).group(0)
        page, file = directory / f"{name}.html", directory / f"{name}.json"
        outcome = subprocess.run(
            [SSEBOMB, "-q", "--html", page, "-o", file, "--body", BODY, *flags,
             url + "/v1/chat/completions?key=canary-query"],
            timeout=60, capture_output=True, text=True)
        check(page.exists() and file.exists(), f"{name}: no page; {outcome.stderr}")
        return page, json.loads(file.read_text())
    finally:
        mock.terminate()
        mock.wait(timeout=10)


def redraw(name, page):
    """The page again, from the result beside it: the very same."""
    again = page.with_name(f"{name}-again.html")
    subprocess.run([SSEBOMB, "report", page.with_suffix(".json"), "--html", again],
                   check=True, timeout=60, capture_output=True)
    check(page.read_bytes() == again.read_bytes(), f"{name}: report draws another page than the run")


def pictures(page):
    looks = {"light": (1200, 4200, []), "narrow": (400, 7000, []),
             "dark": (1200, 4200, ["--blink-settings=preferredColorScheme=0"])}
    for look, (width, height, flags) in looks.items():
        chromium(page, f"--screenshot={page.with_suffix(f'.{look}.png')}", *flags,
                 width=width, height=height)
    chromium(page, f"--print-to-pdf={page.with_suffix('.pdf')}", "--no-pdf-header-footer")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=pathlib.Path)
    keep = parser.parse_args().keep
    with tempfile.TemporaryDirectory() as scratch:
        directory = (keep or pathlib.Path(scratch)).absolute()
        directory.mkdir(parents=True, exist_ok=True)
        seen = {}
        pages = {}
        for name, (mock_flags, flags) in RUNS.items():
            first, result = run(name, mock_flags, flags, directory)
            redraw(name, first)
            metrics = check_dom(name, first, result)
            # 320 is the narrowest that people have; 1100 holds no six tiles.
            for width in (320, 340, 400, 601, 721, 768, 1100, 1200):
                seen[name], labels = check_layout(name, first, width)
            print(f"{name}: {first.stat().st_size:,} bytes, {metrics} metrics, "
                  f"{len(seen[name])} figures, {labels} labels")
            pages[name] = first.read_text()
            asked = 'class="line asked"' in pages[name]
            check(asked, f"{name}: nothing says what was asked for")
            if keep:
                pictures(first)
        usual = ["ttft", "gap", "flight", "throughput", "percentiles"]
        check(seen["faults"] == [*usual, "failures", "streams"], f"faults: {seen['faults']}")
        for name in ("open", "stages", "many", "one"):
            check(seen[name] == [*usual, "streams"], f"{name}: {seen[name]}")
        check("requests failed in each second" in pages["faults"], "faults: no unit of failures")
        # An open load has room for streams, and asks for none.
        check(" of 30 streams, one a row" not in pages["open"], "open: streams of a number")
        check(" of 60 streams, one a row" in pages["many"], "many: streams of no number")
        check("less than 10 µs stands at the bottom" in pages["many"], "many: no end of the axis")
        check_flight(pages["many"])
        check("failures" in seen["refused"] and "ttft" not in seen["refused"],
              f"refused: {seen['refused']}")
    print(f"test-browser: {len(failures)} wrong" if failures else "test-browser: passed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
