/* Bytes as another process may send them: what unpacks is sane, and can be packed and unpacked for ever without a
 * change; the rest leaves nothing behind. */
#include "session/session.h"

#include "crypto/wipe.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct vc_session none;
    static struct vc_session s, back;
    struct vc_reader r = vc_reader_of(data, size);
    vc_session_unpack(&s, &r);
    if (r.bad) {
        assert(vc_same(&s, &none, sizeof(s)));
        return 0;
    }
    uint8_t once[VC_SESSION_PACKED_MAX], again[VC_SESSION_PACKED_MAX];
    struct vc_writer w = vc_writer_to(once, sizeof(once));
    vc_session_pack(&s, &w);
    size_t n = vc_written(&w);
    assert(!w.bad && n == size - r.left && memcmp(once, data, n) == 0);
    assert(vc_session_facts_sane(&s.facts));
    r = vc_reader_of(once, n);
    vc_session_unpack(&back, &r);
    assert(vc_reader_done(&r));
    w = vc_writer_to(again, sizeof(again));
    vc_session_pack(&back, &w);
    assert(!w.bad && vc_written(&w) == n && memcmp(again, once, n) == 0);
    vc_session_wipe(&s);
    assert(vc_same(&s, &none, sizeof(s)));
    return 0;
}
