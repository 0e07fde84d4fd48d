// The open load model's plan: when requests shall start, whatever the server does. One sequence for
// the whole run, from its seed alone. Knows no clock, no socket, and not how many loops there are.

import Glibc

/// The law of the times between arrivals. All have the mean that the rate asks for.
public enum ArrivalLaw: Sendable, Equatable, BitwiseCopyable {
    /// Exponential times: independent users. Their coefficient of variation is 1.
    case poisson
    /// Equal times.
    case constant
    /// Gamma-distributed times with this coefficient of variation (above 0): calmer than a Poisson
    /// process below 1, in bursts above.
    case gamma(cv: Double)

    /// Coefficients of variation that a schedule can be made of: beyond, a draw is 0 or the sum of
    /// everything, within the precision of a double.
    public static let gammaRange = 0.01...10.0
}

/// How many requests arrive, and by which law.
public struct OpenLoad: Sendable, Equatable {
    /// Arrivals per second over all loops, above 0: with stages, or of a trace, their mean; 0 of a
    /// trace that is too short for a rate.
    public var rate: Double
    /// Law of the times between them. A trace follows none.
    public var law: ArrivalLaw
    /// The rate over time where it changes.
    public private(set) var line: LoadLine?
    /// Set where recorded arrivals are replayed.
    public private(set) var replay: TraceReplay?
    /// What reports say of it; set where a trace is, or was, replayed.
    public private(set) var trace: TraceFacts?

    /// Set where only a part of the arrivals is meant: `rate` and `law` are those of all.
    public var share: ArrivalShare?

    /// The highest rate: an arrival a microsecond.
    public static let highestRate = 1e6
    /// Streams that may be open at a time where nothing else is said and as many fit: enough for
    /// 1,000 arrivals a second that take 10 s each.
    public static let usualStreams = 10_000
    /// The schedule begins so long after the loops were told to start (nanoseconds), so that no
    /// arrival is late because its loop was still being made.
    static let lead = Nanoseconds.milliseconds(50)

    /// A load of `rate` arrivals a second.
    public init(rate: Double, law: ArrivalLaw) {
        self.rate = rate
        self.law = law
    }

    /// A load whose rate follows `line`, which is above 0 somewhere.
    public init(_ line: LoadLine, law: ArrivalLaw) {
        self.init(rate: line.mean(from: 0, to: line.duration), law: law)
        self.line = line
    }

    /// The arrivals of a trace.
    public init(_ replay: TraceReplay) {
        let summary = replay.trace.summary
        let seconds = Double(replay.duration) / 1e9
        // One arrival, or several at once, have no time that they could be at a rate in.
        let hasRate = summary.rows > 1 && summary.lastOffset > 0
        self.init(rate: hasRate ? Double(summary.rows) / seconds : 0, law: .constant)
        self.replay = replay
        trace = TraceFacts(replay)
    }

    /// A load that a trace once made, as of a stored result: it can't be carried out.
    public init(knownAs trace: TraceFacts, rate: Double) {
        self.init(rate: rate, law: .constant)
        self.trace = trace
    }

    /// What the arrivals follow, as the command line and the result file name it.
    public var process: String { trace == nil ? law.name : "trace" }

    /// Mean time between two arrivals, nanoseconds.
    var mean: Double { 1e9 / rate }

    /// Arrivals a second of what falls to one target: `rate`, or by weight a share of it.
    public var ownRate: Double {
        guard let share else { return rate }
        return rate * (share.to - share.from)
    }

    /// The load that several make together; nil unless they are shares of one.
    static func joint(_ loads: [OpenLoad?]) -> OpenLoad? {
        guard var first = loads.first ?? nil, first.share != nil else { return nil }
        first.share = nil
        for load in loads {
            guard var load, load.share != nil else { return nil }
            load.share = nil
            guard load == first else { return nil }
        }
        return first
    }
}

