/* SPDX-License-Identifier: GPL-2.0-or-later */
/* network - see network.h. */
#include "network.h"

#include <stdio.h>
#include <string.h>

enum {
    NBD_PORT = 10809,
    SSH_PORT = 22,
};

static void network_server_put(Value *options, const char *type, const char *host, int port)
{
    if (type) {
        value_dict_put_string(options, "server.type", type);
    }
    value_dict_put_string(options, "server.host", host);
    value_dict_put(options, "server.port", value_new_string_take(g_strdup_printf("%d", port)));
}

/* Options that a name already stands for. */
static bool network_conflict_check(const Value *options, const char *names, GError **error)
{
    for (size_t i = 0; i < value_dict_size(options); i++) {
        const char *key = value_dict_key_at(options, i);

        if (driver_list_has(names, key)) {
            return failure_set(error, "Option '%s' cannot be used with a file name", key);
        }
    }
    return true;
}

/* nbd[+tcp]://HOST[:PORT]/EXPORT or nbd+unix:///EXPORT?socket=PATH */
static bool nbd_uri_parse(const char *name, Value *options)
{
    g_autoptr(GUri) uri = g_uri_parse(name, G_URI_FLAGS_NONE, NULL);
    const char *query = uri ? g_uri_get_query(uri) : NULL;
    g_autoptr(GHashTable) params =
        query ? g_uri_parse_params(query, -1, "&", G_URI_PARAMS_NONE, NULL) : NULL;
    const char *host = uri ? g_uri_get_host(uri) : NULL;
    const char *path = uri ? g_uri_get_path(uri) : "";
    const char *socket = params ? g_hash_table_lookup(params, "socket") : NULL;
    guint count = params ? g_hash_table_size(params) : 0;
    bool has_host = host && *host;

    if (!uri || (query && !params)) {
        return false;
    }
    path += *path == '/';
    if (*path) {
        value_dict_put_string(options, "export", path);
    }
    if (g_str_equal(g_uri_get_scheme(uri), "nbd+unix")) {
        if (count > 1 || has_host || g_uri_get_port(uri) != -1 || !socket) {
            return false;
        }
        value_dict_put_string(options, "server.type", "unix");
        value_dict_put_string(options, "server.path", socket);
        return true;
    }
    if (count || !has_host) {
        return false;
    }
    network_server_put(options, "inet", host,
                       g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : NBD_PORT);
    return true;
}

/* HOST:PORT, :PORT or [IPv6]:PORT; options behind a comma do not matter here. */
static bool nbd_inet_parse(const char *text, Value *options, GError **error)
{
    char host[65] = "", port[33] = "";
    bool good;

    if (*text == ':') {
        good = sscanf(text, ":%32[^,]", port) == 1;
    } else if (*text == '[') {
        good = sscanf(text, "[%64[^]]]:%32[^,]", host, port) == 2;
    } else {
        good = sscanf(text, "%64[^:]:%32[^,]", host, port) == 2;
    }
    if (!good) {
        return failure_set(error, "error parsing %s'%s'",
                           *text == ':'   ? "port in address "
                           : *text == '[' ? "IPv6 address "
                                          : "address ",
                           text);
    }
    value_dict_put_string(options, "server.type", "inet");
    value_dict_put_string(options, "server.host", host);
    value_dict_put_string(options, "server.port", port);
    return true;
}

/* nbd:HOST:PORT[:exportname=NAME] or nbd:unix:PATH[:exportname=NAME], or a URI. */
static bool nbd_name_parse(const char *name, Value *options, GError **error)
{
    static const char mark[] = ":exportname=";
    g_autofree char *text = g_strdup(name);
    char *export = strstr(text, mark);

    if (!network_conflict_check(options, "host port path export server.", error)) {
        return false;
    }
    if (strstr(name, "://")) {
        return nbd_uri_parse(name, options) || failure_set(error, "No valid URL specified");
    }
    if (export && !export[strlen(mark)]) {
        return true;
    }
    if (export) {
        value_dict_put_string(options, "export", export + strlen(mark));
        *export = '\0';
    }
    if (!g_str_has_prefix(text, "nbd:")) {
        return failure_set(error, "File name string for NBD must start with 'nbd:'");
    }
    if (g_str_has_prefix(text, "nbd:unix:")) {
        value_dict_put_string(options, "server.type", "unix");
        value_dict_put_string(options, "server.path", text + strlen("nbd:unix:"));
        return true;
    }
    return !text[strlen("nbd:")] || nbd_inet_parse(text + strlen("nbd:"), options, error);
}

