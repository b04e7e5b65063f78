/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How regexes are compiled and what a match may cost.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "rules/condition.h"

static apr_status_t free_limits(void *limits)
{
    pcre2_match_context_free(limits);
    return APR_SUCCESS;
}

static const struct {
    apr_size_t len; /* of texts, at most */
    apr_uint32_t matches;
} limit_table[] = { CERTMAP_REGEX_LIMITS, { 0, CERTMAP_REGEX_PROBE } };

#define NLIMITS (sizeof(limit_table) / sizeof(limit_table[0]))

pcre2_match_context *const *certmap_cond_limits(apr_pool_t *p)
{
    pcre2_match_context **limits = apr_pcalloc(p, NLIMITS * sizeof(*limits));
    apr_size_t i;

    for (i = 0; i < NLIMITS; i++) {
        limits[i] = pcre2_match_context_create(NULL);
        if (limits[i] == NULL) {
            return NULL;
        }
        apr_pool_cleanup_register(p, limits[i], free_limits, apr_pool_cleanup_null);
        pcre2_set_match_limit(limits[i], limit_table[i].matches);
        pcre2_set_depth_limit(limits[i], CERTMAP_REGEX_DEPTH);
        pcre2_set_heap_limit(limits[i], CERTMAP_REGEX_HEAP);
    }
    return limits;
}

pcre2_match_context *certmap_cond_limit(const certmap_cond_t *cond, apr_size_t len, int trying)
{
    apr_size_t i;

    for (i = 0; i < NLIMITS - 1 && len > limit_table[i].len; i++) {
    }
    return i < NLIMITS - 1 ? cond->u.regex.limits[trying ? NLIMITS - 1 : i] : NULL;
}

#ifdef PCRE2_EXTRA_CASELESS_RESTRICT
static apr_status_t free_compiling(void *compiling)
{
    pcre2_compile_context_free(compiling);
    return APR_SUCCESS;
}
#endif

/* The library may be older than the header: an option that it does not know would make each regex an error. */
pcre2_compile_context *certmap_cond_compiling(apr_pool_t *p)
{
    pcre2_compile_context *compiling = NULL;
#ifdef PCRE2_EXTRA_CASELESS_RESTRICT
    char version[64] = "";
    char *minor;
    long major;

    pcre2_config(PCRE2_CONFIG_VERSION, version);
    major = strtol(version, &minor, 10);
    if ((major > 10 || (major == 10 && *minor == '.' && strtol(minor + 1, NULL, 10) >= 43))
        && (compiling = pcre2_compile_context_create(NULL)) != NULL) {
        pcre2_set_compile_extra_options(compiling, PCRE2_EXTRA_CASELESS_RESTRICT);
        apr_pool_cleanup_register(p, compiling, free_compiling, apr_pool_cleanup_null);
    }
#else
    (void)p;
#endif
    return compiling;
}

int certmap_regex_takes_empty(const certmap_cond_t *cond)
{
    pcre2_match_data *md = pcre2_match_data_create_from_pattern(cond->u.regex.code, NULL);

    int yes = md != NULL
              && pcre2_match(cond->u.regex.code, (PCRE2_SPTR) "", 0, 0, 0, md, cond->u.regex.limits[NLIMITS - 1]) >= 0;
    pcre2_match_data_free(md);
    return yes;
}
