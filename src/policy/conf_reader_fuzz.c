#include "policy/conf_reader.h"

#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

static bool inside(struct vc_str s, const uint8_t *data, size_t size)
{
    return s.len == 0 || ((const uint8_t *)s.at >= data && (const uint8_t *)s.at + s.len <= data + size);
}

/* Views lie inside the input, lines only rise; and an entry that is written out as `key = "value"` reads back the same.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_conf_reader r = vc_conf_reader_of("fuzz", data, size);
    struct vc_conf_entry e, again;
    struct vc_fail fail = {0};
    unsigned last = 0;
    int got;
    while ((got = vc_conf_reader_next(&r, &e, &fail)) > 0) {
        MUST(e.line > last);
        last = e.line;
        MUST(inside(e.section, data, size) && inside(e.key, data, size) && inside(e.value, data, size));
        MUST(e.section.len <= VC_CONF_LINE_MAX && e.value.len <= VC_CONF_LINE_MAX);
        if (got == VC_CONF_SECTION) {
            MUST(e.key.len == 0 && e.section.len > 0);
            continue;
        }
        MUST(e.key.len > 0);
        char line[2 * VC_CONF_LINE_MAX + 8];
        bool bare = vc_str_eq(e.key, VC_STR("included-http-headers"));
        int n = snprintf(line, sizeof(line), bare ? "\n%.*s =%.*s" : "\n%.*s = \"%.*s\"", (int)e.key.len, e.key.at,
                         (int)e.value.len, e.value.at);
        MUST(n > 0 && (size_t)n < sizeof(line));
        if (n > VC_CONF_LINE_MAX + 1)
            continue;
        struct vc_conf_reader second = vc_conf_reader_of("again", line, (size_t)n);
        MUST(vc_conf_reader_next(&second, &again, &fail) == VC_CONF_ENTRY);
        MUST(vc_str_eq(again.key, e.key) && vc_str_eq(again.value, e.value));
    }
    MUST(got == VC_CONF_END || fail.cause == VC_CAUSE_CONFIG);
    return 0;
}
