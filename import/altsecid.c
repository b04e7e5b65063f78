/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of USER, a tab and a value of altSecurityIdentities become entries. The values stay as they are: entries take
 * Active Directory's own strings. A string that stands for two users maps nobody in Active Directory, so it maps nobody
 * here; therefore all lines are read before the first entry is written.
 */
#include <string.h>

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "import/name.h"

/* The user of a key. */
typedef struct altsecid_mapping_t {
    int number;
    const char *user;
    int other; /* a line that gives the key to another user; 0: none */
} altsecid_mapping_t;

typedef struct altsecid_line_t {
    int number;
    certmap_str_t text;
    certmap_str_t user;
    certmap_str_t value;
    const char *why;      /* it has no key; or NULL */
    const char *bad_user; /* it has one, for a user that nobody can be here; or NULL */
    const char *warning;  /* or NULL */
    certmap_key_t key;
} altsecid_line_t;

typedef struct altsecid_job_t {
    certmap_import_out_t *out;
    apr_hash_t *keys;    /* hash to the altsecid_mapping_t that had it first */
    apr_pool_t *scratch; /* of one line */
    apr_pool_t *pool;
} altsecid_job_t;

static certmap_str_t trimmed(const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t')) {
        from++;
    }
    while (to > from && (to[-1] == ' ' || to[-1] == '\t')) {
        to--;
    }
    return (certmap_str_t){ from, (apr_size_t)(to - from) };
}

static int begins(certmap_str_t text, const char *with)
{
    return text.len >= strlen(with) && strncasecmp(text.data, with, strlen(with)) == 0;
}

/* Reads the value as the key that an entry file would have. */
static void read_key(altsecid_job_t *job, altsecid_line_t *line)
{
    const char *value = apr_pstrmemdup(job->scratch, line->value.data, line->value.len);
    const char *text = apr_pstrcat(job->scratch, certmap_lex_quote(value, job->scratch), " user\n", NULL);
    apr_array_header_t *errors;
    int more, i;

    if (certmap_entry_key((certmap_str_t){ text, strlen(text) }, &line->key, &more, &errors, job->scratch)
        != APR_SUCCESS) {
        line->why = "it is not the key of an entry";
    }
    for (i = errors->nelts; i-- > 0;) {
        const certmap_error_t *e = &APR_ARRAY_IDX(errors, i, certmap_error_t);

        *(e->warning ? &line->warning : &line->why) = e->text;
    }
}

/* Splits a line and reads its key. @return 0 for a line that says nothing */
static int read_line(altsecid_job_t *job, certmap_str_t text, int number, altsecid_line_t *line)
{
    const char *end = text.data + text.len;
    certmap_str_t all = trimmed(text.data, end);
    const char *tab = text.len > 0 ? memchr(text.data, '\t', text.len) : NULL;
    const char *bad;

    memset(line, 0, sizeof(*line));
    line->number = number;
    line->text = text;
    if (all.len == 0 || *all.data == '#') {
        return 0;
    }
    if (tab == NULL) {
        line->why = "there is no tab between a user and a value";
        return 1;
    }
    line->user = trimmed(text.data, tab);
    line->value = trimmed(tab, end);
    if (line->user.len == 0) {
        line->why = "there is no user before the tab";
    }
    else if (memchr(line->value.data, '\t', line->value.len) != NULL) {
        line->why = "there is more than one tab; write one value on a line";
    }
    else if (begins(line->value, "Kerberos:")) {
        line->why = "this maps a Kerberos principal, not a certificate";
    }
    else if (!begins(line->value, "X509:")) {
        line->why = "the value does not begin with X509:";
    }
    else if (line->value.len == strlen("X509:")) {
        line->why = "there is nothing after X509:";
    }
    else {
        read_key(job, line);
        bad = line->why == NULL ? certmap_user_check(line->user) : NULL;
        line->bad_user = bad != NULL ? apr_pstrcat(job->scratch, "the user: ", bad, NULL) : NULL;
    }
    return 1;
}

/* Remembers whose key a line is. */
static void note(altsecid_job_t *job, const altsecid_line_t *line)
{
    const char *user = apr_pstrmemdup(job->pool, line->user.data, line->user.len);
    altsecid_mapping_t *known = apr_hash_get(job->keys, line->key.hash, CERTMAP_HASH_LEN);

    if (known == NULL) {
        known = apr_pcalloc(job->pool, sizeof(*known));
        known->number = line->number;
        known->user = user;
        apr_hash_set(job->keys, apr_pmemdup(job->pool, line->key.hash, CERTMAP_HASH_LEN), CERTMAP_HASH_LEN, known);
    }
    else if (known->other == 0 && strcasecmp(known->user, user) != 0) {
        known->other = line->number;
    }
}

