/* An event from another process: what is accepted packs to the same bytes again, its texts are printable, and both
 * renderings are one line that names each field; the JSON one is well-formed; and the setters make the same event. */
#include "event/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

/** Reads a JSON string; returns what is behind it. */
static const char *string(const char *p)
{
    MUST(*p++ == '"');
    for (; *p != '"'; p++) {
        MUST((unsigned char)*p >= 0x20);
        if (*p == '\\') {
            p++;
            MUST(*p == '"' || *p == '\\');
        }
    }
    return p + 1;
}

/** One flat object of strings and whole numbers. */
static void object(const char *p)
{
    MUST(*p++ == '{');
    for (;;) {
        p = string(p);
        MUST(*p++ == ':');
        if (*p == '"') {
            p = string(p);
        } else {
            MUST(*p >= '0' && *p <= '9');
            p += strspn(p, "0123456789");
        }
        if (*p == '}')
            break;
        MUST(*p++ == ',');
    }
    MUST(p[1] == 0);
}

static size_t pack(const struct vc_event *e, uint8_t *to, size_t cap)
{
    struct vc_writer w = vc_writer_to(to, cap);
    vc_event_pack(e, &w);
    MUST(!w.bad);
    return vc_written(&w);
}

/** Each setter minds its own type alone: of three calls one sets the field. */
static struct vc_event made_again(const struct vc_event *e)
{
    struct vc_event made = vc_event_of(e->id, e->outcome, e->login, e->session);
    made.at_ns = e->at_ns;
    made.fail = e->fail;
    for (unsigned i = 0; i < e->n_fields; i++) {
        const struct vc_event_field *f = &e->fields[i];
        uint8_t fingerprint[4] = {0};
        (void)vc_hex_decode(vc_str_of(f->text), fingerprint, sizeof(fingerprint));
        for (unsigned twice = 0; twice < 2; twice++) {
            vc_event_number(&made, f->field, f->number);
            vc_event_text(&made, f->field, vc_str_of(f->text));
            vc_event_secret(&made, f->field, fingerprint);
        }
    }
    return made;
}

static void has(const char *text, const char *before, const char *name, const char *behind)
{
    char word[64];
    MUST((size_t)snprintf(word, sizeof(word), "%s%s%s", before, name, behind) < sizeof(word) && strstr(text, word));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[4096], json[4096];
    static uint8_t packed[4000];
    struct vc_event e;
    struct vc_reader r = vc_reader_of(data, size);
    vc_event_unpack(&e, &r);
    if (r.bad) {
        MUST(e.n_fields == 0 && e.fail.detail[0] == 0);
        return 0;
    }
    size_t used = size - r.left;
    MUST(pack(&e, packed, sizeof(packed)) == used && memcmp(packed, data, used) == 0);
    struct vc_event made = made_again(&e);
    MUST(pack(&made, packed, sizeof(packed)) == used && memcmp(packed, data, used) == 0);
    MUST(vc_event_print(&e, text, sizeof(text)) == strlen(text) && *text && *vc_event_tells(e.id));
    MUST(vc_event_print_json(&e, json, sizeof(json)) == strlen(json));
    MUST(vc_str_utf8(vc_str_of(text)) && vc_str_utf8(vc_str_of(json)));
    for (const char *c = text; *c; c++)
        MUST((unsigned char)*c >= 0x20 && *c != 0x7f);
    object(json);
    has(json, "\"outcome\":\"", vc_outcome_name(e.outcome), "\"");
    for (unsigned i = 0; i < e.n_fields; i++) {
        has(text, " ", vc_field_name(e.fields[i].field), "=");
        has(json, ",\"", vc_field_name(e.fields[i].field), "\":");
    }
    return 0;
}
