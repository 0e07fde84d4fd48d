// The terminal while the live view has it: the alternate screen, no cursor, keys without Enter; and
// all of that given back on every way out. One a process, for the signal thread must know it.

import Glibc
import SSEBombCore
import Synchronization

/// The screen of the live view.
///
/// Job control may take the terminal away at any time: in the background nothing is written, read
/// or set, for that would disturb another program, or stop this one.
enum LiveScreen {
    // All zero at first: the optimiser (Swift 6.2) makes other values of a static Mutex zero, too.
    private struct State {
        /// Whether a view is to be shown.
        var isWanted = false
        /// Whether the view has the screen now.
        var isHeld = false
        /// Whether screen and cursor are still to be given back.
        var isTaken = false
        /// The terminal as it is drawn on, where `isTaken`.
        var screen: Int32 = 0
        /// What it didn't take yet.
        var pending: [UInt8] = []
        /// Whether `keys` is open.
        var hasKeys = false
        /// The terminal as keys are read from it.
        var keys: Int32 = 0
        /// Whether `settings` are those to go back to.
        var hasSettings = false
        var settings = termios()
    }

    private static let state = Mutex(State())

    private static let enterSequence = "\u{1B}[?1049h\u{1B}[?25l"
    private static let leaveSequence = "\u{1B}[?25h\u{1B}[?1049l"

    /// From now on `hold` takes the terminal.
    static func want() { state.withLock { $0.isWanted = true } }

    /// Takes the terminal, where this process is in the foreground of it; returns whether the view
    /// may be drawn.
    static func hold() -> Bool {
        state.withLock { state in
            guard state.isWanted, Terminal.isInForeground() else {
                state.isHeld = false
                return false
            }
            if !state.isHeld { take(&state) }
            return true
        }
    }

    /// Gives the terminal back, if it was taken; it isn't taken again before it is wanted.
    static func leave() {
        let rest = state.withLock { state in
            state.isWanted = false
            return giveBack(&state)
        }
        // What comes next waits for the terminal as well. Not under the lock, which a signal that
        // is to end the process needs.
        if !rest.isEmpty { Terminal.error(String(decoding: rest, as: UTF8.self)) }
    }

    /// Draws `lines` over what stands there, in one write. A terminal that takes nothing (Ctrl-S, a
    /// line that is down) misses frames: the thread that draws also closes the seconds of the run.
    static func draw(_ lines: [String]) {
        // Under the lock: a frame that came after `leave` would stand in the report.
        state.withLock { state in
            guard state.isHeld, flush(&state) else { return }
            let body = lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n")
            put("\u{1B}[H\(body)\u{1B}[J", &state)
        }
    }

    private static func put(_ text: String, _ state: inout State) {
        state.pending += text.utf8
        flush(&state)
    }

    /// Writes what is pending, as far as the terminal takes it; whether that is all.
    @discardableResult
    private static func flush(_ state: inout State) -> Bool {
        while !state.pending.isEmpty {
            let count = write(state.screen, state.pending, state.pending.count)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return false }
            // What else is refused can't be told to anybody.
            state.pending.removeFirst(count < 0 ? state.pending.count : count)
        }
        return true
    }

    /// A terminal that takes nothing may do so again within this, milliseconds.
    private static let patience: Int32 = 1_000

    /// Gives the terminal back before `body`, which stops the process; it goes on in the foreground
    /// or in the background.
    static func whileLeft(_ body: () -> Void) {
        state.withLock { state in
            _ = giveBack(&state)
            body()
        }
    }

    /// Whether keys are read.
    static var hasKeys: Bool { state.withLock { $0.isHeld && $0.hasKeys } }

    /// The keys that were pressed since the last call.
    static func keys() -> [UInt8] {
        state.withLock { state in
            guard state.isHeld, state.hasKeys else { return [] }
            // Whoever isn't in the foreground any more gets an error for this, and isn't stopped.
            var blocked = sigset_t()
            var before = sigset_t()
            sigemptyset(&blocked)
            sigaddset(&blocked, SIGTTIN)
            pthread_sigmask(SIG_BLOCK, &blocked, &before)
            defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = read(state.keys, &bytes, bytes.count)
            return count > 0 ? Array(bytes[..<count]) : []
        }
    }

    private static func take(_ state: inout State) {
        (state.isHeld, state.isTaken) = (true, true)
        // O_NONBLOCK belongs to what open(2) makes: standard error is others', too.
        let own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        state.screen = own >= 0 ? own : STDERR_FILENO
        put(enterSequence, &state)
        takeKeys(&state)
        // From here on a signal that ends the process must not leave it like this.
        TerminalGuard.arm(
            output: state.screen,
            sequence: leaveSequence,
            input: state.keys,
            settings: state.hasSettings ? state.settings : nil
        )
    }

    /// Returns what the terminal didn't take in time.
    private static func giveBack(_ state: inout State) -> [UInt8] {
        guard state.isTaken else { return [] }
        if state.hasSettings, Terminal.isInForeground() {
            tcsetattr(state.keys, TCSANOW, &state.settings)
        }
        if state.hasKeys { close(state.keys) }
        put(leaveSequence, &state)
        var room = pollfd(fd: state.screen, events: Int16(POLLOUT), revents: 0)
        while !flush(&state), poll(&room, 1, patience) > 0 {}
        TerminalGuard.disarm()
        let rest = state.pending
        state.pending = []
        if state.screen != STDERR_FILENO { close(state.screen) }
        (state.isHeld, state.isTaken) = (false, false)
        (state.hasKeys, state.hasSettings) = (false, false)
        return rest
    }

    /// Lets single keys come through, where standard input and this screen are the terminal of this
    /// session.
    private static func takeKeys(_ state: inout State) {
        guard isatty(STDIN_FILENO) == 1, tcgetpgrp(STDERR_FILENO) == getpgrp() else { return }
        if !state.hasKeys {
            // As above: standard input is the shell's, too.
            let keys = open("/dev/tty", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
            guard keys >= 0 else { return }
            (state.keys, state.hasKeys) = (keys, true)
        }
        var settings = termios()
        guard tcgetattr(state.keys, &settings) == 0 else { return }
        var raw = settings
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
        guard tcsetattr(state.keys, TCSANOW, &raw) == 0, !state.hasSettings else { return }
        // Not again: a shell that took the terminal without being asked may have left it raw.
        (state.settings, state.hasSettings) = (settings, true)
    }
}
