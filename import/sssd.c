/* SPDX-License-Identifier: Apache-2.0 */
/*
 * [certmap/DOMAIN/NAME] sections of an sssd.conf become rules, in the order of their priority. SSSD finds accounts in a
 * directory or in the files of the system; here the name itself is the user, so only mappings that name the account are
 * carried over, and the text says what else SSSD asked.
 */
#include <stdlib.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "import/sssd.h"

/* sss-certmap(5) */
static const char default_match[] = "KRB5:<KU>digitalSignature<EKU>clientAuth";
static const char default_map[] = "LDAP:(userCertificate;binary={cert!bin})";
#define PRIORITY_LAST 4294967295u

/* A [certmap/...] section. */
typedef struct section_t {
    const char *header;
    const char *domain;
    const char *name;
    int line;
    const char *match;
    const char *map;
    const char *domains;
    const char *fault; /* why it cannot be carried over */
    apr_uint32_t priority;
    const char *tied;     /* header of another of the same priority that may hold for the same certificates */
    const char *unread;   /* why its matching rule is not carried over; or NULL */
    const char *unmapped; /* the same of its mapping rule */
    sssd_match_t matches;
    sssd_map_t maps;
} section_t;

typedef struct sssd_job_t {
    certmap_import_out_t *out;
    apr_array_header_t *sections; /* of section_t * */
    apr_hash_t *seen;             /* sections by their headers */
    apr_hash_t *providers;        /* domain to its id_provider */
    section_t *section;           /* that is being read, or NULL */
    const char *domain;           /* whose [domain/...] section is being read, or NULL */
    const char *blocked;          /* header of a section that is left out and would be asked first */
    int asks_ku;                  /* a rule that was written asks for key usages */
    apr_pool_t *pool;
} sssd_job_t;

/* ---- sssd.conf ----------------------------------------------------------------------------------------------- */

static const char *trimmed(const char *from, const char *to, apr_pool_t *p)
{
    while (from < to && apr_isspace(*from)) {
        from++;
    }
    while (to > from && apr_isspace(to[-1])) {
        to--;
    }
    return apr_pstrmemdup(p, from, (apr_size_t)(to - from));
}

static void begin_section(sssd_job_t *job, const char *header, int line)
{
    const char *name = header + strlen("certmap/");
    const char *slash;
    section_t *s;

    job->section = NULL;
    job->domain = strncmp(header, "domain/", 7) == 0 ? header + 7 : NULL;
    if (strncmp(header, "certmap/", 8) != 0) {
        return;
    }
    slash = strchr(name, '/');
    if (slash == NULL || slash == name || slash[1] == '\0') {
        certmap_import_error(job->out, line, 1, "a section of rules is called [certmap/DOMAIN/NAME]");
        return;
    }
    if (apr_hash_get(job->seen, header, APR_HASH_KEY_STRING) != NULL) {
        certmap_import_error(job->out, line, 1, "[%.200s] appears here for the second time", header);
        return;
    }
    s = apr_pcalloc(job->pool, sizeof(*s));
    apr_hash_set(job->seen, header, APR_HASH_KEY_STRING, s);
    s->header = header;
    s->domain = apr_pstrmemdup(job->pool, name, (apr_size_t)(slash - name));
    s->name = slash + 1;
    s->line = line;
    s->priority = PRIORITY_LAST;
    job->section = s;
    APR_ARRAY_PUSH(job->sections, section_t *) = s;
}

static void read_priority(section_t *s, const char *value)
{
    apr_int64_t n = strspn(value, "0123456789") == strlen(value) && strlen(value) <= 10 ? apr_atoi64(value) : -1;

    if (*value == '\0' || n < 0 || n > PRIORITY_LAST) {
        s->fault = "its priority is not a number from 0 to 4294967295";
        s->priority = 0;
        return;
    }
    s->priority = (apr_uint32_t)n;
}

static void set_once(section_t *s, const char **slot, const char *key, const char *value, apr_pool_t *p)
{
    if (*slot != NULL) {
        s->fault = apr_psprintf(p, "%s appears in it twice", key);
    }
    *slot = value;
}

static void read_option(sssd_job_t *job, const char *key, const char *value)
{
    section_t *s = job->section;

    if (strcasecmp(key, "matchrule") == 0) {
        set_once(s, &s->match, key, value, job->pool);
    }
    else if (strcasecmp(key, "maprule") == 0) {
        set_once(s, &s->map, key, value, job->pool);
    }
    else if (strcasecmp(key, "domains") == 0) {
        set_once(s, &s->domains, key, value, job->pool);
    }
    else if (strcasecmp(key, "priority") == 0) {
        if (s->priority != PRIORITY_LAST) {
            s->fault = "priority appears in it twice";
        }
        read_priority(s, value);
    }
    else if (strcasecmp(key, "description") != 0) {
        s->fault = apr_psprintf(job->pool, "its option %.60s is unknown", key);
    }
}

