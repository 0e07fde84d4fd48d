// Hand-made runs for the tests of reports: every figure is known, so that a report's text can be.

import Testing

@testable import SSEBombCore

/// A histogram of the given samples (nanoseconds).
func snapshot(_ samples: some Sequence<Int64>) -> HistogramSnapshot {
    let histogram = Histogram()
    defer { histogram.destroy() }
    for sample in samples { histogram.record(sample) }
    return HistogramSnapshot(reading: histogram)
}

/// `count` samples in even steps over a range of milliseconds.
func spread(_ count: Int, from low: Double, to high: Double) -> HistogramSnapshot {
    let step = (high - low) / Double(max(1, count - 1))
    return snapshot((0..<count).map { Int64((low + step * Double($0)) * 1e6) })
}

enum SampleRun {
    static func plan(
        target: String = "/v1/chat/completions",
        headers: [HeaderField] = []
    ) throws -> RunPlan {
        let request = RequestSpecification(
            method: "POST",
            scheme: "http",
            host: "127.0.0.1",
            port: 8_080,
            target: target,
            headers: headers,
            body: Array(#"{"stream":true}"#.utf8)
        )
        var plan = RunPlan(
            request: request,
            addresses: [try SocketAddress(unixPath: "/run/llm.sock")],
            streams: 1_000,
            duration: Nanoseconds.seconds(10),
            threads: 2,
            cpus: [0, 1]
        )
        plan.ramp = Nanoseconds.seconds(2)
        return plan
    }

    /// A run in which something of everything happened.
    static func full(_ plan: RunPlan) -> RunResult {
        var result = empty(plan)
        result.dialect = .openaiChat
        result.measured = Nanoseconds.seconds(10)
        result.steady = SteadyWindow(
            startSeconds: 2,
            seconds: 9,
            requests: 909,
            tokens: 181_800,
            events: 183_600
        )
        result.counts = counts
        result.histograms = [
            .ttft: spread(1_010, from: 100, to: 300),
            .ttftFresh: spread(100, from: 101, to: 310),
            .ttfe: spread(1_010, from: 99, to: 299),
            .ttfo: spread(1_010, from: 100, to: 300),
            .gap: spread(7_000, from: 45, to: 55),
            .itl: spread(7_000, from: 45, to: 55),
            .tpot: spread(1_000, from: 49, to: 51),
            .e2e: spread(1_000, from: 1_000, to: 11_000),
            .deliveryLag: spread(7_000, from: 0.01, to: 0.2),
        ]
        let ages = snapshot((1...11).map { $0 * 1_000_000 } + [3_200_000_000])
        result.unfinished = [.ttft: UnfinishedWaits(ages: ages)]
        result.intervals = [
            RunInterval(
                startSeconds: 0,
                started: 100,
                completed: 90,
                failed: 1,
                events: 1_000,
                tokenEvents: 990,
                inFlight: 950.5,
                busiest: 0.5,
                ttft: spread(100, from: 100, to: 300),
                gap: HistogramSnapshot(),
                failures: [.httpStatus: 1]
            )
        ]
        result.loops = loops
        result.cpuUser = 300_000_000
        result.cpuSystem = 600_000_000
        result.peakResidentBytes = 12_345_678
        result.errors = [
            ErrorSample(
                kind: .httpStatus,
                status: 429,
                count: 8,
                firstAtSeconds: 1.5,
                detail: "the server answered 429 Too Many Requests",
                sample: Array("{\"error\":\"slow down\"}\r\n\u{1b}[2J".utf8)
            )
        ]
        return result
    }

    private static var loops: [LoopReport] {
        [
            LoopReport(
                cpu: 0,
                busy: 0.453,
                events: 100_000,
                reads: 90_000,
                wakeups: 50_000,
                involuntarySwitches: 3,
                runQueueWait: 1_000_000,
                paused: 0,
                window: 13_000_000_000
            ),
            LoopReport(
                cpu: 1,
                busy: 0.441,
                events: 100_000,
                reads: 91_000,
                wakeups: 51_000,
                involuntarySwitches: 4,
                runQueueWait: nil,
                paused: 0,
                window: 13_000_000_000
            ),
        ]
    }

    /// A run in which nothing happened.
    static func empty(_ plan: RunPlan) -> RunResult {
        RunResult(
            plan: plan,
            dialect: .undetermined,
            startedAt: 1_738_324_800_123_000_000,
            measured: 0,
            length: 0,
            steady: nil,
            interruptedBy: nil,
            counts: RunCounts(),
            histograms: [:],
            unfinished: [:],
            intervals: [],
            intervalSeconds: 1,
            loops: [],
            cpuUser: 0,
            cpuSystem: 0,
            throttled: nil,
            memoryStall: nil,
            peakResidentBytes: 0,
            errors: []
        )
    }

    private static var counts: RunCounts {
        var counts = RunCounts()
        counts.started = 1_022
        counts.completed = 1_000
        counts.failed = 10
        counts.cut = 12
        counts.completedInWindow = 950
        counts.retriedStale = 3
        counts.backoff = 1_250_000_000
        counts.failures = [.httpStatus: 8, .reset: 2]
        counts.status = [200: 1_014, 429: 8]
        counts.finishReasons = ["stop": 900, "length": 100]
        counts.events = 202_000
        counts.tokenEvents = 200_000
        counts.eventTypes = ["message": 202_000]
        counts.comments = 7
        counts.coalescedAtArrival = 70
        counts.completionTokens = 200_000
        counts.promptTokens = 20_000
        counts.requestsWithPrompt = 1_000
        counts.tokenBasis = .usageScaled
        counts.tpotBasis = .usage
        counts.throughputBasis = .usageScaled
        counts.tokensInWindow = 200_000
        counts.bytesReceived = 45_600_000
        counts.bytesSent = 250_000
        counts.bytesBody = 40_000_000
        counts.connectionsOpened = 1_000
        counts.connectionsReused = 22
        counts.kernelClockStreams = 1_022
        return counts
    }
}

/// The first law of a result.
func expectAddsUp(_ counts: RunCounts, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(
        counts.started == counts.completed + counts.failed + counts.cancelled + counts.cut,
        sourceLocation: sourceLocation
    )
    #expect(
        counts.failures.values.reduce(0, +) == counts.failed,
        "every failure has one kind",
        sourceLocation: sourceLocation
    )
}

/// A result's document without its checksum: one that somebody may have changed.
func unsealed(_ document: [UInt8]) throws -> String {
    let text = String(decoding: document, as: UTF8.self)
    let plain = text.replacing(/\n *"checksum" : "[0-9a-f]{8}",/, with: "", maxReplacements: 1)
    try #require(plain != text)
    return plain
}
