// Says whether a request body is JSON (RFC 8259), and where it isn't. Checked before the load,
// since a server would only answer "400" ten thousand times. Keeps nothing but the top level's
// members.

import SSEBombCore

/// What stands at the top level of a JSON object: enough to warn about what an API will miss.
struct JSONOutline: Equatable {
    /// Raw text of each member's value, by name as it is spelled; empty unless the document is an
    /// object.
    var members: [String: String] = [:]
    /// Whether the document is an object.
    var isObject = false
}

/// Checks documents.
enum JSONCheck {
    /// Checks a whole document.
    static func outline(of bytes: [UInt8]) throws(JSONFault) -> JSONOutline {
        // The standard library's own rethrow drops the error's type.
        let result: Result<JSONOutline, JSONFault> = bytes.withUnsafeBytes { text in
            do throws(JSONFault) {
                return .success(try outline(of: text))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private static func outline(of text: UnsafeRawBufferPointer) throws(JSONFault) -> JSONOutline {
        var outline = JSONOutline()
        var reader = JSONReader(text)
        func copy(_ range: Range<Int>) -> String { String(decoding: text[range], as: UTF8.self) }
        reader.skipSpace()
        outline.isObject = reader.byte == UInt8(ascii: "{")
        if !outline.isObject {
            try reader.skipValue()
        } else if try reader.enterObject() {
            repeat {
                let name = try reader.key()
                outline.members[copy(name)] = copy(try reader.skipValue(depth: 1))
            } while try reader.nextMember()
        }
        reader.skipSpace()
        if !reader.isAtEnd { throw reader.fault("nothing more behind the document") }
        return outline
    }
}
