/* Property: views lie inside the input and end where it ends; what was read writes the same bytes again; whoever takes
 * the input as one frame and whoever takes it as many agree. */
#include "wire/cstp_frame.h"

#include <stdlib.h>

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_cstp_frame one = {0}, f = {0};
    uint8_t header[VC_CSTP_HEADER], bye[1 + VC_CSTP_BYE_TEXT_MAX];
    const uint8_t *text;
    size_t text_len, n = 0, used = 0;

    enum vc_cstp_read got = vc_cstp_frame_read(data, size, &one);
    must(vc_cstp_read_name(got)[0] != 0);
    if (got == VC_CSTP_OK) {
        must(one.payload + one.len == data + size && one.len + VC_CSTP_HEADER == size);
        must(vc_cstp_header_write(header, one.type, one.len) && memcmp(header, data, sizeof(header)) == 0);
        uint8_t reason = vc_cstp_bye_read(&one, &text, &text_len);
        must(text_len <= VC_CSTP_BYE_TEXT_MAX && text + text_len <= data + size);
        must(one.len == 0 ? reason == 0 : reason == one.payload[0]);
        char cut[VC_CSTP_BYE_TEXT_MAX + 1] = {0};
        if (text_len > 0)
            memcpy(cut, text, text_len);
        must(vc_cstp_bye_write(bye, reason, cut) <= text_len + 1);
    }
    struct vc_reader r = vc_reader_of(data, size);
    enum vc_cstp_read next;
    while ((next = vc_cstp_frame_next(&r, &f)) == VC_CSTP_OK) {
        must(f.payload >= data + used + VC_CSTP_HEADER && f.payload + f.len <= data + size);
        used += VC_CSTP_HEADER + f.len;
        must(r.left == size - used);
        n++;
    }
    must((next == VC_CSTP_SHORT) == !r.bad);
    must((got == VC_CSTP_OK) == (n == 1 && used == size));
    if (vc_cstp_datagram_read(data, size, &f))
        must(f.payload == data + 1 && f.len == size - 1 && f.type == data[0]);
    else
        must(size == 0);
    return 0;
}
