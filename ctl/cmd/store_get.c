/* SPDX-License-Identifier: Apache-2.0 */
/* certmapctl store get: a key's entry. */
#include <string.h>

#include "ctl/cmd/cmd.h"
#include "ctl/store.h"
#include "store/store.h"

static const apr_getopt_option_t no_options[] = { { NULL, 0, 0, NULL } };

static int run(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    store_arguments_t arguments;
    certmap_store_change_t change = { .file = "arguments" };
    certmap_store_outcome_t outcome = { .errors = NULL };
    certmap_entry_t entry;
    const char *text;
    apr_status_t rv;
    int status = ctl_store_arguments(ctl, self, argc, argv, no_options, &arguments);

    if (status != CTL_OK) {
        return status;
    }
    if (arguments.nwords != 1) {
        return ctl_misused(ctl, self,
                           arguments.nwords == 0 ? "KEY is missing" : "a KEY is one argument: quote it for the shell");
    }
    change.text = (certmap_str_t){ arguments.words[0], strlen(arguments.words[0]) };
    rv = certmap_store_get(arguments.store, change.text, &text, &entry, &outcome, ctl->pool);
    status = ctl_store_tell(ctl, arguments.store, rv, &change, &outcome);
    if (rv == APR_SUCCESS) {
        puts(ctl_printable(certmap_entry_text(text, &entry, ctl->pool), ctl->pool));
    }
    return status;
}

const ctl_command_t ctl_store_get = { .name = "store get", .arguments = "STORE KEY", .run = run };
