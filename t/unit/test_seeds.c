/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays the fuzzers' seeds, each of them a test: a target's checks end the process, so a seed that breaks one ends
 * this program, its name the last that was printed. Without arguments all of fuzz/seeds; "test_seeds TARGET FILE..."
 * replays what a fuzzer left in fuzz/crashes.
 */
#include <dirent.h>
#include <stdlib.h>

#include "../../fuzz/fuzz.h"
#include "tap.h"

static const struct {
    const char *name;
    int (*run)(const uint8_t *data, size_t size);
} targets[] = {
    { "cert", fuzz_one_cert },   { "decide", fuzz_one_decide }, { "dn", fuzz_one_dn },
    { "entry", fuzz_one_entry }, { "import", fuzz_one_import }, { "index", fuzz_one_index },
    { "rules", fuzz_one_rules }, { "store", fuzz_one_store },   { "template", fuzz_one_template },
};

#define NTARGETS (sizeof(targets) / sizeof(targets[0]))

static void replay(size_t target, const char *path)
{
    FILE *f = fopen(path, "rb");
    long size = -1;
    uint8_t *data;

    if (f != NULL && fseek(f, 0, SEEK_END) == 0) {
        size = ftell(f);
        rewind(f);
    }
    if (size < 0) {
        ok(0, "%s: cannot be read", path);
        return;
    }
    data = malloc((size_t)size + !size); /* no byte after the end, for the tools that watch */
    if (data == NULL || fread(data, 1, (size_t)size, f) != (size_t)size) {
        ok(0, "%s: cannot be read", path);
    }
    else {
        diag("%s", path);
        ok(targets[target].run(data, (size_t)size) == 0, "%s", path);
    }
    free(data);
    fclose(f);
}

static void replay_all(size_t target)
{
    char directory[64];
    struct dirent **found = NULL;
    int n;
    int i;
    int seeds = 0;

    snprintf(directory, sizeof(directory), "fuzz/seeds/%s", targets[target].name);
    n = scandir(directory, &found, NULL, alphasort);
    for (i = 0; i < n; i++) {
        char path[400];

        if (found[i]->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", directory, found[i]->d_name);
            replay(target, path);
            seeds++;
        }
        free(found[i]);
    }
    free(found);
    ok(seeds > 0, "%s: %d seeds", directory, seeds);
}

int main(int argc, char **argv)
{
    size_t t;
    int i;

    plan(0);
    for (t = 0; t < NTARGETS; t++) {
        if (argc == 1) {
            replay_all(t);
        }
        else if (strcmp(argv[1], targets[t].name) == 0) {
            for (i = 2; i < argc; i++) {
                replay(t, argv[i]);
            }
        }
    }
    return tap_done();
}
