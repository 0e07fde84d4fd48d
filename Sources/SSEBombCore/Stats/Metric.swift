// The names of what has a histogram, and on what basis tokens were counted. One word, one quantity:
// reports and files print these raw values and no others.

/// Every latency and client figure that has a histogram; each is defined in docs/MEASUREMENT.md.
public enum Metric: String, CaseIterable, Sendable {
    /// Send of the request to the first token.
    case ttft
    /// Connect to the first token, on requests that opened a connection.
    case ttftFresh = "ttft_fresh"
    /// Intended start to the first token.
    case ttftSched = "ttft_sched"
    /// Send to the first event of any kind.
    case ttfe
    /// Send to the first token that is not reasoning.
    case ttfo
    /// Between consecutive token-bearing events of one stream.
    case gap
    /// An event's own send time to its arrival.
    case oneWay = "one_way"
    /// `gap` divided by the tokens it brought, where the server gives running counts.
    case itl
    /// Mean time per token of one request.
    case tpot
    /// Send to the end of the stream.
    case e2e
    /// Intended start to the end of the stream.
    case e2eSched = "e2e_sched"
    /// Send to the last token.
    case lastToken = "last_token"
    /// The largest `gap` of a request.
    case maxGap = "max_gap"
    /// Send to the complete response head.
    case headers
    /// TCP connect.
    case connect
    /// TLS handshake.
    case tls
    /// End of a subscriber's connection to the head of the next accepted response.
    case reconnect
    /// What the server says reading the prompt took.
    case serverPrefill = "server_prefill"
    /// What the server says writing the answer took.
    case serverDecode = "server_decode"
    /// What the server says the request waited before that.
    case serverQueue = "server_queue"
    /// Kernel arrival to read: the client's own delay.
    case deliveryLag = "delivery_lag"
    /// Intended start to the actual one: the client's own lateness.
    case sendLag = "send_lag"
    /// How long before its stamp the first byte of a read with several events may have come.
    case stampWindow = "stamp_window"
}

/// How a token count was made.
public enum TokenBasis: String, Sendable {
    /// The server's own count.
    case usage
    /// Token-bearing events, one token each.
    case event
    /// Events by arrival, times the usage per event of completed streams.
    case usageScaled = "usage_scaled"
    /// Some streams by one of these, some by another.
    case mixed
}
