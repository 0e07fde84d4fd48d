#!/usr/bin/env -S python3 -B
"""Looks at the live view in a terminal, which tmux is.

    terminal.py CASE SSEBOMB CHAT_URL

Runs one case and says what is wrong with it: on standard output, with status 1. CHAT_URL is the chat
path of a mock that answers quickly.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time

SSEBOMB, CHAT = sys.argv[2:4]
BODY = "--body '{\"stream\":true,\"messages\":[]}'"
PATIENCE = 20


class Wrong(Exception):
    """What the terminal shows isn't what it should."""


class Screen:
    """A terminal with a shell in it, on a tmux server of its own."""

    def __init__(self, columns, rows, directory):
        self.socket = os.path.join(directory, "tmux")
        # The view keeps away from a terminal where CI is set.
        # A crash reporter would take seconds; what comes before it is looked at here.
        shell = ["env", "-u", "CI", "PS1=$ ", "TERM=tmux-256color", "SWIFT_BACKTRACE=enable=no",
                 "sh"]
        size = ["-x", str(columns), "-y", str(rows)]
        self.tmux("-f", "/dev/null", "new-session", "-d", *size, *shell)

    def tmux(self, *arguments):
        command = ["tmux", "-S", self.socket, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout

    def type(self, text):
        self.tmux("send-keys", "-l", text)
        self.press("Enter")

    def press(self, key):
        self.tmux("send-keys", key)

    def lines(self, *flags):
        return self.tmux("capture-pane", "-p", *flags).split("\n")[:-1]

    def shows(self, text):
        """Waits until a line has the text; the screen as it is then."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            lines = self.lines()
            if any(text in line for line in lines):
                return lines
            time.sleep(0.05)
        raise Wrong(f"no '{text}' in\n" + "\n".join(lines))

    def is_taken(self):
        """Whether the view has the terminal."""
        flags = self.tmux("display-message", "-p", "#{cursor_flag} #{alternate_on}").strip()
        return flags == "0 1"

    def is_given_back(self):
        """Waits until the terminal is a shell's again: cursor, its own screen, echo and lines."""
        end = time.monotonic() + PATIENCE
        flags = ""
        while flags != "1 0" and time.monotonic() < end:
            flags = self.tmux("display-message", "-p", "#{cursor_flag} #{alternate_on}").strip()
            time.sleep(0.05)
        expect(flags == "1 0", f"cursor and alternate screen are {flags}")
        self.type("stty -a | tr ' ' '\\n' | grep -cx -e echo -e icanon | sed 's/^/settings:/'")
        self.shows("settings:2")


def expect(condition, words):
    if not condition:
        raise Wrong(words)


def load(flags, streams="-c 5"):
    return f"{SSEBOMB} {flags} {streams} {BODY} {CHAT}"


def fits(lines, columns, rows):
    expect(len(lines) <= rows, f"{len(lines)} lines on {rows} rows")
    expect(all(len(line) <= columns for line in lines), f"a line is wider than {columns}")


@contextlib.contextmanager
def screen(columns, rows):
    with tempfile.TemporaryDirectory() as directory:
        terminal = Screen(columns, rows, directory)
        try:
            yield terminal
        finally:
            terminal.tmux("kill-server")


def sizes():
    for columns, rows in [(80, 24), (120, 30), (200, 50)]:
        with screen(columns, rows) as terminal:
            terminal.type(load("-d 2 --threshold 'failures:count==0'"))
            lines = terminal.shows("last 5 s p50")
            fits(lines, columns, rows)
            text = "\n".join(lines)
            for part in ["measured ", "█", " of 5 in flight", "requests/s", "failures    none",
                         "gate", "q finish now"]:
                expect(part in text, f"no '{part}' in\n{text}")
            expect(terminal.is_taken(), "the view doesn't have the terminal")
            terminal.shows("peak memory")
            text = "\n".join(terminal.lines())
            expect("q finish now" not in text, f"the view is left in\n{text}")
            terminal.is_given_back()


def resize():
    with screen(140, 40) as terminal:
        terminal.type(load("-d 60"))
        terminal.shows("last 5 s p50")
        for columns, rows in [(80, 15), (200, 20), (90, 30)]:
            terminal.tmux("resize-window", "-x", str(columns), "-y", str(rows))
            time.sleep(0.5)
            lines = terminal.lines()
            fits(lines, columns, rows)
            for part in ["in flight", "q finish now"]:
                found = sum(part in line for line in lines)
                expect(found == 1, f"'{part}' stands {found} times in\n" + "\n".join(lines))
            expect(lines[0].startswith("ssebomb"), f"first line: {lines[0]}")
        terminal.press("q")
        terminal.is_given_back()
    with screen(50, 10) as terminal:
        terminal.type(load("-d 60"))
        terminal.shows("measured")
        expect(not terminal.is_taken(), "a view in a terminal without room for it")
        terminal.press("C-c")
        terminal.is_given_back()


def pause():
    for streams in ["-c 5", "-R 200"]:
        with screen(100, 30) as terminal, tempfile.TemporaryDirectory() as directory:
            file = os.path.join(directory, "result.json")
            terminal.type(load(f"-d 60 -o {file}", streams))
            terminal.shows("last 5 s p50")
            terminal.press("p")
            terminal.shows("paused: nothing starts")
            terminal.shows("streams     0 of 5 in" if streams == "-c 5" else "streams     0 in")
            if streams != "-c 5":
                terminal.shows("waiting")
                time.sleep(1)
            terminal.press("p")
            terminal.shows("p pause starting")
            time.sleep(1)
            terminal.press("q")
            terminal.is_given_back()
            with open(file, encoding="utf-8") as text:
                result = json.load(text)
            expect(result["run"].get("paused_s", 0) > 0, "the result doesn't say it was paused")
            codes = [reason["code"] for reason in result["verdict"]["reasons"]]
            expect("paused" in codes, f"verdict: {codes}")
            if streams != "-c 5":
                # What fell due meanwhile waited for the end of the pause, and wasn't late.
                arrivals, pause = result["arrivals"], result["run"]["paused_s"]
                expect(arrivals["waited"] > 100 * pause, f"{arrivals['waited']} waited")
                latest = arrivals["pacing_error"]["max"] / 1e9
                expect(latest < pause / 2, f"{latest} s late, and paused for {pause} s")
            expect(result["run"]["interrupted"], "the result doesn't say it was interrupted")


def held():
    """A run that was paused, and went on to its end, has nothing but that against it."""
    classes = "".join(f"""
[[class]]
name = "{name}"
url = "{CHAT}"
rate = 5
body = '{{"stream":true,"messages":[]}}'
""" for name in ["A", "B"])
    for streams in ["scenario", "-c 5"]:
        with screen(100, 30) as terminal, tempfile.TemporaryDirectory() as directory:
            file = os.path.join(directory, "result.json")
            scenario = os.path.join(directory, "classes.toml")
            with open(scenario, "w", encoding="utf-8") as text:
                text.write(classes)
            run = f"{SSEBOMB} --scenario {scenario} -d 4 -o {file}"
            terminal.type(run if streams == "scenario" else load(f"-d 4 -o {file}", streams))
            terminal.shows(" in flight")
            terminal.press("p")
            terminal.shows("paused: nothing starts")
            terminal.shows("peak memory")
            terminal.is_given_back()
            with open(file, encoding="utf-8") as text:
                result = json.load(text)
            expect(result["run"]["paused_s"] > 1, "the pause was too short to matter")
            codes = {reason["code"] for reason in result["verdict"]["reasons"]}
            load_codes = {"rate_achieved", "dropped", "streams_held", "send_lag", "pacing_error"}
            expect("paused" in codes and not codes & load_codes, f"{streams}: {codes}")
            if streams == "scenario":
                dropped = result["counts"]["requests"]["dropped"]
                parts = [part["counts"]["requests"]["dropped"] for part in result["classes"]]
                expect(dropped == sum(parts) > 0, f"dropped: {dropped}, of classes {parts}")


def signals():
    with screen(100, 30) as terminal:
        terminal.type(load("-d 60"))
        terminal.shows("last 5 s p50")
        terminal.press("C-z")
        terminal.is_given_back()
        terminal.type("clear; fg")
        terminal.shows("in flight")
        expect(terminal.is_taken(), "the view didn't take the terminal again")
        terminal.press("C-c")
        terminal.is_given_back()
        terminal.type("clear; " + load("-d 60") + " & sleep 2; kill -HUP $!; wait $!; echo =$?=")
        terminal.shows("=129=")
        terminal.is_given_back()


def jobs():
    """Out of the foreground the run goes on, and neither writes nor reads; back, all is as before."""
    with screen(100, 30) as terminal:
        terminal.type(load("-d 60"))
        terminal.shows("last 5 s p50")
        terminal.press("C-z")
        terminal.is_given_back()
        terminal.type("clear; bg")
        terminal.shows("-d 60")
        terminal.type("echo typed p q")
        time.sleep(1.5)
        lines = terminal.shows("typed p q")
        expect(not any("in flight" in line for line in lines), "\n".join(lines))
        # Whoever reads from there is stopped.
        terminal.type("jobs")
        terminal.shows("Running")
        terminal.type("fg")
        terminal.shows("in flight")
        expect(terminal.is_taken(), "the view didn't take the terminal again")
        terminal.press("p")
        terminal.shows("paused: nothing starts")
        terminal.press("q")
        terminal.is_given_back()
        # Started as a background job it is told in lines, until it is in the foreground.
        terminal.type("clear; " + load("-d 60") + " &")
        lines = terminal.shows("measured 0/60 s | ")
        expect(not terminal.is_taken(), "a background job took the terminal")
        terminal.type("echo typed q")
        terminal.shows("typed q")
        terminal.type("fg")
        terminal.shows("in flight")
        expect(terminal.is_taken(), "the view didn't take the terminal")
        terminal.press("q")
        terminal.is_given_back()


def crashes():
    """A signal that ends the process gives the terminal back, and does what it does."""
    for name, number in [("QUIT", 3), ("ILL", 4), ("ABRT", 6), ("BUS", 7), ("FPE", 8), ("USR1", 10),
                         ("SEGV", 11), ("USR2", 12), ("ALRM", 14), ("XCPU", 24), ("VTALRM", 26),
                         ("RTMIN", 34)]:
        with screen(80, 24) as terminal:
            terminal.type(f"ulimit -c 0; {load('-d 60')} ; echo =$?=")
            terminal.shows("in flight")
            expect(terminal.is_taken(), "the view doesn't have the terminal")
            group = terminal.tmux("display-message", "-p", "#{pane_pid}").strip()
            pids = subprocess.run(["ps", "-o", "pid=", "--ppid", group], capture_output=True,
                                  text=True, check=True).stdout.split()
            expect(len(pids) == 1, f"processes of the shell: {pids}")
            os.kill(int(pids[0]), number)
            terminal.shows(f"={128 + number}=")
            terminal.is_given_back()


def targets():
    """What is in flight is held against what was asked for, and not against the room there is."""
    with screen(100, 30) as terminal:
        for streams, parts in [
            ("-c 7", ["7 of 7 in flight"]),
            ("-R 40", [" in flight, room for 10,000", " in the last ", ", 40 asked for"]),
            ("--stage 0s:3 --stage 60s:3", ["3 in flight, 3 asked for now"]),
        ]:
            terminal.type("clear; " + load("" if "stage" in streams else "-d 60", streams))
            for part in parts:
                terminal.shows(part)
            terminal.press("q")
            terminal.is_given_back()
        # What is printed before the run is hidden by the view.
        terminal.type("clear; " + load("-d 60 --listen :0"))
        terminal.shows("metrics     http://127.0.0.1:")
        terminal.press("q")
        terminal.is_given_back()
        terminal.type("clear; " + load("-n 400 --cancel-after 5ms --repeat 2"))
        terminal.shows("run 1 of 2")
        terminal.shows("cancelled")
        terminal.press("C-c")
        terminal.is_given_back()


def colours():
    for setting, is_colored in [("NO_COLOR=1", False), ("NO_COLOR=", True)]:
        with screen(100, 30) as terminal:
            terminal.type(f"{setting} " + load("-d 60"))
            terminal.shows("last 5 s p50")
            raw = "".join(terminal.lines("-e"))
            expect(("\x1b[" in raw) == is_colored, f"{setting}: {raw!r}")
            terminal.press("q")
            terminal.is_given_back()


def plain():
    with screen(100, 30) as terminal:
        terminal.type(load("-d 1") + " 2>&1 >/dev/null | cat -v")
        lines = terminal.shows("measured 0/1 s")
        expect(not any("^[" in line for line in lines), "escape sequences without a terminal")
        terminal.is_given_back()


CASES = {case.__name__: case for case in [sizes, resize, pause, held, signals, jobs, crashes, targets,
                                          colours, plain]}

if __name__ == "__main__":
    try:
        CASES[sys.argv[1]]()
    except (Wrong, subprocess.CalledProcessError) as error:
        print(error)
        sys.exit(1)
