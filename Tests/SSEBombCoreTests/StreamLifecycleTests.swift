// The life cycle without sockets: every happening in every state, the rules that span several
// happenings, and random walks that look for a state that must not be.

import Testing

@testable import SSEBombCore

private typealias State = StreamLifecycle.State

/// A machine in the given state; its request was sent on a fresh or on a kept connection.
private func life(in state: State, kept: Bool = false) -> StreamLifecycle {
    var life = StreamLifecycle()
    if state == .idle { return life }
    _ = life.begin(onKeptConnection: kept)
    if state == .connecting { return life }
    if !kept {
        _ = life.connected(withTLS: state == .securing)
        if state == .securing { return life }
    }
    if state == .sending { return life }
    life.sent()
    if state == .awaitingHead { return life }
    _ = life.received()
    if state == .sampling {
        _ = life.headRefused(.httpStatus, sampling: true)
        return life
    }
    life.headAccepted()
    if state == .settling { _ = life.completedAtMarker(mayReuse: true) }
    return life
}

/// One cell of the table: what happens in a state, what the loop is told, and what follows.
private struct Cell: CustomTestStringConvertible {
    let state: State
    let happening: Happening
    let action: StreamAction
    let next: State

    init(_ state: State, _ happening: Happening, _ action: StreamAction, _ next: State) {
        self.state = state
        self.happening = happening
        self.action = action
        self.next = next
    }

    var testDescription: String { "\(happening) in \(state)" }
}

private enum Happening {
    case begin(kept: Bool), connected(tls: Bool), secured, sent, received, headAccepted
    case headRefused(sampling: Bool), sampleEnded(ConnectionFate), marker(mayReuse: Bool)
    case messageEnded(completes: Bool, mayReuse: Bool)
    case lost(endsMessage: Bool, completes: Bool), fail, cancel, cut

    func happen(to life: inout StreamLifecycle) -> StreamAction {
        switch self {
        case .begin(let kept): return life.begin(onKeptConnection: kept)
        case .connected(let tls): return life.connected(withTLS: tls)
        case .secured: return life.secured()
        case .sent:
            life.sent()
            return .wait
        case .received:
            _ = life.received()
            return .wait
        case .headAccepted:
            life.headAccepted()
            return .wait
        case .headRefused(let sampling): return life.headRefused(.sseProtocol, sampling: sampling)
        case .sampleEnded(let fate): return life.sampleEnded(connection: fate)
        case .marker(let mayReuse): return life.completedAtMarker(mayReuse: mayReuse)
        case .messageEnded(let completes, let mayReuse):
            return life.messageEnded(bodyEndCompletes: completes, mayReuse: mayReuse)
        case .lost(let endsMessage, let completes):
            return life.connectionLost(
                .reset,
                endsMessage: endsMessage,
                bodyEndCompletes: completes
            )
        case .fail: return life.fail(.timeoutTotal)
        case .cancel: return life.cancel()
        case .cut: return life.cut()
        }
    }
}

private let states: [State] = [
    .idle, .connecting, .securing, .sending, .awaitingHead, .streaming, .sampling, .settling,
]

private func failed(_ kind: StreamFailure, _ fate: ConnectionFate = .close) -> StreamAction {
    .finish(.failed(kind), connection: fate)
}

private let opening: [Cell] = [
    Cell(.idle, .begin(kept: false), .connect, .connecting),
    Cell(.idle, .begin(kept: true), .send, .sending),
    Cell(.connecting, .connected(tls: false), .send, .sending),
    Cell(.connecting, .connected(tls: true), .secure, .securing),
    Cell(.securing, .secured, .send, .sending),
    Cell(.sending, .sent, .wait, .awaitingHead),
    // A response that overtakes its request: what is sent then changes nothing.
    Cell(.streaming, .sent, .wait, .streaming),
    Cell(.sampling, .sent, .wait, .sampling),
    Cell(.settling, .sent, .wait, .settling),
    Cell(.sending, .headAccepted, .wait, .streaming),
    Cell(.awaitingHead, .headAccepted, .wait, .streaming),
    Cell(.sending, .headRefused(sampling: true), .collectSample, .sampling),
    Cell(.awaitingHead, .headRefused(sampling: true), .collectSample, .sampling),
    Cell(.awaitingHead, .headRefused(sampling: false), failed(.sseProtocol), .idle),
]

