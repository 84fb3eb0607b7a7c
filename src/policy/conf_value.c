#include "policy/conf_value.h"

#include <stdarg.h>
#include <stdio.h>

#define SHOWN 32          /* bytes of a bad value that a message repeats */
#define NAME_MAX_BYTES 64 /* of a user or group */
#define DOMAIN_MAX_BYTES 253
#define DEVICE_MAX_BYTES 13 /* an interface's name has 15, two of them for a number */
#define GROUP_MAX_BYTES 256

__attribute__((format(printf, 3, 4))) static int no(char why[VC_CONF_WHY], struct vc_str value, const char *fmt, ...)
{
    int shown = value.len > SHOWN ? SHOWN : (int)value.len;
    while (value.len > SHOWN && shown > 0 && (value.at[shown] & 0xc0) == 0x80) /* not within a character */
        shown--;
    int n = snprintf(why, VC_CONF_WHY, "'%.*s%s' ", shown, shown > 0 ? value.at : "", value.len > SHOWN ? "..." : "");
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(why + n, VC_CONF_WHY - (size_t)n, fmt, ap);
    va_end(ap);
    return 1;
}

/* Text goes into XML, HTTP headers and file names: UTF-8 without control characters but the tab. */
static bool clean(struct vc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return vc_str_utf8(s);
}

static bool only(struct vc_str s, const char *more)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (c == 0 || (!alnum && !strchr(more, c)))
            return false;
    }
    return s.len > 0;
}

static bool is_domain(struct vc_str s)
{
    return s.len <= DOMAIN_MAX_BYTES && only(s, "-_.") && s.at[0] != '.' && s.at[0] != '-';
}

static bool are_domains(struct vc_str s)
{
    while (s.len > 0) {
        size_t n = 0;
        while (n < s.len && s.at[n] != ' ' && s.at[n] != '\t')
            n++;
        if (!is_domain((struct vc_str){.at = s.at, .len = n}))
            return false;
        s = vc_str_trim((struct vc_str){.at = s.at + n, .len = s.len - n});
    }
    return true;
}

static int read_text(const struct vc_conf_key_row *row, struct vc_str text, char why[VC_CONF_WHY])
{
    if (row->most > 0 && text.len > row->most)
        return no(why, text, "is longer than %u bytes", (unsigned)row->most);
    return 0;
}

static int read_bool(struct vc_str text, struct vc_conf_value *out)
{
    out->is_true = vc_str_ieq(text, VC_STR("true")) || vc_str_ieq(text, VC_STR("yes"));
    out->odd = !out->is_true && !vc_str_ieq(text, VC_STR("false")) && !vc_str_ieq(text, VC_STR("no"));
    return 0;
}

static int read_number(const struct vc_conf_key_row *row, struct vc_str text, struct vc_conf_value *out,
                       char why[VC_CONF_WHY])
{
    if (!vc_str_u64(text, row->most, &out->number) || out->number < row->least)
        return no(why, text, "is not a number from %llu to %llu", (unsigned long long)row->least,
                  (unsigned long long)row->most);
    return 0;
}

static int read_choice(const struct vc_conf_key_row *row, struct vc_str text, struct vc_conf_value *out,
                       char why[VC_CONF_WHY])
{
    char names[120];
    if (vc_conf_choice(row->choices, text, &out->choice))
        return 0;
    vc_conf_kind_print(row, names, sizeof(names));
    return no(why, text, "is none of: %s", names);
}

static int read_host(struct vc_str text, struct vc_conf_value *out, char why[VC_CONF_WHY])
{
    if (!vc_ip_parse(text, &out->ip) && !is_domain(text))
        return no(why, text, "is neither an address nor a host name");
    return 0;
}

static int read_network(struct vc_str text, struct vc_conf_value *out, char why[VC_CONF_WHY])
{
    out->has_len = text.len > 0 && memchr(text.at, '/', text.len) != NULL;
    if (!vc_prefix_parse(text, &out->prefix))
        return no(why, text, "is no network: address/length, or an IPv4 address/mask without holes");
    return 0;
}

static int read_group(struct vc_str text, struct vc_conf_value *out, char why[VC_CONF_WHY])
{
    struct vc_str label;
    out->text = vc_str_trim(vc_str_cut(text, '[', &label));
    if (out->text.len == 0 || out->text.len > GROUP_MAX_BYTES)
        return no(why, text, "has no group name of 1 to %d bytes", GROUP_MAX_BYTES);
    out->label = out->text;
    if (vc_str_cut(text, '[', &label).len == text.len) /* no bracket */
        return 0;
    if (label.len == 0 || label.at[label.len - 1] != ']')
        return no(why, text, "has a '[' without a ']' at the end");
    label.len--;
    label = vc_str_trim(label);
    if (label.len > GROUP_MAX_BYTES)
        return no(why, text, "has a label longer than %d bytes", GROUP_MAX_BYTES);
    if (label.len > 0)
        out->label = label;
    return 0;
}

int vc_conf_value_read(const struct vc_conf_key_row *row, struct vc_str text, struct vc_conf_value *out,
                       char why[VC_CONF_WHY])
{
    *out = (struct vc_conf_value){.text = text};
    why[0] = 0;
    if (row->kind != VC_CONF_KIND_BOOL && !clean(text)) {
        (void)snprintf(why, VC_CONF_WHY, "the value has control characters or is not UTF-8");
        return 1;
    }
    switch (row->kind) {
    case VC_CONF_KIND_BOOL:
        return read_bool(text, out);
    case VC_CONF_KIND_NUMBER:
        return read_number(row, text, out, why);
    case VC_CONF_KIND_CHOICE:
        return read_choice(row, text, out, why);
    case VC_CONF_KIND_TEXT:
        return read_text(row, text, why);
    case VC_CONF_KIND_PATH:
        if (text.len == 0 || text.len > VC_CONF_PATH_MAX)
            return no(why, text, "is no path of 1 to %d bytes", VC_CONF_PATH_MAX);
        return 0;
    case VC_CONF_KIND_NAME:
        if (text.len > NAME_MAX_BYTES || !only(text, "-_.$@"))
            return no(why, text, "is no name of a user or group");
        return 0;
    case VC_CONF_KIND_HOST:
        return read_host(text, out, why);
    case VC_CONF_KIND_ADDRESS:
        return vc_ip_parse(text, &out->ip) ? 0 : no(why, text, "is no address");
    case VC_CONF_KIND_ROUTE:
        out->is_default = vc_str_eq(text, VC_STR("default"));
        return out->is_default ? 0 : read_network(text, out, why);
    case VC_CONF_KIND_NETWORK:
        return read_network(text, out, why);
    case VC_CONF_KIND_DOMAIN:
        return is_domain(text) ? 0 : no(why, text, "is no domain name");
    case VC_CONF_KIND_DOMAINS:
        return are_domains(text) ? 0 : no(why, text, "is no list of domain names with blanks between them");
    case VC_CONF_KIND_DEVICE:
        if (text.len > DEVICE_MAX_BYTES || !only(text, "-_.") || !only((struct vc_str){text.at, 1}, ""))
            return no(why, text, "is no front part of an interface's name (1 to %d letters, digits, '-', '_', '.')",
                      DEVICE_MAX_BYTES);
        return 0;
    case VC_CONF_KIND_GROUP:
        return read_group(text, out, why);
    case VC_CONF_KIND_AUTH:
        return text.len > 0 ? 0 : no(why, text, "is no method");
    case VC_CONF_KIND_SAME:
        break;
    }
    return no(why, text, "cannot be read");
}
