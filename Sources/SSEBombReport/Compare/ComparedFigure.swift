// The figures that are compared, under the names that gates and tables use.

public import SSEBombCore

/// One figure of two runs.
public enum ComparedFigure: Hashable, Sendable {
    /// A percentile (above 0, below 100) of one of `ComparedRun.metrics`.
    case percentile(Metric, Double)
    /// A number a second.
    case rate(ComparedRate)
    /// A part of the requests.
    case share(ComparedShare)
    /// The client's CPU time an event.
    case clientCost

    /// What every comparison has, as far as it was measured.
    public static let standard: [ComparedFigure] =
        ComparedRun.metrics.flatMap { metric in
            [50, 90, 99].map { .percentile(metric, $0) }
        } + ComparedRate.allCases.map { .rate($0) } + ComparedShare.allCases.map { .share($0) }
        + [.clientCost]

    /// The word for it.
    public var name: String {
        switch self {
        case .percentile(let metric, let percentile):
            "\(metric.rawValue).\(Threshold.Aggregate.percentile(percentile).name)"
        case .rate(let rate): "\(rate.rawValue).rate"
        case .share(.attainment): "attainment"
        case .share(.failures): "failures.share"
        case .clientCost: "client.cpu_ns_per_event"
        }
    }

    /// The figure of that name; nil where there is none. Any percentile will do: "ttft.p99.9".
    public init?(named name: String) {
        if let known = Self.standard.first(where: { $0.name == name }) {
            self = known
            return
        }
        guard let point = name.firstIndex(of: "."),
            let metric = Metric(rawValue: String(name[..<point])),
            ComparedRun.metrics.contains(metric)
        else { return nil }
        let word = name[name.index(after: point)...]
        guard word.hasPrefix("p"), let percentile = DecimalText.value(word.dropFirst()),
            percentile > 0,
            percentile < 100
        else { return nil }
        self = .percentile(metric, percentile)
    }

    /// Whether more of it is better.
    public var isHigherBetter: Bool {
        switch self {
        case .percentile, .clientCost, .share(.failures): false
        case .rate, .share(.attainment): true
        }
    }

    /// Whether differences are ratios; those of shares are differences in percentage points.
    public var isRelative: Bool { if case .share = self { false } else { true } }

    /// A value as people read it.
    func text(_ value: Double) -> String {
        switch self {
        case .percentile: Units.duration(Int64(clamping: value), separator: "")
        case .rate: "\(Units.rate(value))/s"
        case .share: Units.share(value).replacing(" ", with: "")
        case .clientCost: "\(Units.count(Int64(clamping: value)))ns"
        }
    }

    /// A difference as people read it: "+5.7%", or "-0.20pt" of a share.
    func text(difference: Double) -> String {
        let percent = abs(difference) * 100
        guard percent.isFinite else { return difference < 0 ? "-inf" : "+inf" }
        let digits = Units.fixed(percent, decimals: percent < 10 ? 2 : percent < 100 ? 1 : 0)
        return "\(difference < 0 ? "-" : "+")\(digits)\(isRelative ? "%" : "pt")"
    }
}
