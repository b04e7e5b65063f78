/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building the index over a ruleset (see index.h): the keys of each rule, how many rules share each of them, what each
 * rule is put under.
 */
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "rules/index.h"

/* Rules that share their best key with more than so many others are put under pairs. */
#define CROWD 16
/* Prefixes and suffixes are looked for up to this length. */
#define AFFIX_MOST 255

/* Inner literals are looked for by a part of one of these lengths. */
static const unsigned char inner_lengths[] = { 32, 24, 16, 12, 8, 6, 4, 3, 2, 1 };

static apr_uint64_t power_of(apr_size_t n)
{
    apr_uint64_t power = 1;

    while (n-- > 0) {
        power *= CERTMAP_INDEX_BASE;
    }
    return power;
}

static apr_uint64_t hash_dn(const certmap_dn_t *dn)
{
    apr_uint64_t h = 0;
    int i;

    for (i = 0; i < dn->nrdns; i++) {
        h = index_hash_rdn(h, &dn->rdns[i]);
    }
    return h;
}

/* What a way is recognized by, next to its field. */
static apr_uint64_t seed_of(const certmap_field_t *field, how_e how, int exact, unsigned len)
{
    apr_uint64_t h = field->oid ? index_hash(0, field->oid, strlen(field->oid)) : 0;

    h = index_mix(h + (apr_uint64_t)field->kind);
    return index_mix(h ^ ((apr_uint64_t)how << 32 | (apr_uint64_t)(exact != 0) << 24 | len));
}

/* ---- building: the keys of a rule ------------------------------------------------------------------------------- */

/* A key under which a rule could be put. */
typedef struct key_option_t {
    const certmap_field_t *field;
    how_e how;
    int exact;
    unsigned len;
    apr_uint64_t key;
} key_option_t;

/* Building; pool goes when it is done. */
typedef struct making_t {
    const certmap_rule_t *const *rules;
    apr_size_t n;
    apr_array_header_t *options; /* of key_option_t, of one rule */
    apr_uint16_t *counts;        /* how many rules have a key, or a few more: keys may share counters */
    apr_uint64_t counts_mask;
    apr_hash_t *by_oid[CERTMAP_F_COUNT];
    apr_array_header_t *fields;  /* of growing_key_t * */
    struct choice_t *choices;    /* one for each rule */
    apr_size_t nkeys;            /* at most so many are used */
    apr_array_header_t *buckets; /* of bucket_t */
    bucket_slot_t *slots;
    apr_uint64_t mask;
    apr_pool_t *pool;
} making_t;

/* A field while its ways are found. */
typedef struct growing_key_t {
    const certmap_field_t *field;
    apr_array_header_t *ways; /* of way_t * */
    apr_uint32_t number;
    apr_uint32_t *rules; /* where the next of its rules goes */
    apr_size_t nrules;
} growing_key_t;

/* Where a rule is put. */
typedef struct choice_t {
    apr_uint64_t key[2]; /* one, or a pair */
    const way_t *way[2];
    apr_uint32_t bucket; /* of the key or pair, CERTMAP_INDEX_NOTHING: always asked */
    apr_uint32_t lead;   /* of a pair's first key, or CERTMAP_INDEX_NOTHING */
    int nkeys;
} choice_t;

static void add_option(making_t *m, const certmap_cond_t *cond, how_e how, int exact, unsigned len, apr_uint64_t h)
{
    key_option_t *o = apr_array_push(m->options);

    o->field = &cond->field;
    o->how = how;
    o->exact = exact != 0;
    o->len = len;
    o->key = index_key(seed_of(o->field, how, o->exact, len), h);
}

static void add_equal(making_t *m, const certmap_cond_t *cond, int exact, certmap_str_t text)
{
    add_option(m, cond, HOW_EQUAL, exact, 0, index_hash(0, text.data, text.len) + text.len);
}

static void add_prefix(making_t *m, const certmap_cond_t *cond, int exact, certmap_str_t text)
{
    apr_size_t n = text.len < AFFIX_MOST ? text.len : AFFIX_MOST;

    if (n > 0) {
        add_option(m, cond, HOW_PREFIX, exact, (unsigned)n, index_hash(0, text.data, n));
    }
}

static void add_suffix(making_t *m, const certmap_cond_t *cond, int exact, certmap_str_t text)
{
    apr_size_t n = text.len < AFFIX_MOST ? text.len : AFFIX_MOST;

    if (n > 0) {
        add_option(m, cond, HOW_SUFFIX, exact, (unsigned)n, index_hash(0, text.data + text.len - n, n));
    }
}

