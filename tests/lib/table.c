#include "table.h"

void *exact(const void *from, size_t len)
{
    void *p = malloc(len ? len : 1);
    if (!p)
        abort();
    if (len)
        memcpy(p, from, len);
    return p;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

uint8_t *unhex(const char *text, size_t *len)
{
    uint8_t *raw = malloc(strlen(text) / 2 + 1);
    size_t n = 0;
    int half = -1;
    if (!raw)
        abort();
    for (; *text; text++) {
        int d = digit(*text);
        if (d < 0)
            continue;
        if (half < 0) {
            half = d;
        } else {
            raw[n++] = (uint8_t)(half << 4 | d);
            half = -1;
        }
    }
    uint8_t *p = exact(raw, n);
    free(raw);
    *len = n;
    return p;
}

json_t *vectors(void)
{
    static json_t *all;
    json_error_t why;
    if (!all)
        all = json_load_file(VC_VECTORS, 0, &why);
    if (!all)
        fail_msg("%s: %s", VC_VECTORS, why.text);
    return all;
}

const char *vector_text(const json_t *obj, const char *key)
{
    const char *s = json_string_value(json_object_get(obj, key));
    if (!s)
        fail_msg("vector without '%s'", key);
    return s;
}

uint8_t *vector_bytes(const json_t *obj, const char *key, size_t *len)
{
    return unhex(vector_text(obj, key), len);
}

uint64_t test_random(uint64_t *state)
{
    uint64_t x = *state ? *state : 88172645463325252ULL;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x;
}

void snapshot(const char *name, const char *text)
{
    char path[1024];
    const char *how = getenv("VARCO_SNAPSHOTS");
    (void)snprintf(path, sizeof(path), "%s/%s", VC_SNAPSHOTS, name);
    FILE *f = fopen(path, how && strcmp(how, "write") == 0 ? "wb" : "rb");
    if (!f)
        fail_msg("%s: cannot be opened; VARCO_SNAPSHOTS=write makes it", path);
    if (how && strcmp(how, "write") == 0) {
        if (fputs(text, f) < 0 || fclose(f) != 0)
            fail_msg("%s: cannot be written", path);
        return;
    }
    size_t len = strlen(text);
    char *old = malloc(len + 2);
    size_t n = old ? fread(old, 1, len + 1, f) : 0;
    size_t same = 0, line = 1;
    for (; old && same < n && same < len && old[same] == text[same]; same++)
        line += text[same] == '\n';
    bool equal = same == len && n == len;
    free(old);
    (void)fclose(f);
    if (!equal)
        fail_msg("%s differs from line %zu on. If that is meant: VARCO_SNAPSHOTS=write, and commit it", path, line);
}
