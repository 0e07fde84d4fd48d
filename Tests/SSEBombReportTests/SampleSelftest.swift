// Hand-made self-tests: cells whose figures are known, on a machine that doesn't exist.

@testable import SSEBombCore
@testable import SSEBombReport

enum SampleSelftest {
    static let machine = SelftestMachine(
        cpuModel: "Model T",
        architecture: "x86_64",
        cpus: 2,
        kernel: "Linux 6"
    )

    /// A cell with these errors (nanoseconds), everything else as it should be.
    static func cell(
        _ transport: SelftestTransport,
        _ streams: Int,
        _ rate: Double,
        ttft: (p50: Int64, p99: Int64) = (30_000, 60_000),
        gap: (p50: Int64, p99: Int64) = (0, -20_000),
        greatestGap: Int64 = 0,
        sent: Double = 1,
        slips: UInt64 = 0,
        completed: UInt64? = nil,
        loops: Int = 1,
        verdict: Verdict = Verdict(reasons: [])
    ) -> SelftestDocument.Cell {
        func figure(_ truth: Int64, _ error: Int64) -> SelftestDocument.Figure {
            SelftestDocument.Figure(reported: truth + error, truth: truth)
        }
        let asked = Double(streams) * rate
        let tokens = 80
        let requests = UInt64(streams)
        let gaps = requests * UInt64(tokens - 1)
        var cell = SelftestDocument.Cell(
            transport: transport,
            streams: streams,
            rate: rate,
            tokens: tokens,
            loops: loops,
            completed: completed ?? requests,
            events: .init(asked: asked, achieved: asked * sent, sent: asked * sent),
            scheduleSlips: slips,
            cpuNsPerEvent: 8_125,
            ttft: .init(
                count: requests,
                trueCount: requests,
                p50: figure(50_000_000, ttft.p50),
                p99: figure(99_000_000, ttft.p99),
                max: figure(120_000_000, 0)
            ),
            gap: .init(
                count: gaps,
                trueCount: gaps,
                p50: figure(40_000_000, gap.p50),
                p99: figure(40_500_000, gap.p99),
                max: figure(47_000_000, greatestGap)
            ),
            deliveryLag: .init(p50: 21_000, p99: 640_000),
            verdict: .init(verdict),
            outcome: .incomplete
        )
        cell.outcome = cell.outcome(under: SelftestBounds())
        return cell
    }

    /// A document of these cells.
    static func document(_ cells: [SelftestDocument.Cell]) -> SelftestDocument {
        var document = SelftestDocument(
            tool: .init(name: "ssebomb", version: "1.2.3"),
            startedAt: "2025-01-31T12:00:00.123Z",
            machine: machine,
            setup: .init(mockCPUs: [0], clientCPUs: [1], sharedCPU: false),
            cells: cells
        )
        document.trusted = SelftestDocument.trust(in: document)
        return document
    }

    /// Plain up to 4,000 x 25/s and 1,000 x 50/s; TLS up to 1,000 x 25/s.
    static var usual: SelftestDocument {
        document([
            cell(.plain, 250, 25), cell(.tls, 250, 25, ttft: (40_000, 90_000)),
            cell(.plain, 1_000, 25), cell(.tls, 1_000, 25, ttft: (50_000, 400_000)),
            cell(.plain, 1_000, 50, ttft: (30_000, 250_000)),
            cell(.tls, 1_000, 50, gap: (0, 5_000_000)),
            cell(.plain, 4_000, 25, ttft: (31_000, 412_345)),
            cell(.plain, 4_000, 50, sent: 0.9),
        ])
    }
}
