/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What certmapctl store costs for a store of many entries: time by the clock, processor time and memory of each
 * subcommand, in a process of its own.
 *
 *   bench_store CERTMAPCTL [NUMBER]      NUMBER: of entries, 1000000 if none is given
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

/* An entry file. Fingerprints as they come, in no order; names take longer to read. */
static void write_entries(unsigned n, int names)
{
    FILE *f = fopen("entries", "w");
    unsigned i;

    if (f == NULL) {
        fail("entries");
    }
    for (i = 0; i < n; i++) {
        if (names) {
            fprintf(f, "dn:\"CN=person %u,O=Example Ltd,C=GB\" \"CN=Test CA\" user%u\n", i, i);
        }
        else {
            fprintf(f, "sha256:%08x%08x%048x user%u\n", i * 2654435761u, i * 40503u, i, i);
        }
    }
    if (fclose(f) != 0) {
        fail("entries");
    }
}

/* Runs a subcommand and reports what it took. */
static void measure(const char *command, const char *what, const char *const *words)
{
    const char *argv[8] = { command, "store" };
    double begin = clock_now();
    struct rusage usage;
    int status;
    int i;
    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);

        for (i = 0; words[i] != NULL; i++) {
            argv[2 + i] = words[i];
        }
        if (null < 0 || dup2(null, STDOUT_FILENO) < 0) {
            _exit(1);
        }
        execv(command, (char *const *)(void *)argv);
        _exit(1);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || status != 0) {
        fprintf(stderr, "%s: %s failed\n", command, words[0]);
        exit(1);
    }
    printf("%-34s %8.3f %8.3f %8.0f\n", what, clock_now() - begin, seconds(usage.ru_utime) + seconds(usage.ru_stime),
           (double)usage.ru_maxrss / 1024);
}

static void measure_all(const char *command, unsigned n, int names)
{
    static const struct {
        const char *what;
        const char *words[6];
    } steps[] = {
        { "build", { "build", "store", "entries" } },
        { "build again", { "build", "store", "entries" } },
        { "verify", { "verify", "store" } },
        { "list", { "list", "store" } },
        { "export", { "export", "store", "--output", "exported" } },
        { "build of what was exported", { "build", "other", "exported" } },
        { "add one", { "add", "store", "X509:<S>CN=one one" } },
        { "get one", { "get", "store", "X509:<S>CN=one" } },
        { "remove one", { "remove", "store", "X509:<S>CN=one" } },
        { "add --replace all", { "add", "--replace", "store", "--file", "entries" } },
    };
    size_t i;

    write_entries(n, names);
    printf("%-34s %8s %8s %8s\n", names ? "dn" : "sha256", "s", "CPU s", "MB");
    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        measure(command, steps[i].what, steps[i].words);
    }
    unlink("entries");
    unlink("exported");
    unlink("store");
    unlink("other");
}

int main(int argc, char **argv)
{
    char directory[] = "/tmp/certmap-bench-XXXXXX";
    char *command = argc > 1 ? realpath(argv[1], NULL) : NULL;
    unsigned n = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1000000;

    if (command == NULL || n == 0) {
        fprintf(stderr, "usage: bench_store CERTMAPCTL [NUMBER]\n");
        return 2;
    }
    if (mkdtemp(directory) == NULL || chdir(directory) != 0) {
        fail(directory);
    }
    printf("certmapctl store, %u entries\n", n);
    measure_all(command, n, 0);
    measure_all(command, n, 1);
    rmdir(directory);
    free(command);
    return 0;
}
