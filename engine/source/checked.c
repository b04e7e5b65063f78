/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which stores have been checked, in memory that all processes of a server share, so that one of them reads a gigabyte
 * and not each. A file is known by its device, inode, size, times and seal; what changes one of them is another file.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <sys/mman.h>

#include "source/sealed.h"

/* How many files are remembered; beyond that the first one is forgotten, and checked again when it is opened. */
#define ROOM 64

/* How often a process waits for another one's check, and how long each time, before it makes its own. */
#define WAITS 100
#define WAIT_NS 100000000

typedef struct checked_slot_t {
    int known; /* certmap_known_e; written last */
    int settled;
    certmap_state_t state;
    unsigned char digest[32];
} checked_slot_t;

struct certmap_checked_t {
    pthread_mutex_t lock; /* robust: its holder may have been killed */
    unsigned next;
    checked_slot_t slots[ROOM];
};

certmap_checked_t *certmap_checked_create(void)
{
    pthread_mutexattr_t attributes;
    certmap_checked_t *checked = mmap(NULL, sizeof(*checked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                                      0);
    int rc;

    if (checked == MAP_FAILED || pthread_mutexattr_init(&attributes) != 0) {
        return NULL;
    }
    rc = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    if (rc == 0) {
        rc = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    }
    if (rc == 0) {
        rc = pthread_mutex_init(&checked->lock, &attributes);
    }
    pthread_mutexattr_destroy(&attributes);
    return rc == 0 ? checked : NULL;
}

static int wait_for_lock(certmap_checked_t *checked)
{
    struct timespec end;
    int rc;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += WAIT_NS;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    rc = pthread_mutex_timedlock(&checked->lock, &end);
    return rc == EOWNERDEAD ? pthread_mutex_consistent(&checked->lock) : rc;
}

/* A process that cannot get the lock continues without it: it is only there so that work is not done twice. Slots are
 * read and written only by those that have it. */
int certmap_checked_lock(certmap_checked_t *checked, certmap_progress_fn *progress, void *baton)
{
    int rc = ETIMEDOUT;
    int i;

    for (i = 0; checked != NULL && i < WAITS && rc == ETIMEDOUT; i++) {
        rc = wait_for_lock(checked);
        if (rc == ETIMEDOUT && progress != NULL && progress(baton, 0, 1) != 0) {
            return -1;
        }
    }
    return rc == 0;
}

void certmap_checked_unlock(certmap_checked_t *checked)
{
    pthread_mutex_unlock(&checked->lock);
}

certmap_known_e certmap_checked_find(const certmap_checked_t *checked, const certmap_state_t *state,
                                     const unsigned char digest[32])
{
    int i;

    for (i = 0; i < ROOM; i++) {
        const checked_slot_t *slot = &checked->slots[i];

        if (slot->known != CERTMAP_KNOWN_NOT && certmap_state_same(&slot->state, state)
            && memcmp(slot->digest, digest, 32) == 0 && (slot->settled || !certmap_state_is_settled(state))) {
            return (certmap_known_e)slot->known;
        }
    }
    return CERTMAP_KNOWN_NOT;
}

/* A process may be killed between any two of these lines. */
void certmap_checked_remember(certmap_checked_t *checked, const certmap_state_t *state, const unsigned char digest[32],
                              int whole, int settled)
{
    checked_slot_t *slot = NULL;
    int i;

    for (i = 0; i < ROOM && slot == NULL; i++) {
        if (certmap_state_same(&checked->slots[i].state, state)) {
            slot = &checked->slots[i];
        }
    }
    if (slot == NULL) {
        slot = &checked->slots[checked->next++ % ROOM];
    }
    __atomic_store_n(&slot->known, CERTMAP_KNOWN_NOT, __ATOMIC_SEQ_CST);
    slot->state = *state;
    slot->settled = settled;
    memcpy(slot->digest, digest, 32);
    __atomic_store_n(&slot->known, whole ? CERTMAP_KNOWN_WHOLE : CERTMAP_KNOWN_DAMAGED, __ATOMIC_SEQ_CST);
}

/* ---- how a file is ------------------------------------------------------------------------------------------- */

static apr_int64_t nanoseconds(const struct timespec *t)
{
    return (apr_int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

void certmap_state_of(const struct stat *st, certmap_state_t *state)
{
    state->dev = (apr_uint64_t)st->st_dev;
    state->ino = (apr_uint64_t)st->st_ino;
    state->size = (apr_uint64_t)st->st_size;
    state->mtime = nanoseconds(&st->st_mtim);
    state->ctime = nanoseconds(&st->st_ctim);
}

int certmap_state_same(const certmap_state_t *a, const certmap_state_t *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime == b->mtime && a->ctime == b->ctime;
}

int certmap_state_holds(const certmap_state_t *state, const struct stat *st)
{
    certmap_state_t now;

    certmap_state_of(st, &now);
    if (st->st_nlink == 0) {
        now.ctime = state->ctime;
    }
    return certmap_state_same(state, &now);
}

/* A clock that was put back leaves times in the future; what is written now does not get these either. */
int certmap_state_is_settled(const certmap_state_t *state)
{
    struct timespec t;
    apr_int64_t age;

    clock_gettime(CLOCK_REALTIME, &t);
    age = nanoseconds(&t) - state->ctime;
    return (age < 0 ? -age : age) > (apr_int64_t)CERTMAP_SETTLED_SECONDS * 1000000000;
}

int certmap_is_remote(unsigned long type)
{
    static const unsigned long types[] = {
        0x6969,     /* NFS */
        0x517b,     /* SMB */
        0xff534d42, /* CIFS */
        0xfe534d42, /* SMB 2 and later */
        0x65735546, /* FUSE, which may be anything */
        0x01021997, /* 9P */
        0x00c36400, /* Ceph */
        0x5346414f, /* AFS */
        0x6b414653, /* the kernel's AFS */
        0x73757245, /* Coda */
        0x7461636f, /* OCFS2 */
        0x01161970, /* GFS2 */
        0x0bd00bd0, /* Lustre */
        0x47504653, /* GPFS */
        0x19830326, /* BeeGFS */
        0x786f4256, /* VirtualBox's shared folders */
    };
    apr_size_t i;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i] == (type & 0xffffffff)) {
            return 1;
        }
    }
    return 0;
}
