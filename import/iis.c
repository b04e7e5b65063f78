/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings of IIS become rules. One-to-one mappings compare the whole certificate and come first, many-to-one
 * mappings follow in their order, as IIS asks them. A criterion is carried over when it compares as it does there: '*'
 * stands for any run of characters, case counts unless compareCaseSensitive is false. Passwords are not read.
 */
#include <string.h>

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/evp.h>

#include "import/iis.h"

static const char section_name[] = "iisClientCertificateMappingAuthentication";

/* The sub-fields that Microsoft documents, and what they are called here. */
static const struct {
    const char *iis;
    const char *attribute;
} sub_fields[] = {
    { "CN", "CN" }, { "OU", "OU" }, { "O", "O" },   { "L", "L" }, { "S", "ST" },
    { "C", "C" },   { "I", "I" },   { "GN", "GN" }, { "T", "T" }, { "Email", "emailAddress" },
};

static const char *const section_attributes[] = {
    "enabled",
    "oneToOneCertificateMappingsEnabled",
    "manyToOneCertificateMappingsEnabled",
    "defaultLogonDomain",
    "logonMethod",
    NULL,
};
static const char *const one_attributes[] = { "enabled", "userName", "password", "certificate", NULL };
static const char *const many_attributes[] = {
    "name", "description", "enabled", "permissionMode", "userName", "password", NULL,
};
static const char *const rule_attributes[] = {
    "certificateField", "certificateSubField", "matchCriteria", "compareCaseSensitive", NULL,
};

/* What one location comes to, with what it inherits. */
typedef struct site_t {
    const char *enabled;
    const char *one_enabled;
    const char *many_enabled;
    const char *logon_domain;
    apr_array_header_t *one; /* of iis_item_t * */
    apr_array_header_t *many;
} site_t;

typedef struct iis_job_t {
    certmap_import_out_t *out;
    apr_array_header_t *sections;
    apr_pool_t *pool;
    int blocked; /* line of a mapping left out, which IIS asks before those that follow; or 0 */
} iis_job_t;

/* ---- attributes ---------------------------------------------------------------------------------------------- */

/* "true" or "false", a default when there is none. @return 0 for anything else */
static int read_bool(const char *text, int otherwise, int *value)
{
    *value = text == NULL ? otherwise : strcasecmp(text, "true") == 0;
    return text == NULL || *value || strcasecmp(text, "false") == 0;
}

/* A name of two, or its number, 1 or 2. @return 1 or 2, 0 for anything else */
static int read_enum(const char *text, const char *first, const char *second)
{
    return strcasecmp(text, first) == 0 || strcmp(text, "1") == 0    ? 1
           : strcasecmp(text, second) == 0 || strcmp(text, "2") == 0 ? 2
                                                                     : 0;
}

/* The first attribute that is not among these; NULL when there is none. Attributes that lock a section do not change
 * what it maps. */
static const char *unknown_attribute(const char *const *attributes, const char *const *known)
{
    const char *const *k;

    for (; *attributes != NULL; attributes += 2) {
        for (k = known; *k != NULL && strcmp(*k, attributes[0]) != 0; k++) {
        }
        if (*k == NULL && strncmp(attributes[0], "lock", 4) != 0) {
            return attributes[0];
        }
    }
    return NULL;
}

/* An element as a comment shows it: no password, no whole certificate. */
static certmap_str_t shown(const iis_job_t *job, const iis_item_t *item)
{
    const char *const *a;
    const char *text = "<add";

    for (a = item->attributes; *a != NULL; a += 2) {
        if (strcmp(a[0], "password") != 0) {
            certmap_str_t value = { a[1], strlen(a[1]) };

            text = apr_pstrcat(job->pool, text, " ", a[0], "=\"",
                               certmap_import_shown(value, strcmp(a[0], "certificate") == 0 ? 24 : 200, job->pool),
                               "\"", NULL);
        }
        if (strlen(text) > 1000) {
            break;
        }
    }
    text = apr_pstrcat(job->pool, text, ">", NULL);
    return (certmap_str_t){ text, strlen(text) };
}

