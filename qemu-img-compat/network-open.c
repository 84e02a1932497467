/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a server cannot be used; see network-open.h. */
#include "network-open.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/node-options.h"

/* 0: somebody listens. Else a positive errno. */
static int connect_try(const void *address, socklen_t length)
{
    int fd = socket(((const struct sockaddr *)address)->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int status = 0;

    if (fd < 0)
        return errno;
    if (connect(fd, address, length) < 0)
        status = errno;
    close(fd);
    return status;
}

/* True: nobody can be reached there, and the error says so. */
static bool unix_refuses(const char *path, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) > sizeof(address.sun_path)) {
        failure_set(error, "UNIX socket path '%s' is too long\nPath must be less than %zu bytes",
                    path, sizeof(address.sun_path));
        return true;
    }
    memcpy(address.sun_path, path, strlen(path));
    int status = connect_try(&address, sizeof(address));
    if (status)
        failure_set(error, "Failed to connect to '%s': %s", path, strerror(status));
    return status != 0;
}

/* Names are not looked up: only this machine's own addresses are known. -1: another address. */
static int loopback_connect(const char *host, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        ntohl(address.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
        return -1;
    return connect_try(&address, sizeof(address));
}

static bool inet_refuses(const char *host, const char *port, GError **error)
{
    if (!*port || strspn(port, "0123456789") != strlen(port)) {
        failure_set(error,
                    "address resolution failed for %s:%s: Servname not supported for ai_socktype",
                    host, port);
        return true;
    }
    if (!*host)
        return !failure_set(error, "address resolution failed for :%s: Name or service not known",
                            port);
    int status = loopback_connect(host, (uint16_t)g_ascii_strtoull(port, NULL, 10));
    if (status > 0)
        failure_set(error, "Failed to connect to '%s:%s': %s", host, port, strerror(status));
    return status > 0;
}

/* The first of the members of "server" that is not there, or NULL. */
static const char *server_lacks(const Value *node, const char *first, const char *second)
{
    g_autofree char *first_key = g_strconcat("server.", first, NULL);
    g_autofree char *second_key = g_strconcat("server.", second, NULL);

    if (!value_dict_has(node, first_key))
        return first;
    return value_dict_has(node, second_key) ? NULL : second;
}

/* An address {type, path} or {type, host, port}. */
static bool server_refuses(const Value *node, GError **error)
{
    const char *type = value_dict_get_string(node, "server.type");
    const char *lack = server_lacks(node, "type", "type");

    if (type && !driver_list_has("inet unix vsock fd", type))
        return !failure_set(error, "Parameter 'type' does not accept value '%s'", type);
    if (g_strcmp0(type, "unix") == 0)
        lack = server_lacks(node, "path", "path");
    if (g_strcmp0(type, "inet") == 0)
        lack = server_lacks(node, "host", "port");
    if (lack)
        return !failure_set(error, "Parameter '%s' is missing", lack);
    if (g_str_equal(type, "unix"))
        return unix_refuses(value_dict_get_string(node, "server.path"), error);
    return g_str_equal(type, "inet") &&
           inet_refuses(value_dict_get_string(node, "server.host"),
                        value_dict_get_string(node, "server.port"), error);
}

static bool has_server(const Value *node)
{
    for (size_t i = 0; i < value_dict_size(node); i++) {
        if (g_str_has_prefix(value_dict_key_at(node, i), "server."))
            return true;
    }
    return false;
}

/* The options that older versions had: path, host, port. */
static bool nbd_refuses(const Value *node, GError **error)
{
    static const char default_port[] = "10809";
    const char *path = value_dict_get_string(node, "path");
    const char *host = value_dict_get_string(node, "host");
    const char *port = value_dict_get_string(node, "port");

    if (has_server(node) && (path || host || port))
        return !failure_set(error, "Cannot use 'server' and path/host/port at the same time");
    if (path && host)
        return !failure_set(error, "path and host may not be used at the same time");
    if (path && port)
        return !failure_set(error, "port may not be used without host");
    if (path)
        return unix_refuses(path, error);
    if (host)
        return inet_refuses(host, port ? port : default_port, error);
    if (!has_server(node))
        return !failure_set(error, "NBD server address missing");
    return server_refuses(node, error);
}

static bool ssh_refuses(const Value *node, GError **error)
{
    const char *check = value_dict_get_string(node, "host_key_check");
    const char *host = value_dict_get_string(node, "host");
    const char *port = value_dict_get_string(node, "port");

    if (!host && port)
        return !failure_set(error, "port may not be used without host");
    if (check && !driver_list_has("yes no", check) && !g_str_has_prefix(check, "md5:") &&
        !g_str_has_prefix(check, "sha1:") && !g_str_has_prefix(check, "sha256:"))
        return !failure_set(error, "unknown host_key_check setting (%s)", check);
    if (!host && !has_server(node))
        return !failure_set(error, "Parameter 'server' is missing");
    const char *lack = host ? NULL : server_lacks(node, "host", "port");
    if (lack)
        return !failure_set(error, "Parameter 'server.%s' is missing", lack);
    if (!value_dict_has(node, "path"))
        return !failure_set(error, "Parameter 'path' is missing");
    if (host)
        return inet_refuses(host, port ? port : "22", error);
    return inet_refuses(value_dict_get_string(node, "server.host"),
                        value_dict_get_string(node, "server.port"), error);
}

static bool curl_refuses(const Driver *driver, const Value *node, GError **error)
{
    static const struct {
        const char *scheme;
        int port;
    } ports[] = {
        {"http",  80 },
        {"https", 443},
        {"ftp",   21 },
        {"ftps",  990},
    };
    const char *url = value_dict_get_string(node, "url");
    g_autofree char *prefix = g_strconcat(driver->name, "://", NULL);
    int port = 0;

    if (!url)
        return !failure_set(error, "curl block driver requires an 'url' option");
    if (!g_str_has_prefix(url, prefix))
        return !failure_set(error,
                            "%s curl driver cannot handle the URL '%s' (does not start with '%s')",
                            driver->name, url, prefix);
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
    const char *host = uri ? g_uri_get_host(uri) : NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(ports); i++)
        port = strcmp(ports[i].scheme, driver->name) == 0 ? ports[i].port : port;
    if (uri && g_uri_get_port(uri) > 0)
        port = g_uri_get_port(uri);
    if (!host || loopback_connect(host, (uint16_t)port) <= 0)
        return false;
    return !failure_set(error,
                        "CURL: Error opening file: Failed to connect to %s port %d after 0 ms: "
                        "Could not connect to server",
                        host, port);
}

