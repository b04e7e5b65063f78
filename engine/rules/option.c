/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of rules and one-to-one entries: groups=a,b expires=YYYY-MM-DD note="..." disabled. Each appears once and
 * says exactly one thing, or is an error at its place.
 */
#include <string.h>

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "base/internal.h"
#include "rules/words.h"

/* So many groups are compared with one another; more of them are put into a hash table. */
#define GROUPS_FEW 16

/* What reading one option works with; the value begins at `from`. */
typedef struct option_job_t {
    certmap_options_t *options;
    const certmap_word_t *word;
    apr_size_t from;
    certmap_sink_t *sink;
    apr_pool_t *pool;
} option_job_t;

typedef void option_fn(const option_job_t *job);

static option_fn read_groups;
static option_fn read_expires;
static option_fn read_note;
static option_fn read_disabled;

typedef struct option_t {
    const char *name;
    option_fn *read;
    unsigned of;  /* CERTMAP_OPTION_OF_RULE, CERTMAP_OPTION_OF_ENTRY: what may have it */
    int no_value; /* a word by itself, without "=VALUE" */
} option_t;

#define OF_BOTH (CERTMAP_OPTION_OF_RULE | CERTMAP_OPTION_OF_ENTRY)

static const option_t option_table[] = {
    { .name = "groups", .read = read_groups, .of = OF_BOTH },
    { .name = "expires", .read = read_expires, .of = OF_BOTH },
    { .name = "note", .read = read_note, .of = OF_BOTH },
    { .name = "disabled", .read = read_disabled, .of = CERTMAP_OPTION_OF_RULE, .no_value = 1 },
};

#define NOPTIONS (sizeof(option_table) / sizeof(option_table[0]))

static const option_t *find_option(certmap_str_t text, unsigned of)
{
    apr_size_t i;

    for (i = 0; i < NOPTIONS; i++) {
        const option_t *option = &option_table[i];
        apr_size_t n = strlen(option->name);

        if ((option->of & of) != 0 && text.len >= n && memcmp(text.data, option->name, n) == 0
            && (option->no_value ? text.len == n : text.len > n && text.data[n] == '=')) {
            return option;
        }
    }
    return NULL;
}

static void check_group(const option_job_t *job, certmap_str_t group, certmap_place_t at)
{
    const char *why;

    if (group.len == 0) {
        certmap_sink_error(job->sink, at, "empty group name; write groups=a,b");
    }
    else if (strchr(" \t", group.data[0]) != NULL || strchr(" \t", group.data[group.len - 1]) != NULL) {
        certmap_sink_error(job->sink, at, "blank at the end of a group name; write groups=a,b");
    }
    else if ((why = certmap_text_check(group, NULL)) != NULL) {
        certmap_sink_error(job->sink, at, "group name: %s", why);
    }
}

/* How many groups a text has: one more than it has commas. */
static apr_size_t count_groups(certmap_str_t text, apr_size_t from)
{
    apr_size_t n = 1;

    for (; from < text.len; from++) {
        n += text.data[from] == ',';
    }
    return n;
}

/* Whether a group is one of those before. Few are compared one by one; many are in seen, which is NULL for few. */
static int seen_before(const char *group, const char *const *groups, apr_size_t n, apr_hash_t *seen)
{
    apr_size_t i;
    int found;

    if (seen != NULL) {
        found = apr_hash_get(seen, group, APR_HASH_KEY_STRING) != NULL;
        apr_hash_set(seen, group, APR_HASH_KEY_STRING, group);
        return found;
    }
    for (i = 0; i < n && strcmp(groups[i], group) != 0; i++) {
    }
    return i < n;
}

static void read_groups(const option_job_t *job)
{
    certmap_str_t text = job->word->text;
    apr_size_t most = count_groups(text, job->from);
    const char **groups = apr_palloc(job->pool, most * sizeof(*groups));
    apr_pool_t *scratch = NULL;
    apr_hash_t *seen = NULL;
    apr_size_t i = job->from;
    apr_size_t n = 0;

    if (most > GROUPS_FEW) {
        apr_pool_create(&scratch, job->pool);
        seen = apr_hash_make(scratch);
    }
    for (; n < most; n++) {
        const char *comma = memchr(text.data + i, ',', text.len - i);
        apr_size_t len = comma ? (apr_size_t)(comma - text.data) - i : text.len - i;

        groups[n] = apr_pstrmemdup(job->pool, text.data + i, len);
        check_group(job, (certmap_str_t){ groups[n], len }, certmap_word_at(job->word, i));
        if (len > 0 && seen_before(groups[n], groups, n, seen)) {
            certmap_sink_error(job->sink, certmap_word_at(job->word, i), "group \"%s\" appears twice", groups[n]);
        }
        i += len + 1;
    }
    if (scratch != NULL) {
        apr_pool_destroy(scratch);
    }
    job->options->groups = groups;
    job->options->ngroups = n;
}

