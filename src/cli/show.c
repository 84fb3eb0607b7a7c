#include "cli/show.h"

#include "base/glyph.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- times ---- */

static void interval(uint64_t s, char out[32])
{
    if (s >= UINT64_C(48) * 3600)
        (void)snprintf(out, 32, "%2" PRIu64 "days", s / 86400);
    else if (s >= 3600)
        (void)snprintf(out, 32, "%2uh:%02um", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
    else if (s >= 60)
        (void)snprintf(out, 32, "%2um:%02us", (unsigned)(s / 60), (unsigned)(s % 60));
    else
        (void)snprintf(out, 32, "%5us", (unsigned)s);
}

static void put_time(json_t *to, const char *key, const json_t *value)
{
    char text[64] = "", twin[100], ago[32];
    time_t at = (time_t)json_integer_value(json_object_get(value, "at"));
    json_int_t s = json_integer_value(json_object_get(value, "ago"));
    struct tm tm;
    if (!localtime_r(&at, &tm) || strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm) == 0)
        text[0] = 0;
    interval(s > 0 ? (uint64_t)s : 0, ago);
    (void)snprintf(twin, sizeof(twin), "_%.90s", key);
    (void)json_object_set_new(to, key, json_string(text));
    (void)json_object_set_new(to, twin, json_string(ago));
}

json_t *vc_cli_times(const json_t *doc)
{
    json_t *copy, *value;
    const char *key;
    size_t i;
    if (json_is_array(doc)) {
        copy = json_array();
        json_array_foreach(doc, i, value)(void) json_array_append_new(copy, vc_cli_times(value));
        return copy;
    }
    if (!json_is_object(doc))
        return json_deep_copy(doc);
    copy = json_object();
    json_object_foreach((json_t *)(uintptr_t)doc, key, value)
    {
        if (json_is_object(value) && json_object_size(value) == 2 && json_is_integer(json_object_get(value, "at")) &&
            json_is_integer(json_object_get(value, "ago")))
            put_time(copy, key, value);
        else
            (void)json_object_set_new(copy, key, vc_cli_times(value));
    }
    return copy;
}

/* ---- text ---- */

/** At most @max characters; where there are more, the last one that fits is an ellipsis. */
static void put(FILE *out, const char *text, size_t max)
{
    struct vc_str s = vc_str_of(text);
    for (size_t n = 0; s.len > 0; n++) {
        const char *at = s.at;
        uint32_t cp = vc_glyph_take(&s);
        if (n + 1 == max && s.len > 0) {
            (void)fputs("\xe2\x80\xa6", out);
            return;
        }
        if (vc_glyph_steers(cp))
            (void)fputc('?', out);
        else
            (void)fwrite(at, 1, (size_t)(s.at - at), out);
    }
}

void vc_cli_put(FILE *out, const char *text)
{
    put(out, text, SIZE_MAX);
}

/** Columns that @put takes, one for each character. */
static size_t width(const char *text, size_t max)
{
    struct vc_str s = vc_str_of(text);
    size_t w = 0;
    for (; s.len > 0 && w < max; w++)
        (void)vc_glyph_take(&s);
    return w;
}

