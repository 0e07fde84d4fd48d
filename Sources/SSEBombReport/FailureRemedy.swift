// What a user can do about a failure, by its kind: the second half of every sentence about one.

public import SSEBombCore

/// Remedies by failure kind.
public enum FailureRemedy {
    /// What to try, as the end of a sentence; nil where the failure's own words say it.
    public static func sentence(for error: ErrorSample) -> String? {
        switch error.kind {
        case .connectRefused: "is the server running, and listening on this address and port?"
        case .connectTimeout: "is a firewall in between? --connect-timeout sets the limit"
        case .connectOther: "check the address, and the route to it"
        case .tlsHandshake:
            "does the port speak TLS, and in a version between --tls-min and --tls-max?"
        case .tlsVerify: "give the issuer's certificate with --cacert, or skip the check with -k"
        case .tlsAlert: "does the server want a client certificate (--cert and --key)?"
        case .send, .reset, .closedEarly:
            "the server's log should say why; `ssebomb probe` shows one stream"
        case .timeoutHeader: "--header-timeout sets the limit"
        case .timeoutFirstEvent: "--first-event-timeout sets the limit"
        case .timeoutIdle: "--idle-timeout sets the limit"
        case .timeoutTotal: "--timeout sets the limit"
        case .httpStatus: error.status.map { remedy(forStatus: $0) }
        case .httpProtocol:
            // A limit that was reached names its own.
            error.detail.contains("--limit ")
                ? nil : "does the port speak HTTP/1.1? `ssebomb probe` shows one response"
        case .errorEvent: "the server's log should say why; `ssebomb probe` shows what it said"
        case .contentEncoding, .sseProtocol: nil
        case .localResource: "fewer streams, or more descriptors or source addresses (--source-ip)"
        }
    }

    private static func remedy(forStatus status: Int) -> String {
        switch status {
        case 401, 403: "check the credentials (-H, --bearer-env)"
        case 404, 405: "check the path and the method"
        case 400, 415, 422: "check the body (--dry-run shows the request)"
        case 408, 413, 414, 431: "the server finds the request too slow or too large"
        case 429, 503: "the server sheds load: lower -c, or raise what it admits"
        case 300..<400: "redirects are not followed: give the address it points to"
        default: "the server's log should say why"
        }
    }
}

extension RunResult {
    /// Requests that show a target that serves: completed, given up by the client, or accepted as a
    /// subscription, which need not end.
    public var served: UInt64 {
        counts.completed + counts.cancelled + (counts.subscriptions?.accepted ?? 0)
    }

    /// One sentence for a run in which not one request completed and some failed: the most frequent
    /// failure, in words, with what to do about it. nil for any other run.
    public var hopelessSentence: String? {
        guard served == 0, counts.failed > 0, let worst = errors.first else { return nil }
        let redaction = Redaction(self)
        var words = "not one request completed; \(worst.kind.name)"
        if !worst.detail.isEmpty {
            words += ": \(PrintableText.line(redaction.apply(to: worst.detail), limit: 300))"
        }
        if let remedy = FailureRemedy.sentence(for: worst) {
            words += "; \(remedy)"
        }
        return words
    }

    /// One sentence where streams completed and brought nothing of the API's: most likely it is
    /// another one.
    public var strangeSentence: String? {
        guard counts.completed > 0, counts.unknownEvents > 0, counts.tokenEvents == 0,
            let name = apiName
        else { return nil }
        guard plan.fields == nil else {
            return "not one event had what --field content names: look with 'ssebomb probe'"
        }
        return
            "not one event had a token of \(name)'s, and \(Units.count(counts.unknownEvents)) had "
            + "no shape of it: leave --api out to have it recognised, or look with 'ssebomb probe'"
    }
}
