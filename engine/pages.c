/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads LMDB data files: two meta pages, then B+tree pages that are written once and not changed while a version uses
 * them. Nothing that stands in the file is followed before it has been checked, because a file may be damaged, cut off,
 * somebody else's, or just being overwritten; numbers are read once, so that what was checked is what is used.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <apr_strings.h>

#include "store.h"

/* LMDB writes numbers as the machine has them; these are the layouts of its lib on the same machine. */
typedef struct meta_db_t {
    apr_uint32_t pad;               /* size of a page, in the first of the two */
    apr_uint16_t flags;
    apr_uint16_t depth;
    size_t branch_pages;
    size_t leaf_pages;
    size_t overflow_pages;
    size_t entries;
    size_t root;
} meta_db_t;

typedef struct meta_t {
    apr_uint32_t magic;
    apr_uint32_t version;
    void *address;
    size_t mapsize;
    meta_db_t dbs[2];               /* free pages, main */
    size_t last;
    size_t txnid;
} meta_t;

#define META_MAGIC 0xBEEFC0DEu
#define META_VERSION 1u

/* Of a page: number, 16 bits of padding, flags, two limits or a number of pages. */
#define PAGE_HEAD (sizeof(size_t) + 8)
#define PAGE_FLAGS (sizeof(size_t) + 2)
#define PAGE_LOWER (sizeof(size_t) + 4)
#define PAGE_UPPER (sizeof(size_t) + 6)
#define PAGE_BRANCH 0x01u
#define PAGE_LEAF 0x02u
#define PAGE_OVERFLOW 0x04u

/* Of a tree. The low bits of the free pages' tree are those of liblmdb's environment, of which one means nothing. */
#define TREE_NUMBERS 0x08u
#define TREE_NO_SUBDIRECTORY 0x4000u

/* Of a node: two halves of a number, flags, length of the key, then key and value. */
#define NODE_HEAD 8
#define NODE_BIG 0x01u
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NODE_LOW 0
#define NODE_HIGH 2
#else
#define NODE_LOW 2
#define NODE_HIGH 0
#endif
#define NODE_FLAGS 4
#define NODE_KEYLEN 6

#define DEPTH_MAX 32

static const char cut_off[] = "the file is cut off";
static const char damaged[] = "a page is damaged";

/* ---- numbers in the file ------------------------------------------------------------------------------------- */

/* The file may change under the eyes of the reader: every number is read exactly once. */
static unsigned load16(const unsigned char *s)
{
    return __atomic_load_n((const apr_uint16_t *)(const void *)s, __ATOMIC_RELAXED);
}

static size_t load_word(const unsigned char *s)
{
    size_t n;

    memcpy(&n, s, sizeof(n));
    return n;
}

/* ---- meta pages ---------------------------------------------------------------------------------------------- */

static const unsigned char *meta_at(const certmap_pages_t *pages, int i)
{
    return pages->map + (apr_size_t)i * pages->page + PAGE_HEAD;
}

static apr_uint64_t meta_txnid(const certmap_pages_t *pages, int i)
{
    const meta_t *meta = (const meta_t *)(const void *)meta_at(pages, i);

    return __atomic_load_n(&meta->txnid, __ATOMIC_ACQUIRE);
}

void certmap_pages_marks(const certmap_pages_t *pages, apr_uint64_t marks[CERTMAP_MARKS])
{
    int i;

    for (i = 0; i < 2; i++) {
        const meta_t *meta = (const meta_t *)(const void *)meta_at(pages, i);

        marks[2 * i] = meta_txnid(pages, i);
        marks[2 * i + 1] = __atomic_load_n(&meta->dbs[1].root, __ATOMIC_RELAXED);
    }
}

/* Copies a meta page when it holds still: its number is the same before and after, and so is all of it when read
 * again. */
static int copy_meta(const certmap_pages_t *pages, int i, meta_t *meta)
{
    meta_t again;

    memcpy(meta, meta_at(pages, i), sizeof(*meta));
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    memcpy(&again, meta_at(pages, i), sizeof(again));
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return memcmp(meta, &again, sizeof(again)) == 0;
}

