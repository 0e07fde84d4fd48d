// Trace records as lines: for people one line each with times and an excerpt, for programs one JSON
// object each. Pure text; when records come and where lines go is the command's.

import SSEBombCore
import SSEBombReport

/// Renders the records of one stream, in order.
struct ProbeView {
    /// The form of the lines.
    enum Style {
        case json
        case text(columns: Int)
    }

    private let style: Style
    /// Whether events have send times of their own (`--sent-at`).
    private let hasSendTimes: Bool
    private let redaction: Redaction
    private var didWriteHead = false

    init(style: Style, redaction: Redaction, hasSendTimes: Bool = false) {
        self.style = style
        self.redaction = redaction
        self.hasSendTimes = hasSendTimes
    }

    /// The record's line, with its line end.
    mutating func render(_ record: TraceRecord) -> String {
        let record = clean(record)
        switch style {
        case .json: return json(record) + "\n"
        case .text(let columns):
            let head = didWriteHead ? "" : Self.row("at", "gap", "what", "")
            didWriteHead = true
            return head + Self.text(record, columns: columns)
        }
    }
}

extension ProbeView {
    /// The record without secrets that the server gave back.
    private func clean(_ record: TraceRecord) -> TraceRecord {
        switch record {
        case .head(let at, let status, let headers):
            let fields = headers.map { field in
                HeaderField(
                    name: redaction.apply(to: field.name),
                    value: redaction.apply(to: field.value)
                )
            }
            return .head(at: at, status: status, headers: fields)
        case .event(var event):
            event.type = redaction.apply(to: event.type)
            event.data = redaction.apply(to: event.data)
            event.id = redaction.apply(to: event.id)
            return .event(event)
        case .end(var end):
            end.finishReason = end.finishReason.map(redaction.apply(to:))
            end.detail = redaction.apply(to: end.detail)
            return .end(end)
        case .connected, .secured, .comment, .retry: return record
        }
    }
}

// MARK: - For people

extension ProbeView {
    private static func text(_ record: TraceRecord, columns: Int) -> String {
        // Two time columns and the name in front of the details.
        let room = max(columns - 34, 20)
        switch record {
        case .connected(let at, let address):
            return row(time(at), "", "connect", Terminal.printable(address))
        case .secured(let at, let version, let cipher, let resumed):
            let how = resumed ? ", resumed" : ""
            return row(time(at), "", "tls", "\(version) \(cipher)\(how)")
        case .head(let at, let status, let headers):
            let type = headers.last { $0.name.lowercased() == "content-type" }?.value
            let detail = [String(status), type ?? "no content type"].joined(separator: " ")
            return row(time(at), "", "head", Terminal.printable(detail, limit: room))
        case .event(let event): return text(event, room: room)
        case .comment(let at): return row(time(at), "", "comment", "")
        case .retry(let at, let milliseconds):
            return row(time(at), "", "retry", "\(milliseconds) ms")
        case .end(let end): return text(end)
        }
    }

    private static func text(_ event: TracedEvent, room: Int) -> String {
        var marks: [String] = []
        if event.isReasoning {
            marks.append("reasoning")
        } else if event.isToken {
            marks.append("token")
        }
        if event.isUnknown { marks.append("unknown") }
        if event.coalesced { marks.append("coalesced") }
        if let oneWay = event.oneWay { marks.append("one-way \(time(oneWay))") }
        if !event.id.isEmpty { marks.append("id=\(Terminal.printable(event.id, limit: 20))") }
        let prefix = marks.isEmpty ? "" : "[\(marks.joined(separator: " "))] "
        let data = Terminal.printable(event.data, limit: max(room - prefix.count, 10))
        let name = Terminal.printable(event.type, limit: 12)
        return row(time(event.at), event.gap.map(time) ?? "", name, prefix + data)
    }