/* A folder as a FAT disk. */
static bool fat_refuses(const Value *node, GError **error)
{
    const char *folder = value_dict_get_string(node, "dir");
    const char *label = value_dict_get_string(node, "label");
    const char *type = value_dict_get_string(node, "fat-type");
    const char *writable = value_dict_get_string(node, "rw");
    struct stat status;

    if (!folder)
        return !failure_set(error, "vvfat block driver requires a 'dir' option");
    if (label && strlen(label) > 11)
        return !failure_set(error, "vvfat label cannot be longer than 11 bytes");
    if (type && !driver_list_has("0 12 16 32", type))
        return !failure_set(error, "Valid FAT types are only 12, 16 and 32");
    if (g_strcmp0(type, "32") == 0)
        fprintf(stderr,
                "qemu-img: warning: FAT32 has not been tested. You are welcome to do so!\n");
    if (writable && driver_list_has("on yes true y", writable))
        return !failure_set(error, "Unable to set VVFAT to 'rw' when drive is read-only");
    if (stat(folder, &status) < 0 || !S_ISDIR(status.st_mode))
        return !failure_set(error, "Could not read directory %s", folder);
    return false;
}

static bool node_refuses(const Driver *driver, const Value *node, GError **error)
{
    if (g_str_equal(driver->name, "nbd"))
        return nbd_refuses(node, error);
    if (g_str_equal(driver->name, "ssh"))
        return ssh_refuses(node, error);
    if (g_str_equal(driver->name, "vvfat"))
        return fat_refuses(node, error);
    return driver_list_has("http https ftp ftps", driver->name) &&
           curl_refuses(driver, node, error);
}

/* All options as texts. */
static Value *node_texts(const Value *node)
{
    Value *texts = value_new_dict();

    for (size_t i = 0; i < value_dict_size(node); i++) {
        char *text = node_option_text(value_dict_at(node, i));
        if (text)
            value_dict_put(texts, value_dict_key_at(node, i), value_new_string_take(text));
    }
    return texts;
}

void network_refuse(const Driver *driver, const Value *node, bool named_by_user, GError **error)
{
    g_autoptr(Value) texts = node_texts(node);

    if (!named_by_user || !node_refuses(driver, texts, error))
        failure_set(error, "Driver '%s' is not supported by qemu-img-compat yet", driver->name);
}
