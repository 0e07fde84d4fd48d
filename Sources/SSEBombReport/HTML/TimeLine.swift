// A run's time line made fit for drawing: neighbours merged until there are few enough, the phases,
// and how busy the client was. Must not know what a chart looks like.

import SSEBombCore

/// What the charts over time share.
struct TimeLine {
    /// One piece of the time line.
    struct Piece {
        /// Seconds from the start of the ramp.
        var start: Double
        var end: Double
        var started: UInt64
        var tokenEvents: UInt64
        var events: UInt64
        var inFlight: Double
        var busiest: Double
        var ttft: HistogramSnapshot
        var gap: HistogramSnapshot
        var failures: [StreamFailure: UInt64]

        var seconds: Double { end - start }
        /// Whether counts make a rate: the last piece may be a few milliseconds long.
        var isLongEnough: Bool { seconds >= 0.25 }
    }

    /// How much of its time the busiest loop did not wait for events.
    enum Health: Int, CaseIterable {
        /// Below half of the verdict's first bound.
        case easy
        /// Below that bound.
        case busy
        /// From it on a run is suspect.
        case suspect
        /// From here on it is invalid.
        case invalid

        var tone: String { "health\(rawValue)" }
    }

    /// More points than this can't be told apart.
    static let mostPieces = 150

    let pieces: [Piece]
    /// Seconds from the start of the ramp to the end of the run.
    let end: Double
    /// Seconds that the measured window took, within these.
    let measured: ClosedRange<Double>
    private let busyBound: VerdictBound

    /// nil where no time passed.
    init?(_ result: RunResult) {
        guard let last = result.intervals.last else { return nil }
        let nominal = Double(last.startSeconds + last.seconds)
        let length = Double(result.length) / 1e9
        // A stored result has no length beside its intervals.
        end = length > Double(last.startSeconds) ? min(nominal, length) : nominal
        let group = (result.intervals.count + Self.mostPieces - 1) / Self.mostPieces
        let intervals = result.intervals
        pieces = stride(from: 0, to: intervals.count, by: group).map { [end] start in
            Piece(intervals[start..<min(start + group, intervals.count)], end: end)
        }
        let start = min(max(0, result.windowStart), end)
        measured = start...min(end, start + Double(max(0, result.measured)) / 1e9)
        busyBound = result.hasUserClock ? .busyWithoutStamps : .busy
    }

    func x(_ seconds: Double) -> Double { Plot.width * min(1, max(0, seconds / end)) }

    /// The middle of a piece.
    func x(_ piece: Piece) -> Double { x((piece.start + piece.end) / 2) }

    /// Values in the middle of their pieces; a lone one as a step as wide as its piece, for a point
    /// is next to nothing.
    func line(_ values: [(piece: Piece, value: Double)]) -> [(x: Double, value: Double)] {
        guard values.count == 1 else { return values.map { (x($0.piece), $0.value) } }
        let (piece, value) = values[0]
        return [(x(piece.start), value), (x(piece.end), value)]
    }

    /// Those whose counts make a rate; of a run that is shorter than such a one, all.
    var ratedPieces: [Piece] {
        let long = pieces.filter(\.isLongEnough)
        return long.isEmpty ? pieces : long
    }

    /// The length of a piece in words, to stand behind "each".
    var step: String {
        let seconds = pieces.first?.seconds ?? 1
        return seconds > 1 ? "\(AxisLabel.number(seconds)) s" : "second"
    }

    var axis: HorizontalAxis { .time(from: 0, to: end) }

    // MARK: Client

    func health(_ busiest: Double) -> Health {
        if busiest >= busyBound.invalid { return .invalid }
        if busiest >= busyBound.suspect { return .suspect }
        return busiest >= busyBound.suspect / 2 ? .busy : .easy
    }

