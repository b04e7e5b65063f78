/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the worst certificates and the worst texts cost: the time of one decision, of looking for the nearest miss and
 * of explaining, and the time and memory that reading and checking a text takes. Each shape runs in a process of its
 * own, which ends after LIMIT seconds of processor time.
 *
 *   bench_worst [WORD]      only the shapes whose name has WORD in it
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "fixture.h"

#define LIMIT 60
#define MEMORY ((rlim_t)6 << 30)

/* ---- texts ---------------------------------------------------------------------------------------------------- */

/* A text while it grows; it is not a pool's, whose blocks would count as memory of what is measured. */
typedef struct text_t {
    char *data;
    size_t len;
    size_t room;
} text_t;

static void put(text_t *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(text_t *t, const char *format, ...)
{
    va_list ap;
    int n;

    if (t->len + 2048 > t->room) {
        t->room = 2 * t->room + 4096;
        t->data = realloc(t->data, t->room);
        if (t->data == NULL) {
            fixture_fail("no memory for a text");
        }
    }
    va_start(ap, format);
    n = vsnprintf(t->data + t->len, 2048, format, ap);
    va_end(ap);
    t->len += (size_t)n;
}

static void repeat(text_t *t, const char *what, int times)
{
    while (times-- > 0) {
        put(t, "%s", what);
    }
}

/* ---- certificates --------------------------------------------------------------------------------------------- */

/* What the shapes need of a certificate. */
typedef struct wanted_t {
    const char *common; /* of the common name, repeated */
    int ncommon;
    const char *dns; /* with a number in place of "#": the DNS names */
    int ndns;
    const char *email; /* likewise */
    int nemail;
    int extension; /* bytes of text in an extension */
} wanted_t;

static void add_names(GENERAL_NAMES *all, int type, const char *format, int n)
{
    int i;

    for (i = 0; i < n; i++) {
        GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_IA5STRING *text = ASN1_IA5STRING_new();
        char one[64];
        char number[16];
        const char *at = strchr(format, '#');

        snprintf(number, sizeof(number), "%04d", i);
        snprintf(one, sizeof(one), "%.*s%s%s", (int)(at - format), format, number, at + 1);
        ASN1_STRING_set(text, one, -1);
        GENERAL_NAME_set0_value(name, type, text);
        sk_GENERAL_NAME_push(all, name);
    }
}

static void add_extension(X509 *x, int len)
{
    ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.99999.40", 1);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    ASN1_UTF8STRING *text = ASN1_UTF8STRING_new();
    X509_EXTENSION *ext;
    unsigned char *der = NULL;
    char *bytes = malloc((size_t)len);

    memset(bytes, 'e', (size_t)len);
    ASN1_STRING_set(text, bytes, len);
    len = i2d_ASN1_UTF8STRING(text, &der);
    ASN1_STRING_set0(octets, der, len);
    ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, octets);
    X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(octets);
    ASN1_UTF8STRING_free(text);
    ASN1_OBJECT_free(oid);
    free(bytes);
}

static const certmap_cert_t *certificate(const wanted_t *w)
{
    X509 *x = X509_new();
    X509_NAME *subject = X509_get_subject_name(x);
    GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
    const certmap_cert_t *cert;
    text_t common = { NULL, 0, 0 };

    X509_set_version(x, X509_VERSION_3);
    ASN1_TIME_set_string(X509_getm_notBefore(x), "20250101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(x), "20350101000000Z");
    ASN1_INTEGER_set(X509_get_serialNumber(x), 4711);
    X509_set_pubkey(x, fixture_key());
    fixture_attribute(X509_get_issuer_name(x), "CN", "Test CA");
    repeat(&common, w->common, w->ncommon);
    X509_NAME_add_entry_by_txt(subject, "CN", V_ASN1_UTF8STRING, (unsigned char *)common.data, (int)common.len, -1, 0);
    add_names(all, GEN_DNS, w->dns, w->ndns);
    add_names(all, GEN_EMAIL, w->email, w->nemail);
    if (w->ndns + w->nemail > 0) {
        X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, 0);
    }
    if (w->extension > 0) {
        add_extension(x, w->extension);
    }
    if (!X509_sign(x, fixture_key(), EVP_sha256()) || certmap_cert_create(x, &cert, pool) != APR_SUCCESS
        || certmap_cert_malformed(cert) != NULL) {
        fixture_fail("no certificate");
    }
    sk_GENERAL_NAME_pop_free(all, GENERAL_NAME_free);
    X509_free(x);
    free(common.data);
    return cert;
}

