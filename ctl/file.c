/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files in, whole files out: a reader of what is written meets the old file or the new one, never a part. */
#include "ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_portable.h>

static apr_status_t release(void *data)
{
    free(data);
    return APR_SUCCESS;
}

/* Room for so many bytes and a NUL, for as long as the pool lives. A pool alone would keep every size it ever had. */
static char *grown(char *data, apr_size_t room, apr_pool_t *p)
{
    char *larger;

    apr_pool_cleanup_kill(p, data, release);
    larger = realloc(data, room + 1);
    if (larger == NULL) {
        apr_pool_abort_get(p)(APR_ENOMEM);
        abort();
    }
    apr_pool_cleanup_register(p, larger, release, apr_pool_cleanup_null);
    return larger;
}

int ctl_read(ctl_t *ctl, const char *path, apr_size_t most, certmap_str_t *text)
{
    const char *name = strcmp(path, "-") == 0 ? "standard input" : ctl_printable(path, ctl->pool);
    apr_size_t room = 65536, len = 0;
    apr_finfo_t info;
    apr_file_t *file;
    apr_status_t rv;
    char *data;

    rv = strcmp(path, "-") == 0 ? apr_file_open_stdin(&file, ctl->pool)
                                : apr_file_open(&file, path, APR_READ | APR_BINARY, APR_OS_DEFAULT, ctl->pool);
    if (rv == APR_SUCCESS && apr_file_info_get(&info, APR_FINFO_TYPE | APR_FINFO_SIZE, file) == APR_SUCCESS) {
        if (info.filetype == APR_DIR) {
            rv = APR_FROM_OS_ERROR(EISDIR);
        }
        else if (info.filetype == APR_REG && info.size >= 0 && (apr_uint64_t)info.size < most) {
            room = (apr_size_t)info.size + 1;
        }
    }
    data = grown(NULL, room, ctl->pool);
    while (rv == APR_SUCCESS) {
        apr_size_t n = room - len;

        rv = apr_file_read(file, data + len, &n);
        len += rv == APR_SUCCESS ? n : 0;
        if (len > most) {
            return ctl_fail(ctl, "%s: larger than %" APR_SIZE_T_FMT " bytes", name, most);
        }
        if (rv == APR_SUCCESS && len == room) {
            room = room < most / 2 ? 2 * room : most + 1;
            data = grown(data, room, ctl->pool);
        }
    }
    if (rv != APR_EOF) {
        return ctl_fail(ctl, "%s: %s", name, ctl_why(ctl, rv));
    }
    apr_file_close(file);
    data[len] = '\0';
    *text = (certmap_str_t){ data, len };
    return CTL_OK;
}

/* Into a new file next to it, which then takes its name, its mode and, where that is allowed, its owner. */
static apr_status_t replace(const char *path, const struct stat *old, certmap_str_t text, apr_pool_t *p)
{
    char *temporary = apr_pstrcat(p, path, ".XXXXXX", NULL);
    mode_t mask = umask(077);
    apr_file_t *file;
    apr_status_t rv;
    int fd;

    umask(mask);
    rv = apr_file_mktemp(&file, temporary, APR_FOPEN_CREATE | APR_FOPEN_EXCL | APR_FOPEN_WRITE | APR_FOPEN_BINARY, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_file_write_full(file, text.data, text.len, NULL);
    apr_os_file_get(&fd, file);
    /* Read by the same as before, but never run as its owner. */
    if (rv == APR_SUCCESS && old != NULL && fchown(fd, old->st_uid, old->st_gid) != 0 && errno != EPERM) {
        rv = errno;
    }
    if (rv == APR_SUCCESS && fchmod(fd, old != NULL ? old->st_mode & 0777 : 0666 & ~mask) != 0) {
        rv = errno;
    }
    rv = rv == APR_SUCCESS ? apr_file_sync(file) : rv;
    if (rv == APR_SUCCESS) {
        rv = apr_file_close(file);
    }
    else {
        apr_file_close(file);
    }
    rv = rv == APR_SUCCESS ? apr_file_rename(temporary, path, p) : rv;
    if (rv != APR_SUCCESS) {
        apr_file_remove(temporary, p);
    }
    return rv;
}

/* Into a device or a pipe, whose name no file may take. */
static apr_status_t pour(const char *path, certmap_str_t text, apr_pool_t *p)
{
    apr_file_t *file;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_WRITE | APR_FOPEN_BINARY, APR_OS_DEFAULT, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_file_write_full(file, text.data, text.len, NULL);
    if (rv != APR_SUCCESS) {
        apr_file_close(file);
        return rv;
    }
    return apr_file_close(file);
}

static int to_stdout(ctl_t *ctl, certmap_str_t text)
{
    return fwrite(text.data, 1, text.len, stdout) == text.len ? CTL_OK
                                                              : ctl_fail(ctl, "cannot write to standard output");
}

int ctl_write(ctl_t *ctl, const char *path, certmap_str_t text)
{
    struct stat old, out;
    apr_status_t rv;

    if (!path || strcmp(path, "-") == 0) {
        return to_stdout(ctl, text);
    }
    if (stat(path, &old) != 0) {
        /* A link that leads nowhere has its place from somebody who meant something by it (/dev/stdout when closed). */
        rv = errno;
        if (rv == ENOENT && lstat(path, &old) != 0) {
            rv = replace(path, NULL, text, ctl->pool);
        }
    }
    else if (fstat(STDOUT_FILENO, &out) == 0 && out.st_dev == old.st_dev && out.st_ino == old.st_ino) {
        return to_stdout(ctl, text); /* /dev/stdout, wherever that leads */
    }
    else if (S_ISREG(old.st_mode)) {
        char *real = realpath(path, NULL); /* what a link names is replaced, not the link */

        rv = real != NULL ? replace(real, &old, text, ctl->pool) : errno;
        free(real);
    }
    else {
        rv = pour(path, text, ctl->pool);
    }
    return rv == APR_SUCCESS ? CTL_OK : ctl_fail(ctl, "%s: %s", ctl_printable(path, ctl->pool), ctl_why(ctl, rv));
}
