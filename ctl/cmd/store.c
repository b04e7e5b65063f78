/* SPDX-License-Identifier: Apache-2.0 */
/* certmapctl store: stores of one-to-one entries. Finds the subcommand. */
#include <signal.h>
#include <string.h>

#include "ctl/cmd/cmd.h"

static const ctl_command_t *const commands[] = {
    &ctl_store_build, &ctl_store_add,    &ctl_store_remove, &ctl_store_get,
    &ctl_store_list,  &ctl_store_export, &ctl_store_verify,
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static int run(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    const char *prefix = "store ";
    size_t i;
    int status;

    if (argc < 2) {
        return ctl_misused(ctl, self, "build, add, remove, get, list, export or verify is missing");
    }
    for (i = 0; i < NCOMMANDS; i++) {
        if (strcmp(argv[1], commands[i]->name + strlen(prefix)) == 0) {
            /* A limit on the size of files is an error like a full disk, which leaves the store as it is. */
            signal(SIGXFSZ, SIG_IGN);
            status = commands[i]->run(ctl, commands[i], argc - 1, argv + 1);
            ctl_progress_obey();
            return status;
        }
    }
    return ctl_misused(ctl, self, "build, add, remove, get, list, export or verify is wanted, not %s",
                       ctl_printable(argv[1], ctl->pool));
}

const ctl_command_t ctl_store = {
    .name = "store",
    .arguments = "build|add|remove|get|list|export|verify STORE ...",
    .summary = "Makes, changes and reads stores of entries (CertMapSource store)",
    .help = "  build STORE ENTRIES     replaces all contents by an entry file's; makes STORE\n"
            "                          when it is not there\n"
            "  add [-r] STORE ENTRY... adds entries, all or none\n"
            "  add [-r] STORE -f FILE  the same, from an entry file\n"
            "      -r, --replace       a key that has an entry gets the new one; else that is\n"
            "                          an error\n"
            "      -f, --file FILE\n"
            "  remove STORE KEY...     removes entries, all or none\n"
            "  remove STORE -f FILE    the same, from a file with a key on each line\n"
            "  get STORE KEY           prints a key's entry as a line of an entry file\n"
            "  list [-k KIND] STORE    prints all entries in columns, with their strength\n"
            "      -k, --kind KIND     only keys of this kind: sha256, spki, ski,\n"
            "                          issuer-serial, dn, X509:<S>, X509:<SKI>, X509:<RFC822>\n"
            "      --json              a JSON document for each entry, one a line\n"
            "  export [-o OUT] STORE   prints all entries as an entry file, from which build\n"
            "                          makes the same store\n"
            "      -o, --output OUT    into a file, which is replaced as a whole\n"
            "  verify STORE            reads and checks everything, and counts the entries of\n"
            "                          each kind\n"
            "\n"
            "ENTRIES and FILE may be -, which is standard input. An ENTRY or a KEY is one\n"
            "argument, written as in an entry file, so it is quoted for the shell. Lists\n"
            "and exports have the order in which a store keeps its entries: always the\n"
            "same for the same entries, but without a meaning.\n"
            "\n"
            "build, add and remove write all of STORE again, as STORE.new next to it, which\n"
            "then takes its place. Servers see that within a second or two, when they have\n"
            "checked it; they use the old contents or the new, whatever happens to this\n"
            "command. One process writes at a time; a second one waits some seconds and then\n"
            "reports which one is writing. A new STORE has the mode that the umask gives it,\n"
            "and the accounts of the server's children must be able to read it. Later it\n"
            "keeps its mode and its owner. Reading needs only the right to read STORE.\n"
            "\n"
            "Exit status: 0 done; 1 done with warnings, or (get, remove) there is no such\n"
            "entry, and nothing has been removed; 2 an error, and nothing has been written.\n"
            "\n"
            "  certmapctl store build people.store people.entries\n"
            "  certmapctl store add people.store 'dn:\"CN=Ann\" \"CN=Example CA\" ann'\n"
            "  certmapctl store remove people.store 'dn:\"CN=Ann\" \"CN=Example CA\"'\n",
    .run = run,
};
