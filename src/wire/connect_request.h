#ifndef VC_WIRE_CONNECT_REQUEST_H
#define VC_WIRE_CONNECT_REQUEST_H

#include "base/addr.h"
#include "base/reader.h"
#include "base/writer.h"

/** What a client says in the headers of its CONNECT (2-tunnel.md 1.2). Filled header by header by whoever reads the
 *  HTTP head; Host and Cookie are not its business. A header that does not parse counts as absent and is noted. */
// clang-format off
/*    id                 name                                         */
#define VC_CONNECT_HEADERS(X) \
    X(USER_AGENT,        "User-Agent") \
    X(VERSION,           "X-CSTP-Version") \
    X(PROTOCOL,          "X-CSTP-Protocol") \
    X(HOST_NAME,         "X-CSTP-Hostname") \
    X(BASE_MTU,          "X-CSTP-Base-MTU") \
    X(MTU,               "X-CSTP-MTU") \
    X(ADDRESS_TYPE,      "X-CSTP-Address-Type") \
    X(FULL_IPV6,         "X-CSTP-Full-IPv6-Capability") \
    X(ADDRESS,           "X-CSTP-Address") \
    X(LOCAL_IP4,         "X-CSTP-Local-Address-IP4") \
    X(LOCAL_IP6,         "X-CSTP-Local-Address-IP6") \
    X(REMOTE_IP4,        "X-CSTP-Remote-Address-IP4") \
    X(REMOTE_IP6,        "X-CSTP-Remote-Address-IP6") \
    X(ACCEPT_ENCODING,   "X-CSTP-Accept-Encoding") \
    X(LICENSE,           "X-CSTP-License") \
    X(FIPS_MODE,         "X-CSTP-FIPS-Mode") \
    X(TCP_KEEPALIVE,     "X-CSTP-TCP-Keepalive") \
    X(SECRET_HEX,        "X-DTLS-Master-Secret") \
    X(CIPHER_LIST,       "X-DTLS-CipherSuite") \
    X(CIPHER_LIST12,     "X-DTLS12-CipherSuite") \
    X(DTLS_ENCODING,     "X-DTLS-Accept-Encoding") \
    X(PAD_LENGTH,        "X-DTLS-Header-Pad-Length") \
    X(STRAP_PUBKEY,      "X-AnyConnect-STRAP-Pubkey") \
    X(STRAP_VERIFY,      "X-AnyConnect-STRAP-Verify") \
    X(PLATFORM,          "X-AnyConnect-Identifier-Platform") \
    X(PLATFORM_VERSION,  "X-AnyConnect-Identifier-PlatformVersion") \
    X(DEVICE_TYPE,       "X-AnyConnect-Identifier-DeviceType") \
    X(UNIQUE_ID,         "X-AnyConnect-Identifier-Device-UniqueID") \
    X(CLIENT_VERSION,    "X-AnyConnect-Identifier-ClientVersion")
// clang-format on

enum vc_connect_header {
#define X(id, name) VC_CONNECT_##id,
    VC_CONNECT_HEADERS(X)
#undef X
        VC_N_CONNECT_HEADERS
};

/** Compressions that a peer may list. */
enum vc_encoding {
    VC_ENCODING_NONE = 0,
    VC_ENCODING_LZS = 1,
    VC_ENCODING_OC_LZ4 = 2,
    VC_ENCODING_DEFLATE = 4,
    VC_ENCODING_UNKNOWN = 8, /* in an answer only: a name that we do not know */
};

#define VC_CONNECT_HOSTNAME 64   /* with NUL; LDH */
#define VC_CONNECT_IDENTIFIER 65 /* with NUL; printable ASCII, cut at 64 as ASA does */
#define VC_CONNECT_CIPHERS 4096  /* with NUL */
#define VC_CONNECT_MASTER_SECRET 48

/** Zeroed: nothing was said. Holds a secret: vc_connect_request_wipe. */
struct vc_connect_request {
    uint32_t seen; /* bit per enum vc_connect_header: came, and was taken */
    uint32_t bad;  /* came at least once in a form that does not parse; the last good one, if any, stands, but never a
                    * master secret */

    char hostname[VC_CONNECT_HOSTNAME]; /* up to the first dot */
    uint32_t base_mtu;                  /* 576..65535; 0: absent */
    uint32_t mtu;                       /* up to 65535; 0: absent */
    bool wants_v4, wants_v6;            /* of X-CSTP-Address-Type: ask vc_connect_request_wants */
    bool full_ipv6;
    struct vc_ip address_v4, address_v6; /* hints at a reconnect */
    struct vc_ip local_v4, local_v6, remote_v4, remote_v6;
    uint8_t encodings, dtls_encodings; /* enum vc_encoding, or-ed */
    bool mobile;                       /* X-CSTP-License: mobile */
    bool fips;

    bool has_secret; /* the last X-DTLS-Master-Secret was exactly 96 hex digits */
    uint8_t secret[VC_CONNECT_MASTER_SECRET];
    char ciphers[VC_CONNECT_CIPHERS]; /* as sent, names separated by ':'; printable ASCII */
    char ciphers12[VC_CONNECT_CIPHERS];

    char user_agent[VC_CONNECT_IDENTIFIER];
    char platform[VC_CONNECT_IDENTIFIER];
    char platform_version[VC_CONNECT_IDENTIFIER];
    char device_type[VC_CONNECT_IDENTIFIER];
    char unique_id[VC_CONNECT_IDENTIFIER];
    char client_version[VC_CONNECT_IDENTIFIER];
};

enum vc_connect_taken {
    VC_CONNECT_TAKEN,
    VC_CONNECT_UNKNOWN, /* not one of ours: nothing changed */
    VC_CONNECT_BAD,     /* does not parse: counts as absent, noted in `bad` */
};

/** Takes one header, in the order of the request: the last of a name wins, X-CSTP-Address one per family. Neither
 *  view is kept. A master secret that is malformed takes back an earlier good one: never a key that is in doubt. */
enum vc_connect_taken vc_connect_request_header(struct vc_connect_request *req, struct vc_str name,
                                                struct vc_str value);

/** Families asked for: absent or senseless X-CSTP-Address-Type means IPv4. */
bool vc_connect_request_wants(const struct vc_connect_request *req, enum vc_family family);

static inline bool vc_connect_request_saw(const struct vc_connect_request *req, enum vc_connect_header h)
{
    return (req->seen >> h & 1U) != 0;
}

/** Mobile timers apply: X-CSTP-License: mobile, or a platform that begins with apple-ios or android. */
bool vc_connect_request_is_mobile(const struct vc_connect_request *req);

/** Forgets the master secret (has_secret becomes false); the rest stays. */
void vc_connect_request_wipe(struct vc_connect_request *req);

/** The value between processes, without the master secret (has_secret tells that there was one): only the process that
 *  makes the channel needs that. Reading checks every member as if a client had sent it; anything odd
 *  poisons the reader and leaves an empty request. Where it is unpacked the secret is 48 zeros: never a key. */
#define VC_CONNECT_PACKED_MAX 12000
void vc_connect_request_pack(const struct vc_connect_request *req, struct vc_writer *w);
void vc_connect_request_unpack(struct vc_connect_request *req, struct vc_reader *r);

const char *vc_connect_header_name(enum vc_connect_header h);

#endif
