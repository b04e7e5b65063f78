/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of one-to-one entries: what each spelling of a key comes to, every error at its place, the short way through
 * usual lines against the lexer, and what a certificate finds in a table.
 */
#include "fixture.h"
#include "base/testing.h"
#include "entries/testing.h"

#define HASH "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HASH_COLONS "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F"

/* ---- reading ------------------------------------------------------------------------------------------------- */

static certmap_sink_t new_sink(void)
{
    certmap_sink_t sink = { .list = apr_array_make(pool, 4, sizeof(certmap_error_t)), .pool = pool };

    return sink;
}

/* An error as "line:column: text", NULL when there is none. */
static const char *first_error(const apr_array_header_t *errors)
{
    const certmap_error_t *e = (const certmap_error_t *)errors->elts;

    return errors->nelts == 0
               ? NULL
               : apr_psprintf(pool, "%d:%d: %s%s", e->line, e->column, e->warning ? "warning: " : "", e->text);
}

/* Everything that reading a text gives, as text. */
static const char *read_as_text(const char *data, apr_size_t len, int fast)
{
    certmap_sink_t sink = new_sink();
    certmap_line_reader_t *reader = certmap_line_reader_create((certmap_str_t){ data, len }, &sink, fast, pool);
    const char *out = "";
    certmap_line_t line;
    int i;

    while (certmap_line_next(reader, &line) == APR_SUCCESS) {
        const char *key = certmap_line_key_text(&line, pool);

        out = apr_pstrcat(pool, out, apr_psprintf(pool, "%d:%d ", line.place.line, line.place.column),
                          certmap_hex(line.key.hash, CERTMAP_HASH_LEN, pool).data, " ",
                          certmap_entry_text(key, &line.entry, pool), "\n", NULL);
    }
    for (i = 0; i < sink.list->nelts; i++) {
        const certmap_error_t *e = &APR_ARRAY_IDX(sink.list, i, certmap_error_t);

        out = apr_pstrcat(pool, out, apr_psprintf(pool, "%d:%d: ", e->line, e->column), e->text, "\n", NULL);
    }
    return out;
}

/* The hash and kind of a line's key; NULL with an error. */
static const char *key_of(const char *text)
{
    certmap_sink_t sink = new_sink();
    certmap_line_reader_t *reader = certmap_line_reader_create((certmap_str_t){ text, strlen(text) }, &sink, 1, pool);
    certmap_line_t line;

    if (certmap_line_next(reader, &line) != APR_SUCCESS) {
        diag("%s: %s", text, first_error(sink.list));
        return NULL;
    }
    return apr_pstrcat(pool, line.entry.key, " ", certmap_hex(line.key.hash, CERTMAP_HASH_LEN, pool).data, NULL);
}

/* ---- spellings of one key ------------------------------------------------------------------------------------ */

