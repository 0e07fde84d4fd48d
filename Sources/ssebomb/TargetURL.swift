// The URL of the target, taken apart and checked (RFC 3986, the part an HTTP client needs). Knows
// no flags and resolves no names. A password in it never leaves this file but as a header value.

/// An http or https URL.
struct TargetURL: Equatable {
    /// "http" or "https".
    var scheme: String
    /// Name or literal; IPv6 without its brackets.
    var host: String
    /// The scheme's default where the URL names none.
    var port: UInt16
    /// Path and query as they go into the request line; never empty, no fragment.
    var target: String
    /// "user:password", percent-decoded; nil where the URL has none.
    var credentials: [UInt8]?

    /// Takes `text` apart; an error is one sentence that shows nothing that may be user-info.
    init(_ text: String) throws(ValueError) {
        guard let end = text.firstRange(of: "://") else { throw Self.missingScheme(text) }
        scheme = text[..<end.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else {
            let shown = scheme.utf8.allSatisfy(Self.isNameByte) ? " '\(scheme)'" : ""
            throw ValueError("URL scheme\(shown) isn't supported: use http:// or https://")
        }
        let rest = text[end.upperBound...]
        let authorityEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        var authority = rest[..<authorityEnd]
        if let at = authority.lastIndex(of: "@") {
            let decoded = try Self.percentDecoded(authority[..<at])
            credentials = decoded.contains(UInt8(ascii: ":")) ? decoded : decoded + [0x3A]
            authority = authority[authority.index(after: at)...]
        }
        do throws(ValueError) {
            (host, port) = try Self.hostAndPort(authority, scheme: scheme)
        } catch {
            // The authority ends at the first of these (RFC 3986, 3.2), in a password too.
            guard rest[authorityEnd...].contains("@") else { throw error }
            throw ValueError(
                "the URL's host or port isn't one: in a user name or password write '/' as %2F, "
                    + "'?' as %3F and '#' as %23"
            )
        }
        target = try Self.requestTarget(rest[authorityEnd...])
    }

    /// The URL as it may be shown: no user-info, query values replaced.
    var redacted: String {
        let name = host.contains(":") ? "[\(host)]" : host
        let isDefault = port == (scheme == "https" ? 443 : 80)
        let authority = isDefault ? name : "\(name):\(port)"
        return "\(scheme)://\(authority)\(Self.redactedTarget(target))"
    }

    /// The same with `***@` where it has user-info, to tell that there is something to fill in.
    var masked: String {
        credentials == nil
            ? redacted : redacted.replacing("://", with: "://***@", maxReplacements: 1)
    }

    /// A request target with every query value replaced by `***`.
    static func redactedTarget(_ target: String) -> String {
        guard let mark = target.firstIndex(of: "?") else { return target }
        let query = target[target.index(after: mark)...]
        let pairs = query.split(separator: "&", omittingEmptySubsequences: false).map { pair in
            // A pair without "=" may be a bare token: nothing says that it's only a name.
            guard let equals = pair.firstIndex(of: "=") else { return pair.isEmpty ? "" : "***" }
            return pair.index(after: equals) == pair.endIndex
                ? String(pair) : "\(pair[...equals])***"
        }
        return "\(target[...mark])\(pairs.joined(separator: "&"))"
    }

    private static func missingScheme(_ text: String) -> ValueError {
        guard !text.isEmpty, !text.hasPrefix("-") else {
            return ValueError("the URL is empty: give one such as http://127.0.0.1:8080/path")
        }
        guard !text.contains("@") else {
            return ValueError("the URL has no scheme: begin it with http:// or https://")
        }
        let bare = text.drop { $0 == "/" }
        guard let url = try? TargetURL("http://\(bare)") else {
            return ValueError("that isn't a URL: give one such as http://127.0.0.1:8080/path")
        }
        guard isAddress(bare.prefix { !"/?#".contains($0) }) else {
            return ValueError("the URL has no scheme: begin it with http:// or https://")
        }
        return ValueError("the URL has no scheme: did you mean \(url.redacted)?")
    }

    /// Whether a word is an address by its looks: a token in a URL's place isn't to be repeated.
    private static func isAddress(_ word: Substring) -> Bool {
        !word.contains(where: \.isUppercase)
            && (word == "localhost" || word.contains { ".:".contains($0) })
    }

    private static func hostAndPort(
        _ authority: Substring,
        scheme: String
    ) throws(ValueError) -> (String, UInt16) {
        var host = authority
        var portText: Substring?
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else {
                throw ValueError("the URL's IPv6 address has no closing ']'")
            }
            host = authority[authority.index(after: authority.startIndex)..<close]
            let tail = authority[authority.index(after: close)...]
            guard tail.isEmpty || tail.hasPrefix(":") else {
                throw ValueError(
                    "the URL's IPv6 address has something behind its ']': write [::1]:8080"
                )
            }
            portText = tail.isEmpty ? nil : tail.dropFirst()
            guard host.contains(":"), host.utf8.allSatisfy(isAddressByte) else {
                throw ValueError("what stands in the URL's brackets isn't an IPv6 address")
            }
        } else {
            if let colon = authority.lastIndex(of: ":") {
                host = authority[..<colon]
                portText = authority[authority.index(after: colon)...]
            }
            guard !host.contains(":") else {
                throw ValueError("an IPv6 address in a URL stands in brackets: http://[::1]:8080/")
            }
            guard host.utf8.allSatisfy(isNameByte) else {
                throw ValueError(
                    "the URL's host holds characters that a host name can't have "
                        + "(international names: give the xn-- form)"
                )
            }
        }
        guard !host.isEmpty else {
            throw ValueError("the URL names no host: write \(scheme)://HOST:PORT/path")
        }
        guard let portText, !portText.isEmpty else {
            return (host.lowercased(), scheme == "https" ? 443 : 80)
        }
        guard portText.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let port = UInt16(portText), port > 0
        else { throw ValueError("the URL's port isn't a number from 1 to 65535") }
        return (host.lowercased(), port)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~".utf8.contains(byte)
        }
    }

    /// Hexadecimal digits, colons and dots, and a zone ("fe80::1%eth0").
    private static func isAddressByte(_ byte: UInt8) -> Bool {
        isNameByte(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "%")
    }

    /// Path and query; what lies outside ASCII is percent-encoded, as every browser does.
    private static func requestTarget(_ text: Substring) throws(ValueError) -> String {
        let visible = text.prefix { $0 != "#" }
        var target = visible.hasPrefix("/") ? "" : "/"
        for byte in visible.utf8 {
            switch byte {
            case 0x21...0x7E: target.unicodeScalars.append(Unicode.Scalar(byte))
            case 0x80...: target += "%" + hex(byte >> 4) + hex(byte & 15)
            case 0x20: throw ValueError("the URL holds a space: write it as %20")
            default: throw ValueError("the URL holds a control character: percent-encode it")
            }
        }
        return target
    }

    private static func hex(_ digit: UInt8) -> String {
        String(digit, radix: 16, uppercase: true)
    }

    static func percentDecoded(_ text: Substring) throws(ValueError) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst(), let low = rest.popFirst(),
                let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16),
                high != UInt8(ascii: "+"), high != UInt8(ascii: "-")
            else { throw ValueError("the URL's user-info has a broken %-escape (write % as %25)") }
            bytes.append(value)
        }
        return bytes
    }
}
