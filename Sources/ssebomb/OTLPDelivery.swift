// `--otlp URL`: hands a finished run to an OpenTelemetry collector, with a POST through the engine
// that makes the load, and again where the collector may only be busy. Must not know what stands in
// the body.

import FoundationEssentials
import Glibc
import SSEBombCore
import SSEBombReport
import Synchronization

/// Where metrics go.
struct OTLPDelivery {
    private let url: TargetURL
    private let headers: [HeaderField]
    private let tls: TLSClientOptions?
    private let patience: Int64

    private static let userAgent = "ssebomb/\(PlanBuilder.version)"

    /// Headers of the request, as the OpenTelemetry SDKs know them: NAME=VALUE,..., values
    /// percent-encoded (OpenTelemetry specification, "OTLP exporter configuration").
    private static let variable = "OTEL_EXPORTER_OTLP_HEADERS"
    /// Roots to trust in place of the system's, and the milliseconds that all attempts may take
    /// together (same place).
    private static let certificateVariable = "OTEL_EXPORTER_OTLP_CERTIFICATE"
    private static let timeoutVariable = "OTEL_EXPORTER_OTLP_TIMEOUT"
    private static let usualPatience = Nanoseconds.seconds(30)
    private static let mostMilliseconds: Int64 = 600_000

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
        patience = try Self.patience()
        tls = try Self.trust(parsed)
        // Finds what no header can hold before the run, and not after it.
        _ = try RequestTemplate(request([]), userAgent: Self.userAgent)
    }

    private static func headers(_ url: TargetURL) throws(SetupError) -> [HeaderField] {
        var fields = [
            HeaderField(name: "Content-Type", value: "application/json"),
            HeaderField(name: "Accept", value: "application/json"),
        ]
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

    private static func patience() throws(SetupError) -> Int64 {
        guard let text = FileInput.environment(timeoutVariable), !text.isEmpty else {
            return usualPatience
        }
        guard let time = Int64(text), (1...mostMilliseconds).contains(time) else {
            throw SetupError(
                .usage,
                "\(timeoutVariable) isn't a number of milliseconds from 1 to \(mostMilliseconds): "
                    + "correct it"
            )
        }
        return Nanoseconds.milliseconds(time)
    }

    /// How TLS is spoken; what can't be is found before the run. nil without TLS.
    private static func trust(_ url: TargetURL) throws(SetupError) -> TLSClientOptions? {
        guard url.scheme == "https" else { return nil }
        var options = TLSClientOptions()
        if let file = FileInput.environment(certificateVariable), !file.isEmpty {
            options.caFile = file
            options.caSource = certificateVariable
        }
        do throws(TLSSetupError) { try options.check(host: url.host) } catch {
            throw SetupError(.usage, "--otlp: \(error.sentence)")
        }
        return options
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

    /// Sends it, and again where that may help; nil, or one sentence that says why it didn't
    /// arrive.
    ///
    /// - Parameters:
    ///   - watch: the first signal that comes while this goes on ends it.
    ///   - isQuiet: whether nobody is told that it is tried again.
    func send(_ run: FinishedRun, _ watch: SignalWatch?, isQuiet: Bool) -> String? {
        let name = "can't deliver to \(url.redacted) (--otlp)"
        let end = DeliveryEnd()
        watch?.attach { end.signalled($0) }
        // Between the end of the load and now.
        if run.result.interruptedBy == nil, let signal = watch?.received { end.signalled(signal) }
        do {
            let request = request(try RunExport.otlp.render(run))
            let deadline = Instant.now() + patience
            var attempt = 1
            while true {
                let result = try post(request, before: deadline, end)
                if end.hasCome { return "\(name): a signal ended it" }
                guard let complaint = complaint(result) else { return nil }
                let told = complaint + (attempt > 1 ? ", after \(attempt) attempts" : "")
                guard let pause = Self.pause(after: attempt, result) else {
                    return "\(name): \(told)"
                }
                guard Instant.now() + pause < deadline else {
                    let asked = result.errors.first?.retryAfterSeconds
                    let wish = asked.map { "; it asks for a wait of \($0) s" } ?? ""
                    return "\(name): \(told)\(wish)"
                }
                if !isQuiet {
                    let seconds = Double(pause / 100_000_000) / 10
                    Terminal.message("\(name) yet: \(complaint); again in \(seconds) s")
                }
                end.wait(pause)
                attempt += 1
            }
        } catch let error as SetupError {
            return "\(name): \(error.sentence)"
        } catch let error as OutputError {
            return "\(name): \(error.sentence)"
        } catch {
            return "\(name): \(error)"
        }
    }

    private func post(
        _ request: RequestSpecification,
        before deadline: Instant,
        _ end: DeliveryEnd
    ) throws(SetupError) -> RunResult {
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
        plan.timeouts.total = max(deadline - .now(), Nanoseconds.milliseconds(1))
        plan.tls = tls
        let template = try RequestTemplate(request, userAgent: Self.userAgent)
        let coordinator = try Coordinator(plan: plan, template: template)
        end.begin(coordinator)
        return try coordinator.run()
    }

    /// How long to wait for the next attempt, exponentially longer and by chance, so that clients
    /// don't come back all at once, and no shorter than the collector asks for; nil where another
    /// attempt can't help (OTLP specification, "Failures", "OTLP/HTTP Throttling").
    private static func pause(after attempt: Int, _ result: RunResult) -> Int64? {
        let sample = result.errors.first
        if let status = result.counts.status.keys.first {
            guard [429, 502, 503, 504].contains(status) else { return nil }
        } else {
            switch sample?.kind {
            case .connectRefused, .connectTimeout, .connectOther, .send, .reset, .closedEarly: break
            default: return nil
            }
        }
        let full = Nanoseconds.seconds(1) << Int64(min(attempt - 1, 10))
        let chosen = Int64(Double(full) * Double.random(in: 0.5..<1))
        return max(chosen, Nanoseconds.seconds(Int64(sample?.retryAfterSeconds ?? 0)))
    }

    /// Any 2xx is success, unless the answer says that a part was rejected (OTLP specification,
    /// "Partial success"). To the engine an answer that is no event stream is a failure, of which
    /// it keeps the beginning.
    private func complaint(_ result: RunResult) -> String? {
        let sample = result.errors.first
        guard let status = result.counts.status.keys.first else {
            guard let sample else { return "no answer" }
            // To the engine it is the end of a stream that is missing.
            let detail =
                sample.kind == .closedEarly
                ? "it closed the connection before its answer" : sample.detail
            return "\(sample.kind.name): \(detail)"
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

/// Lets a signal end an attempt that is under way, or the wait for the next one.
private final class DeliveryEnd: Sendable {
    private struct State {
        var signal: Int32?
        var attempt: Coordinator?
    }

    private let state = Mutex(State())

    var hasCome: Bool { state.withLock { $0.signal != nil } }

    /// On the watching thread.
    func signalled(_ signal: Int32) {
        state.withLock { state in
            state.signal = signal
            state.attempt?.interrupt(signal: signal)
        }
    }

    /// An attempt is about to run.
    func begin(_ attempt: Coordinator) {
        state.withLock { state in
            state.attempt = attempt
            if let signal = state.signal { attempt.interrupt(signal: signal) }
        }
    }

    func wait(_ time: Int64) {
        let end = Instant.now() + time
        while !hasCome, .now() < end { usleep(20_000) }
    }
}