/* The first and the last part of the greatest length that fits; together they cover most of the text. */
static void add_inner(making_t *m, const certmap_cond_t *cond, int exact, certmap_str_t text)
{
    apr_size_t i = 0;
    apr_size_t n;

    if (text.len == 0) {
        return;
    }
    while (inner_lengths[i] > text.len) {
        i++;
    }
    n = inner_lengths[i];
    add_option(m, cond, HOW_INNER, exact, (unsigned)n, index_hash(0, text.data, n));
    if (text.len > n) {
        add_option(m, cond, HOW_INNER, exact, (unsigned)n, index_hash(0, text.data + text.len - n, n));
    }
}

/* The literals between '*' and '?'. */
static void add_wildcard(making_t *m, const certmap_cond_t *cond)
{
    const apr_uint16_t *tokens = cond->u.wildcard.tokens;
    apr_size_t n = cond->u.wildcard.n;
    char *bytes = apr_palloc(m->pool, n + 1);
    apr_size_t from;
    apr_size_t to;

    for (from = 0; from < n; from = to + 1) {
        certmap_str_t run = { bytes + from, 0 };

        for (to = from; to < n && tokens[to] < CERTMAP_TOKEN_ONE; to++) {
            bytes[to] = (char)tokens[to];
        }
        run.len = to - from;
        if (from == 0) {
            add_prefix(m, cond, cond->exact, run);
        }
        else if (to == n) {
            add_suffix(m, cond, cond->exact, run);
        }
        else {
            add_inner(m, cond, cond->exact, run);
        }
    }
}

static void add_regex(making_t *m, const certmap_cond_t *cond)
{
    const certmap_needs_t *needs = cond->u.regex.needs;
    int exact = needs != NULL && !needs->caseless;

    if (needs != NULL && needs->caseless && cond->field.kind == CERTMAP_F_SAN_URI) {
        return; /* what it needs is in lower case, a URI's folded form is not */
    }
    if (needs != NULL && needs->whole) {
        add_equal(m, cond, exact, needs->prefix);
    }
    else if (needs != NULL) {
        add_prefix(m, cond, exact, needs->prefix);
        add_suffix(m, cond, exact, needs->suffix);
        add_inner(m, cond, exact, needs->inner);
    }
}

static void add_condition(making_t *m, const certmap_cond_t *cond)
{
    switch (cond->pattern) {
    case CERTMAP_P_LITERAL:
        add_equal(m, cond, cond->exact, cond->u.literal);
        break;
    case CERTMAP_P_WILDCARD:
        add_wildcard(m, cond);
        break;
    case CERTMAP_P_REGEX:
        add_regex(m, cond);
        break;
    case CERTMAP_P_NETWORK:
        add_option(m, cond, HOW_NETWORK, 0, (unsigned)cond->u.network.len << 8 | cond->u.network.bits,
                   index_hash_network(cond->u.network.octets, cond->u.network.bits));
        break;
    case CERTMAP_P_DN:
        add_option(m, cond, HOW_DN, 0, 0, hash_dn(cond->u.dn));
        break;
    case CERTMAP_P_DN_BELOW:
        add_option(m, cond, HOW_BELOW, 0, 0, hash_dn(cond->u.dn));
        break;
    }
    add_option(m, cond, HOW_PRESENT, 0, 0, 0);
}

/* The keys of a rule. A condition with all: needs a value, too; negations ask for nothing. */
static const key_option_t *options_of(making_t *m, const certmap_rule_t *rule, int *n)
{
    apr_size_t i;

    apr_array_clear(m->options);
    for (i = 0; i < rule->nconds && !rule->disabled; i++) {
        if (!rule->conds[i].negated) {
            add_condition(m, &rule->conds[i]);
        }
    }
    *n = m->options->nelts;
    return (const key_option_t *)m->options->elts;
}

/* ---- building: choosing ----------------------------------------------------------------------------------------- */

static void count_one(apr_uint16_t *c)
{
    *c = (apr_uint16_t)(*c + (*c < 0xffff));
}

/* In two places: it is rare that other keys share both. */
static void count(making_t *m, apr_uint64_t key)
{
    count_one(&m->counts[key & m->counts_mask]);
    count_one(&m->counts[key >> 32 & m->counts_mask]);
}