/// Which arrivals of a schedule belong to one of several targets: each arrival goes to one of them,
/// by weight, and always to the same one for the same seed.
public struct ArrivalShare: Sendable, Equatable, BitwiseCopyable {
    /// Where the target's part begins on the scale of all weights, from 0 to 1.
    public var from: Double
    /// Where it ends.
    public var to: Double

    /// A part of the scale.
    public init(from: Double, to: Double) {
        self.from = from
        self.to = to
    }

    func contains(_ number: UInt64, seed: UInt64) -> Bool {
        // A draw that depends on the arrival's number alone, so that every target makes the same.
        var random = SeededRandom(seed: seed ^ (number &* 0x9E37_79B9_7F4A_7C15))
        let place = random.unit()
        return place >= from && place < to
    }
}

/// The sequence of arrivals: number and time of one, and a step to the next.
///
/// Where the rate changes, a process of rate 1 runs on the number of arrivals that the line
/// promises up to a time (the time change theorem: its integral), so that the law of its steps is
/// the one that was asked for.
struct ArrivalSchedule: BitwiseCopyable {
    private let mean: Double
    private let law: ArrivalLaw
    private let line: LoadSegments?
    private var trace: TraceCursor?
    private let speed: Double
    private var random: SeededRandom
    /// Number of this arrival in the run, from 0.
    private(set) var number: UInt64 = 0
    /// This arrival on the scale on which one is expected a unit.
    private var position: Double = 0
    /// Nanoseconds from the start of the run to this arrival; infinite after the last.
    private(set) var offset: Double = 0

    /// Keeps the draws apart from the loops' own, which start from seeds near the run's.
    private static let salt: UInt64 = 0x6172_7269_7661_6C73

    /// Stands at the first arrival. A renewal process that begins with an arrival would have every
    /// run open with one; so the first time is a draw as well, and half an interval where the law
    /// is constant: as many arrivals as the rate promises then lie in a window.
    ///
    /// `destroy` has to end it; a trace must outlive it.
    init(_ load: OpenLoad, seed: UInt64) {
        mean = load.mean
        law = load.law
        line = load.line.map { LoadSegments(copying: $0) }
        trace = load.replay?.cursor()
        speed = load.replay?.speed ?? 1
        random = SeededRandom(seed: seed ^ Self.salt)
        step()
    }

    /// Of all copies together.
    func destroy() { line?.destroy() }

    /// The row of the trace that this arrival comes from; nil without a trace, and after its end.
    var row: TraceRow? { trace?.row }

    /// Goes on to the next arrival.
    mutating func advance() {
        number += 1
        trace?.advance()
        step()
    }

    private mutating func step() {
        if let trace {
            offset = trace.row.map { Double($0.time) / speed } ?? .infinity
            return
        }
        // Of equal steps the sum of all is a product: rounding doesn't add up.
        position = law == .constant ? Double(number) + 0.5 : position + draw()
        offset = line.map { $0.time(ofArea: position) * 1e9 } ?? position * mean
    }

    /// A time between two arrivals with mean 1.
    private mutating func draw() -> Double {
        switch law {
        case .constant: return 1
        // 1 - u is never 0, so the logarithm is finite.
        case .poisson: return -log(1 - random.unit())
        case .gamma(let cv):
            let shape = 1 / (cv * cv)
            return gamma(shape) / shape
        }
    }

    /// A gamma draw of scale 1 (Marsaglia and Tsang: A simple method for generating gamma
    /// variables, ACM TOMS 26, 2000; shapes below 1 by its last remark).
    private mutating func gamma(_ shape: Double) -> Double {
        if shape < 1 { return gamma(shape + 1) * pow(1 - random.unit(), 1 / shape) }
        let d = shape - 1.0 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal()
            let v = pow(1 + c * x, 3)
            guard v > 0 else { continue }
            if log(1 - random.unit()) < 0.5 * x * x + d - d * v + d * log(v) { return d * v }
        }
    }

    /// A standard normal draw (Box and Muller, 1958).
    private mutating func normal() -> Double {
        let radius = (-2 * log(1 - random.unit())).squareRoot()
        return radius * cos(2 * Double.pi * random.unit())
    }
}
