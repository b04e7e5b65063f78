/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pg_ident.conf becomes rules. There a client asks for a role, and the map says whether it may; here a certificate has
 * one user, the first role that the map grants it. Names with an attribute type in front are those of clientname=DN,
 * all others those of clientname=CN: pg_hba.conf says which of them is used, so for a map that has both nobody
 * here knows which users it lets in.
 */
#include <string.h>

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "import/are.h"
#include "import/name.h"

typedef struct token_t {
    const char *text;
    int quoted; /* from its beginning: no keyword */
} token_t;

typedef struct pgident_line_t {
    int number;
    certmap_str_t text; /* unchanged, continued lines joined */
    token_t map;
    token_t system;
    token_t role;
} pgident_line_t;

typedef struct pgident_job_t {
    certmap_import_out_t *out;
    const char *issuer;        /* or NULL */
    const char *map;           /* the one that is imported; NULL: there is none */
    apr_array_header_t *lines; /* of pgident_line_t */
    apr_hash_t *names;         /* system names carried over, to the number of their line */
    int dn_line;               /* a line of the map with a DN; 0: none */
    int stopped;               /* a line after which nothing may be carried over; 0: none */
    apr_pool_t *scratch;       /* of one line */
    apr_pool_t *pool;
} pgident_job_t;

/* ---- words --------------------------------------------------------------------------------------------------- */

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/*
 * Reads a token as PostgreSQL does: quotes may be anywhere in it, two of them are one, and an unclosed one ends with
 * its line.
 * @param comma out: a comma ended it, and the field continues  @return 0 when there is none
 */
static int read_token(certmap_str_t text, apr_size_t *at, token_t *token, int *comma, apr_pool_t *p)
{
    char *out = apr_palloc(p, text.len - *at + 1);
    char *to = out;
    int quote = 0;
    int doubled = 0;
    int saw_quote = 0;

    *token = (token_t){ out, 0 };
    *comma = 0;
    while (*at < text.len && (is_blank(text.data[*at]) || text.data[*at] == ',')) {
        ++*at;
    }
    for (; *at < text.len && (quote || !is_blank(text.data[*at])); ++*at) {
        char c = text.data[*at];

        if (c == '#' && !quote) {
            *at = text.len;
            break;
        }
        if (c == ',' && !quote) {
            ++*at;
            *comma = 1;
            break;
        }
        if (c != '"' || doubled) {
            *to++ = c;
        }
        doubled = quote && c == '"' ? !doubled : 0;
        if (c == '"') {
            quote = !quote;
            saw_quote = 1;
            token->quoted |= to == out;
        }
    }
    *to = '\0';
    return saw_quote || to > out;
}

/* Reads a line's fields. What PostgreSQL does not load, or loads from elsewhere, is an error. */
static void read_fields(pgident_job_t *job, pgident_line_t *line)
{
    token_t *const fields[] = { &line->map, &line->system, &line->role };
    token_t token;
    apr_size_t at = 0;
    int n = 0;
    int comma;

    while (read_token(line->text, &at, &token, &comma, job->pool)) {
        if (*token.text == '@' && !token.quoted && token.text[1] != '\0') {
            certmap_import_error(job->out, line->number, 1,
                                 "%s names another file, which is not read; put its text "
                                 "here",
                                 token.text);
            return;
        }
        if (comma && n < 3) {
            certmap_import_error(job->out, line->number, 1,
                                 "several values in one field: PostgreSQL does not load "
                                 "this file (quote a name that has a comma)");
            return;
        }
        if (n < 3) {
            *fields[n] = token;
        }
        n++;
    }
    if (n == 2
        && (strcmp(line->map.text, "include") == 0 || strcmp(line->map.text, "include_dir") == 0
            || strcmp(line->map.text, "include_if_exists") == 0)) {
        certmap_import_error(job->out, line->number, 1, "%s names another file, which is not read; put its text here",
                             line->map.text);
    }
    else if (n > 0 && n < 3) {
        certmap_import_error(job->out, line->number, 1,
                             "%s is missing: a line is MAP-NAME SYSTEM-NAME ROLE, and "
                             "PostgreSQL does not load this file",
                             n == 1 ? "the system name" : "the role");
    }
    else if (n >= 3) {
        *(pgident_line_t *)apr_array_push(job->lines) = *line;
    }
}

