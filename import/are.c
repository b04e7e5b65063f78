/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a regular expression of PostgreSQL and writes it again for PCRE2. Nothing is copied through: what is not known
 * to mean the same in both is refused. PostgreSQL matches bytes here, as no database has been chosen yet when a client
 * is authenticated, and PCRE2 characters; so what may meet a character that is not ASCII may only be repeated without
 * bound, and meets ASCII alone elsewhere.
 */
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "import/are.h"

/* What one character of the value may be. */
typedef struct set_t {
    char has[128];
    int wide; /* and everything that is not ASCII */
} set_t;

/* One atom that is not a group. */
typedef struct atom_t {
    set_t set;
    int least;
    int most; /* -1: no bound */
} atom_t;

typedef struct quantifier_t {
    int least;
    int most; /* -1: no bound */
    int lazy;
    int present;
} quantifier_t;

typedef struct are_job_t {
    certmap_str_t in;
    apr_size_t at;
    apr_array_header_t *out;   /* of const char * */
    apr_array_header_t *atoms; /* of atom_t, in their order, groups looked through */
    int depth;
    int alternatives_on_top;
    const char *why;
    certmap_are_t *are;
    apr_pool_t *p;
} are_job_t;

static int more(const are_job_t *job)
{
    return job->at < job->in.len;
}

static char peek(const are_job_t *job)
{
    return more(job) ? job->in.data[job->at] : '\0';
}

static int next_is(const are_job_t *job, const char *text)
{
    return job->in.len - job->at >= strlen(text) && memcmp(job->in.data + job->at, text, strlen(text)) == 0;
}

static int refuse(are_job_t *job, const char *why)
{
    job->why = job->why ? job->why : why;
    return 0;
}

static void put(are_job_t *job, const char *text)
{
    APR_ARRAY_PUSH(job->out, const char *) = text;
}

static void uncertain(are_job_t *job, const char *why)
{
    job->are->uncertain = job->are->uncertain ? job->are->uncertain : why;
}

/* ---- sets ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *chars; /* ranges: pairs of first and last */
} classes[] = {
    { .name = "alnum", .chars = "09AZaz" },  { .name = "alpha", .chars = "AZaz" },
    { .name = "blank", .chars = "  " },      { .name = "digit", .chars = "09" },
    { .name = "graph", .chars = "!~" },      { .name = "lower", .chars = "az" },
    { .name = "print", .chars = " ~" },      { .name = "punct", .chars = "!/:@[`{~" },
    { .name = "space", .chars = "  " },      { .name = "upper", .chars = "AZ" },
    { .name = "xdigit", .chars = "09AFaf" },
};

static void add_ranges(set_t *set, const char *ranges)
{
    int c;

    for (; *ranges != '\0'; ranges += 2) {
        for (c = ranges[0]; c <= ranges[1]; c++) {
            set->has[c] = 1;
        }
    }
}

/* Controls are left away: no value that is accepted here has one. */
static const char *set_text(const set_t *set, apr_pool_t *p)
{
    char *out = apr_palloc(p, 4 * 128);
    char *to = out;
    int c;

    *to++ = '[';
    for (c = ' '; c <= '~'; c++) {
        int last = c;

        if (!set->has[c]) {
            continue;
        }
        while (last < '~' && set->has[last + 1]) {
            last++;
        }
        to += apr_snprintf(to, 3, strchr("\\]^-[", c) ? "\\%c" : "%c", c);
        if (last > c) {
            to += apr_snprintf(to, 4, strchr("\\]^-[", last) ? "-\\%c" : "-%c", last);
        }
        c = last;
    }
    memcpy(to, "]", 2);
    return to == out + 1 ? NULL : out;
}

static void turn(set_t *set)
{
    int c;

    for (c = 0; c < 128; c++) {
        set->has[c] = (char)!set->has[c];
    }
    set->wide = 1;
}

/* What a class that is written with a letter stands for. */
static int add_letter(set_t *set, char letter)
{
    const char *ranges = letter == 'd' ? "09" : letter == 'w' ? "09AZ__az" : letter == 's' ? "  " : NULL;

    if (ranges != NULL) {
        add_ranges(set, ranges);
    }
    return ranges != NULL;
}

