/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is to be seen of a guest from outside: its agent's addresses, and TCP ports that answer on
 * this machine's loopback while it runs. By the MAC address of a card, so that it goes along when
 * the VM is moved; `ctl CLUSTER guest` says it to each cluster. */
#include "config.h"
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include "tests/lab/lab.h"

/* The entry of a card of VM, and the card. A cable that is pulled out carries nothing. */
static json_t *entry(const struct lab_vm *vm, bool *up)
{
    const char *key, *mac;
    json_t *v, *e;
    *up = false;
    json_object_foreach (vm->conf, key, v) {
        if (!vf_starts(key, "net"))
            continue;
        json_object_foreach (vm->node->lab->guests, mac, e)
            if (strstr(json_string_value(v), mac)) {
                *up = vm->running && !strstr(json_string_value(v), "link_down=1");
                json_object_set_new(e, "mac", json_string(mac));
                return e;
            }
    }
    return NULL;
}

static int listen_at(const char *address, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && inet_pton(AF_INET, address, &a.sin_addr) == 1 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 64) == 0)
        return fd; /* the backlog answers */
    if (fd >= 0)
        close(fd);
    return -1;
}

void lab_guest_net(struct lab_vm *vm)
{
    bool up;
    json_t *e = entry(vm, &up), *port;
    size_t i;
    while (vm->n_listeners)
        close(vm->listeners[--vm->n_listeners]);
    json_array_foreach (json_object_get(e, "ports"), i, port) {
        int fd = up && vm->n_listeners < VF_COUNT(vm->listeners)
                     ? listen_at(json_string_value(json_object_get(e, "address")),
                                 (int)json_integer_value(port))
                     : -1;
        if (fd >= 0)
            vm->listeners[vm->n_listeners++] = fd;
    }
}

json_t *lab_guest_interfaces(const struct lab_vm *vm)
{
    bool up;
    json_t *e = entry(vm, &up);
    if (!e)
        return NULL;
    return json_pack(
        "{s:[{s:s, s:s, s:[{s:s, s:s, s:i}]}, {s:s, s:s, s:[{s:s, s:s, s:i}, {s:s, "
        "s:s, s:i}]}]}",
        "result", "name", "lo", "hardware-address", "00:00:00:00:00:00", "ip-addresses",
        "ip-address", "127.0.0.1", "ip-address-type", "ipv4", "prefix", 8, "name", "eth0",
        "hardware-address", json_string_value(json_object_get(e, "mac")), "ip-addresses",
        "ip-address", json_string_value(json_object_get(e, "address")), "ip-address-type", "ipv4",
        "prefix", 24, "ip-address", "fe80::1", "ip-address-type", "ipv6", "prefix", 64);
}

int lab_guest_command(struct lab *lab, char *const *args, struct vf_buf *out)
{
    size_t n = vf_strv_len(args);
    if (n < 2) {
        vf_buf_puts(out, "usage: guest MAC ADDRESS PORT…|-\n");
        return 2;
    }
    if (vf_streq(args[1], "-"))
        json_object_del(lab->guests, args[0]);
    else {
        json_t *ports = json_array();
        for (size_t i = 2; i < n; i++)
            json_array_append_new(ports, json_integer(lab_int(args[i])));
        json_object_set_new(lab->guests, args[0],
                            json_pack("{s:s, s:o}", "address", args[1], "ports", ports));
    }
    for (size_t i = 0; i < lab->n_vms; i++)
        if (!lab->vms[i]->gone)
            lab_guest_net(lab->vms[i]);
    return 0;
}
