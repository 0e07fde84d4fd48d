// The live view of the real binary in a real terminal, which tmux is: sizes, a resize in the
// middle, keys, signals, no colours, no terminal at all. What is looked at stands in terminal.py.

import Testing

@Suite(
    "Live view in a terminal",
    .serialized,
    .enabled(if: Tool.hasTmux && Tool.hasPython, "\(Tool.noTmux)")
)
struct TerminalTests {
    @Test(
        "it fits, follows a resize, obeys keys and signals, and gives the terminal back",
        arguments: [
            "sizes", "resize", "pause", "held", "signals", "jobs", "crashes", "targets", "colours",
            "plain",
        ]
    )
    func terminal(name: String) async throws {
        let mock = try await Mock()
        let outcome = try await Tool.run(
            Tool.python,
            [Tool.fixture("terminal.py"), name, Binary.path, mock.chat],
            timeout: .seconds(120)
        )
        #expect(outcome.status == 0, "\(outcome.stdout)\(outcome.stderr)")
    }
}