static const struct {
    const char *a;
    const char *b;
    int same;
} spellings[] = {
    { "sha256:" HASH " u", "sha256:" HASH_COLONS " u", 1 },
    { "sha256:" HASH " u", "sha256: " HASH " v", 1 },
    { "sha256:" HASH " u", "SHA256:" HASH " - deny", 1 },
    { "sha256:" HASH " u", "\"sha256:\" '" HASH "' - deny", 1 },
    { "sha256:" HASH " u", "spki:" HASH " u", 0 },
    { "ski:0a0b CN=x u", "ski:0A:0B \"cn=X\" u", 1 },
    { "ski:0a0b CN=x u", "ski:0a0b CN=y u", 0 },
    { "ski:0a0b CN=x u", "ski:000a0b CN=x u", 0 },
    { "issuer-serial:1f3a \"CN=Test CA,O=x\" u", "issuer-serial:00:1F:3A \"/O=X/CN=test  ca\" u", 1 },
    { "issuer-serial:1f3a \"CN=Test CA,O=x\" u", "issuer-serial:1f3a \"CN=Test CA\" u", 0 },
    { "issuer-serial:1f3a \"CN=Test CA,O=x\" u", "'X509:<I>O=x,CN=Test CA<SR>3a1f' u", 1 },
    { "issuer-serial:1f3a \"CN=Test CA,O=x\" u", "X509: '<i>O=x,CN=Test CA<sr>3A1F00' u", 1 },
    { "issuer-serial:1f3a \"CN=Test CA,O=x\" u", "'X509:<I>CN=Test CA,O=x<SR>3a1f' u", 0 },
    { "issuer-serial:1f3a \"CN=Test CA,O=x\" u", "'X509:<I>O=x,CN=Test CA<SR>1f3a' u", 0 },
    { "dn:\"CN=Ann Lee,O=x\" \"CN=CA\" u", "dn: \"CN=ann lee,O=X\" \"CN=ca\" u", 1 },
    { "dn:\"CN=Ann Lee,O=x\" \"CN=CA\" u", "dn:\"/O=x/CN=Ann Lee\" /CN=CA u", 1 },
    { "dn:\"CN=Ann Lee,O=x\" \"CN=CA\" u", "\"X509:<I>CN=CA<S>O=x,CN=Ann Lee\" u", 1 },
    { "dn:\"CN=Ann Lee,O=x\" \"CN=CA\" u", "dn:\"CN=CA\" \"CN=Ann Lee,O=x\" u", 0 },
    { "dn:\"CN=Ann Lee,O=x\" \"CN=CA\" u", "dn:\"CN=Ann Lee+O=x\" \"CN=CA\" u", 0 },
    { "dn:\"CN=a+O=x\" \"CN=CA\" u", "dn:\"O=x+CN=a\" \"CN=CA\" u", 1 },
    { "dn:\"CN=a\\,O=x\" \"CN=CA\" u", "dn:\"CN=a,O=x\" \"CN=CA\" u", 0 },
    { "X509:<S>CN=a u", "dn:CN=a CN=a u", 0 },
    { "X509:<S>O=x,CN=a u", "X509:<S>o=X,cn=A u", 1 },
    { "X509:<SKI>0a0b u", "X509:<SKI>0A:0B u", 1 },
    { "X509:<SKI>0a0b u", "ski:0a0b CN=x u", 0 },
    { "X509:<RFC822>Ann@Example.org u", "X509:<rfc822>ann@example.ORG u", 1 },
    { "X509:<RFC822>ann@x u", "X509:<RFC822>ann@y u", 0 },
    /* a '<' that is part of a name, escaped or in quotes */
    { "'X509:<I>CN=a\\<S\\>b<SR>01' u", "'X509:<I>CN=\"a<S>b\"<SR>01' u", 1 },
};

static void test_spellings(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        const char *a = key_of(spellings[i].a);
        const char *b = key_of(spellings[i].b);

        ok(a != NULL && b != NULL && (strcmp(a, b) == 0) == spellings[i].same, "%s: %s, %s",
           spellings[i].same ? "one key" : "two keys", spellings[i].a, spellings[i].b);
    }
}

