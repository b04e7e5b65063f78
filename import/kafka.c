/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka's ssl.principal.mapping.rules: the first rule whose pattern matches the text of the subject gives the user. A
 * pattern that stands for a few whole names becomes one rule for each name; what else there is cannot be said with
 * conditions on names, and becomes a comment, as does every name that such a pattern would catch first.
 */
#include <string.h>

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "import/kafka.h"
#include "import/name.h"

static const char property[] = "ssl.principal.mapping.rules";

/* One rule of the list. */
typedef struct kafka_rule_t {
    const char *text;    /* as in the list */
    const char *pattern; /* NULL: DEFAULT */
    const char *replacement;
    char letter; /* 'L', 'U' or NUL */
} kafka_rule_t;

/* Where the list was found. */
typedef struct kafka_list_t {
    const char *listener; /* "" for all */
    const char *value;
    int line;
} kafka_list_t;

typedef struct kafka_job_t {
    certmap_import_out_t *out;
    const char *issuer;         /* a condition, or NULL */
    apr_array_header_t *behind; /* patterns left out so far, const char * */
    apr_hash_t *seen;           /* names that a rule has had */
    int line;
    int over; /* DEFAULT has been read */
    apr_pool_t *pool;
} kafka_job_t;

/* ---- Java's properties --------------------------------------------------------------------------------------- */

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

/* One logical line: continued lines joined, comments and empty lines skipped. @return 0 at the end */
static int logical_line(certmap_str_t text, apr_size_t *pos, int *line, int *first, certmap_str_t *out, apr_pool_t *p)
{
    apr_array_header_t *joined = NULL;
    certmap_str_t part;

    while (certmap_import_line(text, pos, &part)) {
        apr_size_t slashes = 0, i;

        ++*line;
        while (part.len > 0 && is_space(*part.data)) {
            part.data++;
            part.len--;
        }
        if (joined == NULL && (part.len == 0 || *part.data == '#' || *part.data == '!')) {
            continue;
        }
        *first = joined ? *first : *line;
        while (slashes < part.len && part.data[part.len - 1 - slashes] == '\\') {
            slashes++;
        }
        part.len -= slashes % 2;
        if (joined == NULL && slashes % 2 == 0) {
            *out = part;
            return 1;
        }
        joined = joined ? joined : apr_array_make(p, 256, sizeof(char));
        for (i = 0; i < part.len; i++) {
            APR_ARRAY_PUSH(joined, char) = part.data[i];
        }
        if (slashes % 2 == 0) {
            break;
        }
    }
    if (joined != NULL) {
        *out = (certmap_str_t){ joined->elts, (apr_size_t)joined->nelts };
    }
    return joined != NULL;
}

/* Takes the escapes out. @return NULL: one is wrong, and Java refuses the file */
static const char *unescape(const char *text, apr_size_t len, apr_pool_t *p)
{
    char *out = apr_palloc(p, len + 1);
    char *to = out;
    apr_size_t i, d;

    for (i = 0; i < len; i++) {
        static const char from[] = "tnrf", into[] = "\t\n\r\f";
        apr_uint32_t c = 0;
        const char *named;

        if (text[i] != '\\' || i + 1 == len) {
            *to++ = text[i];
            continue;
        }
        i++;
        named = strchr(from, text[i]);
        if (text[i] != 'u') {
            *to++ = named ? into[named - from] : text[i];
            continue;
        }
        for (d = 1; d <= 4; d++) {
            int digit = i + d < len ? certmap_hexval(text[i + d]) : -1;

            if (digit < 0) {
                return NULL;
            }
            c = c << 4 | (apr_uint32_t)digit;
        }
        if (c == 0 || (c >= 0xd800 && c < 0xe000)) {
            return NULL;
        }
        to += certmap_utf8_put(to, c); /* at most 3 bytes for 6 */
        i += 4;
    }
    *to = '\0';
    return out;
}

/* Splits a logical line after its key; both are still escaped. */
static void split(certmap_str_t line, certmap_str_t *key, certmap_str_t *value)
{
    apr_size_t i = 0;

    while (i < line.len && !is_space(line.data[i]) && line.data[i] != '=' && line.data[i] != ':') {
        i += line.data[i] == '\\' && i + 1 < line.len ? 2 : 1;
    }
    i = i < line.len ? i : line.len;
    *key = (certmap_str_t){ line.data, i };
    while (i < line.len && is_space(line.data[i])) {
        i++;
    }
    if (i < line.len && (line.data[i] == '=' || line.data[i] == ':')) {
        i++;
    }
    while (i < line.len && is_space(line.data[i])) {
        i++;
    }
    *value = (certmap_str_t){ line.data + i, line.len - i };
}