/* The next logical line; a backslash at the end of a line joins the next one to it. */
static int next_line(certmap_str_t text, apr_size_t *pos, int *number, pgident_line_t *line)
{
    apr_size_t from = *pos;
    certmap_str_t part;

    if (!certmap_import_line(text, pos, &part)) {
        return 0;
    }
    line->number = ++*number;
    line->text = (certmap_str_t){ text.data + from, part.len };
    while (part.len > 0 && part.data[part.len - 1] == '\\' && certmap_import_line(text, pos, &part)) {
        ++*number;
        line->text.len = (apr_size_t)(part.data + part.len - line->text.data);
    }
    return 1;
}

/* Takes the backslashes and line ends out of a logical line. */
static void join(pgident_line_t *line, apr_pool_t *p)
{
    char *out = apr_palloc(p, line->text.len + 1);
    char *to = out;
    apr_size_t pos = 0;
    certmap_str_t part;

    while (certmap_import_line(line->text, &pos, &part)) {
        apr_size_t len = part.len - (pos < line->text.len || (part.len > 0 && part.data[part.len - 1] == '\\'));

        memcpy(to, part.data, len);
        to += len;
    }
    *to = '\0';
    line->text = (certmap_str_t){ out, (apr_size_t)(to - out) };
}

static void read_lines(pgident_job_t *job, certmap_str_t text)
{
    apr_size_t pos = 0;
    int number = 0;
    pgident_line_t line;

    memset(&line, 0, sizeof(line));
    while (next_line(text, &pos, &number, &line)) {
        if (line.text.len > 0) {
            join(&line, job->pool);
            read_fields(job, &line);
        }
    }
}

/* ---- which map ----------------------------------------------------------------------------------------------- */

static const pgident_line_t *line_at(const pgident_job_t *job, int i)
{
    return &APR_ARRAY_IDX(job->lines, i, pgident_line_t);
}

/* Chooses the map. What keeps it from that is reported. */
static int choose_map(pgident_job_t *job, const char *wanted)
{
    apr_hash_t *known = apr_hash_make(job->pool);
    apr_array_header_t *maps = apr_array_make(job->pool, 4, sizeof(const char *));
    int i;

    for (i = 0; i < job->lines->nelts; i++) {
        const char *map = line_at(job, i)->map.text;

        if (apr_hash_get(known, map, APR_HASH_KEY_STRING) == NULL) {
            apr_hash_set(known, map, APR_HASH_KEY_STRING, map);
            if (maps->nelts < 20) {
                APR_ARRAY_PUSH(maps, const char *) = map;
            }
        }
    }
    if (wanted != NULL && apr_hash_get(known, wanted, APR_HASH_KEY_STRING) == NULL) {
        certmap_import_error(job->out, 1, 1, "there is no map \"%s\" here%s%s", wanted,
                             maps->nelts ? "; there are: " : "", apr_array_pstrcat(job->pool, maps, ' '));
        return 0;
    }
    if (wanted == NULL && apr_hash_count(known) > 1) {
        certmap_import_error(job->out, 1, 1, "there are several maps; say which one with --map: %s",
                             apr_array_pstrcat(job->pool, maps, ' '));
        return 0;
    }
    job->map = wanted != NULL ? wanted : maps->nelts > 0 ? APR_ARRAY_IDX(maps, 0, const char *) : NULL;
    return 1;
}

static int in_map(const pgident_job_t *job, const pgident_line_t *line)
{
    return strcmp(line->map.text, job->map) == 0;
}

static certmap_str_t str(const char *text)
{
    return (certmap_str_t){ text, strlen(text) };
}

/* ---- rules --------------------------------------------------------------------------------------------------- */

static apr_array_header_t *words_for(const pgident_job_t *job, const char *first, const char *second)
{
    apr_array_header_t *words = apr_array_make(job->scratch, 3, sizeof(const char *));

    APR_ARRAY_PUSH(words, const char *) = first;
    if (second != NULL) {
        APR_ARRAY_PUSH(words, const char *) = second;
    }
    if (job->issuer != NULL) {
        APR_ARRAY_PUSH(words, const char *) = apr_pstrcat(job->scratch, "issuer=", job->issuer, NULL);
    }
    return words;
}

