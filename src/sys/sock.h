#ifndef VC_SYS_SOCK_H
#define VC_SYS_SOCK_H

#include "base/addr.h"
#include "event/fail.h"

/** A listening TCP socket, non-blocking, SO_REUSEADDR; an empty address means all, IPv6 and IPv4 in one socket where
 * the host has IPv6. -1 with *fail. */
int vc_sock_listen(const struct vc_endpoint *local, struct vc_fail *fail);
/** Accepts; non-blocking, close-on-exec, TCP_NODELAY. -1 with errno. */
int vc_sock_accept(int fd, struct vc_endpoint *peer, struct vc_endpoint *local);
/** Our end of a bound or connected IP socket; empty where there is none. */
void vc_sock_local(int fd, struct vc_endpoint *local);
/** What TCP knows of a connection: path MTU (0: unknown) and whether it uses timestamps. */
void vc_sock_tcp_facts(int fd, uint16_t *pmtu, bool *timestamps);
/** A listening Unix stream socket at @path, mode 0600. One that nobody serves any more is removed; anything else that
 * is there stays, and *fail says so. */
int vc_sock_listen_unix(const char *path, struct vc_fail *fail);
/** Who is on the other side of a Unix socket. */
int vc_sock_peer_uid(int fd, unsigned *uid, int *pid);
/** Tells the kernel to hold little unsent data, so that we keep what may still be reordered or dropped. */
void vc_sock_notsent_lowat(int fd, int bytes);

#endif
