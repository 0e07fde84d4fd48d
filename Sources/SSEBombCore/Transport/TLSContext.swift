// What all TLS connections of a run share, built once before its clock starts: trust, identity,
// versions, ciphers. Says what is wrong with a setting in one sentence. Must not know connections
// or the command line's parser, only the names of its flags.

import CSupport
import Glibc

/// A version of the protocol.
public enum TLSVersion: Int32, CaseIterable, Comparable, Sendable {
    case tls10 = 0x0301
    case tls11 = 0x0302
    case tls12 = 0x0303
    case tls13 = 0x0304

    /// "1.0" to "1.3".
    public var name: String {
        switch self {
        case .tls10: "1.0"
        case .tls11: "1.1"
        case .tls12: "1.2"
        case .tls13: "1.3"
        }
    }

    /// The version called "1.0" to "1.3"; nil for any other text.
    public init?(name: String) {
        guard let version = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = version
    }

    /// Older versions are less than newer ones.
    public static func < (left: TLSVersion, right: TLSVersion) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// A TLS setting that can't be used.
public struct TLSSetupError: Error, Equatable, Sendable {
    /// One sentence that names the thing and the remedy, without a closing full stop.
    public let sentence: String

    init(_ sentence: String) { self.sentence = sentence }
}

/// How a client speaks TLS. Files are PEM.
public struct TLSClientOptions: Equatable, Sendable {
    /// Whether the server's certificate is verified (false: `-k`).
    public var verify = true
    /// Roots to trust in place of the system's (`--cacert`).
    public var caFile: String?
    /// What named that file, for sentences about it.
    public var caSource = "--cacert"
    /// The client's certificate chain (`--cert`).
    public var certFile: String?
    /// The certificate's key (`--key`); nil if it is in `certFile`.
    public var keyFile: String?
    /// Name to send and to verify in place of the URL's host (`--sni`).
    public var serverName: String?
    /// Lowest version (`--tls-min`); nil is TLS 1.2, or `maxVersion` where that is lower.
    public var minVersion: TLSVersion?
    /// Highest version (`--tls-max`); nil is the highest there is.
    public var maxVersion: TLSVersion?
    /// Colon-separated ciphers (`--ciphers`): OpenSSL's or IANA names, of any version. The versions
    /// whose ciphers are not mentioned keep their defaults.
    public var ciphers: String?

    /// Verification against the system's roots, everything else at OpenSSL's defaults.
    public init() {}

    /// Throws what connections to `host` would fail for: a file that can't be used, a name that
    /// can't be verified.
    public func check(host: String) throws(TLSSetupError) {
        _ = try TLSContext.client(self, host: host)
    }
}

/// How a server speaks TLS. Files are PEM.
public struct TLSServerOptions: Equatable, Sendable {
    /// Who a server says that it is.
    public enum Identity: Equatable, Sendable {
        /// A certificate chain (`--tls-cert`) and its key (`--tls-key`).
        case files(certificate: String, key: String)
        /// A key and a certificate for localhost made at start (`--tls-self-signed`): clients have
        /// to accept any certificate.
        case selfSigned
    }

    /// What the server shows.
    public var identity: Identity
    /// Roots of acceptable client certificates; nil asks for none.
    public var clientCAFile: String?
    /// Highest version; nil is the highest there is.
    public var maxVersion: TLSVersion?

    /// A server that asks for no client certificate.
    public init(_ identity: Identity) { self.identity = identity }
}

/// Settings shared by all TLS connections of one kind. Building one can take tens of milliseconds,
/// most of it for parsing the system's roots.
//
// Unchecked: after its initialiser nothing changes but what OpenSSL guards by its own locks.
final class TLSContext: @unchecked Sendable {
    let handle: OpaquePointer
    /// SNI of client connections; nil for an address, which SNI can't carry (RFC 6066 section 3).
    let serverName: UnsafeMutablePointer<CChar>?

    private init(isServer: Bool, serverName: String?) throws(TLSSetupError) {
        guard csup_tls_start() == 1, let context = csup_tls_context_new(isServer ? 1 : 0) else {
            throw TLSSetupError("cannot initialise OpenSSL (\(Self.takeError()))")
        }
        handle = context
        self.serverName = serverName.flatMap { strdup($0) }
    }

    deinit {
        csup_tls_context_free(handle)
        free(serverName)
    }