static int is_meta(const meta_t *meta)
{
    return meta->magic == META_MAGIC && meta->version == META_VERSION;
}

int certmap_pages_snapshot(const certmap_pages_t *pages, certmap_snapshot_t *snapshot)
{
    meta_t meta;
    int tries;

    for (tries = 0; tries < 1000; tries++) {
        apr_uint64_t even = meta_txnid(pages, 0);
        apr_uint64_t odd = meta_txnid(pages, 1);
        int newest = odd > even;

        if (!copy_meta(pages, newest, &meta) || meta.txnid != (newest ? odd : even)
            || meta_txnid(pages, !newest) != (newest ? even : odd)) {
            continue;
        }
        /* Even numbers go to the first page, odd ones to the second, and none is left out. */
        if (even % 2 != 0 || odd % 2 != 1 || (newest ? odd - even : even - odd) != 1) {
            return 0;
        }
        if (!is_meta(&meta) || meta.dbs[0].pad != pages->page || meta.dbs[1].flags != 0 || meta.dbs[1].depth == 0
            || meta.dbs[1].depth > DEPTH_MAX || meta.last < 2) {
            return 0;
        }
        *snapshot = (certmap_snapshot_t){ .txnid = meta.txnid, .root = meta.dbs[1].root, .last = meta.last,
                                          .entries = meta.dbs[1].entries, .depth = meta.dbs[1].depth,
                                          .free_root = meta.dbs[0].root, .free_entries = meta.dbs[0].entries,
                                          .free_depth = meta.dbs[0].depth, .free_flags = meta.dbs[0].flags };
        return 1;
    }
    return 0;
}

int certmap_pages_still(const certmap_pages_t *pages, const certmap_snapshot_t *snapshot)
{
    certmap_snapshot_t now;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!certmap_pages_snapshot(pages, &now)) {
        return 0;
    }
    if (now.txnid != snapshot->txnid) {
        return now.txnid == snapshot->txnid + 1;
    }
    return now.root == snapshot->root && now.last == snapshot->last && now.entries == snapshot->entries
           && now.depth == snapshot->depth;
}

/* ---- opening ------------------------------------------------------------------------------------------------- */

static apr_status_t close_pages(void *data)
{
    certmap_pages_t *pages = data;

    if (pages->map != NULL) {
        munmap((void *)(apr_uintptr_t)pages->map, pages->len);
    }
    if (pages->fd >= 0) {
        close(pages->fd);
    }
    return APR_SUCCESS;
}

/* Whether this is an LMDB file at all. */
static const char *check_magic(const certmap_pages_t *pages)
{
    apr_uint32_t words[2];

    if (pages->len < PAGE_HEAD + sizeof(words)) {
        return "not an LMDB file";
    }
    memcpy(words, pages->map + PAGE_HEAD, sizeof(words));
    if (words[0] != META_MAGIC) {
        return "not an LMDB file";
    }
    return words[1] == META_VERSION ? NULL : "an LMDB file of a version that cannot be read";
}

/* Whether both meta pages are there and of one kind. */
static const char *check_metas(certmap_pages_t *pages)
{
    meta_t first;
    meta_t second;

    if (pages->len < PAGE_HEAD + sizeof(meta_t)) {
        return cut_off;
    }
    memcpy(&first, pages->map + PAGE_HEAD, sizeof(first));
    pages->page = first.dbs[0].pad;
    if (pages->page < 512 || pages->page > 65536 || (pages->page & (pages->page - 1)) != 0) {
        return damaged;
    }
    if (pages->len < 2 * pages->page) {
        return cut_off;
    }
    memcpy(&second, pages->map + pages->page + PAGE_HEAD, sizeof(second));
    return is_meta(&second) && second.dbs[0].pad == pages->page ? NULL : damaged;
}

/* Checks what has been mapped. */
static apr_status_t check_file(certmap_pages_t *pages, const char **why)
{
    if (pages->len == 0) {
        *why = "the file is empty";
        return APR_EGENERAL;
    }
    *why = check_magic(pages);
    if (*why != NULL) {
        return APR_EINVAL;
    }
    *why = check_metas(pages);
    return *why == NULL ? APR_SUCCESS : APR_EGENERAL;
}

