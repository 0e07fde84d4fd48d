// Standard output and standard error: whole writes with their failures told apart, whether a live
// view can be drawn, and text from the wire made safe to print. Knows nothing of what is printed.

import Glibc
import SSEBombCore
import Synchronization

/// What came of writing to standard output.
enum OutputOutcome: Equatable {
    case written
    /// The reader went away, as `head` does: no error of ours.
    case readerGone
    case failed(Errno)
}

/// The two output streams.
enum Terminal {
    /// Writes all of `text` to standard output.
    static func output(_ text: String) -> OutputOutcome { write(text, to: STDOUT_FILENO) }

    /// Writes all of `text` to standard error; what that refuses can't be told to anybody.
    static func error(_ text: String) { _ = write(text, to: STDERR_FILENO) }

    /// Writes to standard error where that takes it at once: progress isn't worth a wait, for the
    /// thread that shows it also closes the seconds of a run.
    static func progress(_ text: String) {
        var room = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        if poll(&room, 1, 0) > 0 { error(text) }
    }

    /// One line to standard error, in the form of every message of ssebomb. Names in it, such as
    /// that of a class, may hold anything.
    static func message(_ sentence: String) { error("ssebomb: \(printable(sentence))\n") }

    private static func write(_ text: String, to fd: Int32) -> OutputOutcome {
        var text = text
        return text.withUTF8 { bytes in
            var done = 0
            while done < bytes.count {
                let count = Glibc.write(fd, bytes.baseAddress! + done, bytes.count - done)
                if count >= 0 {
                    done += count
                    continue
                }
                switch errno {
                case EINTR: continue
                case EAGAIN:
                    // Somebody else's O_NONBLOCK on a shared terminal or pipe.
                    var entry = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
                    poll(&entry, 1, -1)
                case EPIPE: return .readerGone
                default: return .failed(Errno(code: errno))
                }
            }
            return .written
        }
    }

    /// Whether standard error is a terminal on which a line can be redrawn.
    static func canRedraw(environment: (String) -> String? = FileInput.environment) -> Bool {
        guard isatty(STDERR_FILENO) == 1, environment("CI") == nil else { return false }
        let kind = environment("TERM") ?? ""
        return !kind.isEmpty && kind != "dumb"
    }

    /// Whether text on `fd` may be coloured: a terminal, and nobody asked for plain text.
    static func canColor(
        _ fd: Int32 = STDOUT_FILENO,
        environment: (String) -> String? = FileInput.environment
    ) -> Bool {
        guard isatty(fd) == 1, (environment("NO_COLOR") ?? "").isEmpty,
            environment("CI") == nil
        else { return false }
        let kind = environment("TERM") ?? ""
        return !kind.isEmpty && kind != "dumb"
    }

    /// Whether the terminal on standard error is this process's to write to: it isn't that of a job
    /// in the background, nor that of another session.
    static func isInForeground() -> Bool {
        tcgetpgrp(STDERR_FILENO) == getpgrp()
    }

    /// Columns of the terminal on `fd`; `otherwise` where there is none, or it doesn't say.
    static func columns(of fd: Int32, otherwise: Int) -> Int { size(of: fd)?.columns ?? otherwise }

    /// Columns and rows of the terminal on `fd`; nil where there is none, or it doesn't say.
    static func size(of fd: Int32) -> (columns: Int, rows: Int)? {
        var size = winsize()
        guard ioctl(fd, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// `text` on one line with nothing in it that a terminal would obey: a server chose it.
    static func printable(_ text: String, limit: Int = .max) -> String {
        var shown = ""
        var length = 0
        for scalar in text.unicodeScalars {
            let piece: String
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned,
                .privateUse:
                piece = escape(scalar)
            default: piece = String(scalar)
            }
            length += piece.count
            if length > limit { return shown + "…" }
            shown += piece
        }
        return shown
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{\(String(scalar.value, radix: 16))}"
        }
    }
}
