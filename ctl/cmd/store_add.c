/* SPDX-License-Identifier: Apache-2.0 */
/* certmapctl store add: more entries, all or none. */
#include "ctl/cmd/cmd.h"
#include "ctl/store.h"
#include "store/store.h"

static int run(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    static const apr_getopt_option_t table[] = {
        { "file", STORE_FILE, 1, NULL },
        { "replace", STORE_REPLACE, 0, NULL },
        { NULL, 0, 0, NULL },
    };
    store_arguments_t arguments;
    certmap_store_change_t change = { .progress = ctl_progress_step };
    certmap_store_outcome_t outcome = { .errors = NULL };
    apr_status_t rv;
    int status = ctl_store_arguments(ctl, self, argc, argv, table, &arguments);

    if (status == CTL_OK) {
        status = ctl_store_given(ctl, self, &arguments, "ENTRY", &change.file, &change.text);
    }
    if (status != CTL_OK) {
        return status;
    }
    change.baton = ctl_progress_start(ctl, ctl_printable(arguments.store, ctl->pool));
    change.replace = arguments.replace;
    rv = certmap_store_add(arguments.store, &change, &outcome, ctl->pool);
    ctl_progress_end(change.baton);
    if (rv == APR_ENOENT) {
        outcome.why = apr_pstrcat(ctl->pool, outcome.why, "; certmapctl store build makes a store", NULL);
    }
    status = ctl_store_tell(ctl, arguments.store, rv, &change, &outcome);
    if (rv == APR_SUCCESS) {
        ctl_store_count(ctl_printable(arguments.store, ctl->pool), arguments.replace ? "added or replaced" : "added",
                        outcome.count);
    }
    else if (rv == APR_EINVAL) {
        ctl_store_remind(ctl, &arguments);
    }
    return status;
}

const ctl_command_t ctl_store_add = {
    .name = "store add",
    .arguments = "[--replace] STORE ENTRY...|--file FILE",
    .run = run,
};
