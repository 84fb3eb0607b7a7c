#ifndef VC_CLI_CONTROL_H
#define VC_CLI_CONTROL_H

#include <jansson.h>
#include <stdbool.h>

/** The gateway's control socket, from the tool's side: one JSON line there, one JSON document back. */

#define VC_CLI_WHY 400

/** @path NULL: the usual places, one after the other. Returns the fd, or -1 with the reason for a person. */
int vc_cli_connect(const char *path, char why[VC_CLI_WHY]);
/** @argument may be NULL. 0, or -1 with the reason. */
int vc_cli_send(int fd, const char *command, const char *argument, bool json, char why[VC_CLI_WHY]);
/** The answer {"code", "result" or "error"}: a new reference; NULL with the reason. */
json_t *vc_cli_answer(int fd, char why[VC_CLI_WHY]);

#endif