apr_status_t certmap_pages_open(const char *path, certmap_pages_t **out, const char **why, apr_pool_t *p)
{
    certmap_pages_t *pages = apr_pcalloc(p, sizeof(*pages));
    char buf[200];
    apr_status_t rv = APR_SUCCESS;
    void *map = MAP_FAILED;

    *out = pages;
    *why = NULL;
    pages->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    apr_pool_cleanup_register(p, pages, close_pages, apr_pool_cleanup_null);
    if (pages->fd < 0 || fstat(pages->fd, &pages->st) != 0) {
        rv = errno;
    }
    else if (!S_ISREG(pages->st.st_mode)) {
        rv = APR_EINVAL;
        *why = S_ISDIR(pages->st.st_mode) ? "a directory; a store is one file" : "not a regular file";
    }
    else if (pages->st.st_size > 0) {
        map = mmap(NULL, (size_t)pages->st.st_size, PROT_READ, MAP_SHARED, pages->fd, 0);
        rv = map == MAP_FAILED ? errno : APR_SUCCESS;
    }
    if (rv == APR_SUCCESS) {
        pages->map = map == MAP_FAILED ? NULL : map;
        pages->len = (apr_size_t)pages->st.st_size;
        return check_file(pages, why);
    }
    if (*why == NULL) {
        *why = apr_pstrdup(p, apr_strerror(rv, buf, sizeof(buf)));
    }
    return rv;
}

/* ---- pages and nodes ----------------------------------------------------------------------------------------- */

/* What a search or a walk works with. */
typedef struct tour_t {
    const certmap_pages_t *pages;
    const certmap_snapshot_t *snapshot;
    const char *why;                /* a constant */
    apr_pool_t *pool;
} tour_t;

/* A tree page whose frame has been checked. */
typedef struct tree_page_t {
    const unsigned char *at;
    unsigned lower;
    unsigned upper;
    unsigned n;                     /* nodes */
    int leaf;
} tree_page_t;

/* A node whose place has been checked. */
typedef struct slot_t {
    const unsigned char *at;
    const unsigned char *key;
    apr_size_t keylen;
    apr_size_t room;                /* bytes behind the key */
} slot_t;

static int complain(tour_t *tour, const char *why)
{
    tour->why = why;
    return 0;
}

/* n pages from a number on. @return NULL when they are not all there */
static const unsigned char *page_at(tour_t *tour, apr_uint64_t number, apr_uint64_t n)
{
    const certmap_pages_t *pages = tour->pages;

    if (number < 2 || number > tour->snapshot->last || n > tour->snapshot->last - number + 1) {
        complain(tour, damaged);
        return NULL;
    }
    if (number + n > pages->len / pages->page) {
        complain(tour, cut_off);
        return NULL;
    }
    if (load_word(pages->map + number * pages->page) != number) {
        complain(tour, damaged);
        return NULL;
    }
    return pages->map + number * pages->page;
}

static int tree_page(tour_t *tour, apr_uint64_t number, int leaf, tree_page_t *page)
{
    page->at = page_at(tour, number, 1);
    if (page->at == NULL) {
        return 0;
    }
    page->lower = load16(page->at + PAGE_LOWER);
    page->upper = load16(page->at + PAGE_UPPER);
    page->leaf = leaf;
    if (load16(page->at + PAGE_FLAGS) != (leaf ? PAGE_LEAF : PAGE_BRANCH) || page->lower < PAGE_HEAD
        || page->lower > page->upper || page->upper > tour->pages->page || page->lower % 2 != 0) {
        return complain(tour, damaged);
    }
    page->n = (page->lower - (unsigned)PAGE_HEAD) / 2;
    return page->n >= (leaf ? 1u : 2u) ? 1 : complain(tour, damaged);
}

static int node_at(tour_t *tour, const tree_page_t *page, unsigned i, slot_t *node)
{
    unsigned offset = load16(page->at + PAGE_HEAD + 2 * i);

    if (offset < page->lower || offset % 2 != 0 || offset + NODE_HEAD > tour->pages->page) {
        return complain(tour, damaged);
    }
    node->at = page->at + offset;
    node->key = node->at + NODE_HEAD;
    node->keylen = load16(node->at + NODE_KEYLEN);
    if (offset + NODE_HEAD + node->keylen > tour->pages->page) {
        return complain(tour, damaged);
    }
    node->room = tour->pages->page - offset - NODE_HEAD - node->keylen;
    return 1;
}