/* ---- one to one ---------------------------------------------------------------------------------------------- */

/* Decodes base64 in one line, as IIS has it. @return 0 when it is none */
static int read_base64(const char *text, certmap_str_t *der, apr_pool_t *p)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    apr_size_t len = strlen(text);
    apr_size_t n = strspn(text, digits);
    unsigned char *data;

    if (len == 0 || len > CERTMAP_IMPORT_BASE64_MOST || len % 4 != 0 || len - n > 2
        || strspn(text + n, "=") != len - n) {
        return 0;
    }
    data = apr_palloc(p, len);
    if (EVP_DecodeBlock(data, (const unsigned char *)text, (int)len) < 0) {
        return 0;
    }
    *der = (certmap_str_t){ (const char *)data, len / 4 * 3 - (len - n) };
    return 1;
}

/* A one-to-one mapping and what it comes to. */
typedef struct one_t {
    const iis_item_t *item;
    const char *user;
    const certmap_cert_t *cert; /* NULL: none that a client can have */
    const char *fault;          /* why it cannot become a rule */
    int disabled;
    int disputed; /* another mapping gives this certificate to another user */
    int guarded;  /* a rule denies it */
} one_t;

/* Reads the certificate. @return why there is none */
static const char *read_certificate(const iis_item_t *item, const certmap_cert_t **cert, apr_pool_t *p)
{
    const char *text = certmap_iis_attribute(item->attributes, "certificate");
    const char *fault = NULL;
    certmap_str_t der;
    const char *why;

    if (text == NULL) {
        return "it has no certificate";
    }
    if (!read_base64(text, &der, p)) {
        /* Not as the documentation wants it; should IIS read it nevertheless, it is this certificate's. */
        char *joined = apr_pstrdup(p, text);

        fault = "its certificate is not base64 in one line";
        apr_collapse_spaces(joined, joined);
        if (!read_base64(joined, &der, p)) {
            return fault;
        }
    }
    if (certmap_cert_create_der((const unsigned char *)der.data, der.len, cert, p) != APR_SUCCESS) {
        *cert = NULL;
        return "its base64 is not a certificate";
    }
    why = certmap_cert_malformed(*cert);
    if (why != NULL) {
        *cert = NULL;
        return apr_psprintf(p, "its certificate is malformed and is refused as such: %s", why);
    }
    return fault;
}

static void read_one(one_t *one, const iis_item_t *item, int on, apr_pool_t *p)
{
    const char *strange = unknown_attribute(item->attributes, one_attributes);
    int enabled = 1;

    memset(one, 0, sizeof(*one));
    one->item = item;
    one->user = certmap_iis_attribute(item->attributes, "userName");
    one->fault = read_certificate(item, &one->cert, p);
    if (!read_bool(certmap_iis_attribute(item->attributes, "enabled"), 1, &enabled)) {
        one->fault = one->fault ? one->fault : "enabled is neither true nor false";
        enabled = 1;
    }
    one->disabled = !enabled || !on;
    if (one->fault == NULL && strange != NULL) {
        one->fault = apr_psprintf(p, "its attribute %.60s is unknown", strange);
    }
    if (one->fault == NULL && (one->user == NULL || *one->user == '\0')) {
        one->fault = "it has no userName";
    }
}

/* Words of a rule for one certificate. */
static apr_array_header_t *pin(const one_t *one, const char *note, apr_pool_t *p)
{
    apr_array_header_t *words = apr_array_make(p, 3, sizeof(const char *));

    APR_ARRAY_PUSH(words, const char *) = apr_pstrcat(p, "sha256=", certmap_cert_sha256(one->cert), NULL);
    if (one->disabled) {
        APR_ARRAY_PUSH(words, const char *) = "disabled";
    }
    if (note != NULL) {
        APR_ARRAY_PUSH(words, const char *) = apr_pstrcat(p, "note=", note, NULL);
    }
    return words;
}

/*
 * Writes a mapping. first is the one that is asked for this certificate, this one or one before it. What is left out
 * for a certificate that a client can have would let a many-to-one mapping have it, and is denied instead.
 */
