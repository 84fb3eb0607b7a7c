/* Input: a priority string. Property: what is left is a part of what the gateway has, each number once, and survives
 * the packing; taking the suites' versions away leaves nothing; the same bytes, unpacked, give a list that fits or
 * nothing. */
#include "policy/tls_priority.h"

#include <stdlib.h>

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_codes(const struct vc_tls_codes *codes)
{
    must(codes->n <= VC_TLS_CODES_MAX);
    for (size_t i = 0; i < codes->n; i++) {
        struct vc_tls_codes others = *codes;
        others.at[i] = others.at[--others.n];
        must(!vc_tls_codes_have(&others, codes->at[i]));
    }
}

static void check_packing(const struct vc_tls_priority *p)
{
    uint8_t once[VC_TLS_PRIORITY_PACKED], twice[VC_TLS_PRIORITY_PACKED];
    struct vc_writer w = vc_writer_to(once, sizeof(once)), w2 = vc_writer_to(twice, sizeof(twice));
    struct vc_tls_priority again;
    vc_tls_priority_pack(p, &w);
    must(!w.bad);
    struct vc_reader r = vc_reader_of(once, vc_written(&w));
    must(vc_tls_priority_unpack(&r, &again) && r.left == 0);
    vc_tls_priority_pack(&again, &w2);
    must(vc_written(&w2) == vc_written(&w) && memcmp(once, twice, vc_written(&w)) == 0);
}

static void check_unpacking(const uint8_t *data, size_t size)
{
    struct vc_reader r = vc_reader_of(data, size);
    struct vc_tls_priority p;
    if (vc_tls_priority_unpack(&r, &p))
        check_packing(&p);
    else
        must(p.suites.n == 0 && p.groups.n == 0 && p.signatures.n == 0);
}

static void check_notes(const struct vc_conf_notes *notes)
{
    for (size_t i = 0; i < notes->n; i++)
        must(notes->at[i].line == 9 && vc_str_utf8(vc_str_of(notes->at[i].words)));
}

/* The string and a further part. */
static int with(const uint8_t *data, size_t size, const char *part, struct vc_tls_priority *out)
{
    char text[4096 + 64];
    const char *why;
    struct vc_writer w = vc_writer_to(text, sizeof(text));
    vc_put(&w, data, size);
    vc_put_text(&w, part);
    must(!w.bad);
    return vc_tls_priority_read((struct vc_str){text, vc_written(&w)}, out, &why, NULL, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum vc_tls_key_type keys[] = {VC_TLS_KEY_NONE, VC_TLS_KEY_RSA, VC_TLS_KEY_P256, VC_TLS_KEY_P384,
                                                VC_TLS_KEY_P521};
    struct vc_tls_priority all, p, other;
    struct vc_conf_notes notes = {0};
    const char *why = NULL;
    if (size > 4096)
        return 0;
    check_unpacking(data, size);
    must(vc_tls_priority_read(VC_STR("NORMAL"), &all, &why, NULL, 0) == 0);
    int got = vc_tls_priority_read((struct vc_str){(const char *)data, size}, &p, &why, &notes, 9);
    must(got == (p.suites.n == 0) && (got == 0 || why != NULL));
    check_notes(&notes);
    vc_conf_notes_deinit(&notes);
    check_codes(&p.suites);
    check_codes(&p.groups);
    check_codes(&p.signatures);
    for (size_t i = 0; i < p.suites.n; i++)
        must(vc_tls_codes_have(&all.suites, p.suites.at[i]));
    check_packing(&p);
    must(with(data, size, ":-VERS-ALL", &other) == 1);
    if (got != 0)
        return 0;
    for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
        for (int tls13 = 0; tls13 < 2; tls13++)
            must(!vc_tls_priority_serves(&p, keys[k], tls13) || vc_tls_priority_has(&p, tls13));
    }
    /* without 1.2 what is left is what there was of 1.3 */
    must((with(data, size, ":-VERS-TLS1.2", &other) == 0) == vc_tls_priority_has(&p, true));
    return 0;
}
