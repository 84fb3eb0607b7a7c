#include "policy/conf_reader.h"

#include <stdarg.h>
#include <stdio.h>

#define FILE_SHOWN 48

int vc_conf_bad(struct vc_fail *fail, const char *file, unsigned line, const char *fmt, ...)
{
    char reason[sizeof(fail->detail)];
    size_t len = strlen(file);
    const char *cut = len > FILE_SHOWN ? "..." : "";
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(reason, sizeof(reason), fmt, ap) < 0)
        reason[0] = 0;
    va_end(ap);
    if (len > FILE_SHOWN)
        file += len - FILE_SHOWN;
    if (line == 0) /* about the file as a whole */
        (void)vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "%s%s: %s", cut, file, reason);
    else
        (void)vc_fail_set(fail, VC_CAUSE_CONFIG, 0, "%s%s:%u: %s", cut, file, line, reason);
    if (fail && !vc_str_utf8(vc_str_of(fail->detail))) { /* a file's name may be anything */
        for (char *c = fail->detail; *c; c++) {
            if ((*c & 0x80) != 0)
                *c = '?';
        }
    }
    return -1;
}

struct vc_conf_reader vc_conf_reader_of(const char *file, const void *bytes, size_t len)
{
    struct vc_str all = {.at = bytes, .len = len};
    if (vc_str_starts(all, VC_STR("\xef\xbb\xbf"))) {
        all.at += 3;
        all.len -= 3;
    }
    return (struct vc_conf_reader){.file = file, .rest = all};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct vc_str from(struct vc_str s, size_t n)
{
    return (struct vc_str){.at = s.at + n, .len = s.len - n};
}

static struct vc_str up_to(struct vc_str s, size_t n)
{
    return (struct vc_str){.at = s.at, .len = n};
}

/* Where the first of @stops or a comment begins; s.len: neither. */
static size_t stop_at(struct vc_str s, const char *stops)
{
    bool blank = false;
    for (size_t i = 0; i < s.len; i++) {
        if (strchr(stops, s.at[i]) || (blank && s.at[i] == '#'))
            return i;
        blank = is_blank(s.at[i]);
    }
    return s.len;
}

static struct vc_str value_of(struct vc_str key, struct vc_str rest)
{
    struct vc_str v = vc_str_trim(up_to(rest, stop_at(rest, "")));
    if (vc_str_eq(key, VC_STR("included-http-headers")))
        return v;
    while (v.len > 0 && (v.at[0] == '"' || is_blank(v.at[0])))
        v = from(v, 1);
    while (v.len > 0 && (v.at[v.len - 1] == '"' || is_blank(v.at[v.len - 1])))
        v.len--;
    return v;
}

static int read_header(struct vc_conf_reader *r, struct vc_str text, struct vc_conf_entry *out, struct vc_fail *fail)
{
    size_t end = stop_at(text, "]");
    if (end == text.len || text.at[end] != ']')
        return vc_conf_bad(fail, r->file, r->line, "a section header without ']'");
    struct vc_str behind = vc_str_trim(from(text, end + 1));
    if (behind.len > 0 && behind.at[0] != '#' && behind.at[0] != ';')
        return vc_conf_bad(fail, r->file, r->line, "text behind a section header");
    r->section = vc_str_trim(up_to(from(text, 1), end - 1));
    if (r->section.len == 0)
        return vc_conf_bad(fail, r->file, r->line, "a section header without a name");
    r->key = (struct vc_str){0};
    *out = (struct vc_conf_entry){.section = r->section, .line = r->line};
    return VC_CONF_SECTION;
}

static int read_entry(struct vc_conf_reader *r, struct vc_str text, struct vc_conf_entry *out, struct vc_fail *fail)
{
    size_t sign = stop_at(text, "=:");
    if (sign == text.len || text.at[sign] == '#')
        return vc_conf_bad(fail, r->file, r->line, "neither '=' nor ':' on the line");
    r->key = vc_str_trim(up_to(text, sign));
    if (r->key.len == 0)
        return vc_conf_bad(fail, r->file, r->line, "no key before '%c'", text.at[sign]);
    struct vc_str value = value_of(r->key, from(text, sign + 1));
    *out = (struct vc_conf_entry){.section = r->section, .key = r->key, .value = value, .line = r->line};
    return VC_CONF_ENTRY;
}

int vc_conf_reader_next(struct vc_conf_reader *r, struct vc_conf_entry *out, struct vc_fail *fail)
{
    *out = (struct vc_conf_entry){0};
    while (r->rest.len > 0) {
        struct vc_str line = vc_str_cut(r->rest, '\n', &r->rest);
        r->line++;
        if (line.len > 0 && memchr(line.at, 0, line.len))
            return vc_conf_bad(fail, r->file, r->line, "a NUL byte: this is not a text file");
        if (line.len > VC_CONF_LINE_MAX)
            return vc_conf_bad(fail, r->file, r->line, "longer than %d bytes", VC_CONF_LINE_MAX);
        struct vc_str text = vc_str_trim(line);
        if (text.len == 0 || text.at[0] == '#' || text.at[0] == ';')
            continue;
        if (r->key.len > 0 && is_blank(line.at[0])) {
            *out = (struct vc_conf_entry){.section = r->section,
                                          .key = r->key,
                                          .value = value_of(r->key, text),
                                          .line = r->line,
                                          .repeated = true};
            return VC_CONF_ENTRY;
        }
        if (text.at[0] == '[')
            return read_header(r, text, out, fail);
        return read_entry(r, text, out, fail);
    }
    return VC_CONF_END;
}
