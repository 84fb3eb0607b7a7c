#ifndef VC_CLI_SHOW_H
#define VC_CLI_SHOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/** What the gateway shows, for people and for programs. Names come from outside: on their way to a terminal whatever
 * could steer it is replaced. */

/** A copy in which each time {"at", "ago"} under KEY has become two texts: KEY in local time, and _KEY as an interval.
 *  New reference; NULL: no memory. */
json_t *vc_cli_times(const json_t *doc);
/** Text without control characters, and without those of Unicode that turn or hide what stands beside them. */
void vc_cli_put(FILE *out, const char *text);

/** All of these take a document that went through vc_cli_times. */
/** What vc_cli_put would replace comes as \uXXXX, whoever reads. @terminal: so does all beyond ASCII. */
void vc_cli_show_json(FILE *out, const json_t *doc, bool terminal);
void vc_cli_show_status(FILE *out, const json_t *status);
void vc_cli_show_users(FILE *out, const json_t *users); /* a table; long names are cut */
void vc_cli_show_user(FILE *out, const json_t *users);  /* all of each */

#endif
