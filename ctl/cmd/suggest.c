/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certmapctl suggest: lines for a certificate that can be pasted, strongest first. Each line is read back by the engine
 * and must map the very certificate before it is printed, so that what is printed works.
 */
#include <string.h>

#include <openssl/x509v3.h>

#include "ctl/certificate.h"
#include "ctl/cmd/cmd.h"
#include "ctl/line.h"

static const struct {
    certmap_key_kind_e kind;
    const char *binds; /* what it stands for, and when it must be changed */
} keys[] = {
    { CERTMAP_K_SHA256, "this certificate and no other; to be changed at every renewal" },
    { CERTMAP_K_SPKI, "the certificate's key; outlives renewals that keep the key" },
    { CERTMAP_K_SKI_ISSUER, "the key identifier that this issuer has written; to be changed with the key" },
    { CERTMAP_K_ISSUER_SERIAL, "the number that this issuer has given; to be changed at every renewal" },
    { CERTMAP_K_DN, "any certificate of this issuer with this name; outlives renewals and new keys" },
};

static const struct {
    certmap_field_e kind;
    const char *field;
    const char *suffix; /* of the rule's name */
    const char *binds;
} rules[] = {
    { CERTMAP_F_SUBJECT, "subject", "dn",
      "any certificate of this issuer with this name; outlives renewals and new keys" },
    { CERTMAP_F_SAN_UPN, "san.upn", "upn", "any certificate of this issuer with this user principal name" },
    { CERTMAP_F_SAN_EMAIL, "san.email", "email", "any certificate of this issuer with this e-mail address" },
    { CERTMAP_F_SAN_URI, "san.uri", "uri", "any certificate of this issuer with this URI" },
    { CERTMAP_F_SAN_DNS, "san.dns", "dns", "any certificate of this issuer with this host name" },
};

/* A value in which '*' and '?' are themselves. */
static const char *literal(const char *text, apr_pool_t *p)
{
    char *out = apr_palloc(p, 2 * strlen(text) + 1), *to = out;

    for (; *text; text++) {
        if (strchr("*?\\", *text) != NULL) {
            *to++ = '\\';
        }
        *to++ = *text;
    }
    *to = '\0';
    return out;
}

/* ---- the user ------------------------------------------------------------------------------------------------ */

/* Lower case, without what follows '@', blanks turned to dots; NULL when that is not a user name. */
static const char *as_user(const char *text, apr_pool_t *p)
{
    char *user = text ? apr_pstrdup(p, text) : NULL, *s;

    if (user == NULL || *user == '@') {
        return NULL;
    }
    user[strcspn(user, "@")] = '\0';
    for (s = user; *s; s++) {
        *s = *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s == ' ' ? '.' : *s;
    }
    return certmap_user_check((certmap_str_t){ user, strlen(user) }) == NULL && strpbrk(user, "=~!%{}") == NULL
                   && *user != '-'
               ? user
               : NULL;
}

static const char *choose_user(const certmap_cert_t *view, apr_pool_t *p)
{
    static const char *const fields[] = { "san.upn", "san.email", "subject.CN" };
    size_t i;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const char *user = as_user(ctl_first_text(view, fields[i], p), p);

        if (user != NULL) {
            return user;
        }
    }
    return "USER";
}

/* The user as the beginning of a rule's name. */
static const char *rule_name(const char *user, apr_pool_t *p)
{
    char *name = apr_pstrdup(p, user), *s;

    for (s = name; *s; s++) {
        if (!(*s >= 'a' && *s <= 'z') && !(*s >= '0' && *s <= '9')) {
            *s = '-';
        }
    }
    return strspn(name, "-") == strlen(name) || *name == '-' ? "user" : name;
}

/* For httpd's configuration, too, where "${NAME}" would be replaced. Quotes around nothing are nothing. */
static const char *unreplaced(const char *text, apr_pool_t *p)
{
    const char *at = strstr(text, "${");

    return at ? apr_pstrcat(p, apr_pstrmemdup(p, text, (apr_size_t)(at + 1 - text)), "\"\"", unreplaced(at + 1, p),
                            NULL)
              : text;
}

/* ---- telling ------------------------------------------------------------------------------------------------- */

static void suggest_entries(const certmap_cert_t *view, const char *user, apr_pool_t *p)
{
    certmap_entry_t entry = { .effect.user = user };
    const char *subject = certmap_cert_subject_text(view);
    size_t i;

    printf("\n# Entries, for a file or store of CertMapSource. The note lets \"explain\" recognise a renewal.\n");
    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *key = ctl_key_text(view, keys[i].kind, p);
        const char *line;

        entry.effect.note = keys[i].kind != CERTMAP_K_DN && *subject ? subject : NULL;
        line = key ? certmap_entry_text(key, &entry, p) : NULL;
        if (line != NULL && !ctl_entry_maps(view, line, p)) {
            entry.effect.note = NULL; /* a note has its limits, which names do not keep */
            line = certmap_entry_text(key, &entry, p);
        }
        if (line != NULL && ctl_entry_maps(view, line, p)) {
            printf("\n# %s: %s\n%s\n", certmap_strength_name(certmap_key_kind_strength(keys[i].kind)), keys[i].binds,
                   line);
        }
    }
}

