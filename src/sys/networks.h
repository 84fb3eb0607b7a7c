#ifndef VC_SYS_NETWORKS_H
#define VC_SYS_NETWORKS_H

#include "base/addr.h"
#include "event/fail.h"

#include <net/if.h>

/** The networks of this host's interfaces, and whether a pool of clients' addresses is free beside them. */
enum vc_networks_verdict {
    VC_NETWORKS_FREE,
    VC_NETWORKS_INSIDE, /* a part of a LAN, with none of our addresses: reachable there by proxy ARP or proxy NDP */
    VC_NETWORKS_TAKEN,  /* overlaps, and one of the two would get no packets any more */
};
struct vc_networks_found {
    char interface[IF_NAMESIZE];
    struct vc_prefix network;
};
/** Compares @pool with every interface that is up. The worst that was found; *found says where. -1 with *fail. */
int vc_networks_compare(const struct vc_prefix *pool, struct vc_networks_found *found, struct vc_fail *fail);

#endif
