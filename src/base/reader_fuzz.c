/* A script: first the writer's capacity, then operations. What the writer wrote the reader reads back equal; bad comes
 * exactly when something does not fit, and stays; nothing is written past the capacity. Then the same bytes drive a
 * reader over themselves: what it returns lies inside the input. */
#include "base/reader.h"
#include "base/writer.h"

#include <stdio.h>
#include <stdlib.h>

enum { CAP = 512, OPS = 256, GUARD = 0xa5 };

static void must(bool holds)
{
    if (!holds)
        abort();
}

enum op { PUT_BE, PUT_BYTES, PUT_SPACE, PUT_TEXT, PUT_FMT, PUT_SECTION, N_OPS };

struct done {
    enum op op;
    size_t n; /* bytes; of a section: of its length */
    uint64_t value;
    const uint8_t *bytes;
};

/** The next operation of a script: what, how many bytes, and which. */
static struct done next(struct vc_reader *script)
{
    struct done d = {.op = (enum op)(vc_take_u8(script) % N_OPS)};
    d.n = vc_take_u8(script) % (d.op == PUT_BE ? 9U : d.op == PUT_SECTION ? 4U : 64U);
    if (d.op == PUT_SECTION)
        d.n++;
    if (d.op == PUT_BE || d.op == PUT_FMT)
        d.value = vc_take_u64(script);
    else
        d.bytes = vc_take(script, d.n);
    return d;
}

static size_t text_len(const struct done *d)
{
    char text[24];
    return (size_t)snprintf(text, sizeof(text), "%llu.", (unsigned long long)d->value);
}

/** Does one; returns how much it should have written, SIZE_MAX: it had to go bad. */
static size_t put(struct vc_writer *w, const struct done *d)
{
    size_t left = w->left;
    char text[65] = "";
    switch (d->op) {
    case PUT_BE:
        vc_put_be(w, d->value, d->n);
        return d->n > left || (d->n < 8 && d->value >> (8 * d->n) != 0) ? SIZE_MAX : d->n;
    case PUT_BYTES:
        vc_put(w, d->bytes, d->n);
        return d->n > left ? SIZE_MAX : d->n;
    case PUT_SPACE: {
        uint8_t *p = vc_put_space(w, d->n);
        must((p == NULL) == w->bad);
        for (size_t i = 0; p && i < d->n; i++)
            p[i] = d->bytes[i];
        return d->n > left ? SIZE_MAX : d->n;
    }
    case PUT_TEXT:
        memcpy(text, d->bytes, d->n);
        vc_put_text(w, text);
        return strlen(text) > left ? SIZE_MAX : strlen(text);
    case PUT_FMT:
        vc_put_fmt(w, "%llu.", (unsigned long long)d->value);
        return text_len(d) >= left ? SIZE_MAX : text_len(d); /* and one spare byte */
    case PUT_SECTION: {
        size_t where = vc_put_len_begin(w, d->n);
        vc_put(w, d->bytes, d->n);
        vc_put_len_end(w, where, d->n);
        return 2 * d->n > left ? SIZE_MAX : 2 * d->n;
    }
    case N_OPS:
        break;
    }
    return SIZE_MAX;
}

static void take_back(struct vc_reader *r, const struct done *d)
{
    uint8_t copy[64];
    char text[24];
    switch (d->op) {
    case PUT_BE:
        must(vc_take_be(r, d->n) == d->value);
        break;
    case PUT_BYTES:
    case PUT_SPACE:
        vc_take_copy(r, copy, d->n);
        must(d->n == 0 || memcmp(copy, d->bytes, d->n) == 0);
        break;
    case PUT_TEXT: {
        size_t n = strnlen((const char *)d->bytes, d->n);
        const uint8_t *p = vc_take(r, n);
        must(n == 0 || (p && memcmp(p, d->bytes, n) == 0));
        break;
    }
    case PUT_FMT: {
        size_t n = (size_t)snprintf(text, sizeof(text), "%llu.", (unsigned long long)d->value);
        const uint8_t *p = vc_take(r, n);
        must(p && memcmp(p, text, n) == 0);
        break;
    }
    case PUT_SECTION: {
        uint64_t len = vc_take_be(r, d->n);
        struct vc_reader sub = vc_take_sub(r, (size_t)len);
        const uint8_t *p = vc_take(&sub, d->n);
        must(len == d->n && p && memcmp(p, d->bytes, d->n) == 0 && vc_reader_done(&sub));
        break;
    }
    case N_OPS:
        break;
    }
    must(!r->bad);
}

static void write_and_read(struct vc_reader script)
{
    uint8_t buf[CAP + 1];
    struct done all[OPS];
    size_t n = 0, cap = vc_take_u16(&script) % (CAP + 1), written = 0;
    memset(buf, GUARD, sizeof(buf));
    struct vc_writer w = vc_writer_to(buf, cap);
    while (script.left > 0 && n < OPS) {
        struct done d = next(&script);
        if (script.bad)
            break;
        bool was_bad = w.bad;
        size_t more = put(&w, &d);
        must(w.bad == (was_bad || more == SIZE_MAX));
        must(vc_written(&w) + w.left == cap);
        must(!was_bad || vc_written(&w) == written); /* poisoned: nothing moves any more */
        if (!w.bad) {
            must(vc_written(&w) == written + more);
            all[n++] = d;
        }
        written = vc_written(&w);
    }
    must(buf[cap] == GUARD);
    bool ends = !w.bad && w.left > 0;
    struct vc_reader r = vc_reader_of(buf, written);
    for (size_t i = 0; !w.bad && i < n; i++)
        take_back(&r, &all[i]);
    must(w.bad || vc_reader_done(&r));
    must(vc_put_end_text(&w) == ends && (!ends || buf[written] == 0) && vc_written(&w) == written);
}

static void inside(const uint8_t *p, size_t n, const uint8_t *data, size_t size)
{
    must(n == 0 || !p || (p >= data && p + n <= data + size));
}

static void read_itself(const uint8_t *data, size_t size)
{
    struct vc_reader r = vc_reader_of(data, size);
    for (bool bad = false; r.left > 0; bad = r.bad) {
        size_t before = r.left, n;
        uint8_t what = vc_take_u8(&r), copy[64];
        n = what >> 2;
        switch (what & 3) {
        case 0:
            inside(vc_take(&r, n), n, data, size);
            break;
        case 1:
            (void)vc_take_be(&r, n % 9);
            break;
        case 2:
            vc_take_copy(&r, copy, n);
            must(!r.bad || n == 0 || copy[n - 1] == 0);
            break;
        case 3: {
            struct vc_reader sub = vc_take_sub(&r, n);
            must(sub.bad == r.bad && (sub.bad || sub.left == n));
            inside(sub.at, sub.left, data, size);
            break;
        }
        }
        must(!bad || r.bad);
        if (r.bad)
            break;
        must(r.left < before);
    }
    if (r.bad) {
        size_t left = r.left;
        must(!vc_take(&r, 0) && !vc_take(&r, 1) && vc_take_u8(&r) == 0 && vc_take_u16(&r) == 0 &&
             vc_take_u24(&r) == 0 && vc_take_u32(&r) == 0 && vc_take_u48(&r) == 0 && vc_take_u64(&r) == 0);
        must(r.bad && r.left == left && !vc_reader_done(&r) && vc_take_sub(&r, 0).bad);
    } else {
        must(vc_reader_done(&r));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    write_and_read(vc_reader_of(data, size));
    read_itself(data, size);
    return 0;
}