static apr_uint64_t child_of(const slot_t *node)
{
    apr_uint64_t number = load16(node->at + NODE_LOW) | (apr_uint64_t)load16(node->at + NODE_HIGH) << 16;

    return sizeof(size_t) > 4 ? number | (apr_uint64_t)load16(node->at + NODE_FLAGS) << 32 : number;
}

/* As LMDB orders keys: by bytes, the shorter first. */
static int compare(const unsigned char *a, apr_size_t alen, const unsigned char *b, apr_size_t blen)
{
    int c = memcmp(a, b, alen < blen ? alen : blen);

    return c != 0 ? c : (alen > blen) - (alen < blen);
}

/* Where the value of a leaf's node stands. */
typedef struct value_t {
    const unsigned char *at;
    apr_size_t len;
    apr_uint64_t first;             /* of its own pages */
    apr_uint64_t pages;             /* 0: it stands in the leaf */
} value_t;

/* Finds a value on pages of its own, of which there may be more than it needs. */
static int big_value(tour_t *tour, const slot_t *node, value_t *value)
{
    apr_uint64_t least = (PAGE_HEAD + value->len + tour->pages->page - 1) / tour->pages->page;
    const unsigned char *page;

    if (node->room < sizeof(size_t)) {
        return complain(tour, damaged);
    }
    value->first = load_word(node->key + node->keylen);
    page = page_at(tour, value->first, least);
    if (page == NULL) {
        return 0;
    }
    value->pages = load16(page + PAGE_LOWER + NODE_LOW) | (apr_uint64_t)load16(page + PAGE_LOWER + NODE_HIGH) << 16;
    if (load16(page + PAGE_FLAGS) != PAGE_OVERFLOW || value->pages < least) {
        return complain(tour, damaged);
    }
    value->at = page + PAGE_HEAD;
    return page_at(tour, value->first, value->pages) != NULL;
}

static int value_of(tour_t *tour, const slot_t *node, value_t *value)
{
    unsigned flags = load16(node->at + NODE_FLAGS);

    value->len = load16(node->at + NODE_LOW) | (apr_size_t)load16(node->at + NODE_HIGH) << 16;
    value->at = node->key + node->keylen;
    value->first = 0;
    value->pages = 0;
    if (flags & ~NODE_BIG) {
        return complain(tour, damaged);
    }
    if (flags & NODE_BIG) {
        return big_value(tour, node, value);
    }
    return value->len <= node->room ? 1 : complain(tour, damaged);
}

/* Copies a leaf's node. */
static int copy_node(tour_t *tour, const slot_t *node, certmap_node_t *out)
{
    value_t value;

    if (!value_of(tour, node, &value)) {
        return 0;
    }
    if (value.len > CERTMAP_RECORD_MAX + CERTMAP_SUM_LEN) {
        return complain(tour, damaged);
    }
    out->key = apr_pmemdup(tour->pool, node->key, node->keylen);
    out->keylen = node->keylen;
    out->value = apr_pmemdup(tour->pool, value.at, value.len);
    out->len = value.len;
    return 1;
}

/* ---- searching ----------------------------------------------------------------------------------------------- */

typedef struct step_t {
    tree_page_t page;
    unsigned index;                 /* of the child that was taken; in the leaf, of the first key not before */
} step_t;

/* The first node of a page, from `from` on, whose key is not before a key (after it, when past). -1: an error */
static int lower_bound(tour_t *tour, const tree_page_t *page, unsigned from, const unsigned char *key,
                       apr_size_t keylen, int past)
{
    unsigned low = from;
    unsigned high = page->n;
    slot_t node;

    while (low < high) {
        unsigned mid = low + (high - low) / 2;

        if (!node_at(tour, page, mid, &node)) {
            return -1;
        }
        if (compare(node.key, node.keylen, key, keylen) < past) {
            low = mid + 1;
        }
        else {
            high = mid;
        }
    }
    return (int)low;
}

