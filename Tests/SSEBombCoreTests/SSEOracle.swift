// A second reading of the event stream format, written for plainness: whole body at once, arrays
// and a loop over lines. It shares no code with the engine's parser.

/// What a body says, in order.
enum SSEItem: Equatable, CustomStringConvertible {
    case event(data: [UInt8], type: [UInt8], id: [UInt8])
    case comment
    case retry(UInt32)
    case lineTooLong
    case eventTooLarge

    static func event(_ data: String, type: String = "", id: String = "") -> SSEItem {
        .event(data: Array(data.utf8), type: Array(type.utf8), id: Array(id.utf8))
    }

    var description: String {
        switch self {
        case .event(let data, let type, let id):
            let parts = [data, type, id].map {
                String(decoding: $0, as: UTF8.self).debugDescription
            }
            return "event(\(parts.joined(separator: ", ")))"
        case .comment: return "comment"
        case .retry(let time): return "retry(\(time))"
        case .lineTooLong: return "lineTooLong"
        case .eventTooLarge: return "eventTooLarge"
        }
    }
}

enum SSEOracle {
    static func decode(_ body: [UInt8], lineLimit: Int, eventLimit: Int) -> [SSEItem] {
        var bytes = body
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        var items: [SSEItem] = []
        var dataLines: [[UInt8]] = []
        var type: [UInt8] = []
        var idBuffer: [UInt8] = []
        let (lines, rest) = split(bytes)
        for line in lines {
            if line.count > lineLimit { return items + [.lineTooLong] }
            if line.isEmpty {
                if !dataLines.isEmpty {
                    let data = Array(dataLines.joined(separator: [0x0A]))
                    items.append(.event(data: data, type: type, id: idBuffer))
                }
                dataLines = []
                type = []
                continue
            }
            if line[0] == 0x3A {
                items.append(.comment)
                continue
            }
            let (name, value) = field(line)
            switch name {
            case "data":
                dataLines.append(value)
                if Array(dataLines.joined(separator: [0x0A])).count > eventLimit {
                    return items + [.eventTooLarge]
                }
            case "event": type = value
            case "id" where !value.contains(0): idBuffer = value
            case "retry":
                if let time = time(value) { items.append(.retry(time)) }
            default: break
            }
        }
        return rest.count > lineLimit ? items + [.lineTooLong] : items
    }

    /// The ended lines and what stands behind the last end.
    private static func split(_ bytes: [UInt8]) -> (lines: [[UInt8]], rest: [UInt8]) {
        var lines: [[UInt8]] = []
        var line: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == 0x0D && index < bytes.count && bytes[index] == 0x0A { index += 1 }
            if byte == 0x0D || byte == 0x0A {
                lines.append(line)
                line = []
            } else {
                line.append(byte)
            }
        }
        return (lines, line)
    }

    private static func field(_ line: [UInt8]) -> (name: String, value: [UInt8]) {
        guard let colon = line.firstIndex(of: 0x3A) else {
            return (String(decoding: line, as: UTF8.self), [])
        }
        var value = Array(line[(colon + 1)...])
        if value.first == 0x20 { value.removeFirst() }
        return (String(decoding: line[..<colon], as: UTF8.self), value)
    }

    private static func time(_ value: [UInt8]) -> UInt32? {
        guard !value.isEmpty, value.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        let digits = value.drop { $0 == 0x30 }
        if digits.count > 10 { return .max }
        let number = UInt64(String(decoding: digits, as: UTF8.self)) ?? 0
        return UInt32(clamping: number)
    }
}
