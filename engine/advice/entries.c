/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not wrong with a file of entries but may not be meant: weak keys, entries that have expired, keys that are
 * in two files. Tables may have millions of entries: nothing here looks at pairs of them.
 */
#include <string.h>

#include <apr_strings.h>

#include "advice/advice.h"
#include "entries/internal.h"

/* Entries between two clearings of the pool that they are unpacked into. */
#define ENTRIES_PER_CLEAR 256

typedef struct entry_linter_t {
    certmap_sink_t sink;
    certmap_strength_e min;
    apr_time_t now;
    apr_size_t first_weak[CERTMAP_K_COUNT]; /* line of the first allow entry that is too weak, or weak; 0: none */
    apr_size_t weak[CERTMAP_K_COUNT];       /* and how many there are */
} entry_linter_t;

static void lint_entry(entry_linter_t *l, const certmap_entry_t *entry, certmap_key_kind_e kind, int line)
{
    if (entry->effect.expires != 0 && l->now >= entry->effect.expires) {
        certmap_sink_warning(&l->sink, (certmap_place_t){ line, 1 },
                             entry->deny ? "this entry has expired; it still "
                                           "denies"
                                         : "this entry has expired; it refuses the certificates that it names");
    }
    if (!entry->deny && (entry->effect.strength == CERTMAP_WEAK || entry->effect.strength < l->min)
        && l->weak[kind]++ == 0) {
        l->first_weak[kind] = (apr_size_t)line;
    }
}

/* Reported once for each type: a file has thousands of one type, and one remedy. */
static void tell_weak(entry_linter_t *l, certmap_key_kind_e kind)
{
    const char *name = certmap_key_kind_name(kind);
    const char *more = l->weak[kind] == 1
                           ? ""
                           : apr_psprintf(l->sink.pool, "; %" APR_SIZE_T_FMT " more are like it", l->weak[kind] - 1);
    certmap_place_t at = { (int)l->first_weak[kind], 1 };

    if (l->weak[kind] == 0) {
        return;
    }
    if (certmap_key_kind_strength(kind) < l->min) {
        certmap_sink_warning(&l->sink, at,
                             "an entry of type %s is %s, %s is required: it refuses the certificates that it "
                             "names%s",
                             name, certmap_strength_name(certmap_key_kind_strength(kind)),
                             certmap_strength_name(l->min), more);
    }
    else {
        certmap_sink_warning(&l->sink, at,
                             "an entry of type %s is weak, any trusted CA could issue a certificate that "
                             "matches; sha256:, spki: or issuer-serial: name one certificate or key%s",
                             name, more);
    }
}

apr_array_header_t *certmap_entries_lint(const certmap_entries_t *entries, const char *file, certmap_strength_e min,
                                         apr_time_t now, apr_pool_t *p)
{
    entry_linter_t l = { .sink = { .list = apr_array_make(p, 4, sizeof(certmap_error_t)), .file = file, .pool = p },
                         .min = min,
                         .now = now };
    const certmap_packed_t **all;
    apr_size_t n = certmap_entries_count(entries, CERTMAP_K_COUNT);
    apr_pool_t *own;
    apr_pool_t *scratch;
    apr_size_t i;

    apr_pool_create(&own, p);
    apr_pool_create(&scratch, own);
    all = certmap_entries_by_line(entries, own);
    for (i = 0; i < n; i++) {
        certmap_entry_t entry;
        certmap_key_kind_e kind;

        if (certmap_store_record_unpack(all[i]->record, all[i]->len, &kind, &entry, NULL, scratch)) {
            lint_entry(&l, &entry, kind, (int)all[i]->line);
        }
        if (i % ENTRIES_PER_CLEAR == 0) {
            apr_pool_clear(scratch);
        }
    }
    apr_pool_destroy(own);
    for (i = 0; i < CERTMAP_K_COUNT; i++) {
        tell_weak(&l, (certmap_key_kind_e)i);
    }
    certmap_sink_end(&l.sink);
    return l.sink.list;
}

apr_array_header_t *certmap_entries_compare(const certmap_entries_t *before, const char *before_file,
                                            const certmap_entries_t *entries, const char *file, apr_pool_t *p)
{
    certmap_sink_t sink = { .list = apr_array_make(p, 4, sizeof(certmap_error_t)), .file = file, .pool = p };
    apr_size_t n = certmap_entries_count(entries, CERTMAP_K_COUNT);
    const certmap_packed_t **all;
    apr_pool_t *own;
    apr_pool_t *scratch;
    apr_size_t i;

    apr_pool_create(&own, p);
    apr_pool_create(&scratch, own);
    all = certmap_entries_by_line(entries, own);
    for (i = 0; i < n; i++) {
        const certmap_packed_t *other = certmap_entries_find(before, all[i]->hash);
        certmap_place_t at = { (int)all[i]->line, 1 };
        certmap_entry_t here;
        certmap_entry_t there;
        certmap_key_kind_e kind;

        if (i % ENTRIES_PER_CLEAR == 0) {
            apr_pool_clear(scratch);
        }
        if (other == NULL || !certmap_store_record_unpack(all[i]->record, all[i]->len, &kind, &here, NULL, scratch)
            || !certmap_store_record_unpack(other->record, other->len, &kind, &there, NULL, scratch)) {
            continue;
        }
        certmap_sink_warning(&sink, at, "this key is %s in %s:%u already; %s", there.deny ? "denied" : "allowed",
                             before_file, (unsigned)other->line,
                             here.deny != there.deny ? "where both are asked, the denial counts"
                                                     : "where both are asked, that one counts");
    }
    apr_pool_destroy(own);
    certmap_sink_end(&sink);
    return sink.list;
}

apr_status_t certmap_entries_naming(const certmap_entries_t *entries, const certmap_cert_t *cert, certmap_entry_fn *fn,
                                    void *baton, apr_pool_t *p)
{
    const certmap_key_t *keys;
    unsigned unformed;
    apr_size_t n;
    apr_size_t i;
    apr_status_t rv = certmap_cert_keys(cert, CERTMAP_KINDS_ALL, &keys, &n, &unformed, p);

    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        const certmap_packed_t *packed = certmap_entries_find(entries, keys[i].hash);
        certmap_entry_t entry;
        certmap_key_kind_e kind;

        if (packed != NULL && certmap_store_record_unpack(packed->record, packed->len, &kind, &entry, NULL, p)
            && fn(baton, certmap_key_kind_name(kind), &entry, (int)packed->line)) {
            break;
        }
    }
    return rv;
}
