// OpenMetrics text 1.0: counters, gauges and a histogram for each metric, in the units that the
// format wants (seconds, bytes). Must not know how the text is served or where it is written.

import SSEBombCore

/// The `--openmetrics` file, and what `--listen` tells.
enum OpenMetricsExport {
    static func text(_ run: FinishedRun) -> String {
        var page = OpenMetricsPage()
        info(run.context, run.result.requests, run.result, run.verdict, &page)
        gates(run.thresholds, &page)
        figures(run.result, &page)
        return page.finished
    }

    /// A run that goes on: there is no verdict yet, and beside the window's counts stands what is
    /// going on now.
    static func text(_ run: LiveRun, _ empty: OpenMetricsPage) -> String {
        var page = empty
        info(run.context, run.requests, run.standing, nil, &page)
        gates(run.thresholds, &page)
        if let progress = run.progress { now(progress, run.plan, &page) }
        if let standing = run.standing { figures(standing, &page) }
        return page.finished
    }

    private static func figures(_ result: RunResult, _ page: inout OpenMetricsPage) {
        requests(result, &page)
        objectives(result, &page)
        arrived(result, &page)
        rates(result, &page)
        client(result, &page)
        for (metric, samples) in result.measuredMetrics {
            page.histogram(
                "\(metric.rawValue)_seconds",
                "Metric \(metric.rawValue) of ssebomb's docs/MEASUREMENT.md.",
                samples
            )
        }
    }

    private static func info(
        _ context: RunContext,
        _ requests: [RequestSpecification],
        _ result: RunResult?,
        _ verdict: Verdict?,
        _ page: inout OpenMetricsPage
    ) {
        var labels = [
            ("id", context.id), ("version", context.toolVersion),
        ]
        if let url = requests.common({ Redaction.url(of: $0) }) { labels.append(("url", url)) }
        if let verdict { labels.append(("verdict", verdict.state.rawValue)) }
        if let api = result?.apiName { labels.append(("api", api)) }
        for (name, value) in context.labels.sorted(by: { $0.key < $1.key }) {
            labels.append((free("label_" + OpenMetricsPage.name(name), among: labels), value))
        }
        page.family("run", "info", "What was measured.")
        page.sample("run_info", labels, 1)
        guard let result else { return }
        page.gauge("start_time_seconds", "Start since 1970.", seconds(result.startedAt))
        page.gauge(
            "measured_seconds",
            "The measured window; of merged results what all have in common.",
            seconds(result.measured)
        )
        guard let verdict else { return }
        let rank: Double =
            switch verdict.state {
            case .valid: 0
            case .suspect: 1
            case .invalid: 2
            }
        page.gauge("verdict", "0 valid, 1 suspect, 2 invalid.", rank)
    }

    /// Names that differ can become the same label; no sample may have one twice.
    private static func free(_ name: String, among labels: [(String, String)]) -> String {
        var (result, number) = (name, 2)
        while labels.contains(where: { $0.0 == result }) {
            result = "\(name)_\(number)"
            number += 1
        }
        return result
    }

    private static func now(
        _ progress: RunProgress,
        _ plan: RunPlan,
        _ page: inout OpenMetricsPage
    ) {
        page.gauge("elapsed_seconds", "Since the start of the run.", seconds(progress.elapsed))
        page.gauge("streams_in_flight", "Streams now.", Double(progress.inFlight))
        if plan.arrivals != nil {
            page.gauge("arrivals_waiting", "Arrivals without a stream.", Double(progress.waiting))
        }
        page.counter("started_requests", "Started, ramp and warm-up included.", progress.started)
    }

    private static func gates(_ thresholds: [ThresholdResult], _ page: inout OpenMetricsPage) {
        guard !thresholds.isEmpty else { return }
        page.family("threshold_passed", "gauge", "1 where the gate passed, else 0.")
        for gate in thresholds {
            page.sample(
                "threshold_passed",
                [("threshold", gate.threshold.expression), ("outcome", gate.outcome.rawValue)],
                gate.outcome == .passed ? 1 : 0
            )
        }
    }

