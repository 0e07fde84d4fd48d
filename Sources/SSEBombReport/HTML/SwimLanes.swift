// Single streams, one a row, on one axis of time: connecting, waiting for the first token, each
// token, stalls, and how requests ended. What happened to all streams at once shows as a column.
// Must not know how the sample was taken.

import SSEBombCore

/// Draws a sample of streams.
struct SwimLanes {
    let result: RunResult
    let lanes: [StreamSample.Lane]

    private static let row = 16.0
    private static let tick = 10.0
    /// A gap this many times as long as the median is a stall.
    private static let stall: Int64 = 10

    /// Where the picture begins and ends.
    private struct Span {
        let from: Instant
        let to: Instant

        func contains(_ at: Instant) -> Bool { at >= from && at <= to }

        func x(_ at: Instant) -> Double {
            let share = Double(at - from) / Double(max(1, to - from))
            return Plot.width * min(1, max(0, share))
        }
    }

    /// nil without streams.
    var figure: Figure? {
        guard let span else { return nil }
        let height = Double(lanes.count) * Self.row
        let start = Double(span.from - result.start) / 1e9
        let end = Double(span.to - result.start) / 1e9
        let none = AxisScale(low: 0, high: 1, isLogarithmic: false, ticks: [])
        var plot = Plot(height: height, scale: none, label: { _ in "" })
        var svg = Markup()
        for (place, lane) in lanes.enumerated() {
            let top = Double(place) * Self.row
            draw(lane, at: top + (Self.row - Self.tick) / 2, span, into: &plot)
            let middle = Coordinate.text(8 + top + Self.row / 2)
            svg.literal("\n")
            svg.leaf(
                "text",
                [("class", "low"), ("x", "0"), ("dx", "-8"), ("y", middle)],
                Units.count(lane.stream)
            )
        }
        plot.draw(at: 8, into: &svg)
        Plot.draw(.time(from: start, to: end), under: 8 + height, into: &svg)
        let length = Units.duration(span.to - span.from)
        return Figure(
            id: "streams",
            title: "Streams, token by token",
            caption:
                "\(lanes.count) \(of)streams, one a row, for \(length) from "
                + "\(AxisLabel.number(start)) s on; a stall is a gap of \(Self.stall) times the "
                + "median"
                + (stallBound.map { " (\(Units.duration($0)))" } ?? ""),
            legend: [
                ("connect", "connecting"), ("wait", "waiting for the first token"),
                ("token", "token"), ("stall", "stall"), ("completed", "completed"),
                ("failed", "failed"), ("cut", "cut or cancelled"),
            ],
            height: height + 30,
            drawing: svg
        )
    }

    /// Of how many streams the lanes are a sample: in the open model as many are open as it takes.
    private var of: String {
        result.loadModel == "closed" ? "of \(Units.count(result.plan.streams)) " : ""
    }

    /// From the start of the measured window to the first event that is missing.
    private var span: Span? {
        let requests = lanes.flatMap(\.requests)
        let ends = requests.flatMap { request in
            [request.end?.at, request.tokens.last].compactMap { $0 }
        }
        guard let last = ends.max() else { return nil }
        // What was under way at that time was sent before; what starts late leaves room before it.
        let from = result.start + result.plan.ramp + result.plan.warmup
        let to = min(last, lanes.compactMap(\.fullAt).min() ?? last)
        return to > from ? Span(from: from, to: to) : nil
    }

    private var stallBound: Int64? {
        guard let median = result.histograms[.gap]?.percentile(50), median > 0 else { return nil }
        return median.multipliedReportingOverflow(by: Self.stall).partialValue
    }

    private func draw(
        _ lane: StreamSample.Lane,
        at top: Double,
        _ span: Span,
        into plot: inout Plot
    ) {
        var bars: [String: [Plot.Bar]] = [:]
        for request in lane.requests {
            for (tone, start, end, inset) in stretches(of: request, until: span.to) {
                let (from, to) = (span.x(start), span.x(end))
                guard to > from else { continue }
                bars[tone, default: []].append(
                    Plot.Bar(
                        start: from,
                        end: to,
                        top: top + inset,
                        bottom: top + Self.tick - inset
                    )
                )
            }
        }
        for tone in ["connect", "wait", "flow", "stall"] { plot.bars(bars[tone] ?? [], tone) }
        ticks(lane.requests.flatMap(\.tokens), top, span, &plot)
        for case let end? in lane.requests.map(\.end) where span.contains(end.at) {
            mark(end.kind, span.x(end.at), top, &plot)
        }
    }

    /// What a request did from when to when; `inset` is what its bar leaves free above and below.
    private func stretches(
        of request: StreamSample.Request,
        until end: Instant
    ) -> [(tone: String, start: Instant, end: Instant, inset: Double)] {
        var parts: [(tone: String, start: Instant, end: Instant, inset: Double)] = []
        let last = request.end?.at ?? request.tokens.last ?? end
        if let connect = request.connect {
            parts.append(("connect", connect, request.send ?? last, 3))
        }
        if let send = request.send {
            parts.append(("wait", send, request.tokens.first ?? last, 3))
        }
        if let first = request.tokens.first { parts.append(("flow", first, last, 4.5)) }
        guard let bound = stallBound else { return parts }
        for (one, next) in zip(request.tokens, request.tokens.dropFirst()) where next - one >= bound
        {
            parts.append(("stall", one, next, 1))
        }
        // A stream that died in silence stalled, too.
        if let token = request.tokens.last, last - token >= bound {
            parts.append(("stall", token, last, 1))
        }
        return parts
    }

    /// One path for all tokens of a stream, each move relative to the last: most bytes of the page
    /// are these.
    private func ticks(
        _ tokens: [Instant],
        _ top: Double,
        _ span: Span,
        _ plot: inout Plot
    ) {
        var path = ""
        // In tenths, so that rounding doesn't add up.
        var pen = 0
        for token in tokens where span.contains(token) {
            let x = Int((span.x(token) * 10).rounded())
            // Two in one place are one tick.
            if !path.isEmpty, x == pen { continue }
            let step = Coordinate.text(Double(x - pen) / 10)
            path +=
                path.isEmpty
                ? "M\(step) \(Coordinate.text(top + 1.5))v7" : "m\(step)-7v7"
            pen = x
        }
        if !path.isEmpty { plot.shapes.shape("path", [("class", "token"), ("d", path)]) }
    }

    private func mark(
        _ kind: LoggedEvent.Kind,
        _ x: Double,
        _ top: Double,
        _ plot: inout Plot
    ) {
        let tone: String
        switch kind {
        case .failed: tone = "failed"
        case .cancelled, .cut: tone = "cut"
        default: tone = "completed"
        }
        let path = "M\(Coordinate.text(x)) \(Coordinate.text(top - 1.5))v\(Coordinate.text(13))"
        plot.shapes.shape("path", [("class", "end \(tone)"), ("d", path)])
    }
}
