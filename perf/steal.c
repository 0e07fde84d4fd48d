// A process that takes a share of one CPU from whoever else runs there: the neighbour that a
// measuring client must notice.
//
//   steal CPU SHARE PERIOD-MS
//     SHARE        of each period, 0 to 1; it insists on it, and goes on after being preempted
//     PERIOD-MS    how long a period is: the other waits for up to SHARE x PERIOD-MS at a time
//
// Runs until it is ended. What it really took is in its /proc/PID/schedstat.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int main(int argc, char **argv) {
    double share = argc == 4 ? atof(argv[2]) : 0;
    int64_t period = argc == 4 ? (int64_t)(atof(argv[3]) * 1e6) : 0;
    if (share <= 0 || share > 1 || period < 1000000) {
        fprintf(stderr, "usage: steal CPU SHARE PERIOD-MS (see steal.c)\n");
        return 64;
    }
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(atoi(argv[1]), &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) {
        fprintf(stderr, "steal: CPU %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    for (int64_t end = read_clock(CLOCK_MONOTONIC);;) {
        end += period;
        int64_t enough = read_clock(CLOCK_PROCESS_CPUTIME_ID) + (int64_t)(share * (double)period);
        while (read_clock(CLOCK_PROCESS_CPUTIME_ID) < enough) {
        }
        // Late by more than a period, it would have to make up for what it didn't get.
        int64_t now = read_clock(CLOCK_MONOTONIC);
        if (now > end) {
            end = now;
            continue;
        }
        struct timespec until = {.tv_sec = end / 1000000000, .tv_nsec = end % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
}