static const char *rule_name(const pgident_job_t *job, const pgident_line_t *line)
{
    return apr_psprintf(job->scratch, "%.40s-%d", line->map.text, line->number);
}

/* A system name that stands for itself. */
static const char *literal_name(pgident_job_t *job, const pgident_line_t *line, const char *role)
{
    const char *name = line->system.text;
    const int *before = apr_hash_get(job->names, name, APR_HASH_KEY_STRING);
    const certmap_dn_t *dn;
    const char *condition;
    const char *why;

    if (before != NULL) {
        return apr_psprintf(job->scratch, "another role for the name in line %d; here a certificate has one user",
                            *before);
    }
    if (certmap_import_comma_name(str(name), job->scratch)) {
        dn = certmap_import_name(str(name), CERTMAP_NAME_RFC2253, &why, job->scratch);
        if (dn == NULL) {
            return why;
        }
        condition = apr_pstrcat(job->scratch, "case:subject=", certmap_dn_text(dn, job->scratch), NULL);
    }
    else {
        condition = apr_pstrcat(job->scratch, "all:case:subject.CN=", certmap_import_literal(name, job->scratch), NULL);
    }
    why = certmap_import_rule(job->out, rule_name(job, line), role, words_for(job, condition, NULL));
    if (why == NULL) {
        apr_hash_set(job->names, name, APR_HASH_KEY_STRING,
                     apr_pmemdup(job->pool, &line->number, sizeof(line->number)));
    }
    return why;
}

/*
 * A line whose role wants \1 of an expression without a group: PostgreSQL fails for every name that the expression
 * meets, and looks at no line after it.
 */
static const char *failing_line(pgident_job_t *job, const pgident_line_t *line, const certmap_are_t *are)
{
    const char *condition = apr_pstrcat(job->scratch, "subject.CN~", are->pattern, NULL);
    const char *why = are->exact ? NULL : "where it would deny cannot be said exactly";

    why = why ? why : certmap_import_rule(job->out, rule_name(job, line), NULL, words_for(job, condition, NULL));
    if (why == NULL) {
        certmap_import_comment(job->out,
                               "(the role in line %d wants a group that its expression does not have: "
                               "PostgreSQL refuses everybody who reaches it)",
                               line->number);
    }
    else {
        job->stopped = line->number;
    }
    return why;
}

/* A system name that is a regular expression. */
static const char *pattern_name(pgident_job_t *job, const pgident_line_t *line)
{
    const char *text = line->system.text + 1;
    const char *reference = strstr(line->role.text, "\\1");
    certmap_are_t are;
    const char *why = certmap_import_are(str(text), &are, job->scratch);
    const char *role = certmap_import_user(line->role.text, job->scratch);

    if (why != NULL || strchr(text, '=') != NULL || job->dn_line > 0) {
        if (reference != NULL && (why != NULL || are.captures == 0)) {
            job->stopped = line->number;
        }
        return why != NULL ? apr_pstrcat(job->scratch, "the regular expression has no exact equivalent: ", why, NULL)
               : job->dn_line > 0
                   ? apr_psprintf(job->scratch,
                                  "the map has a DN in line %d, so this may be about DNs; a rule asks for "
                                  "attributes",
                                  job->dn_line)
                   : "a regular expression about whole DNs; a rule asks for attributes";
    }
    if (reference != NULL && are.captures == 0) {
        return failing_line(job, line, &are);
    }
    if (reference != NULL) {
        if (strstr(reference + 2, "\\1") != NULL) {
            return "\\1 appears twice in the role, and only the first is replaced";
        }
        if (are.uncertain != NULL) {
            return apr_pstrcat(job->scratch, "what \\1 is may differ: ", are.uncertain, NULL);
        }
        role = apr_pstrcat(
            job->scratch,
            certmap_import_user(apr_pstrndup(job->scratch, line->role.text, (apr_size_t)(reference - line->role.text)),
                                job->scratch),
            "%{1}", certmap_import_user(reference + 2, job->scratch), NULL);
    }
    why = certmap_import_rule(job->out, rule_name(job, line), role,
                              words_for(job, apr_pstrcat(job->scratch, "all:subject.CN~", are.pattern, NULL),
                                        apr_pstrcat(job->scratch, "subject.CN~", are.pattern, NULL)));
    if (why == NULL && !are.exact) {
        certmap_import_comment(job->out,
                               "(line %d: names that are not ASCII are met only where the expression has .* "
                               "or the like)",
                               line->number);
    }
    return why;
}

