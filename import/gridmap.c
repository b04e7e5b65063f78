/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A grid-mapfile becomes entries: each name to the account that Globus takes when none is asked for. Its lines are read
 * the way Globus reads them, which is not always what they look like: a backslash escapes, quotes only count at the
 * beginning, and accounts are separated by commas and blanks alike.
 */
#include <string.h>

#include <apr_fnmatch.h>
#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "import/name.h"

typedef struct gridmap_job_t {
    certmap_import_out_t *out;
    const char *issuer;           /* or NULL */
    apr_hash_t *names;            /* that have been read, to the number of their line */
    int lines;                    /* other than comments */
    int names_found;              /* of them, with a name */
    apr_array_header_t *patterns; /* of gridmap_pattern_t */
    apr_pool_t *scratch;          /* of one line */
    apr_pool_t *pool;
} gridmap_job_t;

typedef struct gridmap_pattern_t {
    const char *text;
    int line;
} gridmap_pattern_t;

/* One line. */
typedef struct gridmap_line_t {
    int number;
    certmap_str_t text;
    certmap_str_t name;   /* as Globus compares it: backslashes undone, bytes as \xHH */
    const char *accounts; /* what follows the name */
} gridmap_line_t;

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

/* Undoes the escapes of a name, and writes what is not printable ASCII as OpenSSL does. */
static certmap_str_t unescaped(certmap_str_t raw, apr_pool_t *p)
{
    char *out = apr_palloc(p, 4 * raw.len + 1);
    char *to = out;
    apr_size_t i;

    for (i = 0; i < raw.len; i++) {
        unsigned char c = (unsigned char)raw.data[i];

        if (c == '\\' && i + 1 < raw.len) {
            c = (unsigned char)raw.data[++i];
            if (c == 'x' && i + 2 < raw.len && certmap_hexval(raw.data[i + 1]) >= 0
                && certmap_hexval(raw.data[i + 2]) >= 0) {
                c = (unsigned char)(16 * certmap_hexval(raw.data[i + 1]) + certmap_hexval(raw.data[i + 2]));
                i += 2;
            }
        }
        to += apr_snprintf(to, 5, c < ' ' || c > '~' ? "\\x%02X" : "%c", c);
    }
    *to = '\0';
    return (certmap_str_t){ out, (apr_size_t)(to - out) };
}

/* Where a quoted name ends: at the next quote with no backslash before it. */
static apr_size_t quoted_end(certmap_str_t text, apr_size_t from)
{
    apr_size_t i;

    for (i = from; i < text.len; i++) {
        if (text.data[i] == '"' && (i == from || text.data[i - 1] != '\\')) {
            break;
        }
    }
    return i;
}

/* Splits a line. @return NULL, or why Globus cannot */
static const char *split(gridmap_line_t *line, apr_pool_t *p)
{
    certmap_str_t text = line->text;
    int quoted = text.data[0] == '"';
    apr_size_t from = (apr_size_t)quoted;
    apr_size_t end = from;

    if (quoted) {
        end = quoted_end(text, from);
    }
    else {
        while (end < text.len && !is_blank(text.data[end])) {
            end++;
        }
    }
    line->name = unescaped((certmap_str_t){ text.data + from, end - from }, p);
    line->accounts = "";
    if (end == text.len) {
        return quoted ? "the closing quote is missing" : "no account follows the name";
    }
    while (++end < text.len && is_blank(text.data[end])) {
    }
    end = end < text.len ? end : text.len;
    line->accounts = apr_pstrmemdup(p, text.data + end, text.len - end);
    return NULL;
}

/* The first account, and what follows it: more of them, or a remark. */
static const char *first_account(const char *accounts, const char **more, apr_pool_t *p)
{
    apr_size_t n = strcspn(accounts, ", \t");

    *more = accounts + n + strspn(accounts + n, ", \t");
    return apr_pstrmemdup(p, accounts, n);
}

/* Whether a VOMS group or role is where an account should be, as in a vorolemap of dCache: NAME GROUP ACCOUNT. No
 * account is written like that. */
static int is_vorolemap(const char *accounts)
{
    return *accounts == '/' || *accounts == '"';
}

/* ---- names --------------------------------------------------------------------------------------------------- */

static int is_pattern(certmap_str_t name)
{
    return name.len > 0 && *name.data == '/' && memchr(name.data, '*', name.len) != NULL;
}

