// The bytes of a request, rendered before the clock starts: what a slot sends is a pointer into
// this buffer, so no serialisation can leak into a latency.

/// A header field as the user gave it.
public struct HeaderField: Sendable, Hashable {
    /// Name as written.
    public var name: String
    /// Value, byte-exact; may be a secret.
    public var value: String

    /// Makes a field.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// What to ask of a server, before it is rendered.
public struct RequestSpecification: Sendable {
    /// Method, e.g. "POST".
    public var method: String
    /// "http" or "https".
    public var scheme: String
    /// Host without brackets, as it stands in the URL: SNI, certificate check and Host header.
    public var host: String
    /// Port, the scheme's default where the URL names none.
    public var port: UInt16
    /// Path and query, beginning with "/".
    public var target: String
    /// User's fields in order; a name given here replaces the default of that name.
    public var headers: [HeaderField]
    /// Body, byte-exact; nil sends none.
    public var body: [UInt8]?
    /// The template of bodies that are made for each request: as secret as `body` is.
    public var commonBody: [UInt8]?
    /// Texts that such bodies have in common.
    public var commonTexts: [String] = []

    /// Makes a specification.
    public init(
        method: String,
        scheme: String,
        host: String,
        port: UInt16,
        target: String,
        headers: [HeaderField] = [],
        body: [UInt8]? = nil
    ) {
        self.method = method
        self.scheme = scheme
        self.host = host
        self.port = port
        self.target = target
        self.headers = headers
        self.body = body
    }

    /// The Host field's value: the port only where it isn't the scheme's own (RFC 9110, 7.2).
    public var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        let isDefault = (scheme == "http" && port == 80) || (scheme == "https" && port == 443)
        return isDefault ? name : "\(name):\(port)"
    }
}

/// A rendered request.
public struct RequestTemplate: Sendable {
    /// Every byte that goes on the wire.
    public let bytes: [UInt8]
    /// Where the digits of a Content-Length that wasn't given stand; nil where there is none.
    let contentLength: Range<Int>?
    /// Whether the request itself asks for the connection to be closed afterwards.
    let asksClose: Bool
    /// A HEAD response has no body whatever its head says.
    let isHead: Bool

    /// Renders `specification`.
    ///
    /// Names, values, method, host and target must be free of CR, LF and NUL (RFC 9110, 5.5), host
    /// and target of all blanks: otherwise one could smuggle in a second field or request. Only the
    /// offending name is reported, since the value may be a secret.
    public init(
        _ specification: RequestSpecification,
        userAgent: String
    ) throws(SetupError) {
        for field in specification.headers {
            guard Self.isToken(field.name) else {
                throw SetupError(
                    .usage,
                    "header name '\(field.name)' holds bytes a name can't have"
                )
            }
            guard !field.value.utf8.contains(where: { $0 == 13 || $0 == 10 || $0 == 0 }) else {
                throw SetupError(
                    .usage,
                    "the value of header '\(field.name)' holds a line break or NUL: remove it"
                )
            }
        }
        guard Self.isToken(specification.method) else {
            throw SetupError(.usage, "method '\(specification.method)' isn't a word HTTP allows")
        }
        for (what, text) in [
            ("request target", specification.target), ("host", specification.host),
        ] where text.isEmpty || !text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) {
            throw SetupError(
                .usage,
                "the \(what) is empty or holds a space or control character: percent-encode it"
            )
        }
        let given = Set(specification.headers.map { $0.name.lowercased() })
        var text = "\(specification.method) \(specification.target) HTTP/1.1\r\n"
        func add(_ name: String, _ value: String) {
            if !given.contains(name.lowercased()) { text += "\(name): \(value)\r\n" }
        }
        add("Host", specification.authority)
        add("User-Agent", userAgent)
        add("Accept", "text/event-stream")
        add("Cache-Control", "no-cache")
        var length: Range<Int>?
        if let body = specification.body {
            add("Content-Type", "application/json")
            // RFC 9112, 6.2: never beside a Transfer-Encoding, which only the user can ask for.
            if !given.contains("transfer-encoding"), !given.contains("content-length") {
                let digits = String(body.count)
                add("Content-Length", digits)
                let end = text.utf8.count - 2
                length = end - digits.utf8.count..<end
            }
        }
        contentLength = length
        for field in specification.headers { text += "\(field.name): \(field.value)\r\n" }
        text += "\r\n"
        bytes = Array(text.utf8) + (specification.body ?? [])
        isHead = specification.method == "HEAD"
        asksClose = specification.headers.contains {
            $0.name.lowercased() == "connection" && $0.value.lowercased().contains("close")
        }
    }

    /// RFC 9110, 5.6.2.
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}
