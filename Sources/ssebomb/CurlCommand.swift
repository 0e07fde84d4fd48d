// `--from-curl`: the command that people have in their notes, read as curl reads it. What ssebomb
// can't do is refused or said; values never stand in a sentence, since they may be secrets.

import SSEBombCore

/// Reads one curl command.
struct CurlCommand {
    private static let origin = "--from-curl"

    private var request = ImportedRequest(origin: origin)
    private var urls: [String] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var isJSON = false
    private var getsData = false
    private var wantsHead = false
    private var keepsBraces = false
    private var agent: String?
    private var referer: String?
    private var cookies: [String] = []
    private var user: String?
    private var bearer: String?
    private var query: [[UInt8]] = []
    private let usesStandardInput: Bool

    /// The request of `text`: a command, `@FILE` with one, or `-` for standard input.
    static func read(
        _ text: String,
        environment: @escaping (String) -> String?
    ) throws(SetupError) -> ImportedRequest {
        var bytes = Array(text.utf8)
        var name = origin
        if text == "-" || text.hasPrefix("@") {
            let path = text == "-" ? "-" : String(text.dropFirst())
            bytes = try FileInput.read(path, for: origin)
            name = "\(origin) \(FileInput.name(of: path))"
        }
        let shell = try ShellWords(bytes, origin: name, environment: environment)
        guard let first = shell.words.first else {
            throw SetupError(.usage, "\(name) is empty: give a command such as 'curl URL'")
        }
        guard first.text == "curl" || first.text.hasSuffix("/curl") else {
            throw SetupError(.usage, "\(name) \(first.place): expected the word curl")
        }
        var command = CurlCommand(usesStandardInput: text == "-")
        command.request.origin = name
        try command.take(Array(shell.words.dropFirst()), name: name)
        if shell.isPiped { command.request.notes.append("what stands behind '|' is left out") }
        return try command.finished(name)
    }

    private init(usesStandardInput: Bool) { self.usesStandardInput = usesStandardInput }

    // MARK: Words

    private mutating func take(_ words: [ShellWord], name: String) throws(SetupError) {
        var rest = words[...]
        var areOptionsOver = false
        while let word = rest.popFirst() {
            let text = word.text
            if areOptionsOver || !text.hasPrefix("-") || text == "-" {
                urls.append(text)
            } else if text == "--" {
                areOptionsOver = true
            } else if text.hasPrefix("--") {
                let option = String(text.dropFirst(2))
                let value = try Self.takesValue(option) ? Self.value(option, &rest, word, name) : []
                try apply(option, value, word, name)
            } else {
                try shortFlags(word, &rest, name)
            }
        }
    }

    /// "-sSN", "-XPOST", "-d".
    private mutating func shortFlags(
        _ word: ShellWord,
        _ rest: inout ArraySlice<ShellWord>,
        _ name: String
    ) throws(SetupError) {
        var letters = word.bytes.dropFirst()
        while let letter = letters.popFirst() {
            let flag = Character(Unicode.Scalar(letter))
            guard let option = CurlOptions.short[flag] else {
                throw Self.unknown("-\(flag)", word, name)
            }
            guard Self.takesValue(option) else {
                try apply(option, [], word, name)
                continue
            }
            let value =
                letters.isEmpty ? try Self.value(option, &rest, word, name) : Array(letters)
            return try apply(option, value, word, name)
        }
    }

    private static func takesValue(_ option: String) -> Bool {
        CurlOptions.valued.contains(option) || CurlOptions.ignoredValued.contains(option)
            || CurlOptions.notedValued.contains(option)
    }

    private static func value(
        _ option: String,
        _ rest: inout ArraySlice<ShellWord>,
        _ word: ShellWord,
        _ name: String
    ) throws(SetupError) -> [UInt8] {
        if let next = rest.popFirst() { return next.bytes }
        throw SetupError(.usage, "\(name) \(word.place): curl's --\(option) needs a value")
    }