/* Goes down to the leaf where a key belongs. */
static int descend(tour_t *tour, const unsigned char *key, apr_size_t keylen, step_t path[DEPTH_MAX])
{
    apr_uint64_t number = tour->snapshot->root;
    unsigned depth = tour->snapshot->depth;
    unsigned i;
    slot_t node;
    int at;

    for (i = 0; i < depth; i++) {
        int leaf = i + 1 == depth;

        if (!tree_page(tour, number, leaf, &path[i].page)) {
            return 0;
        }
        /* A branch's first key stands for everything before its second. */
        at = lower_bound(tour, &path[i].page, leaf ? 0 : 1, key, keylen, !leaf);
        if (at < 0) {
            return 0;
        }
        path[i].index = (unsigned)at - !leaf;
        if (!leaf) {
            if (!node_at(tour, &path[i].page, path[i].index, &node)) {
                return 0;
            }
            number = child_of(&node);
        }
    }
    return 1;
}

/* The last node before a leaf (side 0) or the first one behind it (side 1). @return 1, 0 an error; at NULL: none */
static int next_leaf_node(tour_t *tour, const step_t path[DEPTH_MAX], int side, slot_t *node)
{
    unsigned depth = tour->snapshot->depth;
    unsigned level = depth - 1;
    tree_page_t page;
    unsigned index;

    node->at = NULL;
    for (;;) {
        if (level == 0) {
            return 1;
        }
        level--;
        if (side == 0 ? path[level].index > 0 : path[level].index + 1 < path[level].page.n) {
            break;
        }
    }
    index = side == 0 ? path[level].index - 1 : path[level].index + 1;
    for (page = path[level].page; node_at(tour, &page, index, node); index = side == 0 ? page.n - 1 : 0) {
        if (page.leaf) {
            return 1;
        }
        level++;
        if (!tree_page(tour, child_of(node), level + 1 == depth, &page)) {
            return 0;
        }
    }
    return 0;
}

/* The neighbours of a key that is not there; they must stand on either side of it. */
static int copy_around(tour_t *tour, const unsigned char *key, apr_size_t keylen, const step_t path[DEPTH_MAX],
                       certmap_node_t around[2])
{
    const step_t *leaf = &path[tour->snapshot->depth - 1];
    int side;

    for (side = 0; side < 2; side++) {
        int inside = side == 0 ? leaf->index > 0 : leaf->index < leaf->page.n;
        slot_t node;

        memset(&around[side], 0, sizeof(around[side]));
        if (inside ? !node_at(tour, &leaf->page, side == 0 ? leaf->index - 1 : leaf->index, &node)
                   : !next_leaf_node(tour, path, side, &node)) {
            return 0;
        }
        if (node.at == NULL) {
            continue;
        }
        if (!copy_node(tour, &node, &around[side])) {
            return 0;
        }
        if (side == 0 ? compare(around[side].key, around[side].keylen, key, keylen) >= 0
                      : compare(around[side].key, around[side].keylen, key, keylen) <= 0) {
            return complain(tour, "its keys are in disorder");
        }
    }
    return 1;
}

apr_status_t certmap_pages_find(const certmap_pages_t *pages, const certmap_snapshot_t *snapshot,
                                const unsigned char *key, apr_size_t keylen, certmap_node_t *found,
                                certmap_node_t around[2], const char **why, apr_pool_t *p)
{
    tour_t tour = { pages, snapshot, NULL, p };
    step_t path[DEPTH_MAX];
    const step_t *leaf = &path[snapshot->depth - 1];
    slot_t node = { NULL, NULL, 0, 0 };
    int fine = descend(&tour, key, keylen, path);
    int here = 0;

    *why = NULL;
    if (fine && leaf->index < leaf->page.n) {
        fine = node_at(&tour, &leaf->page, leaf->index, &node);
        here = fine && compare(node.key, node.keylen, key, keylen) == 0;
    }
    if (fine) {
        fine = here ? copy_node(&tour, &node, found) : copy_around(&tour, key, keylen, path, around);
    }
    if (!fine) {
        *why = tour.why;
        return APR_EGENERAL;
    }
    return here ? APR_SUCCESS : APR_NOTFOUND;
}