static apr_uint32_t counted(const making_t *m, apr_uint64_t key)
{
    apr_uint16_t a = m->counts[key & m->counts_mask];
    apr_uint16_t b = m->counts[key >> 32 & m->counts_mask];

    return a < b ? a : b;
}

static growing_key_t *field_for(making_t *m, const certmap_field_t *field)
{
    const char *oid = field->oid ? field->oid : "";
    growing_key_t *f;

    if (m->by_oid[field->kind] == NULL) {
        m->by_oid[field->kind] = apr_hash_make(m->pool);
    }
    f = apr_hash_get(m->by_oid[field->kind], oid, APR_HASH_KEY_STRING);
    if (f == NULL) {
        f = apr_palloc(m->pool, sizeof(*f));
        f->field = field;
        f->ways = apr_array_make(m->pool, 4, sizeof(way_t *));
        f->number = (apr_uint32_t)m->fields->nelts;
        f->nrules = 0;
        apr_hash_set(m->by_oid[field->kind], oid, APR_HASH_KEY_STRING, f);
        APR_ARRAY_PUSH(m->fields, growing_key_t *) = f;
    }
    return f;
}

/* Makes sure that a key is looked for. @return where it belongs */
static way_t *use(making_t *m, const key_option_t *o)
{
    growing_key_t *f = field_for(m, o->field);
    way_t *g = NULL;
    int i;

    for (i = 0; i < f->ways->nelts; i++) {
        g = APR_ARRAY_IDX(f->ways, i, way_t *);
        if (g->how == o->how && g->exact == o->exact && g->len == o->len) {
            break;
        }
    }
    if (i == f->ways->nelts) {
        g = apr_pcalloc(m->pool, sizeof(*g));
        g->how = o->how;
        g->exact = o->exact;
        g->len = o->len;
        g->field = f->number;
        g->power = power_of(o->how == HOW_SUFFIX || o->how == HOW_INNER ? o->len : 0);
        g->seed = seed_of(o->field, o->how, o->exact, o->len);
        APR_ARRAY_PUSH(f->ways, way_t *) = g;
    }
    g->nkeys++;
    m->nkeys++;
    return g;
}

/* The key that the fewest rules share; of equals, what is looked for most quickly. NULL: none */
static const key_option_t *best_of(const making_t *m, const key_option_t *o, int n)
{
    const key_option_t *best = NULL;
    apr_uint32_t least = 0;
    int i;

    for (i = 0; i < n; i++) {
        apr_uint32_t c = counted(m, o[i].key);

        if (best == NULL || c < least || (c == least && o[i].how < best->how)) {
            best = &o[i];
            least = c;
        }
    }
    return best;
}

/* The key that leaves the fewest rules together with the first; NULL when none leaves clearly fewer than the first
 * alone. */
static const key_option_t *second_of(const making_t *m, const key_option_t *first, const key_option_t *o, int n)
{
    const key_option_t *best = NULL;
    apr_uint32_t least = counted(m, first->key) / 2;
    int i;

    for (i = 0; i < n; i++) {
        apr_uint32_t c = counted(m, index_mix(first->key + o[i].key));

        if (o[i].key != first->key && c < least) {
            best = &o[i];
            least = c;
        }
    }
    return best;
}

/* Counts what is shared, then chooses for each rule what is shared least. */
static void choose(making_t *m)
{
    const key_option_t *o;
    const key_option_t *first;
    apr_size_t i;
    int n;
    int j;

    for (i = 0; i < m->n; i++) {
        o = options_of(m, m->rules[i], &n);
        for (j = 0; j < n; j++) {
            count(m, o[j].key);
        }
    }
    for (i = 0; i < m->n; i++) {
        o = options_of(m, m->rules[i], &n);
        first = best_of(m, o, n);
        m->choices[i].nkeys = first != NULL;
        m->choices[i].key[0] = first ? first->key : 0;
        for (j = 0; j < n && counted(m, first->key) > CROWD; j++) {
            count(m, index_mix(first->key + o[j].key));
        }
    }
    for (i = 0; i < m->n; i++) {
        const key_option_t *second = NULL;

        o = options_of(m, m->rules[i], &n);
        for (first = o; first < o + n && first->key != m->choices[i].key[0]; first++) {
        }
        if (first == o + n) {
            continue;
        }
        if (counted(m, first->key) > CROWD) {
            second = second_of(m, first, o, n);
        }
        m->choices[i].way[0] = use(m, first);
        if (second != NULL) {
            m->choices[i].way[1] = use(m, second);
            m->choices[i].nkeys = 2;
            m->choices[i].key[1] = second->key;
            m->nkeys++; /* the pair itself */
        }
    }
}

