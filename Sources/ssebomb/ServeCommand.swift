// `ssebomb serve`: the mock server as a program. Turns flags into a MockPlan, says where it
// listens, and prints its truth at the end; what it serves is the engine's business.

import ArgumentParser
import Glibc
import SSEBombCore

/// Runs the deterministic mock of an LLM server.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run a deterministic mock LLM server, on loopback by default.",
        discussion: discussion
    )

    private static let discussion = """
        Examples:
          ssebomb serve --listen 127.0.0.1:8080
          ssebomb serve --ttft lognormal:300ms,0.4 --itl exp:20ms --tokens uniform:50,500
          ssebomb serve --chunking 7-bytes --newline crlf --ping 1s --role-first
          ssebomb serve --fault reset@stream:0.01 --fault http-503@head:0.05
          ssebomb serve --retry 500ms --close-after 20      (for EventSource clients)
          ssebomb serve --tls-self-signed      (then run with -k)

        Serves, each in its own shape, POST /v1/chat/completions, /v1/completions, /v1/responses \
        (OpenAI), /v1/messages (Anthropic), /generate_stream (TGI), /completion (llama.cpp), \
        /api/chat and /api/generate (Ollama), /v2/models/NAME/generate_stream (Triton) and \
        /v1beta/models/NAME:streamGenerateContent?alt=sse (Gemini), then GET /events (plain SSE, \
        honours Last-Event-ID), /v1/models, /health and /stats. The first line on standard \
        output names the URL; /stats and the end (on SIGINT or SIGTERM) print as JSON what was \
        really sent and when.

        TIMES AND COUNTS are constant (200ms), exponential with a mean (exp:200ms), lognormal \
        with median and sigma (lognormal:200ms,0.5), normal with mean and standard deviation \
        (normal:200ms,50ms) or uniform (uniform:10ms,80ms). The end of a stream follows its last \
        token after one more gap.

        FAULTS: reset, close or stall at accept, head, first, stream or end; error-event, \
        malformed-chunk or endless-line at first, stream or end; http-429, http-500, http-503, \
        malformed-head, big-head, no-response or wrong-type at head; garbage-after at end. first \
        is before the first token, stream before a later one, end before the end marker. Each \
        request draws at most one, so their probabilities add up to 1 at most.
        """

    @OptionGroup(title: "Where") var place: ServePlaceOptions
    @OptionGroup(title: "Tokens") var tokens: ServeTokenOptions
    @OptionGroup(title: "Wire and faults") var wire: ServeWireOptions

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        // Blocked before any thread starts: the loops inherit it, and only sigwait takes them.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        try place.bindLife()

        var plan = MockPlan()
        try place.apply(to: &plan)
        try tokens.apply(to: &plan)
        try wire.apply(to: &plan)
        let server = try MockServer(plan)
        try server.start()
        try say("listening on \(server.url)\n")
        var received: Int32 = 0
        while sigwait(&signals, &received) != 0 {}
        server.stop()
        server.wait()
        try say(server.truth().json + "\n")
    }

    private func say(_ text: String) throws(SetupError) {
        if case .failed(let error) = Terminal.output(text) {
            throw SetupError(.system, "can't write to standard output: \(error.sentence)")
        }
    }
}

/// Where the mock listens.
struct ServePlaceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where to listen; port 0 lets the kernel choose. Beyond loopback anybody can connect.",
            valueName: "ADDR:PORT"
        )
    )
    var listen = "127.0.0.1:0"

    @Option(
        help: ArgumentHelp(
            "One pinned loop on each of these CPUs (default: one loop, not pinned).",
            valueName: "LIST"
        ),
        transform: ValueParsing.cpuList
    )
    var cpus: [Int32]?

    @Option(help: ArgumentHelp("PEM certificate chain: serve TLS.", valueName: "FILE"))
    var tlsCert: String?

    @Option(help: ArgumentHelp("PEM key of the certificate.", valueName: "FILE"))
    var tlsKey: String?

    @Flag(help: "Serve TLS with a certificate made at start, for clients that verify nothing.")
    var tlsSelfSigned = false

    @Option(
        name: .customLong("tls-client-ca"),
        help: ArgumentHelp("Demand a client certificate issued under these.", valueName: "FILE")
    )
    var tlsClientCA: String?

    @Option(
        help: ArgumentHelp("End when this process does, which started this one.", valueName: "PID"),
        transform: ValueParsing.processID
    )
    var endWith: Int32?

    /// Writes these options into a plan.
    func apply(to plan: inout MockPlan) throws(SetupError) {
        let place = try ListenAddress(parsing: listen, usualHost: nil, example: 8080)
        (plan.host, plan.port) = (place.host, place.port)
        if let cpus { plan.cpus = try CPUConfinement.apply(cpus) }
        guard let identity = try tlsIdentity() else {
            guard tlsClientCA == nil else {
                throw SetupError(
                    .usage,
                    "--tls-client-ca needs TLS: give --tls-cert and --tls-key, or --tls-self-signed"
                )
            }
            return
        }
        var options = TLSServerOptions(identity)
        options.clientCAFile = tlsClientCA
        plan.tls = options
    }

    /// Ends this process with the one that `--end-with` names, as SIGTERM would.
    func bindLife() throws(SetupError) {
        guard let endWith else { return }
        do throws(Errno) { try endProcess(with: endWith) } catch {
            throw SetupError(
                .usage,
                "--end-with: process \(endWith) didn't start this one, or is no more: name the"
                    + " parent"
            )
        }
    }

    private func tlsIdentity() throws(SetupError) -> TLSServerOptions.Identity? {
        if tlsSelfSigned {
            guard tlsCert == nil, tlsKey == nil else {
                throw SetupError(
                    .usage,
                    "--tls-self-signed excludes --tls-cert and --tls-key: keep it, or the two"
                )
            }
            return .selfSigned
        }
        switch (tlsCert, tlsKey) {
        case (nil, nil): return nil
        case (let certificate?, let key?): return .files(certificate: certificate, key: key)
        case (.some, nil): throw SetupError(.usage, "--tls-cert needs its key: give --tls-key")
        case (nil, .some):
            throw SetupError(.usage, "--tls-key needs its certificate: give --tls-cert")
        }
    }
}

