// The events of each API, byte for byte: deltas, finish, usage, error, end marker, line ends.
// Writes into a block that it is given; knows no chunk, socket or schedule.

/// Kinds of events in a streamed response.
enum EventKind {
    case content
    case reasoning
    case role
    case finish(isCut: Bool)
    case usage
}

/// The shape of one response's events. A handle over a block that holds the model's name.
struct EventStyle: BitwiseCopyable {
    let api: MockAPI
    let usage: MockUsage
    let newline: MockPlan.Newline
    /// Starts with the model's name, as the inside of a JSON string.
    let block: UnsafeMutableRawPointer
    let modelLength: Int

    static let mostModelBytes = 128

    /// The name that stands in where the request names no model, or no plain one.
    static var defaultModel: UnsafeRawBufferPointer {
        let name: StaticString = "mock"
        return UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    }

    var model: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: block, count: modelLength) }

    /// Appends one event, closing blank line included, with zeros or blanks for what varies.
    ///
    /// - Returns: where the variable parts lie, from the start of the writer's block.
    func write(_ kind: EventKind, to writer: inout WireWriter) -> EventFields {
        var fields = EventFields()
        switch api {
        case .chat: writeChat(kind, &writer, &fields)
        case .completions: writeCompletion(kind, &writer, &fields)
        case .events: writePlain(&writer, &fields)
        }
        endLine(&writer)
        endLine(&writer)
        return fields
    }

    func endLine(_ writer: inout WireWriter) {
        switch newline {
        case .lf: writer.append("\n")
        case .crlf: writer.append("\r\n")
        case .cr: writer.append("\r")
        }
    }

    /// Appends a line of text, and the blank line that ends an event where it should be one.
    func writeLine(_ text: StaticString, endsEvent: Bool, to writer: inout WireWriter) {
        writer.append(text)
        endLine(&writer)
        if endsEvent { endLine(&writer) }
    }

    /// Appends the event that carries the API's error object.
    func writeError(to writer: inout WireWriter) {
        if api == .events { writeLine("event: error", endsEvent: false, to: &writer) }
        writeLine(
            """
            data: {"error":{"message":"the engine died while generating","type":"server_error",\
            "param":null,"code":500}}
            """,
            endsEvent: true,
            to: &writer
        )
    }

    // MARK: - Shapes

    private func writeChat(
        _ kind: EventKind,
        _ writer: inout WireWriter,
        _ fields: inout EventFields
    ) {
        writer.append("data: {\"id\":\"chatcmpl-")
        writeIdentity(&writer, &fields)
        writer.append("\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"")
        writer.append(model)
        writer.append("\",\"choices\":[")
        switch kind {
        case .content, .reasoning:
            writer.append("{\"index\":0,\"delta\":{\"")
            if case .reasoning = kind { writer.append("reasoning_") }
            writer.append("content\":\" ")
            fields.word = writer.count
            writer.append("word\"},\"finish_reason\":null}")
        case .role:
            writer.append("{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},")
            writer.append("\"finish_reason\":null}")
        case .finish(let isCut):
            writer.append("{\"index\":0,\"delta\":{},\"finish_reason\":\"")
            writer.append(isCut ? "length\"}" : "stop\"}")
        case .usage: break
        }
        writer.append("]")
        writeUsage(kind, &writer, &fields)
        writer.append("}")
    }

    private func writeCompletion(
        _ kind: EventKind,
        _ writer: inout WireWriter,
        _ fields: inout EventFields
    ) {
        writer.append("data: {\"id\":\"cmpl-")
        writeIdentity(&writer, &fields)
        writer.append("\",\"object\":\"text_completion\",\"created\":1700000000,\"model\":\"")
        writer.append(model)
        writer.append("\",\"choices\":[")
        switch kind {
        case .content, .reasoning:
            writer.append("{\"text\":\" ")
            fields.word = writer.count
            writer.append("word\",\"index\":0,\"logprobs\":null,\"finish_reason\":null}")
        case .role:
            writer.append("{\"text\":\"\",\"index\":0,\"logprobs\":null,\"finish_reason\":null}")
        case .finish(let isCut):
            writer.append("{\"text\":\"\",\"index\":0,\"logprobs\":null,\"finish_reason\":\"")
            writer.append(isCut ? "length\"}" : "stop\"}")
        case .usage: break
        }
        writer.append("]")
        writeUsage(kind, &writer, &fields)
        writer.append("}")
    }

    private func writePlain(_ writer: inout WireWriter, _ fields: inout EventFields) {
        writer.append("id: ")
        fields.eventID = writer.count
        writer.append("00000000")
        endLine(&writer)
        writer.append("data: {\"index\":")
        fields.index = writer.count
        writer.append("       0,\"text\":\" ")
        fields.word = writer.count
        writer.append("word\"}")
    }

    private func writeIdentity(_ writer: inout WireWriter, _ fields: inout EventFields) {
        fields.identity = writer.count
        writer.append("0000000000000000")
    }

    private func writeUsage(
        _ kind: EventKind,
        _ writer: inout WireWriter,
        _ fields: inout EventFields
    ) {
        var counts = usage == .continuous
        if case .usage = kind { counts = true }
        guard counts else {
            if usage == .atEnd { writer.append(",\"usage\":null") }
            return
        }
        writer.append(",\"usage\":{\"prompt_tokens\":")
        fields.promptTokens = writer.count
        writer.append("       0,\"total_tokens\":")
        fields.totalTokens = writer.count
        writer.append("       0,\"completion_tokens\":")
        fields.completionTokens = writer.count
        writer.append("       0}")
    }
}
