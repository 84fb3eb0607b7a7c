#include "gateway/supervisor/log.h"

#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

void vc_log_open(const struct vc_log *log)
{
    if (!log->to_stderr)
        openlog("varcod", LOG_PID, log->facility);
}

static int priority_of(const struct vc_event *e)
{
    switch (e->outcome) {
    case VC_OUTCOME_FAILED:
        return LOG_ERR;
    case VC_OUTCOME_REFUSED:
        return LOG_NOTICE;
    case VC_OUTCOME_OK:
    case VC_OUTCOME_INFO:
    case VC_N_OUTCOMES:
        break;
    }
    return LOG_INFO;
}

void vc_log_event(const struct vc_log *log, const struct vc_event *e)
{
    char line[4400];
    int priority = priority_of(e);
    if ((log->level < 1 && priority > LOG_ERR) || (log->level < 2 && priority > LOG_NOTICE))
        return;
    char *text = line;
    size_t n = 0;
    if (log->to_stderr && !log->json) {
        time_t s = (time_t)(e->at_ns / 1000000000U);
        struct tm tm;
        if (localtime_r(&s, &tm))
            n = strftime(line, 64, "%Y-%m-%d %H:%M:%S ", &tm);
    }
    size_t len =
        log->json ? vc_event_print_json(e, line, sizeof(line) - 2) : vc_event_print(e, line + n, sizeof(line) - 2 - n);
    if (len == 0)
        return;
    if (!log->to_stderr) {
        syslog(priority, "%s", text);
        return;
    }
    line[n + len] = '\n';
    for (size_t done = 0; done < n + len + 1;) {
        ssize_t w = write(STDERR_FILENO, line + done, n + len + 1 - done);
        if (w <= 0)
            return; /* a log that is full or gone stops nobody */
        done += (size_t)w;
    }
}
