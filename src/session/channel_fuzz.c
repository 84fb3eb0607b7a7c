/* Bytes as another process may send them: what unpacks can be packed and unpacked for ever without a change, the rest
 * leaves nothing behind.
 */
#include "session/channel.h"

#include "crypto/wipe.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct vc_channel none;
    struct vc_channel c;
    struct vc_reader r = vc_reader_of(data, size);
    vc_channel_unpack(&c, &r);
    if (r.bad) {
        assert(vc_same(&c, &none, sizeof(c)));
        return 0;
    }
    uint8_t once[VC_CHANNEL_PACKED_MAX], again[VC_CHANNEL_PACKED_MAX];
    struct vc_writer w = vc_writer_to(once, sizeof(once));
    vc_channel_pack(&c, &w);
    assert(!w.bad);
    size_t n = vc_written(&w);
    assert(n == size - r.left); /* an IPv4 address may have been tidied: so compare from here on */
    struct vc_channel back;
    r = vc_reader_of(once, n);
    vc_channel_unpack(&back, &r);
    assert(vc_reader_done(&r));
    w = vc_writer_to(again, sizeof(again));
    vc_channel_pack(&back, &w);
    assert(!w.bad && vc_written(&w) == n && memcmp(again, once, n) == 0);
    assert((vc_channel_limit(&c) == VC_KEY_SPENT) || c.kind != VC_CHANNEL_NONE);
    vc_channel_wipe(&c);
    assert(vc_same(&c, &none, sizeof(c)));
    return 0;
}