static void read_line(sssd_job_t *job, certmap_str_t line, int number)
{
    const char *end = line.data + line.len;
    const char *at = line.data;
    const char *equals;

    while (at < end && apr_isspace(*at)) {
        at++;
    }
    if (at == end || *at == '#' || *at == ';') {
        return;
    }
    if (*at == '[') {
        while (end > at && apr_isspace(end[-1])) {
            end--;
        }
        if (end[-1] != ']' || at != line.data) {
            certmap_import_error(job->out, number, 1, "a section begins with [NAME] in a line of its own");
            return;
        }
        begin_section(job, trimmed(at + 1, end - 1, job->pool), number);
        return;
    }
    equals = memchr(at, '=', (apr_size_t)(end - at));
    if (job->section != NULL && (at != line.data || equals == NULL)) {
        certmap_import_error(job->out, number, 1,
                             "neither KEY = VALUE nor a section; a value that continues in a second "
                             "line is not imported, join the lines");
    }
    else if (job->section != NULL) {
        read_option(job, trimmed(at, equals, job->pool), trimmed(equals + 1, end, job->pool));
    }
    else if (job->domain != NULL && equals != NULL && strcasecmp(trimmed(at, equals, job->pool), "id_provider") == 0) {
        apr_hash_set(job->providers, job->domain, APR_HASH_KEY_STRING, trimmed(equals + 1, end, job->pool));
    }
}

static void read_text(sssd_job_t *job, certmap_str_t text)
{
    certmap_str_t line;
    apr_size_t pos = 0;
    int number = 0;

    if (memchr(text.data, '\0', text.len) != NULL) {
        certmap_import_error(job->out, 1, 1, "there is a NUL in it: this is not text");
        return;
    }
    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        pos = 3;
    }
    while (certmap_import_line(text, &pos, &line)) {
        number++;
        if (line.len > CERTMAP_IMPORT_SSSD_LINE_MOST) {
            certmap_import_error(job->out, number, 1, "a line of more than %d bytes", CERTMAP_IMPORT_SSSD_LINE_MOST);
            return;
        }
        read_line(job, line, number);
    }
    if (job->sections->nelts == 0) {
        certmap_import_error(job->out, 1, 1, "there is no [certmap/DOMAIN/NAME] section in it");
    }
}

/* ---- rules --------------------------------------------------------------------------------------------------- */

/* Whether accounts of a domain are those of the system's files, which the section's name names. */
static int has_files(const sssd_job_t *job, const char *domain)
{
    const char *provider = apr_hash_get(job->providers, domain, APR_HASH_KEY_STRING);

    return provider ? strcasecmp(provider, "files") == 0 : strcmp(domain, "implicit_files") == 0;
}

/* The user of a section. @return NULL, or why it cannot be carried over */
static const char *read_map(const sssd_job_t *job, const section_t *s, sssd_map_t *map)
{
    apr_size_t len;

    memset(map, 0, sizeof(*map));
    if (!has_files(job, s->domain)) {
        return certmap_sssd_map(s->map ? s->map : default_map, map, job->pool);
    }
    if (s->map == NULL) {
        map->user = certmap_import_user(s->name, job->pool);
        return NULL;
    }
    len = strlen(s->map);
    if (len < 3 || s->map[0] != '(' || s->map[len - 1] != ')' || strpbrk(s->map, "={}:") != NULL
        || strchr(s->map + 1, '(') != NULL || strchr(s->map, ')') != s->map + len - 1) {
        return "its mapping rule is not (NAME), which alone is carried over for accounts in files";
    }
    map->user = certmap_import_user(apr_pstrmemdup(job->pool, s->map + 1, len - 2), job->pool);
    return NULL;
}

static void read_rules(const sssd_job_t *job, section_t *s)
{
    s->unread = certmap_sssd_match(s->match ? s->match : default_match, &s->matches, job->pool);
    s->unmapped = s->fault;
    if (s->unmapped == NULL && s->domains != NULL && strcmp(s->domains, s->domain) != 0) {
        s->unmapped = "it searches other domains too, whose accounts are others of the same name";
    }
    s->unmapped = s->unmapped ? s->unmapped : read_map(job, s, &s->maps);
}

