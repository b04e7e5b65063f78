/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing the rules of a long list with one another takes longer than all else at a restart. What was found is kept
 * in the process pool, under what it depends on: the rules, the strength that is asked for and the day. Rules of a file
 * are known by the address of their generation, which is held; those of the configuration by their text and place.
 */
#include "findings.h"

#include <apr_escape.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <openssl/evp.h>

#define FINDINGS "certmap:findings"
#define DAY apr_time_from_sec(86400)

typedef struct finding_t {
    apr_pool_t *pool; /* this struct is in it */
    const char *key;
    const apr_array_header_t *errors;
    certmap_generation_t **held;
    int nheld;
    int asked; /* since the last certmap_findings_settle */
} finding_t;

typedef struct findings_t {
    const void *owner;
    apr_hash_t *by_key; /* of finding_t * */
} findings_t;

/* As in reload.c: another build of this module has another address here. */
static const char mine;

static apr_status_t let_go(void *data)
{
    finding_t *finding = data;

    while (finding->nheld) {
        certmap_generation_release(finding->held[--finding->nheld]);
    }
    return APR_SUCCESS;
}

static apr_hash_t *kept(process_rec *process)
{
    void *found = NULL;
    findings_t *all;

    apr_pool_userdata_get(&found, FINDINGS, process->pool);
    all = found;
    if (!all || all->owner != &mine) {
        all = apr_palloc(process->pool, sizeof(*all));
        all->owner = &mine;
        all->by_key = apr_hash_make(process->pool);
        apr_pool_userdata_set(all, FINDINGS, NULL, process->pool);
    }
    return all->by_key;
}

/* ---- what they depend on --------------------------------------------------------------------------------------- */

static int is_held(const certmap_pinned_t *pinned, const certmap_ruleset_t *rules)
{
    int i;

    for (i = 0; i < pinned->nheld; i++) {
        if (certmap_generation_object(pinned->held[i]) == rules) {
            return 1;
        }
    }
    return 0;
}

static int put(EVP_MD_CTX *md, const char *text)
{
    return EVP_DigestUpdate(md, text, strlen(text) + 1);
}

/* Of rules in the configuration itself, which is parsed again each time. @return NULL when OpenSSL failed */
static const char *by_text(const certmap_ruleset_t *rules, apr_pool_t *p)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL);
    apr_pool_t *scratch;
    apr_size_t i;

    apr_pool_create(&scratch, p);
    for (i = 0; ok && i < certmap_ruleset_count(rules); i++) {
        const certmap_rule_t *rule = certmap_ruleset_rule(rules, i);

        ok = put(md, rule->file ? rule->file : "") && put(md, apr_itoa(scratch, rule->line))
             && put(md, certmap_rule_text(rule, scratch));
        apr_pool_clear(scratch);
    }
    apr_pool_destroy(scratch);
    ok = ok && EVP_DigestFinal_ex(md, digest, &len);
    EVP_MD_CTX_free(md);
    return ok ? apr_pescape_hex(p, digest, len, 0) : NULL;
}

/* @return NULL when OpenSSL failed */
static const char *key_of(const certmap_pinned_t *pinned, certmap_strength_e min, apr_time_t now, apr_pool_t *p)
{
    const certmap_list_t *list;
    const char *key = apr_psprintf(p, "%d %" APR_TIME_T_FMT, (int)min, now / DAY);

    for (list = pinned->list; key && list; list = list->outer) {
        if (list->rules && is_held(pinned, list->rules)) {
            key = apr_psprintf(p, "%s %pp", key, (const void *)list->rules);
        }
        else if (list->rules) {
            const char *text = by_text(list->rules, p);

            key = text ? apr_pstrcat(p, key, " ", text, NULL) : NULL;
        }
    }
    return key;
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

static finding_t *find(process_rec *process, const certmap_pinned_t *pinned, certmap_strength_e min, apr_time_t now,
                       const char *key, apr_pool_t *p)
{
    const apr_array_header_t *errors = certmap_list_lint(pinned->list, min, now, p);
    apr_pool_t *pool;
    finding_t *finding;

    apr_pool_create(&pool, process->pool);
    finding = apr_pcalloc(pool, sizeof(*finding));
    finding->pool = pool;
    finding->key = apr_pstrdup(pool, key);
    finding->errors = certmap_errors_copy(errors, pool);
    finding->held = apr_palloc(pool, sizeof(*finding->held) * ((apr_size_t)pinned->nheld + 1));
    for (; finding->nheld < pinned->nheld; finding->nheld++) {
        finding->held[finding->nheld] = pinned->held[finding->nheld];
        certmap_generation_hold(finding->held[finding->nheld]);
    }
    apr_pool_cleanup_register(pool, finding, let_go, apr_pool_cleanup_null);
    return finding;
}

const apr_array_header_t *certmap_findings(process_rec *process, const certmap_pinned_t *pinned, certmap_strength_e min,
                                           apr_time_t now, apr_pool_t *p)
{
    const char *key = key_of(pinned, min, now, p);
    finding_t *finding = key ? apr_hash_get(kept(process), key, APR_HASH_KEY_STRING) : NULL;

    if (!key) {
        return certmap_list_lint(pinned->list, min, now, p);
    }
    if (!finding) {
        finding = find(process, pinned, min, now, key, p);
        apr_hash_set(kept(process), finding->key, APR_HASH_KEY_STRING, finding);
    }
    finding->asked = 1;
    return finding->errors;
}

void certmap_findings_settle(process_rec *process, apr_pool_t *p)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(p, kept(process)); i; i = apr_hash_next(i)) {
        finding_t *finding = apr_hash_this_val(i);

        if (finding->asked) {
            finding->asked = 0;
        }
        else {
            apr_hash_set(kept(process), finding->key, APR_HASH_KEY_STRING, NULL);
            apr_pool_destroy(finding->pool);
        }
    }
}
