#include "event/fail.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *vc_phase_name(enum vc_phase phase)
{
    static const char *const names[] = {
#define X(id, name) [VC_PHASE_##id] = (name),
        VC_PHASES(X)
#undef X
    };
    return phase < VC_N_PHASES ? names[phase] : "process";
}

struct row {
    const char *name;
    const char *words;
    enum vc_phase phase;
    enum vc_next next;
};

static const struct row rows[] = {
#define X(id, phase, next, words) [VC_CAUSE_##id] = {#id, (words), VC_PHASE_##phase, VC_NEXT_##next},
    VC_CAUSES(X)
#undef X
};

static const struct row *row_of(enum vc_cause cause)
{
    return &rows[cause < VC_N_CAUSES ? cause : VC_CAUSE_UNKNOWN];
}

const char *vc_cause_name(enum vc_cause cause)
{
    static char names[VC_N_CAUSES][32]; /* made once from the identifiers; the same every time */
    if (cause >= VC_N_CAUSES)
        cause = VC_CAUSE_UNKNOWN;
    if (names[cause][0] == 0) {
        const char *from = rows[cause].name;
        for (size_t i = 0; from[i] != 0 && i + 1 < sizeof(names[0]); i++) {
            char c = from[i];
            if (c == '_')
                c = '-';
            else if (c >= 'A' && c <= 'Z')
                c = (char)(c + 32);
            names[cause][i] = c;
        }
    }
    return names[cause];
}

const char *vc_cause_words(enum vc_cause cause)
{
    return row_of(cause)->words;
}

enum vc_phase vc_cause_phase(enum vc_cause cause)
{
    return row_of(cause)->phase;
}

enum vc_next vc_cause_next(enum vc_cause cause)
{
    return row_of(cause)->next;
}

const char *vc_next_name(enum vc_next next)
{
    switch (next) {
    case VC_NEXT_NONE:
        return "none";
    case VC_NEXT_STOP:
        return "stop";
    case VC_NEXT_RETRY:
        return "retry";
    case VC_NEXT_ASK:
        return "ask";
    case VC_NEXT_LOGIN:
        return "login";
    case VC_NEXT_FALL_BACK:
        return "fall-back";
    case VC_NEXT_REPORT:
        return "report";
    }
    return "report";
}

int vc_fail_set(struct vc_fail *fail, enum vc_cause cause, int sys_errno, const char *fmt, ...)
{
    if (!fail)
        return -1;
    fail->cause = cause;
    fail->sys_errno = sys_errno;
    char raw[2 * sizeof(fail->detail)];
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
        raw[0] = 0;
    va_end(ap);
    vc_str_clean(vc_str_of(raw), fail->detail, sizeof(fail->detail));
    return -1;
}

void vc_fail_print(const struct vc_fail *fail, char *out, size_t cap)
{
    char err[64] = "";
    if (fail->sys_errno != 0)
        (void)snprintf(err, sizeof(err), "%s%s", fail->detail[0] ? ": " : "", strerror(fail->sys_errno));
    bool more = fail->detail[0] || err[0];
    (void)snprintf(out, cap, "%s%s%s%s%s", vc_cause_words(fail->cause), more ? " (" : "", fail->detail, err,
                   more ? ")" : "");
}