/* ---- decisions: shapes ---------------------------------------------------------------------------------------- */

typedef void text_fn(text_t *t);

static void one_regex(text_t *t)
{
    put(t, "r allow x subject.CN~.*\\d+[A-Z]\n");
}

static void regexes(text_t *t)
{
    int i;

    for (i = 0; i < 63; i++) {
        put(t, "r%d allow x subject.CN~.*\\d+[A-Z]{%d}\n", i, i + 1);
    }
}

static void many_regexes(text_t *t)
{
    int i;

    for (i = 0; i < 20000; i++) {
        put(t, "r%d allow x subject.CN~.*\\d+[A-Z]{%d}\n", i, i % 999 + 1);
    }
}

static void nested_regexes(text_t *t)
{
    int i;

    for (i = 0; i < 20000; i++) {
        put(t, "r%d allow x subject.CN~(\\w+\\s?)*[A-Z]{%d}\n", i, i % 999 + 1);
    }
}

static void wildcards(text_t *t)
{
    int i;

    for (i = 0; i < 20000; i++) {
        put(t, "r%d allow x san.dns=*a*b*c*d*\n", i);
    }
}

static void long_wildcard(text_t *t)
{
    put(t, "r allow x any subject.CN!=*");
    repeat(t, "a", 30000);
    put(t, "b* subject.CN!=*");
    repeat(t, "a", 30000);
    put(t, "c*\n");
}

static void literal(text_t *t)
{
    int i;

    for (i = 0; i < 20; i++) {
        put(t, "r%d allow x any subject.CN!~.*", i);
        repeat(t, "a", 30000);
        put(t, "b.*\n");
    }
}

static void caseless_literal(text_t *t)
{
    int i;

    for (i = 0; i < 20; i++) {
        put(t, "r%d allow x any subject.CN!~(?i).*", i);
        repeat(t, "a", 30000);
        put(t, "b.*\n");
    }
}

static void negations(text_t *t)
{
    int i;

    for (i = 0; i < 20000; i++) {
        put(t, "r%d deny any san.dns!=*a*b*c*d* san.dns!=dcba9999\n", i);
    }
}

static void extensions(text_t *t)
{
    int i;

    for (i = 0; i < 40; i++) {
        put(t, "o%d allow x ext:1.3.6.1.4.1.99999.%d=none\n", i, i);
    }
    for (i = 0; i < 20000; i++) {
        put(t, "r%d allow x any ext:1.3.6.1.4.1.99999.40!=e*\n", i);
    }
}

static void placeholders(text_t *t)
{
    put(t, "r allow ");
    repeat(t, "%{san.dns:first:upper}%{1:first}", 120);
    put(t, " san.dns=d* san.dns~(.).*\n");
}

static void lengths(text_t *t)
{
    int i;

    for (i = 1; i < 250; i++) {
        put(t, "p%d allow x san.dns=d%0*d* subject.CN=*%0*d\n", i, i, 7, i, 7);
        put(t, "c%d allow x case:san.dns=*%0*d case:subject.CN=D%0*d*\n", i, i, 7, i, 7);
    }
}

