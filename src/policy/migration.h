#ifndef VC_POLICY_MIGRATION_H
#define VC_POLICY_MIGRATION_H

#include "policy/conf.h"

/** `varcod --migrate`: what an installation of ocserv with this configuration would find different here
 *  (docs/configuration.md, "Coming from ocserv"), one line each: what the notes say, then defaults of keys that are
 * absent, then what differs whatever is configured.
 *  @conf   NULL where it could not be read: then the notes alone
 *  @notes  of the reading
 *  Returns the number of lines. The writer is bad when it has no room. */
size_t vc_migration_print(const struct vc_conf *conf, const char *file, const struct vc_conf_notes *notes,
                          struct vc_writer *w);

#endif
