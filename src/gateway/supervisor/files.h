#ifndef VC_GATEWAY_SUPERVISOR_FILES_H
#define VC_GATEWAY_SUPERVISOR_FILES_H

#include "policy/conf.h"

#include <limits.h>

/** The files of settings per group and per user (docs/configuration.md, "Files"): opened for each login and CONNECT
 * below the folder that the configuration names and nowhere else, whatever a user is called and whatever lies there.
 * Nothing of them is read here. */
enum vc_files_of { VC_FILES_GROUP, VC_FILES_USER };

/**
 * Opens the file of @name, or the one for those who have none.
 * @path  what was opened, or could not be
 * Returns the fd; -1 with *fail NONE where nothing is configured or there is none; else -1 with *fail (USER_FILE): no
 * name for a file, a link, no regular file, no rights.
 */
int vc_files_open(const struct vc_conf *conf, enum vc_files_of of, struct vc_str name, char path[PATH_MAX],
                  struct vc_fail *fail);

/** The folders are there. -1 with *fail, which names file and line. */
int vc_files_check(const struct vc_conf *conf, struct vc_fail *fail);

#endif
