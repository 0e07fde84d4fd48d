// A run's result together with what was made of it: what every report, export and file is drawn
// from, whether the run has just ended or was stored long ago.

public import SSEBombCore

/// Everything that is known of a run once it is over.
public struct FinishedRun: Sendable {
    /// What was measured.
    public var result: RunResult
    /// Whether it is to be believed.
    public var verdict: Verdict
    /// What became of its gates.
    public var thresholds: [ThresholdResult]
    /// Name, labels and machine.
    public var context: RunContext
    /// A few streams token by token, for the page; nil where none were sampled. Merged results have
    /// none: streams of several runs share no axis of time.
    var lanes: [StreamSample.Lane]? { result.merged == nil ? sampled : nil }
    private var sampled: [StreamSample.Lane]?
    /// Single requests; nil where none were kept. Merged results have none: the lines of a run
    /// count from its own start.
    var requests: StoredRequests? { result.merged == nil ? stored : nil }
    private var stored: StoredRequests?

    /// A run that has just ended, to the precision of its file: reports and exports can then be
    /// drawn again from that to the letter.
    ///
    /// - Parameters:
    ///   - sample: streams for the page to draw token by token.
    ///   - requests: the log that has the requests to keep.
    public init(
        _ result: RunResult,
        verdict: Verdict,
        thresholds: [ThresholdResult] = [],
        context: RunContext,
        sample: StreamSample? = nil,
        requests: RequestLogFile? = nil
    ) {
        self.result = result
        self.result.startedAt -= result.startedAt % Nanoseconds.milliseconds(1)
        for index in result.intervals.indices {
            self.result.intervals[index].ttft = result.intervals[index].ttft.encodable
            self.result.intervals[index].gap = result.intervals[index].gap.encodable
            self.result.intervals[index].tpot = result.intervals[index].tpot.encodable
            self.result.intervals[index].e2e = result.intervals[index].e2e.encodable
        }
        self.verdict = verdict
        self.thresholds = thresholds
        self.context = context
        sampled = sample?.lanes.map { $0.rounded(from: result.start) }
        stored = requests?.stored
    }

    init(
        _ result: RunResult,
        verdict: Verdict,
        thresholds: [ThresholdResult],
        context: RunContext,
        sampled: [StreamSample.Lane]?,
        stored: StoredRequests?
    ) {
        self.result = result
        self.verdict = verdict
        self.thresholds = thresholds
        self.context = context
        self.sampled = sampled
        self.stored = stored
    }

    /// The text report, ending with a line end.
    public func text(color: Bool) -> String {
        TextReport(result, verdict: verdict, thresholds: thresholds, color: color).render()
    }

    /// What is written with `-o`.
    public var file: ResultFile {
        ResultFile(
            result,
            verdict: verdict,
            thresholds: thresholds,
            context: context,
            lanes: lanes,
            requests: requests
        )
    }
}
