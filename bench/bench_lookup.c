/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What asking a source of one-to-one mappings costs by the number of entries, in a file's table and in a store; and how
 * long it takes to load, to build and to open them. Each is measured in a process of its own, so that its memory can
 * be measured. Entries pin certificates (sha256:), as most do; "dn" has names instead, which take longer to read.
 *
 *   bench_lookup [MOST]      MOST: the greatest number of entries, 1000000 if none is given; 10000000 takes 2 GB
 */
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "fixture.h"
#include "store/store.h"

/* Certificates that are asked for in turn, and as many that have no entry. */
#define ASKED 512

static const certmap_cert_t *known[ASKED];
static const certmap_cert_t *unknown[ASKED];

static void make_certificates(void)
{
    int i;

    for (i = 0; i < ASKED; i++) {
        known[i] = person("C", "GB", "O", "Example Ltd", "CN", apr_psprintf(pool, "known %d", i), NULL);
        unknown[i] = person("C", "GB", "O", "Example Ltd", "CN", apr_psprintf(pool, "unknown %d", i), NULL);
    }
}

/* Entries, those of the known certificates scattered among others. */
static certmap_str_t make_text(unsigned n, int names)
{
    apr_size_t room = (apr_size_t)n * 110 + 1;
    char *text = malloc(room);
    char *at = text;
    unsigned i;

    if (text == NULL) {
        fixture_fail("no memory");
    }
    for (i = 0; i < n; i++) {
        unsigned asked = i % (n / ASKED) == 0 ? i / (n / ASKED) : ASKED;

        if (names) {
            at += snprintf(at, 110,
                           asked < ASKED ? "dn:\"CN=known %u,O=Example Ltd,C=GB\" \"CN=Test CA\" user%u\n"
                                         : "dn:\"CN=person %u,O=Example Ltd,C=GB\" \"CN=Test CA\" user%u\n",
                           asked < ASKED ? asked : i, i);
        }
        else if (asked < ASKED) {
            at += snprintf(at, 110, "sha256:%s user%u\n", certmap_cert_sha256(known[asked]), i);
        }
        else {
            at += snprintf(at, 110, "sha256:%08x%08x%048x user%u\n", i * 2654435761u, i * 40503u, i, i);
        }
    }
    return (certmap_str_t){ text, (apr_size_t)(at - text) };
}

/* ---- measuring ------------------------------------------------------------------------------------------------ */

typedef struct lookup_asking_t {
    certmap_source_t *source;
    const certmap_cert_t *const *certs;
    unsigned n; /* of certs */
    unsigned next;
    unsigned found;
    unsigned failed;
    apr_pool_t *pool;
} lookup_asking_t;

static void ask_next(void *arg)
{
    lookup_asking_t *a = arg;
    certmap_lookup_t found;
    const char *why;

    a->failed += a->source->vtable->lookup(a->source, a->certs[a->next++ % a->n], &found, &why, a->pool) != APR_SUCCESS;
    a->found += found.has_allow;
    apr_pool_clear(a->pool);
}

static void ask_generation(void *arg)
{
    lookup_asking_t *a = arg;

    a->next += (unsigned)a->source->vtable->generation(a->source) & 1;
}

static double cost(certmap_source_t *source, const certmap_cert_t *const *certs, unsigned n, int expected)
{
    lookup_asking_t a = { .source = source, .certs = certs, .n = n };
    double ns;

    apr_pool_create(&a.pool, pool);
    ns = bench_ns(ask_next, &a, 0.2);
    apr_pool_destroy(a.pool);
    if (a.failed > 0 || a.found != (expected ? a.next : 0)) {
        printf("wrong answers: %u of %u found, %u failed\n", a.found, a.next, a.failed);
        exit(1);
    }
    return ns;
}

/* What is reported about one source. */
typedef struct lookup_row_t {
    double load;  /* seconds: parse, or build */
    double check; /* seconds: the first time that a store is opened */
    double open;  /* seconds: when it has been checked */
    double megabytes;
    double peak;
    double warm; /* nanoseconds: one certificate again and again */
    double hit;  /* many in turn */
    double miss;
    double generation;
} lookup_row_t;

static void measure_asking(certmap_source_t *source, lookup_row_t *row)
{
    lookup_asking_t a = { .source = source };

    row->warm = cost(source, known, 1, 1);
    row->hit = cost(source, known, ASKED, 1);
    row->miss = cost(source, unknown, ASKED, 0);
    row->generation = bench_ns(ask_generation, &a, 0.1);
}

static void must(apr_status_t rv, const char *what)
{
    if (rv != APR_SUCCESS) {
        fixture_fail(what);
    }
}