    private static func requests(_ result: RunResult, _ page: inout OpenMetricsPage) {
        let counts = result.counts
        page.family("requests", "counter", "Requests of the measured window, by their end.")
        var outcomes = [
            ("completed", counts.completed), ("failed", counts.failed),
            ("cancelled", counts.cancelled), ("cut", counts.cut),
        ]
        if let dropped = result.droppedArrivals { outcomes.append(("dropped", dropped)) }
        for (outcome, count) in outcomes {
            page.sample("requests_total", [("outcome", outcome)], Double(count))
        }
        page.counters(
            "failures",
            "Failed requests by kind.",
            "kind",
            counts.failures.map { ($0.key.name, $0.value) }
        )
        page.counters(
            "responses",
            "Responses by HTTP status.",
            "status",
            counts.status.map { ("\($0.key)", $0.value) }
        )
        let redaction = Redaction(result)
        page.counters(
            "finish_reasons",
            "Finish reasons as the server spells them.",
            "reason",
            counts.finishReasons.map {
                (PrintableText.line(redaction.apply(to: $0.key), limit: 64), $0.value)
            }
        )
    }

    private static func objectives(_ result: RunResult, _ page: inout OpenMetricsPage) {
        guard let counts = result.counts.objectives else { return }
        page.family("slo_requests", "counter", "Requests of the window, by their objectives.")
        for (judgement, count) in [
            ("good", counts.good), ("bad", counts.bad), ("undecided", counts.undecided),
        ] {
            page.sample("slo_requests_total", [("judgement", judgement)], Double(count))
        }
        if let share = counts.attainment {
            page.gauge("attainment_ratio", "Good ones of those that were decided.", share)
        }
        if let goodput = result.goodput {
            page.gauge("goodput_per_second", "Good ones, in the rates' window.", goodput)
        }
    }

    private static func arrived(_ result: RunResult, _ page: inout OpenMetricsPage) {
        let counts = result.counts
        page.counter("events", "Events of the measured window.", counts.events)
        page.counter("token_events", "Token-bearing ones of these.", counts.tokenEvents)
        if result.hasTokens {
            page.family("tokens", "counter", "Tokens of the window's requests.")
            var kinds = [("completion", counts.completionTokens)]
            if let prompt = counts.promptTokens { kinds.append(("prompt", prompt)) }
            if let cached = counts.cachedTokens { kinds.append(("cached", cached)) }
            if let reasoning = counts.reasoningTokens { kinds.append(("reasoning", reasoning)) }
            for (kind, count) in kinds {
                page.sample("tokens_total", [("kind", kind)], Double(count))
            }
        }
        page.counter("received_bytes", "Bytes received on the wire.", counts.bytesReceived)
        page.counter("sent_bytes", "Bytes sent on the wire.", counts.bytesSent)
        page.counter("connections_opened", "Connections opened.", counts.connectionsOpened)
        page.counter("connections_reused", "Requests on kept ones.", counts.connectionsReused)
    }

    private static func rates(_ result: RunResult, _ page: inout OpenMetricsPage) {
        guard let window = result.rateWindow else { return }
        let requests = Double(window.requests) / window.seconds
        page.gauge("requests_per_second", "Completed, in the rates' window.", requests)
        page.gauge("events_per_second", "In the same.", Double(window.events) / window.seconds)
        if result.hasTokens {
            page.gauge("tokens_per_second", "In the same.", window.tokens / window.seconds)
        }
    }

    private static func client(_ result: RunResult, _ page: inout OpenMetricsPage) {
        if let busiest = result.loops.map(\.busy).filter(\.isFinite).max() {
            page.gauge("client_busy_ratio", "Busy share of the busiest loop.", busiest)
        }
        page.family("client_cpu_seconds", "counter", "CPU time of the client.")
        page.sample("client_cpu_seconds_total", [("mode", "user")], seconds(result.cpuUser))
        page.sample("client_cpu_seconds_total", [("mode", "system")], seconds(result.cpuSystem))
        if result.peakResidentBytes > 0 {
            let bytes = Double(result.peakResidentBytes)
            page.gauge("client_peak_memory_bytes", "Peak resident memory.", bytes)
        }
    }