/* ---- sections of one priority -------------------------------------------------------------------------------- */

/* Whether two sets of conditions ask for different names, so that no certificate meets both. */
static int apart(const apr_array_header_t *a, const apr_array_header_t *b)
{
    static const char *const names[] = { "case:subject=", "case:issuer=" };
    apr_size_t k;
    int i, j;

    for (k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
        apr_size_t n = strlen(names[k]);

        for (i = 0; i < a->nelts; i++) {
            const char *one = APR_ARRAY_IDX(a, i, const char *);

            for (j = 0; strncmp(one, names[k], n) == 0 && j < b->nelts; j++) {
                const char *other = APR_ARRAY_IDX(b, j, const char *);

                if (strncmp(other, names[k], n) == 0 && strcmp(one, other) != 0) {
                    return 1;
                }
            }
        }
    }
    return 0;
}

/* Whether two sections give the same user to the certificates that both match. */
static int is_one_map(const section_t *a, const section_t *b)
{
    return !a->unread && !b->unread && !a->unmapped && !b->unmapped && strcmp(a->maps.user, b->maps.user) == 0
           && strcmp(a->maps.condition ? a->maps.condition : "", b->maps.condition ? b->maps.condition : "") == 0;
}

/* Whether it is the same which of two sections is asked first. */
static int is_same_either_way(const section_t *a, const section_t *b)
{
    const apr_array_header_t *all = a->fault || a->unread ? NULL : a->matches.alternatives;
    const apr_array_header_t *others = b->fault || b->unread ? NULL : b->matches.alternatives;
    int i, j;

    if (is_one_map(a, b)) {
        return 1;
    }
    for (i = 0; all && others && i < all->nelts; i++) {
        for (j = 0; j < others->nelts; j++) {
            if (!apart(APR_ARRAY_IDX(all, i, apr_array_header_t *), APR_ARRAY_IDX(others, j, apr_array_header_t *))) {
                return 0;
            }
        }
    }
    return all && others;
}