    private static func unknown(_ flag: String, _ word: ShellWord, _ name: String) -> SetupError {
        let option = flag.prefix { $0 != "=" }
        return SetupError(
            .usage,
            "\(name) \(word.place): curl's option \(option) isn't known here: leave it out, or say "
                + "the same with a flag of ssebomb"
        )
    }

    private mutating func apply(
        _ option: String,
        _ value: [UInt8],
        _ word: ShellWord,
        _ name: String
    ) throws(SetupError) {
        if let reason = CurlOptions.refused[option] {
            throw SetupError(.usage, "\(name) \(word.place): curl's --\(option): \(reason)")
        }
        if let note = CurlOptions.notes[option] { request.notes.append("--\(option): \(note)") }
        let text = String(decoding: value, as: UTF8.self)
        if CurlOptions.flags.contains(option) { return setFlag(option) }
        guard CurlOptions.valued.contains(option) else {
            let isKnown =
                CurlOptions.ignored.contains(option) || CurlOptions.ignoredValued.contains(option)
                || CurlOptions.notes[option] != nil
            if !isKnown { throw Self.unknown("--\(option)", word, name) }
            return
        }
        switch option {
        case "data", "data-ascii", "data-raw", "data-binary", "json":
            try addData(option, value)
        case "data-urlencode": append(try encodedPair(value, option), joined: true)
        case "url-query": try addQuery(value)
        case "header": try addHeaders(text, "\(name) \(word.place)")
        case "max-time": request.timeout = try Self.seconds(text, word, name, option)
        case "connect-timeout": request.connectTimeout = try Self.seconds(text, word, name, option)
        case "tls-max", "cert", "resolve": try setConnection(option, text, word, name)
        default: setText(option, text)
        }
    }

    private mutating func setFlag(_ option: String) {
        switch option {
        case "insecure": request.insecure = true
        case "get": getsData = true
        case "head": wantsHead = true
        case "globoff": keepsBraces = true
        case "ipv4": (request.ipv4Only, request.ipv6Only) = (true, false)
        case "ipv6": (request.ipv4Only, request.ipv6Only) = (false, true)
        case "tlsv1.2": request.tlsMin = .v12
        case "tlsv1.3": request.tlsMin = .v13
        case "no-keepalive": request.noKeepAlive = true
        default: break
        }
    }

    private mutating func setText(_ option: String, _ text: String) {
        switch option {
        case "request": request.method = text
        case "url": urls.append(text)
        case "user": user = text
        case "user-agent": agent = text
        case "cookie": cookies.append(text)
        case "referer":
            let automatic = ";auto"
            referer = text.hasSuffix(automatic) ? String(text.dropLast(automatic.count)) : text
        case "cacert": request.cacert = text
        case "key": request.key = text
        case "ciphers", "tls13-ciphers": request.ciphers = text
        case "connect-to": request.connectTo.append(text)
        case "unix-socket": request.unix = text
        case "oauth2-bearer": bearer = text
        default: break
        }
    }

    private mutating func setConnection(
        _ option: String,
        _ text: String,
        _ word: ShellWord,
        _ name: String
    ) throws(SetupError) {
        let place = "\(name) \(word.place): curl's --\(option)"
        switch option {
        case "tls-max":
            guard let version = TLSVersionName(rawValue: text) else {
                throw SetupError(.usage, "\(place): TLS 1.2 and 1.3 are spoken: give one of them")
            }
            request.tlsMax = version
        case "cert":
            guard !text.contains(":") else {
                throw SetupError(
                    .usage,
                    "\(place): keys with a password can't be read: decrypt the key first"
                )
            }
            request.cert = text
            // One file may hold both.
            request.key = request.key ?? text
        default:
            // HOST:PORT:ADDRESS[,ADDRESS]...
            let parts = text.drop { $0 == "+" }.split(separator: ":", maxSplits: 2)
            guard parts.count == 3, let address = parts[2].split(separator: ",").first else {
                throw SetupError(.usage, "\(place): expected HOST:PORT:ADDRESS")
            }
            let host = parts[0] == "*" ? "" : parts[0]
            let literal =
                address.contains(":") && !address.hasPrefix("[") ? "[\(address)]" : "\(address)"
            request.connectTo.append("\(host):\(parts[1]):\(literal):\(parts[1])")
        }
    }

