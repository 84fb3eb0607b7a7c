#ifndef VC_SYS_SINK_H
#define VC_SYS_SINK_H

#include <stdbool.h>
#include <stddef.h>

#define VC_SINK_LINE 4608 /* the longest line with what syslog wants in front */

/** Where lines end: an open fd (file, pipe, terminal, socket) or the system's logger. Never waits for whoever reads
 * them: a line that does not fit is lost, and the writer told. A line that was begun is ended before the next one. */
struct vc_sink {
    int fd; /* -1: closed; syslog is tried again with each line */
    enum { VC_SINK_CLOSED, VC_SINK_FILE, VC_SINK_POLLED, VC_SINK_SOCKET, VC_SINK_SYSLOG } kind;
    bool own;         /* the fd is ours to close */
    const char *path; /* of the logger's socket; borrowed for good */
    bool stream;      /* a logger that takes a stream: each message ends with NUL */
    size_t rest_len;
    char rest[VC_SINK_LINE]; /* of a line that was cut */
};

/** The flags of @fd belong to whoever shares it, so they stay as they are. */
void vc_sink_to_fd(struct vc_sink *s, int fd);
/** @path: of a Unix socket, /dev/log; need not exist yet. */
void vc_sink_to_syslog(struct vc_sink *s, const char *path);
/** A whole line, at most VC_SINK_LINE bytes, with its line end; syslog: without one, but NUL behind it. False: it is
 * lost. */
bool vc_sink_write(struct vc_sink *s, const char *line, size_t len);
void vc_sink_close(struct vc_sink *s);

#endif
