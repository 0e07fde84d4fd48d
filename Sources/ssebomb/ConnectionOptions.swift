// The flags that say how a server is reached: addresses, reuse of connections, TLS. Declarations
// only: TargetAddresses and PlanBuilder give them their meaning.

import ArgumentParser
import SSEBombCore

/// Where connections go and how long they live.
struct ConnectionOptions: ParsableArguments {
    @Flag(
        name: .customLong("no-keepalive"),
        help: "Open a new connection for every request."
    )
    var noKeepAlive = false

    @Option(
        help: ArgumentHelp(
            "Requests per connection (default: as many as the server allows).",
            valueName: "N"
        ),
        transform: ValueParsing.positiveCount
    )
    var reuse: UInt64?

    @Option(
        help: ArgumentHelp("Connect to this unix socket instead.", valueName: "PATH")
    )
    var unix: String?

    @Option(
        help: ArgumentHelp(
            "For HOST:PORT connect to the second HOST:PORT instead; repeatable. Empty parts: any, "
                + "unchanged.",
            valueName: "H:P:H:P"
        )
    )
    var connectTo: [String] = []

    @Option(
        help: ArgumentHelp(
            "Local addresses to connect from, in turn: a list, or a block such as 127.0.0.0/28.",
            valueName: "LIST|CIDR"
        )
    )
    var sourceIP: String?

    @Flag(name: .customShort("4"), help: "Use IPv4 addresses only.")
    var ipv4Only = false

    @Flag(name: .customShort("6"), help: "Use IPv6 addresses only.")
    var ipv6Only = false
}

/// A TLS version as `--tls-min` and `--tls-max` name it.
enum TLSVersionName: String, ExpressibleByArgument, CaseIterable {
    case v12 = "1.2"
    case v13 = "1.3"

    var version: TLSVersion {
        switch self {
        case .v12: .tls12
        case .v13: .tls13
        }
    }
}

/// TLS of an https target.
struct TLSOptions: ParsableArguments {
    @Flag(
        name: [.customShort("k"), .long],
        help: "Accept any certificate."
    )
    var insecure = false

    @Option(
        help: ArgumentHelp("Trust the CAs of this PEM file, not the system's.", valueName: "FILE")
    )
    var cacert: String?

    @Option(help: ArgumentHelp("Client certificate (PEM).", valueName: "FILE"))
    var cert: String?

    @Option(help: ArgumentHelp("Key of the client certificate (PEM).", valueName: "FILE"))
    var key: String?

    @Option(
        help: ArgumentHelp(
            "Name to ask for and to check the certificate against (default: the URL's host).",
            valueName: "NAME"
        )
    )
    var sni: String?

    @Option(help: ArgumentHelp("Lowest version.", valueName: "VERSION"))
    var tlsMin: TLSVersionName?

    @Option(help: ArgumentHelp("Highest version.", valueName: "VERSION"))
    var tlsMax: TLSVersionName?

    @Option(
        help: ArgumentHelp("Ciphers or TLS 1.3 suites, in OpenSSL's notation.", valueName: "LIST")
    )
    var ciphers: String?
}