    private static func seconds(
        _ text: String,
        _ word: ShellWord,
        _ name: String,
        _ option: String
    ) throws(SetupError) -> Int64 {
        let isNumber = !text.isEmpty && text.utf8.allSatisfy { "0123456789.".utf8.contains($0) }
        if isNumber, let time = try? ValueParsing.duration(text) { return time }
        throw SetupError(
            .usage,
            "\(name) \(word.place): curl's --\(option) is a number of seconds such as 2.5"
        )
    }
}

// MARK: - Body and fields

extension CurlCommand {
    private mutating func addData(_ option: String, _ value: [UInt8]) throws(SetupError) {
        var bytes = value
        if option != "data-raw", value.first == UInt8(ascii: "@") {
            bytes = try file(value.dropFirst(), "-d")
            // As curl does: line ends and NULs of a file are no data, unless it is binary.
            if option == "data" || option == "data-ascii" {
                bytes.removeAll { [0x0A, 0x0D, 0].contains($0) }
            }
        }
        append(bytes, joined: option != "json")
        if option == "json" { isJSON = true }
    }

    /// "content", "=content", "name=content", "@file", "name@file"; a "=" goes before a "@".
    private func encodedPair(
        _ value: [UInt8],
        _ option: String
    ) throws(SetupError) -> [UInt8] {
        let sign =
            value.firstIndex(of: UInt8(ascii: "=")) ?? value.firstIndex(of: UInt8(ascii: "@"))
        guard let sign else { return Self.encoded(value) }
        let rest = value[(sign + 1)...]
        let content =
            value[sign] == UInt8(ascii: "@") ? try file(rest, "--\(option)") : Array(rest)
        let name = value[..<sign] + (sign > 0 ? [UInt8(ascii: "=")] : [])
        return Array(name) + Self.encoded(content)
    }

    /// As `--data-urlencode` has it, or "+" and what stands in the URL as it is.
    private mutating func addQuery(_ value: [UInt8]) throws(SetupError) {
        guard value.first == UInt8(ascii: "+") else {
            return query.append(try encodedPair(value, "url-query"))
        }
        query.append(Array(value.dropFirst()))
    }

    private mutating func append(_ bytes: [UInt8], joined: Bool) {
        if joined, !data.isEmpty { data.append(UInt8(ascii: "&")) }
        data += bytes
        hasData = true
    }

    private func file(_ path: ArraySlice<UInt8>, _ option: String) throws(SetupError) -> [UInt8] {
        let name = String(decoding: path, as: UTF8.self)
        if name == "-", usesStandardInput {
            throw SetupError(
                .usage,
                "\(Self.origin): standard input has the command: name a file behind '@'"
            )
        }
        return try FileInput.read(name, for: "\(Self.origin): \(option) @FILE")
    }

