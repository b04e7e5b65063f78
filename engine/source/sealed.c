/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed files: opened, checked and asked. Everything that is read is checked against the file's end, so that a file
 * that somebody has sealed with bad intent is an error, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "source/sealed.h"

/* What is read at a time. */
#define CHUNK ((apr_size_t)256 * 1024)

/* Where a cdb's records begin; before them are its tables' places. */
#define RECORDS_AT 2048

/* A mark's place in the file: its lengths, and itself. */
#define MARK_AT (RECORDS_AT + 8)

/* How long a file may take to lose its name. */
#define LOSING_TRIES 5
#define LOSING_STEP apr_time_from_msec(1)

static const char magic[16] = "certmap seal";

const char certmap_store_damaged[] = "it is damaged";
const char certmap_store_changing[] = "it changes while it is read";

/* ---- the seal ------------------------------------------------------------------------------------------------ */

void certmap_seal_pack(const certmap_seal_t *seal, unsigned char to[CERTMAP_SEAL_LEN])
{
    certmap_key_kind_e kind;

    memset(to, 0, CERTMAP_SEAL_LEN);
    memcpy(to, magic, sizeof(magic));
    certmap_put_number(to + 16, CERTMAP_STORE_VERSION, 4);
    certmap_put_number(to + 24, seal->build, 8);
    for (kind = CERTMAP_K_SHA256; kind < CERTMAP_K_COUNT; kind++) {
        unsigned char *at = to + 32 + 8 * (certmap_key_kinds[kind].tag - 1);

        certmap_put_number(at, seal->counts[kind], 8);
        certmap_put_number(at + 8 * CERTMAP_SEAL_TAGS, seal->denies[kind], 8);
    }
    memcpy(to + CERTMAP_SEAL_LEN - 32, seal->digest, 32);
}

const char *certmap_seal_unpack(const unsigned char from[CERTMAP_SEAL_LEN], certmap_seal_t *seal)
{
    certmap_key_kind_e kind;

    memset(seal, 0, sizeof(*seal));
    if (memcmp(from, magic, sizeof(magic)) != 0) {
        return "it is cut off, or was not written to its end";
    }
    if (certmap_get_number(from + 16, 4) != CERTMAP_STORE_VERSION) {
        return "a store of another version; build it again with this version's certmapctl";
    }
    seal->build = certmap_get_number(from + 24, 8);
    for (kind = CERTMAP_K_SHA256; kind < CERTMAP_K_COUNT; kind++) {
        const unsigned char *at = from + 32 + 8 * (certmap_key_kinds[kind].tag - 1);

        seal->counts[kind] = certmap_get_number(at, 8);
        seal->denies[kind] = certmap_get_number(at + 8 * CERTMAP_SEAL_TAGS, 8);
    }
    memcpy(seal->digest, from + CERTMAP_SEAL_LEN - 32, 32);
    return NULL;
}

/* ---- opening ------------------------------------------------------------------------------------------------- */

static apr_status_t close_sealed(void *data)
{
    certmap_sealed_t *sealed = data;

    if (sealed->cdb.cdb_mem != NULL) {
        cdb_free(&sealed->cdb);
    }
    close(sealed->fd);
    return APR_SUCCESS;
}

static const char *system_text(apr_status_t rv, apr_pool_t *p)
{
    char buf[200];

    return apr_pstrdup(p, apr_strerror(rv, buf, sizeof(buf)));
}

/* @return 1, or 0 when the file has not that many bytes there */
static int read_at(int fd, void *to, apr_size_t len, apr_uint64_t at)
{
    ssize_t n;

    do {
        n = pread(fd, to, len, (off_t)at);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)len;
}

static int has_mark(int fd)
{
    char mark[CERTMAP_STORE_MARK_LEN];

    return read_at(fd, mark, sizeof(mark), MARK_AT) && memcmp(mark, CERTMAP_STORE_MARK, sizeof(mark)) == 0;
}

/* Looks at the file's ends. */
static apr_status_t look_at(certmap_sealed_t *sealed, const struct stat *st, const char **why)
{
    unsigned char bytes[CERTMAP_SEAL_LEN];
    certmap_key_kind_e kind;

    if (!S_ISREG(st->st_mode)) {
        *why = S_ISDIR(st->st_mode) ? "a directory; a store is one file" : "not a regular file";
        return APR_EINVAL;
    }
    if (st->st_size == 0) {
        *why = "the file is empty";
        return APR_EGENERAL;
    }
    if (!has_mark(sealed->fd)) {
        *why = "not a store of certmap entries";
        return APR_EINVAL;
    }
    if (sealed->state.size > CERTMAP_STORE_MAX || sealed->state.size < MARK_AT + CERTMAP_SEAL_LEN
        || !read_at(sealed->fd, bytes, sizeof(bytes), sealed->state.size - sizeof(bytes))) {
        *why = "it is cut off, or was not written to its end";
        return APR_EGENERAL;
    }
    *why = certmap_seal_unpack(bytes, &sealed->seal);
    for (kind = CERTMAP_K_SHA256; kind < CERTMAP_K_COUNT; kind++) {
        sealed->kinds |= sealed->seal.counts[kind] > 0 ? CERTMAP_KIND_BIT(kind) : 0;
        sealed->deny_kinds |= sealed->seal.denies[kind] > 0 ? CERTMAP_KIND_BIT(kind) : 0;
    }
    return *why == NULL ? APR_SUCCESS : APR_EGENERAL;
}