static void suggest_rules(const certmap_cert_t *view, const char *user, apr_time_t now, apr_pool_t *p)
{
    const char *issuer = ctl_quoted(certmap_cert_issuer_text(view), p);
    size_t i;

    printf("\n# Rules, for a file of CertMapRuleFile; in httpd's configuration \"CertMapRule\" comes before each.\n");
    for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const char *value = ctl_first_text(view, rules[i].field, p);
        const certmap_rule_t *rule;
        const char *line;

        if (value == NULL || *value == '\0') {
            continue;
        }
        value = rules[i].kind == CERTMAP_F_SUBJECT ? value : literal(value, p);
        line = apr_pstrcat(p, rule_name(user, p), "-", rules[i].suffix, " allow ", ctl_quoted(user, p),
                           " issuer=", issuer, " ", rules[i].field, "=", ctl_quoted(value, p), NULL);
        rule = ctl_rule_maps(view, line, CERTMAP_WEAK, now, p);
        if (rule != NULL) {
            printf("\n# %s: %s\n%s\n", certmap_strength_name(rule->effect.strength), rules[i].binds,
                   unreplaced(certmap_rule_text(rule, p), p));
        }
    }
}

static void warn_of(ctl_t *ctl, const ctl_certificate_t *certificate, apr_time_t now)
{
    certmap_reason_e dates = certmap_verdict_dates(certificate->view, now);

    if (dates == CERTMAP_R_EXPIRED) {
        ctl_warn(ctl, "the certificate has expired, at %s: the server refuses it whatever maps it",
                 ctl_time_text(certmap_cert_not_after(certificate->view), ctl->pool));
    }
    else if (dates != CERTMAP_R_NONE) {
        ctl_warn(ctl, "the certificate is not valid before %s: the server refuses it until then",
                 ctl_time_text(certmap_cert_not_before(certificate->view), ctl->pool));
    }
    if (X509_check_ca(certificate->x509) != 0) {
        ctl_warn(ctl, "this looks like the certificate of a CA, not of a client");
    }
}

static int run(ctl_t *ctl, const ctl_command_t *self, int argc, const char *const *argv)
{
    static const apr_getopt_option_t none[] = { { NULL, 0, 0, NULL } };
    apr_getopt_t *options = ctl_options(ctl, argc, argv);
    ctl_certificate_t certificate;
    apr_time_t now = apr_time_now();
    const char *value, *user;
    apr_status_t rv;
    int option;

    while ((rv = ctl_option(ctl, self, options, none, &option, &value)) == APR_SUCCESS) {
    }
    if (rv != APR_EOF) {
        return CTL_ERROR;
    }
    if (argc - options->ind != 1) {
        return ctl_misused(ctl, self, argc == options->ind ? "which certificate?" : "one certificate at a time");
    }
    if (ctl_certificate_read(ctl, options->argv[options->ind], &certificate) != CTL_OK) {
        return CTL_ERROR;
    }
    if (certmap_cert_malformed(certificate.view) != NULL) {
        ctl_warn(ctl, "nothing to suggest: the server refuses this certificate as malformed, whatever maps it (%s)",
                 certmap_cert_malformed(certificate.view));
        return CTL_FINDINGS;
    }
    warn_of(ctl, &certificate, now);
    user = choose_user(certificate.view, ctl->pool);
    printf("# For %s\n# issued by %s\n# valid until %s\n# The user is a guess from the certificate: change it.\n",
           ctl_printable(certmap_cert_subject_text(certificate.view), ctl->pool),
           ctl_printable(certmap_cert_issuer_text(certificate.view), ctl->pool),
           ctl_time_text(certmap_cert_not_after(certificate.view), ctl->pool));
    suggest_entries(certificate.view, user, ctl->pool);
    suggest_rules(certificate.view, user, now, ctl->pool);
    return ctl->warnings > 0 ? CTL_FINDINGS : CTL_OK;
}

const ctl_command_t ctl_suggest = {
    .name = "suggest",
    .arguments = "CERT",
    .summary = "Prints rules and entries for a certificate, strongest first",
    .help = "CERT is a file with the client's certificate, PEM or DER; - is standard input.\n"
            "Each line that is printed has been tried on the certificate, and says what it\n"
            "binds to and when it has to be changed.\n\n"
            "Exit status: 0 lines were printed; 1 with a warning (expired, a CA; malformed:\n"
            "then no line); 2 an error.\n\n"
            "  certmapctl suggest ann.pem\n",
    .run = run,
};
