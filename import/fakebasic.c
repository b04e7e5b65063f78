/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An AuthUserFile whose names are subjects becomes rules, one for each subject, that give it the same name again. Rules
 * and not entries: httpd compares these names byte by byte, and the keys of entries are folded.
 */
#include <string.h>

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_md5.h>
#include <apr_strings.h>

#include "import/name.h"

typedef struct fakebasic_job_t {
    certmap_import_out_t *out;
    const char *issuer;  /* or NULL */
    apr_hash_t *names;   /* that have been read, to the number of their line */
    apr_hash_t *hashes;  /* to what hash_fault says of them, "" for nothing */
    int subjects;        /* lines that name one */
    int lines;           /* other than comments */
    int too_long;        /* the line at which httpd stops reading; 0: none */
    apr_pool_t *scratch; /* of one line */
    apr_pool_t *pool;
} fakebasic_job_t;

/* One logical line. */
typedef struct fakebasic_line_t {
    int number;
    certmap_str_t text;
    certmap_str_t name;
    const char *hash;
} fakebasic_line_t;

static int is_letters(const char *text, apr_size_t n)
{
    apr_size_t i;

    for (i = 0; i < n; i++) {
        if (!apr_isalnum(text[i]) && text[i] != '.' && text[i] != '/') {
            return 0;
        }
    }
    return strlen(text) == n;
}

static long number_at(const char *text)
{
    long n = 0;

    while (apr_isdigit(*text) && n <= CERTMAP_IMPORT_SHA_ROUNDS_MOST) {
        n = 10 * n + (*text++ - '0');
    }
    return n;
}

/* Why a hash does not let certificates in; "" when it does. */
static const char *hash_fault(const char *hash)
{
    static const char *const slow = "checking its hash takes too long";

    if (*hash == '\0') {
        return "there is no hash after the name: httpd refuses it";
    }
    if (strncmp(hash, "$2a$", 4) == 0 || strncmp(hash, "$2y$", 4) == 0) {
        if (number_at(hash + 4) > CERTMAP_IMPORT_BCRYPT_COST_MOST) {
            return slow;
        }
    }
    else if (strncmp(hash, "$5$", 3) == 0 || strncmp(hash, "$6$", 3) == 0) {
        if (strncmp(hash + 3, "rounds=", 7) == 0 && number_at(hash + 10) > CERTMAP_IMPORT_SHA_ROUNDS_MOST) {
            return slow;
        }
    }
    else if (strncmp(hash, "$apr1$", 6) != 0 && strncmp(hash, "$1$", 3) != 0 && strncmp(hash, "{SHA}", 5) != 0
             && !is_letters(hash, 13)) {
        return "what follows the name is not a hash that is known here";
    }
    return apr_password_validate("password", hash) == APR_SUCCESS
               ? ""
               : "the hash is not that of the word \"password\", which FakeBasicAuth sends: httpd refuses "
                 "the certificate";
}

static const char *known_fault(fakebasic_job_t *job, const char *hash)
{
    const char *fault = apr_hash_get(job->hashes, hash, APR_HASH_KEY_STRING);

    if (fault == NULL) {
        fault = hash_fault(hash);
        apr_hash_set(job->hashes, apr_pstrdup(job->pool, hash), APR_HASH_KEY_STRING, fault);
    }
    return fault;
}

/* Splits a line as mod_authn_file does: at the first colon, several of them taken as one, up to the next. */
static void split(fakebasic_line_t *line, apr_pool_t *p)
{
    const char *end = line->text.data + line->text.len;
    const char *colon = memchr(line->text.data, ':', line->text.len);
    const char *stop;

    line->name = line->text;
    line->hash = "";
    if (colon != NULL) {
        line->name.len = (apr_size_t)(colon - line->text.data);
        while (colon < end && *colon == ':') {
            colon++;
        }
        stop = memchr(colon, ':', (apr_size_t)(end - colon));
        line->hash = apr_pstrmemdup(p, colon, (apr_size_t)((stop ? stop : end) - colon));
    }
}

/* The line without its hash: files of rules are read by more people than files of passwords. */
static void leave_out(fakebasic_job_t *job, const fakebasic_line_t *line, const char *why)
{
    const char *shown = apr_pstrcat(job->scratch, apr_pstrmemdup(job->scratch, line->name.data, line->name.len),
                                    line->name.len < line->text.len ? ":..." : "", NULL);

    certmap_import_left_out(job->out, line->number, (certmap_str_t){ shown, strlen(shown) }, "%s", why);
}

/* Writes the rule for a name. @return NULL, or why there is none */
static const char *carry_over(fakebasic_job_t *job, const fakebasic_line_t *line)
{
    const char *name = apr_pstrmemdup(job->scratch, line->name.data, line->name.len);
    int slash = name[0] == '/';
    apr_array_header_t *words = apr_array_make(job->scratch, 2, sizeof(const char *));
    const char *rule = apr_psprintf(job->scratch, "fakebasic-%d", line->number);
    const char *why = NULL;
    const char *text;
    const certmap_dn_t *dn;

    if (!slash && !certmap_import_comma_name(line->name, job->scratch)) {
        return "the name is not a subject: FakeBasicAuth never looks it up";
    }
    dn = certmap_import_name(line->name, slash ? CERTMAP_NAME_ONELINE : CERTMAP_NAME_RFC2253_UTF8, &why, job->scratch);
    if (dn == NULL) {
        return why;
    }
    text = certmap_dn_text(dn, job->scratch);
    APR_ARRAY_PUSH(words, const char *) = apr_pstrcat(job->scratch, "case:subject=", text, NULL);
    if (job->issuer != NULL) {
        APR_ARRAY_PUSH(words, const char *) = apr_pstrcat(job->scratch, "issuer=", job->issuer, NULL);
    }
    why = certmap_import_rule(job->out, rule, certmap_import_user(name, job->scratch), words);
    if (why != NULL && strcmp(text, name) == 0 && certmap_user_check(line->name) == NULL) {
        /* "UID=..." reads as a condition where a user is expected; the subject is that text. */
        why = certmap_import_rule(job->out, rule, "%{subject}", words);
    }
    return why;
}

