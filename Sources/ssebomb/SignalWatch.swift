// SIGINT, SIGTERM and SIGHUP: the first one ends the run in good order, the second one the process.
// SIGTSTP stops it. A thread waits for them, since next to nothing may be done in a signal handler.

import Glibc
import SSEBombCore
import Synchronization

/// Turns signals into calls. One a process; made before any other thread, which then inherits the
/// blocked mask, so that no loop is ever interrupted in a system call.
final class SignalWatch: Sendable {
    private struct State {
        var interrupt: (@Sendable (Int32) -> Void)?
        var cleanUp: (@Sendable () -> Void)?
        var first: Int32?
        var firstAt = Instant.none
    }

    private let state = Mutex(State())

    /// Blocks the signals, ignores SIGPIPE (a closed pipe is an error of write(2) then) and starts
    /// the waiting thread, which lives as long as the process.
    init() {
        signal(SIGPIPE, SIG_IGN)
        var watched = Self.watched
        pthread_sigmask(SIG_BLOCK, &watched, nil)
        do throws(Errno) { try DetachedThread.start { self.wait() } } catch {
            // Without the thread the signals do what they do by default.
            pthread_sigmask(SIG_UNBLOCK, &watched, nil)
        }
    }

    private static var watched: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGINT)
        sigaddset(&set, SIGTERM)
        // A lost terminal; nohup(1) has it ignored.
        if !isIgnored(SIGHUP) { sigaddset(&set, SIGHUP) }
        // The live view has to give the terminal back before the process stops.
        sigaddset(&set, SIGTSTP)
        return set
    }

    private static func isIgnored(_ signal: Int32) -> Bool {
        var action = sigaction()
        sigaction(signal, nil, &action)
        // Function pointers have no equality.
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    /// From now on the first signal calls `interrupt` (on the watching thread) instead of ending
    /// the process.
    func attach(_ interrupt: @escaping @Sendable (Int32) -> Void) {
        state.withLock { $0.interrupt = interrupt }
    }

    /// From now on the signal that ends the process calls `cleanUp` (on the watching thread)
    /// before: other threads' files and the like get no other chance.
    func beforeLeaving(_ cleanUp: @escaping @Sendable () -> Void) {
        state.withLock { $0.cleanUp = cleanUp }
    }

    /// The signal that came, if one did.
    var received: Int32? { state.withLock { $0.first } }

    /// Whether this signal is the first one again: timeout(1), and a shell that signals a whole
    /// process group, deliver one wish twice within moments. No person is that quick.
    private func isEcho() -> Bool {
        state.withLock { state in
            state.firstAt.isSet && .now() - state.firstAt < Nanoseconds.milliseconds(200)
        }
    }

    private func wait() {
        var watched = Self.watched
        while true {
            var number: Int32 = 0
            guard sigwait(&watched, &number) == 0 else { continue }
            if number == SIGTSTP {
                // To this thread: another could take what is sent to the process, and this one go
                // on before it stops.
                LiveScreen.whileLeft { raise(SIGSTOP) }
                continue
            }
            if isEcho() { continue }
            let interrupt = state.withLock { state -> (@Sendable (Int32) -> Void)? in
                guard state.first == nil, let interrupt = state.interrupt else { return nil }
                state.first = number
                state.firstAt = .now()
                return interrupt
            }
            guard let interrupt else {
                // Not exit(3): its handlers could wait for threads that are in the way.
                ProgressLine.clearIfDrawn()
                state.withLock { $0.cleanUp }?()
                _exit(ExitStatus.signalled(number))
            }
            interrupt(number)
        }
    }
}
