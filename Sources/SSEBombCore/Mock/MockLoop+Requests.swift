// What the mock makes of received bytes: requests, one after the other, and the choice of an
// answer. How answers look stands in MockLoop+Answers and MockLoop+Streams.

import Glibc

extension MockLoop {
    /// Takes bytes of a connection, which belong to the caller's buffer, and keeps what can't be
    /// used yet.
    mutating func deliver(
        _ index: UInt32,
        _ bytes: UnsafeRawBufferPointer,
        _ arrival: Instant
    ) {
        let connection = slab[index]
        switch connection.pointee.phase {
        case .lingering, .stalled, .closing: return
        case .reading where connection.pointee.input.isEmpty:
            connection.pointee.arrived = arrival
            guard let used = serve(index, bytes), let base = bytes.baseAddress else { return }
            keep(index, base + used, bytes.count - used)
        case .reading:
            connection.pointee.arrived = arrival
            guard let base = bytes.baseAddress else { return }
            connection.pointee.input.append(base, bytes.count, pool: pool)
            serveInput(index)
        default:
            guard let base = bytes.baseAddress else { return }
            keep(index, base, bytes.count)
        }
    }

    private mutating func keep(_ index: UInt32, _ base: UnsafeRawPointer, _ count: Int) {
        let connection = slab[index]
        // While a request is incomplete its own limits hold; what comes before its turn has one
        // of its own.
        if connection.pointee.phase != .reading,
            connection.pointee.input.count + count > MockConnection.mostEarlyInput
        {
            return close(index)
        }
        connection.pointee.input.append(base, count, pool: pool)
    }

    /// Goes on with what is kept, after a response or after more bytes.
    mutating func serveInput(_ index: UInt32) {
        let connection = slab[index]
        guard !connection.pointee.input.isEmpty,
            let used = serve(index, connection.pointee.input.bytes)
        else { return }
        let rest = connection.pointee.input.count - used
        if rest == 0 {
            connection.pointee.input.release(to: pool)
        } else if used > 0, let base = connection.pointee.input.base {
            memmove(base, base + used, rest)
            connection.pointee.input.truncate(to: rest)
        }
    }

