/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A refused client tries again, and again. The first refusal of a certificate for a reason is news; the rest repeat
 * it and share its id. The table has a fixed size and is direct-mapped: a flood of different certificates costs log
 * lines, not memory.
 */
#include "incident.h"

#include <apr_general.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <string.h>

#define ID_LEN 13
#define REPEAT_FOR apr_time_from_sec(3600) /* after this an id is new again, since logs get rotated */

typedef struct incident_t {
    char who[72];
    certmap_reason_e reason;
    apr_time_t since;
    char id[ID_LEN + 1];
} incident_t;

static incident_t *table;
static apr_thread_mutex_t *lock;

static apr_status_t forget_table(void *unused)
{
    (void)unused;
    table = NULL;
    lock = NULL;
    return APR_SUCCESS;
}

apr_status_t certmap_incident_init(apr_pool_t *p)
{
    apr_status_t rv = apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, p);

    if (rv == APR_SUCCESS) {
        table = apr_pcalloc(p, CERTMAP_INCIDENTS_MOST * sizeof(*table));
        apr_pool_cleanup_register(p, NULL, forget_table, apr_pool_cleanup_null);
    }
    return rv;
}

static void make_id(char *id)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char random[ID_LEN];
    int i;

    if (apr_generate_random_bytes(random, sizeof(random)) != APR_SUCCESS) {
        apr_time_t now = apr_time_now(); /* an id is for finding a line, not a secret */

        memset(random, 0, sizeof(random));
        memcpy(random, &now, sizeof(now));
    }
    for (i = 0; i < ID_LEN; i++) {
        id[i] = letters[random[i] & 31];
    }
    id[ID_LEN] = '\0';
}

const char *certmap_incident(const char *who, certmap_reason_e reason, apr_time_t now, int *first, apr_pool_t *p)
{
    char id[ID_LEN + 1];
    apr_ssize_t len = APR_HASH_KEY_STRING;
    incident_t *slot;

    *first = 1;
    if (!table || strlen(who) >= sizeof(slot->who)) {
        make_id(id);
        return apr_pstrdup(p, id);
    }
    slot = &table[(apr_hashfunc_default(who, &len) + (unsigned int)reason) % CERTMAP_INCIDENTS_MOST];
    apr_thread_mutex_lock(lock);
    if (slot->reason == reason && strcmp(slot->who, who) == 0 && now - slot->since < REPEAT_FOR) {
        *first = 0;
    }
    else {
        apr_cpystrn(slot->who, who, sizeof(slot->who));
        slot->reason = reason;
        slot->since = now;
        make_id(slot->id);
    }
    memcpy(id, slot->id, sizeof(id));
    apr_thread_mutex_unlock(lock);
    return apr_pstrdup(p, id);
}
