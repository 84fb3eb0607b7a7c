#include "wire/replay.h"

/* One word more than the window: the word of the newest number is then never the one of the oldest. */
static size_t word_of(uint64_t seq)
{
    return (size_t)(seq / 64 % VC_REPLAY_WORDS);
}

static uint64_t bit_of(uint64_t seq)
{
    return (uint64_t)1 << seq % 64;
}

bool vc_replay_fresh(const struct vc_replay *w, uint64_t seq)
{
    if (seq >= w->next)
        return true;
    return w->next - seq <= VC_REPLAY_WINDOW && !(w->seen[word_of(seq)] & bit_of(seq));
}

bool vc_replay_mark(struct vc_replay *w, uint64_t seq)
{
    if (!vc_replay_fresh(w, seq))
        return false;
    if (seq >= w->next) {
        /* words that are entered anew still hold what was seen a ring ago; for a first record word 0 is empty already
         */
        uint64_t from = w->next > 0 ? (w->next - 1) / 64 : 0, to = seq / 64;
        if (to - from > VC_REPLAY_WORDS)
            from = to - VC_REPLAY_WORDS;
        while (from < to)
            w->seen[++from % VC_REPLAY_WORDS] = 0;
        w->next = seq + 1;
    }
    w->seen[word_of(seq)] |= bit_of(seq);
    return true;
}

void vc_replay_pack(const struct vc_replay *w, struct vc_writer *to)
{
    vc_put_u64(to, w->next);
    for (size_t i = 0; i < VC_REPLAY_WORDS; i++)
        vc_put_u64(to, w->seen[i]);
}

void vc_replay_unpack(struct vc_replay *w, struct vc_reader *from)
{
    w->next = vc_take_u64(from);
    for (size_t i = 0; i < VC_REPLAY_WORDS; i++)
        w->seen[i] = vc_take_u64(from);
    bool sane = w->next <= (uint64_t)1 << 48;
    if (w->next == 0) {
        for (size_t i = 0; i < VC_REPLAY_WORDS; i++)
            sane = sane && w->seen[i] == 0;
    } else {
        /* the newest is marked, and nothing above it: such a number would count as seen before it came */
        uint64_t newest = w->next - 1, bits = w->seen[word_of(newest)];
        sane = sane && (bits & bit_of(newest)) && bits >> (newest % 64) == 1;
    }
    if (!sane)
        from->bad = true;
    if (from->bad)
        *w = (struct vc_replay){0};
}