/* ---- building: the table ---------------------------------------------------------------------------------------- */

static apr_uint64_t power_of_two(apr_size_t least)
{
    apr_uint64_t n = 64;

    while (n < least) {
        n *= 2;
    }
    return n;
}

static apr_uint32_t insert(making_t *m, apr_uint64_t key)
{
    bucket_slot_t *slot = (bucket_slot_t *)index_slot(m->slots, m->mask, key);

    if (slot->bucket == CERTMAP_INDEX_NOTHING) {
        slot->check = (apr_uint32_t)key;
        slot->bucket = (apr_uint32_t)m->buckets->nelts;
        memset(apr_array_push(m->buckets), 0, sizeof(bucket_t));
    }
    return slot->bucket;
}

#define BUCKET(m, i) (&APR_ARRAY_IDX((m)->buckets, (i), bucket_t))

/* Gives every rule its bucket. @return how many numbers of rules there are to keep */
static apr_size_t enter(making_t *m)
{
    apr_size_t total = 0;
    apr_size_t i;
    int e;

    for (i = 0; i < m->n; i++) {
        choice_t *c = &m->choices[i];

        c->bucket = c->lead = CERTMAP_INDEX_NOTHING;
        if (c->nkeys == 2) {
            apr_uint32_t follow = insert(m, c->key[1]);

            c->lead = insert(m, c->key[0]);
            c->bucket = insert(m, index_pair_key(c->lead, follow));
            BUCKET(m, follow)->follows = 1;
            BUCKET(m, c->lead)->all_n++;
        }
        else if (c->nkeys == 1) {
            c->bucket = insert(m, c->key[0]);
        }
        if (c->bucket != CERTMAP_INDEX_NOTHING) {
            BUCKET(m, c->bucket)->n++;
        }
    }
    for (e = 0; e < m->buckets->nelts; e++) {
        BUCKET(m, e)->first = (apr_uint32_t)total;
        total += BUCKET(m, e)->n;
        BUCKET(m, e)->all_first = (apr_uint32_t)total;
        total += BUCKET(m, e)->all_n;
        BUCKET(m, e)->n = BUCKET(m, e)->all_n = 0;
    }
    return total;
}

/* Writes each bucket's rules, in their order. */
static void fill(making_t *m, certmap_index_t *ix, apr_size_t total, apr_pool_t *p)
{
    apr_uint32_t *rules = apr_palloc(p, (total + 1) * sizeof(*rules));
    apr_uint32_t *always;
    apr_size_t i;

    for (i = 0; i < m->n; i++) {
        ix->nalways += m->choices[i].bucket == CERTMAP_INDEX_NOTHING && !m->rules[i]->disabled;
    }
    ix->always = always = apr_palloc(p, (ix->nalways + 1) * sizeof(*always));
    for (i = 0; i < m->n; i++) {
        const choice_t *c = &m->choices[i];

        if (c->bucket != CERTMAP_INDEX_NOTHING) {
            rules[BUCKET(m, c->bucket)->first + BUCKET(m, c->bucket)->n++] = (apr_uint32_t)i;
        }
        else if (!m->rules[i]->disabled) {
            *always++ = (apr_uint32_t)i;
        }
        if (c->lead != CERTMAP_INDEX_NOTHING) {
            rules[BUCKET(m, c->lead)->all_first + BUCKET(m, c->lead)->all_n++] = (apr_uint32_t)i;
        }
    }
    ix->rules = rules;
    ix->buckets = apr_pmemdup(p, m->buckets->elts, (apr_size_t)m->buckets->nelts * sizeof(bucket_t));
}

static void make_table(making_t *m, certmap_index_t *ix, apr_pool_t *p)
{
    m->mask = power_of_two(m->nkeys * 2) - 1;
    m->slots = apr_palloc(p, (apr_size_t)(m->mask + 1) * sizeof(*m->slots));
    memset(m->slots, 0xff, (apr_size_t)(m->mask + 1) * sizeof(*m->slots));
    m->buckets = apr_array_make(m->pool, 64, sizeof(bucket_t));
    fill(m, ix, enter(m), p);
    ix->slots = m->slots;
    ix->mask = m->mask;
}

