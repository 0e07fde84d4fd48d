// The data that k6 hands to `handleSummary`, so that what was made for k6's summaries reads a run
// of ssebomb: its own metrics where ssebomb measures the same, and a trend for each of ssebomb's.

import SSEBombCore

/// The `--k6-json` file.
enum K6Export {
    /// k6's names, and which metric stands for each.
    private static let trends: [(name: String, metric: Metric)] = [
        ("http_req_duration", .e2e), ("http_req_waiting", .headers),
        ("http_req_connecting", .connect), ("http_req_tls_handshaking", .tls),
        ("iteration_duration", .e2e),
    ]

    static func document(_ run: FinishedRun) -> JSONNode {
        let whole = metrics(of: run.result)
        var metrics = whole
        let gated = Dictionary(grouping: run.thresholds) { name(of: $0.threshold) }
        for (name, gates) in gated where metrics[name] == nil {
            let own = gates[0].threshold
            let part = run.result.classes.first { $0.name == own.scope }
            let figures = part.map { self.metrics(of: $0.result) } ?? whole
            // A gate on what was never measured still has to be seen.
            metrics[name] =
                figures[bareName(of: own.subject)]
                ?? Metric6(type: "trend", contains: "time", values: [:])
        }
        return .object([
            "metrics": .object(
                Dictionary(
                    uniqueKeysWithValues: metrics.map { name, metric in
                        (name, metric.node(gates: gated[name] ?? []))
                    }
                )
            ),
            "root_group": .object([
                "id": "d41d8cd98f00b204e9800998ecf8427e", "name": "", "path": "",
                "groups": .list([]), "checks": .list([]),
            ]),
            "state": .object([
                "testRunDurationMs": .milliseconds(run.result.length), "isStdErrTTY": false,
                "isStdOutTTY": false,
            ]),
            "ssebomb_basis": .object([
                "tool": .text("ssebomb \(run.context.toolVersion)"),
                "verdict": .text(run.verdict.state.rawValue),
                "http_req_duration": "ssebomb's e2e: completed requests alone",
                "http_req_waiting": "ssebomb's headers",
                "rates": "over the measured window",
                "http_reqs.rate": .text("completed and failed over: \(run.wholeBasis)"),
            ]),
        ])
    }

    /// Of the whole run, or of a class of load.
    private static func metrics(of result: RunResult) -> [String: Metric6] {
        var metrics = counters(result)
        for (name, metric) in trends {
            guard let samples = result.histograms[metric], !samples.isEmpty else { continue }
            metrics[name] = trend(samples)
        }
        for (metric, samples) in result.measuredMetrics {
            metrics[metric.rawValue] = trend(samples)
        }
        return metrics
    }

    /// One of k6's metrics.
    private struct Metric6 {
        var type: String
        var contains: String
        var values: [String: JSONNode?]

        func node(gates: [ThresholdResult]) -> JSONNode {
            var members: [String: JSONNode?] = [
                "type": .text(type), "contains": .text(contains), "values": .object(values),
            ]
            if !gates.isEmpty {
                var thresholds: [String: JSONNode?] = [:]
                for gate in gates {
                    thresholds[condition(gate.threshold)] = .object([
                        "ok": .flag(gate.outcome == .passed)
                    ])
                }
                members["thresholds"] = .object(thresholds)
            }
            return .object(members)
        }
    }

    /// The gate without its class and its subject, which its metric says.
    private static func condition(_ gate: Threshold) -> String {
        let text = gate.condition
        let subject = "\(gate.subject.name):"
        return text.hasPrefix(subject) ? String(text.dropFirst(subject.count)) : text
    }

    /// Which of the metrics a gate belongs to: of a class k6's form of a metric narrowed by a tag.
    private static func name(of gate: Threshold) -> String {
        let tag = gate.scope.map { "{class:\(PrintableText.line($0))}" } ?? ""
        return bareName(of: gate.subject) + tag
    }

    private static func bareName(of subject: Threshold.Subject) -> String {
        switch subject {
        case .metric(let metric): metric.rawValue
        case .failures: "http_req_failed"
        // Completed ones, as the gate counts them.
        case .requests: "iterations"
        case .tokens: "tokens"
        case .events: "events"
        case .attainment: "attainment"
        case .goodput: "goodput"
        }
    }

    private static func counters(_ result: RunResult) -> [String: Metric6] {
        let counts = result.counts
        let window = result.rateWindow
        func counter(_ count: UInt64, _ rate: Double?, contains: String = "default") -> Metric6 {
            Metric6(
                type: "counter",
                contains: contains,
                values: ["count": .whole(count), "rate": rate.map { .number($0) }]
            )
        }
        let requests = window.map { Double($0.requests) / $0.seconds }
        let whole = result.wholeSeconds
        let length = result.length > 0 ? Double(result.length) / 1e9 : nil
        var metrics = [
            "http_reqs": counter(counts.decided, whole.map { Double(counts.decided) / $0 }),
            "iterations": counter(counts.completed, requests),
            "http_req_failed": Metric6(
                type: "rate",
                contains: "default",
                values: [
                    "rate": counts.decided > 0
                        ? .number(Double(counts.failed) / Double(counts.decided)) : nil,
                    // k6's rate of what is true: "passes" are failed requests.
                    "passes": .whole(counts.failed),
                    "fails": .whole(counts.decided - counts.failed),
                ]
            ),
            "data_received": counter(
                counts.bytesReceived,
                length.map { Double(counts.bytesReceived) / $0 },
                contains: "data"
            ),
            "data_sent": counter(
                counts.bytesSent,
                length.map { Double(counts.bytesSent) / $0 },
                contains: "data"
            ),
            "events": counter(counts.events, window.map { Double($0.events) / $0.seconds }),
            "vus_max": Metric6(
                type: "gauge",
                contains: "default",
                values: ["value": .whole(UInt64(max(0, result.plan.streams)))]
            ),
        ]
        if let dropped = result.droppedArrivals {
            metrics["dropped_iterations"] = counter(dropped, whole.map { Double(dropped) / $0 })
        }
        if result.hasTokens {
            metrics["tokens"] = counter(
                counts.completionTokens,
                window.map { $0.tokens / $0.seconds }
            )
        }
        if let objectives = counts.objectives {
            metrics["attainment"] = Metric6(
                type: "rate",
                contains: "default",
                values: [
                    "rate": objectives.attainment.map { .number($0) },
                    "passes": .whole(objectives.good), "fails": .whole(objectives.bad),
                ]
            )
            metrics["goodput"] = counter(objectives.goodInWindow, result.goodput)
        }
        return metrics
    }

    private static func trend(_ samples: HistogramSnapshot) -> Metric6 {
        Metric6(
            type: "trend",
            contains: "time",
            values: [
                "avg": .milliseconds(samples.mean), "min": .milliseconds(samples.min),
                "med": .milliseconds(samples.reported(50)), "max": .milliseconds(samples.max),
                "p(90)": .milliseconds(samples.reported(90)),
                "p(95)": .milliseconds(samples.reported(95)),
                "p(99)": .milliseconds(samples.reported(99)), "count": .whole(samples.count),
            ]
        )
    }
}