/* ---- errors -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    const char *error; /* how it begins */
} faults[] = {
    { "x", "1:1: an entry begins with its key" },
    { "  bob " HASH, "1:3: an entry begins with its key" },
    { "sha255:" HASH " u", "1:1: unknown type of key; did you mean sha256:?" },
    { "sha1:00 u", "1:1: SHA-1 can be forged" },
    { "md5:00 u", "1:1: unknown type of key; it is" },
    { "sha256:", "1:1: the key's value is missing" },
    { "sha256:00ff u", "1:8: sha256 has 64 hex digits, not 4" },
    { "sha256:0x00 u", "1:9: write hex digits without" },
    { "ski:0g CN=x u", "1:6: not a hex digit" },
    { "ski:0a::0b CN=x u", "1:8: not a hex digit" },
    { "ski:0a: CN=x u", "1:7: not a hex digit" },
    { "ski:0ab CN=x u", "1:5: odd number of hex digits (3)" },
    { "ski: '' u", "1:8: no hex digits" },
    { "ski:0a", "1:1: the issuer's name is missing" },
    { "ski:0a bob", "1:8: the issuer's name is missing here" },
    { "ski:0a CN=x", "1:8: USER is missing" },
    { "ski:0a \"CN=x,\" u", "1:15: TYPE=VALUE expected" },
    { "ski:0a \"CN=x,Q=1\" u", "1:14: unknown attribute type" },
    { "issuer-serial:00 CN=x u", "1:15: no certificate has the serial number 0" },
    { "issuer-serial:010203040506070809101112131415161718192021 CN=x u", "1:15: a serial number has at most 40" },
    { "dn:CN=x u", "1:9: the issuer's name is missing here" },
    { "dn: '' CN=x u", "1:7: the name is empty" },
    { "dn:\"C=x,CN=y\" CN=x u", "1:1: warning: with commas the most specific part comes first" },
    { "X509:<S>CN=y,C=x u", "1:1: warning: names in X509: strings begin with the root" },
    { "X509:CN=x u", "1:6: a tag is missing here" },
    { "X509:<I>CN=x<Q>y u", "1:13: a tag is missing here" },
    { "X509:<I>CN=x u", "1:6: these tags do not form a key together" },
    { "X509:<I>CN=x<SID>S-1-5-21-1 u", "1:6: these tags do not form a key together; write X509:<I>ISSUER<SR>SERIAL, "
                                       "X509:<I>ISSUER<S>SUBJECT, X509:<S>SUBJECT, X509:<SKI>HEX or "
                                       "X509:<RFC822>ADDRESS (a SID" },
    { "X509:<S>CN=x<S>CN=y u", "1:13: <S> appears twice" },
    { "X509:<S>CN=x<SR>01 u", "1:6: these tags do not" },
    { "X509:<S> u", "1:9: a value is missing after <S>" },
    { "X509:<SHA1-PUKEY>0102 u", "1:6: <SHA1-PUKEY> is not taken: Microsoft's own documents disagree" },
    { "X509:<RFC822>ann u", "1:14: not an e-mail address" },
    { "X509:<RFC822>@x u", "1:14: not an e-mail address" },
    { "X509:<RFC822>ann@b\303\274cher.example - deny", "1:14: <RFC822> holds ASCII only, so that this can never match; "
                                                       "a certificate has the A-label: ann@xn--bcher-kva.example" },
    { "dn:DC=b\303\274cher DC=x u", "1:4: DC holds ASCII only, so that this can never match; a certificate has the "
                                    "A-label: xn--bcher-kva" },
    { "dn:CN=a E=b\303\274@x u", "1:9: emailAddress holds ASCII only" },
    { "spki:" HASH, "1:1: USER is missing" },
    { "spki:" HASH " -", "1:71: \"-\" stands for no user; write KEY - deny" },
    { "spki:" HASH " deny", "1:71: USER forgotten? a deny entry reads" },
    { "spki:" HASH " bob deny", "1:75: a deny entry has no USER" },
    { "spki:" HASH " groups=a", "1:71: USER forgotten? \"groups=a\" reads as an option" },
    { "spki:" HASH " a:b", "1:71: USER: the user name has a colon" },
    { "spki:" HASH " ''", "1:71: USER: the user name is empty" },
    { "spki:" HASH " '%{subject.CN}'", "1:71: the USER of an entry is taken unchanged" },
    { "spki:" HASH " Ann Lee", "1:75: \"Lee\" is not an option" },
    { "spki:" HASH " ann group=a", "1:75: unknown option; did you mean groups=?" },
    { "spki:" HASH " ann disabled", "1:75: \"disabled\" is for rules only" },
    { "spki:" HASH " ann note=a note=b", "1:82: \"note\" appears twice" },
    { "spki:" HASH " ann groups=a,,b", "1:84: empty group name" },
    { "spki:" HASH " ann expires=2026-02-30", "1:83: there is no such day" },
    { "spki:" HASH " ann note=\"x", "1:80: unclosed quote" },
    { "spki:" HASH " a\x01"
      "b",
      "1:72: control character U+0001" },
    { "spki:" HASH " a\xff", "1:72: invalid UTF-8" },
    { "spki:" HASH " ann \\", "1:75: the text ends in a continued line" },
    { "\n# c\nspki:" HASH " a\n\n spki:" HASH " b\n", "5:2: this key has an entry already, in line 3" },
    { "spki:" HASH " a\nspki:" HASH " - deny\n", "2:1: this key is allowed already, in line 1" },
    { "spki:" HASH " - deny\nspki:" HASH " a\n", "2:1: this key is denied already, in line 1" },
    { "'X509:<I>O=x,CN=a<SR>01' u\nissuer-serial:01 CN=A,O=X v\n", "2:1: this key has an entry already, in line 1" },
    { "spki:" HASH " a \\\n groups=a \\\n note=b x\n", "3:9: \"x\" is not an option" },
};