    private static func text(_ end: TraceEnd) -> String {
        var parts = [outcome(end)]
        if let status = end.status, end.failure != nil { parts.append("status \(status)") }
        if let reason = end.finishReason {
            parts.append("finish reason \(Terminal.printable(reason, limit: 40))")
        }
        if let tokens = end.completionTokens { parts.append("\(Units.count(tokens)) tokens") }
        if let tokens = end.promptTokens { parts.append("\(Units.count(tokens)) prompt tokens") }
        if let ttft = end.ttft { parts.append("ttft \(time(ttft))") }
        parts.append("e2e \(time(end.e2e))")
        parts.append(end.reusable ? "connection reusable" : "connection not reusable")
        // No time in the first column: e2e counts from the sending, the others from the start.
        return row("", "", "end", parts.joined(separator: ", "))
    }

    private static func outcome(_ end: TraceEnd) -> String {
        guard let failure = end.failure else { return end.cut ? "cut" : "completed" }
        let detail = Terminal.printable(end.detail, limit: 200)
        return detail.isEmpty ? "failed: \(failure.name)" : "failed: \(failure.name) (\(detail))"
    }

    private static func time(_ nanoseconds: Int64) -> String { Units.duration(nanoseconds) }

    private static func row(_ at: String, _ gap: String, _ what: String, _ detail: String) -> String
    {
        var line = "\(right(at, 9))  \(right(gap, 9))  \(what)"
        if !detail.isEmpty {
            line += String(repeating: " ", count: max(1, 12 - what.count)) + detail
        }
        return line + "\n"
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}

// MARK: - For programs

extension ProbeView {
    private func json(_ record: TraceRecord) -> String {
        var line = JSONLine()
        switch record {
        case .connected(let at, _):
            line.add("phase", "connect")
            line.add("at_ns", at)
        case .secured(let at, _, _, _):
            line.add("phase", "tls")
            line.add("at_ns", at)
        case .head(let at, let status, let headers):
            line.add("phase", "head")
            line.add("at_ns", at)
            line.add("status", Int64(status))
            line.add("headers", headers.map(\.name))
        case .event(let event):
            line.add("event", event.type)
            line.add("data", event.data)
            line.add("id", event.id)
            line.add("at_ns", event.at)
            line.add("gap_ns", event.gap)
            line.add("token", event.isToken)
            line.add("coalesced", event.coalesced)
            if hasSendTimes { line.add("one_way_ns", event.oneWay) }
        case .comment: line.add("comment", true)
        case .retry(_, let milliseconds): line.add("retry_ms", Int64(milliseconds))
        case .end(let end):
            line.add("end", end.failure == nil && !end.cut ? "completed" : "failed")
            line.add("failure", end.failure?.name)
            line.add("status", end.status.map { Int64($0) })
            line.add("reusable", end.reusable)
            line.add("ttft_ns", end.ttft)
            line.add("e2e_ns", end.e2e)
        }
        return line.text
    }
}

/// One JSON object on one line, members in the order in which they are added.
private struct JSONLine {
    private var members = ""

    var text: String { "{\(members)}" }

    mutating func add(_ name: String, _ value: String?) { put(name, value.map(Self.quoted)) }
    mutating func add(_ name: String, _ value: Int64?) { put(name, value.map { String($0) }) }
    mutating func add(_ name: String, _ value: Bool) { put(name, value ? "true" : "false") }
    mutating func add(_ name: String, _ values: [String]) {
        put(name, "[\(values.map(Self.quoted).joined(separator: ","))]")
    }

    private mutating func put(_ name: String, _ value: String?) {
        if !members.isEmpty { members += "," }
        members += "\(Self.quoted(name)):\(value ?? "null")"
    }

    /// RFC 8259, section 7. DEL and the separators are escaped beyond that, because they trouble
    /// terminals and line-wise readers.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: result += "\\\""
            case 0x5C: result += "\\\\"
            case 0x0A: result += "\\n"
            case 0x0D: result += "\\r"
            case 0x09: result += "\\t"
            case ..<0x20, 0x7F...0x9F, 0x2028, 0x2029:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
