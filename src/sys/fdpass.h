#ifndef VC_SYS_FDPASS_H
#define VC_SYS_FDPASS_H

#include <stddef.h>
#include <sys/types.h>

/** Messages with at most one fd over SOCK_SEQPACKET sockets. All of this is non-blocking and close-on-exec. */

/** A connected pair; -1 with errno. */
int vc_fdpass_pair(int fds[2]);

/** Sends one whole message, and @fd with it when it is not -1 (the caller still owns it). Returns 0, or -1 with errno;
 *  EAGAIN: the peer's queue is full. */
int vc_fdpass_send(int sock, const void *bytes, size_t len, int fd);

/** Receives one message. Returns its length; 0: the peer is gone; -1 with errno: EAGAIN nothing there, EMSGSIZE it did
 *  not fit, brought more than one fd, or one and nothing else (all are closed), EMFILE it brought one, and there is no
 *  place for it: the message is lost. *fd is -1 or a new fd that the caller
 *  owns. */
ssize_t vc_fdpass_recv(int sock, void *buf, size_t cap, int *fd);

#endif
