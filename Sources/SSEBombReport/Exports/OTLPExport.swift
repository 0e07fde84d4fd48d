// A run as OpenTelemetry's metrics, in the JSON of OTLP/HTTP (opentelemetry-proto, "JSON Protobuf
// Encoding": 64-bit integers are strings), under the names of the GenAI semantic conventions where
// they have one. Must not know how it is sent.

import Glibc
import SSEBombCore

/// The body of an export request.
enum OTLPExport {
    static func document(_ run: FinishedRun) -> JSONNode {
        let result = run.result
        let points = Points(result)
        var metrics = counts(result, points)
        metrics += tokens(result, points)
        for (metric, samples) in result.measuredMetrics {
            let name = Self.name(metric)
            metrics.append(
                .object([
                    "name": .text(name),
                    "unit": "s",
                    "description": .text(
                        "\(metric.rawValue) of ssebomb's docs/MEASUREMENT.md"
                            + (name.hasPrefix("gen_ai.server.") ? ", as the client sees it" : "")
                    ),
                    "exponentialHistogram": .object([
                        "aggregationTemporality": Self.cumulative,
                        "dataPoints": .list([points.point(samples)]),
                    ]),
                ])
            )
        }
        let scope = JSONNode.object([
            "scope": .object([
                "name": "ssebomb", "version": .text(run.context.toolVersion),
            ]),
            "metrics": .list(metrics),
        ])
        return .object([
            "resourceMetrics": .list([
                .object([
                    "resource": .object(["attributes": .list(resource(run))]),
                    "scopeMetrics": .list([scope]),
                ])
            ])
        ])
    }

    /// AGGREGATION_TEMPORALITY_CUMULATIVE: what everybody takes, and of one report the same.
    private static let cumulative = JSONNode.whole(2)

    /// The conventions' name of a metric (semantic-conventions-genai, "Generative AI metrics"), or
    /// one of our own.
    private static func name(_ metric: Metric) -> String {
        switch metric {
        case .e2e: "gen_ai.client.operation.duration"
        case .ttfe: "gen_ai.client.operation.time_to_first_chunk"
        case .gap: "gen_ai.client.operation.time_per_output_chunk"
        case .ttft: "gen_ai.server.time_to_first_token"
        case .tpot: "gen_ai.server.time_per_output_token"
        default: "ssebomb.\(metric.rawValue)"
        }
    }

    // MARK: Attributes

    /// Labels go before what they have the name of: `service.name` is theirs to choose.
    private static func resource(_ run: FinishedRun) -> [JSONNode] {
        var all = [
            "service.name": "ssebomb", "service.version": run.context.toolVersion,
            "ssebomb.run.id": run.context.id, "ssebomb.verdict": run.verdict.state.rawValue,
        ]
        all["url.full"] = run.result.requests.common { Redaction.url(of: $0) }
        all.merge(run.context.labels) { $1 }
        return attributes(all)
    }

    private static func attributes(_ all: [String: String]) -> [JSONNode] {
        all.sorted { $0.key < $1.key }.map { attribute($0.key, ["stringValue": .text($0.value)]) }
    }

    private static func attribute(_ name: String, _ value: [String: JSONNode]) -> JSONNode {
        .object(["key": .text(name), "value": .object(value.mapValues(Optional.some))])
    }

    private static func integer(_ value: UInt64) -> JSONNode { .text("\(value)") }

    // MARK: Counts

    private static func counts(_ result: RunResult, _ points: Points) -> [JSONNode] {
        let counts = result.counts
        var requests = [
            (["outcome": "completed"], counts.completed), (["outcome": "failed"], counts.failed),
            (["outcome": "cancelled"], counts.cancelled), (["outcome": "cut"], counts.cut),
        ]
        if let dropped = result.droppedArrivals {
            requests.append((["outcome": "dropped"], dropped))
        }
        let failures = counts.failures.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { (["error.type": $0.key.name], $0.value) }
        return [
            sum("ssebomb.requests", "{request}", requests, points),
            sum("ssebomb.failures", "{request}", failures, points),
            sum("ssebomb.events", "{event}", [([:], counts.events)], points),
            sum("ssebomb.token_events", "{event}", [([:], counts.tokenEvents)], points),
            sum("ssebomb.received", "By", [([:], counts.bytesReceived)], points),
            sum("ssebomb.sent", "By", [([:], counts.bytesSent)], points),
        ].compactMap(\.self)
    }

    private static func sum(
        _ name: String,
        _ unit: String,
        _ values: [([String: String], UInt64)],
        _ points: Points
    ) -> JSONNode? {
        guard !values.isEmpty else { return nil }
        return .object([
            "name": .text(name),
            "unit": .text(unit),
            "sum": .object([
                "aggregationTemporality": cumulative,
                "isMonotonic": true,
                "dataPoints": .list(
                    values.map { own, value in
                        .object(
                            points.head(attributes(own)).merging(["asInt": integer(value)]) { $1 }
                        )
                    }
                ),
            ]),
        ])
    }

