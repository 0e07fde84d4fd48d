// A load that changes: a level that moves from target to target in straight lines, and what follows
// from it. Knows neither whether the level is a rate or a number of streams, nor any clock.

/// One `--stage`: the level moves to `target` in `duration`.
public struct LoadStage: Sendable, Equatable {
    /// Nanoseconds; 0 jumps.
    public var duration: Int64
    /// Streams, or arrivals per second.
    public var target: Double

    /// A stage that reaches `target` after `duration` nanoseconds.
    public init(duration: Int64, target: Double) {
        self.duration = duration
        self.target = target
    }
}

/// The level over time. It is linear in each stage, and after a jump the level is the new one.
public struct LoadLine: Sendable, Equatable {
    /// The level before the first stage.
    public let first: Double
    /// In their order.
    public let stages: [LoadStage]
    let segments: [LoadSegment]

    /// A line through the targets of `stages`, from the level `first` on.
    public init(from first: Double, stages: [LoadStage]) {
        self.first = first
        self.stages = stages
        var segments: [LoadSegment] = []
        var (level, start, area) = (first, 0.0, 0.0)
        for stage in stages {
            if stage.duration > 0 {
                let segment = LoadSegment(
                    start: start,
                    length: Double(stage.duration) / 1e9,
                    from: level,
                    to: stage.target,
                    area: area
                )
                segments.append(segment)
                start = segment.end
                area += segment.whole
            }
            level = stage.target
        }
        self.segments = segments
    }

    /// Sum of the stages' times, nanoseconds.
    public var duration: Int64 { stages.reduce(0) { $0 + $1.duration } }

    /// The highest level that is ever held.
    public var highest: Double { segments.reduce(0) { max($0, $1.from, $1.to) } }

    /// The level at a time, nanoseconds from the start.
    public func level(at time: Int64) -> Double {
        view { $0.level(at: Double(time) / 1e9) }
    }

    /// Mean level from `start` to `end`, nanoseconds; 0 where that is no time.
    public func mean(from start: Int64, to end: Int64) -> Double {
        guard end > start else { return 0 }
        let (first, last) = (Double(start) / 1e9, Double(end) / 1e9)
        return view { ($0.area(until: last) - $0.area(until: first)) / (last - first) }
    }

    /// Calls `body` with the line as flat memory.
    func view<Result>(_ body: (LoadSegments) -> Result) -> Result {
        segments.withUnsafeBufferPointer { body(LoadSegments($0)) }
    }
}

/// A stage that takes time. Times are seconds.
struct LoadSegment: Sendable, Equatable, BitwiseCopyable {
    let start: Double
    let length: Double
    let from: Double
    let to: Double
    /// Level times time, of all segments before.
    let area: Double

    var end: Double { start + length }
    var slope: Double { (to - from) / length }
    /// Level times time of this one.
    var whole: Double { (from + to) / 2 * length }

    func level(at time: Double) -> Double { from + slope * (time - start) }

    func area(until time: Double) -> Double {
        let passed = max(0, time - start)
        return area + (from + slope * passed / 2) * passed
    }

    /// When so much of this segment's own area has passed, from its start. The root of
    /// `from x + slope x^2 / 2 = area` in the form that loses no digits where the slope is small.
    func time(ofOwn area: Double) -> Double {
        let root = max(0, from * from + 2 * slope * area).squareRoot()
        return from + root > 0 ? min(length, 2 * area / (from + root)) : 0
    }

    func crossing(_ level: Double) -> Double { min(end, start + (level - from) / slope) }
}

/// A line's segments as flat memory, which somebody else owns. Times are seconds from the start.
struct LoadSegments: BitwiseCopyable {
    private let all: UnsafeBufferPointer<LoadSegment>

    /// Levels that are asked for lie between whole numbers, and targets on them: by so little a
    /// rounding may be wrong.
    private static let slack = 1e-6

    init(_ segments: UnsafeBufferPointer<LoadSegment>) { all = segments }

    /// A copy that `destroy` has to end.
    init(copying line: LoadLine) {
        let memory = UnsafeMutableBufferPointer<LoadSegment>
            .allocate(capacity: max(1, line.segments.count))
        let (_, count) = memory.initialize(from: line.segments)
        all = UnsafeBufferPointer(rebasing: memory[..<count])
    }

    func destroy() { all.deallocate() }

    func level(at time: Double) -> Double {
        for segment in all where time < segment.end {
            return segment.level(at: max(time, segment.start))
        }
        return all.last?.to ?? 0
    }

    /// Level times time from the start to `time`.
    func area(until time: Double) -> Double {
        for segment in all where time < segment.end { return segment.area(until: time) }
        return all.last.map { $0.area + $0.whole } ?? 0
    }

    /// When `area` is reached; infinite where it never is.
    func time(ofArea area: Double) -> Double {
        for segment in all where segment.whole > 0 && area <= segment.area + segment.whole {
            return segment.start + segment.time(ofOwn: max(0, area - segment.area))
        }
        return .infinity
    }

    /// The first time from `time` on at which the level is at least `level`; nil for never.
    func rises(to level: Double, from time: Double) -> Double? {
        for segment in all where time < segment.end {
            let begin = max(time, segment.start)
            if segment.level(at: begin) >= level - Self.slack { return begin }
            if segment.to > level { return max(begin, segment.crossing(level)) }
        }
        return nil
    }

    /// The first time from `time` on at which the level is below `level`; nil for never.
    func falls(below level: Double, from time: Double) -> Double? {
        for segment in all where time < segment.end {
            let begin = max(time, segment.start)
            if segment.level(at: begin) < level - Self.slack { return begin }
            if segment.to < level { return max(begin, segment.crossing(level)) }
        }
        return nil
    }
}