/* The listener that a key is for: "" for all, NULL when the key is another one. */
static const char *listener_of(const char *key, apr_pool_t *p)
{
    static const char prefix[] = "listener.name.";
    apr_size_t len = strlen(key), tail = strlen(property);

    if (strcmp(key, property) == 0) {
        return "";
    }
    if (strncmp(key, prefix, strlen(prefix)) != 0 || len <= strlen(prefix) + tail + 1
        || strcmp(key + len - tail, property) != 0 || key[len - tail - 1] != '.') {
        return NULL;
    }
    return apr_pstrndup(p, key + strlen(prefix), len - tail - 1 - strlen(prefix));
}

/* The lists of a properties file, of one listener the last, as Java takes it. @return array of kafka_list_t */
static apr_array_header_t *read_properties(certmap_str_t text, certmap_import_out_t *out, apr_pool_t *p)
{
    apr_array_header_t *lists = apr_array_make(p, 2, sizeof(kafka_list_t));
    certmap_str_t line, key, value;
    int number = 0, first = 0, i;
    apr_size_t pos = 0;

    while (logical_line(text, &pos, &number, &first, &line, p)) {
        kafka_list_t list = { .line = first };
        const char *name;

        split(line, &key, &value);
        if (key.len > 300 || (name = unescape(key.data, key.len, p)) == NULL
            || (list.listener = listener_of(name, p)) == NULL) {
            continue;
        }
        list.value = unescape(value.data, value.len, p);
        if (list.value == NULL) {
            certmap_import_error(out, first, 1, "a \\u escape is wrong, or stands for no character");
            continue;
        }
        for (i = 0; i < lists->nelts; i++) {
            if (strcmp(APR_ARRAY_IDX(lists, i, kafka_list_t).listener, list.listener) == 0) {
                break;
            }
        }
        if (i < lists->nelts) {
            APR_ARRAY_IDX(lists, i, kafka_list_t) = list;
        }
        else {
            APR_ARRAY_PUSH(lists, kafka_list_t) = list;
        }
    }
    return lists;
}

/* The list to import; NULL: an error has been reported. */
static const kafka_list_t *choose(certmap_str_t text, const char *wanted, certmap_import_out_t *out, apr_pool_t *p)
{
    apr_array_header_t *lists = read_properties(text, out, p);
    const char *names = "";
    int i;

    if (lists->nelts == 0) {
        apr_size_t at = 0;
        kafka_list_t *alone = apr_array_push(lists);

        while (at < text.len && apr_isspace(text.data[at])) {
            at++;
        }
        *alone = (kafka_list_t){ .listener = "", .value = apr_pstrmemdup(p, text.data + at, text.len - at), .line = 1 };
        if (strncmp(alone->value, "RULE:", 5) != 0 && strncmp(alone->value, "DEFAULT", 7) != 0) {
            certmap_import_error(out, 1, 1, "there is no %s here, and no list of rules (RULE:..., DEFAULT)", property);
            return NULL;
        }
    }
    for (i = 0; i < lists->nelts; i++) {
        const kafka_list_t *list = &APR_ARRAY_IDX(lists, i, kafka_list_t);

        if (lists->nelts == 1 && (wanted == NULL || strcmp(wanted, list->listener) == 0)) {
            return list;
        }
        if (wanted != NULL && strcmp(wanted, *list->listener ? list->listener : ".") == 0) {
            return list;
        }
        if (i < 20) {
            names = apr_pstrcat(p, names, i ? ", \"" : "\"", *list->listener ? list->listener : ".", "\"", NULL);
        }
    }
    certmap_import_error(out, APR_ARRAY_IDX(lists, 0, kafka_list_t).line, 1,
                         "%s; there are rules for (\".\" means every "
                         "listener): %s",
                         wanted ? "that listener has no rules" : "several listeners have rules, choose one (--map)",
                         names);
    return NULL;
}

/* ---- the list ------------------------------------------------------------------------------------------------ */

/* The end of a part of a rule: an unescaped slash. NULL when there is none. */
static const char *part_end(const char *at)
{
    for (; *at != '\0'; at++) {
        if (*at == '/') {
            return at;
        }
        if (*at == '\\' && *++at == '\0') {
            return NULL;
        }
    }
    return NULL;
}

