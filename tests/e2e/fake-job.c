/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fake-job DIR: stands for the process of a job where only what screens show of it is tested. It
 * holds the job's lock and listens on DIR/ctl: whoever comes gets the lines of the file DIR/events,
 * also those that are added later; what they send goes to DIR/commands. It ends, and hangs up, when
 * there is a file DIR/stop. */
#include "config.h"
#include "job/state.h"
#include "base/buf.h"
#include "base/fdio.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MAX_CLIENTS = 32, TICK_MS = 20, MAX_EVENTS = 4 * 1024 * 1024 };

struct client {
    int fd;
    size_t sent;
};

static struct client clients[MAX_CLIENTS];
static size_t n_clients;

static int hear_at(const char *dir)
{
    vf_autofree char *path = vf_asprintf("%s/ctl", dir);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || strlen(path) >= sizeof a.sun_path)
        return -1;
    memcpy(a.sun_path, path, strlen(path));
    unlink(path);
    return bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, MAX_CLIENTS) < 0 ? -1 : fd;
}

static void drop(size_t i)
{
    close(clients[i].fd);
    clients[i] = clients[--n_clients];
}

/* False when it is gone. */
static bool serve(struct client *c, const struct vf_buf *events, int commands)
{
    char text[4096];
    ssize_t n = read(c->fd, text, sizeof text);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        return false;
    if (n > 0 && vf_write_full(commands, text, (size_t)n) < 0)
        return false;
    if (c->sent < events->len) {
        n = send(c->fd, events->data + c->sent, events->len - c->sent, MSG_NOSIGNAL);
        c->sent += n > 0 ? (size_t)n : 0;
    }
    return n > 0 || errno == EAGAIN;
}

/* What was added to the file: whole lines. */
static void read_more(int fd, struct vf_buf *events)
{
    char text[65536];
    ssize_t n = pread(fd, text, sizeof text, (off_t)events->len);
    while (n > 0 && text[n - 1] != '\n')
        n--;
    if (n > 0)
        vf_buf_add(events, text, (size_t)n);
}

int main(int argc, char **argv)
{
    const char *dir = argv[1];
    vf_autofree char *events_path = vf_asprintf("%s/events", dir),
                     *commands_path = vf_asprintf("%s/commands", dir),
                     *stop = vf_asprintf("%s/stop", dir);
    vf_autobuf struct vf_buf events = {0};
    vf_autofd int lock = vf_job_lock(dir, NULL), fd = hear_at(dir),
                  file = open(events_path, O_RDONLY | O_CLOEXEC),
                  commands = open(commands_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (lock < 0 || fd < 0 || file < 0 || commands < 0) {
        fprintf(stderr, "fake-job %s: %s\n", dir, strerror(errno));
        return 1;
    }
    pid_t parent = getppid();
    while (access(stop, F_OK) < 0 && getppid() == parent) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        poll(&p, 1, TICK_MS);
        int one = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (one >= 0 && n_clients < MAX_CLIENTS)
            clients[n_clients++] = (struct client){.fd = one};
        read_more(file, &events);
        for (size_t i = n_clients; i-- > 0;)
            if (!serve(&clients[i], &events, commands))
                drop(i);
    }
    vf_autofree char *path = vf_asprintf("%s/ctl", dir);
    unlink(path);
    return 0;
}