static void write_one(iis_job_t *job, const one_t *one, one_t *first)
{
    const char *why = one->fault;

    if (why == NULL && first->disputed && !one->disabled) {
        why = "the same certificate is mapped to another user, too; which of them IIS takes is not documented";
    }
    if (why == NULL && first != one && !one->disabled) {
        why = "the same certificate is mapped to the same user before";
    }
    if (why == NULL) {
        why = certmap_import_rule(job->out, one->user, certmap_import_user(one->user, job->pool),
                                  pin(one, NULL, job->pool));
    }
    if (why == NULL) {
        first->guarded = 1;
        return;
    }
    certmap_import_left_out(job->out, one->item->line, shown(job, one->item), "%s", why);
    if (one->cert != NULL && !one->disabled && !first->guarded) {
        first->guarded = 1;
        certmap_import_comment(job->out, "so that no rule below maps this certificate, which IIS maps here:");
        certmap_import_rule(job->out, "left-out", NULL, pin(one, "its mapping is left out", job->pool));
    }
}

static void one_to_one(iis_job_t *job, const site_t *site, int on)
{
    one_t *ones = apr_palloc(job->pool, (apr_size_t)(site->one->nelts + 1) * sizeof(*ones));
    apr_hash_t *firsts = apr_hash_make(job->pool);
    int i;

    for (i = 0; i < site->one->nelts; i++) {
        one_t *first;

        read_one(&ones[i], APR_ARRAY_IDX(site->one, i, const iis_item_t *), on, job->pool);
        if (ones[i].cert == NULL || ones[i].disabled) {
            continue;
        }
        first = apr_hash_get(firsts, certmap_cert_sha256(ones[i].cert), APR_HASH_KEY_STRING);
        if (first == NULL) {
            apr_hash_set(firsts, certmap_cert_sha256(ones[i].cert), APR_HASH_KEY_STRING, &ones[i]);
        }
        else if (ones[i].user == NULL || first->user == NULL || strcmp(ones[i].user, first->user) != 0) {
            first->disputed = 1;
        }
    }
    for (i = 0; i < site->one->nelts; i++) {
        one_t *first = ones[i].cert && !ones[i].disabled
                           ? apr_hash_get(firsts, certmap_cert_sha256(ones[i].cert), APR_HASH_KEY_STRING)
                           : &ones[i];

        write_one(job, &ones[i], first);
    }
}

/* ---- many to one --------------------------------------------------------------------------------------------- */

static int is_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text >= 0x80) {
            return 0;
        }
    }
    return 1;
}

/* A criterion that heeds case, as the value of a condition: '*' stays wild, '?' is not wild in IIS. */
static const char *as_wildcard(const char *criterion, apr_pool_t *p)
{
    char *out = apr_palloc(p, 2 * strlen(criterion) + 1);
    char *to = out;

    for (; *criterion != '\0'; criterion++) {
        if (*criterion == '?' || *criterion == '\\') {
            *to++ = '\\';
        }
        *to++ = *criterion;
    }
    *to = '\0';
    return out;
}

/*
 * A criterion that does not heed case, as a regular expression: the conditions' own comparison would fold blanks too.
 */
static const char *as_regex(const char *criterion, apr_pool_t *p)
{
    apr_array_header_t *parts = apr_array_make(p, 16, sizeof(const char *));

    APR_ARRAY_PUSH(parts, const char *) = "(?i)";
    for (; *criterion != '\0'; criterion++) {
        char c[2] = { *criterion, '\0' };

        APR_ARRAY_PUSH(parts, const char *) = *c == '*' ? ".*" : certmap_import_regex(apr_pstrdup(p, c), p);
    }
    return apr_array_pstrcat(p, parts, 0);
}