static void read_line(fakebasic_job_t *job, fakebasic_line_t *line)
{
    const int *before;
    int *number;
    const char *why;

    split(line, job->scratch);
    if (job->too_long > 0) {
        leave_out(
            job, line,
            apr_psprintf(job->scratch, "httpd stops reading at line %d, which is too long for it", job->too_long));
        return;
    }
    before = apr_hash_get(job->names, line->name.data, (apr_ssize_t)line->name.len);
    if (before != NULL) {
        leave_out(job, line, apr_psprintf(job->scratch, "httpd takes the first line of a name, line %d", *before));
        return;
    }
    number = apr_pmemdup(job->pool, &line->number, sizeof(line->number));
    apr_hash_set(job->names, apr_pstrmemdup(job->pool, line->name.data, line->name.len), (apr_ssize_t)line->name.len,
                 number);
    why = known_fault(job, line->hash);
    why = *why != '\0' ? why : carry_over(job, line);
    if (why != NULL) {
        leave_out(job, line, why);
    }
}

/* The next logical line, blanks at its ends taken off. A backslash at the end of a line joins the next one to it. */
static int next_line(certmap_str_t text, apr_size_t *pos, int *number, fakebasic_line_t *line, apr_pool_t *p)
{
    const char *joined = "";
    certmap_str_t part;
    int more = 1;

    line->number = *number + 1;
    if (!certmap_import_line(text, pos, &part)) {
        return 0;
    }
    while (more) {
        ++*number;
        more = part.len > 0 && part.data[part.len - 1] == '\\' && *pos < text.len
               && strlen(joined) < CERTMAP_IMPORT_PASSWD_LINE_MOST;
        if (!more && *joined == '\0') {
            line->text = part;
            break;
        }
        joined = apr_pstrcat(p, joined, apr_pstrmemdup(p, part.data, part.len - (apr_size_t)more), NULL);
        line->text = (certmap_str_t){ joined, strlen(joined) };
        more = more && certmap_import_line(text, pos, &part);
    }
    while (line->text.len > 0 && apr_isspace(line->text.data[line->text.len - 1])) {
        line->text.len--;
    }
    while (line->text.len > 0 && apr_isspace(*line->text.data)) {
        line->text.data++;
        line->text.len--;
    }
    return 1;
}

static void heading(const fakebasic_job_t *job)
{
    certmap_import_comment(job->out,
                           "Subjects that an AuthUserFile lets in under SSLOptions +FakeBasicAuth, each with "
                           "the user name that it had there.\n"
                           "Where the file compares text, these rules compare names: one that is written with slashes "
                           "stands for the\ncertificate whose RDNs are what the text says, with a single attribute "
                           "each unless '+' joins them, however its\nletters are encoded. Names with commas are "
                           "those of \"AuthBasicFake %%{SSL_CLIENT_S_DN}\"; FakeBasicAuth "
                           "itself\nnever asks for them.");
    if (job->issuer == NULL) {
        certmap_import_say_weak(job->out, "rules", "subject");
    }
}

apr_status_t certmap_import_fakebasic(certmap_str_t text, const char *file, const certmap_import_options_t *options,
                                      certmap_import_result_t *result, apr_pool_t *p)
{
    fakebasic_job_t job = { .out = certmap_import_out_create(CERTMAP_IMPORT_RULES, file, p),
                            .names = apr_hash_make(p),
                            .hashes = apr_hash_make(p),
                            .pool = p };
    apr_size_t pos = 0;
    int number = 0;
    fakebasic_line_t line;

    if (!certmap_import_is_text(job.out, text, 0) || !certmap_import_issuer(job.out, options, &job.issuer, p)) {
        return certmap_import_finish(job.out, result);
    }
    apr_pool_create(&job.scratch, p);
    heading(&job);
    certmap_import_blank(job.out);
    while (next_line(text, &pos, &number, &line, job.scratch)) {
        if (line.text.len > 0 && *line.text.data != '#') {
            job.too_long = job.too_long > 0 || line.text.len < CERTMAP_IMPORT_PASSWD_LINE_MOST - 2 ? job.too_long
                                                                                                   : line.number;
            job.lines++;
            read_line(&job, &line);
            job.subjects += line.name.len < line.text.len
                            && (*line.name.data == '/' || certmap_import_comma_name(line.name, job.scratch));
        }
        apr_pool_clear(job.scratch);
    }
    if (job.lines > 0 && job.subjects == 0) {
        certmap_import_error(job.out, 1, 1,
                             "no line of this text is SUBJECT:HASH: it is not an AuthUserFile for "
                             "FakeBasicAuth");
    }
    return certmap_import_finish(job.out, result);
}