apr_status_t certmap_sealed_take(int fd, certmap_sealed_t **sealed, const char **why, apr_pool_t *p)
{
    certmap_sealed_t *s = apr_pcalloc(p, sizeof(*s));
    struct statfs fs;
    struct stat st;
    apr_status_t rv;

    *why = NULL;
    s->fd = fd;
    apr_pool_cleanup_register(p, s, close_sealed, apr_pool_cleanup_null);
    if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0) {
        rv = errno;
        *why = system_text(rv, p);
    }
    else {
        s->remote = certmap_is_remote((unsigned long)fs.f_type);
        certmap_state_of(&st, &s->state);
        rv = look_at(s, &st, why);
    }
    if (rv == APR_SUCCESS && cdb_init(&s->cdb, fd) != 0) {
        rv = errno;
        *why = system_text(rv, p);
        s->cdb.cdb_mem = NULL;
    }
    if (rv != APR_SUCCESS) {
        apr_pool_cleanup_run(p, s, close_sealed);
        return rv;
    }
    *sealed = s;
    return APR_SUCCESS;
}

apr_status_t certmap_sealed_open(const char *path, certmap_sealed_t **sealed, const char **why, apr_pool_t *p)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not to wait for the writer of a FIFO */
    apr_status_t rv = errno;

    if (fd < 0) {
        *why = system_text(rv, p);
        return rv;
    }
    return certmap_sealed_take(fd, sealed, why, p);
}

/* ---- checking ------------------------------------------------------------------------------------------------ */

/* @return APR_SUCCESS, APR_EINTR, or an error of the system; APR_EOF when the file ends before */
static apr_status_t digest_chunks(EVP_MD_CTX *md, int fd, apr_uint64_t len, unsigned char *chunk,
                                  certmap_progress_fn *progress, void *baton)
{
    apr_uint64_t at = 0;

    while (at < len) {
        ssize_t n = pread(fd, chunk, len - at < CHUNK ? (size_t)(len - at) : CHUNK, (off_t)at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? errno : APR_EOF;
        }
        if (EVP_DigestUpdate(md, chunk, (size_t)n) != 1) {
            return APR_EGENERAL;
        }
        at += (apr_uint64_t)n;
        if (progress != NULL && progress(baton, (apr_size_t)at, (apr_size_t)len) != 0) {
            return APR_EINTR;
        }
    }
    return APR_SUCCESS;
}

apr_status_t certmap_sealed_digest(int fd, apr_uint64_t len, unsigned char digest[32], certmap_progress_fn *progress,
                                   void *baton, const char **why)
{
    unsigned char *chunk = malloc(len < CHUNK ? (size_t)len : CHUNK);
    apr_status_t rv = APR_ENOMEM;
    EVP_MD_CTX *md;

    ERR_set_mark();
    md = EVP_MD_CTX_new();
    if (chunk != NULL && md != NULL) {
        rv = EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 ? digest_chunks(md, fd, len, chunk, progress, baton)
                                                            : APR_EGENERAL;
        if (rv == APR_SUCCESS && EVP_DigestFinal_ex(md, digest, NULL) != 1) {
            rv = APR_EGENERAL;
        }
    }
    EVP_MD_CTX_free(md);
    ERR_pop_to_mark();
    free(chunk);
    *why = rv == APR_SUCCESS    ? NULL
           : rv == APR_EINTR    ? "stopped before it was done"
           : rv == APR_EOF      ? "it is cut off"
           : rv == APR_ENOMEM   ? "out of memory"
           : rv == APR_EGENERAL ? "OpenSSL does not provide SHA-256"
                                : "it cannot be read";
    return rv;
}

/* Reads it all. @return APR_SUCCESS: the seal holds or not (*whole), or an error with *why */
static apr_status_t read_all(const certmap_sealed_t *sealed, int *whole, certmap_progress_fn *progress, void *baton,
                             const char **why)
{
    unsigned char digest[32];
    struct stat st;
    apr_status_t rv = certmap_sealed_digest(sealed->fd, sealed->state.size - 32, digest, progress, baton, why);

    if (rv != APR_EINTR && (fstat(sealed->fd, &st) != 0 || !certmap_state_holds(&sealed->state, &st))) {
        *why = certmap_store_changing;
        return APR_EAGAIN;
    }
    *whole = rv == APR_SUCCESS && memcmp(digest, sealed->seal.digest, 32) == 0;
    return rv;
}

