/* SPDX-License-Identifier: Apache-2.0 */
/* check --certificates: which of them are not valid now. */
#include "check.h"

#include <string.h>

#include <apr_file_info.h>

#include "certificate.h"

static int take_certificates(ctl_check_t *check, const char *path, int *count)
{
    apr_pool_t *p = check->ctl->pool;
    STACK_OF(X509) *all;
    int i;

    if (ctl_certificates_read(check->ctl, path, &all) != CTL_OK) {
        return CTL_ERROR;
    }
    for (i = 0; i < sk_X509_num(all); i++) {
        const certmap_cert_t *cert;
        certmap_reason_e dates;
        apr_time_t at;

        if (certmap_cert_create(sk_X509_value(all, i), &cert, p) != APR_SUCCESS) {
            return ctl_fail(check->ctl, "%s: OpenSSL failed", ctl_printable(path, p));
        }
        ++*count;
        dates = certmap_verdict_dates(cert, check->now);
        if (dates != CERTMAP_R_NONE) {
            at = dates == CERTMAP_R_EXPIRED ? certmap_cert_not_after(cert) : certmap_cert_not_before(cert);
            APR_ARRAY_PUSH(check->stale, ctl_stale_t) = (ctl_stale_t){
                cert, apr_psprintf(p, "%s: %s %s %s", path, certmap_cert_subject_text(cert),
                                   dates == CERTMAP_R_EXPIRED ? "has expired on" : "is not valid before",
                                   ctl_time_text(at, p))
            };
        }
    }
    return CTL_OK;
}

static int ends_with(const char *name, const char *end)
{
    apr_size_t n = strlen(name), m = strlen(end);

    return n > m && strcmp(name + n - m, end) == 0;
}

/* Files of a directory that hold certificates; keys and whatever else is there are passed over. */
static int take_directory(ctl_check_t *check, const char *path, int *count)
{
    apr_pool_t *p = check->ctl->pool;
    apr_finfo_t info;
    apr_dir_t *dir;
    int status = CTL_OK;

    if (apr_dir_open(&dir, path, p) != APR_SUCCESS) {
        return ctl_fail(check->ctl, "%s: cannot be read", ctl_printable(path, p));
    }
    while (status == CTL_OK && apr_dir_read(&info, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        const char *file = apr_pstrcat(p, path, "/", info.name, NULL);
        certmap_str_t text;

        if (apr_stat(&info, file, APR_FINFO_TYPE | APR_FINFO_SIZE, p) != APR_SUCCESS || info.filetype != APR_REG
            || info.size > (apr_off_t)CTL_CERTIFICATE_MAX) {
            continue;
        }
        status = ctl_read(check->ctl, file, CTL_CERTIFICATE_MAX, &text);
        if (status == CTL_OK
            && (strstr(text.data, "-----BEGIN CERTIFICATE-----") || ends_with(file, ".der")
                || ends_with(file, ".cer"))) {
            status = take_certificates(check, file, count);
        }
    }
    apr_dir_close(dir);
    return status;
}

int ctl_check_dates(ctl_check_t *check, const char *path)
{
    apr_finfo_t info;
    int count = 0, status;

    if (apr_stat(&info, path, APR_FINFO_TYPE, check->ctl->pool) == APR_SUCCESS && info.filetype == APR_DIR) {
        status = take_directory(check, path, &count);
        return status != CTL_OK || count > 0 ? status
                                             : ctl_fail(check->ctl, "%s: no certificate in this directory",
                                                        ctl_printable(path, check->ctl->pool));
    }
    return take_certificates(check, path, &count);
}
