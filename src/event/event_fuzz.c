/* An event from another process: what is accepted packs to the same bytes again, its texts are printable, and both
 * renderings are one line; the JSON one is well-formed. */
#include "event/event.h"

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
    struct vc_writer w = vc_writer_to(packed, sizeof(packed));
    vc_event_pack(&e, &w);
    MUST(!w.bad && vc_written(&w) == used && memcmp(packed, data, used) == 0);
    MUST(vc_event_print(&e, text, sizeof(text)) == strlen(text) && *text);
    MUST(vc_event_print_json(&e, json, sizeof(json)) == strlen(json));
    MUST(vc_str_utf8(vc_str_of(text)) && vc_str_utf8(vc_str_of(json)));
    for (const char *c = text; *c; c++)
        MUST((unsigned char)*c >= 0x20 && *c != 0x7f);
    object(json);
    return 0;
}