static void test_faults(void)
{
    apr_size_t i;

    for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        const certmap_entries_t *entries;
        apr_array_header_t *errors;
        apr_status_t rv = certmap_entries_parse((certmap_str_t){ faults[i].text, strlen(faults[i].text) }, "f",
                                                &entries, &errors, pool);
        const char *error = first_error(errors);
        int warning = strstr(faults[i].error, "warning: ") != NULL;

        if (!ok(error != NULL && strncmp(error, faults[i].error, strlen(faults[i].error)) == 0
                    && (rv == APR_SUCCESS) == warning && (entries != NULL) == warning,
                "fault: %s", faults[i].error)) {
            diag("text: %s", faults[i].text);
            diag(" got: %s", error ? error : "(none)");
        }
    }
}

static void test_all_faults_told(void)
{
    static const char text[] = "spki:" HASH " a:b group=c\nnonsense\nspki:00 v\n\nspki:" HASH " fine\nX509:<S>CN=a\n";
    const certmap_entries_t *entries;
    apr_array_header_t *errors;
    const certmap_error_t *e;
    int i;

    ok(certmap_entries_parse((certmap_str_t){ text, strlen(text) }, "f", &entries, &errors, pool) == APR_EINVAL,
       "a text with faults is refused");
    e = (const certmap_error_t *)errors->elts;
    is_int(errors->nelts, 5, "all of them are told");
    for (i = 0; i < errors->nelts && i < 5; i++) {
        static const int lines[] = { 1, 1, 2, 3, 6 };

        is_int(e[i].line, lines[i], "in the order of their places");
        is_str(e[i].file, "f", "with the file's name");
    }
}

/* ---- the short way ------------------------------------------------------------------------------------------- */

/* What random texts are made of: whatever one of the two ways treats by itself. */
static const char *const pieces[] = {
    "sha256:" HASH,
    "spki:",
    HASH,
    HASH_COLONS,
    "ski:0a",
    "issuer-serial:1f3a",
    "dn:",
    "CN=x",
    "\"CN=Test CA,O=x\"",
    "'CN=a b'",
    "X509:<S>CN=a",
    "\"X509:<I>O=x,CN=b<SR>01\"",
    "u",
    "ann",
    "\xc3\xa4\xc3\xb6",
    "\xc2\x85",
    "\xff",
    "- deny",
    "-",
    "deny",
    "groups=a,b",
    "note=",
    "\"two words\"",
    "expires=2027-01-31",
    "expires=1",
    "#",
    "# c",
    "\\",
    "\\\n",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "  ",
    "\"",
    "'",
    "\"\"",
    "''",
    "\x01",
    "%{x}",
    ":",
    "=",
    "<",
    ">",
    "\xef\xbb\xbf",
    " ",
    " ",
    " ",
    " ",
    "\n",
    "\n",
};