/* Sections of one priority are asked in an order that the file does not tell. */
static void find_ties(sssd_job_t *job)
{
    section_t **all = (section_t **)job->sections->elts;
    int from, to, i, j;

    for (from = 0; from < job->sections->nelts; from = to) {
        int alike = 1;

        for (to = from + 1; to < job->sections->nelts && all[to]->priority == all[from]->priority; to++) {
            alike = alike && is_one_map(all[from], all[to]);
        }
        for (i = from; i < to && !alike; i++) {
            for (j = from; j < to && all[i]->tied == NULL; j++) {
                if (j != i && (to - from > CERTMAP_IMPORT_SSSD_TIES_MOST || !is_same_either_way(all[i], all[j]))) {
                    all[i]->tied = all[j]->header;
                }
            }
        }
    }
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

/* Writes the rules of a section. @return NULL, or why one of them cannot be written */
static const char *write_rules(sssd_job_t *job, const section_t *s, const sssd_match_t *match, const sssd_map_t *map,
                               int last)
{
    const char *why = NULL;
    int i;

    for (i = 0; why == NULL && i < match->alternatives->nelts; i++) {
        apr_array_header_t *words = APR_ARRAY_IDX(match->alternatives, i, apr_array_header_t *);
        apr_array_header_t *guard;
        int j, has_ku = 0;

        for (j = 0; j < words->nelts; j++) {
            has_ku |= strncmp(APR_ARRAY_IDX(words, j, const char *), "ku=", 3) == 0;
        }
        if (job->asks_ku && !has_ku) {
            APR_ARRAY_PUSH(words, const char *) = "ku=*";
        }
        guard = apr_array_copy(job->pool, words);
        if (map->condition != NULL) {
            APR_ARRAY_PUSH(words, const char *) = map->condition;
        }
        why = certmap_import_rule(job->out, s->name, map->user, words);
        if (why == NULL && map->condition != NULL && !last) {
            certmap_import_comment(job->out,
                                   "A certificate that fails only the last condition of that rule has no account "
                                   "in SSSD, and the rules below do not match it:");
            why = certmap_import_rule(job->out, s->name, NULL, guard);
        }
    }
    return why;
}

static void write_section(sssd_job_t *job, const section_t *s, int last)
{
    certmap_str_t original = { apr_psprintf(job->pool, "[%s]", s->header), strlen(s->header) + 2 };
    const char *why = s->fault ? s->fault : s->unread;

    why = why ? why : s->unmapped;
    if (why == NULL && s->tied != NULL) {
        why = apr_psprintf(job->pool,
                           "it has the priority of [%.100s], both may hold for one certificate, and the "
                           "file does not say which one SSSD asks first; give them different priorities",
                           s->tied);
    }
    if (why == NULL && job->blocked != NULL) {
        why = apr_psprintf(job->pool,
                           "it may hold for certificates that [%.100s] catches first in SSSD, and that one "
                           "is left out",
                           job->blocked);
    }
    if (why == NULL) {
        why = write_rules(job, s, &s->matches, &s->maps, last);
        job->asks_ku |= s->matches.asks_ku;
    }
    if (why != NULL) {
        certmap_import_left_out(job->out, s->line, original, "%s", why);
        certmap_import_comment(job->out, "    matchrule = %.400s\n    maprule = %.400s",
                               s->match ? s->match : "(default)", s->map ? s->map : "(default)");
        job->blocked = job->blocked ? job->blocked : s->header;
    }
}

/* By priority, then in the order of the file. */
static int by_priority(const void *a, const void *b)
{
    const section_t *x = *(section_t *const *)a;
    const section_t *y = *(section_t *const *)b;

    return x->priority != y->priority ? (x->priority < y->priority ? -1 : 1)
                                      : (x->line > y->line) - (x->line < y->line);
}

/* Keeps the sections of one domain. @return it, or NULL: an error has been reported */
static const char *choose(sssd_job_t *job, const char *wanted)
{
    const char *domain = wanted;
    const char *list = "";
    apr_hash_t *seen = apr_hash_make(job->pool);
    int i, n = 0;

    for (i = 0; i < job->sections->nelts; i++) {
        section_t *s = APR_ARRAY_IDX(job->sections, i, section_t *);

        if (apr_hash_get(seen, s->domain, APR_HASH_KEY_STRING) == NULL) {
            apr_hash_set(seen, s->domain, APR_HASH_KEY_STRING, s);
            if (apr_hash_count(seen) <= 20) {
                list = apr_pstrcat(job->pool, list, *list ? ", " : "", s->domain, NULL);
            }
            domain = domain ? domain : s->domain;
        }
        if (strcmp(s->domain, domain) == 0) {
            APR_ARRAY_IDX(job->sections, n++, section_t *) = s;
        }
    }
    if (wanted == NULL && apr_hash_count(seen) > 1) {
        certmap_import_error(job->out, 1, 1,
                             "several domains have rules, each with accounts of its own; choose one "
                             "(--map): %s",
                             list);
        return NULL;
    }
    if (n == 0) {
        certmap_import_error(job->out, 1, 1, "domain %s has no rules; there are some for: %s", domain, list);
        return NULL;
    }
    job->sections->nelts = n;
    return domain;
}

apr_status_t certmap_import_sssd(certmap_str_t text, const char *file, const certmap_import_options_t *options,
                                 certmap_import_result_t *result, apr_pool_t *p)
{
    sssd_job_t job = { .out = certmap_import_out_create(CERTMAP_IMPORT_RULES, file, p), .pool = p };
    const char *domain = NULL;
    int i;

    job.sections = apr_array_make(p, 8, sizeof(section_t *));
    job.seen = apr_hash_make(p);
    job.providers = apr_hash_make(p);
    read_text(&job, text);
    if (!certmap_import_failed(job.out)) {
        domain = choose(&job, options->map);
    }
    if (domain == NULL) {
        return certmap_import_finish(job.out, result);
    }
    qsort(job.sections->elts, (size_t)job.sections->nelts, sizeof(section_t *), by_priority);
    for (i = 0; i < job.sections->nelts; i++) {
        read_rules(&job, APR_ARRAY_IDX(job.sections, i, section_t *));
    }
    find_ties(&job);
    certmap_import_comment(job.out, "Imported from %s: [certmap/%s/...] of SSSD, by priority.",
                           file ? file : "standard input", domain);
    certmap_import_comment(job.out,
                           "SSSD lets in accounts that it finds, by the name that it finds; here a name is "
                           "the user as the\ncertificate has it, and whether there is such an account is Require's "
                           "business.");
    certmap_import_comment(job.out, "Several different values refuse here; SSSD takes one. ku= asks that the extension "
                                    "is there.");
    certmap_import_comment(job.out, "SSSD takes attributes joined in one part of a name for parts of their own; here "
                                    "they are not.");
    certmap_import_blank(job.out);
    for (i = 0; i < job.sections->nelts; i++) {
        write_section(&job, APR_ARRAY_IDX(job.sections, i, section_t *), i + 1 == job.sections->nelts);
    }
    return certmap_import_finish(job.out, result);
}