static void write_text(const char *path, certmap_str_t text)
{
    FILE *f = fopen(path, "w");

    if (f == NULL || fwrite(text.data, 1, text.len, f) != text.len || fclose(f) != 0) {
        fixture_fail(path);
    }
}

static void measure_file(const char *path, unsigned n, int names, lookup_row_t *row)
{
    certmap_source_t *source = certmap_source_file_create(path, pool);
    certmap_str_t text = make_text(n, names);
    certmap_report_t report;
    double before;
    double start;

    write_text(path, text);
    free((void *)(apr_uintptr_t)text.data);
    bench_forget_peak();
    before = bench_memory("VmRSS:");
    start = bench_cpu();
    must(certmap_reread_check(certmap_source_file_reread(source), &report, pool), path);
    row->load = bench_cpu() - start;
    row->megabytes = bench_memory("VmRSS:") - before;
    row->peak = bench_memory("VmHWM:") - before;
    if (report.count != n) {
        fixture_fail("entries are missing");
    }
    measure_asking(source, row);
}

static void look(certmap_source_t *source, const char *path)
{
    certmap_store_report_t report;

    must(certmap_source_store_look(source, NULL, NULL, &report, pool), path);
}

static void measure_store(const char *path, unsigned n, int names, lookup_row_t *row)
{
    certmap_checked_t *checked = certmap_checked_create();
    certmap_source_t *source = certmap_source_store_create(path, checked, pool);
    certmap_store_change_t change = { .text = make_text(n, names) };
    certmap_store_outcome_t outcome;
    struct stat st;
    double start = bench_cpu();

    bench_forget_peak();
    must(certmap_store_build(path, &change, &outcome, pool), path);
    row->load = bench_cpu() - start;
    row->peak = bench_memory("VmHWM:");
    start = bench_cpu();
    look(source, path);
    row->check = bench_cpu() - start;
    /* As another process does, or this one after a restart. What was built a moment ago is checked once more before. */
    look(certmap_source_store_create(path, checked, pool), path);
    source = certmap_source_store_create(path, checked, pool);
    start = bench_cpu();
    look(source, path);
    row->open = bench_cpu() - start;
    row->megabytes = stat(path, &st) == 0 ? (double)st.st_size / 1048576 : 0;
    measure_asking(source, row);
}

/* Measures in a process of its own. */
static lookup_row_t measured(void (*measure)(const char *path, unsigned n, int names, lookup_row_t *row),
                             const char *path, unsigned n, int names)
{
    lookup_row_t row = { 0 };
    int pipes[2];
    pid_t child = -1;

    fflush(stdout);
    if (pipe(pipes) != 0 || (child = fork()) < 0) {
        fixture_fail("no process");
    }
    if (child == 0) {
        close(pipes[0]);
        measure(path, n, names, &row);
        _exit(write(pipes[1], &row, sizeof(row)) == (ssize_t)sizeof(row) ? 0 : 1);
    }
    close(pipes[1]);
    if (read(pipes[0], &row, sizeof(row)) != (ssize_t)sizeof(row)) {
        exit(1);
    }
    close(pipes[0]);
    waitpid(child, NULL, 0);
    unlink(path);
    return row;
}

int main(int argc, char **argv)
{
    unsigned most = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
    char directory[] = "/tmp/certmap-bench-XXXXXX";
    const char *path;
    unsigned n;
    int i;

    fixture_start();
    if (mkdtemp(directory) == NULL) {
        fixture_fail("mkdtemp");
    }
    path = apr_pstrcat(pool, directory, "/entries", NULL);
    make_certificates();
    printf("%-12s %9s | %8s %8s %9s %7s %6s | %9s %8s %9s | %9s\n", "entries", "number", "load, s", "check, s",
           "open, ms", "MB", "peak", "warm, ns", "hit, ns", "miss, ns", "version");
    for (i = 0; i < 4; i++) {
        static const char *const labels[] = { "file sha256", "file dn", "store sha256", "store dn" };

        for (n = 10000; n <= most; n *= 10) {
            lookup_row_t r = measured(i < 2 ? measure_file : measure_store, path, n, i % 2);

            printf("%-12s %9u | %8.3f %8s %9s %7.1f %6.0f | %9.0f %8.0f %9.0f | %9.0f\n", labels[i], n, r.load,
                   i < 2 ? "" : apr_psprintf(pool, "%.3f", r.check),
                   i < 2 ? "" : apr_psprintf(pool, "%.3f", r.open * 1e3), r.megabytes, r.peak, r.warm, r.hit, r.miss,
                   r.generation);
        }
    }
    rmdir(directory);
    EVP_PKEY_free(fixture_key());
    return 0;
}
