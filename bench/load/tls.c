#include "tls.h"

#include "process.h"

#ifdef WITH_TLS

#include <errno.h>
#include <openssl/ssl.h>
#include <signal.h>

static SSL_CTX *context;

void start_tls(void) {
  // OpenSSL writes without MSG_NOSIGNAL.
  signal(SIGPIPE, SIG_IGN);
  context = SSL_CTX_new(TLS_client_method());
  if (!context) fail("OpenSSL does not start");
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One read of the socket for many records, instead of two for each.
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, 1 << 16);
}

Tls *open_tls(int fd) {
  SSL *tls = SSL_new(context);
  if (!tls || !SSL_set_fd(tls, fd)) fail("OpenSSL makes no connection");
  SSL_set_connect_state(tls);
  return tls;
}

void close_tls(Tls *tls) { SSL_free(tls); }

static ssize_t outcome_of(SSL *tls, int result) {
  switch (SSL_get_error(tls, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    default:
      errno = EPROTO;
      return -1;
  }
}

ssize_t read_tls(Tls *tls, void *octets, size_t count) {
  int result = SSL_read(tls, octets, count);
  return result > 0 ? result : outcome_of(tls, result);
}

ssize_t write_tls(Tls *tls, const void *octets, size_t count) {
  int result = SSL_write(tls, octets, count);
  return result > 0 ? result : outcome_of(tls, result);
}

#else

void start_tls(void) { fail("TLS is not built in"); }
Tls *open_tls(int fd) { (void)fd; return NULL; }
void close_tls(Tls *tls) { (void)tls; }
ssize_t read_tls(Tls *tls, void *octets, size_t count) { (void)tls, (void)octets, (void)count; return -1; }
ssize_t write_tls(Tls *tls, const void *octets, size_t count) { (void)tls, (void)octets, (void)count; return -1; }

#endif
