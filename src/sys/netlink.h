#ifndef VC_SYS_NETLINK_H
#define VC_SYS_NETLINK_H

#include "base/addr.h"
#include "event/fail.h"

/** Changes of the network through rtnetlink (libmnl), each acknowledged by the kernel. -1 with *fail. */
int vc_netlink_link_up(const char *device, unsigned mtu, unsigned txqueuelen, struct vc_fail *fail);
/** Adds @ip/@len to the device; the kernel makes the route to that network. */
int vc_netlink_addr_add(const char *device, const struct vc_ip *ip, unsigned len, struct vc_fail *fail);

#endif
