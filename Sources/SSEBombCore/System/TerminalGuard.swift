// The terminal given back by a process that a signal ends. Must not know what is shown on it.

import CSupport
public import Glibc

/// Settings and screen of the terminal, to be given back by whatever ends the process.
public enum TerminalGuard {
    /// From now on a signal that ends the process first writes `sequence` (64 bytes at most) to
    /// `output`, and sets the terminal on `input` back to `settings`, where the process is in its
    /// foreground; then it does what it did before. To be called by one thread at a time.
    public static func arm(
        output: Int32,
        sequence: String,
        input: Int32,
        settings: termios?
    ) {
        let bytes = Array(sequence.utf8)
        guard var settings else {
            csup_tty_arm(output, bytes, bytes.count, input, nil)
            return
        }
        csup_tty_arm(output, bytes, bytes.count, input, &settings)
    }

    /// Signals do what they did before `arm`.
    public static func disarm() { csup_tty_disarm() }
}