    /// The context of a client that connects to `host` (a name or an address, as in a URL).
    static func client(
        _ options: TLSClientOptions,
        host: String
    ) throws(TLSSetupError) -> TLSContext {
        let peer = peerName(options.serverName ?? host)
        guard !peer.isEmpty, !peer.utf8.contains(0) else {
            throw TLSSetupError("the TLS server name is empty; give --sni a host name")
        }
        let isAddress = csup_tls_is_address(peer) != 0
        let context = try TLSContext(isServer: false, serverName: isAddress ? nil : peer)
        try context.setVersions(options.minVersion, options.maxVersion)
        if let ciphers = options.ciphers { try context.setCiphers(ciphers) }
        if options.verify {
            if let file = options.caFile {
                try context.trust(file: file, source: options.caSource)
            } else {
                try context.trustSystem()
            }
            guard csup_tls_context_verify_host(context.handle, peer) != 0 else {
                throw TLSSetupError("'\(peer)' cannot be a TLS server name; give --sni a host name")
            }
        }
        if let cert = options.certFile {
            let key = options.keyFile ?? cert
            try context.setIdentity(cert: cert, key: key, flags: ("--cert", "--key"))
        } else if let key = options.keyFile {
            throw TLSSetupError(
                "the key '\(key)' comes without a certificate; give its certificate with --cert"
            )
        }
        return context
    }

    /// The context of a server.
    static func server(_ options: TLSServerOptions) throws(TLSSetupError) -> TLSContext {
        let context = try TLSContext(isServer: true, serverName: nil)
        try context.setVersions(nil, options.maxVersion)
        switch options.identity {
        case .files(let certificate, let key):
            let flags = ("--tls-cert", "--tls-key")
            try context.setIdentity(cert: certificate, key: key, flags: flags)
        case .selfSigned:
            guard csup_tls_context_self_signed(context.handle) == 1 else {
                throw TLSSetupError(
                    "OpenSSL can't make a certificate (\(takeError())); give one of your own with"
                        + " --tls-cert and --tls-key"
                )
            }
        }
        if let file = options.clientCAFile {
            try checkReadable(file, what: "client CA file", flag: nil)
            guard csup_tls_context_demand_client(context.handle, file) == 1 else {
                throw TLSSetupError(
                    "the client CA file '\(file)' holds no usable PEM certificate"
                        + " (\(takeError()))"
                )
            }
        }
        return context
    }

    /// The linked OpenSSL, such as "OpenSSL 3.0.19 27 Jan 2026".
    static var library: String { String(cString: csup_tls_library()) }
}

// One method per setting.
extension TLSContext {
    private func setVersions(
        _ lowest: TLSVersion?,
        _ highest: TLSVersion?
    ) throws(TLSSetupError) {
        let lowest = lowest ?? min(.tls12, highest ?? .tls12)
        if let highest, highest < lowest {
            throw TLSSetupError(
                "--tls-min \(lowest.name) is above --tls-max \(highest.name); swap them"
            )
        }
        guard
            csup_tls_context_set_versions(handle, lowest.rawValue, highest?.rawValue ?? 0) == 1
        else {
            throw TLSSetupError(
                "this OpenSSL refuses the TLS versions from \(lowest.name)"
                    + " (\(Self.takeError())); give --tls-min 1.2"
            )
        }
    }

    /// OpenSSL keeps two lists and skips what it doesn't know; a name that has no effect would
    /// make a run mean something else than was asked for.
    private func setCiphers(_ list: String) throws(TLSSetupError) {
        var suites: [String] = []
        var ciphers: [String] = []
        for part in list.split(whereSeparator: { ":, ".contains($0) }) {
            let name = String(part)
            if name.hasPrefix("TLS_"), !name.contains("_WITH_") {
                guard csup_tls_context_set_suites(handle, name) == 1 else {
                    throw Self.unknownCipher(name)
                }
                suites.append(name)
                continue
            }
            let known = csup_tls_cipher_name(name).map { String(cString: $0) } ?? name
            // Commands ("!aNULL", "@SECLEVEL=1") mean something only within a list.
            let isCommand = "!-+@".contains(known.first ?? " ")
            guard isCommand || csup_tls_context_set_ciphers(handle, known) == 1 else {
                throw Self.unknownCipher(name)
            }
            ciphers.append(known)
        }
        guard !suites.isEmpty || !ciphers.isEmpty else { throw Self.unknownCipher(list) }
        let suiteList = suites.joined(separator: ":")
        let cipherList = ciphers.joined(separator: ":")
        guard
            suites.isEmpty || csup_tls_context_set_suites(handle, suiteList) == 1,
            ciphers.isEmpty || csup_tls_context_set_ciphers(handle, cipherList) == 1
        else { throw Self.unknownCipher(list) }
    }

