// A run while it goes on, as `--listen` tells of it: what was published so far, in the families of
// the OpenMetrics export. Must not know how it is served.

public import SSEBombCore

/// What is known of a run that goes on.
public struct LiveRun: Sendable {
    /// Name, labels and machine.
    public var context: RunContext
    /// What the run does.
    public var plan: RunPlan
    /// What it asks of servers: one request, or one of each class of load.
    public var requests: [RequestSpecification]
    /// The latest progress; nil before the first.
    public var progress: RunProgress?
    /// The result as it stands, about a second old; nil before the first.
    public var standing: RunResult?
    /// Gates as they stand.
    public var thresholds: [ThresholdResult] = []

    /// A run that is about to begin.
    public init(plan: RunPlan, requests: [RequestSpecification], context: RunContext) {
        self.plan = plan
        self.requests = requests
        self.context = context
    }

    /// All that is known in this format.
    public func text(_ format: MetricsFormat) -> String {
        OpenMetricsExport.text(self, OpenMetricsPage(format))
    }
}

/// Formats that Prometheus reads.
public enum MetricsFormat: Sendable {
    /// OpenMetrics text 1.0.
    case openMetrics
    /// Prometheus's own text format 0.0.4, for readers that know no other.
    case prometheus

    /// The media type.
    public var contentType: String {
        switch self {
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        }
    }
}