/* A certificate and the rules that it meets. */
static const struct decision_t {
    const char *name;
    wanted_t wanted;
    text_fn *rules;
} decisions[] = {
    { "an ordinary one, one regex", { .common = "user17", .ncommon = 1 }, one_regex },
    { "an ordinary one, 20,000 regexes", { .common = "user17", .ncommon = 1 }, many_regexes },
    { "60 kB CN, one regex", { .common = "7", .ncommon = 60000 }, one_regex },
    { "60 kB CN, 63 regexes", { .common = "7", .ncommon = 60000 }, regexes },
    { "4 kB CN, 63 regexes", { .common = "7", .ncommon = 4096 }, regexes },
    { "1 kB CN, 20,000 regexes", { .common = "7", .ncommon = 1000 }, many_regexes },
    { "250 B CN, 20,000 nested regexes", { .common = "word ", .ncommon = 50 }, nested_regexes },
    { "10,000 SANs, 20,000 wildcards", { .common = "x", .ncommon = 1, .dns = "dcba#", .ndns = 10000 }, wildcards },
    { "10,000 SANs, 20,000 negations", { .common = "x", .ncommon = 1, .dns = "dcba#", .ndns = 10000 }, negations },
    { "60 kB CN, 30 kB wildcard", { .common = "a", .ncommon = 60000 }, long_wildcard },
    { "60 kB CN, 30 kB literal in a regex", { .common = "a", .ncommon = 60000 }, literal },
    { "60 kB CN, 30 kB literal, (?i)", { .common = "a", .ncommon = 60000 }, caseless_literal },
    { "60 kB extension, 20,000 rules", { .common = "x", .ncommon = 1, .extension = 60000 }, extensions },
    { "10,000 SANs, 240 placeholders", { .common = "x", .ncommon = 1, .dns = "dcba#", .ndns = 10000 }, placeholders },
    { "10,000 SANs, 1,000 affixes", { .common = "x", .ncommon = 1, .dns = "dcba#", .ndns = 10000 }, lengths },
};

#define NDECISIONS (sizeof(decisions) / sizeof(decisions[0]))

/* ---- texts: shapes -------------------------------------------------------------------------------------------- */

static void groups(text_t *t)
{
    int i;

    put(t, "r allow x subject.CN=x groups=");
    for (i = 0; i < 50000; i++) {
        put(t, "%sg%d", i ? "," : "", i);
    }
    put(t, "\n");
}

static void percents(text_t *t)
{
    put(t, "r allow ");
    repeat(t, "%%", 60000);
    put(t, " subject.CN=x\n");
}

static void captures(text_t *t)
{
    put(t, "r allow ");
    repeat(t, "%{1}", 20000);
    put(t, " subject.CN~(.*)\n");
}

static void conditions(text_t *t)
{
    int i;

    put(t, "r allow x any");
    for (i = 0; i < 20000; i++) {
        put(t, " subject.CN!=*x%d*", i);
    }
    put(t, "\n");
}

static void fields(text_t *t)
{
    int i;

    put(t, "r allow x any");
    for (i = 0; i < 20000; i++) {
        put(t, " ext:1.3.6.1.4.1.99999.%d=x", i);
    }
    put(t, "\n");
}

static void options(text_t *t)
{
    put(t, "r allow x subject.CN=x");
    repeat(t, " expires=2030-01-01 note=x", 10000);
    put(t, "\n");
}

static void one_name(text_t *t)
{
    int i;

    for (i = 0; i < 100000; i++) {
        put(t, "r allow x subject.CN=x%d\n", i);
    }
}

static void bad_lines(text_t *t)
{
    repeat(t, "this is no rule, and sybject.CN=x no condition\n", 1000000);
}

static void long_word(text_t *t)
{
    put(t, "r allow x subject.CN=x note=");
    repeat(t, "aaaaaaaaaaaaaaaa", 1 << 20);
    put(t, "\n");
}

static void words(text_t *t)
{
    repeat(t, "a ", 5000000);
    put(t, "\n");
}