private let ending: [Cell] = [
    Cell(.sampling, .sampleEnded(.close), failed(.httpStatus), .idle),
    Cell(.sampling, .sampleEnded(.keep), failed(.httpStatus, .keep), .idle),
    Cell(.sampling, .sampleEnded(.settle), failed(.httpStatus, .settle), .settling),
    Cell(
        .streaming,
        .marker(mayReuse: true),
        .finish(.completed, connection: .settle),
        .settling
    ),
    Cell(.streaming, .marker(mayReuse: false), .finish(.completed, connection: .close), .idle),
    Cell(
        .streaming,
        .messageEnded(completes: true, mayReuse: true),
        .finish(.completed, connection: .keep),
        .idle
    ),
    Cell(
        .streaming,
        .messageEnded(completes: true, mayReuse: false),
        .finish(.completed, connection: .close),
        .idle
    ),
    Cell(
        .streaming,
        .messageEnded(completes: false, mayReuse: true),
        failed(.closedEarly, .keep),
        .idle
    ),
    Cell(
        .sampling,
        .messageEnded(completes: true, mayReuse: true),
        failed(.httpStatus, .keep),
        .idle
    ),
    Cell(.settling, .messageEnded(completes: true, mayReuse: true), .dispose(.keep), .idle),
    Cell(.settling, .messageEnded(completes: false, mayReuse: false), .dispose(.close), .idle),
    Cell(
        .streaming,
        .lost(endsMessage: true, completes: true),
        .finish(.completed, connection: .close),
        .idle
    ),
    Cell(.streaming, .lost(endsMessage: true, completes: false), failed(.closedEarly), .idle),
    Cell(.streaming, .lost(endsMessage: false, completes: true), failed(.reset), .idle),
    Cell(.sampling, .lost(endsMessage: true, completes: true), failed(.httpStatus), .idle),
]

/// What may happen in any state: a failure, a lost connection, the end of the run, bytes.
private let anywhere: [Cell] = states.flatMap { state -> [Cell] in
    let lost = Happening.lost(endsMessage: false, completes: false)
    let received = Cell(state, .received, .wait, state)
    switch state {
    case .idle, .settling:
        return [
            Cell(state, lost, .dispose(.close), .idle), Cell(state, .fail, .dispose(.close), .idle),
            Cell(state, .cut, .dispose(.close), .idle),
            Cell(state, .cancel, .dispose(.close), .idle), received,
        ]
    case .sampling:
        // The head was refused first: what comes later is not the cause.
        return [lost, .fail, .cancel, .cut].map { Cell(state, $0, failed(.httpStatus), .idle) } + [
            received
        ]
    default:
        return [
            Cell(state, lost, failed(.reset), .idle),
            Cell(state, .fail, failed(.timeoutTotal), .idle),
            Cell(state, .cut, .finish(.cut, connection: .close), .idle),
            Cell(state, .cancel, .finish(.cancelled, connection: .close), .idle), received,
        ]
    }
}

/// The end of a message means nothing before there is a response.
private let early: [Cell] = [.idle, .connecting, .securing, .sending, .awaitingHead].map {
    (state: State) in
    Cell(state, .messageEnded(completes: true, mayReuse: true), .wait, state)
}

@Suite("Stream life cycle") struct StreamLifecycleTests {
    @Test(
        "Each happening has its action and its next state",
        arguments: [opening, ending, anywhere, early]
    )
    private func table(cells: [Cell]) {
        for cell in cells {
            var life = life(in: cell.state)
            #expect(life.state == cell.state)
            let action = cell.happening.happen(to: &life)
            #expect(action == cell.action, "\(cell.testDescription)")
            #expect(life.state == cell.next, "\(cell.testDescription)")
        }
    }

    @Test("Bytes belong to a response from the first byte of the request on", arguments: states)
    private func bytesBelong(state: State) {
        var life = life(in: state)
        let isResponse = life.received()
        #expect(isResponse == ![.idle, .connecting, .securing].contains(state))
    }

    @Test("A request is active from its beginning until it is recorded", arguments: states)
    private func isActive(state: State) {
        let life = life(in: state)
        #expect(life.isActive == ![.idle, .settling].contains(state))
    }

    @Test(
        "A kept connection found closed without a byte of response is replaced once",
        arguments: [StreamFailure.reset, .closedEarly, .send],
        [State.sending, .awaitingHead]
    )
    private func staleRetry(kind: StreamFailure, state: State) {
        var life = life(in: state, kept: true)
        #expect(life.isReused)
        let first = life.connectionLost(kind, endsMessage: false, bodyEndCompletes: true)
        #expect(first == .retryFresh)
        #expect(life.state == .connecting)
        #expect(life.wasRetried && !life.isReused)
        #expect(life.connected(withTLS: false) == .send)
        life.sent()
        let second = life.connectionLost(kind, endsMessage: false, bodyEndCompletes: true)
        #expect(second == failed(kind))
        #expect(life.state == .idle)
    }

    @Test("One byte of response forbids the retry") func noRetryAfterResponse() {
        var life = life(in: .awaitingHead, kept: true)
        let isResponse = life.received()
        #expect(isResponse)
        let action = life.connectionLost(.closedEarly, endsMessage: false, bodyEndCompletes: true)
        #expect(action == failed(.closedEarly))
    }

