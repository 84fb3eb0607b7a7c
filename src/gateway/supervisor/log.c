#include "gateway/supervisor/log.h"

#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 4400

void vc_log_open(struct vc_log *log)
{
    if (log->to_stderr)
        vc_sink_to_fd(&log->sink, STDERR_FILENO);
    else
        vc_sink_to_syslog(&log->sink, "/dev/log");
}

void vc_log_close(struct vc_log *log)
{
    vc_sink_close(&log->sink);
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

/** What comes before the event. Syslog's own time is without a year, and its names are English everywhere. */
static size_t put_head(const struct vc_log *log, const struct vc_event *e, char *to, size_t cap)
{
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t s = (time_t)(e->at_ns / 1000000000U);
    struct tm tm;
    int n = 0;
    if (!localtime_r(&s, &tm))
        return 0;
    if (!log->to_stderr)
        n = snprintf(to, cap, "<%d>%s %2d %02d:%02d:%02d varcod[%d]: ", log->facility | priority_of(e),
                     months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)getpid());
    else if (!log->json)
        n = (int)strftime(to, cap, "%Y-%m-%d %H:%M:%S ", &tm);
    return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

/** False: it is lost. */
static bool put(struct vc_log *log, const struct vc_event *e)
{
    char line[VC_SINK_LINE];
    size_t n = put_head(log, e, line, sizeof(line) - LINE_MAX_LEN);
    size_t cap = sizeof(line) - n - 1;
    size_t len = log->json ? vc_event_print_json(e, line + n, cap) : vc_event_print(e, line + n, cap);
    if (len == 0)
        return false;
    if (log->to_stderr)
        line[n + len++] = '\n'; /* else the NUL behind it is what a logger with a stream wants */
    return vc_sink_write(&log->sink, line, n + len);
}

void vc_log_event(struct vc_log *log, const struct vc_event *e)
{
    int priority = priority_of(e);
    if (log->sink.kind == VC_SINK_CLOSED)
        vc_log_open(log);
    if (log->failures_to_stderr && e->outcome == VC_OUTCOME_FAILED) {
        char text[LINE_MAX_LEN];
        if (vc_event_print(e, text, sizeof(text)) > 0)
            (void)fprintf(stderr, "varcod: %s\n", text);
    }
    if ((log->level < 1 && priority > LOG_ERR) || (log->level < 2 && priority > LOG_NOTICE))
        return;
    if (log->lost > 0) {
        struct vc_event told = vc_event_lost(e->at_ns, log->lost, "the log was not read");
        if (put(log, &told))
            log->lost = 0;
    }
    if (log->lost > 0 || !put(log, e))
        log->lost++;
}