/// What the mock says, and when.
struct ServeTokenOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Time from a request's last byte to its first token.",
            valueName: "T|DIST"
        )
    )
    var ttft = "200ms"

    @Option(help: ArgumentHelp("Time from token to token.", valueName: "T|DIST"))
    var itl = "50ms"

    @Option(
        help: ArgumentHelp(
            "Tokens per response, 1M at most; max_tokens cuts it.",
            valueName: "N|DIST"
        )
    )
    var tokens = "100"

    @Option(
        help: ArgumentHelp("Seed of all draws: same seed, same tokens.", valueName: "N")
    )
    var seed: UInt64 = 1

    @Flag(help: "Send a first delta with a role and no text together with the head.")
    var roleFirst = false

    @Option(
        help: ArgumentHelp(
            "The first N tokens are reasoning, in APIs that tell it from content.",
            valueName: "N"
        )
    )
    var reasoning: UInt32 = 0

    @Flag(help: "Answers are calls of a tool, in APIs that have these.")
    var toolCalls = false

    @Option(
        help: ArgumentHelp(
            "Where the last event of OpenAI's completions tells the server's own times: metrics "
                + "(vLLM), timings (llama.cpp) or usage (Groq).",
            valueName: "WHERE"
        )
    )
    var timing: String?

    /// Writes these options into a plan.
    func apply(to plan: inout MockPlan) throws(SetupError) {
        plan.ttft = try Distribution(parsing: ttft, as: .duration, flag: "--ttft")
        plan.itl = try Distribution(parsing: itl, as: .duration, flag: "--itl")
        plan.tokens = try Distribution(parsing: tokens, as: .count, flag: "--tokens")
        plan.seed = seed
        plan.roleFirst = roleFirst
        plan.reasoningTokens = reasoning
        plan.toolCalls = toolCalls
        if let timing { plan.timing = try ServeWireOptions.word(timing, flag: "--timing") }
    }
}

/// How it looks on the wire, and what goes wrong.
struct ServeWireOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How events are sent: event (one by one), N-events (together, in one chunk) or "
                + "N-bytes (cut into sends of N bytes).",
            valueName: "SHAPE"
        )
    )
    var chunking = "event"

    @Option(
        help: ArgumentHelp("How a stream's end is told: chunked, close, length.", valueName: "HOW")
    )
    var framing = "chunked"

    @Option(help: ArgumentHelp("Line ends of the stream: lf, crlf, cr.", valueName: "END"))
    var newline = "lf"

    @Option(
        help: ArgumentHelp("Send a comment line after this much silence.", valueName: "T")
    )
    var ping: String?

    @Option(
        help: ArgumentHelp(
            "What /events tells an EventSource to wait before it reconnects.",
            valueName: "T"
        )
    )
    var retry = "1s"

    @Option(
        help: ArgumentHelp(
            "End each stream of /events after N events; it goes on where Last-Event-ID says.",
            valueName: "N"
        )
    )
    var closeAfter: UInt32?

    @Option(help: ArgumentHelp("Content-Type of streams (default: the API's).", valueName: "TEXT"))
    var contentType: String?

    @Option(
        help: ArgumentHelp(
            "Claim this Content-Encoding, which the body doesn't have.",
            valueName: "NAME"
        )
    )
    var contentEncoding: String?

    @Option(
        name: .customLong("fault"),
        help: ArgumentHelp("Commit this fault; repeatable.", valueName: "KIND@PHASE:PROBABILITY")
    )
    var faults: [String] = []

    /// Writes these options into a plan.
    func apply(to plan: inout MockPlan) throws(SetupError) {
        guard let chunking = MockPlan.Chunking(parsing: chunking) else {
            throw SetupError(
                .usage,
                "--chunking can't be \"\(chunking)\": write event, 1-events to 256-events, or "
                    + "1-bytes and up"
            )
        }
        plan.chunking = chunking
        plan.framing = try Self.word(framing, flag: "--framing")
        plan.newline = try Self.word(newline, flag: "--newline")
        if let ping {
            guard let time = Distribution.duration(ping), time >= Nanoseconds.milliseconds(1) else {
                throw SetupError(
                    .usage,
                    "--ping can't be \"\(ping)\": write a time of 1ms or more, such as 500ms"
                )
            }
            plan.ping = time
        }
        guard let wait = Distribution.duration(retry) else {
            throw SetupError(
                .usage,
                "--retry can't be \"\(retry)\": write a time such as 500ms or 3s"
            )
        }
        plan.retry = wait
        plan.closeAfter = closeAfter
        plan.contentType = contentType
        plan.contentEncoding = contentEncoding
        for fault in faults { plan.faults.append(try FaultRule(parsing: fault)) }
    }

    static func word<Word: RawRepresentable<String> & CaseIterable>(
        _ text: String,
        flag: String
    ) throws(SetupError) -> Word {
        if let word = Word(rawValue: text) { return word }
        let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
        throw SetupError(.usage, "\(flag) can't be \"\(text)\": use one of \(words)")
    }
}
