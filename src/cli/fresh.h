#ifndef VC_CLI_FRESH_H
#define VC_CLI_FRESH_H

#include <stddef.h>
#include <sys/types.h>

/** Files that are written for the first time: all of them or none, and never in the place of one that is there. */
struct vc_cli_fresh {
    const char *name; /* within the folder */
    mode_t mode;
    const void *bytes;
    size_t len;
};

#define VC_CLI_FRESH_MAX 8 /* files at once */
#define VC_CLI_FRESH_WHY 400

/** Whether none of them is there. Returns 0; or 1 with the one that is, or what else is wrong with the folder, in @why.
 *  A folder that is missing is fine. */
int vc_cli_fresh_check(const char *folder, const struct vc_cli_fresh *files, size_t n, char why[VC_CLI_FRESH_WHY]);
/** Writes them, and makes the folder where it is missing. The last one appears last: with it, all are there. Returns 0;
 *  or 1 with the reason, and nothing of it is left. */
int vc_cli_fresh_write(const char *folder, const struct vc_cli_fresh *files, size_t n, char why[VC_CLI_FRESH_WHY]);

#endif
