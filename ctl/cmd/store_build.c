/* SPDX-License-Identifier: Apache-2.0 */
/* certmapctl store build: all contents new, from an entry file. */
#include "ctl/cmd/cmd.h"
#include "ctl/store.h"
#include "store/store.h"

static int run(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    static const apr_getopt_option_t none[] = { { NULL, 0, 0, NULL } };
    store_arguments_t arguments;
    certmap_store_change_t change = { .progress = ctl_progress_step };
    certmap_store_outcome_t outcome = { .errors = NULL };
    const char *store;
    apr_status_t rv;
    int status = ctl_store_arguments(ctl, self, argc, argv, none, &arguments);

    if (status != CTL_OK) {
        return status;
    }
    if (arguments.nwords != 1) {
        return ctl_misused(ctl, self, arguments.nwords == 0 ? "ENTRIES is missing" : "more than STORE and ENTRIES");
    }
    status = ctl_store_text(ctl, arguments.words[0], &change.file, &change.text);
    if (status != CTL_OK) {
        return status;
    }
    store = ctl_printable(arguments.store, ctl->pool);
    change.baton = ctl_progress_start(ctl, store);
    rv = certmap_store_build(arguments.store, &change, &outcome, ctl->pool);
    ctl_progress_end(change.baton);
    status = ctl_store_tell(ctl, arguments.store, rv, &change, &outcome);
    if (rv == APR_SUCCESS) {
        ctl_store_count(store, "in all", outcome.count);
    }
    return status;
}

const ctl_command_t ctl_store_build = { .name = "store build", .arguments = "STORE ENTRIES", .run = run };
