// curl's options by name: which take a value, what of them means nothing here, and which can't be
// obeyed and why (curl 8's manual page). Tables only: CurlCommand gives the others their meaning.

/// What is known about curl's command line.
enum CurlOptions {
    /// Short flags and the long ones they stand for.
    static let short: [Character: String] = [
        "X": "request", "H": "header", "d": "data", "k": "insecure", "u": "user",
        "A": "user-agent", "b": "cookie", "e": "referer", "G": "get", "I": "head",
        "N": "no-buffer", "s": "silent", "S": "show-error", "v": "verbose", "i": "include",
        "L": "location", "o": "output", "O": "remote-name", "J": "remote-header-name",
        "w": "write-out", "f": "fail", "m": "max-time", "x": "proxy", "E": "cert", "F": "form",
        "T": "upload-file", "c": "cookie-jar", "D": "dump-header", "g": "globoff", "q": "disable",
        "#": "progress-bar", "4": "ipv4", "6": "ipv6", "0": "http1.0", "1": "tlsv1",
        "r": "range", "R": "remote-time", "n": "netrc", "y": "speed-time", "Y": "speed-limit",
        "K": "config", "U": "proxy-user", "p": "proxytunnel", "Z": "parallel", "C": "continue-at",
    ]

    /// Long options that take a value and mean something here.
    static let valued: Set<String> = [
        "request", "header", "data", "data-ascii", "data-raw", "data-binary", "data-urlencode",
        "json", "url", "url-query", "user", "user-agent", "cookie", "referer", "max-time",
        "connect-timeout", "cacert", "cert", "key", "ciphers", "tls13-ciphers", "tls-max",
        "connect-to", "resolve", "unix-socket", "oauth2-bearer",
    ]

    /// Options without value that mean something here.
    static let flags: Set<String> = [
        "insecure", "get", "head", "globoff", "ipv4", "ipv6", "tlsv1.2", "tlsv1.3",
        "no-keepalive", "compressed",
    ]

    /// Without meaning for load: what is printed, and where.
    static let ignored: Set<String> = [
        "no-buffer", "silent", "show-error", "verbose", "include", "remote-name",
        "remote-header-name", "fail", "fail-with-body", "fail-early", "disable", "progress-bar",
        "no-progress-meter", "remote-time", "http1.1", "tlsv1", "tlsv1.0", "tlsv1.1", "basic",
        "tcp-nodelay", "no-alpn", "path-as-is", "styled-output", "create-dirs", "trace-time",
        "raw", "no-sessionid", "keepalive", "no-location", "no-compressed", "http0.9",
        "show-headers",
    ]

    /// The same, with a value that is left out.
    static let ignoredValued: Set<String> = [
        "output", "write-out", "cookie-jar", "dump-header", "stderr", "trace", "trace-ascii",
        "keepalive-time", "noproxy", "output-dir", "speed-time", "speed-limit", "max-redirs",
        "cert-type", "key-type", "alt-svc", "hsts", "happy-eyeballs-timeout-ms",
        "expect100-timeout",
        "retry-delay", "retry-max-time",
    ]

    /// What matters and is left out.
    static let notes: [String: String] = [
        "location": "redirects are not followed",
        "location-trusted": "redirects are not followed",
        "compressed": "no compressed answer is asked for: event streams aren't decoded",
        "retry": "requests are not tried again: failures are counted",
        "retry-all-errors": "requests are not tried again: failures are counted",
        "retry-connrefused": "requests are not tried again: failures are counted",
        "http1.0": "HTTP/1.1 is spoken", "http2": "HTTP/1.1 is spoken",
        "http2-prior-knowledge": "HTTP/1.1 is spoken", "http3": "HTTP/1.1 is spoken",
        "http3-only": "HTTP/1.1 is spoken",
        "limit-rate": "the rate of reading is not limited by it: use --read-rate",
        "parallel": "how many run at a time is said by -c",
    ]

    /// Those of `notes` that take a value.
    static let notedValued: Set<String> = ["retry", "limit-rate"]

    /// What can't be obeyed, and what to do.
    static let refused: [String: String] = [
        "proxy": "load is sent to the server itself, not through a proxy: leave it out",
        "socks5": "load is sent to the server itself, not through a proxy: leave it out",
        "socks5-hostname": "load is sent to the server itself, not through a proxy: leave it out",
        "proxy-user": "load is sent to the server itself, not through a proxy: leave it out",
        "proxytunnel": "load is sent to the server itself, not through a proxy: leave it out",
        "form": "forms in parts can't be built: give the body's bytes with --data-binary @FILE",
        "form-string": "forms in parts can't be built: give the body's bytes with --data-binary",
        "upload-file": "give the body with --data-binary @FILE and -X PUT",
        "netrc": "credentials from files aren't read: use -u, or --bearer-env",
        "netrc-file": "credentials from files aren't read: use -u, or --bearer-env",
        "config": "configuration files aren't read: put the options into the command",
        "digest": "only Basic authentication and bearer tokens are known",
        "ntlm": "only Basic authentication and bearer tokens are known",
        "negotiate": "only Basic authentication and bearer tokens are known",
        "anyauth": "only Basic authentication and bearer tokens are known",
        "aws-sigv4": "signatures can't be made: they are another one for each request",
        "next": "one request at a time: give the command up to --next",
        "capath": "name a file with --cacert",
        "pass": "keys with a password can't be read: decrypt the key first",
        "interface": "name addresses with --source-ip",
        "range": "event streams have no ranges: leave it out",
        "continue-at": "event streams have no ranges: leave it out",
        "proto": "leave it out: the URL's scheme is used", "abstract-unix-socket": "use --unix",
    ]
}
