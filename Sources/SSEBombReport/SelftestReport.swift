// The self-test as its command uses it: cells are added as they are measured, and come out as a
// file or as text. Text is in SelftestReport+Text.swift. Must not know how a load is carried out.

import FoundationEssentials
public import SSEBombCore

/// One load to try.
public struct SelftestLoad: Sendable, Equatable {
    /// How the streams are carried.
    public var transport: SelftestTransport
    /// Streams held at once.
    public var streams: Int
    /// Events a second of each.
    public var rate: Double
    /// Events of each.
    public var tokens: Int
    /// Loop threads of the client.
    public var loops: Int

    /// Makes a load.
    public init(
        transport: SelftestTransport,
        streams: Int,
        rate: Double,
        tokens: Int,
        loops: Int
    ) {
        self.transport = transport
        self.streams = streams
        self.rate = rate
        self.tokens = tokens
        self.loops = loops
    }
}

/// What a self-test has found.
public struct SelftestReport: Sendable {
    var document: SelftestDocument

    /// Begins an account of this machine; the CPUs are those that either side is confined to.
    public init(
        toolVersion: String,
        machine: SelftestMachine = .current(),
        mockCPUs: [Int32],
        clientCPUs: [Int32]
    ) {
        document = SelftestDocument(
            tool: ResultDocument.Tool(name: "ssebomb", version: toolVersion),
            startedAt: Timestamp.now,
            machine: machine,
            setup: SelftestDocument.Setup(
                mockCPUs: mockCPUs,
                clientCPUs: clientCPUs,
                sharedCPU: !Set(mockCPUs).isDisjoint(with: clientCPUs)
            )
        )
    }

    /// Adds what the client reports of `load`, with its verdict, and the mock's own account of it.
    public mutating func add(
        _ load: SelftestLoad,
        _ result: RunResult,
        _ verdict: Verdict,
        truth: [UInt8]
    ) throws(SetupError) {
        let truth = try MockAccount(reading: truth)
        document.cells.append(
            SelftestDocument.Cell(load, result, verdict, truth, document.bounds)
        )
        document.trusted = SelftestDocument.trust(in: document)
    }

    /// Notes that a signal ended the self-test before its last cell.
    public mutating func interrupt() { document.interrupted = true }

    /// Whether something can be trusted on every transport that was tried.
    public var isTrusted: Bool {
        Set(document.cells.map(\.transport)) == Set(document.trusted.map(\.transport))
    }

    /// The file, UTF-8, keys sorted, with a line end behind it.
    public func encoded() throws(OutputError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return try Array(encoder.encode(document)) + [UInt8(ascii: "\n")]
        } catch {
            throw OutputError(sentence: "can't write the self-test as JSON: \(error)")
        }
    }

    /// Writes the file under `path`, whole or not at all; "-" is standard output.
    public func write(to path: String) throws(OutputError) {
        try AtomicFile.write(encoded(), to: path)
    }
}

// MARK: - Cells

extension SelftestDocument.Cell {
    fileprivate init(
        _ load: SelftestLoad,
        _ result: RunResult,
        _ verdict: Verdict,
        _ truth: MockAccount,
        _ bounds: SelftestBounds
    ) {
        transport = load.transport
        streams = load.streams
        rate = load.rate
        tokens = load.tokens
        loops = load.loops
        completed = result.counts.completed
        let gaps = result.histograms[.gap]
        events = SelftestDocument.Events(
            asked: Double(load.streams) * load.rate,
            achieved: Self.events(load.streams, gaps.map { $0.mean }),
            sent: Self.events(load.streams, truth.metrics.gap.mean.map { Double($0) })
        )
        scheduleSlips = truth.counts.scheduleSlips
        cpuNsPerEvent = result.cpuPerEvent
        ttft = SelftestDocument.Comparison(result.histograms[.ttft], truth.metrics.ttft)
        gap = SelftestDocument.Comparison(gaps, truth.metrics.gap)
        deliveryLag = result.histograms[.deliveryLag].map {
            SelftestDocument.Lag(p50: $0.percentile(50), p99: $0.percentile(99))
        }
        self.verdict = ResultDocument.VerdictRecord(verdict)
        outcome = .incomplete
        outcome = outcome(under: bounds)
    }

    /// What all streams together send or bring in a second, from the mean gap of one.
    private static func events(_ streams: Int, _ meanGap: Double?) -> Double? {
        guard let meanGap, meanGap > 0 else { return nil }
        return Double(streams) * 1e9 / meanGap
    }
}

extension SelftestDocument.Comparison {
    fileprivate init?(_ reported: HistogramSnapshot?, _ truth: MockAccount.Latency) {
        guard let reported, !reported.isEmpty, let p50 = truth.p50, let p99 = truth.p99,
            let greatest = truth.max
        else { return nil }
        typealias Figure = SelftestDocument.Figure
        count = reported.count
        trueCount = truth.count
        self.p50 = Figure(reported: reported.percentile(50), truth: p50)
        self.p99 = Figure(reported: reported.percentile(99), truth: p99)
        max = Figure(reported: reported.max, truth: greatest)
    }
}

/// The part of the mock's truth that the client is held against.
private struct MockAccount: Decodable {
    struct Counts: Decodable {
        var scheduleSlips: UInt64

        enum CodingKeys: String, CodingKey { case scheduleSlips = "schedule_slips" }
    }

    struct Latency: Decodable {
        var count: UInt64
        var mean: Int64?
        var p50: Int64?
        var p99: Int64?
        var max: Int64?
    }

    struct Metrics: Decodable {
        var ttft: Latency
        var gap: Latency
    }

    var counts: Counts
    var metrics: Metrics

    init(reading json: [UInt8]) throws(SetupError) {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(json))
        } catch {
            throw SetupError(
                .system,
                "the mock server's truth can't be read: \(error); run the self-test again"
            )
        }
    }
}
