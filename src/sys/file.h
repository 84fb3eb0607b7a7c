#ifndef VC_SYS_FILE_H
#define VC_SYS_FILE_H

#include "event/fail.h"

#include <stddef.h>
#include <stdint.h>

/** Reads a whole regular file of at most @max bytes into memory (malloc; a NUL is put behind). -1 with *fail, whose
 *  cause is @cause and whose detail names the path. */
int vc_file_read(const char *path, size_t max, enum vc_cause cause, uint8_t **bytes, size_t *len, struct vc_fail *fail);
/** The same from an open fd, from offset 0; its offset does not move. */
int vc_file_read_fd(int fd, size_t max, uint8_t **bytes, size_t *len, struct vc_fail *fail);
/** A sealed memory file with these bytes, for another process. */
int vc_file_memory(const char *name, const void *bytes, size_t len, struct vc_fail *fail);
/** A memory file of @len zeros that several processes write; its size is sealed. The fd, or -1 with *fail. */
int vc_file_shared(const char *name, size_t len, struct vc_fail *fail);
/** Maps it, shared, for reading and writing. NULL with *fail where it has another size, or is not sealed: who could cut
 *  it could end whoever reads it. */
void *vc_file_map_shared(int fd, size_t len, struct vc_fail *fail);
/** Opens a file for reading that lies right in @folder: no link, no other file system, and no waiting, whatever it is.
 *  Returns the fd, or -1 with errno. */
int vc_file_open_beneath(const char *folder, const char *name);
/** Writes a small text to a file such as a sysctl. Returns 0 or -1 with errno. */
int vc_file_put(const char *path, const char *text);

#endif
