/* Input: a suite's name, its first two bytes also a code. Property: what is found is exactly what was asked for, every
 * line of the table is found, and names that share a code have one meaning. */
#include "wire/dtls_names.h"

#include "base/reader.h"

#include <stdlib.h>

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_code(uint16_t code)
{
    const struct vc_dtls_name *found = vc_dtls_name_of_code(code), *line;
    must(!found || (code != 0 && found->code == code && found->aead != VC_AEAD_NONE));
    must(!found || found->kind == VC_DTLS_CLASS_X12 || found->kind == VC_DTLS_CLASS_PSK);
    for (size_t i = 0; (line = vc_dtls_name_at(i)); i++) {
        if (line->code == code && line->aead != VC_AEAD_NONE)
            must(found && found->aead == line->aead && found->hash == line->hash);
    }
}

/** What an event and `show users` name: of the same code the line of the mode that was agreed. */
static void check_agreed(uint16_t code)
{
    for (int psk = 0; psk < 2; psk++) {
        const struct vc_dtls_name *found = vc_dtls_name_agreed(code, psk ? VC_DTLS_MODE_PSK : VC_DTLS_MODE_RESUME);
        must(!found || (code != 0 && found->code == code && (found->kind == VC_DTLS_CLASS_PSK) == (psk != 0)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_str name = {.at = (const char *)data, .len = size};
    struct vc_reader r = vc_reader_of(data, size);
    const struct vc_dtls_name *found = vc_dtls_name_find(name), *line;
    bool listed = false;
    for (size_t i = 0; (line = vc_dtls_name_at(i)); i++) {
        listed = listed || vc_str_eq(name, vc_str_of(line->name));
        must(vc_dtls_name_find(vc_str_of(line->name)) == line);
    }
    must(listed == (found != NULL) && (!found || vc_str_eq(name, vc_str_of(found->name))));
    uint16_t code = vc_take_u16(&r);
    check_code(code);
    check_agreed(code);
    if (found) {
        check_code(found->code);
        check_agreed(found->code);
    }
    return 0;
}