/** The text of a member; numbers into @buf. "" when it is not there. */
static const char *text_of(const json_t *object, const char *key, char buf[32])
{
    const json_t *v = json_object_get(object, key);
    if (json_is_string(v))
        return json_string_value(v);
    buf[0] = 0;
    if (json_is_integer(v))
        (void)snprintf(buf, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    return buf;
}

/* ---- JSON ---- */

void vc_cli_show_json(FILE *out, const json_t *doc, bool terminal)
{
    char *text = json_dumps(doc, JSON_INDENT(2) | JSON_PRESERVE_ORDER | (terminal ? JSON_ENSURE_ASCII : 0));
    struct vc_str s = vc_str_of(text);
    while (s.len > 0) {
        const char *at = s.at;
        uint32_t cp = vc_glyph_take(&s);
        if (cp >= 0x7f && vc_glyph_steers(cp)) /* such a one stands in a text; all of them have four digits */
            (void)fprintf(out, "\\u%04x", (unsigned)cp);
        else
            (void)fwrite(at, 1, (size_t)(s.at - at), out);
    }
    (void)fputc('\n', out);
    free(text);
}

/* ---- status ---- */

static bool put_line(FILE *out, const json_t *object, const char *key)
{
    char buf[32], twin[100], buf2[32];
    const char *value = text_of(object, key, buf);
    if (value[0] == 0)
        return false;
    (void)snprintf(twin, sizeof(twin), "_%.90s", key);
    const char *more = text_of(object, twin, buf2);
    (void)fprintf(out, "%s: ", key);
    vc_cli_put(out, value);
    if (more[0]) {
        (void)fputs(" (", out);
        vc_cli_put(out, more);
        (void)fputc(')', out);
    }
    return true;
}

static void put_lines(FILE *out, const json_t *object, const char *const *keys)
{
    for (; *keys; keys++) {
        if (text_of(object, *keys, (char[32]){0})[0] == 0)
            continue;
        (void)fputc('\t', out);
        (void)put_line(out, object, *keys);
        (void)fputc('\n', out);
    }
}

void vc_cli_show_status(FILE *out, const json_t *status)
{
    static const char *const general[] = {"Status",          "Server PID",
                                          "Sec-mod PID",     "Sec-mod instance count",
                                          "Up since",        "Active sessions",
                                          "Total sessions",  "Total authentication failures",
                                          "IPs in ban list", NULL};
    static const char *const period[] = {"Last stats reset",
                                         "Sessions handled",
                                         "Timed out sessions",
                                         "Timed out (idle) sessions",
                                         "Closed due to error sessions",
                                         "Authentication failures",
                                         "Average auth time",
                                         "Max auth time",
                                         "Average session time",
                                         "Max session time",
                                         "Min MTU",
                                         "Max MTU",
                                         "RX",
                                         "TX",
                                         NULL};
    json_t *varco = json_object_get(status, "Varco"), *value;
    const char *key;
    (void)fputs("General info:\n", out);
    put_lines(out, status, general);
    (void)fputs("\nCurrent stats period:\n", out);
    put_lines(out, status, period);
    if (json_object_size(varco) == 0)
        return;
    (void)fputs("\nData path:\n", out);
    json_object_foreach(varco, key, value)
    {
        (void)fputc('\t', out);
        (void)put_line(out, varco, key);
        (void)fputc('\n', out);
    }
}

/* ---- users ---- */

/** The last part of "(A)-(B)-(C)". */
static const char *last_part(const char *cipher)
{
    const char *at = strrchr(cipher, '(');
    return at ? at : cipher;
}

static const char *without_blanks(const char *s)
{
    while (*s == ' ')
        s++;
    return s;
}

#define N_COLUMNS 9
#define NAME_MAX_COLUMNS 32 /* of a user's name: a long one would make every row as wide */

static size_t most(int column)
{
    return column == 1 ? NAME_MAX_COLUMNS : SIZE_MAX;
}

static void cells_of(const json_t *u, const char *cells[N_COLUMNS], char buf[N_COLUMNS][32])
{
    static const char *const keys[N_COLUMNS] = {"ID",     "Username",           "vhost",       "Remote IP", "IPv4",
                                                "Device", "_Last connected at", "DTLS cipher", "State"};
    for (int i = 0; i < N_COLUMNS; i++)
        cells[i] = text_of(u, keys[i], buf[i]);
    if (cells[4][0] == 0)
        cells[4] = text_of(u, "IPv6", buf[4]);
    cells[6] = without_blanks(cells[6]);
    cells[7] = cells[7][0] ? last_part(cells[7]) : "(no-dtls)";
}

void vc_cli_show_users(FILE *out, const json_t *users)
{
    static const char *const names[N_COLUMNS] = {"id",     "user",  "vhost",       "ip",    "vpn-ip",
                                                 "device", "since", "dtls-cipher", "status"};
    size_t widths[N_COLUMNS] = {8, 8, 8, 14, 14, 6, 7, 14, 9}, i;
    const char *cells[N_COLUMNS];
    char buf[N_COLUMNS][32];
    const json_t *u;
    json_array_foreach(users, i, u)
    {
        cells_of(u, cells, buf);
        for (int k = 0; k < N_COLUMNS; k++)
            widths[k] = width(cells[k], most(k)) > widths[k] ? width(cells[k], most(k)) : widths[k];
    }
    for (size_t row = 0; row <= json_array_size(users); row++) {
        if (row > 0)
            cells_of(json_array_get(users, row - 1), cells, buf);
        for (int k = 0; k < N_COLUMNS; k++) {
            const char *cell = row > 0 ? cells[k] : names[k];
            (void)fprintf(out, "%s%*s", k ? " " : "", (int)(widths[k] - width(cell, most(k))), "");
            put(out, cell, most(k));
        }
        (void)fputc('\n', out);
    }
}

static void put_list(FILE *out, const json_t *object, const char *key)
{
    const json_t *list = json_object_get(object, key), *value;
    size_t i;
    if (json_is_string(list)) {
        (void)fprintf(out, "\t%s: ", key);
        vc_cli_put(out, json_string_value(list));
        (void)fputc('\n', out);
    }
    if (json_array_size(list) == 0)
        return;
    (void)fprintf(out, "\t%s: ", key);
    json_array_foreach(list, i, value)
    {
        (void)fputs(i ? "\t\t" : "", out);
        vc_cli_put(out, json_is_string(value) ? json_string_value(value) : "");
        (void)fputc('\n', out);
    }
}

void vc_cli_show_user(FILE *out, const json_t *users)
{
    static const char *const lines[][3] = {{"ID"},
                                           {"Username", "Groupname"},
                                           {"State"},
                                           {"vhost"},
                                           {"Device", "MTU"},
                                           {"Remote IP", "Location"},
                                           {"Local Device IP"},
                                           {"IPv4", "P-t-P IPv4"},
                                           {"IPv6", "P-t-P IPv6"},
                                           {"User-Agent"},
                                           {"RX", "TX"},
                                           {"Average RX", "Average TX"},
                                           {"DPD", "KeepAlive"},
                                           {"Hostname"},
                                           {"Last connected at"},
                                           {"Session started at"},
                                           {"Session"},
                                           {"TLS ciphersuite"},
                                           {"DTLS cipher"}};
    static const char *const lists[] = {"DNS",       "NBNS",    "Split-DNS-Domains",    "Routes",
                                        "No-routes", "iRoutes", "Restricted to routes", "Restricted to ports"};
    const json_t *u;
    size_t i;
    json_array_foreach(users, i, u)
    {
        for (size_t k = 0; k < sizeof(lines) / sizeof(lines[0]); k++) {
            char buf[32];
            bool any = false;
            for (size_t n = 0; n < 2 && lines[k][n]; n++) {
                if (text_of(u, lines[k][n], buf)[0] == 0)
                    continue;
                (void)fputs(any ? "   " : "\t", out);
                any = put_line(out, u, lines[k][n]);
            }
            if (any)
                (void)fputc('\n', out);
        }
        (void)fputc('\n', out);
        for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
            put_list(out, u, lists[k]);
        (void)fputc('\n', out);
    }
}