/* Reads one criterion. @return why it cannot become a condition, or NULL with *word and the *field that it asks */
static const char *read_rule(const iis_item_t *rule, const char **word, const char **field, apr_pool_t *p)
{
    const char *part = certmap_iis_attribute(rule->attributes, "certificateField");
    const char *sub = certmap_iis_attribute(rule->attributes, "certificateSubField");
    const char *criterion = certmap_iis_attribute(rule->attributes, "matchCriteria");
    const char *strange = unknown_attribute(rule->attributes, rule_attributes);
    const char *attribute = NULL;
    int heeds_case = 1;
    apr_size_t i;

    if (rule->op != IIS_ADD_RULE) {
        return "its rules are cleared or removed one by one, which the documentation does not describe";
    }
    if (strange != NULL) {
        return apr_psprintf(p, "the attribute %.60s of a rule is unknown", strange);
    }
    if (part == NULL || sub == NULL || criterion == NULL) {
        return "a rule lacks its certificateField, certificateSubField or matchCriteria";
    }
    if (read_enum(part, "Subject", "Issuer") == 0) {
        return apr_psprintf(p, "the certificateField %.60s is unknown", part);
    }
    for (i = 0; i < sizeof(sub_fields) / sizeof(sub_fields[0]); i++) {
        if (strcmp(sub_fields[i].iis, sub) == 0) {
            attribute = sub_fields[i].attribute;
        }
    }
    if (attribute == NULL) {
        return apr_psprintf(p,
                            "the certificateSubField %.60s is none of CN OU O L S C I GN T Email; "
                            "which attribute IIS reads there is not documented",
                            sub);
    }
    if (!read_bool(certmap_iis_attribute(rule->attributes, "compareCaseSensitive"), 1, &heeds_case)) {
        return "compareCaseSensitive is neither true nor false";
    }
    if (strspn(criterion, "*") == strlen(criterion)) {
        return apr_psprintf(p,
                            "matchCriteria \"%.20s\" asks nothing of the value, and whether IIS asks that there is "
                            "one is not documented",
                            criterion);
    }
    if (!heeds_case && !is_ascii(criterion)) {
        return "it compares letters beyond ASCII without case, which is not done here";
    }
    *field = apr_pstrcat(p, read_enum(part, "Subject", "Issuer") == 1 ? "subject." : "issuer.", attribute, NULL);
    *word = heeds_case ? apr_pstrcat(p, "case:", *field, "=", as_wildcard(criterion, p), NULL)
                       : apr_pstrcat(p, *field, "~", as_regex(criterion, p), NULL);
    return NULL;
}

/* The conditions of a mapping. @return why they cannot be carried over */
static const char *read_rules(const iis_item_t *item, apr_array_header_t *words, apr_pool_t *p)
{
    apr_hash_t *fields = apr_hash_make(p);
    int i;

    for (i = 0; i < item->rules->nelts; i++) {
        const iis_item_t *rule = APR_ARRAY_IDX(item->rules, i, const iis_item_t *);
        const char *word = NULL, *field = NULL;
        const char *why = read_rule(rule, &word, &field, p);

        if (why != NULL) {
            return why;
        }
        if (apr_hash_get(fields, field, APR_HASH_KEY_STRING) != NULL) {
            return apr_psprintf(p,
                                "two of its rules ask %s; here both would have to hold on one same value, there on "
                                "any two",
                                field);
        }
        apr_hash_set(fields, field, APR_HASH_KEY_STRING, word);
        APR_ARRAY_PUSH(words, const char *) = word;
    }
    return NULL;
}

/* What follows the conditions. */
static void add_options(const iis_item_t *item, int disabled, apr_array_header_t *words, apr_pool_t *p)
{
    const char *description = certmap_iis_attribute(item->attributes, "description");

    if (disabled) {
        APR_ARRAY_PUSH(words, const char *) = "disabled";
    }
    if (description != NULL && description[strspn(description, " \t\r\n")] != '\0') {
        certmap_str_t text = { description, strlen(description) };

        APR_ARRAY_PUSH(words, const char *) = apr_pstrcat(p, "note=", certmap_import_shown(text, 200, p), NULL);
    }
}

