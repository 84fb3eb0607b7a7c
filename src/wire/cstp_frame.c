#include "wire/cstp_frame.h"

static const uint8_t magic_bytes[4] = {'S', 'T', 'F', 0x01};

/** What both readers share: one header. */
static enum vc_cstp_read header_read(struct vc_reader *r, uint16_t *claimed, uint8_t *type)
{
    const uint8_t *magic = vc_take(r, sizeof(magic_bytes));
    *claimed = vc_take_u16(r);
    *type = vc_take_u8(r);
    uint8_t reserved = vc_take_u8(r); /* 0 in every capture; both peers end when it is not */
    if (r->bad)
        return VC_CSTP_SHORT;
    if (memcmp(magic, magic_bytes, sizeof(magic_bytes)) != 0 || reserved != 0)
        return VC_CSTP_BAD_MAGIC;
    if (*claimed > VC_CSTP_PAYLOAD_MAX)
        return VC_CSTP_BAD_LENGTH;
    return VC_CSTP_OK;
}

enum vc_cstp_read vc_cstp_frame_read(const uint8_t *rec, size_t len, struct vc_cstp_frame *out)
{
    struct vc_reader r = vc_reader_of(rec, len);
    uint16_t claimed;
    uint8_t type;
    enum vc_cstp_read got = header_read(&r, &claimed, &type);
    if (got != VC_CSTP_OK)
        return got;
    if (claimed != r.left) /* one frame fills one record */
        return VC_CSTP_BAD_LENGTH;
    *out = (struct vc_cstp_frame){.type = type, .payload = r.at, .len = r.left};
    return VC_CSTP_OK;
}

enum vc_cstp_read vc_cstp_frame_next(struct vc_reader *r, struct vc_cstp_frame *out)
{
    struct vc_reader ahead = *r;
    uint16_t claimed;
    uint8_t type;
    enum vc_cstp_read got = header_read(&ahead, &claimed, &type);
    if (got == VC_CSTP_SHORT)
        return got;
    if (got != VC_CSTP_OK) {
        r->bad = true;
        return got;
    }
    const uint8_t *payload = vc_take(&ahead, claimed);
    if (ahead.bad)
        return VC_CSTP_SHORT;
    *r = ahead;
    *out = (struct vc_cstp_frame){.type = type, .payload = payload, .len = claimed};
    return VC_CSTP_OK;
}

bool vc_cstp_header_write(uint8_t header[VC_CSTP_HEADER], uint8_t type, size_t len)
{
    if (len > VC_CSTP_PAYLOAD_MAX)
        return false;
    memcpy(header, magic_bytes, sizeof(magic_bytes));
    header[4] = (uint8_t)(len >> 8);
    header[5] = (uint8_t)len;
    header[6] = type;
    header[7] = 0;
    return true;
}

bool vc_cstp_datagram_read(const uint8_t *plain, size_t len, struct vc_cstp_frame *out)
{
    struct vc_reader r = vc_reader_of(plain, len);
    uint8_t type = vc_take_u8(&r);
    if (r.bad)
        return false;
    *out = (struct vc_cstp_frame){.type = type, .payload = r.at, .len = r.left};
    return true;
}

uint8_t vc_cstp_bye_read(const struct vc_cstp_frame *frame, const uint8_t **text, size_t *text_len)
{
    struct vc_reader r = vc_reader_of(frame->payload, frame->len);
    uint8_t reason = vc_take_u8(&r);
    *text = r.at;
    *text_len = r.left < VC_CSTP_BYE_TEXT_MAX ? r.left : VC_CSTP_BYE_TEXT_MAX;
    return reason;
}

size_t vc_cstp_bye_write(uint8_t payload[1 + VC_CSTP_BYE_TEXT_MAX], uint8_t reason, const char *text)
{
    size_t n = 0;
    payload[0] = reason;
    for (; text[n] != 0 && n < VC_CSTP_BYE_TEXT_MAX; n++)
        payload[1 + n] = text[n] >= 0x20 && text[n] < 0x7f ? (uint8_t)text[n] : '?';
    return 1 + n;
}

const char *vc_cstp_read_name(enum vc_cstp_read r)
{
    switch (r) {
    case VC_CSTP_OK:
        return "whole";
    case VC_CSTP_SHORT:
        return "shorter than its header or length says";
    case VC_CSTP_BAD_MAGIC:
        return "does not begin as a frame";
    case VC_CSTP_BAD_LENGTH:
        return "its length does not fill the record";
    }
    return "";
}
