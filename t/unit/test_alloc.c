/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory runs out, at the first allocation, at the second, and so on: whatever the engine was about to do, nobody is
 * mapped who would not be mapped otherwise, and nothing crashes.
 *
 * The definitions of malloc, calloc, realloc and mmap here come before libc's for OpenSSL, PCRE2, APR and the engine.
 * Each attempt is a process of its own, because memory for a pool that cannot be had ends the process, as httpd's pools
 * do: that is the contract of certmap.h. Every other failure must come back as an error or a refusal.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

/* Before its own start a sanitizer cannot be asked for memory, and after it every allocation is its own. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NO_WRAPPING "the sanitizer owns malloc"
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NO_WRAPPING "the sanitizer owns malloc"
#endif

/* ---- allocations that fail ------------------------------------------------------------------------------------ */

static int armed;
static int forever;           /* that allocation and all after it, not it alone */
static unsigned long seen;    /* since armed */
static unsigned long failing; /* which one, from 1; 0 none */

#ifndef NO_WRAPPING
/* Libraries find these although everything else may be built hidden. */
#define FOR_ALL __attribute__((visibility("default")))

static int fails(void)
{
    if (!armed) {
        return 0;
    }
    seen++;
    return failing != 0 && (forever ? seen >= failing : seen == failing);
}

/* dlsym may itself ask for memory before it has found where that comes from. */
static char early[4096] __attribute__((aligned(16)));
static size_t early_used;

static void *early_memory(size_t size)
{
    void *m = early + early_used;

    early_used += (size + 15) & ~(size_t)15;
    if (early_used > sizeof(early)) {
        _exit(99);
    }
    return m;
}

static void next_of(const char *name, void *function, size_t size)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (found == NULL) {
        _exit(98);
    }
    memcpy(function, &found, size);
}

FOR_ALL void *malloc(size_t size)
{
    static void *(*next)(size_t);
    static int asking;

    if (next == NULL) {
        if (asking) {
            return early_memory(size);
        }
        asking = 1;
        next_of("malloc", &next, sizeof(next));
    }
    return fails() ? NULL : next(size);
}

FOR_ALL void *calloc(size_t n, size_t size)
{
    static void *(*next)(size_t, size_t);
    static int asking;

    if (next == NULL) {
        if (asking) {
            return early_memory(n * size);
        }
        asking = 1;
        next_of("calloc", &next, sizeof(next));
    }
    return fails() ? NULL : next(n, size);
}

FOR_ALL void *realloc(void *old, size_t size)
{
    static void *(*next)(void *, size_t);

    if (next == NULL) {
        next_of("realloc", &next, sizeof(next));
    }
    return fails() ? NULL : next(old, size);
}

/* APR's allocators and PCRE2's JIT may ask the system itself, by either name. */
static void *map(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    static void *(*next)(void *, size_t, int, int, int, off_t);

    if (next == NULL) {
        next_of("mmap", &next, sizeof(next));
    }
    return fails() ? MAP_FAILED : next(at, size, protection, flags, fd, offset);
}

FOR_ALL void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    return map(at, size, protection, flags, fd, offset);
}

#undef mmap64
FOR_ALL void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset)
{
    return map(at, size, protection, flags, fd, (off_t)offset);
}
#endif

/* An arc beyond 64 bits: only OpenSSL, and only with memory for a big number, can read it. */
#define LONG_OID "2.25.329800735698586629295641978511506172918"

/* ---- one attempt ---------------------------------------------------------------------------------------------- */

/* How an attempt ended; a process's exit status. */
enum {
    ENDED_AS_EVER,      /* the same outcome as with memory */
    ENDED_REFUSED,      /* refused, though there is a user with memory */
    ENDED_ERROR,        /* the engine said that it could not */
    ENDED_OTHERWISE,    /* refused for another reason than with memory */
    ENDED_WRONG,        /* mapped, and not as with memory */
    ENDED_POOL,         /* the pool's abort function was called */
    ENDED_NEVER_FAILED, /* fewer allocations than that */
    ENDED_COUNT
};

static int end_process(int status)
{
    (void)status;
    _exit(ENDED_POOL);
}

