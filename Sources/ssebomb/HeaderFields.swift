// Header fields from `-H`, from header files and from the environment. Error sentences name fields,
// never values: those may be secrets.

import SSEBombCore

/// Readers of header fields.
enum HeaderFields {
    /// The fields of all `-H`, in order.
    static func parse(_ arguments: [String]) throws(SetupError) -> [HeaderField] {
        var fields: [HeaderField] = []
        for argument in arguments {
            if argument.hasPrefix("@") {
                fields += try file(String(argument.dropFirst()))
            } else {
                fields.append(try field(argument, origin: "-H"))
            }
        }
        return fields
    }

    /// The `Authorization` field of a bearer token kept in an environment variable.
    static func bearer(
        variable: String,
        environment: (String) -> String?
    ) throws(SetupError) -> HeaderField {
        guard let raw = environment(variable) else {
            guard isVariableName(variable) else {
                throw SetupError(
                    .usage,
                    "--bearer-env takes the name of an environment variable, and none has that "
                        + "name: export one with the token, such as TOKEN"
                )
            }
            throw SetupError(
                .usage,
                "--bearer-env: environment variable \(variable) isn't set: export it with the token"
            )
        }
        let token = trimmed(raw)
        guard !token.isEmpty else {
            throw SetupError(
                .usage,
                "--bearer-env: environment variable \(variable) is empty: set it to the token"
            )
        }
        return HeaderField(name: "Authorization", value: "Bearer \(token)")
    }

    /// Whether a text is the name of a variable by the usual letters (POSIX, Base Definitions 8.1):
    /// the token itself, which must not be repeated, hardly is.
    private static func isVariableName(_ text: String) -> Bool {
        text.utf8.enumerated().allSatisfy { index, byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): index > 0
            default: false
            }
        }
    }

    /// The `Authorization` field for a URL's "user:password" (RFC 7617).
    static func basic(_ credentials: [UInt8]) -> HeaderField {
        HeaderField(name: "Authorization", value: "Basic \(base64(credentials))")
    }

    private static func file(_ path: String) throws(SetupError) -> [HeaderField] {
        let bytes = try FileInput.read(path, for: "-H @FILE")
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SetupError(.usage, "-H: header file \(path) isn't UTF-8 text: convert it")
        }
        var fields: [HeaderField] = []
        // "\r\n" is one Character, so lines are cut at unicode scalars.
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        for (number, line) in lines.enumerated() {
            let content = trimmed(String(Substring(line)))
            if content.isEmpty { continue }
            fields.append(try field(content, origin: "\(path) line \(number + 1)"))
        }
        guard !fields.isEmpty else {
            throw SetupError(
                .usage,
                "-H: header file \(path) is empty: put 'Name: value' lines in it"
            )
        }
        return fields
    }

    private static func field(_ text: String, origin: String) throws(SetupError) -> HeaderField {
        guard let colon = text.firstIndex(of: ":"), colon > text.startIndex else {
            throw SetupError(
                .usage,
                "\(origin): a header without a name and a colon; write 'Name: value'"
            )
        }
        let name = String(text[..<colon])
        let value = trimmed(String(text[text.index(after: colon)...]))
        switch name.lowercased() {
        case "content-length", "transfer-encoding":
            throw SetupError(
                .usage,
                "\(origin): \(name) is computed from the body: leave the header out"
            )
        default: return HeaderField(name: name, value: value)
        }
    }

    /// Without the white space around it (RFC 9110, 5.5), a CR of a CRLF file included.
    static func trimmed(_ text: String) -> String {
        let isSpace = { (byte: UInt8) in [0x20, 0x09, 0x0D, 0x0A].contains(byte) }
        let bytes = text.utf8.drop(while: isSpace)
        let end = bytes.lastIndex { !isSpace($0) }
        guard let end else { return "" }
        return String(decoding: bytes[...end], as: UTF8.self)
    }

    /// RFC 4648, section 4.
    static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
        )
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for byte in group { bits = bits << 8 | UInt32(byte) }
            bits <<= UInt32(8 * (3 - group.count))
            for digit in 0..<4 {
                let index = Int(bits >> UInt32(18 - 6 * digit)) & 63
                text.append(digit <= group.count ? alphabet[index] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