static void test_short_way(void)
{
    apr_uint32_t state = 20260615;
    apr_pool_t *saved = pool;
    int differ = 0;
    int entries = 0;
    int faulty = 0;
    int i;

    for (i = 0; i < 20000; i++) {
        char text[4096] = "";
        apr_size_t len = 0;
        const char *fast;
        const char *slow;
        int n;

        apr_pool_create(&pool, saved);
        state = state * 1103515245 + 12345;
        for (n = (int)(state >> 16) % 24 + 1; n > 0; n--) {
            const char *piece;

            state = state * 1103515245 + 12345;
            piece = pieces[(state >> 16) % (sizeof(pieces) / sizeof(pieces[0]))];
            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        fast = read_as_text(text, len, 1);
        slow = read_as_text(text, len, 0);
        if (strcmp(fast, slow) != 0 && differ++ == 0) {
            diag("text: %s", text);
            diag("fast: %s", fast);
            diag("slow: %s", slow);
        }
        entries += strstr(slow, " u\n") != NULL || strstr(slow, " ann\n") != NULL || strstr(slow, " - deny\n") != NULL;
        faulty += strstr(slow, ": ") != NULL;
        apr_pool_destroy(pool);
        pool = saved;
    }
    ok(differ == 0, "20,000 random texts read the same both ways");
    ok(entries > 50 && faulty > 5000, "some had entries (%d), some had faults (%d)", entries, faulty);
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static void test_round_trip(void)
{
    static const char *const lines[] = {
        "sha256:" HASH " ann",
        "spki:" HASH " \"Ann Lee\" groups=a,\"b c\" expires=2027-01-31 note=\"it's \\\"x\\\"\"",
        "ski:0a0b \"CN=Test CA,O=x\" - deny note=",
        "issuer-serial:1f3a 'CN=\"a,b\"' ann note='#'",
        "dn: \"CN=Ann Lee,O=x\" \"CN=C\\\\,A\" \xc3\xa4nn",
        "\"X509:<I>O=x y,CN=b<SR>01\" \"#\"",
        "X509: <SKI>0a0b u",
        "X509:<RFC822>a@b DOM\\ann",
    };
    apr_size_t i;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *first = read_as_text(lines[i], strlen(lines[i]), 1);
        const char *text = strchr(strchr(first, ' ') + 1, ' ') + 1;
        const char *second = read_as_text(text, strlen(text), 1);

        is_str(second, first, lines[i]);
    }
}

/* Damage to a packed record is noticed, or leaves a record that is one; nothing is read after its end. */
static void test_records(void)
{
    static const char *const groups[] = { "a", "b c" };
    certmap_entry_t entry = { .effect = {
                                  .user = "ann", .groups = groups, .ngroups = 2, .expires = 5000000, .note = "n" } };
    apr_size_t size = certmap_store_record_size(&entry, "spki:00");
    unsigned char *record = apr_palloc(pool, size);
    certmap_entry_t back;
    certmap_key_kind_e kind;
    const char *key = NULL;
    apr_size_t i;
    int taken = 0;

    certmap_store_record_pack(CERTMAP_K_SPKI, &entry, "spki:00", record);
    ok(certmap_store_record_unpack(record, size, &kind, &back, &key, pool) && kind == CERTMAP_K_SPKI
           && strcmp(back.effect.user, "ann") == 0 && back.effect.ngroups == 2
           && strcmp(back.effect.groups[1], "b c") == 0 && back.effect.expires == 5000000
           && strcmp(back.effect.note, "n") == 0 && strcmp(key, "spki:00") == 0
           && back.effect.strength == CERTMAP_STRONG,
       "a record is what was packed");
    for (i = 0; i < size; i++) {
        unsigned char *exact = malloc(i + 1);

        memcpy(exact, record, i);
        taken += certmap_store_record_unpack(exact, i, &kind, &back, &key, pool);
        free(exact);
    }
    is_int(taken, 0, "a record that was cut off is none");
    for (i = 0; i < 20; i++) {
        record[i] ^= 0x81;
        taken += certmap_store_record_unpack(record, size, &kind, &back, &key, pool);
        record[i] ^= 0x81;
    }
    is_int(taken, 0, "a record with a damaged head is none");
}

/* ---- finding ------------------------------------------------------------------------------------------------- */

static const certmap_entries_t *table_of(const char *text)
{
    const certmap_entries_t *entries;
    apr_array_header_t *errors;

    if (certmap_entries_parse((certmap_str_t){ text, strlen(text) }, NULL, &entries, &errors, pool) != APR_SUCCESS) {
        fixture_fail(apr_pstrcat(pool, text, ": ", first_error(errors), NULL));
    }
    return entries;
}

/* What a table says of a certificate: "user (type)", "deny (type)", "ambiguous", "malformed (type)", "nothing". */
static const char *finds(const char *text, const certmap_cert_t *cert)
{
    certmap_lookup_t found;

    if (certmap_entries_lookup(table_of(text), cert, &found, pool) != APR_SUCCESS) {
        return "error";
    }
    if (found.has_deny) {
        return apr_pstrcat(pool, "deny (", found.deny.key, ")", NULL);
    }
    if (found.ambiguous) {
        return "ambiguous";
    }
    if (found.unformed) {
        return apr_pstrcat(pool, "malformed (", found.unformed, ")", NULL);
    }
    return found.has_allow ? apr_pstrcat(pool, found.allow.effect.user, " (", found.allow.key, ", ",
                                         certmap_strength_name(found.allow.effect.strength), ")", NULL)
                           : "nothing";
}

static const char *hex_field(const certmap_cert_t *cert, const char *name)
{
    certmap_field_t field;
    const certmap_value_t *values = NULL;
    const char *why;
    apr_size_t n = 0;

    certmap_field_parse((certmap_str_t){ name, strlen(name) }, &field, &why, pool);
    certmap_cert_values(cert, NULL, &field, &values, &n, pool);
    return n > 0 ? values[0].text.data : "";
}

static void test_finding(void)
{
    const certmap_cert_t *ann = person("O", "Example Ltd", "CN", "Ann Lee", "issuer.O", "Example Ltd", "issuer.CN",
                                       "Test CA", "ext:subjectKeyIdentifier", "hash", "ext:subjectAltName",
                                       "email:ann@example.org,email:Lee@example.org", NULL);
    const char *sha256 = apr_pstrcat(pool, "sha256:", certmap_cert_sha256(ann), NULL);
    const char *spki = apr_pstrcat(pool, "spki:", hex_field(ann, "spki"), NULL);
    const char *ski = apr_pstrcat(pool, "ski:", hex_field(ann, "ski"), " \"CN=test ca,O=example ltd\"", NULL);
    const char *ad_ski = apr_pstrcat(pool, "X509:<SKI>", hex_field(ann, "ski"), NULL);
    static const char serial[] = "issuer-serial:1F3A \"CN=Test CA,O=Example Ltd\"";
    static const char dn[] = "dn:\"CN=Ann Lee,O=Example Ltd\" \"CN=Test CA,O=Example Ltd\"";
    static const char subject[] = "'X509:<S>O=Example Ltd,CN=Ann Lee'";
    const struct {
        const char *key;
        const char *expected;
    } strongest[] = {
        { sha256, "u0 (sha256, strong)" },  { spki, "u1 (spki, strong)" },
        { ski, "u2 (ski, strong)" },        { serial, "u3 (issuer-serial, strong)" },
        { dn, "u4 (dn, scoped)" },          { ad_ski, "u5 (X509:<SKI>, weak)" },
        { subject, "u6 (X509:<S>, weak)" }, { "X509:<RFC822>lee@example.org", "u7 (X509:<RFC822>, weak)" },
    };
    int i;

    for (i = 0; i < 8; i++) {
        const char *text = "";
        const char *denied;
        int j;

        for (j = 7; j >= i; j--) {
            text = apr_pstrcat(pool, text, strongest[j].key, apr_psprintf(pool, " u%d\n", j), NULL);
        }
        is_str(finds(text, ann), strongest[i].expected, strongest[i].expected);
        denied = apr_pstrcat(pool, strongest[i].key, " - deny\n", i > 0 ? strongest[0].key : strongest[1].key, " u\n",
                             NULL);
        ok(strncmp(finds(denied, ann), "deny (", 6) == 0, "a deny entry under %s counts beside any allow entry",
           strongest[i].key);
    }
    is_str(finds("X509:<RFC822>lee@example.org a\nX509:<RFC822>ann@example.org b\n", ann), "ambiguous",
           "two addresses, two users");
    is_str(finds("X509:<RFC822>lee@example.org a\nX509:<RFC822>ann@example.org a\n", ann), "a (X509:<RFC822>, weak)",
           "two addresses, one user");
    is_str(finds("X509:<RFC822>ann@example.com a\n", ann), "nothing", "another address");
    is_str(finds("", ann), "nothing", "an empty table");
    is_str(finds(apr_pstrcat(pool, "spki:", certmap_cert_sha256(ann), " u", NULL), ann), "nothing",
           "the right hash as another kind of key");
    is_str(finds("issuer-serial:3a1f \"CN=Test CA,O=Example Ltd\" u", ann), "nothing", "the serial number reversed");
    is_str(finds("dn:\"CN=Ann Lee,O=Example Ltd\" \"CN=Other CA,O=Example Ltd\" u", ann), "nothing", "another issuer");
    is_str(finds("dn:\"O=Example Ltd,CN=Ann Lee\" \"CN=Test CA,O=Example Ltd\" u", ann), "nothing", "reversed RDNs");
}

static void test_no_parts(void)
{
    const certmap_cert_t *bare = person("ext:subjectAltName", "email:x@y", NULL);

    is_str(finds("X509:<S>CN=x u\ndn:CN=x CN=y v\nX509:<SKI>00 w\nski:00 CN=y x\nX509:<RFC822>x@y a\n", bare),
           "a (X509:<RFC822>, weak)", "a certificate without subject and key identifier has none of these keys");
}

/* A name that holds what separates names elsewhere is another name. */
static void test_forged(void)
{
    const certmap_cert_t *forged = person("CN", "bob,O=x", NULL);
    const certmap_cert_t *joined = person("O", "x", "+CN", "bob", NULL);
    const certmap_cert_t *bob = person("O", "x", "CN", "bob", NULL);

    is_str(finds("dn:\"CN=bob,O=x\" \"CN=Test CA\" admin", forged), "nothing", "CN \"bob,O=x\"");
    is_str(finds("dn:\"CN=bob,O=x\" \"CN=Test CA\" admin", joined), "nothing", "one RDN of two attributes");
    is_str(finds("dn:\"CN=bob,O=x\" \"CN=Test CA\" admin", bob), "admin (dn, scoped)", "the name itself");
    is_str(finds("dn:\"CN=bob+O=x\" \"CN=Test CA\" admin", joined), "admin (dn, scoped)", "the set in any order");
}

/* Where what a key is made of is malformed, nobody can say that there is no deny entry under it. */
static void test_malformed(void)
{
    static const struct {
        const char *odd;    /* what fixture_spoil makes malformed */
        const char *key;    /* under which there is an entry */
        const char *denied; /* what is found where it denies */
    } table[] = {
        { "0", "X509:<S>CN=mallory", "malformed (X509:<S>)" },
        { "0", "dn:CN=mallory \"CN=Test CA\"", "malformed (dn)" },
        { "4", "dn:CN=mallory \"CN=Test CA\"", "malformed (dn)" },
        { "4", "issuer-serial:1f3b \"CN=Test CA\"", "malformed (issuer-serial)" },
        { "12", "issuer-serial:1f3b \"CN=Test CA\"", "malformed (issuer-serial)" },
        { "4", "ski:00 \"CN=Test CA\"", "malformed (ski)" },
        { "13", "ski:00 \"CN=Test CA\"", "malformed (ski)" },
        { "13", "X509:<SKI>00", "malformed (X509:<SKI>)" },
        { "6", "X509:<RFC822>mallory@example.org", "malformed (X509:<RFC822>)" },
        /* which others are not */
        { "0", "issuer-serial:1f3b \"CN=Test CA\"", "nothing" },
        { "0", "X509:<RFC822>mallory@example.org", "nothing" },
        { "4", "X509:<SKI>00", "nothing" },
        { "4", "X509:<S>CN=mallory", "nothing" },
        { "6", "dn:CN=mallory \"CN=Test CA\"", "nothing" },
        { "7", "X509:<RFC822>mallory@example.org", "nothing" },
        { "10", "X509:<S>CN=mallory", "nothing" },
        { "12", "X509:<S>CN=mallory", "nothing" },
        /* a value of another type has a key as any other */
        { "17", "dn:CN=mallory \"CN=Test CA\"", "nothing" },
        { "17", "dn:1.2.3.9=#030400616263,CN=ann \"CN=Test CA\"", "deny (dn)" },
        { "17", "X509:<S>CN=ann,1.2.3.9=abc", "nothing" },
        { "17", "X509:<S>CN=ann,1.2.3.9=030400616263", "nothing" },
    };
    size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const certmap_cert_t *cert = person("CN", "ann", "issuer.CN", "Test CA", "ext:subjectKeyIdentifier", "01:02",
                                            "odd", table[i].odd, NULL);
        const char *key = certmap_lex_quote(table[i].key, pool);

        key = strchr(table[i].key, '"') ? table[i].key : key;
        is_str(finds(apr_pstrcat(pool, key, " - deny\n", NULL), cert), table[i].denied,
               apr_pstrcat(pool, table[i].odd, ": ", table[i].key, NULL));
        is_str(finds(apr_pstrcat(pool, key, " u\n", NULL), cert),
               strcmp(table[i].denied, "deny (dn)") == 0 ? "u (dn, scoped)" : "nothing",
               "... an allow entry is not found");
        is_str(finds(apr_pstrcat(pool, key, " - deny\nsha256:", certmap_cert_sha256(cert), " - deny\n", NULL), cert),
               "deny (sha256)", "... and a denial that is certain counts");
    }
}

