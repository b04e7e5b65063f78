/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bar on standard error for what takes long, where that is a terminal; and signals, which stop such a task so that it
 * can clear up after itself, and end the command afterwards.
 */
#include "ctl.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Nothing is drawn before, and no more often. */
#define FIRST_US 300000
#define STEP_US 100000

/* Of the bar, at most; and of everything on the line with it. */
#define BAR_MAX 50
#define BESIDE 12

static const int signals[] = { SIGHUP, SIGINT, SIGTERM };

#define NSIGNALS (sizeof(signals) / sizeof(signals[0]))

/* The one that came. */
static volatile sig_atomic_t caught;

struct ctl_progress_t {
    const char *what;
    int terminal;
    int listening; /* to signals, from the first step on */
    struct sigaction before[NSIGNALS];
    int drawn;       /* columns on the line */
    apr_time_t next; /* when it may be drawn */
};

ctl_progress_t *ctl_progress_start(ctl_t *ctl, const char *what)
{
    ctl_progress_t *progress = apr_pcalloc(ctl->pool, sizeof(*progress));
    const char *term = getenv("TERM");

    progress->what = ctl_printable(what, ctl->pool);
    progress->terminal = isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
    progress->next = apr_time_now() + FIRST_US;
    return progress;
}

static void note_signal(int number)
{
    caught = number;
}

/* What has been ignored (nohup) stays so. */
static void listen_to_signals(ctl_progress_t *progress)
{
    struct sigaction action;
    size_t i;

    memset(&action, 0, sizeof(action));
    action.sa_handler = note_signal;
    action.sa_flags = SA_RESTART;
    for (i = 0; i < NSIGNALS; i++) {
        sigaction(signals[i], NULL, &progress->before[i]);
        if (progress->before[i].sa_handler == SIG_DFL) {
            sigaction(signals[i], &action, NULL);
        }
    }
    progress->listening = 1;
}

/* Columns that a text takes, or near enough: characters. */
static int columns_of(const char *text)
{
    int n = 0;

    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return n;
}

static void draw(ctl_progress_t *progress, apr_size_t done, apr_size_t total)
{
    struct winsize size;
    int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    int percent = total > 0 ? (int)((double)done * 100 / (double)total) : 100;
    int label = columns_of(progress->what);
    int width = columns - label - BESIDE;
    int full;
    int i;

    width = width > BAR_MAX ? BAR_MAX : width;
    if (width < 5) {
        return;
    }
    full = width * percent / 100;
    fprintf(stderr, "\r%s [", progress->what);
    for (i = 0; i < width; i++) {
        fputc(i < full ? '#' : '.', stderr);
    }
    fprintf(stderr, "] %3d %%", percent);
    fflush(stderr);
    progress->drawn = label + width + 8;
}

int ctl_progress_step(void *baton, apr_size_t done, apr_size_t total)
{
    ctl_progress_t *progress = baton;
    apr_time_t now;

    if (!progress->listening) {
        listen_to_signals(progress);
    }
    if (progress->terminal && (now = apr_time_now()) >= progress->next) {
        draw(progress, done, total);
        progress->next = now + STEP_US;
    }
    return caught;
}

void ctl_progress_end(ctl_progress_t *progress)
{
    size_t i;

    if (progress->drawn > 0) {
        fprintf(stderr, "\r%*s\r", progress->drawn, "");
        fflush(stderr);
        progress->drawn = 0;
    }
    for (i = 0; i < NSIGNALS && progress->listening; i++) {
        sigaction(signals[i], &progress->before[i], NULL);
    }
    progress->listening = 0;
}

void ctl_progress_obey(void)
{
    if (caught != 0) {
        raise(caught);
    }
}

void ctl_progress_look(ctl_t *ctl, certmap_source_t *store)
{
    ctl_progress_t *progress = ctl_progress_start(ctl, certmap_source_store_path(store));
    certmap_store_report_t report;

    certmap_source_store_look(store, ctl_progress_step, progress, &report, ctl->pool);
    ctl_progress_end(progress);
    ctl_progress_obey();
}
