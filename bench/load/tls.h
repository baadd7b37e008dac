// TLS by OpenSSL, where the program was built with it; otherwise starting it fails.
#ifndef TLS_H
#define TLS_H

#include <stddef.h>
#include <sys/types.h>

typedef struct ssl_st Tls;

/** To be called once, before any other. */
void start_tls(void);

/** A client's end on a connected socket. Its handshake is made by the first write. */
Tls *open_tls(int fd);
void close_tls(Tls *tls);

/**
 * Like read and write of a socket: -1 and EAGAIN where the peer or the socket must be waited for, 0 at the end. A read gives
 * one record at most; whether there are more is known only when it has said EAGAIN.
 */
ssize_t read_tls(Tls *tls, void *octets, size_t count);
ssize_t write_tls(Tls *tls, const void *octets, size_t count);

#endif
