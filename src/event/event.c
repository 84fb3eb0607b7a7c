#include "event/event.h"

#include <inttypes.h>
#include <time.h>

enum field_type { TEXT, NUMBER, SECRET };

static const struct {
    const char *name, *flow, *tells;
    enum vc_phase phase;
    unsigned by;
} events[] = {
#define X(id, name, phase, by, flow, tells) [VC_EVENT_##id] = {(name), (flow), (tells), VC_PHASE_##phase, (by)},
    VC_EVENTS(X)
#undef X
};

static const struct {
    const char *name;
    enum field_type type;
} fields[] = {
#define X(id, name, type) [VC_FIELD_##id] = {(name), (type)},
    VC_FIELDS(X)
#undef X
};

static const char *const outcomes[VC_N_OUTCOMES] = {[VC_OUTCOME_OK] = "ok",
                                                    [VC_OUTCOME_INFO] = "info",
                                                    [VC_OUTCOME_REFUSED] = "refused",
                                                    [VC_OUTCOME_FAILED] = "failed"};

const char *vc_event_name(enum vc_event_id id)
{
    return events[id].name;
}

const char *vc_event_flow(enum vc_event_id id)
{
    return events[id].flow;
}

const char *vc_event_tells(enum vc_event_id id)
{
    return events[id].tells;
}

unsigned vc_event_by(enum vc_event_id id)
{
    return events[id].by;
}

enum vc_phase vc_event_phase(enum vc_event_id id)
{
    return events[id].phase;
}

const char *vc_field_name(enum vc_field field)
{
    return fields[field].name;
}

const char *vc_outcome_name(enum vc_outcome outcome)
{
    return outcomes[outcome];
}

struct vc_event vc_event_of(enum vc_event_id id, enum vc_outcome outcome, uint64_t login, uint64_t session)
{
    return (struct vc_event){.id = id, .outcome = outcome, .login = login, .session = session};
}

static struct vc_event_field *next_field(struct vc_event *e, enum vc_field field, enum field_type type)
{
    unsigned i = 0;
    while (i < e->n_fields && e->fields[i].field != field)
        i++;
    if (i >= VC_EVENT_FIELDS_MAX || fields[field].type != type)
        return NULL;
    if (i == e->n_fields)
        e->n_fields++;
    struct vc_event_field *f = &e->fields[i];
    *f = (struct vc_event_field){.field = field};
    return f;
}

void vc_event_text(struct vc_event *e, enum vc_field field, struct vc_str text)
{
    struct vc_event_field *f = next_field(e, field, TEXT);
    if (f)
        vc_str_clean(text, f->text, sizeof(f->text));
}

void vc_event_number(struct vc_event *e, enum vc_field field, uint64_t number)
{
    struct vc_event_field *f = next_field(e, field, NUMBER);
    if (f)
        f->number = number;
}

void vc_event_secret(struct vc_event *e, enum vc_field field, const uint8_t fingerprint[4])
{
    struct vc_event_field *f = next_field(e, field, SECRET);
    if (f)
        vc_hex_encode(fingerprint, 4, f->text);
}

struct vc_event vc_event_lost(uint64_t at_ns, uint64_t n, const char *why)
{
    struct vc_event e = vc_event_of(VC_EVENT_PROCESS_NOTICE, VC_OUTCOME_INFO, 0, 0);
    e.at_ns = at_ns;
    vc_event_number(&e, VC_FIELD_COUNT, n);
    vc_fail_set(&e.fail, VC_CAUSE_EVENTS_LOST, 0, "%s", why);
    return e;
}

