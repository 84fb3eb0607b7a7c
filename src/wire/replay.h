#ifndef VC_WIRE_REPLAY_H
#define VC_WIRE_REPLAY_H

#include "base/reader.h"
#include "base/writer.h"

/** Which sequence numbers of one epoch were delivered already (2-tunnel.md 10). Ask before the tag is verified, mark
 *  after it: the window never moves for a record that nobody authenticated. A value; zeroed: nothing seen yet. */
#define VC_REPLAY_WINDOW 1024 /* exactly: highest - 1023 is still taken, highest - 1024 is too old */
#define VC_REPLAY_WORDS (VC_REPLAY_WINDOW / 64 + 1)

struct vc_replay {
    uint64_t next;                  /* highest marked + 1; 0: nothing yet */
    uint64_t seen[VC_REPLAY_WORDS]; /* a ring: bit seq % 64 of word seq / 64 % VC_REPLAY_WORDS */
};

/** Neither marked nor too old. Changes nothing. @seq < 2^48. */
bool vc_replay_fresh(const struct vc_replay *w, uint64_t seq);
/** Marks it; false (and nothing changes) when it is not fresh: of two equal ones in a train, the second. */
bool vc_replay_mark(struct vc_replay *w, uint64_t seq);

/** Values between processes. A window that marking cannot have made poisons the reader. */
void vc_replay_pack(const struct vc_replay *w, struct vc_writer *to);
void vc_replay_unpack(struct vc_replay *w, struct vc_reader *from);

#endif