static int read_class(are_job_t *job, set_t *set)
{
    apr_size_t i;

    for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        const char *text = apr_pstrcat(job->p, "[:", classes[i].name, ":]", NULL);

        if (next_is(job, text)) {
            add_ranges(set, classes[i].chars);
            job->at += strlen(text);
            return 1;
        }
    }
    return refuse(job, "an element of a bracket expression that is not known here");
}

/* One character of a bracket expression. @return -1 when it is refused */
static int read_member(are_job_t *job)
{
    char c = job->in.data[job->at++];

    if (c == '\\') {
        c = peek(job);
        if (!more(job) || apr_isalnum(c)) {
            refuse(job, "an escape in a bracket expression that is not known here");
            return -1;
        }
        job->at++;
    }
    if (c < ' ' || c > '~') {
        refuse(job, "a bracket expression with characters that are not printable ASCII");
        return -1;
    }
    return c;
}

static int at_range(const are_job_t *job)
{
    return peek(job) == '-' && job->at + 1 < job->in.len && job->in.data[job->at + 1] != ']';
}

/* One character, or a range of them. */
static int read_members(are_job_t *job, set_t *set)
{
    int from = read_member(job);
    int to = from;

    if (from >= 0 && at_range(job)) {
        job->at++;
        if (from == '-' || peek(job) == '[') {
            return refuse(job, "a range in a bracket expression that is not known here");
        }
        to = read_member(job);
    }
    if (from < 0 || to < from) {
        return refuse(job, "a range in a bracket expression that runs backwards");
    }
    memset(set->has + from, 1, (apr_size_t)(to - from + 1));
    return to == from || !at_range(job) || refuse(job, "a range after a range");
}

/* Reads what follows '['. */
static int read_bracket(are_job_t *job, set_t *set)
{
    int negated = peek(job) == '^';
    apr_size_t first;

    job->at += (apr_size_t)negated;
    for (first = job->at; more(job) && (peek(job) != ']' || job->at == first);) {
        int fine;

        if (next_is(job, "[:") || next_is(job, "[.") || next_is(job, "[=")) {
            fine = read_class(job, set) && (!at_range(job) || refuse(job, "a range after a class"));
        }
        else if (peek(job) == '\\' && job->at + 1 < job->in.len && add_letter(set, job->in.data[job->at + 1])) {
            job->at += 2;
            fine = !at_range(job) || refuse(job, "a range after a class");
        }
        else {
            fine = read_members(job, set);
        }
        if (!fine) {
            return 0;
        }
    }
    if (!more(job)) {
        return refuse(job, "a bracket expression without an end");
    }
    job->at++;
    if (negated) {
        turn(set);
    }
    return 1;
}

/* ---- quantifiers --------------------------------------------------------------------------------------------- */

static int read_number(are_job_t *job)
{
    int n = -1;

    while (apr_isdigit(peek(job)) && n <= CERTMAP_IMPORT_ARE_REPEAT_MOST) {
        n = 10 * (n < 0 ? 0 : n) + (job->in.data[job->at++] - '0');
    }
    return n;
}

static int at_quantifier(const are_job_t *job)
{
    char c = peek(job);

    return c == '*' || c == '+' || c == '?'
           || (c == '{' && job->at + 1 < job->in.len && apr_isdigit(job->in.data[job->at + 1]));
}

static int read_quantifier(are_job_t *job, quantifier_t *q)
{
    *q = (quantifier_t){ 1, 1, 0, at_quantifier(job) };
    if (!q->present) {
        return 1;
    }
    switch (job->in.data[job->at++]) {
    case '*':
        q->least = 0;
        q->most = -1;
        break;
    case '+':
        q->most = -1;
        break;
    case '?':
        q->least = 0;
        break;
    case '{':
        q->least = q->most = read_number(job);
        if (peek(job) == ',') {
            job->at++;
            q->most = peek(job) == '}' ? -1 : read_number(job);
            if (q->most < 0 && peek(job) != '}') {
                return refuse(job, "a bound that is not known here");
            }
        }
        if (peek(job) != '}' || q->least > CERTMAP_IMPORT_ARE_REPEAT_MOST || q->most > CERTMAP_IMPORT_ARE_REPEAT_MOST
            || (q->most >= 0 && q->most < q->least)) {
            return refuse(job, "a bound that is not known here");
        }
        job->at++;
        break;
    }
    if (peek(job) == '?') {
        q->lazy = 1;
        job->at++;
    }
    return at_quantifier(job) ? refuse(job, "a quantifier after a quantifier") : 1;
}

