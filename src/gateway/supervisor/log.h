#ifndef VC_GATEWAY_SUPERVISOR_LOG_H
#define VC_GATEWAY_SUPERVISOR_LOG_H

#include "event/event.h"
#include "sys/sink.h"

/** Where events end as lines: stderr or syslog, as text or as JSON, one event a line. Nothing waits for who reads them:
 *  what does not fit is counted, and told when there is room again. */
struct vc_log {
    bool to_stderr;
    bool failures_to_stderr; /* beside syslog: a daemon that does not serve yet, whose starter reads them */
    bool json;
    int level;    /* ocserv's scale: 0 only failures, 1 and what ends or refuses, 2 every step (default) */
    int facility; /* of syslog */
    struct vc_sink sink;
    uint64_t lost;
};

/** Opens what the fields above name; the first event does so where nobody else has. */
void vc_log_open(struct vc_log *log);
void vc_log_event(struct vc_log *log, const struct vc_event *e);
void vc_log_close(struct vc_log *log);

#endif