static void read_expires(const option_job_t *job)
{
    const char *s = job->word->text.data + job->from;
    certmap_place_t at = certmap_word_at(job->word, job->from);
    certmap_calendar_t date = { 0 };
    apr_time_t day;
    int i;

    for (i = 0; i < 10 && (i == 4 || i == 7 ? s[i] == '-' : apr_isdigit(s[i])); i++) {
    }
    if (i != 10 || job->word->text.len - job->from != 10) {
        certmap_sink_error(job->sink, at,
                           "bad date; write expires=YYYY-MM-DD, the last day (UTC) on which the rule holds");
        return;
    }
    date.year = atoi(s);
    date.month = atoi(s + 5);
    date.day = atoi(s + 8);
    if (date.year < 1970 || !certmap_calendar_time(&date, &day)) {
        certmap_sink_error(job->sink, at, "there is no such day as %s", s);
        return;
    }
    job->options->expires = day + apr_time_from_sec(86400);
}

static void read_note(const option_job_t *job)
{
    job->options->note = apr_pstrmemdup(job->pool, job->word->text.data + job->from, job->word->text.len - job->from);
}

static void read_disabled(const option_job_t *job)
{
    job->options->disabled = 1;
}

int certmap_option_is(certmap_str_t text, unsigned of)
{
    return find_option(text, of) != NULL;
}

void certmap_option_read(certmap_options_t *options, unsigned of, const certmap_word_t *word, certmap_sink_t *sink,
                         apr_pool_t *p)
{
    const option_t *option = find_option(word->text, of);
    option_job_t job = { options, word, strlen(option->name) + 1, sink, p };
    unsigned bit = 1u << (option - option_table);

    if (options->seen & bit) {
        certmap_sink_error(sink, word->place, "\"%s\" appears twice", option->name);
        return;
    }
    options->seen |= bit;
    option->read(&job);
}

/* As they are written before a value: "groups=", "disabled". NULL after the last. */
static void written(const char *names[NOPTIONS + 1], unsigned of, int equals, apr_pool_t *p)
{
    apr_size_t i, n = 0;

    for (i = 0; i < NOPTIONS; i++) {
        if (option_table[i].of & of) {
            names[n++] = equals && !option_table[i].no_value ? apr_pstrcat(p, option_table[i].name, "=", NULL)
                                                             : option_table[i].name;
        }
    }
    names[n] = NULL;
}

const char *certmap_option_suggest(certmap_str_t name, unsigned of, apr_pool_t *p)
{
    const char *names[NOPTIONS + 1];
    const char *with_equals[NOPTIONS + 1];
    const char *hint;
    apr_size_t i;

    written(names, of, 0, p);
    hint = certmap_suggest(name, names);
    written(with_equals, of, 1, p);
    for (i = 0; hint != NULL && names[i] != hint; i++) {
    }
    return hint != NULL ? with_equals[i] : NULL;
}

const char *certmap_option_list(unsigned of, apr_pool_t *p)
{
    const char *names[NOPTIONS + 1];
    const char *list = "";
    apr_size_t i;

    written(names, of, 1, p);
    for (i = 0; names[i] != NULL; i++) {
        list = apr_pstrcat(p, list, i == 0 ? "" : names[i + 1] != NULL ? ", " : " and ", names[i], NULL);
    }
    return list;
}

const char *certmap_option_groups_text(const char *const *groups, apr_size_t n, apr_pool_t *p)
{
    apr_array_header_t *list = apr_array_make(p, (int)n + 1, sizeof(const char *));

    memcpy(list->elts, groups, n * sizeof(*groups));
    list->nelts = (int)n;
    return apr_array_pstrcat(p, list, ',');
}

const char *certmap_option_expires_text(apr_time_t expires, apr_pool_t *p)
{
    return certmap_time_text(expires - 1, CERTMAP_TIME_DAY, p);
}