static void joined(text_t *t)
{
    put(t, "r allow x subject.CN=x");
    repeat(t, " \\\n", 1000000);
    put(t, "note=x\n");
}

static void parentheses(text_t *t)
{
    int i;

    for (i = 0; i < 10000; i++) {
        put(t, "r%d allow %%{1} subject.CN~", i);
        repeat(t, "(", 240);
        put(t, "x");
        repeat(t, ")", 240);
        put(t, "\n");
    }
}

static void expanded(text_t *t)
{
    int i;

    for (i = 0; i < 10000; i++) {
        put(t, "r%d allow x subject.CN~(?:[a-z]\\d|x{3}){400}%d\n", i, i);
    }
}

static void probed(text_t *t)
{
    int i;

    for (i = 0; i < 10000; i++) {
        put(t, "r%d allow x subject.CN~(?:([a-z@. ]+)+)+!|%d\n", i, i);
    }
}

static void parts(text_t *t)
{
    int i;

    for (i = 0; i < 20; i++) {
        put(t, "r%d deny subject=\"", i);
        repeat(t, "OU=a,", 10000);
        put(t, "O=x\"\n");
    }
}

static void residual(text_t *t)
{
    int i;

    for (i = 0; i < 20000; i++) {
        put(t, "r%d deny san.dns=*a%d* san.dns=*b%d*\n", i, i, i);
    }
}

static void residual_conditions(text_t *t)
{
    int i;
    int j;

    for (i = 0; i < 2000; i++) {
        put(t, "r%d deny", i);
        for (j = 0; j < 200; j++) {
            put(t, " san.dns=*a%dx%d*", i, j);
        }
        put(t, "\n");
    }
}

static void contradictions(text_t *t)
{
    int i;
    int j;

    for (i = 0; i < 1000; i++) {
        put(t, "r%d deny case:subject.CN=%060d", i, i);
        for (j = 0; j < 100; j++) {
            put(t, " subject.CN!~(?:(\\d+)+)+[a-z]{%d}", j + 1);
        }
        put(t, "\n");
    }
}

static void long_wildcards(text_t *t)
{
    int i;

    for (i = 0; i < 40; i++) {
        put(t, "w%d deny subject.CN=*", i);
        repeat(t, "a", 20000);
        put(t, "b%d*\nl%d deny subject.CN=", i, i);
        repeat(t, "a", 50000);
        put(t, "%d\n", i);
    }
}

static void weak(text_t *t)
{
    int i;

    for (i = 0; i < 100000; i++) {
        put(t, "r%d allow x subject.CN=x%d expires=2020-01-01\n", i, i);
    }
}

static void equal_keys(text_t *t)
{
    int i;

    for (i = 0; i < 1000000; i++) {
        put(t, "sha256:%064x u%d\n", 1, i);
    }
}

static void bad_entries(text_t *t)
{
    repeat(t, "sha265:00112233 ann exprs=2030-01-01\n", 1000000);
}

static void expired_entries(text_t *t)
{
    int i;

    for (i = 0; i < 1000000; i++) {
        put(t, "sha256:%064x u%d expires=2020-01-01\n", i + 1, i);
    }
}

static void entry_groups(text_t *t)
{
    int i;
    int j;

    for (j = 0; j < 10; j++) {
        put(t, "sha256:%064x u groups=", j + 1);
        for (i = 0; i < 10000; i++) {
            put(t, "%s%x", i ? "," : "", i);
        }
        put(t, "\n");
    }
}

static void entry_parts(text_t *t)
{
    int i;

    for (i = 0; i < 100; i++) {
        put(t, "X509:<S>\"");
        repeat(t, "OU=a,", 10000);
        put(t, "O=x%d\" u\n", i);
    }
}