static void test_many(void)
{
    apr_array_header_t *parts = apr_array_make(pool, 30000, sizeof(const char *));
    const certmap_entries_t *entries;
    const certmap_packed_t **sorted;
    int i;
    int in_order = 1;

    for (i = 0; i < 30000; i++) {
        APR_ARRAY_PUSH(parts, const char *) = apr_psprintf(pool, "sha256:%064x u%d", i, i);
    }
    entries = table_of(apr_array_pstrcat(pool, parts, '\n'));
    is_int((long long)certmap_entries_count(entries, CERTMAP_K_COUNT), 30000, "30,000 entries");
    is_int((long long)certmap_entries_count(entries, CERTMAP_K_SHA256), 30000, "all of one kind");
    is_int((long long)certmap_entries_count(entries, CERTMAP_K_SPKI), 0, "none of another");
    sorted = certmap_entries_sorted(entries, pool);
    for (i = 1; i < 30000; i++) {
        in_order &= memcmp(sorted[i - 1]->hash, sorted[i]->hash, CERTMAP_HASH_LEN) < 0;
    }
    ok(in_order, "in the order of their hashes, each once");
}

int main(void)
{
    plan(0);
    fixture_start();
    test_spellings();
    test_faults();
    test_all_faults_told();
    test_short_way();
    test_round_trip();
    test_records();
    test_finding();
    test_no_parts();
    test_forged();
    test_malformed();
    test_many();
    return fixture_done();
}
