/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files in, whole files out: a reader of what is written meets the old file or the new one, never a part. */
#include "ctl.h"

#include <string.h>

#include <apr_file_io.h>

static const char *why(ctl_t *ctl, apr_status_t rv)
{
    char *text = apr_palloc(ctl->pool, 200);

    return apr_strerror(rv, text, 200);
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
    data = apr_palloc(ctl->pool, room + 1);
    while (rv == APR_SUCCESS) {
        apr_size_t n = room - len;

        rv = apr_file_read(file, data + len, &n);
        len += rv == APR_SUCCESS ? n : 0;
        if (len > most) {
            return ctl_fail(ctl, "%s: larger than %" APR_SIZE_T_FMT " bytes", name, most);
        }
        if (rv == APR_SUCCESS && len == room) {
            char *larger = apr_palloc(ctl->pool, room * 2 + 1);

            memcpy(larger, data, len);
            data = larger;
            room *= 2;
        }
    }
    if (rv != APR_EOF) {
        return ctl_fail(ctl, "%s: %s", name, why(ctl, rv));
    }
    apr_file_close(file);
    data[len] = '\0';
    *text = (certmap_str_t){ data, len };
    return CTL_OK;
}

/* Into a file beside it, which then takes its name. */
static apr_status_t replace(const char *path, certmap_str_t text, apr_pool_t *p)
{
    char *temporary = apr_pstrcat(p, path, ".XXXXXX", NULL);
    apr_fileperms_t mode = APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_GREAD | APR_FPROT_WREAD;
    apr_finfo_t info;
    apr_file_t *file;
    apr_status_t rv;

    if (apr_stat(&info, path, APR_FINFO_PROT, p) == APR_SUCCESS && (info.valid & APR_FINFO_PROT)) {
        mode = info.protection;
    }
    rv = apr_file_mktemp(&file, temporary, APR_FOPEN_CREATE | APR_FOPEN_EXCL | APR_FOPEN_WRITE | APR_FOPEN_BINARY, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_file_write_full(file, text.data, text.len, NULL);
    rv = rv == APR_SUCCESS ? apr_file_sync(file) : rv;
    if (rv == APR_SUCCESS) {
        rv = apr_file_close(file);
    }
    else {
        apr_file_close(file);
    }
    rv = rv == APR_SUCCESS ? apr_file_perms_set(temporary, mode) : rv;
    rv = rv == APR_SUCCESS ? apr_file_rename(temporary, path, p) : rv;
    if (rv != APR_SUCCESS) {
        apr_file_remove(temporary, p);
    }
    return rv;
}

int ctl_write(ctl_t *ctl, const char *path, certmap_str_t text)
{
    apr_status_t rv;

    if (!path || strcmp(path, "-") == 0) {
        return fwrite(text.data, 1, text.len, stdout) == text.len ? CTL_OK
                                                                   : ctl_fail(ctl, "cannot write to standard output");
    }
    rv = replace(path, text, ctl->pool);
    return rv == APR_SUCCESS ? CTL_OK : ctl_fail(ctl, "%s: %s", ctl_printable(path, ctl->pool), why(ctl, rv));
}