static void ssh_query_parse(const char *query, Value *options, GString *warnings)
{
    char *name, *value;
    GUriParamsIter iter;

    g_uri_params_iter_init(&iter, query ? query : "", -1, "&", G_URI_PARAMS_NONE);
    while (g_uri_params_iter_next(&iter, &name, &value, NULL)) {
        if (g_str_equal(name, "host_key_check")) {
            value_dict_put_string(options, name, value);
        } else {
            g_string_append_printf(warnings,
                                   "qemu-img: warning: Unsupported parameter '%s' in URI\n", name);
        }
        g_free(name);
        g_free(value);
    }
}

/* ssh://[USER@]HOST[:PORT]/PATH[?host_key_check=...] */
static bool ssh_name_parse(const char *name, Value *options, GString *warnings, GError **error)
{
    g_autoptr(GUri) uri = g_uri_parse(name, G_URI_FLAGS_NONE, NULL);
    const char *host = uri ? g_uri_get_host(uri) : NULL;
    const char *user = uri ? g_uri_get_user(uri) : NULL;

    if (!network_conflict_check(options, "host port path user host_key_check server.", error)) {
        return false;
    }
    if (!uri) {
        return true; /* found out later */
    }
    if (!g_str_equal(g_uri_get_scheme(uri), "ssh")) {
        return failure_set(error, "URI scheme must be 'ssh'");
    }
    if (!host || !*host) {
        return failure_set(error, "missing hostname in URI");
    }
    if (!*g_uri_get_path(uri)) {
        return failure_set(error, "missing remote path in URI");
    }
    if (user && *user) {
        value_dict_put_string(options, "user", user);
    }
    network_server_put(options, NULL, host,
                       g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : SSH_PORT);
    value_dict_put_string(options, "path", g_uri_get_path(uri));
    ssh_query_parse(g_uri_get_query(uri), options, warnings);
    return true;
}

/* fat:[floppy:][rw:][12:|16:|32:]FOLDER */
static bool fat_name_parse(const char *name, Value *options, GError **error)
{
    const char *last = strrchr(name, ':');
    int64_t type = strstr(name, ":32:")   ? 32
                   : strstr(name, ":16:") ? 16
                   : strstr(name, ":12:") ? 12
                                          : 0;

    if (!g_str_has_prefix(name, "fat:")) {
        return failure_set(error, "File name string must start with 'fat:'");
    }
    /* A letter between colons is a drive of DOS. */
    bool is_drive = last - name >= 2 && last[-2] == ':' && g_ascii_isalpha(last[-1]);
    value_dict_put_string(options, "dir", is_drive ? last - 1 : last + 1);
    value_dict_put_int(options, "fat-type", type);
    value_dict_put_bool(options, "floppy", strstr(name, ":floppy:") != NULL);
    value_dict_put_bool(options, "rw", strstr(name, ":rw:") != NULL);
    return true;
}

bool network_filename_parse(const Driver *driver, Value *options, GString *warnings, GError **error)
{
    g_autoptr(Value) filename = value_dict_steal(options, "filename");
    const char *name = value_string(filename);

    if (g_str_equal(driver->name, "nbd")) {
        return nbd_name_parse(name, options, error);
    }
    if (g_str_equal(driver->name, "ssh")) {
        return ssh_name_parse(name, options, warnings, error);
    }
    if (g_str_equal(driver->name, "vvfat")) {
        return fat_name_parse(name, options, error);
    }
    value_dict_put_string(
        options, driver_list_has("http https ftp ftps", driver->name) ? "url" : "filename", name);
    return true;
}