/* Reads the rule at *at, and moves past it and its comma. @return NULL, or what Kafka does not take */
static const char *read_rule(const char **at, kafka_rule_t *rule, apr_pool_t *p)
{
    const char *from = *at, *to = *at, *end;

    memset(rule, 0, sizeof(*rule));
    if (strncmp(from, "DEFAULT", 7) == 0) {
        to = from + 7;
    }
    else {
        end = strncmp(from, "RULE:", 5) == 0 ? part_end(from + 5) : NULL;
        to = end ? part_end(end + 1) : NULL;
        if (to == NULL) {
            return "not RULE:PATTERN/REPLACEMENT/, RULE:PATTERN/REPLACEMENT/L, .../U or DEFAULT";
        }
        rule->pattern = apr_pstrmemdup(p, from + 5, (apr_size_t)(end - from - 5));
        rule->replacement = apr_pstrmemdup(p, end + 1, (apr_size_t)(to - end - 1));
        to++;
        if (*to == 'L' || *to == 'U') {
            rule->letter = *to++;
        }
    }
    rule->text = apr_pstrmemdup(p, from, (apr_size_t)(to - from));
    while (apr_isspace(*to)) {
        to++;
    }
    if (*to != '\0' && *to != ',') {
        return "a rule is followed by something that is not a comma";
    }
    while (*to == ',' || apr_isspace(*to)) {
        to++;
    }
    *at = to;
    return NULL;
}

/* The text that "$" and the digits at *at stand for; moves past them. @return 0: Java fails, or Kafka errs */
static int reference(const kafka_text_t *t, int captures, const char **at, certmap_str_t *piece)
{
    const char *c = *at;
    int number;

    if (!apr_isdigit(*c)) {
        return 0;
    }
    number = *c++ - '0';
    while (apr_isdigit(*c) && 10 * number + (*c - '0') <= captures) {
        number = 10 * number + (*c++ - '0');
    }
    if (number > captures) {
        return 0;
    }
    *at = c;
    *piece = number == 0 ? (certmap_str_t){ t->text, strlen(t->text) }
             : t->from[number] < 0
                 ? (certmap_str_t){ "", 0 }
                 : (certmap_str_t){ t->text + t->from[number], (apr_size_t)(t->to[number] - t->from[number]) };
    return 1;
}

/* The user that a rule gives for a text. @return NULL: Java would fail */
static const char *user_of(const kafka_rule_t *rule, const kafka_text_t *t, int captures, apr_pool_t *p)
{
    apr_array_header_t *out = apr_array_make(p, 64, sizeof(char));
    const char *c = rule->replacement;
    char *user;

    while (*c != '\0') {
        certmap_str_t piece = { c, 1 };
        apr_size_t i;

        c++;
        if (*piece.data == '$' && !reference(t, captures, &c, &piece)) {
            return NULL;
        }
        if (*piece.data == '\\' && piece.data == c - 1) {
            if (*c == '\0' || *c == '$') {
                return NULL;
            }
            piece.data = c++;
        }
        for (i = 0; i < piece.len && out->nelts < 1000; i++) {
            APR_ARRAY_PUSH(out, char) = piece.data[i];
        }
    }
    user = apr_pstrmemdup(p, out->elts, (apr_size_t)out->nelts);
    for (c = user; *c != '\0' && rule->letter != '\0'; c++) {
        if ((unsigned char)*c >= 0x80) {
            return NULL;
        }
        user[c - user] = (char)(rule->letter == 'L' ? apr_tolower(*c) : apr_toupper(*c));
    }
    return user;
}

/* ---- rules --------------------------------------------------------------------------------------------------- */

/* Why a name cannot become a rule of its own; NULL: it has become one. */
static const char *write_name(kafka_job_t *job, const kafka_rule_t *rule, const kafka_text_t *t, int captures,
                              apr_pool_t *p)
{
    apr_array_header_t *words = apr_array_make(p, 2, sizeof(const char *));
    const char *user = user_of(rule, t, captures, p);
    const char *why = certmap_import_plain_name(t->text, p);
    int i;

    if (why != NULL) {
        return apr_psprintf(p, "Java's text of a name: %s", why);
    }
    if (apr_hash_get(job->seen, t->text, APR_HASH_KEY_STRING) != NULL) {
        return "an earlier rule has this name already";
    }
    apr_hash_set(job->seen, apr_pstrdup(job->pool, t->text), APR_HASH_KEY_STRING, job);
    if (user == NULL) {
        return "its replacement cannot be carried over: $N without such a group, a lone $ or \\, or letters beyond "
               "ASCII to change";
    }
    if (job->behind->nelts > CERTMAP_IMPORT_KAFKA_BEHIND_MOST) {
        return "too many rules before it are left out to tell whether one of them catches this name";
    }
    for (i = 0; i < job->behind->nelts; i++) {
        if (!certmap_kafka_excludes(APR_ARRAY_IDX(job->behind, i, const char *), t->text)) {
            return apr_psprintf(
                p, "a rule before may catch this name, and is left out: %.100s",
                certmap_import_shown((certmap_str_t){ APR_ARRAY_IDX(job->behind, i, const char *),
                                                      strlen(APR_ARRAY_IDX(job->behind, i, const char *)) },
                                     100, p));
        }
    }
    APR_ARRAY_PUSH(words, const char *) = apr_pstrcat(p, "case:subject=", t->text, NULL);
    if (job->issuer != NULL) {
        APR_ARRAY_PUSH(words, const char *) = job->issuer;
    }
    return certmap_import_rule(job->out, user, certmap_import_user(user, p), words);
}

