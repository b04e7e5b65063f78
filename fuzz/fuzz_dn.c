/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: text to distinguished names. The first line is one name, the rest another. What is written of a name
 * reads back as the same name, comparing is symmetric, and nothing is said without its place.
 */
#include "fuzz.h"
#include "x509/testing.h"

static const certmap_dn_t *parse(certmap_str_t text, apr_pool_t *p)
{
    const certmap_dn_t *dn = NULL;
    const char *why = NULL;
    apr_size_t at = 0;
    apr_status_t rv = certmap_dn_parse(text, &dn, &why, &at, p);

    FUZZ_CHECK(rv == APR_SUCCESS || rv == APR_EINVAL);
    FUZZ_CHECK((rv == APR_SUCCESS) == (dn != NULL));
    FUZZ_CHECK(rv == APR_SUCCESS || (why != NULL && *why != '\0'));
    FUZZ_CHECK(at <= text.len);
    return dn;
}

static void check_values(const certmap_dn_t *dn, apr_pool_t *p)
{
    int i;
    int j;

    FUZZ_CHECK(dn->nrdns > 0);
    for (i = 0; i < dn->nrdns; i++) {
        FUZZ_CHECK(dn->rdns[i].navas > 0);
        for (j = 0; j < dn->rdns[i].navas; j++) {
            const certmap_ava_t *ava = &dn->rdns[i].avas[j];

            FUZZ_CHECK(ava->oid != NULL && strspn(ava->oid, "0123456789.") == strlen(ava->oid));
            FUZZ_CHECK(ava->value.len > 0 && ava->value.data[ava->value.len] == '\0');
            FUZZ_CHECK(fuzz_is_sound(ava->value) && ava->kind != CERTMAP_AVA_MALFORMED);
            FUZZ_CHECK(fuzz_same(ava->folded, fuzz_fold(ava->value, p)));
        }
    }
}

static void check_one(const certmap_dn_t *dn, apr_pool_t *p)
{
    const char *text = certmap_dn_text(dn, p);
    const certmap_dn_t *again = parse((certmap_str_t){ text, strlen(text) }, p);
    certmap_dn_t base = *dn;

    check_values(dn, p);
    FUZZ_CHECK(fuzz_is_sound((certmap_str_t){ text, strlen(text) }));
    FUZZ_CHECK(again != NULL);
    FUZZ_CHECK(certmap_dn_equal(dn, again, 1) && certmap_dn_equal(dn, again, 0));
    FUZZ_CHECK(strcmp(certmap_dn_text(again, p), text) == 0);
    FUZZ_CHECK(!certmap_dn_below(dn, again, 0) && !certmap_dn_below(again, dn, 0));
    base.nrdns--;
    FUZZ_CHECK(certmap_dn_below(dn, &base, 1) && !certmap_dn_equal(dn, &base, 0));
}

int FUZZ_TARGET(dn)(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    fuzz_in_t in = { data, data + size };
    certmap_str_t first = { "", 0 };
    certmap_str_t rest;
    const certmap_dn_t *a;
    const certmap_dn_t *b;
    int equal;
    int exact;

    fuzz_line(&in, &first, p);
    rest.len = (apr_size_t)(in.end - in.at);
    rest.data = apr_pmemdup(p, in.at, rest.len); /* without a NUL after it: nothing may be read there */
    a = parse(first, p);
    b = parse(rest, p);
    if (a != NULL) {
        check_one(a, p);
    }
    if (b != NULL) {
        check_one(b, p);
    }
    if (a == NULL || b == NULL) {
        return 0;
    }
    equal = certmap_dn_equal(a, b, 0);
    exact = certmap_dn_equal(a, b, 1);
    FUZZ_CHECK(equal == certmap_dn_equal(b, a, 0) && exact == certmap_dn_equal(b, a, 1) && equal >= exact);
    FUZZ_CHECK(exact == (strcmp(certmap_dn_text(a, p), certmap_dn_text(b, p)) == 0));
    FUZZ_CHECK(certmap_dn_below(a, b, 0) + certmap_dn_below(b, a, 0) + equal <= 1);
    FUZZ_CHECK(certmap_dn_below(a, b, 0) >= certmap_dn_below(a, b, 1));
    return 0;
}
