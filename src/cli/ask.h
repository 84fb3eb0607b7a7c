#ifndef VC_CLI_ASK_H
#define VC_CLI_ASK_H

#include <stddef.h>

/** Questions to a person at the terminal, or to what is on standard input instead. Prompts go to stderr. */
enum vc_cli_asked {
    VC_CLI_ANSWERED,
    VC_CLI_REFUSED, /* this answer cannot be taken, another one may do */
    VC_CLI_OVER,    /* cancelled, or nothing more can be asked */
};

/** One line, shown as it is typed; perhaps empty. Unless ANSWERED, *why says why, for a person. */
enum vc_cli_asked vc_cli_ask_line(const char *prompt, char *to, size_t cap, const char **why);
/** A password, as its yescrypt hash: asked twice without echo on a terminal, else one line of standard input.
 *  @cap  CRYPT_OUTPUT_SIZE */
enum vc_cli_asked vc_cli_ask_hash(char *hash, size_t cap, const char **why);

#endif
