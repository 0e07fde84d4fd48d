// A handler for the signals that end a process, which gives its terminal back. It calls nothing
// but what POSIX lists as async-signal-safe, on what was laid ready before. Must not know what
// stands on the terminal.

#include "csup_sys.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static struct {
    /// Whether there is something to give back: by the first signal only.
    atomic_int is_armed;
    int output, input, has_settings;
    struct termios settings;
    char sequence[CSUP_TTY_LONGEST];
    size_t length;
} kept;

/// What signals did before, where `is_taken`.
static struct sigaction before[NSIG];
static char is_taken[NSIG];

static void give_back(int number) {
    int error = errno;
    if (atomic_exchange(&kept.is_armed, 0)) {
        // In the background they are the settings of somebody else.
        if (kept.has_settings && tcgetpgrp(kept.input) == getpgrp())
            (void)tcsetattr(kept.input, TCSANOW, &kept.settings);
        if (write(kept.output, kept.sequence, kept.length) < 0) error = errno;
    }
    // Every signal is blocked here: this one comes when the handler returns, and finds the process
    // where the first one found it, which is what a core has to show.
    (void)sigaction(number, &before[number], NULL);
    (void)raise(number);
    errno = error;
}

/// Whether a signal ends a process that does nothing about it, and can be handled.
static int ends(int number) {
    switch (number) {
    case SIGKILL: case SIGSTOP: case SIGTSTP: case SIGTTIN: case SIGTTOU: case SIGCONT:
    case SIGCHLD: case SIGURG: case SIGWINCH:
        return 0;
    default:
        return 1;
    }
}

int csup_tty_arm(
    int output, const void *sequence, size_t length, int input, const void *settings
) {
    if (length > sizeof kept.sequence) return -EINVAL;
    // No handler reads what is being changed.
    atomic_store(&kept.is_armed, 0);
    kept.output = output;
    kept.input = input;
    kept.has_settings = settings != NULL;
    if (settings != NULL) memcpy(&kept.settings, settings, sizeof kept.settings);
    memcpy(kept.sequence, sequence, length);
    kept.length = length;
    atomic_store(&kept.is_armed, 1);
    struct sigaction action = {.sa_handler = give_back, .sa_flags = SA_ONSTACK};
    sigfillset(&action.sa_mask);
    for (int number = 1; number < NSIG; number++) {
        struct sigaction old;
        // Two of them are the C library's own, which refuses to tell.
        if (!ends(number) || is_taken[number] || sigaction(number, NULL, &old) < 0) continue;
        if (old.sa_handler == SIG_IGN) continue;
        if (number == SIGXCPU && old.sa_handler != SIG_DFL) continue;
        before[number] = old;
        is_taken[number] = sigaction(number, &action, NULL) == 0;
    }
    return 0;
}

void csup_tty_disarm(void) {
    atomic_store(&kept.is_armed, 0);
    for (int number = 1; number < NSIG; number++) {
        struct sigaction now;
        if (!is_taken[number]) continue;
        is_taken[number] = 0;
        // Somebody may have put a handler of theirs in this one's place.
        if (sigaction(number, NULL, &now) == 0 && now.sa_handler == give_back)
            (void)sigaction(number, &before[number], NULL);
    }
}
