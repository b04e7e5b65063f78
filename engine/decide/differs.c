/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a certificate's name differs from the one that a condition asks for: what people look for when nearly all of a
 * long name is right.
 */
#include <string.h>

#include <apr_strings.h>

#include "decide/decide.h"
#include "rules/eval.h"
#include "rules/ruleset.h"

/* Two names, part by part. */
typedef struct names_t {
    const certmap_dn_t *have;
    const certmap_dn_t *want;
    int nhave; /* as many of the certificate's parts count, from the root on */
    int exact;
    char *have_met; /* parts that have their like in the other name */
    char *want_met;
    const char *text;
    int told;
    int more;
    apr_pool_t *pool;
} names_t;

static certmap_dn_t alone(const certmap_rdn_t *rdn)
{
    return (certmap_dn_t){ .nrdns = 1, .rdns = rdn };
}

static int same_rdn(const certmap_rdn_t *a, const certmap_rdn_t *b, int exact)
{
    certmap_dn_t x = alone(a);
    certmap_dn_t y = alone(b);

    return certmap_dn_equal(&x, &y, exact);
}

static int same_types(const certmap_rdn_t *a, const certmap_rdn_t *b)
{
    int i;

    for (i = 0; a->navas == b->navas && i < a->navas && strcmp(a->avas[i].oid, b->avas[i].oid) == 0; i++) {
    }
    return a->navas == b->navas && i == a->navas;
}

/* One value under another attribute type: UID=ann for CN=ann. */
static int same_value(const certmap_rdn_t *a, const certmap_rdn_t *b)
{
    return a->navas == 1 && b->navas == 1 && certmap_str_same(a->avas[0].folded, b->avas[0].folded);
}

static const char *rdn_text(const names_t *n, const certmap_rdn_t *rdn)
{
    certmap_dn_t name = alone(rdn);

    return certmap_dn_text(&name, n->pool);
}

static void add(names_t *n, const char *before, const char *middle, const char *after)
{
    if (n->told == CERTMAP_DIFFERS_TOLD_MOST) {
        n->more++;
        return;
    }
    n->text = apr_pstrcat(n->pool, n->text, n->told > 0 ? "; " : "", before, middle, after, NULL);
    n->told++;
}

/* @return how many parts of the wanted name have no like */
static int meet(names_t *n)
{
    int missing = 0;
    int i;
    int k;

    for (i = 0; i < n->want->nrdns; i++) {
        for (k = 0; k < n->nhave && !n->want_met[i]; k++) {
            if (!n->have_met[k] && same_rdn(&n->want->rdns[i], &n->have->rdns[k], n->exact)) {
                n->want_met[i] = n->have_met[k] = 1;
            }
        }
        missing += !n->want_met[i];
    }
    return missing;
}

/* What is in place of what: parts of one type, then of one value. */
static void tell_replaced(names_t *n, int (*alike)(const certmap_rdn_t *, const certmap_rdn_t *))
{
    int i;
    int k;

    for (i = 0; i < n->want->nrdns; i++) {
        for (k = 0; k < n->nhave && !n->want_met[i]; k++) {
            if (!n->have_met[k] && alike(&n->want->rdns[i], &n->have->rdns[k])) {
                n->want_met[i] = n->have_met[k] = 1;
                add(n, rdn_text(n, &n->have->rdns[k]), " in place of ", rdn_text(n, &n->want->rdns[i]));
            }
        }
    }
}

/* All parts are there, in another order. */
static const char *tell_order(const names_t *n)
{
    int i;

    for (i = 0; i < n->nhave && same_rdn(&n->want->rdns[i], &n->have->rdns[n->nhave - 1 - i], n->exact); i++) {
    }
    return i == n->nhave ? "the same parts the other way round" : "the same parts in another order";
}

/* @return how many differences there are */
static int tell(names_t *n, int below)
{
    int i;

    n->nhave = below && n->have->nrdns > n->want->nrdns ? n->want->nrdns : n->have->nrdns;
    n->have_met = apr_pcalloc(n->pool, (apr_size_t)n->nhave + 1);
    n->want_met = apr_pcalloc(n->pool, (apr_size_t)n->want->nrdns + 1);
    n->text = "";
    if (meet(n) == 0 && n->nhave == n->want->nrdns) {
        n->text = below && certmap_dn_equal(n->have, n->want, n->exact) ? "the name itself, with nothing below it"
                                                                        : tell_order(n);
        return 1;
    }
    tell_replaced(n, same_types);
    tell_replaced(n, same_value);
    for (i = n->want->nrdns - 1; i >= 0; i--) {
        if (!n->want_met[i]) {
            add(n, rdn_text(n, &n->want->rdns[i]), " is missing", "");
        }
    }
    for (i = n->nhave - 1; i >= 0; i--) {
        if (!n->have_met[i]) {
            add(n, rdn_text(n, &n->have->rdns[i]), " is there in addition", "");
        }
    }
    if (n->more > 0) {
        n->text = apr_psprintf(n->pool, "%s; and %d more", n->text, n->more);
    }
    return n->told + n->more;
}

const char *certmap_cond_differs(const certmap_cond_t *cond, const certmap_cert_t *cert, apr_pool_t *p)
{
    int below = cond->pattern == CERTMAP_P_DN_BELOW;
    const char *best = NULL;
    int least = 0;
    certmap_values_t v;
    certmap_eval_t ev;
    apr_size_t i;

    if (cond->negated || (!below && cond->pattern != CERTMAP_P_DN)) {
        return NULL;
    }
    certmap_eval_init(&ev, cert, NULL, p);
    v = certmap_eval_values(&ev, &cond->field);
    for (i = 0; v.state == CERTMAP_VALID && i < v.n && i < CERTMAP_DIFFERS_VALUES_MOST; i++) {
        names_t n = { .have = v.values[i].dn, .want = cond->u.dn, .exact = cond->exact, .pool = p };
        int differences = tell(&n, below);

        if (best == NULL || differences < least) {
            best = n.text;
            least = differences;
        }
    }
    return best;
}