/* Why no certificate has this name although Globus, or one of its relatives, has a use for it; NULL: it may have. */
static const char *special_name(certmap_str_t name, apr_pool_t *p)
{
    const char *text = apr_pstrmemdup(p, name.data, name.len);

    if (*text != '/') {
        return certmap_import_comma_name(name, p)
                   ? "Globus compares names with slashes (/DC=org/CN=Name), and never matches one with commas"
                   : "this is not a name of the form /TYPE=VALUE/TYPE=VALUE";
    }
    if (strstr(text, "/Role=") != NULL || strstr(text, "/Capability=") != NULL || strchr(text, '=') == NULL) {
        return "this is a VOMS group or role; the attributes with it are not read here";
    }
    if (is_pattern(name)) {
        return "this is a pattern (LCMAPS), or a name with '*' in it; write a rule for it";
    }
    return NULL;
}

/* Whether a name ends as that of a proxy certificate, which Globus takes off before it looks for the name. */
static int is_proxy(const certmap_dn_t *dn)
{
    const certmap_ava_t *last = dn->rdns[dn->nrdns - 1].avas;

    return dn->nrdns > 1 && strcmp(last->oid, "2.5.4.3") == 0
           && (strcmp(last->value.data, "proxy") == 0 || strcmp(last->value.data, "limited proxy") == 0);
}

/* Remembers a name. @return the line where it appeared first; 0: it is new */
static int seen_before(gridmap_job_t *job, const gridmap_line_t *line, const certmap_dn_t *dn)
{
    const char *key = dn != NULL ? apr_pstrcat(job->scratch, "dn ", certmap_dn_text(dn, job->scratch), NULL)
                                 : certmap_import_globus_key(line->name, job->scratch);
    certmap_str_t folded = certmap_fold((certmap_str_t){ key, strlen(key) }, job->pool);
    const int *before = apr_hash_get(job->names, folded.data, (apr_ssize_t)folded.len);

    if (before != NULL) {
        return *before;
    }
    apr_hash_set(job->names, folded.data, (apr_ssize_t)folded.len,
                 apr_pmemdup(job->pool, &line->number, sizeof(line->number)));
    return 0;
}

