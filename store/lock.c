/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock of those who write a store, on the new file that each of them would make. Readers take none.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "store/internal.h"

#define LOCK_STEP_MS 20

/* Bytes of the file, far after the end of any store, that are locked. */
#define LOCK_BYTE ((off_t)1 << 60)
#define LOCK_NAME_BYTE (LOCK_BYTE + 1)

static const char *system_text(apr_status_t rv, apr_pool_t *p)
{
    char buf[200];

    return apr_pstrdup(p, apr_strerror(rv, buf, sizeof(buf)));
}

static struct flock lock_on(off_t byte)
{
    struct flock lock;

    memset(&lock, 0, sizeof(lock));
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = byte;
    lock.l_len = 1;
    return lock;
}

/* The name of a process's command, where the system gives it. @return NULL when it does not */
static const char *command_of(pid_t pid, apr_pool_t *p)
{
    char name[64];
    int fd = open(apr_psprintf(p, "/proc/%ld/comm", (long)pid), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, name, sizeof(name)) : 0;

    if (fd >= 0) {
        close(fd);
    }
    return n > 1 ? apr_pstrmemdup(p, name, (apr_size_t)n - (name[n - 1] == '\n')) : NULL;
}

/* The holder of the lock. Locks of an open file have no owner, so writers put their process's name on the next byte. */
static const char *who_holds(int fd, apr_pool_t *p)
{
    struct flock name = lock_on(LOCK_NAME_BYTE);
    const char *command;

    if (fcntl(fd, F_GETLK, &name) != 0 || name.l_type == F_UNLCK || name.l_pid <= 0) {
        return "another process is at work on it";
    }
    command = command_of(name.l_pid, p);
    return command != NULL ? apr_psprintf(p, "process %ld (%s) is at work on it", (long)name.l_pid, command)
                           : apr_psprintf(p, "process %ld is at work on it", (long)name.l_pid);
}

/* Locks an open file. @return APR_SUCCESS, APR_EBUSY with *why, or an error of the system */
static apr_status_t lock_file(int fd, const char **why, apr_pool_t *p)
{
    int waited;

    for (waited = 0;; waited += LOCK_STEP_MS) {
        struct flock lock = lock_on(LOCK_BYTE);
        struct flock name = lock_on(LOCK_NAME_BYTE);

        if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
            (void)fcntl(fd, F_SETLK, &name);
            return APR_SUCCESS;
        }
        if (errno != EACCES && errno != EAGAIN && errno != EINTR) {
            *why = system_text(errno, p);
            return errno;
        }
        if (waited >= CERTMAP_STORE_LOCK_MS) {
            *why = who_holds(fd, p);
            return APR_EBUSY;
        }
        apr_sleep(apr_time_from_msec(LOCK_STEP_MS));
    }
}

static apr_status_t close_fd(void *data)
{
    close(*(int *)data);
    return APR_SUCCESS;
}

/* Nobody but its account can read it before it is done. */
apr_status_t certmap_store_lock(const char *path, int *fd, const char **why, apr_pool_t *p)
{
    int *held = apr_palloc(p, sizeof(*held));

    for (;;) {
        struct stat mine;
        struct stat there;
        apr_status_t rv;

        *fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
        if (*fd < 0) {
            rv = errno;
            *why = system_text(rv, p);
            return rv;
        }
        *held = *fd;
        apr_pool_cleanup_register(p, held, close_fd, apr_pool_cleanup_null);
        rv = lock_file(*fd, why, p);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        /* While this one waited, the other one's file has got the store's name, or is gone. */
        if (fstat(*fd, &mine) == 0 && lstat(path, &there) == 0 && mine.st_ino == there.st_ino
            && mine.st_dev == there.st_dev) {
            return APR_SUCCESS;
        }
        apr_pool_cleanup_run(p, held, close_fd);
    }
}