    /// Percent-encodes all but the unreserved characters (RFC 3986, 2.3), a space as '+'.
    private static func encoded(_ bytes: [UInt8]) -> [UInt8] {
        let hex = Array("0123456789ABCDEF".utf8)
        return bytes.flatMap { byte -> [UInt8] in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                [byte]
            case UInt8(ascii: " "): [UInt8(ascii: "+")]
            default: [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
    }

    private mutating func addHeaders(_ text: String, _ place: String) throws(SetupError) {
        guard text.hasPrefix("@") else { return try addHeader(text, place) }
        for field in try HeaderFields.parse([text]) { addField(field) }
    }

    /// "Name: value"; "Name;" is an empty value; "Name:" takes away a default that isn't sent here.
    private mutating func addHeader(_ text: String, _ place: String) throws(SetupError) {
        guard let colon = text.firstIndex(of: ":"), colon > text.startIndex else {
            if text.hasSuffix(";"), text.count > 1 {
                return addField(HeaderField(name: String(text.dropLast()), value: ""))
            }
            throw SetupError(
                .usage,
                "\(place): a header without a name and a colon; write 'Name: value'"
            )
        }
        let name = String(text[..<colon])
        let value = HeaderFields.trimmed(String(text[text.index(after: colon)...]))
        guard value.isEmpty else { return addField(HeaderField(name: name, value: value)) }
        if ["accept", "user-agent", "content-type"].contains(name.lowercased()) {
            request.notes.append("-H '\(name):' takes curl's field away; ssebomb sends its own")
        }
    }

    private mutating func addField(_ field: HeaderField) {
        let name = field.name.lowercased()
        guard !ImportedRequest.ownFields.contains(name) else {
            if name != "content-length" {
                request.notes.append("\(field.name) is left out: event streams aren't decoded")
            }
            return
        }
        request.fields.append(field)
    }

    // MARK: The whole

    private func finished(_ name: String) throws(SetupError) -> ImportedRequest {
        var whole = request
        guard urls.count == 1, let url = urls.first else {
            let found = urls.isEmpty ? "no URL" : "\(urls.count) URLs"
            throw SetupError(
                .usage,
                "\(name) has \(found): give one (values with spaces stand in quotes)"
            )
        }
        whole.url = url.contains("://") ? url : "http://\(url)"
        try checkBraces(whole.url, name)
        guard query.isEmpty || !getsData || !hasData else {
            throw SetupError(
                .usage,
                "\(name): curl drops --url-query beside -G with data: give all with one of them"
            )
        }
        let parameters = getsData && hasData ? [data] : query
        whole.url = Self.url(
            whole.url,
            with: parameters.map { String(decoding: $0, as: UTF8.self) }
        )
        if hasData, !getsData {
            whole.body = data
            whole.impliedType =
                isJSON ? "application/json" : "application/x-www-form-urlencoded"
        }
        if wantsHead {
            guard whole.body == nil else {
                throw SetupError(.usage, "\(name): curl's -I and -d exclude each other: keep one")
            }
            whole.method = whole.method ?? "HEAD"
        }
        try addImplied(to: &whole, name)
        return whole
    }

    /// Fields that curl makes of other options, unless a -H says them.
    private func addImplied(
        to whole: inout ImportedRequest,
        _ name: String
    ) throws(SetupError) {
        let given = Set(whole.fields.map { $0.name.lowercased() })
        func add(_ name: String, _ value: String?) {
            guard let value, !value.isEmpty, !given.contains(name.lowercased()) else { return }
            whole.fields.append(HeaderField(name: name, value: value))
        }
        add("User-Agent", agent)
        add("Referer", referer)
        if isJSON, !getsData { add("Accept", "application/json") }
        guard cookies.allSatisfy({ $0.contains("=") }) else {
            throw SetupError(
                .usage,
                "\(name): cookies aren't read from files: write -b 'name=value'"
            )
        }
        add("Cookie", cookies.isEmpty ? nil : cookies.joined(separator: ";"))
        if let bearer {
            add("Authorization", "Bearer \(bearer)")
        } else if let user {
            guard user.contains(":") else {
                throw SetupError(.usage, "\(name): curl's -u asks for a password: write user:word")
            }
            add("Authorization", HeaderFields.basic(Array(user.utf8)).value)
        }
    }

    /// curl makes several URLs of braces and ranges, unless told not to.
    private func checkBraces(_ url: String, _ name: String) throws(SetupError) {
        guard !keepsBraces else { return }
        let rest = url.drop { $0 != ":" }.dropFirst(3).drop { $0 != "/" }
        guard rest.contains(where: { "{}[]".contains($0) }) else { return }
        throw SetupError(
            .usage,
            "\(name): curl makes several URLs of braces and brackets: give one URL, or -g"
        )
    }

    private static func url(_ url: String, with parameters: [String]) -> String {
        guard !parameters.isEmpty else { return url }
        let bare = url.prefix { $0 != "#" }
        let mark = bare.contains("?") ? "&" : "?"
        return "\(bare)\(mark)\(parameters.joined(separator: "&"))"
    }
}