    /// Answers requests for as long as whole ones are there and the connection is free for them.
    ///
    /// - Returns: bytes used, or nil when the connection is gone.
    private mutating func serve(_ index: UInt32, _ bytes: UnsafeRawBufferPointer) -> Int? {
        let connection = slab[index]
        let generation = connection.pointee.generation
        var used = 0
        while connection.pointee.phase == .reading, used < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[used...])
            if rest.count < connection.pointee.needed { break }
            switch MockRequest.parse(rest, searched: connection.pointee.searched) {
            case .needMore:
                connection.pointee.searched = rest.count
                return used
            case .refused(let status):
                refuse(index, status)
                used = bytes.count
            case .head(let request):
                // Both are bounded by the parser's limits, so the sum can't overflow.
                let total = request.headLength + request.bodyLength
                guard rest.count >= total else {
                    return awaitBody(index, request, total) ? used : nil
                }
                connection.pointee.needed = 0
                connection.pointee.searched = 0
                connection.pointee.toldToContinue = false
                used += total
                answer(index, request, UnsafeRawBufferPointer(rebasing: rest[..<total]))
            }
            guard connection.pointee.phase != .free,
                connection.pointee.generation == generation
            else { return nil }
        }
        return used
    }

    /// False when the connection is gone.
    private mutating func awaitBody(
        _ index: UInt32,
        _ request: MockRequest,
        _ total: Int
    ) -> Bool {
        let connection = slab[index]
        connection.pointee.needed = total
        // The head's end was found: the next look finds it at once.
        connection.pointee.searched = 0
        guard request.expectsContinue, !connection.pointee.toldToContinue else { return true }
        connection.pointee.toldToContinue = true
        var writer = WireWriter(scratch, capacity: Self.scratchSize)
        writer.append("HTTP/1.1 100 Continue\r\n\r\n")
        return transmit(index, writer.bytes)
    }

    private mutating func answer(
        _ index: UInt32,
        _ request: MockRequest,
        _ message: UnsafeRawBufferPointer
    ) {
        let connection = slab[index]
        counters.add(.requests)
        connection.pointee.keepsAlive = request.keepsAlive
        guard request.route != .unknown else {
            return answerError(index, .notFound, isHead: request.method == .head)
        }
        let isAllowed =
            request.route.isPost
            ? request.method == .post : request.method == .get || request.method == .head
        guard isAllowed else {
            return answerError(
                index,
                request.route.isPost ? .needsPost : .needsGet,
                request.route.api,
                isHead: request.method == .head
            )
        }
        let isHead = request.method == .head
        switch request.route {
        case .tokens(let api, let streaming):
            beginCompletion(index, request, api, streaming, message)
        case .events:
            if isHead {
                answerHeadOfEvents(index)
            } else {
                beginEvents(index, request)
            }
        case .models: answerJSON(index, Self.modelsText, isHead: isHead)
        case .health: answerJSON(index, "{\"status\":\"ok\"}", isHead: isHead)
        case .stats, .unknown:
            publishUsage()
            answerJSON(index, text: shared.truth().json, isHead: isHead)
        }
    }

    private static var modelsText: StaticString {
        """
        {"object":"list","data":[{"id":"mock","object":"model","created":1700000000,\
        "owned_by":"ssebomb"}]}
        """
    }

    // MARK: - Requests for tokens

    private mutating func beginCompletion(
        _ index: UInt32,
        _ request: MockRequest,
        _ api: MockAPI,
        _ streaming: MockRoute.Streaming,
        _ message: UnsafeRawBufferPointer
    ) {
        let connection = slab[index]
        let body = UnsafeRawBufferPointer(rebasing: message[request.headLength...])
        guard let parameters = MockRequestBody(parsing: body, for: api) else {
            return answerError(index, .badBody, api)
        }
        let isStream: Bool
        switch streaming {
        case .always: isStream = true
        case .never: isStream = false
        case .asked(let otherwise): isStream = parameters.stream ?? otherwise
        case .asArray: return answerError(index, .needsEventStream, api)
        }
        drawScript(index, limit: parameters.limit)
        var usage = MockUsage.absent
        if isStream, api.hasUsageSwitch {
            usage =
                parameters.countsContinuously
                ? .continuous : parameters.includesUsage ? .atEnd : .absent
        }
        connection.pointee.style = templates.find(
            api,
            usage,
            model: Self.model(request, parameters, message)
        )
        connection.pointee.includesUsage = parameters.includesUsage
        // Four bytes of JSON to a token: no tokenizer, but it grows with the prompt. A body has at
        // most 64 MiB, so it fits eight digits.
        connection.pointee.promptTokens = UInt32(max(1, body.count / 4))
        connection.pointee.sent = 0
        guard !commitHeadFault(index) else { return }
        if isStream {
            beginStream(index, request)
        } else {
            beginAnswer(index)
        }
    }

    /// The model that the path names, or else the body.
    private static func model(
        _ request: MockRequest,
        _ parameters: MockRequestBody,
        _ message: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer {
        let start: Int
        let length: Int
        if request.modelLength > 0 {
            (start, length) = (request.modelStart, request.modelLength)
        } else {
            start = request.headLength + parameters.modelStart
            length = parameters.modelLength
        }
        return UnsafeRawBufferPointer(rebasing: message[start..<(start + length)])
    }

    private mutating func beginEvents(_ index: UInt32, _ request: MockRequest) {
        let connection = slab[index]
        drawScript(index, limit: nil)
        let tokens = connection.pointee.script.tokens
        connection.pointee.style = templates.find(
            .events,
            .absent,
            model: EventStyle.defaultModel
        )
        connection.pointee.includesUsage = false
        connection.pointee.promptTokens = 0
        connection.pointee.sent = min(request.lastEventID, tokens)
        guard !commitHeadFault(index) else { return }
        if request.lastEventID > 0, request.lastEventID >= tokens {
            // The answer that tells an EventSource to stay away (WHATWG HTML, section 9.2.3).
            return answerNoContent(index)
        }
        if request.lastEventID > 0 { counters.add(.resumed) }
        beginStream(index, request)
    }

    private mutating func drawScript(_ index: UInt32, limit: UInt32?) {
        let connection = slab[index]
        connection.pointee.script = TokenScript(
            plan: shared.plan,
            limit: limit,
            random: SeededRandom(
                seed: shared.plan.seed,
                loop: number,
                connection: connection.pointee.ordinal,
                request: connection.pointee.requestOrdinal
            )
        )
        connection.pointee.requestOrdinal &+= 1
        connection.pointee.lastToken = .none
    }
}
