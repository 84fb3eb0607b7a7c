#ifndef VC_GATEWAY_SUPERVISOR_FIREWALL_H
#define VC_GATEWAY_SUPERVISOR_FIREWALL_H

#include "sys/loop.h"
#include "sys/nft.h"

#include <net/if.h>
#include <stdint.h>

struct vc_gateway;

/** What `nat = true` changes on the host: a table of ours, and IPv4 forwarding. */
struct vc_firewall {
    struct vc_nft nft;
    struct vc_watch answer; /* of nft, while the table is made again */
    uint64_t answer_by_ns;
    uint64_t again_ns;               /* 0, or when to make the table again */
    unsigned n_failed;               /* attempts in a row */
    char (*forwarding)[IF_NAMESIZE]; /* interfaces where we switched it on, to be switched back */
    size_t n_forwarding;
};

/** Without `nat` it only says where forwarding is off. -1 with *fail. */
int vc_firewall_open(struct vc_gateway *g, struct vc_fail *fail);
/** After SIGCHLD: where nft has ended the table is gone with it; it is told, and made again. */
void vc_firewall_reap(struct vc_gateway *g);
uint64_t vc_firewall_due(const struct vc_firewall *f);
void vc_firewall_tick(struct vc_gateway *g, uint64_t now_ns);
/** Gives everything back; harmless twice. */
void vc_firewall_close(struct vc_firewall *f);

#endif