apr_status_t certmap_sealed_check(certmap_sealed_t *sealed, certmap_checked_t *checked, certmap_progress_fn *progress,
                                  void *baton, const char **why)
{
    int settled = certmap_state_is_settled(&sealed->state);
    int locked = certmap_checked_lock(sealed->remote ? NULL : checked, progress, baton);
    certmap_known_e known = CERTMAP_KNOWN_NOT;
    int whole = 0;
    apr_status_t rv;

    *why = NULL;
    if (locked < 0) {
        *why = "stopped before it was done";
        return APR_EINTR;
    }
    if (locked) { /* one process reads for all */
        known = certmap_checked_find(checked, &sealed->state, sealed->seal.digest);
        whole = known == CERTMAP_KNOWN_WHOLE;
    }
    rv = known == CERTMAP_KNOWN_NOT ? read_all(sealed, &whole, progress, baton, why) : APR_SUCCESS;
    if (locked) {
        if (known == CERTMAP_KNOWN_NOT && rv == APR_SUCCESS) {
            certmap_checked_remember(checked, &sealed->state, sealed->seal.digest, whole, settled);
        }
        certmap_checked_unlock(checked);
    }
    /* [promise store-damage] */
    if (rv == APR_SUCCESS && !whole) {
        *why = "its seal does not hold: it is damaged";
        rv = APR_EGENERAL;
    }
    sealed->settled = settled && rv == APR_SUCCESS;
    return rv;
}

/* ---- asking -------------------------------------------------------------------------------------------------- */

/* Asked at the very moment at which it loses its name, a file may have the time of that already, and still the name. */
int certmap_sealed_holds(const certmap_sealed_t *sealed)
{
    certmap_state_t now;
    struct stat st;
    int tries;

    /* [promise store-replaced] */
    for (tries = 0; tries < LOSING_TRIES; tries++) {
        if (fstat(sealed->fd, &st) != 0) {
            return 0;
        }
        if (certmap_state_holds(&sealed->state, &st)) {
            return 1;
        }
        certmap_state_of(&st, &now);
        now.ctime = sealed->state.ctime;
        if (!certmap_state_same(&sealed->state, &now)) {
            return 0;
        }
        apr_sleep(LOSING_STEP);
    }
    return 0;
}

int certmap_sealed_is_long_enough(const certmap_sealed_t *sealed)
{
    return lseek(sealed->fd, 0, SEEK_END) == (off_t)sealed->state.size;
}

int certmap_sealed_find(const certmap_sealed_t *sealed, const unsigned char hash[CERTMAP_HASH_LEN],
                        const unsigned char **record, apr_size_t *len)
{
    struct cdb cdb = sealed->cdb;
    int found = cdb_find(&cdb, hash, CERTMAP_HASH_LEN);

    if (found <= 0) {
        return found;
    }
    *record = cdb_getdata(&cdb);
    *len = cdb_datalen(&cdb);
    return *record != NULL ? 1 : -1;
}

apr_status_t certmap_sealed_entry(const certmap_sealed_t *sealed, const certmap_key_t *key, certmap_entry_t *entry,
                                  const char **key_text, apr_pool_t *p)
{
    const unsigned char *record;
    certmap_key_kind_e kind;
    apr_size_t len;
    int found = certmap_sealed_find(sealed, key->hash, &record, &len);

    if (found == 0) {
        return APR_NOTFOUND;
    }
    return found > 0 && certmap_store_record_unpack(record, len, &kind, entry, key_text, p) && kind == key->kind
               ? APR_SUCCESS
               : APR_EGENERAL;
}

void certmap_sealed_first(const certmap_sealed_t *sealed, certmap_sealed_iter_t *iter)
{
    memset(iter, 0, sizeof(*iter));
    iter->cdb = sealed->cdb;
    cdb_seqinit(&iter->at, &iter->cdb);
}

/* The mark is the first record, and no other has keys of its length. */
int certmap_sealed_next(certmap_sealed_iter_t *iter)
{
    const unsigned char *before = iter->hash;
    int first = iter->at == RECORDS_AT;
    int rc = cdb_seqnext(&iter->at, &iter->cdb);

    if (rc > 0 && first && cdb_keylen(&iter->cdb) == CERTMAP_STORE_MARK_LEN) {
        rc = cdb_seqnext(&iter->at, &iter->cdb);
    }
    if (rc <= 0) {
        return rc;
    }
    iter->hash = cdb_getkey(&iter->cdb);
    iter->record = cdb_getdata(&iter->cdb);
    iter->len = cdb_datalen(&iter->cdb);
    return cdb_keylen(&iter->cdb) == CERTMAP_HASH_LEN && iter->hash != NULL && iter->record != NULL
                   && (before == NULL || memcmp(before, iter->hash, CERTMAP_HASH_LEN) < 0)
               ? 1
               : -1;
}
