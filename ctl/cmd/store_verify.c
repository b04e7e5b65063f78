/* SPDX-License-Identifier: Apache-2.0 */
/* certmapctl store verify: reads and checks everything. */
#include "ctl/cmd/cmd.h"
#include "ctl/store.h"
#include "store/store.h"

static const apr_getopt_option_t no_options[] = { { NULL, 0, 0, NULL } };

static int run(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    apr_size_t counts[CERTMAP_K_COUNT] = { 0 };
    store_arguments_t arguments;
    ctl_progress_t *progress;
    const char *store;
    const char *why;
    apr_size_t n = 0;
    apr_status_t rv;
    int kind;
    int status = ctl_store_arguments(ctl, self, argc, argv, no_options, &arguments);

    if (status != CTL_OK) {
        return status;
    }
    if (arguments.nwords > 0) {
        return ctl_misused(ctl, self, "more than STORE");
    }
    store = ctl_printable(arguments.store, ctl->pool);
    progress = ctl_progress_start(ctl, store);
    rv = certmap_store_verify(arguments.store, ctl_progress_step, progress, counts, &why, ctl->pool);
    ctl_progress_end(progress);
    status = ctl_store_ended(ctl, arguments.store, rv, why);
    if (status == CTL_OK) {
        for (kind = 0; kind < CERTMAP_K_COUNT; kind++) {
            n += counts[kind];
        }
        printf("%s: whole, %" APR_SIZE_T_FMT " %s\n", store, n, n == 1 ? "entry" : "entries");
        for (kind = 0; kind < CERTMAP_K_COUNT; kind++) {
            if (counts[kind] > 0) {
                printf("  %-16s %" APR_SIZE_T_FMT "\n", certmap_key_kind_name((certmap_key_kind_e)kind), counts[kind]);
            }
        }
    }
    return status;
}

const ctl_command_t ctl_store_verify = { .name = "store verify", .arguments = "STORE", .run = run };