/* ---- walking ------------------------------------------------------------------------------------------------- */

typedef struct walk_t {
    tour_t tour;
    certmap_node_fn *fn;            /* NULL: only the pages are looked at */
    void *baton;
    int free;                       /* the tree of free pages: its keys are numbers, its values lists of pages */
    apr_uint64_t seen;              /* entries */
    unsigned char last[512];        /* the key before, or the branch's key that the next one is not before */
    apr_size_t lastlen;
    int may_equal;
    unsigned char *used;            /* a bit for each page: whether something has it */
    apr_uint64_t bits;
    apr_pool_t *scratch;
} walk_t;

/* Takes pages: nothing else may have them. */
static int use(walk_t *walk, apr_uint64_t number, apr_uint64_t n)
{
    for (; n > 0; n--, number++) {
        if (number < 2 || number >= walk->bits) {
            return complain(&walk->tour, damaged);
        }
        if (walk->used[number / 8] & 1u << number % 8) {
            return complain(&walk->tour, "a page stands in two places");
        }
        walk->used[number / 8] |= (unsigned char)(1u << number % 8);
    }
    return 1;
}

/* Numbers are ordered as such. */
static int compare_keys(const walk_t *walk, const unsigned char *key, apr_size_t keylen)
{
    size_t a;
    size_t b;

    if (!walk->free) {
        return compare(walk->last, walk->lastlen, key, keylen);
    }
    a = load_word(walk->last);
    b = load_word(key);
    return (a > b) - (a < b);
}

/* Whether a key may come next; remembers it. */
static int in_order(walk_t *walk, const unsigned char *key, apr_size_t keylen, int may_equal)
{
    if (keylen > sizeof(walk->last) || (walk->free && keylen != sizeof(size_t))
        || (walk->lastlen > 0 && compare_keys(walk, key, keylen) >= walk->may_equal)) {
        return complain(&walk->tour, "its keys are in disorder");
    }
    memcpy(walk->last, key, keylen);
    walk->lastlen = keylen;
    walk->may_equal = may_equal;
    return 1;
}

/* Takes the pages that an entry of the free pages' tree lists: their number, then the pages, the last one first. */
static int use_free(walk_t *walk, const value_t *value)
{
    apr_size_t room = value->len / sizeof(size_t);
    apr_size_t n = room > 0 ? load_word(value->at) : 0;
    apr_size_t i;

    if (room == 0 || n > room - 1) {
        return complain(&walk->tour, damaged);
    }
    for (i = 1; i <= n; i++) {
        apr_uint64_t number = load_word(value->at + i * sizeof(size_t));

        if (i > 1 && number >= load_word(value->at + (i - 1) * sizeof(size_t))) {
            return complain(&walk->tour, damaged);
        }
        if (!use(walk, number, 1)) {
            return 0;
        }
    }
    return 1;
}

static int tell_entry(walk_t *walk, const slot_t *node)
{
    certmap_node_t copy;

    apr_pool_clear(walk->scratch);
    if (!copy_node(&walk->tour, node, &copy)) {
        return 0;
    }
    walk->tour.why = walk->fn(walk->baton, &copy, walk->scratch);
    return walk->tour.why == NULL;
}

/* @param bytes in, out: of the page's nodes */
static int visit_entry(walk_t *walk, const slot_t *node, apr_size_t *bytes)
{
    value_t value;

    if (!value_of(&walk->tour, node, &value) || !use(walk, value.first, value.pages)
        || !in_order(walk, node->key, node->keylen, 0)) {
        return 0;
    }
    *bytes += value.pages > 0 ? sizeof(size_t) : value.len;
    walk->seen++;
    if (walk->free) {
        return use_free(walk, &value);
    }
    return walk->fn != NULL ? tell_entry(walk, node) : 1;
}