/* Why a mapping cannot become a rule as far as its own attributes go. */
static const char *many_fault(const iis_item_t *item, int mode, apr_pool_t *p)
{
    const char *strange = unknown_attribute(item->attributes, many_attributes);
    const char *user = certmap_iis_attribute(item->attributes, "userName");

    if (strange != NULL) {
        return apr_psprintf(p, "its attribute %.60s is unknown", strange);
    }
    if (item->doubtful) {
        return apr_psprintf(p,
                            "the <remove> of line %d names it in another case of letters, and whether IIS takes it "
                            "away, is not documented",
                            item->doubtful);
    }
    if (mode == 0) {
        return "its permissionMode is neither Allow nor Deny";
    }
    if (mode == 1 && (user == NULL || *user == '\0')) {
        return "it allows without a userName";
    }
    return NULL;
}

static void write_many(iis_job_t *job, const iis_item_t *item, int on)
{
    const char *name = certmap_iis_attribute(item->attributes, "name");
    const char *mode_text = certmap_iis_attribute(item->attributes, "permissionMode");
    const char *user = certmap_iis_attribute(item->attributes, "userName");
    int mode = mode_text ? read_enum(mode_text, "Allow", "Deny") : 1;
    apr_array_header_t *words = apr_array_make(job->pool, 4, sizeof(const char *));
    int enabled = 1;
    const char *why = read_bool(certmap_iis_attribute(item->attributes, "enabled"), 1, &enabled)
                          ? NULL
                          : "enabled is neither true nor false";
    int disabled = why == NULL && (!enabled || !on);

    why = why ? why : many_fault(item, mode, job->pool);
    why = why ? why : read_rules(item, words, job->pool);
    if (why == NULL && words->nelts == 0) {
        if (mode == 1) {
            why = "it has no rules, and would let in everybody with a verified certificate; if that is meant, write "
                  "the word any as its condition";
        }
        APR_ARRAY_PUSH(words, const char *) = "any";
    }
    if (why == NULL && mode == 1 && job->blocked && !disabled) {
        why = apr_psprintf(job->pool,
                           "it may hold for certificates that the mapping of line %d catches first in IIS, "
                           "and that one is left out",
                           job->blocked);
    }
    if (why == NULL) {
        add_options(item, disabled, words, job->pool);
        why = certmap_import_rule(job->out, name ? name : "many-to-one",
                                  mode == 1 ? certmap_import_user(user, job->pool) : NULL, words);
    }
    if (why != NULL) {
        certmap_import_left_out(job->out, item->line, shown(job, item), "%s", why);
        if (!disabled && !job->blocked) {
            job->blocked = item->line;
        }
    }
}

/* ---- locations ----------------------------------------------------------------------------------------------- */

/* Takes away what was added under a key before. Names that differ in case only may be one name to IIS. */
static void remove_items(apr_array_header_t *items, const char *key, const iis_item_t *by)
{
    const char *value = certmap_iis_attribute(by->attributes, key);
    int from, to = 0;

    for (from = 0; from < items->nelts; from++) {
        const iis_item_t *item = APR_ARRAY_IDX(items, from, const iis_item_t *);
        const char *its = certmap_iis_attribute(item->attributes, key);

        if (its == NULL || value == NULL || strcmp(its, value) != 0) {
            if (by->op == IIS_REMOVE_MANY && its != NULL && value != NULL && strcasecmp(its, value) == 0) {
                iis_item_t *doubtful = apr_pmemdup(items->pool, item, sizeof(*item));

                doubtful->doubtful = by->line;
                item = doubtful;
            }
            APR_ARRAY_IDX(items, to++, const iis_item_t *) = item;
        }
    }
    items->nelts = to;
}