static const char *quantifier_text(const quantifier_t *q, apr_pool_t *p)
{
    const char *lazy = q->lazy ? "?" : "";

    if (!q->present) {
        return "";
    }
    if (q->least <= 1 && q->most == -1) {
        return apr_pstrcat(p, q->least ? "+" : "*", lazy, NULL);
    }
    if (q->least == 0 && q->most == 1) {
        return apr_pstrcat(p, "?", lazy, NULL);
    }
    return q->most == -1 ? apr_psprintf(p, "{%d,}%s", q->least, lazy)
                         : apr_psprintf(p, "{%d,%d}%s", q->least, q->most, lazy);
}

/* ---- atoms --------------------------------------------------------------------------------------------------- */

/* Writes an atom of one character, with what repeats it. */
static int put_set(are_job_t *job, const set_t *set, const char *text)
{
    atom_t *atom = apr_array_push(job->atoms);
    quantifier_t q;

    if (!read_quantifier(job, &q)) {
        return 0;
    }
    *atom = (atom_t){ *set, q.least, q.most };
    if (set->wide && (!q.present || q.most != -1 || q.least > 1)) {
        job->are->exact = 0;
        text = set_text(set, job->p);
    }
    else if (set->wide && q.least > 0) {
        job->are->exact = 0;
    }
    if (q.lazy) {
        uncertain(job, "a lazy quantifier");
    }
    put(job, text);
    put(job, quantifier_text(&q, job->p));
    return text != NULL || refuse(job, "a bracket expression that no character meets");
}

static int put_literal(are_job_t *job, char c)
{
    set_t set = { .wide = 0 };

    set.has[(int)c] = 1;
    return put_set(job, &set, apr_psprintf(job->p, strchr("\\^$.[]|()?*+{}#", c) ? "\\%c" : "%c", c));
}

/* A character of several bytes: PostgreSQL would repeat the last of them. */
static int put_wide_literal(are_job_t *job)
{
    const unsigned char *s = (const unsigned char *)job->in.data + job->at;
    apr_uint32_t c = 0;
    int n = certmap_utf8_next(s, job->in.len - job->at, &c);

    if (n == 0 || certmap_codepoint_check(c) != NULL) {
        return refuse(job, "a character that no name has");
    }
    put(job, apr_pstrmemdup(job->p, (const char *)s, (apr_size_t)n));
    job->at += (apr_size_t)n;
    uncertain(job, "characters that are not ASCII");
    return at_quantifier(job) ? refuse(job, "a quantifier after a character that is not ASCII") : 1;
}

static int put_bracket(are_job_t *job)
{
    set_t set = { .wide = 0 };
    set_t other;
    const char *text;

    if (!read_bracket(job, &set)) {
        return 0;
    }
    if (!set.wide) {
        return put_set(job, &set, set_text(&set, job->p));
    }
    other = set;
    turn(&other);
    text = set_text(&other, job->p);
    return put_set(job, &set, text ? apr_pstrcat(job->p, "[^", text + 1, NULL) : ".");
}

static int put_escape(are_job_t *job)
{
    set_t set = { .wide = 0 };
    char c = peek(job);

    if (c < '!' || c > '~') {
        return refuse(job, "an escape that is not known here");
    }
    job->at++;
    if (add_letter(&set, c)) {
        return put_set(job, &set, set_text(&set, job->p));
    }
    return apr_isalnum(c) ? refuse(job, "an escape that is not known here") : put_literal(job, c);
}

static int alternatives(are_job_t *job);

static int put_parentheses(are_job_t *job)
{
    int captures = peek(job) != '?';
    quantifier_t q;

    if (!captures && !next_is(job, "?:")) {
        return refuse(job, "an option, or a constraint on what comes before or after");
    }
    job->at += captures ? 0 : 2;
    job->are->captures += captures;
    put(job, captures ? "(" : "(?:");
    if (++job->depth > CERTMAP_IMPORT_ARE_DEPTH_MOST) {
        return refuse(job, "too many groups in one another");
    }
    if (!alternatives(job)) {
        return 0;
    }
    job->depth--;
    if (peek(job) != ')') {
        return refuse(job, "a group without an end");
    }
    job->at++;
    if (!read_quantifier(job, &q)) {
        return 0;
    }
    if (q.present) {
        uncertain(job, "a group that is repeated");
    }
    put(job, ")");
    put(job, quantifier_text(&q, job->p));
    return 1;
}