    private static func seconds(_ nanoseconds: Int64) -> Double { Double(nanoseconds) / 1e9 }
}

/// Collects families of samples (OpenMetrics 1.0, section "Text format"). Prometheus's older format
/// differs in what it says of a family, and has no end mark.
struct OpenMetricsPage {
    private let format: MetricsFormat
    private static let prefix = "ssebomb_"
    /// Where a unit is part of a name the format wants it declared.
    private static let units = ["seconds", "bytes", "ratio"]
    /// Upper edges in seconds: three a decade, as far as streams take.
    static let edges: [Double] = [-4, -3, -2, -1, 0, 1, 2].flatMap { exponent in
        [1.0, 2.5, 5.0].map { exponent < 0 ? $0 / power(-exponent) : $0 * power(exponent) }
    }
    private var text = ""

    init(_ format: MetricsFormat = .openMetrics) { self.format = format }

    private static func power(_ exponent: Int) -> Double {
        (0..<exponent).reduce(1.0) { power, _ in power * 10 }
    }

    /// The page with its end mark.
    var finished: String { format == .openMetrics ? text + "# EOF\n" : text }

    mutating func family(_ name: String, _ type: String, _ help: String) {
        guard format == .openMetrics else { return oldFamily(name, type, help) }
        text += "# TYPE \(Self.prefix)\(name) \(type)\n"
        if let unit = Self.units.first(where: { name.hasSuffix("_\($0)") }) {
            text += "# UNIT \(Self.prefix)\(name) \(unit)\n"
        }
        text += "# HELP \(Self.prefix)\(name) \(Self.escaped(help))\n"
    }

    /// Before OpenMetrics a family had the name of its samples, and there were no infos.
    private mutating func oldFamily(_ name: String, _ type: String, _ help: String) {
        let suffix = ["counter": "_total", "info": "_info"][type] ?? ""
        let old = type == "info" ? "gauge" : type
        text += "# HELP \(Self.prefix)\(name)\(suffix) \(Self.escaped(help))\n"
        text += "# TYPE \(Self.prefix)\(name)\(suffix) \(old)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
        let list = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
        text += Self.prefix + name + (list.isEmpty ? "" : "{\(list)}") + " \(Self.number(value))\n"
    }

    mutating func gauge(_ name: String, _ help: String, _ value: Double) {
        guard value.isFinite else { return }
        family(name, "gauge", help)
        sample(name, [], value)
    }

    mutating func counter(_ name: String, _ help: String, _ value: UInt64) {
        family(name, "counter", help)
        sample("\(name)_total", [], Double(value))
    }

    /// A counter by one label; equal values of it add up, as a name may come twice when cut.
    mutating func counters(
        _ name: String,
        _ help: String,
        _ label: String,
        _ counts: [(String, UInt64)]
    ) {
        var sums: [String: UInt64] = [:]
        for (value, count) in counts where count > 0 { sums[value, default: 0] += count }
        guard !sums.isEmpty else { return }
        family(name, "counter", help)
        for (value, count) in sums.sorted(by: { $0.key < $1.key }) {
            sample("\(name)_total", [(label, value)], Double(count))
        }
    }

    mutating func histogram(_ name: String, _ help: String, _ samples: HistogramSnapshot) {
        family(name, "histogram", help)
        for edge in Self.edges {
            let count = samples.count(atMost: Int64((edge * 1e9).rounded()))
            sample("\(name)_bucket", [("le", Self.number(edge))], Double(count))
        }
        sample("\(name)_bucket", [("le", "+Inf")], Double(samples.count))
        sample("\(name)_count", [], Double(samples.count))
        sample("\(name)_sum", [], samples.mean * Double(samples.count) / 1e9)
    }

    /// A user's name as part of a label's name.
    static func name(_ text: String) -> String {
        String(
            text.unicodeScalars.map { scalar -> Character in
                let isWord =
                    scalar.isASCII
                    && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
                return isWord ? Character(scalar) : "_"
            }
        )
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in PrintableText.line(text) {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            default: result.append(character)
            }
        }
        return result
    }
}
