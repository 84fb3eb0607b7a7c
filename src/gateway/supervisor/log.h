#ifndef VC_GATEWAY_SUPERVISOR_LOG_H
#define VC_GATEWAY_SUPERVISOR_LOG_H

#include "event/event.h"

/** Where events end as lines: stderr or syslog, as text or as JSON, one event a line. */
struct vc_log {
    bool to_stderr;
    bool json;
    int level;    /* ocserv's scale: 0 only failures, 1 and what ends or refuses, 2 every step (default) */
    int facility; /* of syslog */
};

void vc_log_open(const struct vc_log *log);
void vc_log_event(const struct vc_log *log, const struct vc_event *e);

#endif
