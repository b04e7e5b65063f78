/* SPDX-License-Identifier: Apache-2.0 */
/* Runs another program, without a shell, and takes what it prints on both of its outputs. */
#include "conf.h"

#include <signal.h>
#include <string.h>

#include <apr_poll.h>
#include <apr_thread_proc.h>

/* One output of the program. */
typedef struct stream_t {
    apr_file_t *file;
    char *data;
    apr_size_t len;
    apr_size_t room;
    apr_size_t most;
    int open;
    int cut; /* there was more than `most` */
} stream_t;

static void append(stream_t *stream, const char *data, apr_size_t n, apr_pool_t *p)
{
    if (n > stream->most - stream->len) {
        stream->cut = 1;
        n = stream->most - stream->len;
    }
    if (stream->len + n >= stream->room) {
        char *larger;

        stream->room = 2 * (stream->len + n) + 65536;
        larger = apr_palloc(p, stream->room);
        if (stream->len > 0) {
            memcpy(larger, stream->data, stream->len);
        }
        stream->data = larger;
    }
    memcpy(stream->data + stream->len, data, n);
    stream->len += n;
}

static void read_some(stream_t *stream, apr_pool_t *p)
{
    char buffer[16384];
    apr_size_t n = sizeof(buffer);
    apr_status_t rv = apr_file_read(stream->file, buffer, &n);

    if (rv == APR_SUCCESS) {
        append(stream, buffer, n, p);
    }
    else if (!APR_STATUS_IS_EAGAIN(rv) && !APR_STATUS_IS_EINTR(rv)) {
        stream->open = 0;
    }
}

/* Reads both until both have ended. @return APR_SUCCESS, or APR_TIMEUP */
static apr_status_t read_all(stream_t *streams, apr_time_t end, apr_pool_t *p)
{
    for (;;) {
        apr_pollfd_t fds[2];
        apr_time_t left = end - apr_time_now();
        apr_int32_t n = 0, ready;
        apr_status_t rv;
        int i;

        for (i = 0; i < 2; i++) {
            if (streams[i].open) {
                fds[n++] = (apr_pollfd_t){ .p = p,
                                           .desc_type = APR_POLL_FILE,
                                           .reqevents = APR_POLLIN,
                                           .desc.f = streams[i].file,
                                           .client_data = &streams[i] };
            }
        }
        if (n == 0) {
            return APR_SUCCESS;
        }
        if (left <= 0) {
            return APR_TIMEUP;
        }
        rv = apr_poll(fds, n, &ready, left);
        if (rv != APR_SUCCESS && !APR_STATUS_IS_EINTR(rv)) {
            return rv;
        }
        for (i = 0; i < n && rv == APR_SUCCESS; i++) {
            if (fds[i].rtnevents) {
                read_some(fds[i].client_data, p);
            }
        }
    }
}

/* In the child that could not become the program. Its standard error is our pipe. */
static void cannot_run(apr_pool_t *p, apr_status_t rv, const char *description)
{
    char text[200];

    (void)p;
    fprintf(stderr, "%s: %s\n", description, apr_strerror(rv, text, sizeof(text)));
    fflush(stderr);
}

static certmap_str_t ended(stream_t *stream, apr_pool_t *p)
{
    append(stream, "", 0, p);
    stream->data[stream->len] = '\0';
    return (certmap_str_t){ stream->data, stream->len };
}

int ctl_run(ctl_t *ctl, const char *const *argv, int seconds, certmap_str_t *out, certmap_str_t *err, int *status)
{
    stream_t streams[2] = { { .most = CTL_TEXT_MAX, .open = 1 }, { .most = CTL_STDERR_MAX, .open = 1 } };
    const char *name = ctl_printable(argv[0], ctl->pool);
    apr_procattr_t *attr;
    apr_proc_t process;
    apr_exit_why_e how;
    apr_status_t rv;

    rv = apr_procattr_create(&attr, ctl->pool);
    rv = rv ? rv : apr_procattr_io_set(attr, APR_NO_FILE, APR_CHILD_BLOCK, APR_CHILD_BLOCK);
    rv = rv ? rv : apr_procattr_cmdtype_set(attr, APR_PROGRAM_PATH);
    rv = rv ? rv : apr_procattr_child_errfn_set(attr, cannot_run);
    fflush(stdout);
    fflush(stderr);
    rv = rv ? rv : apr_proc_create(&process, argv[0], argv, NULL, attr, ctl->pool);
    if (rv != APR_SUCCESS) {
        return ctl_fail(ctl, "%s: %s", name, ctl_why(ctl, rv));
    }
    streams[0].file = process.out;
    streams[1].file = process.err;
    rv = read_all(streams, apr_time_now() + apr_time_from_sec(seconds), ctl->pool);
    if (rv != APR_SUCCESS) {
        apr_proc_kill(&process, SIGKILL);
    }
    apr_file_close(process.out);
    apr_file_close(process.err);
    apr_proc_wait(&process, status, &how, APR_WAIT);
    *out = ended(&streams[0], ctl->pool);
    *err = ended(&streams[1], ctl->pool);
    if (APR_STATUS_IS_TIMEUP(rv)) {
        return ctl_fail(ctl, "%s: has not ended within %d seconds", name, seconds);
    }
    if (rv != APR_SUCCESS) {
        return ctl_fail(ctl, "%s: %s", name, ctl_why(ctl, rv));
    }
    if (streams[0].cut) {
        return ctl_fail(ctl, "%s: has printed more than %" APR_SIZE_T_FMT " bytes", name, streams[0].most);
    }
    if (!APR_PROC_CHECK_EXIT(how)) {
        return ctl_fail(ctl, "%s: was ended by signal %d", name, *status);
    }
    return CTL_OK;
}