    /// The bounds in words.
    func words(_ health: Health) -> String {
        switch health {
        case .easy: "under \(Self.percent(busyBound.suspect / 2))"
        case .busy: "under \(Self.percent(busyBound.suspect))"
        case .suspect: "from \(Self.percent(busyBound.suspect)): suspect"
        case .invalid: "from \(Self.percent(busyBound.invalid)): invalid"
        }
    }

    /// A bound is exact, unlike a measured share.
    private static func percent(_ share: Double) -> String {
        "\(AxisLabel.number(share * 100)) %"
    }

    /// Stretches of one health each.
    var healths: [(start: Double, end: Double, health: Health)] {
        var stretches: [(start: Double, end: Double, health: Health)] = []
        for piece in pieces {
            let health = health(piece.busiest)
            if let last = stretches.last, last.health == health {
                stretches[stretches.count - 1].end = piece.end
            } else {
                stretches.append((piece.start, piece.end, health))
            }
        }
        return stretches
    }

    // MARK: Drawing

    private static let stripHeight = 6.0
    /// Leaves room for the labels of the ends of two axes.
    private static let distance = 16.0

    /// Shades what lies outside the measured window.
    func shade(_ plot: inout Plot) {
        let outside = [(0, measured.lowerBound), (measured.upperBound, end)]
            .filter { $0.1 > $0.0 }
            .map { Plot.Bar(start: x($0.0), end: x($0.1), top: 0, bottom: plot.height) }
        plot.bars(outside, "outside")
    }

    /// Plots below each other, the client's health below them, and the axis of time.
    ///
    /// - Returns: the drawing and its height.
    func draw(_ plots: [Plot]) -> (drawing: Markup, height: Double) {
        var svg = Markup()
        var top = 8.0
        for plot in plots {
            plot.draw(at: top, into: &svg)
            top += plot.height + Self.distance
        }
        let height = Coordinate.text(Self.stripHeight)
        var strip = Markup()
        for stretch in healths {
            strip.shape(
                "rect",
                [
                    ("class", stretch.health.tone), ("x", Coordinate.text(x(stretch.start))),
                    ("width", Coordinate.text(x(stretch.end) - x(stretch.start))),
                    ("height", height),
                ]
            )
        }
        svg.element(
            "svg",
            [
                ("y", Coordinate.text(top)), ("width", "100%"), ("height", height),
                ("viewBox", "0 0 \(Coordinate.text(Plot.width)) \(height)"),
                ("preserveAspectRatio", "none"),
            ]
        ) { $0.append(strip) }
        svg.literal("\n")
        svg.leaf(
            "text",
            [
                ("class", "low"), ("x", "0"), ("dx", "-8"),
                ("y", Coordinate.text(top + Self.stripHeight / 2)),
            ],
            "client"
        )
        Plot.draw(axis, under: top + Self.stripHeight, into: &svg)
        return (svg, top + Self.stripHeight + 20)
    }
}

extension TimeLine.Piece {
    /// Neighbours as one; the run ended at `end`.
    fileprivate init(_ intervals: ArraySlice<RunInterval>, end: Double) {
        start = Double(intervals.first?.startSeconds ?? 0)
        let last = intervals.last.map { Double($0.startSeconds + $0.seconds) } ?? start
        self.end = max(start, min(last, end))
        started = 0
        tokenEvents = 0
        events = 0
        inFlight = 0
        busiest = 0
        ttft = HistogramSnapshot()
        gap = HistogramSnapshot()
        failures = [:]
        var seconds = 0.0
        for interval in intervals {
            started += interval.started
            tokenEvents += interval.tokenEvents
            events += interval.events
            inFlight += interval.inFlight * Double(interval.seconds)
            seconds += Double(interval.seconds)
            busiest = max(busiest, interval.busiest)
            ttft.merge(interval.ttft)
            gap.merge(interval.gap)
            failures.merge(interval.failures, uniquingKeysWith: +)
        }
        inFlight /= max(1, seconds)
    }
}