/* Lays a section over what is inherited: attributes replace, mappings are added at the end. */
static void apply(site_t *site, const iis_section_t *section)
{
    const char *text;
    int i;

    text = certmap_iis_attribute(section->attributes, "enabled");
    site->enabled = text ? text : site->enabled;
    text = certmap_iis_attribute(section->attributes, "oneToOneCertificateMappingsEnabled");
    site->one_enabled = text ? text : site->one_enabled;
    text = certmap_iis_attribute(section->attributes, "manyToOneCertificateMappingsEnabled");
    site->many_enabled = text ? text : site->many_enabled;
    text = certmap_iis_attribute(section->attributes, "defaultLogonDomain");
    site->logon_domain = text ? text : site->logon_domain;
    for (i = 0; i < section->items->nelts; i++) {
        const iis_item_t *item = APR_ARRAY_IDX(section->items, i, const iis_item_t *);

        switch (item->op) {
        case IIS_ADD_ONE:
            APR_ARRAY_PUSH(site->one, const iis_item_t *) = item;
            break;
        case IIS_CLEAR_ONE:
            site->one->nelts = 0;
            break;
        case IIS_REMOVE_ONE:
            remove_items(site->one, "certificate", item);
            break;
        case IIS_ADD_MANY:
            APR_ARRAY_PUSH(site->many, const iis_item_t *) = item;
            break;
        case IIS_CLEAR_MANY:
            site->many->nelts = 0;
            break;
        case IIS_REMOVE_MANY:
            remove_items(site->many, "name", item);
            break;
        case IIS_ADD_RULE:
        case IIS_CLEAR_RULES:
        case IIS_REMOVE_RULE:
            break;
        }
    }
}

/* What holds at a location: the server's own sections, then those of the location. */
static site_t site_at(const iis_job_t *job, const char *location)
{
    site_t site = {
        .one = apr_array_make(job->pool, 4, sizeof(const iis_item_t *)),
        .many = apr_array_make(job->pool, 4, sizeof(const iis_item_t *)),
    };
    int i;

    for (i = 0; i < job->sections->nelts; i++) {
        const iis_section_t *section = APR_ARRAY_IDX(job->sections, i, const iis_section_t *);

        if (*section->location == '\0') {
            apply(&site, section);
        }
    }
    for (i = 0; *location != '\0' && i < job->sections->nelts; i++) {
        const iis_section_t *section = APR_ARRAY_IDX(job->sections, i, const iis_section_t *);

        if (strcasecmp(section->location, location) == 0) {
            apply(&site, section);
        }
    }
    return site;
}

static const char *location_name(const char *location)
{
    return *location != '\0' ? location : ".";
}

/* The locations that map anybody, each once. Below a site IIS ignores the section. @return array of const char * */
static apr_array_header_t *locations(const iis_job_t *job)
{
    apr_array_header_t *found = apr_array_make(job->pool, 4, sizeof(const char *));
    apr_hash_t *seen = apr_hash_make(job->pool);
    int i;

    for (i = 0; i < job->sections->nelts; i++) {
        const iis_section_t *section = APR_ARRAY_IDX(job->sections, i, const iis_section_t *);
        char *key = apr_pstrdup(job->pool, section->location);
        site_t site;
        char *c;

        for (c = key; *c != '\0'; c++) {
            *c = (char)apr_tolower(*c);
        }
        if (strchr(key, '/') != NULL || apr_hash_get(seen, key, APR_HASH_KEY_STRING) != NULL) {
            continue;
        }
        apr_hash_set(seen, key, APR_HASH_KEY_STRING, section);
        site = site_at(job, section->location);
        if (site.one->nelts + site.many->nelts > 0) {
            APR_ARRAY_PUSH(found, const char *) = section->location;
        }
    }
    return found;
}

/* The location to import; NULL: an error has been reported. */
static const char *choose(const iis_job_t *job, const char *wanted)
{
    apr_array_header_t *found = locations(job);
    const char *list = "";
    int i;

    if (job->sections->nelts == 0) {
        certmap_import_error(job->out, 1, 1, "there is no %s in this configuration", section_name);
        return NULL;
    }
    for (i = 0; i < found->nelts; i++) {
        const char *location = APR_ARRAY_IDX(found, i, const char *);

        if (wanted != NULL && strcasecmp(location_name(location), wanted) == 0) {
            return location;
        }
        if (i < 50) {
            list = apr_pstrcat(job->pool, list, i ? ", \"" : "\"", location_name(location), "\"", NULL);
        }
    }
    if (wanted != NULL) {
        certmap_import_error(job->out, 1, 1, "no mapping is configured for location \"%s\"; there are some for: %s",
                             wanted, *list ? list : "none");
        return NULL;
    }
    if (found->nelts > 1) {
        certmap_import_error(job->out, 1, 1,
                             "several locations have mappings, choose one (--location; \".\" is the "
                             "server): %s",
                             list);
        return NULL;
    }
    return found->nelts == 1 ? APR_ARRAY_IDX(found, 0, const char *) : "";
}