static void write_rule(kafka_job_t *job, const kafka_rule_t *rule, apr_pool_t *p)
{
    certmap_str_t original = { rule->text, strlen(rule->text) };
    apr_array_header_t *texts;
    const char *why = NULL;
    int captures = 0, i;

    if (job->over) {
        why = "it is never reached: DEFAULT comes before it";
    }
    else if (rule->pattern == NULL) {
        why = "DEFAULT makes the whole text of the subject the user, for everybody that the rules before do not match; "
              "name those who may come in";
        job->over = 1;
    }
    if (why != NULL) {
        certmap_import_left_out(job->out, job->line, original, "%s", why);
        return;
    }
    texts = certmap_kafka_texts(rule->pattern, &captures, &why, p);
    if (texts == NULL) {
        APR_ARRAY_PUSH(job->behind, const char *) = apr_pstrdup(job->pool, rule->pattern);
        certmap_import_left_out(job->out, job->line, original, "%s", why);
        return;
    }
    for (i = 0; i < texts->nelts; i++) {
        const kafka_text_t *t = &APR_ARRAY_IDX(texts, i, kafka_text_t);

        why = write_name(job, rule, t, captures, p);
        if (why != NULL) {
            certmap_import_left_out(job->out, job->line, original, "for the name %.400s: %s",
                                    certmap_import_shown((certmap_str_t){ t->text, strlen(t->text) }, 100, p), why);
        }
    }
}

/* The list as a whole: a rule that Kafka does not take keeps it from starting. @return array of kafka_rule_t */
static apr_array_header_t *read_list(const kafka_job_t *job, const char *at)
{
    apr_array_header_t *rules = apr_array_make(job->pool, 8, sizeof(kafka_rule_t));

    while (*at == ',' || apr_isspace(*at)) {
        at++;
    }
    while (*at != '\0') {
        const char *from = at;
        const char *why = read_rule(&at, apr_array_push(rules), job->pool);

        if (why != NULL) {
            certmap_import_error(job->out, job->line, 1, "rule %d: %s: %s", rules->nelts, why,
                                 certmap_import_shown((certmap_str_t){ from, strlen(from) }, 80, job->pool));
            break;
        }
    }
    return rules;
}

apr_status_t certmap_import_kafka(certmap_str_t text, const char *file, const certmap_import_options_t *options,
                                  certmap_import_result_t *result, apr_pool_t *p)
{
    kafka_job_t job = { .out = certmap_import_out_create(CERTMAP_IMPORT_RULES, file, p), .pool = p };
    apr_array_header_t *rules = NULL;
    const kafka_list_t *list = NULL;
    const char *issuer;
    apr_pool_t *scratch;
    int i;

    job.behind = apr_array_make(p, 4, sizeof(const char *));
    job.seen = apr_hash_make(p);
    if (certmap_import_issuer(job.out, options, &issuer, p) && issuer != NULL) {
        job.issuer = apr_pstrcat(p, "issuer=", issuer, NULL);
    }
    if (memchr(text.data, '\0', text.len) != NULL) {
        certmap_import_error(job.out, 1, 1, "there is a NUL in it: this is not text");
    }
    else {
        list = choose(text, options->map, job.out, p);
    }
    if (list != NULL) {
        job.line = list->line;
        rules = read_list(&job, list->value);
    }
    if (rules == NULL || certmap_import_failed(job.out)) {
        return certmap_import_finish(job.out, result);
    }
    certmap_import_comment(job.out, "Imported from %s: %s of Kafka%s%s.", file ? file : "standard input", property,
                           *list->listener ? ", listener " : "", list->listener);
    certmap_import_comment(job.out, "Kafka compares the text of the subject in RFC 2253; here its parts are compared.");
    if (rules->nelts == 0) {
        certmap_import_left_out(job.out, list->line, (certmap_str_t){ "", 0 },
                                "the list is empty, which is as "
                                "DEFAULT: every subject is a user");
    }
    certmap_import_blank(job.out);
    apr_pool_create(&scratch, p);
    for (i = 0; i < rules->nelts; i++) {
        write_rule(&job, &APR_ARRAY_IDX(rules, i, kafka_rule_t), scratch);
        apr_pool_clear(scratch);
    }
    return certmap_import_finish(job.out, result);
}