#define FIELD(m, i) (APR_ARRAY_IDX((m)->fields, (i), growing_key_t *))

/* Whether a rule's key of this number is the first that it has in its field. */
static int first_in_field(const choice_t *c, int key)
{
    return key < c->nkeys && (key == 0 || c->way[1]->field != c->way[0]->field);
}

/* Lists each field's rules, in their order. */
static void list_rules(making_t *m, field_t *fields, apr_pool_t *p)
{
    apr_size_t r;
    int i;
    int k;

    for (r = 0; r < m->n; r++) {
        for (k = 0; first_in_field(&m->choices[r], k); k++) {
            FIELD(m, m->choices[r].way[k]->field)->nrules++;
        }
    }
    for (i = 0; i < m->fields->nelts; i++) {
        FIELD(m, i)->rules = apr_palloc(p, FIELD(m, i)->nrules * sizeof(*fields->rules));
        fields[i].rules = FIELD(m, i)->rules;
        fields[i].nrules = FIELD(m, i)->nrules;
    }
    for (r = 0; r < m->n; r++) {
        for (k = 0; first_in_field(&m->choices[r], k); k++) {
            *FIELD(m, m->choices[r].way[k]->field)->rules++ = (apr_uint32_t)r;
        }
    }
}

/* Gives each way a filter of its size, and what is looked at together a place together. */
static void make_fields(making_t *m, certmap_index_t *ix, apr_pool_t *p)
{
    field_t *fields = apr_palloc(p, ((apr_size_t)m->fields->nelts + 1) * sizeof(*fields));
    apr_size_t r;
    int i;
    int j;

    for (i = 0; i < m->fields->nelts; i++) {
        const growing_key_t *from = APR_ARRAY_IDX(m->fields, i, growing_key_t *);

        for (j = 0; j < from->ways->nelts; j++) {
            way_t *g = APR_ARRAY_IDX(from->ways, j, way_t *);

            g->mask = power_of_two((apr_size_t)g->nkeys * 8) - 1;
            g->filter = apr_pcalloc(p, (apr_size_t)(g->mask / 64 + 1) * sizeof(*g->filter));
        }
    }
    for (r = 0; r < m->n; r++) {
        const choice_t *c = &m->choices[r];

        for (i = 0; i < c->nkeys; i++) {
            c->way[i]->filter[(c->key[i] & c->way[i]->mask) / 64] |= APR_UINT64_C(1) << (c->key[i] & 63);
        }
    }
    for (i = 0; i < m->fields->nelts; i++) {
        const growing_key_t *from = APR_ARRAY_IDX(m->fields, i, growing_key_t *);
        way_t *ways = apr_palloc(p, (apr_size_t)from->ways->nelts * sizeof(*ways));

        for (j = 0; j < from->ways->nelts; j++) {
            ways[j] = *APR_ARRAY_IDX(from->ways, j, way_t *);
        }
        fields[i] = (field_t){ from->field, ways, (apr_size_t)from->ways->nelts, NULL, 0 };
    }
    list_rules(m, fields, p);
    ix->fields = fields;
    ix->nfields = (apr_size_t)m->fields->nelts;
}

const certmap_index_t *certmap_index_create(const certmap_rule_t *const *rules, apr_size_t n, apr_pool_t *p)
{
    certmap_index_t *ix = apr_pcalloc(p, sizeof(*ix));
    making_t m = { .rules = rules, .n = n };
    apr_pool_t *counting;

    if (n >= CERTMAP_INDEX_NOTHING / 4) {
        return NULL;
    }
    m.pool = certmap_pool_temporary(p);
    m.options = apr_array_make(m.pool, 32, sizeof(key_option_t));
    m.counts_mask = power_of_two(n * 16) - 1;
    counting = certmap_pool_temporary(m.pool);
    m.counts = apr_pcalloc(counting, (apr_size_t)(m.counts_mask + 1) * sizeof(*m.counts));
    m.fields = apr_array_make(m.pool, 16, sizeof(growing_key_t *));
    m.choices = apr_pcalloc(m.pool, (n + 1) * sizeof(*m.choices));
    choose(&m);
    apr_pool_destroy(counting);
    make_table(&m, ix, p);
    make_fields(&m, ix, p);
    apr_pool_destroy(m.pool);
    return ix;
}