/* What KB5014754 calls weak, or this module; NULL: neither. */
static const char *weakness(certmap_key_kind_e kind)
{
    return kind == CERTMAP_K_SKI
               ? "weak here: another CA may write the same key identifier; ski:HEX \"ISSUER-DN\" is strong"
           : kind == CERTMAP_K_DN || kind == CERTMAP_K_SUBJECT || kind == CERTMAP_K_EMAIL
               ? "weak in Active Directory (KB5014754)"
               : NULL;
}

static void write_line(altsecid_job_t *job, altsecid_line_t *line)
{
    const altsecid_mapping_t *known = line->why == NULL ? apr_hash_get(job->keys, line->key.hash, CERTMAP_HASH_LEN)
                                                        : NULL;
    apr_array_header_t *words = apr_array_make(job->scratch, 2, sizeof(const char *));
    const char *weak = line->why == NULL ? weakness(line->key.kind) : NULL;

    if (known != NULL && known->other > 0) {
        int other = known->number != line->number
                            && strcasecmp(known->user, apr_pstrmemdup(job->scratch, line->user.data, line->user.len))
                                   != 0
                        ? known->number
                        : known->other;

        line->why = apr_psprintf(job->scratch,
                                 "line %d gives the same value to another user: Active Directory lets neither "
                                 "in",
                                 other);
    }
    else if (known != NULL && known->number != line->number) {
        certmap_import_comment(job->out, "line %d says the same as line %d", line->number, known->number);
        return;
    }
    line->why = line->why ? line->why : line->bad_user;
    if (line->why == NULL) {
        if (weak != NULL) {
            certmap_import_comment(job->out, "%s", weak);
        }
        if (line->warning != NULL) {
            certmap_import_warning(job->out, line->number, (int)(line->value.data - line->text.data) + 1, "%s",
                                   line->warning);
        }
        APR_ARRAY_PUSH(words, const char *) = apr_pstrmemdup(job->scratch, line->value.data, line->value.len);
        APR_ARRAY_PUSH(words, const char *) = apr_pstrmemdup(job->scratch, line->user.data, line->user.len);
        line->why = certmap_import_entry(job->out, words);
    }
    if (line->why != NULL) {
        certmap_import_left_out(job->out, line->number, line->text, "%s", line->why);
    }
}

static void heading(certmap_import_out_t *out)
{
    certmap_import_comment(out, "Values of altSecurityIdentities, each for its user.\n"
                                "Weak mappings are carried over and marked. Domain controllers that enforce KB5014754 "
                                "refuse them;\nCertMapMinStrength does so here.\n"
                                "Where a certificate has several of these keys, the strongest decides here.");
}

apr_status_t certmap_import_altsecid(certmap_str_t text, const char *file, const certmap_import_options_t *options,
                                     certmap_import_result_t *result, apr_pool_t *p)
{
    altsecid_job_t job = { .out = certmap_import_out_create(CERTMAP_IMPORT_ENTRIES, file, p),
                           .keys = apr_hash_make(p),
                           .pool = p };
    int lines = 0;
    int tabs = 0;
    int writing;

    (void)options;
    if (!certmap_import_is_text(job.out, text, 1)) {
        return certmap_import_finish(job.out, result);
    }
    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        text.data += 3;
        text.len -= 3;
    }
    apr_pool_create(&job.scratch, p);
    heading(job.out);
    certmap_import_blank(job.out);
    for (writing = 0; writing < 2; writing++) {
        certmap_str_t part;
        apr_size_t pos = 0;
        altsecid_line_t line;
        int number;

        for (number = 1; certmap_import_line(text, &pos, &part); number++) {
            if (read_line(&job, part, number, &line)) {
                if (writing) {
                    write_line(&job, &line);
                }
                else {
                    lines++;
                    tabs += line.value.data != NULL;
                    if (line.why == NULL) {
                        note(&job, &line);
                    }
                }
            }
            apr_pool_clear(job.scratch);
        }
    }
    if (lines > 0 && tabs == 0) {
        certmap_import_error(job.out, 1, 1, "no line of this text is USER, a tab and X509:...");
    }
    return certmap_import_finish(job.out, result);
}
