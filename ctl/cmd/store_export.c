/* SPDX-License-Identifier: Apache-2.0 */
/* certmapctl store export: all entries as an entry file. */
#include <string.h>
#include <unistd.h>

#include "ctl/cmd/cmd.h"
#include "ctl/store.h"

static int run(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    static const apr_getopt_option_t table[] = { { "output", STORE_OUTPUT, 1, NULL }, { NULL, 0, 0, NULL } };
    store_lines_t lines = { .line = certmap_entry_text };
    store_arguments_t arguments;
    int status = ctl_store_arguments(ctl, self, argc, argv, table, &arguments);

    if (status != CTL_OK) {
        return status;
    }
    lines.exact = (arguments.output != NULL && strcmp(arguments.output, "-") != 0) || !isatty(STDOUT_FILENO);
    return arguments.nwords > 0 ? ctl_misused(ctl, self, "more than STORE") : ctl_store_write(ctl, &arguments, &lines);
}

const ctl_command_t ctl_store_export = {
    .name = "store export",
    .arguments = "[--output OUT] STORE",
    .run = run,
};