/* The line of a pattern that may catch a name first, where patterns are known; 0: none. */
static int caught_before(const gridmap_job_t *job, const gridmap_line_t *line)
{
    int i;

    if (job->patterns->nelts > CERTMAP_IMPORT_GRIDMAP_PATTERNS_MOST) {
        return APR_ARRAY_IDX(job->patterns, 0, gridmap_pattern_t).line;
    }
    for (i = 0; i < job->patterns->nelts; i++) {
        const gridmap_pattern_t *pattern = &APR_ARRAY_IDX(job->patterns, i, gridmap_pattern_t);

        if (apr_fnmatch(pattern->text, line->name.data, APR_FNM_CASE_BLIND) == APR_SUCCESS) {
            return pattern->line;
        }
    }
    return 0;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

/* Writes the entry for a name. @return NULL, or why there is none */
static const char *carry_over(gridmap_job_t *job, const certmap_dn_t *dn, const char *account)
{
    apr_array_header_t *words = apr_array_make(job->scratch, 3, sizeof(const char *));

    if (job->issuer != NULL) {
        APR_ARRAY_PUSH(words, const char *) = apr_pstrcat(job->scratch, "dn:", certmap_dn_text(dn, job->scratch), NULL);
        APR_ARRAY_PUSH(words, const char *) = job->issuer;
    }
    else {
        APR_ARRAY_PUSH(words, const char *) = apr_pstrcat(job->scratch, "X509:<S>",
                                                          certmap_import_root_first(dn, job->scratch), NULL);
    }
    APR_ARRAY_PUSH(words, const char *) = account;
    return certmap_import_entry(job->out, words);
}

/* @return why the line is left out, or NULL */
static const char *read_name(gridmap_job_t *job, gridmap_line_t *line)
{
    const char *fault = split(line, job->scratch);
    const char *why = special_name(line->name, job->scratch);
    const certmap_dn_t *dn = why == NULL ? certmap_import_name(line->name, CERTMAP_NAME_GLOBUS, &why, job->scratch)
                                         : NULL;
    int before = seen_before(job, line, dn);
    const char *more;
    const char *account = first_account(line->accounts, &more, job->scratch);
    int pattern = caught_before(job, line);

    job->names_found += *line->name.data == '/';
    if (is_pattern(line->name)) {
        *(gridmap_pattern_t *)apr_array_push(
            job->patterns) = (gridmap_pattern_t){ apr_pstrdup(job->pool, line->name.data), line->number };
    }
    if (is_vorolemap(account)) {
        return "a line of a vorolemap (dCache): a VOMS group or role follows the name, not an account; the attributes "
               "with it are not read here";
    }
    if (before > 0) {
        return apr_psprintf(job->scratch, "Globus takes the first line of a name, line %d", before);
    }
    if (fault != NULL || dn == NULL) {
        return fault != NULL ? fault : why;
    }
    if (is_proxy(dn)) {
        return "this is the name of a proxy certificate, which Globus never looks for";
    }
    if (pattern > 0) {
        return apr_psprintf(job->scratch, "the pattern in line %d may catch this name first", pattern);
    }
    if (*account == '\0') {
        return "no account follows the name";
    }
    if (*account == '.') {
        return "a pool account: Globus chooses it at the first login, and keeps it in GRIDMAPDIR";
    }
    why = carry_over(job, dn, account);
    if (why == NULL && *more != '\0' && *more != '#') {
        certmap_import_left_out(job->out, line->number, (certmap_str_t){ more, strlen(more) },
                                "accounts that this name may ask for instead of %s; here a certificate has one user",
                                certmap_import_shown((certmap_str_t){ account, strlen(account) }, 64, job->scratch));
    }
    return why;
}

static void heading(const gridmap_job_t *job)
{
    certmap_import_comment(job->out,
                           "Names of a grid-mapfile, each with the first of its accounts.\n"
                           "Names compare as in Globus, without regard to case, but runs of blanks count as one blank "
                           "here, and a name stands\nfor the certificate whose RDNs are what the text says, with a "
                           "single attribute each unless '+' joins them.\n"
                           "Globus takes the names of proxies (/CN=proxy, /CN=12345) off before it looks for a name. "
                           "Here nobody with a\nproxy certificate is mapped.");
    if (job->issuer == NULL) {
        certmap_import_say_weak(job->out, "entries", "subject");
    }
}

apr_status_t certmap_import_gridmap(certmap_str_t text, const char *file, const certmap_import_options_t *options,
                                    certmap_import_result_t *result, apr_pool_t *p)
{
    gridmap_job_t job = { .out = certmap_import_out_create(CERTMAP_IMPORT_ENTRIES, file, p),
                          .names = apr_hash_make(p),
                          .patterns = apr_array_make(p, 4, sizeof(gridmap_pattern_t)),
                          .pool = p };
    apr_size_t pos = 0;
    gridmap_line_t line = { .number = 0 };
    int carriage_return = 0;

    if (!certmap_import_is_text(job.out, text, 0) || !certmap_import_issuer(job.out, options, &job.issuer, p)) {
        return certmap_import_finish(job.out, result);
    }
    apr_pool_create(&job.scratch, p);
    heading(&job);
    certmap_import_blank(job.out);
    while (certmap_import_line(text, &pos, &line.text)) {
        const char *why;

        line.number++;
        while (line.text.len > 0 && is_blank(*line.text.data)) {
            line.text.data++;
            line.text.len--;
        }
        if (line.text.len > 0 && *line.text.data != '#') {
            job.lines++;
            why = read_name(&job, &line);
            if (why != NULL) {
                certmap_import_left_out(job.out, line.number, line.text, "%s", why);
            }
            if (!carriage_return && pos > 1 && text.data[pos - 1] == '\n' && text.data[pos - 2] == '\r') {
                carriage_return = 1;
                certmap_import_warning(job.out, line.number, (int)line.text.len + 1,
                                       "lines end in CR LF, which Globus "
                                       "takes to be part of the account's name; they are read without it here");
            }
        }
        apr_pool_clear(job.scratch);
    }
    if (job.lines > 0 && job.names_found == 0) {
        certmap_import_error(job.out, 1, 1,
                             "no line of this text begins with a name (/DC=org/CN=Name): it is not a "
                             "grid-mapfile");
    }
    return certmap_import_finish(job.out, result);
}