/* Depth is at most DEPTH_MAX. */
static int visit(walk_t *walk, apr_uint64_t number, unsigned depth)
{
    int leaf = depth == 1;
    apr_size_t bytes = 0;
    tree_page_t page;
    slot_t node;
    unsigned i;

    if (!tree_page(&walk->tour, number, leaf, &page) || !use(walk, number, 1)) {
        return 0;
    }
    for (i = 0; i < page.n; i++) {
        if (!node_at(&walk->tour, &page, i, &node)) {
            return 0;
        }
        /* A branch's first key stands for everything before its second. */
        if (leaf ? !visit_entry(walk, &node, &bytes)
                 : (i > 0 && !in_order(walk, node.key, node.keylen, 1))
                   || !visit(walk, child_of(&node), depth - 1)) {
            return 0;
        }
        bytes += NODE_HEAD + node.keylen;
        bytes += bytes % 2;     /* nodes begin at even places */
        if (node.at < page.at + page.upper) {
            return complain(&walk->tour, damaged);
        }
    }
    return bytes == walk->tour.pages->page - page.upper ? 1 : complain(&walk->tour, damaged);
}

/* One tree. */
static int walk_tree(walk_t *walk, apr_uint64_t root, unsigned depth, apr_uint64_t entries)
{
    walk->seen = 0;
    walk->lastlen = 0;
    if (!visit(walk, root, depth)) {
        return 0;
    }
    return walk->seen == entries ? 1
           : complain(&walk->tour, "there are more or fewer entries than the store says");
}

/* Prepares a walk. A file may end before its last pages when these are free. */
static int begin_walk(walk_t *walk, apr_pool_t *p)
{
    const certmap_pages_t *pages = walk->tour.pages;
    apr_uint64_t there = pages->len / pages->page;

    if (walk->tour.snapshot->last >= 4 * there + 65536) {
        return complain(&walk->tour, cut_off);
    }
    if (apr_pool_create(&walk->scratch, p) != APR_SUCCESS) {
        return complain(&walk->tour, "out of memory");
    }
    walk->tour.pool = walk->scratch;
    walk->bits = walk->tour.snapshot->last + 1;
    walk->used = apr_pcalloc(p, (apr_size_t)(walk->bits / 8 + 1));
    return 1;
}

/* @return APR_SUCCESS, or APR_EGENERAL with *why */
static apr_status_t end_walk(walk_t *walk, int fine, const char **why)
{
    if (walk->scratch != NULL) {
        apr_pool_destroy(walk->scratch);
    }
    *why = fine ? NULL : walk->tour.why;
    return fine ? APR_SUCCESS : APR_EGENERAL;
}

apr_status_t certmap_pages_walk(const certmap_pages_t *pages, const certmap_snapshot_t *snapshot, certmap_node_fn *fn,
                                void *baton, const char **why, apr_pool_t *p)
{
    walk_t walk = { .tour = { pages, snapshot, NULL, NULL }, .fn = fn, .baton = baton };

    return end_walk(&walk, begin_walk(&walk, p) && walk_tree(&walk, snapshot->root, snapshot->depth,
                                                             snapshot->entries), why);
}

/* Whether what is said of the free pages' tree makes sense; one without pages has no depth. */
static int is_free_tree(const certmap_snapshot_t *snapshot)
{
    return (snapshot->free_flags & ~TREE_NO_SUBDIRECTORY) == TREE_NUMBERS && snapshot->free_depth <= DEPTH_MAX
           && (snapshot->free_depth > 0 || (snapshot->free_root == (apr_uint64_t)(size_t)-1
                                            && snapshot->free_entries == 0));
}

apr_status_t certmap_pages_check(const certmap_pages_t *pages, const certmap_snapshot_t *snapshot, const char **why,
                                 apr_pool_t *p)
{
    walk_t walk = { .tour = { pages, snapshot, NULL, NULL } };
    int fine = begin_walk(&walk, p)
               && walk_tree(&walk, snapshot->root, snapshot->depth, snapshot->entries);

    if (fine && !is_free_tree(snapshot)) {
        fine = complain(&walk.tour, "its list of free pages is damaged");
    }
    if (fine && snapshot->free_depth > 0) {
        walk.free = 1;
        fine = walk_tree(&walk, snapshot->free_root, snapshot->free_depth, snapshot->free_entries)
               || complain(&walk.tour, "its list of free pages is damaged");
    }
    return end_walk(&walk, fine, why);
}