typedef enum step_e {
    STEP_DER,  /* DER to certificate, and decide on it */
    STEP_X509, /* the same from an X509 */
    STEP_DECIDE,
    STEP_EXPLAIN,
    STEP_NEAREST, /* and decide after it */
    STEP_RULES    /* compile the rules, and decide by them when there was no error */
} step_e;

typedef struct alloc_case_t {
    const char *what;
    step_e step;
    const char *rules;
    const char *expected; /* with memory: in_a_word */
} alloc_case_t;

static const alloc_case_t cases[] = {
    { "certificate from DER, denied", STEP_DER, "a deny san.email=*@example.org\nb allow u any", "denied-by-rule" },
    { "certificate from X509", STEP_X509, "a allow %{san.email:local} san.email=*@example.org", "=ann" },
    { "certificate from X509, denied by an attribute of a long OID", STEP_X509,
      "a deny subject." LONG_OID "=x\nb allow u any", "denied-by-rule" },
    { "certificate from X509, denied by an otherName of a long OID", STEP_X509,
      "a deny san.other:" LONG_OID "=x\nb allow u any", "denied-by-rule" },
    { "certificate from X509, denied by an extension", STEP_X509, "a deny ext:1.2.3.4=secret\nb allow u any",
      "denied-by-rule" },
    { "decide", STEP_DECIDE, "a allow %{subject.CN} subject.CN=ann issuer=\"CN=Test CA\"", "=ann" },
    { "decide by an extension", STEP_DECIDE, "a allow %{ext:1.2.3.4} ext:1.2.3.4=s*", "=secret" },
    { "decide by a long OID", STEP_DECIDE, "a deny ext:" LONG_OID "=*\nb allow u any", "denied-by-rule" },
    { "decide by a regex", STEP_DECIDE, "a allow %{1} san.email~(.*)@example[.]org", "=ann" },
    { "decide by a regex without JIT", STEP_DECIDE, "a allow %{1} san.email~(*NO_JIT)(?:(?:(.*)@)+)example[.]org",
      "=ann" },
    { "decide by a regex of many groups", STEP_DECIDE,
      "a allow %{20} subject.CN~()()()()()()()()()()()()()()()()()()()(.*)", "=ann" },
    { "deny by a regex", STEP_DECIDE, "a deny san.email~.*@example[.]org\nb allow u any", "denied-by-rule" },
    { "deny by a regex without JIT", STEP_DECIDE, "a deny san.email~(*NO_JIT)(?:.*)+@example[.]org\nb allow u any",
      "denied-by-rule" },
    { "deny by a negated regex", STEP_DECIDE, "a deny any san.email!~(*NO_JIT).*@example[.]net\nb allow u any",
      "denied-by-rule" },
    { "deny by all: of a regex", STEP_DECIDE, "a deny all:san.email~(*NO_JIT)(?:.*)+@example[.].*\nb allow u any",
      "denied-by-rule" },
    { "no match", STEP_DECIDE, "a allow u san.email~(*NO_JIT)(?:.*)+@example[.]com\nb allow u subject.CN=bob",
      "no-match" },
    { "explain", STEP_EXPLAIN,
      "a allow u san.email~(*NO_JIT)(?:.*)+@x\nb allow %{1} san.email~(.*)@.*\n"
      "c deny ext:1.2.3.4=x",
      "=ann" },
    { "explain a refusal", STEP_EXPLAIN, "a deny san.email~(*NO_JIT)(?:.*)+org\nb allow u any", "denied-by-rule" },
    { "nearest", STEP_NEAREST, "a allow u subject.CN=bob san.email~(*NO_JIT)(?:.*)+org ext:1.2.3.4=secret",
      "no-match" },
    { "rules", STEP_RULES, "a allow u subject.CN=ann eku!=serverAuth subject.1.2.3!=x ext:1.2.3.4=secret", "=u" },
    { "rules that deny", STEP_RULES,
      "a deny san.email~.*@example[.]org\nb deny ext:1.2.3.4=*\n"
      "c deny policy=1.2.3 any\nd allow u any",
      "denied-by-rule" },
    { "rules that deny by an attribute of a long OID", STEP_RULES, "a deny subject." LONG_OID "=*\nb allow u any",
      "denied-by-rule" },
    { "rules that deny by a policy of a long OID", STEP_RULES, "a deny policy=" LONG_OID "\nb allow u any",
      "denied-by-rule" },
};