/* @return why a line is left out, or NULL */
static const char *carry_over(pgident_job_t *job, const pgident_line_t *line)
{
    const char *role = line->role.text;
    int pattern = line->system.text[0] == '/';

    if (job->stopped > 0) {
        return apr_psprintf(job->scratch,
                            "line %d fails in PostgreSQL for the names that it meets, before this line "
                            "is looked at",
                            job->stopped);
    }
    if (strcmp(role, "all") == 0 && !line->role.quoted) {
        return "\"all\" grants every role; here a certificate has one user";
    }
    if (*role == '+' && !line->role.quoted) {
        return "this grants the roles of a group; here a certificate has one user";
    }
    if (*role == '/') {
        return "this grants every role that a regular expression matches; here a certificate has one user";
    }
    if (!pattern && strstr(role, "\\1") != NULL) {
        return "\\1 stands for nothing where the system name is not a regular expression";
    }
    return pattern ? pattern_name(job, line) : literal_name(job, line, certmap_import_user(role, job->scratch));
}

/* Whether the names are those of clientname=DN or of clientname=CN; both in one map are an error. */
static int tell_kind(pgident_job_t *job)
{
    int cn_line = 0;
    int i;

    for (i = 0; i < job->lines->nelts; i++) {
        const pgident_line_t *line = line_at(job, i);

        if (!in_map(job, line) || line->system.text[0] == '/') {
            continue;
        }
        if (certmap_import_comma_name(str(line->system.text), job->scratch)) {
            job->dn_line = job->dn_line > 0 ? job->dn_line : line->number;
        }
        else {
            cn_line = cn_line > 0 ? cn_line : line->number;
        }
    }
    if (job->dn_line > 0 && cn_line > 0) {
        certmap_import_error(job->out, job->dn_line > cn_line ? job->dn_line : cn_line, 1,
                             "the map has a name for "
                             "clientname=DN in line %d and one for clientname=CN in line %d; pg_hba.conf says which "
                             "of them count: import a file that has these alone",
                             job->dn_line, cn_line);
        return 0;
    }
    return 1;
}

static void heading(const pgident_job_t *job)
{
    certmap_import_comment(job->out,
                           "The map \"%s\" of pg_ident.conf, for certificate authentication.\n"
                           "There a client asks for a role and the map may grant it several. Here a certificate has "
                           "one user: the first\nrole that is granted to it.\n"
                           "%s\n"
                           "Of several CNs PostgreSQL takes the first; here all must meet the rule.",
                           job->map,
                           job->dn_line > 0
                               ? "Its names begin with an attribute type (CN=...): those of clientname=DN."
                               : "Its names do not begin with an attribute type (CN=...): those of clientname=CN.");
    if (job->issuer == NULL) {
        certmap_import_say_weak(job->out, "rules", "name");
    }
}

apr_status_t certmap_import_pgident(certmap_str_t text, const char *file, const certmap_import_options_t *options,
                                    certmap_import_result_t *result, apr_pool_t *p)
{
    pgident_job_t job = { .out = certmap_import_out_create(CERTMAP_IMPORT_RULES, file, p),
                          .names = apr_hash_make(p),
                          .lines = apr_array_make(p, 64, sizeof(pgident_line_t)),
                          .pool = p };
    int i;

    apr_pool_create(&job.scratch, p);
    if (certmap_import_is_text(job.out, text, 0) && certmap_import_issuer(job.out, options, &job.issuer, p)) {
        read_lines(&job, text);
    }
    if (certmap_import_failed(job.out) || !choose_map(&job, options ? options->map : NULL) || job.map == NULL) {
        return certmap_import_finish(job.out, result);
    }
    if (!tell_kind(&job)) {
        return certmap_import_finish(job.out, result);
    }
    heading(&job);
    certmap_import_blank(job.out);
    for (i = 0; i < job.lines->nelts; i++) {
        const pgident_line_t *line = line_at(&job, i);
        const char *why = in_map(&job, line) ? carry_over(&job, line) : NULL;

        if (why != NULL) {
            certmap_import_left_out(job.out, line->number, line->text, "%s", why);
        }
        apr_pool_clear(job.scratch);
    }
    return certmap_import_finish(job.out, result);
}
