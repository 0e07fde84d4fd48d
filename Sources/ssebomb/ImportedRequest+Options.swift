// The flags from which a request that stands elsewhere comes, and what it says about connections
// where no flag does. Knows neither notation.

import SSEBombCore

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