static void put_time(struct vc_writer *w, uint64_t at_ns)
{
    time_t s = (time_t)(at_ns / 1000000000U);
    struct tm tm;
    char text[32];
    if (!gmtime_r(&s, &tm) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        (void)vc_str_copy(VC_STR("0000-00-00T00:00:00"), text, sizeof(text));
    vc_put_fmt(w, "%s.%03uZ", text, (unsigned)(at_ns / 1000000U % 1000U));
}

/** In quotes, from which nothing in the text can break out. */
static void put_quoted(struct vc_writer *w, const char *s)
{
    vc_put_u8(w, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            vc_put_u8(w, '\\');
        vc_put_u8(w, (uint8_t)*s);
    }
    vc_put_u8(w, '"');
}

size_t vc_event_print(const struct vc_event *e, char *out, size_t cap)
{
    struct vc_writer w = vc_writer_to(out, cap);
    vc_put_fmt(&w, "%s", vc_event_name(e->id));
    if (e->outcome != VC_OUTCOME_OK && e->outcome != VC_OUTCOME_INFO)
        vc_put_fmt(&w, " %s", outcomes[e->outcome]);
    if (e->login)
        vc_put_fmt(&w, " login=%" PRIu64, e->login);
    if (e->session)
        vc_put_fmt(&w, " session=%" PRIu64, e->session);
    for (unsigned i = 0; i < e->n_fields; i++) {
        const struct vc_event_field *f = &e->fields[i];
        if (fields[f->field].type == NUMBER) {
            vc_put_fmt(&w, " %s=%" PRIu64, fields[f->field].name, f->number);
        } else {
            vc_put_fmt(&w, " %s=", fields[f->field].name);
            put_quoted(&w, f->text);
        }
    }
    if (e->fail.cause != VC_CAUSE_NONE) {
        char words[400];
        vc_fail_print(&e->fail, words, sizeof(words));
        vc_put_fmt(&w, " cause=%s: %s", vc_cause_name(e->fail.cause), words);
    }
    return vc_put_end_text(&w) ? vc_written(&w) : 0;
}

static void put_json_pair(struct vc_writer *w, const char *key, const char *value)
{
    vc_put_fmt(w, ",\"%s\":", key);
    put_quoted(w, value); /* clean text has nothing else that JSON escapes */
}

size_t vc_event_print_json(const struct vc_event *e, char *out, size_t cap)
{
    struct vc_writer w = vc_writer_to(out, cap);
    vc_put_text(&w, "{\"time\":\"");
    put_time(&w, e->at_ns);
    vc_put_u8(&w, '"');
    put_json_pair(&w, "event", vc_event_name(e->id));
    put_json_pair(&w, "phase", vc_phase_name(vc_event_phase(e->id)));
    if (*vc_event_flow(e->id))
        put_json_pair(&w, "flow", vc_event_flow(e->id));
    put_json_pair(&w, "outcome", outcomes[e->outcome]);
    if (e->login)
        vc_put_fmt(&w, ",\"login\":%" PRIu64, e->login);
    if (e->session)
        vc_put_fmt(&w, ",\"session\":%" PRIu64, e->session);
    for (unsigned i = 0; i < e->n_fields; i++) {
        const struct vc_event_field *f = &e->fields[i];
        if (fields[f->field].type == NUMBER)
            vc_put_fmt(&w, ",\"%s\":%" PRIu64, fields[f->field].name, f->number);
        else
            put_json_pair(&w, fields[f->field].name, f->text);
    }
    if (e->fail.cause != VC_CAUSE_NONE) {
        put_json_pair(&w, "cause", vc_cause_name(e->fail.cause));
        put_json_pair(&w, "advice", vc_cause_words(e->fail.cause));
        put_json_pair(&w, "next", vc_next_name(vc_cause_next(e->fail.cause)));
        if (e->fail.detail[0])
            put_json_pair(&w, "detail", e->fail.detail);
        if (e->fail.sys_errno)
            put_json_pair(&w, "errno", strerror(e->fail.sys_errno));
    }
    vc_put_u8(&w, '}');
    return vc_put_end_text(&w) ? vc_written(&w) : 0;
}

void vc_event_pack(const struct vc_event *e, struct vc_writer *w)
{
    vc_put_u16(w, (uint16_t)e->id);
    vc_put_u8(w, (uint8_t)e->outcome);
    vc_put_u64(w, e->at_ns);
    vc_put_u64(w, e->login);
    vc_put_u64(w, e->session);
    vc_put_u16(w, (uint16_t)e->fail.cause);
    vc_put_u16(w, (uint16_t)e->fail.sys_errno);
    size_t n = strnlen(e->fail.detail, sizeof(e->fail.detail) - 1);
    vc_put_u8(w, (uint8_t)n);
    vc_put(w, e->fail.detail, n);
    vc_put_u8(w, (uint8_t)e->n_fields);
    for (unsigned i = 0; i < e->n_fields; i++) {
        const struct vc_event_field *f = &e->fields[i];
        vc_put_u8(w, (uint8_t)f->field);
        if (fields[f->field].type == NUMBER) {
            vc_put_u64(w, f->number);
            continue;
        }
        n = strnlen(f->text, sizeof(f->text) - 1);
        vc_put_u8(w, (uint8_t)n);
        vc_put(w, f->text, n);
    }
}

/** Takes what the setters make, nothing else. */
static void take_text(struct vc_reader *r, char *to, size_t cap)
{
    size_t n = vc_take_u8(r);
    const uint8_t *p = vc_take(r, n);
    to[0] = 0;
    if (!p || n >= cap) {
        r->bad = true;
        return;
    }
    vc_str_clean((struct vc_str){.at = (const char *)p, .len = n}, to, cap);
    if (memcmp(to, p, n) != 0)
        r->bad = true;
}

static void take_field(struct vc_event *e, struct vc_reader *r)
{
    struct vc_event_field *f = &e->fields[e->n_fields];
    unsigned field = vc_take_u8(r);
    uint8_t fingerprint[4] = {0};
    char digits[2 * sizeof(fingerprint) + 1];
    if (field >= VC_N_FIELDS) {
        r->bad = true;
        return;
    }
    f->field = (enum vc_field)field;
    for (unsigned i = 0; i < e->n_fields; i++) {
        if (e->fields[i].field == f->field)
            r->bad = true; /* one name, one value */
    }
    switch (fields[field].type) {
    case NUMBER:
        f->number = vc_take_u64(r);
        break;
    case TEXT:
        take_text(r, f->text, sizeof(f->text));
        break;
    case SECRET:
        take_text(r, f->text, sizeof(f->text));
        (void)vc_hex_decode(vc_str_of(f->text), fingerprint, sizeof(fingerprint));
        vc_hex_encode(fingerprint, sizeof(fingerprint), digits);
        if (strcmp(f->text, digits) != 0) /* not eight digits, or not as the setter writes them */
            r->bad = true;
        break;
    }
    e->n_fields++;
}

void vc_event_unpack(struct vc_event *e, struct vc_reader *r)
{
    *e = (struct vc_event){0};
    unsigned id = vc_take_u16(r);
    unsigned outcome = vc_take_u8(r);
    e->at_ns = vc_take_u64(r);
    e->login = vc_take_u64(r);
    e->session = vc_take_u64(r);
    unsigned cause = vc_take_u16(r);
    e->fail.sys_errno = vc_take_u16(r);
    take_text(r, e->fail.detail, sizeof(e->fail.detail));
    unsigned n_fields = vc_take_u8(r);
    if (id >= VC_N_EVENTS || outcome >= VC_N_OUTCOMES || cause >= VC_N_CAUSES || n_fields > VC_EVENT_FIELDS_MAX)
        r->bad = true;
    while (e->n_fields < n_fields && !r->bad)
        take_field(e, r);
    if (r->bad) {
        *e = (struct vc_event){0};
        return;
    }
    e->id = (enum vc_event_id)id;
    e->outcome = (enum vc_outcome)outcome;
    e->fail.cause = (enum vc_cause)cause;
}