#define NCASES ((int)(sizeof(cases) / sizeof(cases[0])))

static X509 *x509;
static unsigned char *der;
static int der_len;

/* A pool whose memory nobody has used before, and which soon needs more. NULL: not even that. */
static apr_pool_t *scarce_pool(void)
{
    apr_allocator_t *allocator;
    apr_pool_t *p;

    if (apr_allocator_create(&allocator) != APR_SUCCESS
        || apr_pool_create_ex(&p, NULL, end_process, allocator) != APR_SUCCESS) {
        return NULL;
    }
    apr_allocator_owner_set(allocator, p);
    apr_palloc(p, 7000);
    return p;
}

/* What the case's step gives. */
static apr_status_t attempt(const alloc_case_t *c, const certmap_ruleset_t *rs, const certmap_cert_t *cert,
                            certmap_decision_t *d)
{
    certmap_verdict_t verdict = { .reason = CERTMAP_R_NONE };
    certmap_list_t list = { .rules = rs };
    apr_status_t rv = APR_SUCCESS;
    certmap_trace_t *trace;
    const certmap_rule_t *rule;
    const certmap_cond_t *failed;
    certmap_builder_t *b;
    apr_pool_t *p = scarce_pool();

    if (p == NULL) {
        return APR_ENOMEM;
    }
    switch (c->step) {
    case STEP_DER:
        rv = certmap_cert_create_der(der, (apr_size_t)der_len, &cert, p);
        break;
    case STEP_X509:
        rv = certmap_cert_create(x509, &cert, p);
        break;
    case STEP_DECIDE:
        break;
    case STEP_EXPLAIN:
        return certmap_explain(QUESTION(&list, cert, &verdict, CERTMAP_WEAK, NOW), d, &trace, p);
    case STEP_NEAREST:
        certmap_nearest(QUESTION(&list, cert, &verdict, CERTMAP_WEAK, 0), 16, &rule, &failed, p);
        break;
    case STEP_RULES:
        b = certmap_builder_create(p);
        rv = certmap_builder_add_file_text(b, (certmap_str_t){ c->rules, strlen(c->rules) }, NULL);
        list.rules = certmap_builder_finish(b);
        break;
    }
    return rv == APR_SUCCESS ? certmap_decide(QUESTION(&list, cert, &verdict, CERTMAP_WEAK, NOW), d, p) : rv;
}

static int ending(const alloc_case_t *c, const certmap_ruleset_t *rs, const certmap_cert_t *cert)
{
    certmap_decision_t d = { .outcome = CERTMAP_REFUSED };
    apr_status_t rv;

    armed = 1;
    rv = attempt(c, rs, cert, &d);
    armed = 0;
    if (seen < failing) {
        return ENDED_NEVER_FAILED;
    }
    if (rv != APR_SUCCESS) {
        return d.outcome == CERTMAP_MAPPED ? ENDED_WRONG : ENDED_ERROR;
    }
    if (strcmp(in_a_word(&d), c->expected) == 0) {
        return ENDED_AS_EVER;
    }
    return d.outcome == CERTMAP_MAPPED ? ENDED_WRONG : c->expected[0] == '=' ? ENDED_REFUSED : ENDED_OTHERWISE;
}

/* ---- all attempts of a case ------------------------------------------------------------------------------------ */

static unsigned long total[ENDED_COUNT];

/* Lets the n-th allocation fail in a process of its own. @return how it ended, -1 when it crashed */
static int try(const alloc_case_t *c, const certmap_ruleset_t *rs, const certmap_cert_t *cert, unsigned long n)
{
    int status = -1;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        failing = n;
        _exit(ending(c, rs, cert));
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) >= ENDED_COUNT) {
        diag("allocation %lu%s: process status 0x%x", n, forever ? " and all behind it" : "", (unsigned)status);
        return -1;
    }
    return WEXITSTATUS(status);
}