    @Test(
        "A fresh connection that is lost is a failure at once",
        arguments: [State.sending, .awaitingHead]
    )
    private func noRetryOnFresh(state: State) {
        var life = life(in: state)
        let action = life.connectionLost(.reset, endsMessage: false, bodyEndCompletes: true)
        #expect(action == failed(.reset))
    }

    @Test("A time limit on a kept connection is no reason to retry") func noRetryAfterTimeout() {
        var life = life(in: .awaitingHead, kept: true)
        #expect(life.fail(.timeoutHeader) == failed(.timeoutHeader))
    }

    @Test("Each request may be retried once, whatever the one before it did")
    func retryIsPerRequest() {
        var life = life(in: .awaitingHead, kept: true)
        _ = life.connectionLost(.reset, endsMessage: false, bodyEndCompletes: true)
        _ = life.connected(withTLS: false)
        life.sent()
        _ = life.received()
        life.headAccepted()
        _ = life.messageEnded(bodyEndCompletes: true, mayReuse: true)
        #expect(life.begin(onKeptConnection: true) == .send)
        #expect(!life.wasRetried && !life.hasResponse)
        let action = life.connectionLost(.reset, endsMessage: false, bodyEndCompletes: true)
        #expect(action == .retryFresh)
    }

    @Test("What follows the marker can't undo completion", arguments: 0..<5)
    func completionStands(_ which: Int) {
        var life = life(in: .settling)
        let action =
            switch which {
            case 0: life.fail(.httpProtocol)
            case 1: life.connectionLost(.reset, endsMessage: false, bodyEndCompletes: false)
            case 2: life.cut()
            case 3: life.cancel()
            default: life.messageEnded(bodyEndCompletes: false, mayReuse: false)
            }
        #expect(action == .dispose(.close))
        #expect(life.state == .idle)
    }

    @Test("The machine takes at most eight bytes of a slot") func isSmall() {
        #expect(MemoryLayout<StreamLifecycle>.size <= 8)
    }
}

// MARK: - Random walks

/// What a walk knows besides the machine: the promises to the loop.
private struct Walk {
    var life = StreamLifecycle()
    var begun = 0
    var finished = 0
    var retries = 0
    var owesDisposal = false
    var isKept = false
    var sawResponse = false

    /// Everything that the loop could report in this state.
    func possible() -> [Happening] {
        let always: [Happening] = [
            .sent, .received, .fail, .cancel, .cut,
            .lost(endsMessage: false, completes: true),
            .lost(endsMessage: true, completes: true), .lost(endsMessage: true, completes: false),
            .messageEnded(completes: true, mayReuse: true),
            .messageEnded(completes: false, mayReuse: false),
        ]
        let own: [Happening]
        switch life.state {
        case .idle: own = [.begin(kept: false), .begin(kept: true)]
        case .connecting: own = [.connected(tls: false), .connected(tls: true)]
        case .securing: own = [.secured]
        case .sending, .awaitingHead:
            own = [.headAccepted, .headRefused(sampling: true), .headRefused(sampling: false)]
        case .streaming: own = [.marker(mayReuse: true), .marker(mayReuse: false)]
        case .sampling: own = [.sampleEnded(.settle), .sampleEnded(.keep), .sampleEnded(.close)]
        case .settling: own = []
        }
        return always + own + own
    }

    mutating func step(_ happening: Happening) {
        if case .begin(let kept) = happening {
            #expect(begun == finished, "a request began before the last one was recorded")
            begun += 1
            retries = 0
            isKept = kept
            sawResponse = false
        }
        let before = life.state
        let action = happening.happen(to: &life)
        if case .received = happening, before.rawValue >= State.sending.rawValue {
            sawResponse = true
        }
        switch action {
        case .finish(_, let fate):
            finished += 1
            owesDisposal = fate == .settle
            #expect(life.state == (fate == .settle ? .settling : .idle))
        case .dispose:
            #expect(life.state == .idle)
            #expect(begun == finished, "a connection was disposed of under a request")
            owesDisposal = false
        case .retryFresh:
            retries += 1
            #expect(retries == 1 && isKept && !sawResponse)
            #expect(life.state == .connecting)
        case .wait, .connect, .secure, .send, .collectSample: break
        }
        #expect(owesDisposal == (life.state == .settling))
        #expect(life.isActive == (begun == finished + 1), "after \(happening) in \(before)")
    }
}

@Suite("Stream life cycle walks") struct StreamLifecycleWalkTests {
    @Test("Every request that begins ends exactly once", arguments: 1...8)
    func walks(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var walk = Walk()
        for _ in 0..<3_000 {
            walk.step(try #require(walk.possible().randomElement(using: &random)))
        }
        if walk.life.isActive { walk.step(.cut) }
        #expect(walk.begun == walk.finished)
        #expect(walk.begun > 300)
    }
}
