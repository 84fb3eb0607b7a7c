/* A script: the first byte chooses between a fresh window and one unpacked from the input; then steps of 4 bytes, each
 * a move relative to the newest number. The window must agree with a plain list of what was marked, and survive
 * packing. */
#include "wire/replay.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { N = 512 };
    uint64_t marked[N], newest = 0;
    size_t n = 0;
    bool known = true; /* the list holds all that was marked */
    struct vc_replay w = {0};
    struct vc_reader r = vc_reader_of(data, size);
    if (vc_take_u8(&r) & 1) {
        vc_replay_unpack(&w, &r);
        if (r.bad)
            return 0;
        newest = w.next > 0 ? w.next - 1 : 0;
        known = w.next == 0;
    }
    while (r.left >= 4 && n < N) {
        uint8_t what = vc_take_u8(&r);
        uint64_t by = vc_take_u24(&r), seq = what & 1 ? newest - (by < newest ? by : newest) : newest + by;
        if (what & 2)
            seq = (seq + (by << 20)) & (((uint64_t)1 << 48) - 1);
        if (seq >> 48)
            continue;
        bool fresh = vc_replay_fresh(&w, seq);
        bool seen = false;
        for (size_t i = 0; i < n; i++)
            seen = seen || marked[i] == seq;
        assert(!(seen && fresh));
        if (known)
            assert(fresh == (!seen && (n == 0 || seq + VC_REPLAY_WINDOW > newest)));
        if (what & 4)
            continue;
        assert(vc_replay_mark(&w, seq) == fresh);
        assert(!vc_replay_fresh(&w, seq));
        if (fresh) {
            marked[n++] = seq;
            newest = w.next - 1;
            assert(newest >= seq);
        }
    }
    uint8_t once[sizeof(w)], again[sizeof(w)];
    struct vc_replay back;
    struct vc_writer to = vc_writer_to(once, sizeof(once));
    vc_replay_pack(&w, &to);
    assert(!to.bad);
    struct vc_reader from = vc_reader_of(once, vc_written(&to));
    vc_replay_unpack(&back, &from);
    assert(vc_reader_done(&from));
    to = vc_writer_to(again, sizeof(again));
    vc_replay_pack(&back, &to);
    assert(memcmp(once, again, sizeof(once)) == 0);
    return 0;
}