    private static func unknownCipher(_ name: String) -> TLSSetupError {
        let reason = takeError()
        return TLSSetupError(
            "--ciphers: OpenSSL has nothing for '\(name)' (\(reason));"
                + " `openssl ciphers -s -v` lists the names"
        )
    }

    private func setIdentity(
        cert: String,
        key: String,
        flags: (cert: String, key: String)
    ) throws(TLSSetupError) {
        try Self.checkReadable(cert, what: "certificate file", flag: flags.cert)
        try Self.checkReadable(key, what: "key file", flag: flags.key)
        switch csup_tls_context_identity(handle, cert, key) {
        case Int32(CSUP_TLS_IDENTITY_OK):
            return
        case Int32(CSUP_TLS_IDENTITY_BAD_CERTIFICATE):
            throw TLSSetupError(
                "the certificate file '\(cert)' is not usable (\(Self.takeError()));"
                    + " give \(flags.cert) a PEM certificate chain, the own certificate first"
            )
        case Int32(CSUP_TLS_IDENTITY_MISMATCH):
            _ = Self.takeError()
            throw TLSSetupError(
                "the key in '\(key)' does not belong to the certificate in '\(cert)';"
                    + " give \(flags.cert) and \(flags.key) of one pair"
            )
        default:
            throw TLSSetupError(
                "the key file '\(key)' is not usable (\(Self.takeError()));"
                    + " give \(flags.key) an unencrypted PEM key"
            )
        }
    }

    private func trust(file: String, source: String) throws(TLSSetupError) {
        try Self.checkReadable(file, what: "CA file", flag: source)
        guard csup_tls_context_trust(handle, file, nil) == 1 else {
            throw TLSSetupError(
                "the CA file '\(file)' holds no usable PEM certificate (\(Self.takeError()));"
                    + " give \(source) a file of PEM certificates"
            )
        }
    }

    /// Trusts what the system trusts. A static OpenSSL knows only the folder of the machine it was
    /// built on, so the usual places are tried, after the variables that OpenSSL itself honours.
    private func trustSystem() throws(TLSSetupError) {
        let file = getenv("SSL_CERT_FILE").map { String(cString: $0) } ?? ""
        let directory = getenv("SSL_CERT_DIR").map { String(cString: $0) } ?? ""
        if !file.isEmpty { try trust(file: file, source: "SSL_CERT_FILE") }
        if !directory.isEmpty {
            let isUsable = directory.split(separator: ":").contains {
                access(String($0), R_OK | X_OK) == 0
            }
            guard isUsable, csup_tls_context_trust(handle, nil, directory) == 1 else {
                throw TLSSetupError(
                    "cannot read the CA directory '\(directory)'; set SSL_CERT_DIR to a directory"
                        + " prepared by `openssl rehash`, or unset it"
                )
            }
        }
        if !file.isEmpty || !directory.isEmpty { return }
        for bundle in Self.systemBundles where access(bundle, R_OK) == 0 {
            return try trust(file: bundle, source: "--cacert")
        }
        throw TLSSetupError(
            "no CA certificates were found on this system; install ca-certificates, give --cacert"
                + " FILE, or switch verification off with -k"
        )
    }

    /// Debian and Alpine, Fedora before and after its move, SUSE, the BSDs.
    private static let systemBundles = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ]

    private static func checkReadable(
        _ file: String,
        what: String,
        flag: String?
    ) throws(TLSSetupError) {
        guard access(file, R_OK) != 0 else { return }
        let reason = String(cString: strerror(errno))
        let remedy = flag.map { "; give \($0) a readable PEM file" } ?? ""
        throw TLSSetupError("cannot read the \(what) '\(file)' (\(reason))\(remedy)")
    }

    private static func takeError() -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { text in
            csup_tls_take_error(text.baseAddress, text.count)
            return text.baseAddress.map { String(cString: $0) } ?? ""
        }
    }

    /// A URL's host as SNI and certificates write it: no brackets, no zone, no trailing dot.
    private static func peerName(_ host: String) -> String {
        var name = Substring(host)
        if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
        if name.contains(":"), let zone = name.firstIndex(of: "%") { name = name[..<zone] }
        if name.hasSuffix(".") { name = name.dropLast() }
        return String(name)
    }
}

/// The linked OpenSSL, such as "OpenSSL 3.0.19 27 Jan 2026", for the account of a run.
public func tlsLibraryVersion() -> String { TLSContext.library }
