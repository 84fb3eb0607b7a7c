#ifndef VC_GATEWAY_SUPERVISOR_EXPLANATION_H
#define VC_GATEWAY_SUPERVISOR_EXPLANATION_H

#include "policy/conf.h"

#include <stdio.h>

/** `varcod --explain`: every value that holds for one user, and the file and line that it came from. */
struct vc_explanation {
    const char *user, *group, *vhost; /* "": none */
};

/** Reads the files of group and user as a login would. -1 with *fail: such a login would be refused. */
int vc_explanation_print(const struct vc_explanation *x, const struct vc_conf *conf, FILE *to, struct vc_fail *fail);

/** `varcod --migrate`: what ocserv with this file would find different. -1 with *fail: Varco would not start with it.
 */
int vc_explanation_migrate(const char *file, FILE *to, struct vc_fail *fail);

#endif
