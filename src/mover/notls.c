/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The static helper uses libnbd over unix sockets only. What libnbd would need for TLS, for NBD
 * URIs and for host names is answered here with failure, so that neither GnuTLS nor libxml2 nor the
 * name service (which does not work in a static program) is linked in. Not used in dynamic builds.
 */
#include "config.h"

#include <netdb.h>

#define FAILS(name, value)                                                                         \
    long name(void);                                                                               \
    long name(void)                                                                                \
    {                                                                                              \
        return value;                                                                              \
    }

/* Makers fail, so that nothing else is ever reached. */
FAILS(gnutls_init, -1)
FAILS(gnutls_certificate_allocate_credentials, -1)
FAILS(gnutls_psk_allocate_client_credentials, -1)

FAILS(gnutls_bye, -1)
FAILS(gnutls_certificate_free_credentials, 0)
FAILS(gnutls_certificate_set_x509_crl_file, -1)
FAILS(gnutls_certificate_set_x509_key_file, -1)
FAILS(gnutls_certificate_set_x509_system_trust, -1)
FAILS(gnutls_certificate_set_x509_trust_file, -1)
FAILS(gnutls_cipher_get, 0)
FAILS(gnutls_cipher_get_key_size, 0)
FAILS(gnutls_cipher_get_name, 0)
FAILS(gnutls_credentials_set, -1)
FAILS(gnutls_deinit, 0)
FAILS(gnutls_error_is_fatal, 1)
FAILS(gnutls_handshake, -1)
FAILS(gnutls_handshake_get_last_in, 0)
FAILS(gnutls_handshake_get_last_out, 0)
FAILS(gnutls_handshake_set_timeout, 0)
FAILS(gnutls_kx_get, 0)
FAILS(gnutls_kx_get_name, 0)
FAILS(gnutls_mac_get, 0)
FAILS(gnutls_mac_get_key_size, 0)
FAILS(gnutls_mac_get_name, 0)
FAILS(gnutls_priority_set_direct, -1)
FAILS(gnutls_psk_free_client_credentials, 0)
FAILS(gnutls_psk_set_client_credentials, -1)
FAILS(gnutls_record_check_pending, 0)
FAILS(gnutls_record_get_direction, 0)
FAILS(gnutls_record_recv, -1)
FAILS(gnutls_record_send, -1)
FAILS(gnutls_server_name_set, -1)
FAILS(gnutls_session_set_verify_cert, 0)
FAILS(gnutls_transport_is_ktls_enabled, 0)
FAILS(gnutls_transport_set_int2, 0)
FAILS(xmlFreeURI, 0)
FAILS(xmlParseURI, 0)
FAILS(xmlSaveUri, 0)
FAILS(xmlURIUnescapeString, 0)

const char *gnutls_strerror(int error);
const char *gnutls_strerror(int error)
{
    return "this program has no TLS";
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **res)
{
    return EAI_FAIL;
}

void freeaddrinfo(struct addrinfo *res)
{
}

const char *gai_strerror(int code)
{
    return "this program resolves no names";
}
