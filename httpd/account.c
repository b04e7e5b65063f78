/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As root it is tried, which knows of access control lists and all else. Anybody else (httpd -t of a person, certmapctl
 * check) can only look at the modes of the file and of the folders that lead to it.
 */
#include "account.h"

#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_strings.h>
#include <unixd.h>

#include "certmap.h"

/* ---- as root ----------------------------------------------------------------------------------------------------- */

/* Before the server runs there is one thread. */
static int try_as_account(const char *path, int mode)
{
    gid_t groups[CERTMAP_ACCOUNT_GROUPS_MOST];
    int n = getgroups(CERTMAP_ACCOUNT_GROUPS_MOST, groups), may = 0;

    if (n < 0 || initgroups(ap_unixd_config.user_name, ap_unixd_config.group_id) != 0) {
        return 0;
    }
    if (setegid(ap_unixd_config.group_id) == 0) {
        if (seteuid(ap_unixd_config.user_id) == 0) {
            may = eaccess(path, mode) == 0;
            if (seteuid(0) != 0) {
                may = 0;
            }
        }
        if (setegid(getgid()) != 0) {
            may = 0;
        }
    }
    return setgroups((size_t)n, groups) == 0 && may;
}

/* ---- as anybody else --------------------------------------------------------------------------------------------- */

static int is_member(gid_t group)
{
    gid_t groups[CERTMAP_ACCOUNT_GROUPS_MOST];
    int i, n = CERTMAP_ACCOUNT_GROUPS_MOST;

    if (group == ap_unixd_config.group_id) {
        return 1;
    }
    if (getgrouplist(ap_unixd_config.user_name, ap_unixd_config.group_id, groups, &n) < 0) {
        return 0;
    }
    for (i = 0; i < n && groups[i] != group; i++) {
    }
    return i < n;
}

/* bit: 4 to read, 2 to write, 1 to pass */
static int mode_allows(const struct stat *info, unsigned bit)
{
    unsigned shift = info->st_uid == ap_unixd_config.user_id ? 6 : is_member(info->st_gid) ? 3 : 0;

    return (info->st_mode >> shift & bit) != 0;
}

static int modes_allow(const char *path, unsigned bit, apr_pool_t *p)
{
    char *folder = apr_pstrdup(p, path), *slash;
    struct stat info;

    if (stat(path, &info) != 0 || !mode_allows(&info, bit)) {
        return 0;
    }
    while ((slash = strrchr(folder, '/')) != NULL) {
        slash[slash == folder] = '\0';
        if (stat(folder, &info) != 0 || !mode_allows(&info, 1)) {
            return 0;
        }
        if (slash == folder) {
            break;
        }
    }
    return 1;
}

int certmap_account_is_other(void)
{
    uid_t user = ap_unixd_config.user_id;

    return user != (uid_t)-1 && user != geteuid() && user != 0; /* -1: there is no User */
}

int certmap_account_reads(const char *path, apr_pool_t *p)
{
    return geteuid() == 0 ? try_as_account(path, R_OK) : modes_allow(path, 4, p);
}

int certmap_account_writes(const char *path, apr_pool_t *p)
{
    return geteuid() == 0 ? try_as_account(path, W_OK) : modes_allow(path, 2, p);
}