static void try_all(const alloc_case_t *c, const certmap_ruleset_t *rs, const certmap_cert_t *cert)
{
    unsigned long ended[ENDED_COUNT] = { 0 };
    unsigned long crashes = 0;
    unsigned long attempts = 0;
    int how = ENDED_AS_EVER;
    unsigned long n;

    for (forever = 0; forever <= 1; forever++) {
        for (n = 1; n < 100000; n++) {
            how = try(c, rs, cert, n);
            if (how == ENDED_NEVER_FAILED) {
                break;
            }
            attempts++;
            if (how < 0) {
                crashes++;
            }
            else {
                ended[how]++;
                total[how]++;
            }
            if (how == ENDED_WRONG) {
                diag("allocation %lu%s: mapped", n, forever ? " and all behind it" : "");
            }
        }
    }
    diag("%s: %lu attempts; pool %lu, error %lu, refused %lu, otherwise refused %lu, as ever %lu", c->what, attempts,
         ended[ENDED_POOL], ended[ENDED_ERROR], ended[ENDED_REFUSED], ended[ENDED_OTHERWISE], ended[ENDED_AS_EVER]);
    ok(attempts >= 2 && how == ENDED_NEVER_FAILED, "%s: every allocation has failed once", c->what);
    ok(crashes == 0, "%s: no crash", c->what);
    ok(ended[ENDED_WRONG] == 0, "%s: nobody is mapped who would not be", c->what);
}

/* A certificate that makes OpenSSL and the engine work: extensions, a SAN, an OID beyond 64 bits. */
static void make_certificate(void)
{
    X509_NAME *name;

    x509 = X509_new();
    name = X509_get_subject_name(x509);
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 7);
    ASN1_TIME_set_string(X509_getm_notBefore(x509), "20250101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(x509), "20350101000000Z");
    fixture_attribute(name, "C", "GB");
    fixture_attribute(name, "CN", "ann");
    fixture_attribute(name, LONG_OID, "x");
    fixture_attribute(X509_get_issuer_name(x509), "CN", "Test CA");
    X509_set_pubkey(x509, fixture_key());
    fixture_extension(x509, "subjectAltName",
                      "email:ann@example.org,DNS:a.example,RID:1.2.3,"
                      "otherName:" LONG_OID ";UTF8:x");
    fixture_extension(x509, "extendedKeyUsage", "clientAuth");
    fixture_extension(x509, "certificatePolicies", "DER:3018301606146983f09da7ebcfdee0c7a1a7b2c0948cc8f9d776");
    fixture_extension(x509, "1.2.3.4", "DER:0c06736563726574");
    fixture_extension(x509, LONG_OID, "DER:0c0161");
    if (!X509_sign(x509, fixture_key(), EVP_sha256()) || (der_len = i2d_X509(x509, &der)) <= 0) {
        fixture_fail("no certificate");
    }
}

int main(void)
{
    const certmap_cert_t *cert = NULL;
    int i;

#ifdef NO_WRAPPING
    printf("1..0 # SKIP %s\n", NO_WRAPPING);
    return 0;
#endif
    fixture_start();
    apr_pool_abort_set(end_process, pool);
    make_certificate();
    if (certmap_cert_create_der(der, (apr_size_t)der_len, &cert, pool) != APR_SUCCESS || certmap_cert_malformed(cert)) {
        fixture_fail(cert ? certmap_cert_malformed(cert) : "no certificate");
    }
    for (i = 0; i < NCASES; i++) {
        decides(cases[i].rules, cert, cases[i].expected, cases[i].what);
        try_all(&cases[i], rules_of(cases[i].rules), cert);
    }
    /* Each way of ending must have been seen, or the failures did not reach what they should. */
    ok(total[ENDED_POOL] > 0, "memory for a pool failed %lu times", total[ENDED_POOL]);
    ok(total[ENDED_ERROR] > 0, "the engine gave an error %lu times", total[ENDED_ERROR]);
    ok(total[ENDED_REFUSED] > 0, "a user was refused %lu times", total[ENDED_REFUSED]);
    ok(total[ENDED_OTHERWISE] + total[ENDED_AS_EVER] > 0, "it went on as ever %lu times", total[ENDED_AS_EVER]);
    OPENSSL_free(der);
    X509_free(x509);
    return fixture_done();
}
