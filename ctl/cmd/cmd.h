/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ctl/cmd/cmd.h
 * @brief The subcommands, and those of "store".
 */
#ifndef CTL_CMD_H
#define CTL_CMD_H

#include "ctl/ctl.h"

extern const ctl_command_t ctl_check;
extern const ctl_command_t ctl_explain;
extern const ctl_command_t ctl_import;
extern const ctl_command_t ctl_store;
extern const ctl_command_t ctl_suggest;

extern const ctl_command_t ctl_store_build;
extern const ctl_command_t ctl_store_add;
extern const ctl_command_t ctl_store_remove;
extern const ctl_command_t ctl_store_get;
extern const ctl_command_t ctl_store_list;
extern const ctl_command_t ctl_store_export;
extern const ctl_command_t ctl_store_verify;

#endif