/* Sections whose attributes are not understood, or which IIS would not load, are reported before anything is
 * written. */
static void check_sections(const iis_job_t *job)
{
    int i, dummy;

    for (i = 0; i < job->sections->nelts; i++) {
        const iis_section_t *s = APR_ARRAY_IDX(job->sections, i, const iis_section_t *);
        const char *strange = unknown_attribute(s->attributes, section_attributes);

        if (strange != NULL) {
            certmap_import_error(job->out, s->line, s->column, "the attribute %.60s of %s is unknown", strange,
                                 section_name);
        }
        if (!read_bool(certmap_iis_attribute(s->attributes, "enabled"), 0, &dummy)
            || !read_bool(certmap_iis_attribute(s->attributes, "oneToOneCertificateMappingsEnabled"), 1, &dummy)
            || !read_bool(certmap_iis_attribute(s->attributes, "manyToOneCertificateMappingsEnabled"), 1, &dummy)) {
            certmap_import_error(job->out, s->line, s->column, "an attribute of %s is neither true nor false",
                                 section_name);
        }
        if (strchr(s->location, '/') != NULL && s->items->nelts > 0) {
            certmap_import_warning(job->out, s->line, s->column,
                                   "IIS ignores mappings below a site (\"%.200s\"), and "
                                   "so does this import",
                                   s->location);
        }
    }
}

static void write_head(const iis_job_t *job, const char *file, const char *location, const site_t *site)
{
    int enabled, one, many;

    read_bool(site->enabled, 0, &enabled);
    read_bool(site->one_enabled, 1, &one);
    read_bool(site->many_enabled, 1, &many);
    certmap_import_comment(job->out, "Imported from %s, location \"%s\": the client certificate mappings of IIS.",
                           file ? file : "standard input", location_name(location));
    certmap_import_comment(job->out, "Users are named as userName has it; passwords were not read.");
    certmap_import_comment(job->out, "Of several values of a sub-field any may meet a criterion; old versions of IIS "
                                     "read the first only.");
    if (!enabled) {
        certmap_import_comment(job->out, "enabled is false there: IIS maps nobody, and all rules are disabled here.");
    }
    if (enabled && !one && site->one->nelts > 0) {
        certmap_import_comment(job->out, "oneToOneCertificateMappingsEnabled is false: those are disabled.");
    }
    if (enabled && !many && site->many->nelts > 0) {
        certmap_import_comment(job->out, "manyToOneCertificateMappingsEnabled is false: those are disabled.");
    }
    if (site->logon_domain != NULL && *site->logon_domain != '\0') {
        certmap_import_comment(job->out, "defaultLogonDomain was %.100s: a user without a domain belonged to that one.",
                               site->logon_domain);
    }
    certmap_import_blank(job->out);
}

apr_status_t certmap_import_iis(certmap_str_t text, const char *file, const certmap_import_options_t *options,
                                certmap_import_result_t *result, apr_pool_t *p)
{
    iis_job_t job = { .out = certmap_import_out_create(CERTMAP_IMPORT_RULES, file, p), .pool = p };
    const char *location = NULL;
    int enabled, one, many, i;
    site_t site;

    job.sections = certmap_iis_read(text, job.out, p);
    if (!certmap_import_failed(job.out)) {
        check_sections(&job);
        location = choose(&job, options->location);
    }
    if (location == NULL) {
        return certmap_import_finish(job.out, result);
    }
    site = site_at(&job, location);
    read_bool(site.enabled, 0, &enabled);
    read_bool(site.one_enabled, 1, &one);
    read_bool(site.many_enabled, 1, &many);
    write_head(&job, file, location, &site);
    one_to_one(&job, &site, enabled && one);
    if (site.one->nelts > 0 && site.many->nelts > 0) {
        certmap_import_blank(job.out);
    }
    for (i = 0; i < site.many->nelts; i++) {
        write_many(&job, APR_ARRAY_IDX(site.many, i, const iis_item_t *), enabled && many);
    }
    return certmap_import_finish(job.out, result);
}
