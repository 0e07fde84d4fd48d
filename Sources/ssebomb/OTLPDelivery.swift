// `--otlp URL`: hands a finished run to an OpenTelemetry collector, with one POST through the
// engine that makes the load. Must not know what stands in the body.

import FoundationEssentials
import SSEBombCore
import SSEBombReport

/// Where metrics go.
struct OTLPDelivery {
    private let url: TargetURL
    private let headers: [HeaderField]

    private static let userAgent = "ssebomb/\(PlanBuilder.version)"

    /// Headers of the request, as the OpenTelemetry SDKs know them: NAME=VALUE,..., values
    /// percent-encoded (OpenTelemetry specification, "OTLP exporter configuration").
    private static let variable = "OTEL_EXPORTER_OTLP_HEADERS"

    /// Takes the value of `--otlp`; its sentence never shows user-info.
    init(parsing text: String) throws(SetupError) {
        var parsed: TargetURL
        do throws(ValueError) { parsed = try TargetURL(text) } catch {
            throw SetupError(.usage, "--otlp: \(error)")
        }
        // What the specification appends to a base URL.
        if parsed.target == "/" { parsed.target = "/v1/metrics" }
        url = parsed
        headers = try Self.headers(parsed)
        // Finds what no header can hold before the run, and not after it.
        _ = try RequestTemplate(request([]), userAgent: Self.userAgent)
    }

    private static func headers(_ url: TargetURL) throws(SetupError) -> [HeaderField] {
        var fields = [HeaderField(name: "Content-Type", value: "application/json")]
        if let credentials = url.credentials { fields.append(HeaderFields.basic(credentials)) }
        let given = FileInput.environment(variable) ?? ""
        for part in given.split(separator: ",") {
            guard let equals = part.firstIndex(of: "="),
                let value = try? TargetURL.percentDecoded(part[part.index(after: equals)...])
            else {
                throw SetupError(.usage, "\(variable) isn't NAME=VALUE,NAME=VALUE: correct it")
            }
            let name = part[..<equals].filter { $0 != " " }
            fields.append(
                HeaderField(name: String(name), value: String(decoding: value, as: UTF8.self))
            )
        }
        return fields
    }

    private func request(_ body: [UInt8]) -> RequestSpecification {
        RequestSpecification(
            method: "POST",
            scheme: url.scheme,
            host: url.host,
            port: url.port,
            target: url.target,
            headers: headers,
            body: body
        )
    }

    // MARK: Sending

    private static let patience = Nanoseconds.seconds(30)

    /// Sends it once; nil, or one sentence that says why it didn't arrive.
    func send(_ run: FinishedRun) -> String? {
        let name = "can't deliver to \(url.redacted) (--otlp)"
        do {
            let body = try RunExport.otlp.render(run)
            let result = try post(request(body))
            return complaint(result).map { "\(name): \($0)" }
        } catch let error as SetupError {
            return "\(name): \(error.sentence)"
        } catch let error as OutputError {
            return "\(name): \(error.sentence)"
        } catch {
            return "\(name): \(error)"
        }
    }

    private func post(_ request: RequestSpecification) throws(SetupError) -> RunResult {
        var plan = RunPlan(
            request: request,
            addresses: try SocketAddress.resolve(host: url.host, port: url.port),
            streams: 1,
            duration: nil,
            threads: 1,
            cpus: []
        )
        plan.requests = 1
        plan.keepAlive = false
        plan.timeouts.total = Self.patience
        if url.scheme == "https" { plan.tls = TLSClientOptions() }
        let template = try RequestTemplate(request, userAgent: Self.userAgent)
        return try Coordinator(plan: plan, template: template).run()
    }

    /// Any 2xx is success, unless the answer says that a part was rejected (OTLP specification,
    /// "Partial success"). To the engine an answer that is no event stream is a failure, of which
    /// it keeps the beginning.
    private func complaint(_ result: RunResult) -> String? {
        let sample = result.errors.first
        guard let status = result.counts.status.keys.first else {
            return (sample?.kind.name ?? "no answer") + (sample.map { ": \($0.detail)" } ?? "")
        }
        let answer = sample?.sample ?? []
        guard (200..<300).contains(status) else {
            let words = said(answer)
            return "it answered \(status)" + (words.isEmpty ? "" : ": \(words)")
        }
        let partial = try? JSONDecoder().decode(Answer.self, from: Data(answer)).partialSuccess
        guard let partial, let rejected = partial.rejectedDataPoints, rejected.count > 0 else {
            return nil
        }
        return "it rejected \(rejected.count) data points"
            + (partial.errorMessage.map { ": \(said(Array($0.utf8)))" } ?? "")
    }

    /// What the collector says, without what it was told in confidence.
    private func said(_ bytes: [UInt8]) -> String {
        let text = Redaction(request([])).apply(to: String(decoding: bytes, as: UTF8.self))
        return Terminal.printable(text, limit: 200)
    }

    private struct Answer: Decodable {
        let partialSuccess: Partial?
    }

    private struct Partial: Decodable {
        let rejectedDataPoints: Count?
        let errorMessage: String?
    }

    /// A 64-bit integer of protobuf's JSON: a string, and from lenient writers a number.
    private struct Count: Decodable {
        let count: Int64

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                count = Int64(text) ?? 0
            } else {
                count = try container.decode(Int64.self)
            }
        }
    }
}
