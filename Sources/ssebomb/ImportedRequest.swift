// A request that stands elsewhere, in a curl command or a HAR file, and what becomes of it beside
// the flags: a flag always wins. Knows neither notation.

import SSEBombCore

/// What a curl command or an entry of a HAR file says.
struct ImportedRequest {
    /// How sentences name it: a flag.
    var origin: String
    var url = ""
    var method: String?
    var fields: [HeaderField] = []
    var body: [UInt8]?
    /// Content-Type of `body` where no field says it.
    var impliedType: String?
    /// One sentence each on what is left out of the command and matters.
    var notes: [String] = []

    var insecure = false
    var cacert: String?
    var cert: String?
    var key: String?
    var tlsMin: TLSVersionName?
    var tlsMax: TLSVersionName?
    var ciphers: String?
    var connectTo: [String] = []
    var unix: String?
    var ipv4Only = false
    var ipv6Only = false
    var noKeepAlive = false
    /// Nanoseconds.
    var connectTimeout: Int64?
    /// Nanoseconds.
    var timeout: Int64?

    init(origin: String) { self.origin = origin }

    /// Fields that say how a message is framed or coded: the body's length is computed, and event
    /// streams aren't decoded.
    static let ownFields: Set<String> = ["content-length", "transfer-encoding", "accept-encoding"]

    /// The fields and the implied type, but for those that `given` names.
    func fields(without given: [HeaderField], usesBody: Bool) -> [HeaderField] {
        let names = Set(given.map { $0.name.lowercased() })
        var kept = fields.filter { !names.contains($0.name.lowercased()) }
        let hasType = (kept + given).contains { $0.name.lowercased() == "content-type" }
        if usesBody, !hasType, let impliedType {
            kept.append(HeaderField(name: "Content-Type", value: impliedType))
        }
        return kept
    }
}

extension TargetOptions {
    /// The same, with what the imported request says about connections where no flag says it.
    func filled(from imported: ImportedRequest?) -> TargetOptions {
        guard let imported else { return self }
        var all = self
        all.tls.insecure = tls.insecure || imported.insecure
        all.tls.cacert = tls.cacert ?? imported.cacert
        all.tls.cert = tls.cert ?? imported.cert
        all.tls.key = tls.key ?? imported.key
        all.tls.tlsMin = tls.tlsMin ?? imported.tlsMin
        all.tls.tlsMax = tls.tlsMax ?? imported.tlsMax
        all.tls.ciphers = tls.ciphers ?? imported.ciphers
        // The first that matches decides.
        all.connection.connectTo += imported.connectTo
        all.connection.unix = connection.unix ?? imported.unix
        if !connection.ipv4Only, !connection.ipv6Only {
            all.connection.ipv4Only = imported.ipv4Only
            all.connection.ipv6Only = imported.ipv6Only
        }
        if connection.reuse == nil {
            all.connection.noKeepAlive = connection.noKeepAlive || imported.noKeepAlive
        }
        all.timeLimits.connectTimeout = timeLimits.connectTimeout ?? imported.connectTimeout
        all.timeLimits.timeout = timeLimits.timeout ?? imported.timeout
        return all
    }
}

extension RequestOptions {
    /// The request of `--from-curl` or `--har`; nil without either.
    func imported(
        environment: @escaping (String) -> String? = FileInput.environment
    ) throws(SetupError) -> ImportedRequest? {
        if harEntry != nil, har == nil {
            throw SetupError(.usage, "--har-entry needs --har: name the file")
        }
        switch (fromCurl, har) {
        case (nil, nil): return nil
        case (let text?, nil): return try CurlCommand.read(text, environment: environment)
        case (nil, let path?): return try HARFile.read(path, entry: harEntry)
        case (_?, _?):
            throw SetupError(.usage, "--from-curl and --har both give a request: keep one of them")
        }
    }
}
