#include "base/writer.h"

#include <stdio.h>
#include <string.h>

uint8_t *vc_put_space(struct vc_writer *w, size_t n)
{
    if (w->bad || n > w->left) {
        w->bad = true;
        return NULL;
    }
    uint8_t *p = w->at;
    if (n > 0) {
        w->at += n;
        w->left -= n;
    }
    return p;
}

void vc_put(struct vc_writer *w, const void *bytes, size_t n)
{
    uint8_t *p = vc_put_space(w, n);
    if (p && n > 0)
        memcpy(p, bytes, n);
}

void vc_put_be(struct vc_writer *w, uint64_t v, size_t n)
{
    if (n < 8 && v >> (8 * n) != 0)
        w->bad = true;
    uint8_t *p = vc_put_space(w, n);
    for (size_t i = 0; p && i < n; i++)
        p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

void vc_put_text(struct vc_writer *w, const char *s)
{
    vc_put(w, s, strlen(s));
}

void vc_put_fmt(struct vc_writer *w, const char *fmt, ...)
{
    if (w->bad)
        return;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf((char *)w->at, w->left, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= w->left) {
        w->bad = true;
        return;
    }
    w->at += n;
    w->left -= (size_t)n;
}

size_t vc_put_len_begin(struct vc_writer *w, size_t n)
{
    size_t where = vc_written(w);
    vc_put_space(w, n);
    return where;
}

void vc_put_len_end(struct vc_writer *w, size_t where, size_t n)
{
    if (w->bad)
        return;
    size_t len = vc_written(w) - where - n;
    if (n < sizeof(len) && len >> (8 * n) != 0) {
        w->bad = true;
        return;
    }
    for (size_t i = 0; i < n; i++)
        w->start[where + i] = (uint8_t)(len >> (8 * (n - 1 - i)));
}

bool vc_put_end_text(struct vc_writer *w)
{
    if (w->bad || w->left == 0) {
        w->bad = true;
        return false;
    }
    *w->at = 0;
    return true;
}
