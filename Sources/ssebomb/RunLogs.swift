// What takes single events and requests while a run goes on: the event log, the request log, the
// sample that a page's pictures are drawn from. Must not know what they do with them.

import SSEBombCore
import SSEBombReport

/// The logs of one run; none where nobody asked for any.
struct RunLogs {
    var events: EventLogFile?
    var requests: RequestLogFile?
    var sample: StreamSample?

    /// Names that files have until they are finished.
    var asides: [String] { [events?.aside, requests?.aside].compactMap(\.self) }

    /// Where single events go; nil for nowhere.
    var eventSink: EventSink? {
        guard events != nil || sample != nil else { return nil }
        return { [events, sample] records in
            events?.append(records)
            sample?.append(records)
        }
    }

    /// Where requests go; nil for nowhere.
    var requestSink: RequestSink? {
        requests.map { log in { log.append($0, from: $1) } }
    }

    /// Finishes the files, and says which couldn't be.
    func finish() -> [OutputError] {
        var failures: [OutputError] = []
        do throws(OutputError) { try events?.finish() } catch { failures.append(error) }
        do throws(OutputError) { try requests?.finish() } catch { failures.append(error) }
        return failures
    }
}

extension OutputOptions {
    /// Files that are written while the run goes on, by flag.
    var ownFiles: [(flag: String, path: String)] {
        [("--event-log", eventLog), ("--per-request", perRequest)]
            .compactMap { flag, path in path.map { (flag, $0) } }
    }

    /// Opens the logs that are wanted.
    ///
    /// - Parameter hasPage: pictures are wanted.
    func openLogs(_ prepared: PreparedLoad, hasPage: Bool) throws(SetupError) -> RunLogs {
        var logs = RunLogs()
        do throws(OutputError) {
            logs.events = try eventLog.map { (path) throws(OutputError) in
                try EventLogFile(path: path)
            }
            logs.requests = try perRequest.map { (path) throws(OutputError) in
                try RequestLogFile(
                    path: path,
                    classes: prepared.loads.map(\.name),
                    redaction: Redaction(prepared.loads.map(\.plan.request)),
                    echoes: EchoSearch(prepared.loads.compactMap(\.plan.source)),
                    isStored: output != nil || format == .json
                )
            }
        } catch {
            throw SetupError(.system, error.sentence)
        }
        if hasPage {
            let plan = prepared.plan
            logs.sample = StreamSample(from: .now() + (plan.ramp + plan.warmup))
        }
        return logs
    }
}
