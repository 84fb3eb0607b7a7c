#ifndef VC_WIRE_DTLS_HANDSHAKE_H
#define VC_WIRE_DTLS_HANDSHAKE_H

#include "base/reader.h"
#include "base/writer.h"

/** The handshake messages of DTLS 1.2 that Varco speaks (2-tunnel.md 9.2 to 9.6; RFC 6347 4.2, RFC 4279, RFC 7627),
 * each read and written here. Reading allocates nothing, the views lie in the input. A message that is not exactly as
 * long as its fields is malformed. Writing what was read gives the same bytes. */
enum vc_dtls_message_type {
    VC_DTLS_CLIENT_HELLO = 1,
    VC_DTLS_SERVER_HELLO = 2,
    VC_DTLS_HELLO_VERIFY_REQUEST = 3,
    VC_DTLS_SERVER_KEY_EXCHANGE = 12, /* only named: it ends a handshake of ours */
    VC_DTLS_SERVER_HELLO_DONE = 14,   /* an empty body */
    VC_DTLS_CLIENT_KEY_EXCHANGE = 16,
    VC_DTLS_FINISHED = 20,
};

#define VC_DTLS_MESSAGE_HEADER 12
#define VC_DTLS_RANDOM 32
#define VC_DTLS_SESSION_ID_MAX 32
#define VC_DTLS_COOKIE_MAX 255
#define VC_DTLS_VERIFY_DATA 12
#define VC_DTLS_FINISHED_LEN (VC_DTLS_MESSAGE_HEADER + VC_DTLS_VERIFY_DATA)
#define VC_DTLS_EXTENSIONS_MAX 48 /* extensions in one hello; the most seen is 12 */

#define VC_DTLS_EXT_EMS 0x0017
#define VC_DTLS_EXT_APP_ID 0xbb92 /* 48018 */
#define VC_DTLS_EXT_RENEGOTIATION_INFO 0xff01
#define VC_DTLS_SCSV 0x00ff

/** Bytes in someone else's buffer. Zeroed: none. */
struct vc_dtls_view {
    const uint8_t *at; /* borrowed */
    size_t len;
};

enum vc_dtls_read {
    VC_DTLS_READ_OK,
    VC_DTLS_READ_FRAGMENT,  /* a part of a message: dropped, the next one may follow */
    VC_DTLS_READ_MALFORMED, /* nothing behind it can be read either */
};

/** One whole message; raw is what enters the handshake hash. */
struct vc_dtls_message {
    uint8_t type; /* enum vc_dtls_message_type, or any other number */
    uint16_t seq;
    const uint8_t *body; /* borrowed */
    size_t len;
    const uint8_t *raw; /* header and body */
    size_t raw_len;
};

/** Takes the next message from the fragment of a handshake record; several may follow one another. */
enum vc_dtls_read vc_dtls_message_read(struct vc_reader *r, struct vc_dtls_message *out);
/** Header of an unfragmented message; put its body behind it, then end it with what begin returned. */
size_t vc_dtls_message_begin(struct vc_writer *w, uint8_t type, uint16_t seq);
void vc_dtls_message_end(struct vc_writer *w, size_t where);

struct vc_dtls_client_hello {
    uint16_t version;
    const uint8_t *random; /* VC_DTLS_RANDOM bytes */
    struct vc_dtls_view session_id, cookie;
    struct vc_dtls_view suites; /* two bytes each, at least one */
    struct vc_dtls_view compressions;
    struct vc_dtls_view extensions; /* the block as it stands, without its length */
    bool has_extensions;            /* whether a block (perhaps an empty one) is there */
    /* found in the above; writing does not look at them */
    bool null_compression;
    bool ems;
    bool renegotiation;         /* the extension (empty, as in every first handshake) or the SCSV */
    struct vc_dtls_view app_id; /* extension 48018: 1..255 bytes; at is NULL where there is none */
};

enum vc_dtls_read vc_dtls_client_hello_read(const uint8_t *body, size_t len, struct vc_dtls_client_hello *out);
void vc_dtls_client_hello_put(struct vc_writer *w, const struct vc_dtls_client_hello *h);
bool vc_dtls_client_hello_offers(const struct vc_dtls_client_hello *h, uint16_t suite);

struct vc_dtls_server_hello {
    uint16_t version;
    const uint8_t *random; /* VC_DTLS_RANDOM bytes */
    struct vc_dtls_view session_id;
    uint16_t suite;
    uint8_t compression;
    struct vc_dtls_view extensions;
    bool has_extensions;
    /* found in the above */
    bool ems;
    bool renegotiation;
};

enum vc_dtls_read vc_dtls_server_hello_read(const uint8_t *body, size_t len, struct vc_dtls_server_hello *out);
void vc_dtls_server_hello_put(struct vc_writer *w, const struct vc_dtls_server_hello *h);

struct vc_dtls_hello_verify_request {
    uint16_t version; /* FEFF, FEFD or 0100: the client ignores it */
    struct vc_dtls_view cookie;
};

enum vc_dtls_read vc_dtls_hello_verify_request_read(const uint8_t *body, size_t len,
                                                    struct vc_dtls_hello_verify_request *out);
void vc_dtls_hello_verify_request_put(struct vc_writer *w, const struct vc_dtls_hello_verify_request *h);

/** The PSK form alone: opaque psk_identity<0..2^16-1>. */
enum vc_dtls_read vc_dtls_client_key_exchange_read(const uint8_t *body, size_t len, struct vc_dtls_view *identity);
void vc_dtls_client_key_exchange_put(struct vc_writer *w, struct vc_dtls_view identity);

/** VC_DTLS_VERIFY_DATA bytes and nothing else. */
enum vc_dtls_read vc_dtls_finished_read(const uint8_t *body, size_t len, const uint8_t **verify_data);
void vc_dtls_finished_put(struct vc_writer *w, const uint8_t *verify_data);

/** The body of an alert record (2-tunnel.md 9.8). */
enum vc_dtls_alert_level { VC_DTLS_WARNING = 1, VC_DTLS_FATAL = 2 };
enum vc_dtls_alert_code {
    VC_DTLS_CLOSE_NOTIFY = 0,
    VC_DTLS_HANDSHAKE_FAILURE = 40,
    VC_DTLS_ILLEGAL_PARAMETER = 47,
    VC_DTLS_DECRYPT_ERROR = 51,
};
struct vc_dtls_alert {
    uint8_t level, code;
};
enum vc_dtls_read vc_dtls_alert_read(const uint8_t *body, size_t len, struct vc_dtls_alert *out);

#endif