/* A text, and what it is. */
static const struct reading_t {
    const char *name;
    int entries;
    text_fn *text;
} readings[] = {
    { "a rule with 50,000 groups", 0, groups },
    { "a rule with 60,000 %%", 0, percents },
    { "a rule with 20,000 placeholders", 0, captures },
    { "a rule with 20,000 conditions", 0, conditions },
    { "a rule with 20,000 fields", 0, fields },
    { "a rule with 20,000 options", 0, options },
    { "100,000 rules of one name", 0, one_name },
    { "100,000 weak, expired rules", 0, weak },
    { "1,000,000 bad lines", 0, bad_lines },
    { "a word of 16 MB", 0, long_word },
    { "a line of 5,000,000 words", 0, words },
    { "1,000,000 continued lines", 0, joined },
    { "10,000 regexes, 240 groups deep", 0, parentheses },
    { "10,000 regexes, repeated groups", 0, expanded },
    { "10,000 regexes, repeats in repeats", 0, probed },
    { "20 names of 10,000 parts", 0, parts },
    { "20,000 rules of two wildcards", 0, residual },
    { "2,000 rules of 200 wildcards", 0, residual_conditions },
    { "1,000 rules of 100 regexes", 0, contradictions },
    { "40 wildcards of 20 kB", 0, long_wildcards },
    { "1,000,000 entries, equal keys", 1, equal_keys },
    { "1,000,000 bad entries", 1, bad_entries },
    { "1,000,000 expired entries", 1, expired_entries },
    { "10 entries with 10,000 groups", 1, entry_groups },
    { "100 entries, 10,000 parts", 1, entry_parts },
};

#define NREADINGS (sizeof(readings) / sizeof(readings[0]))

/* ---- measuring ------------------------------------------------------------------------------------------------ */

/* What a process reports about a shape. */
typedef struct worst_row_t {
    double seconds[3];
    double peak;
    char word[64];
} worst_row_t;

static const certmap_ruleset_t *rules_from(text_fn *fn)
{
    certmap_builder_t *b = certmap_builder_create(pool);
    text_t t = { NULL, 0, 0 };

    fn(&t);
    certmap_builder_add_file_text(b, (certmap_str_t){ t.data, t.len }, "rules");
    free(t.data);
    return certmap_builder_finish(b);
}

static void measure_decision(size_t i, worst_row_t *row)
{
    certmap_list_t list = { .rules = rules_from(decisions[i].rules) };
    const certmap_cert_t *cert = certificate(&decisions[i].wanted);
    certmap_verdict_t verdict = { .reason = CERTMAP_R_NONE };
    const certmap_rule_t *rule;
    const certmap_cond_t *failed;
    certmap_trace_t *trace;
    certmap_decision_t d;
    double start;
    int n;

    bench_forget_peak();
    row->peak = -bench_memory("VmRSS:");
    for (n = 0; n < 3; n++) {
        apr_pool_t *p;

        apr_pool_create(&p, pool);
        start = bench_cpu();
        if (n == 0) {
            certmap_decide(QUESTION(&list, cert, &verdict, CERTMAP_WEAK, NOW), &d, p);
            snprintf(row->word, sizeof(row->word), "%s", certmap_reason_name(d.reason));
        }
        else if (n == 1) {
            certmap_nearest(QUESTION(&list, cert, &verdict, CERTMAP_WEAK, 0), 1000, &rule, &failed, p);
        }
        else {
            certmap_explain(QUESTION(&list, cert, &verdict, CERTMAP_WEAK, NOW), &d, &trace, p);
        }
        row->seconds[n] = bench_cpu() - start;
        apr_pool_destroy(p);
    }
    row->peak += bench_memory("VmHWM:");
}

static int count(const apr_array_header_t *messages)
{
    return messages != NULL ? messages->nelts : 0;
}

