// The result file: fields, what is absent when it was not measured, and what never gets in.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct ResultFileTests {
    private static func file(_ result: RunResult) -> ResultFile {
        let environment = RunEnvironment.current(tlsLibrary: "OpenSSL 3")
        let context = RunContext(
            toolVersion: "1.2.3",
            labels: ["host": "a"],
            environment: environment
        )
        return ResultFile(result, verdict: .judge(result), context: context)
    }

    private static func fullRun() throws -> RunResult {
        var plan = try SampleRun.plan(headers: [HeaderField(name: "X-Key", value: "canary-value")])
        plan.tls = TLSClientOptions()
        plan.tls?.minVersion = .tls12
        plan.maxEvents = 5
        plan.timeouts.total = 1_500_000_000
        return SampleRun.full(plan)
    }

    private static func object(_ file: ResultFile) throws -> [String: Any] {
        let json = try JSONSerialization.jsonObject(with: Data(file.encoded()))
        return try #require(json as? [String: Any])
    }

    @Test("a full and an empty run follow the schema")
    func followsSchema() throws {
        let schema = try SchemaCheck()
        #expect(try schema.errors(in: Self.file(Self.fullRun()).encoded()) == [])
        #expect(try schema.errors(in: Self.file(SampleRun.empty(SampleRun.plan())).encoded()) == [])
    }

    @Test(
        "the schema objects to a document that is wrong in one place",
        arguments: [
            ("\"schema_version\" : 1", "\"schema_version\" : 2"),
            ("\"unit\" : \"ns\"", "\"unit\" : 1"),
            ("\"interrupted\" : false", "\"interrupted\" : 0.5"), ("\"cut\" : 12", "\"cut\" : -12"),
            ("\"cut\" : 12", "\"cat\" : 12"), ("\"http_status\" : 8", "\"http_statues\" : 8"),
            ("\"histogram\" : \"HIST", "\"histogram\" : \"TSIH"),
        ]
    )
    func schemaObjects(_ right: String, _ wrong: String) throws {
        let text = String(decoding: try Self.file(Self.fullRun()).encoded(), as: UTF8.self)
        let damaged = text.replacingOccurrences(of: right, with: wrong)
        try #require(damaged != text)
        #expect(try SchemaCheck().errors(in: Array(damaged.utf8)) != [])
    }

    @Test("the schema knows exactly the metrics and failure kinds of the engine")
    func sameWords() throws {
        let schema = try SchemaCheck()
        #expect(schema.words("$defs", "kind") == StreamFailure.allCases.map(\.name))
        let metrics = schema.words("properties", "metrics", "propertyNames")
        #expect(metrics.sorted() == Metric.allCases.map(\.rawValue).sorted())
    }

    @Test("a document read again is the same document")
    func roundTrip() throws {
        let file = try Self.file(Self.fullRun())
        let read = try JSONDecoder().decode(ResultDocument.self, from: Data(file.encoded()))
        #expect(read == file.document)
    }

    @Test("what wasn't measured is absent, not 0")
    func absent() throws {
        let empty = Self.file(SampleRun.empty(try SampleRun.plan())).document
        #expect(empty.metrics.isEmpty)
        #expect(empty.rates == ResultDocument.Rates())
        #expect(empty.counts.tokens == nil)
        #expect(empty.counts.stampsReplaced == nil)
        #expect(empty.counts.bytes.plaintext == nil)
        #expect(empty.client.clock == nil && empty.client.cpuNsPerEvent == nil)
        #expect(empty.plan.api == nil && empty.plan.tls == nil)
        #expect(empty.environment.tls == nil)
        let full = try Self.file(Self.fullRun()).document
        #expect(full.counts.tokens?.cached == nil)
        #expect(full.metrics["connect"] == nil)
        #expect(full.intervals[0].gap == .init(count: 0))
    }

    @Test("the verdict has every reason, with its figure and its bound")
    func verdict() throws {
        var result = try Self.fullRun()
        result.counts.clockSteps = 2
        let verdict = Self.file(result).document.verdict
        #expect(verdict.state == "suspect")
        let step = try #require(verdict.reasons.first { $0.code == "clock_step" })
        #expect(step.state == "suspect" && step.value == 2 && step.bound == 0)
        #expect(step.sentence.contains("wall clock"))
    }

    @Test("the client's priority is what all loops had all the time, else mixed")
    func priority() throws {
        #expect(Self.file(SampleRun.empty(try SampleRun.plan())).document.client.priority == nil)
        var result = try Self.fullRun()
        #expect(Self.file(result).document.client.priority == "normal")
        result.loops[0].priority = .realtime
        #expect(Self.file(result).document.client.priority == "mixed")
        result.loops[1].priority = .realtime
        #expect(Self.file(result).document.client.priority == "realtime")
        for index in result.loops.indices {
            result.loops[index].priority = .normal
            result.loops[index].gaveUpPriorityAtSeconds = 1.5
        }
        let file = Self.file(result)
        #expect(file.document.client.priority == "mixed")
        #expect(file.document.client.loops[0].priorityGivenUpAtS == 1.5)
        #expect(try SchemaCheck().errors(in: file.encoded()) == [])
    }

    @Test("a metric with nothing but unfinished waits says only these")
    func onlyUnfinished() throws {
        var result = try Self.fullRun()
        result.histograms = [:]
        let metrics = Self.file(result).document.metrics
        #expect(metrics.keys.sorted() == ["ttft"])
        let ttft = try #require(metrics["ttft"])
        #expect(ttft.count == 0 && ttft.p50 == nil && ttft.histogram == nil)
        let waits = try #require(ttft.unfinished)
        #expect(waits.count == 12 && waits.greatestAge == 3_200_000_000)
        #expect(try HistogramSnapshot.decode(base64: #require(waits.histogram)).count == 12)
    }

    @Test("figures are those of the histogram that stands beside them")
    func figuresMatchHistogram() throws {
        let metrics = try Self.file(Self.fullRun()).document.metrics
        for (name, metric) in metrics {
            let text = try #require(metric.histogram)
            let histogram = try HistogramSnapshot.decode(base64: text)
            #expect(histogram.count == metric.count, "\(name)")
            #expect(histogram.percentile(99) == metric.p99, "\(name)")
            #expect(histogram.percentile(99.9) == metric.p999, "\(name)")
        }
        #expect(metrics["tpot"]?.basis == "usage")
        #expect(metrics["ttft_fresh"]?.unsupported == ["p95", "p99", "p999"])
        #expect(metrics["gap"]?.unsupported == nil)
    }

    @Test("rates are counts over seconds, and an interval's tokens are on their basis")
    func rates() throws {
        var result = try Self.fullRun()
        result.counts.tokensInWindow = 100_000
        let document = Self.file(result).document
        #expect(document.rates.requests == 95)
        #expect(document.rates.tokens == 10_000)
        #expect(document.rates.basis == "usage_scaled")
        #expect(document.rates.steady == .init(requests: 101, tokens: 20_200, events: 20_400))
        #expect(document.intervals[0].tokens == 495)
        #expect(document.client.cpuNsPerEvent == 4_500)
        #expect(document.counts.failures == ["http_status": 8, "reset": 2])
    }

    @Test("no secret of the plan is in the file, in whatever form a server echoed it")
    func secrets() throws {
        let plan = try SampleRun.plan(
            target: "/v1?key=query-canary",
            headers: [HeaderField(name: "Authorization", value: "Basic dTpwYXNzLWNhbmFyeQ==")]
        )
        var result = SampleRun.full(plan)
        result.counts.finishReasons = ["pass-canary": 1]
        result.counts.eventTypes = ["query-canary": 2]
        result.errors[0].detail = "pass%2Dcanary"
        result.errors[0].sample = Array(
            #"{"k":"dTpwYXNzLWNhbmFyeQ==","q":"query\u002dcanary"}"#.utf8
        )
        let text = String(decoding: try Self.file(result).encoded(), as: UTF8.self)
        for trace in ["canary", "dTpwYXNz", "NhbmFy"] { #expect(!text.contains(trace)) }
        #expect(text.contains("\"Authorization\""))
        #expect(text.contains("http://127.0.0.1:8080/v1?key=***"))
        #expect(!text.contains("\"stream\\\""), "the body is not stored")
    }

    @Test("figures that JSON can't hold are left out")
    func notFinite() throws {
        var result = try Self.fullRun()
        result.counts.tokensInWindow = .nan
        result.loops[0].busy = .infinity
        result.steady?.tokens = .infinity
        result.intervals[0].inFlight = .nan
        result.errors[0].firstAtSeconds = .nan
        let file = Self.file(result)
        #expect(try SchemaCheck().errors(in: file.encoded()) == [])
        #expect(file.document.rates.tokens == nil)
        #expect(file.document.client.loops[0].busy == nil)
    }

    @Test("an id is 16 hexadecimal digits, another for each run")
    func identifiers() {
        let ids = (0..<100).map { _ in RunContext(toolVersion: "1").id }
        #expect(Set(ids).count == 100)
        #expect(ids.allSatisfy { $0.count == 16 && $0.allSatisfy(\.isHexDigit) })
    }

    @Test("the environment is what the kernel says of this machine")
    func environment() throws {
        let environment = RunEnvironment.current()
        #expect(environment.kernel?.hasPrefix("Linux ") == true)
        #expect(try #require(environment.cpus) >= 1)
        #expect(try #require(environment.descriptors) >= 1)
        #expect(environment.machine?.isEmpty == false)
    }

    @Test("what is written is what is encoded")
    func writes() throws {
        let path = NSTemporaryDirectory() + "ssebomb-\(UUID().uuidString).json"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = try Self.file(Self.fullRun())
        try file.write(to: path)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(file.encoded()))
    }
}
