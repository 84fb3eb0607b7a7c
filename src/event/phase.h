#ifndef VC_EVENT_PHASE_H
#define VC_EVENT_PHASE_H

/** The six phases of a connection attempt (docs/architecture.md, "The connection flow"), and what stands beside them:
 *  the processes themselves. */
// clang-format off
#define VC_PHASES(X) \
    X(TLS,      "tls") \
    X(GROUP,    "group") \
    X(USER,     "user") \
    X(DOWNLOAD, "download") \
    X(CSTP,     "cstp") \
    X(DTLS,     "dtls") \
    X(PROCESS,  "process")
// clang-format on

enum vc_phase {
#define X(id, name) VC_PHASE_##id,
    VC_PHASES(X)
#undef X
        VC_N_PHASES
};

const char *vc_phase_name(enum vc_phase phase);

#endif
