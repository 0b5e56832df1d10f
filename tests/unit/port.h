/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A TCP port for a server that is told its number. */
#ifndef VF_TESTS_PORT_H
#define VF_TESTS_PORT_H

#include <arpa/inet.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

/* A port of ADDRESS on which nobody listens; 0: there is none. It stays ours until this process
 * ends, bound by a socket that never listens: beside that only who has SO_REUSEADDR and names the
 * port can bind it, as sshd does, and no connection of somebody else gets it for its own end. */
static inline uint16_t reserve_port(const char *address)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t n = sizeof a;
    int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, address, &a.sin_addr) == 1 &&
        setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        bind(s, (struct sockaddr *)&a, n) == 0 && getsockname(s, (struct sockaddr *)&a, &n) == 0)
        return ntohs(a.sin_port);
    close(s);
    return 0;
}

#endif
