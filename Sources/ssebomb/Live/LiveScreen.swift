// The terminal while the live view has it: the alternate screen, no cursor, keys without Enter; and
// all of that given back on every way out. One a process, for the signal thread must know it.

import Glibc
import SSEBombCore
import Synchronization

/// The screen of the live view.
enum LiveScreen {
    private struct State {
        var isEntered = false
        /// Settings of the terminal before, where keys are read.
        var settings: termios?
    }

    private static let state = Mutex(State())

    private static let enterSequence = "\u{1B}[?1049h\u{1B}[?25l"
    private static let leaveSequence = "\u{1B}[?25h\u{1B}[?1049l"

    /// Takes the terminal; returns whether keys are read.
    static func enter() -> Bool {
        state.withLock { state in
            if state.isEntered { return state.settings != nil }
            state.isEntered = true
            Terminal.error(enterSequence)
            state.settings = takeKeys()
            return state.settings != nil
        }
    }

    /// Gives the terminal back, if it was taken.
    static func leave() {
        state.withLock { giveBack(&$0) }
    }

    /// Draws `lines` over what stands there, in one write.
    static func draw(_ lines: [String]) {
        // Under the lock: a frame that came after `leave` would stand in the report.
        state.withLock { state in
            guard state.isEntered else { return }
            let body = lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n")
            Terminal.error("\u{1B}[H\(body)\u{1B}[J")
        }
    }

    /// Gives the terminal back for as long as `body` takes: it stops the process.
    static func whileLeft(_ body: () -> Void) {
        state.withLock { state in
            let wasEntered = state.isEntered
            let readKeys = state.settings != nil
            giveBack(&state)
            body()
            guard wasEntered else { return }
            state.isEntered = true
            Terminal.error(enterSequence)
            if readKeys { state.settings = takeKeys() }
        }
    }

    /// The keys that were pressed since the last call.
    static func keys() -> [UInt8] {
        var entry = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 0) > 0, entry.revents & Int16(POLLIN) != 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(STDIN_FILENO, &bytes, bytes.count)
        return count > 0 ? Array(bytes[..<count]) : []
    }

    private static func giveBack(_ state: inout State) {
        guard state.isEntered else { return }
        state.isEntered = false
        if var settings = state.settings {
            tcsetattr(STDIN_FILENO, TCSANOW, &settings)
            state.settings = nil
        }
        Terminal.error(leaveSequence)
    }

    /// Lets single keys come through; nil where standard input is no terminal of ours.
    private static func takeKeys() -> termios? {
        // Whoever isn't in the foreground would be stopped for changing the settings.
        guard isatty(STDIN_FILENO) == 1, tcgetpgrp(STDIN_FILENO) == getpgrp() else { return nil }
        var settings = termios()
        guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return nil }
        var raw = settings
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
        return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0 ? settings : nil
    }
}
