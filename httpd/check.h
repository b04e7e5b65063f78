/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file httpd/check.h
 * @brief What the start-up checks share: their state, their messages, and the arguments of directives.
 *
 * startup.c runs the checks. Every message says where the directive is, what is wrong with it and how to fix it.
 */
#ifndef CERTMAP_HTTPD_CHECK_H
#define CERTMAP_HTTPD_CHECK_H

#include <apr_hash.h>
#include <apr_tables.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>

#include "certmap.h"
#include "config.h"

/** One run of the checks. */
typedef struct certmap_check_t {
    server_rec *s;
    apr_pool_t *p;
    int errors;
    apr_hash_t *said; /* main server's sections are seen from every virtual host; one message is enough */
    /* of the current server, from the configuration tree */
    const ap_directive_t *verify;         /* SSLVerifyClient at server level, or NULL */
    const ap_directive_t *section_verify; /* the last one in a section, or NULL */
    const ap_directive_t *cache;          /* CacheEnable at server level */
    const ap_directive_t *lua;            /* LuaQuickHandler */
    const ap_directive_t *sni;            /* SSLVHostSNIPolicy insecure */
    apr_array_header_t *places;           /* user_place_t */
    /* of the current server, from our own configuration */
    int uses;             /* CertMap On or Optional somewhere */
    const char *on_where; /* the first place with On */
    int has_on;
    const apr_array_header_t *anchors; /* of certmap_anchor_t; NULL: of no interest */
    /* of all servers */
    apr_hash_t *ca_files;       /* certmap_anchors's */
    int used;                   /* something depends on certificates somewhere */
    int maps;                   /* on rules, too */
    const certmap_rule_t *rule; /* the first one */
    /* check_require.c */
    struct certmap_check_names_t *names;
} certmap_check_t;

typedef struct certmap_check_names_t certmap_check_names_t;

/** Says something once, at APLOG_ERR (httpd does not start then) or APLOG_WARNING. */
void certmap_check_say(certmap_check_t *check, int level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/** A directive and its place, for messages. */
const char *certmap_check_at(certmap_check_t *check, const ap_directive_t *d);
/** The current server, for messages. */
const char *certmap_check_server_name(certmap_check_t *check);

/** Whether d is the directive of that name. */
static inline int certmap_check_is(const ap_directive_t *d, const char *name)
{
    return strcasecmp(d->directive, name) == 0;
}

/** The directive's first argument, without quotes. */
const char *certmap_check_first_word(certmap_check_t *check, const ap_directive_t *d);
/** Whether that is another word than off. */
int certmap_check_is_enabled(certmap_check_t *check, const ap_directive_t *d);
/** Whether one of the arguments is the word, in any case. */
int certmap_check_has_word(const ap_directive_t *d, const char *word);
/** Whether d is AuthType Certificate. */
int certmap_check_is_certificate(const ap_directive_t *d);

/** check_users.c, who else gives a user (SSLUserName, FakeBasicAuth): a server begins. */
void certmap_check_users_begin(certmap_check_t *check);
/** Reads a directive of it. */
void certmap_check_users_read(certmap_check_t *check, const ap_directive_t *d);
/** Checks what was read. */
void certmap_check_users(certmap_check_t *check);
/** CertMap Off in a server that defers errors, and variables of certificates there. */
void certmap_check_strangers(certmap_check_t *check);

/** check_tls.c, how certificates are asked for: whether the current server speaks TLS. */
int certmap_check_is_tls(certmap_check_t *check);
/** CertMapDeferErrors On, which the server has. */
void certmap_check_deferral(certmap_check_t *check);
/** SSLVerifyClient. */
void certmap_check_asking(certmap_check_t *check);

/** check_early.c: handlers that answer before any access check. */
void certmap_check_early(certmap_check_t *check);

/** check_lists.c: the list of a section, or of the server level. A certmap_section_fn, its baton is the check. */
void certmap_check_list(server_rec *s, const certmap_dir_conf_t *raw, const certmap_dir_conf_t *merged,
                        const char *name, void *check);
/** Trusted CAs of one name. */
void certmap_check_anchor_names(certmap_check_t *check);

/** check_trust.c: the CAs and CRLs of the current server. */
void certmap_check_trust(certmap_check_t *check);
/** check_require.c, names that Require asks for: those of the current server. */
void certmap_check_names(certmap_check_t *check);
/** All servers have been looked at. */
void certmap_check_names_end(certmap_check_t *check);
/** check_files.c, files of rules and entries: which accounts may read and write them. */
void certmap_check_files(certmap_check_t *check);
/** Error documents that do not exist. */
void certmap_check_documents(certmap_check_t *check);
/** check_modes.c: CertMap Off next to On. */
void certmap_check_modes(certmap_check_t *check);

#endif