static void measure_reading(size_t i, worst_row_t *row)
{
    text_t t = { NULL, 0, 0 };
    certmap_str_t text;
    double start;
    int messages;

    readings[i].text(&t);
    text = (certmap_str_t){ t.data, t.len };
    bench_forget_peak();
    row->peak = -bench_memory("VmRSS:");
    row->seconds[2] = (double)t.len / 1e6;
    start = bench_cpu();
    if (readings[i].entries) {
        const certmap_entries_t *entries;
        apr_array_header_t *errors;

        certmap_entries_parse(text, "entries", &entries, &errors, pool);
        row->seconds[0] = bench_cpu() - start;
        messages = count(errors);
        start = bench_cpu();
        messages += entries ? count(certmap_entries_lint(entries, "entries", CERTMAP_WEAK, NOW, pool)) : 0;
    }
    else {
        certmap_builder_t *b = certmap_builder_create(pool);
        certmap_list_t list = { .rules = NULL };

        certmap_builder_add_file_text(b, text, "rules");
        list.rules = certmap_builder_finish(b);
        row->seconds[0] = bench_cpu() - start;
        messages = count(certmap_builder_errors(b));
        start = bench_cpu();
        messages += count(certmap_list_lint(&list, CERTMAP_WEAK, NOW, pool));
        messages += count(certmap_list_advise(&list, pool));
    }
    row->seconds[1] = bench_cpu() - start;
    row->peak += bench_memory("VmHWM:");
    snprintf(row->word, sizeof(row->word), "%d", messages);
}

/* Measures in a process of its own. @return 0 when it did not come to an end */
static int measured(void (*measure)(size_t i, worst_row_t *row), size_t i, worst_row_t *row)
{
    struct rlimit cpu = { LIMIT, LIMIT };
    struct rlimit memory = { MEMORY, MEMORY };
    int pipes[2];
    pid_t child = -1;
    int complete;

    memset(row, 0, sizeof(*row));
    fflush(stdout);
    if (pipe(pipes) != 0 || (child = fork()) < 0) {
        fixture_fail("no process");
    }
    if (child == 0) {
        close(pipes[0]);
        setrlimit(RLIMIT_CPU, &cpu);
        setrlimit(RLIMIT_AS, &memory);
        measure(i, row);
        _exit(write(pipes[1], row, sizeof(*row)) == (ssize_t)sizeof(*row) ? 0 : 1);
    }
    close(pipes[1]);
    complete = read(pipes[0], row, sizeof(*row)) == (ssize_t)sizeof(*row);
    close(pipes[0]);
    waitpid(child, NULL, 0);
    return complete;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    worst_row_t row;
    size_t i;

    fixture_start();
    printf("%-36s | %9s %10s %10s %8s | %s\n", "one decision", "decide, s", "nearest, s", "explain, s", "peak, MB",
           "answer");
    for (i = 0; i < NDECISIONS; i++) {
        if (strstr(decisions[i].name, word) == NULL) {
            continue;
        }
        if (measured(measure_decision, i, &row)) {
            printf("%-36s | %9.3f %10.3f %10.3f %8.0f | %s\n", decisions[i].name, row.seconds[0], row.seconds[1],
                   row.seconds[2], row.peak, row.word);
        }
        else {
            printf("%-36s | more than %d s, or %.0f MB\n", decisions[i].name, LIMIT, (double)MEMORY / 1e6);
        }
    }
    printf("\n%-36s | %9s %10s %10s %8s | %s\n", "reading", "text, MB", "read, s", "check, s", "peak, MB", "messages");
    for (i = 0; i < NREADINGS; i++) {
        if (strstr(readings[i].name, word) == NULL) {
            continue;
        }
        if (measured(measure_reading, i, &row)) {
            printf("%-36s | %9.1f %10.3f %10.3f %8.0f | %s\n", readings[i].name, row.seconds[2], row.seconds[0],
                   row.seconds[1], row.peak, row.word);
        }
        else {
            printf("%-36s | more than %d s, or %.0f MB\n", readings[i].name, LIMIT, (double)MEMORY / 1e6);
        }
    }
    EVP_PKEY_free(fixture_key());
    return 0;
}
