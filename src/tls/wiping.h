#ifndef VC_TLS_WIPING_H
#define VC_TLS_WIPING_H

/** Call first in main, before anything of OpenSSL: what OpenSSL frees is overwritten (it frees traffic secrets as they
 *  are). Process-wide. Returns -1 when it is too late. */
int vc_tls_wipe_freed(void);

#endif
