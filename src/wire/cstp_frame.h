#ifndef VC_WIRE_CSTP_FRAME_H
#define VC_WIRE_CSTP_FRAME_H

#include "base/reader.h"

/** Frames of the TLS channel, and the payload of a DTLS record, which is the same with one byte of header (2-tunnel.md
 * 5 and 6). Views only: nothing is copied, nothing allocated. */
enum vc_cstp_type {
    VC_CSTP_DATA = 0x00,
    VC_CSTP_DPD_REQ = 0x03,
    VC_CSTP_DPD_RESP = 0x04,
    VC_CSTP_DISCONNECT = 0x05,
    VC_CSTP_KEEPALIVE = 0x07,
    VC_CSTP_COMPRESSED = 0x08,
    VC_CSTP_TERMINATE = 0x09,
};

#define VC_CSTP_HEADER 8
#define VC_CSTP_PAYLOAD_MAX 16376 /* 2^14 of a TLS record, less the header */
#define VC_CSTP_BYE_TEXT_MAX 128

/** First byte of a DISCONNECT payload (2-tunnel.md 16). */
#define VC_CSTP_BYE_USER 0xb0
#define VC_CSTP_BYE_LOCAL_ERROR 0x70
#define VC_CSTP_BYE_NETWORK 0x91
#define VC_CSTP_BYE_PAUSE 0xd1

struct vc_cstp_frame {
    uint8_t type;           /* as on the wire; may be none of enum vc_cstp_type */
    const uint8_t *payload; /* borrowed from the input */
    size_t len;
};

enum vc_cstp_read {
    VC_CSTP_OK,
    VC_CSTP_SHORT,      /* fewer bytes than a header, or (next) than the frame */
    VC_CSTP_BAD_MAGIC,  /* bytes 0-3, or 7 */
    VC_CSTP_BAD_LENGTH, /* the frame does not fill the record, or claims more than a record can hold */
};

/** One frame that fills one record exactly; anything else is a protocol error. */
enum vc_cstp_read vc_cstp_frame_read(const uint8_t *rec, size_t len, struct vc_cstp_frame *out);

/** The next of "one or more whole frames, one after the other": bytes behind the CONNECT head. SHORT: what is left
 * holds no whole frame yet, *r is where it was. Errors leave *r poisoned. */
enum vc_cstp_read vc_cstp_frame_next(struct vc_reader *r, struct vc_cstp_frame *out);

/** Fills the header in place, in the 8 bytes before a payload of @len <= VC_CSTP_PAYLOAD_MAX bytes; false: too long. */
bool vc_cstp_header_write(uint8_t header[VC_CSTP_HEADER], uint8_t type, size_t len);

/** The plaintext of one DTLS record: type, payload. False when it is empty. */
bool vc_cstp_datagram_read(const uint8_t *plain, size_t len, struct vc_cstp_frame *out);

/** A DISCONNECT's reason byte (0 when the payload is empty) and the text behind it, untrusted, at most
 *  VC_CSTP_BYE_TEXT_MAX bytes of it. */
uint8_t vc_cstp_bye_read(const struct vc_cstp_frame *frame, const uint8_t **text, size_t *text_len);

/** Writes the payload of a DISCONNECT: @reason and @text, whose bytes outside printable ASCII become '?', cut at
 *  VC_CSTP_BYE_TEXT_MAX. Returns the payload's length. */
size_t vc_cstp_bye_write(uint8_t payload[1 + VC_CSTP_BYE_TEXT_MAX], uint8_t reason, const char *text);

const char *vc_cstp_read_name(enum vc_cstp_read r); /* for a fail's detail */

#endif
