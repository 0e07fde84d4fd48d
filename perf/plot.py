"""The picture of compare.py's figures, as SVG written by hand. Knows the document that compare.py
writes, and nothing of how it came about.

Left, CPU per event and memory per stream at the most streams, as bars. Right, how far the reported
p99 of TTFT and gap is from the truth, on a logarithmic scale, a row for each client and number of
streams. Every mark has its value beside it, on a row of its own, so that nothing can overlap.
"""

import math
from xml.sax.saxutils import escape

WIDTH, ROW, MARGIN = 880, 20, 24
# Panels: left edge, and where marks begin and may end. Room for a value is right of the end.
LEFT = (MARGIN, MARGIN + 110, 300)
RIGHT = (470, 650, 800)
# Ends of the logarithmic axis, in milliseconds, and what is named on it.
AXIS_MS = (0.01, 10_000)
NAMED_MS = [(0.01, "10 µs"), (1, "1 ms"), (100, "0.1 s"), (10_000, "10 s")]

STYLE = """
  .card { fill: #ffffff; stroke: #d0d7de }
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .head { font-weight: 600 }
  .soft { fill: #59636e }
  .value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round }
  .mark { fill: #8c959f; stroke: #8c959f }
  .own { fill: #0969da; stroke: #0969da }
  .grid { stroke: #d0d7de }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; stroke: #3d444d }
    text { fill: #f0f6fc }
    .soft { fill: #9198a1 }
    .value { stroke: #0d1117 }
    .mark { fill: #7d8590; stroke: #7d8590 }
    .own { fill: #4493f8; stroke: #4493f8 }
    .grid { stroke: #3d444d }
  }
"""


def text(x, y, words, kind="", anchor="start"):
    place = f'x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"'
    return f'<text {place} class="{kind}">{escape(words)}</text>'


def kind(client):
    return "own" if client == "ssebomb" else "mark"


def bars(y, title, values, label):
    """One bar a client under a title; returns the marks and the y below them."""
    edge, begin, end = LEFT
    marks = [text(edge, y, title, "head")]
    most = max(values.values())
    for client, value in values.items():
        y += ROW
        length = max(1, (end - begin) * max(0, value) / most)
        marks.append(text(begin - 8, y, client, anchor="end"))
        marks.append(
            f'<rect x="{begin}" y="{y - 11}" width="{length:.1f}" height="13"'
            f' class="{kind(client)}"/>'
        )
        marks.append(text(begin + length + 6, y, label(client, value)))
    return marks, y + 2 * ROW


def place(error_ms):
    """Where an error stands on the logarithmic axis."""
    _, begin, end = RIGHT
    low, high = (math.log10(bound) for bound in AXIS_MS)
    at = math.log10(min(max(error_ms, AXIS_MS[0]), AXIS_MS[1]))
    return begin + (end - begin) * (at - low) / (high - low)


def error_and_label(row, name):
    """The error in milliseconds, or the width of the histogram's cell where that hides it."""
    # Three significant digits: 1,024 to 2,048 cells from a power of two to the next.
    cell = 2 ** (math.floor(math.log2(row["true_ns"][name])) - 10) / 1e6
    error = abs(row["errors_ns"][name]) / 1e6
    if error < cell:
        return cell, f"< {cell:.2f} ms"
    if error >= 1_000:
        return error, f"{error / 1_000:.1f} s"
    return error, f"{error:.2f} ms" if error < 10 else f"{error:.0f} ms"


def dots(y, title, document, name):
    """A row for each number of streams and client that reports `name`."""
    edge, begin, end = RIGHT
    marks, top = [text(edge, y, title, "head")], y + 8
    for streams in document["streams"]:
        rows = [
            row for row in document["summary"]
            if row["streams"] == streams and name in row["errors_ns"]
        ]
        for number, row in enumerate(rows):
            y += ROW
            error, label = error_and_label(row, name)
            if number == 0:
                marks.append(text(edge, y, f"{streams:,} streams", "soft"))
            marks.append(text(begin - 8, y, row["client"], anchor="end"))
            marks.append(
                f'<line x1="{begin}" y1="{y - 4}" x2="{place(error):.1f}" y2="{y - 4}"'
                f' class="{kind(row["client"])}" stroke-width="2"/>'
                f'<circle cx="{place(error):.1f}" cy="{y - 4}" r="4.5"'
                f' class="{kind(row["client"])}"/>'
            )
            marks.append(text(place(error) + 10, y, label, "value"))
    grid = []
    for value, words in NAMED_MS:
        grid.append(
            f'<line x1="{place(value):.1f}" y1="{top}" x2="{place(value):.1f}" y2="{y + 4}"'
            ' class="grid"/>'
        )
        grid.append(text(place(value), y + 18, words, "soft", "middle"))
    return grid + marks, y + 18 + 1.5 * ROW


def svg(document):
    """The whole picture."""
    most = document["streams"][-1]
    rows = {row["client"]: row for row in document["summary"] if row["streams"] == most}
    costs = {client: row["cpu_ns_per_event"] / 1e3 for client, row in rows.items()}
    memory = {client: size / 1024 for client, size in document["memory"].items()}
    load = f"{most:,} streams x {document['rate']:g} events/s"

    def cost_label(client, value):
        behind = rows[client]["behind_s"]
        late = behind > 1 / document["rate"]
        return f"{value:.1f} µs" + (f", {behind:.1f} s behind" if late else "")

    top = MARGIN + 10
    left, y_left = bars(top, f"CPU per event, {load}", costs, cost_label)
    more, y_left = bars(
        y_left, "Private memory per stream", memory, lambda _, value: f"{max(0, value):.1f} KiB"
    )
    right, y_right = dots(top, "Error of the reported TTFT p99", document, "ttft_p99")
    last, y_right = dots(y_right, "Error of the reported gap p99", document, "gap_p99")
    height = max(y_left, y_right) - ROW / 2
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}"'
        f' width="{WIDTH}" height="{height:.0f}" role="img">',
        "<title>ssebomb beside other clients</title>",
        f"<style>{STYLE}</style>",
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="6"'
        ' class="card"/>',
        *left, *more, *right, *last, "</svg>", "",
    ])