static int put_anchor(are_job_t *job, const char *text)
{
    put(job, text);
    return at_quantifier(job) ? refuse(job, "a quantifier after an anchor") : 1;
}

static int atom(are_job_t *job)
{
    set_t any = { .wide = 0 };
    char c = peek(job);

    if (at_quantifier(job)) {
        return refuse(job, "a quantifier with nothing before it");
    }
    if (c < ' ' || c > '~') {
        return put_wide_literal(job);
    }
    job->at++;
    switch (c) {
    case '.':
        turn(&any);
        return put_set(job, &any, ".");
    case '[':
        return put_bracket(job);
    case '\\':
        return put_escape(job);
    case '(':
        return put_parentheses(job);
    case '^':
        return put_anchor(job, "^");
    case '$':
        return put_anchor(job, "$");
    }
    return put_literal(job, c);
}

/* Branches, up to the end or the parenthesis that ends the group. */
static int alternatives(are_job_t *job)
{
    apr_size_t from = job->at;

    while (more(job) && peek(job) != ')') {
        if (peek(job) != '|') {
            if (!atom(job)) {
                return 0;
            }
            continue;
        }
        if (job->at == from) {
            return refuse(job, "an empty branch");
        }
        put(job, "|");
        from = ++job->at;
        job->alternatives_on_top |= job->depth == 0;
        uncertain(job, "several branches");
    }
    return job->at == from ? refuse(job, "an empty branch") : 1;
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

/* Whether an atom ends (or begins) where its neighbour shows, which it cannot take the place of. */
static int bounded(const atom_t *a, const atom_t *neighbour)
{
    int c;

    if (neighbour->least == 0 || neighbour->set.wide) {
        return 0;
    }
    for (c = 0; c < 128; c++) {
        if (a->set.has[c] && neighbour->set.has[c]) {
            return 0;
        }
    }
    return 1;
}

/*
 * Whether there is only one way in which the atoms can share a value among them: from the left it is certain where each
 * ends, from the right where each begins, and at most one is left between.
 */
static int one_way(const are_job_t *job)
{
    const atom_t *atoms = (const atom_t *)job->atoms->elts;
    int left = 0;
    int right = job->atoms->nelts;

    while (
        left < right
        && (atoms[left].least == atoms[left].most || (left + 1 < right && bounded(&atoms[left], &atoms[left + 1])))) {
        left++;
    }
    while (right > left
           && (atoms[right - 1].least == atoms[right - 1].most
               || (right - 1 > 0 && bounded(&atoms[right - 1], &atoms[right - 2])))) {
        right--;
    }
    return right - left <= 1;
}

const char *certmap_import_are(certmap_str_t text, certmap_are_t *are, apr_pool_t *p)
{
    are_job_t job = { .in = text,
                      .out = apr_array_make(p, 64, sizeof(const char *)),
                      .atoms = apr_array_make(p, 32, sizeof(atom_t)),
                      .are = are,
                      .p = p };
    int begins;
    int ends;
    const char **parts;

    *are = (certmap_are_t){ .exact = 1 };
    if (text.len > CERTMAP_IMPORT_ARE_MOST) {
        return "it is longer than 4096 bytes";
    }
    if (!alternatives(&job)) {
        return job.why;
    }
    if (more(&job)) {
        return "a parenthesis that ends no group";
    }
    parts = (const char **)job.out->elts;
    begins = !job.alternatives_on_top && strcmp(parts[0], "^") == 0;
    ends = !job.alternatives_on_top && job.out->nelts > begins && strcmp(parts[job.out->nelts - 1], "$") == 0;
    if (begins) {
        parts[0] = "";
    }
    if (ends) {
        parts[job.out->nelts - 1] = "";
    }
    are->pattern = apr_array_pstrcat(p, job.out, 0);
    if (!begins || !ends) {
        uncertain(&job, "it is not anchored with ^ and $");
        are->pattern = apr_pstrcat(p, begins ? "" : ".*", job.alternatives_on_top ? "(?:" : "", are->pattern,
                                   job.alternatives_on_top ? ")" : "", ends ? "" : ".*", NULL);
    }
    else if (!one_way(&job)) {
        uncertain(&job, "more than one part of it may give way to another");
    }
    return NULL;
}
