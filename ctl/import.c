/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl.h"

static int run(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    return ctl_misused(ctl, self, "is being written");
}

const ctl_command_t ctl_import = {
    .name = "import", .arguments = "", .summary = "is being written", .help = "", .run = run
};