    /// Sums without buckets: how tokens are spread over requests is not kept.
    private static func tokens(_ result: RunResult, _ points: Points) -> [JSONNode] {
        guard result.hasTokens else { return [] }
        let counts = result.counts
        let answered = counts.requestsWithTokens ?? counts.started
        var kinds = [("output", answered, counts.completionTokens)]
        if let prompt = counts.promptTokens {
            kinds.append(("input", counts.requestsWithPrompt, prompt))
        }
        return [
            .object([
                "name": "gen_ai.client.token.usage",
                "unit": "{token}",
                "histogram": .object([
                    "aggregationTemporality": cumulative,
                    "dataPoints": .list(
                        kinds.map { kind, requests, tokens in
                            let own = attributes(["gen_ai.token.type": kind])
                            let values: [String: JSONNode?] = [
                                "count": integer(requests), "sum": .number(Double(tokens)),
                            ]
                            return .object(points.head(own).merging(values) { $1 })
                        }
                    ),
                ]),
            ])
        ]
    }

    // MARK: Points

    /// What all points of a run have in common.
    private struct Points {
        private let start: JSONNode
        private let end: JSONNode
        private let shared: [JSONNode]

        /// More buckets than that make them wider.
        private static let mostBuckets = 640
        private static let scales = (-10...8).reversed()

        init(_ result: RunResult) {
            let window = result.startedAt + result.plan.ramp + result.plan.warmup
            start = .text("\(window)")
            end = .text("\(max(window, result.startedAt + result.length))")
            // Points are of all servers together: what differs between them is nobody's.
            var all: [String: String] = [:]
            all["server.address"] = result.requests.common(\.host)
            if result.apiName != nil, let (provider, operation) = Self.convention(result.dialect) {
                all["gen_ai.provider.name"] = provider
                all["gen_ai.operation.name"] = operation
            }
            let port = result.requests.common(\.port).map { port in
                let value = ["intValue": OTLPExport.integer(UInt64(port))]
                return OTLPExport.attribute("server.port", value)
            }
            shared = OTLPExport.attributes(all) + (port.map { [$0] } ?? [])
        }

        /// The conventions' provider and operation that an API's shape is that of: who is behind
        /// it, nobody knows.
        private static func convention(_ dialect: Dialect) -> (String, String)? {
            switch dialect {
            case .openaiChat, .openaiResponses: ("openai", "chat")
            case .openaiCompletions: ("openai", "text_completion")
            case .anthropic: ("anthropic", "chat")
            case .gemini: ("gcp.gemini", "generate_content")
            case .tgi, .llamacpp, .ollama, .triton: (dialect.name ?? "", "text_completion")
            case .undetermined, .custom, .raw: nil
            }
        }

        func head(_ own: [JSONNode]) -> [String: JSONNode?] {
            [
                "startTimeUnixNano": start, "timeUnixNano": end,
                "attributes": .list(shared + own),
            ]
        }

        /// A data point of an exponential histogram in seconds (opentelemetry-proto, metrics.proto:
        /// bucket i holds base^i < value <= base^(i+1), base 2^(2^-scale)).
        func point(_ samples: HistogramSnapshot) -> JSONNode {
            let cells = samples.buckets.map { bucket in
                // No cell speaks of more than the samples that were there.
                let middle = (bucket.range.lowerBound + bucket.range.upperBound) / 2
                return (value: min(max(middle, samples.min), samples.max), count: bucket.count)
            }
            let zeros = cells.filter { $0.value <= 0 }.reduce(0) { $0 + $1.count }
            let positive = cells.filter { $0.value > 0 }
            var values: [String: JSONNode?] = [
                "count": OTLPExport.integer(samples.count),
                "sum": .number(Double(samples.sum) / 1e9),
                "min": .number(Double(samples.min) / 1e9),
                "max": .number(Double(samples.max) / 1e9),
                "zeroCount": OTLPExport.integer(zeros),
                "scale": .number(0),
            ]
            if let first = positive.first?.value, let last = positive.last?.value {
                let scale =
                    Self.scales.first {
                        Self.index(last, $0) - Self.index(first, $0) < Self.mostBuckets
                    } ?? -10
                let offset = Self.index(first, scale)
                var buckets = [UInt64](repeating: 0, count: Self.index(last, scale) - offset + 1)
                for cell in positive {
                    buckets[Self.index(cell.value, scale) - offset] += cell.count
                }
                values["scale"] = .number(Double(scale))
                values["positive"] = .object([
                    "offset": .number(Double(offset)),
                    "bucketCounts": .list(buckets.map(OTLPExport.integer)),
                ])
            }
            return .object(head([]).merging(values) { $1 })
        }

        /// The bucket of a number of nanoseconds above 0.
        private static func index(_ nanoseconds: Int64, _ scale: Int) -> Int {
            Int((log2(Double(nanoseconds) / 1e9) * exp2(Double(scale))).rounded(.up)) - 1
        }
    }
}
