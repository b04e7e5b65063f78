/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file engine/base/limits.h
 * @brief Every limit of the project: what is refused, cut off or no longer looked at beyond it, where the number comes
 *        from, and what happened without it.
 *
 * What people write and what CAs issue stays far below all of them. docs/conditions.md ("Limits") says what a rule
 * writer meets, bench/bench_worst what the worst shapes cost. Sizes of caches and blocks, which change no answer, are
 * in the files that use them. t/guard/limits.t finds a limit that is somewhere else, one without a reason, and a
 * number in docs/conditions.md that is not the number here.
 */
#ifndef CERTMAP_LIMITS_H
#define CERTMAP_LIMITS_H

/* ---- one decision --------------------------------------------------------------------------------------------- */

/** Steps of one decision, all its rules together: about a byte that is looked at each, so that it takes at most half a
 *  second, more or less. A hundred thousand rules that no index can sort out take a tenth of them with an ordinary
 *  certificate. When they are used up, the matcher has failed: no rule that is still to be asked says yes. */
#define CERTMAP_STEPS_MOST 100000000
/** What asking a rule costs beyond the bytes. Without it, 10,000 alternative names met 20,000 rules for 9 seconds. */
#define CERTMAP_STEPS_RULE 50
/** And asking a value by a condition: the price of a call. */
#define CERTMAP_STEPS_VALUE 5
/** Of these, and of the time for regexes, what looking for the nearest miss may take: it is for a line of the log. */
#define CERTMAP_NEAREST_PART 10
/** And how many times as much explaining may take, which asks every rule, and each of its conditions by itself. */
#define CERTMAP_EXPLAIN_TIMES 5

/** Processor time, in nanoseconds, of all regexes of a decision: PCRE2 does not tell its steps. 63 ordinary regexes on
 *  a CN of 60 kB took 120 seconds, under the connection's lock. */
#define CERTMAP_REGEX_TIME 500000000
/** The clock is read before a regex when the texts since it was read last have so many bytes: reading it costs as much
 *  as matching a short name. */
#define CERTMAP_REGEX_CLOCK 1024
/** What a regex adds to these bytes, so that many short texts are counted too. */
#define CERTMAP_REGEX_CALL 16

/** Texts longer than this are not given to PCRE2: an ordinary regex may take the square of the length there (1.9
 *  seconds for `.*\d+[A-Z]` and 60 kB). Names of people and machines have at most a few hundred bytes, URIs of
 *  workloads 2,048 (SPIFFE ID, 2.3). */
#define CERTMAP_REGEX_TEXT_MOST 4096

/** PCRE2's match limit by the length of the text, which each of its steps may go through as a whole: 10 ms in the worst
 *  regexes that were tried, with machine code and without. What passes over a text a few times stays below it. */
#define CERTMAP_REGEX_LIMITS           \
    { 256, 200000 }, { 1024, 50000 },  \
    {                                  \
        CERTMAP_REGEX_TEXT_MOST, 12500 \
    }
/** The same for trying a regex on a few words when it is read. */
#define CERTMAP_REGEX_PROBE 2000
/** Depth of a match without machine code: more than four times the longest text that is matched. */
#define CERTMAP_REGEX_DEPTH 20000
/** And its memory, in KiB: PCRE2's own limit is 20 GB, for each thread. */
#define CERTMAP_REGEX_HEAP 8192
/** Regexes of a set that are compiled to machine code, which takes more time and memory than the rest of a rule:
 *  100,000 rules took 257 MB with it and 96 MB without. Where there are more, the index and the literals that regexes
 *  need keep nearly all of them from being asked. */
#define CERTMAP_REGEX_JIT_MOST 1000

/* ---- texts ---------------------------------------------------------------------------------------------------- */

/** Words of a logical line. Conditions of a rule are compared with one another, so that the time of reading a line
 *  grows faster than its length; and each word takes a few hundred bytes while its line is read. A line of five million
 *  words took 9.9 seconds and 3.3 GB. */
#define CERTMAP_WORDS_MOST 1000

/** Bytes of a word: 50,000 groups fit. Each byte has a place of its own, of 8 bytes, while its line is read. */
#define CERTMAP_WORD_MOST (1024 * 1024)

/** Bytes of all regexes of a set, compiled: (...){999} takes a thousand times what it has as text. A hundred thousand
 *  ordinary ones take 30 MB. */
#define CERTMAP_REGEX_BYTES_MOST (256 * 1024 * 1024)

/** Errors, and warnings, that one text is shown with; the others are counted. A hundred are enough. A
 *  million bad lines took 17 seconds and 1.5 GB. */
#define CERTMAP_MESSAGES_MOST 100

/** Bytes of one message: what it quotes may be as long as a word. */
#define CERTMAP_MESSAGE_MOST 1000

/** Bytes of a rule's NAME, which is in the log line of each request that it refuses. */
#define CERTMAP_RULE_NAME_MOST 64

/** Bytes of a user name: the length of a login name of POSIX systems (LOGIN_NAME_MAX of Linux). Longer ones make
 *  trouble in the programs that get them. */
#define CERTMAP_USER_MOST 256

/** Characters of a label of a host name (RFC 1035, 2.3.4). */
#define CERTMAP_LABEL_MOST 63

/** Octets of a serial number in a rule file or entry file (RFC 5280, 4.1.2.2). One sign octet more may be written. */
#define CERTMAP_ENTRY_SERIAL_MOST 20
/** Octets of a key identifier in an entry: the longest digest that there is. RFC 5280, 4.2.1.2 proposes 20. */
#define CERTMAP_ENTRY_SKI_MOST 64
/** Bytes of an entry's record with its key. Groups and a note fill it; 60 kB of an entry file's line fit. */
#define CERTMAP_STORE_RECORD_MAX 65536

/** Letters of a word, and of the words that it is compared with, for "did you mean": the longest of ours is shorter.
 *  A word of a megabyte would be compared with each of them otherwise. */
#define CERTMAP_HINT_WORD_MOST 24
/** The same for names of fields. */
#define CERTMAP_HINT_FIELD_MOST 64
/** Names of users and groups among which one is looked for that may have been meant. */
#define CERTMAP_HINT_NAMES_MOST 1000

/* ---- what is looked for in rules ------------------------------------------------------------------------------- */

/** Groups inside groups, when the letters that a regex asks for are counted. Deeper, it counts as asking for none: the
 *  reader calls itself, and a hostile file must not use up the stack. */
#define CERTMAP_LITERAL_DEPTH_MOST 32
/** Letters that are counted: far more than any strength asks for, and no sum overflows. */
#define CERTMAP_LITERAL_LETTERS_MOST 1000
/** Groups inside groups, when captures are looked for. Deeper, nothing is said of them. */
#define CERTMAP_REGEX_NESTING_MOST 64

/** Steps that a rule's conditions may take when they are compared with one another, whether they contradict. 20,000
 *  conditions took seconds. */
#define CERTMAP_COMPARE_STEPS 20000
/** And more steps for each of them, so that an ordinary long rule is compared as a whole. */
#define CERTMAP_COMPARE_STEPS_EACH 200
/** What one regex on one literal counts as, in steps: it has the limits of one that is tried. */
#define CERTMAP_REGEX_STEPS 1000

/** Earlier rules that a rule is compared with, whether one of them always takes what it matches. */
#define CERTMAP_REACH_RULES_MOST 1000
/** In long lists fewer, so that a start-up does not wait for it: 100,000 rules took 2.6 seconds. */
#define CERTMAP_REACH_RULES_LEAST 50
/** The comparisons of a list, from which follows how many each rule gets. */
#define CERTMAP_REACH_PAIRS 10000000
/** Steps of one rule's comparisons: patterns may be long. */
#define CERTMAP_REACH_STEPS_EACH 1000000
/** And of those of the whole list. */
#define CERTMAP_REACH_STEPS 200000000

/** Rules that are looked at for the nearest miss: it is for a line of the log, not a search. */
#define CERTMAP_NEAREST_RULES_MOST 1000
/** Values of a field that an explanation shows with a condition; of 10,000 names nobody reads all. */
#define CERTMAP_EXPLAIN_VALUES_MOST 16

/** Names that are looked at to report how a certificate's name differs from the one that a rule wants. */
#define CERTMAP_DIFFERS_VALUES_MOST 16
/** Differences of two names that are reported one by one; with more, the names have little in common. */
#define CERTMAP_DIFFERS_TOLD_MOST 4

/* ---- certificates ---------------------------------------------------------------------------------------------- */

/** Bytes of a name (DER). A longer one makes the certificate malformed: the whole of a certificate that real CAs issue
 *  is shorter, and it would not fit into a TLS session ticket. */
#define CERTMAP_DN_MAX 65536

/** Octets of a serial number in a certificate. RFC 5280, 4.1.2.2 asks for 20 at most, and CAs have written more. Nobody
 *  needs so many. */
#define CERTMAP_SERIAL_MOST 64

/** Octets of an object identifier. Real ones have a dozen; the limit keeps work bounded and lengths in one octet. */
#define CERTMAP_OID_MOST 127

/** Malformed values of a certificate that are named in the log and by explain. Of 10,000 alternative names each may be
 *  one. */
#define CERTMAP_ODD_MOST 16

/** Attributes of a name that cannot be split, and that are shown nevertheless. */
#define CERTMAP_DISPLAY_AVAS_MOST 32
/** Bytes of a malformed value that are shown: it may be long and wild. */
#define CERTMAP_DISPLAY_BYTES_MOST 256

/** Certificates of a verified chain. OpenSSL's own default depth limit is 100, practice stays below ten; a session
 *  ticket carries 32 bytes for each. A longer chain is an error of the handshake. */
#define CERTMAP_CHAIN_MOST 32
/** Depths at which a missing CRL can be put off until the signature is known to be valid: a bit for each. Deeper, it is
 *  reported to mod_ssl at once. */
#define CERTMAP_MISSING_CRL_DEPTHS 64

/* ---- connections, the log, the page ---------------------------------------------------------------------------- */

/** Verifications of one connection, by renegotiation or post-handshake authentication: then it is closed after its
 *  request. What a verification leaves is freed when the connection ends, because requests may point to it until then;
 *  freed earlier, it gave a request the REMOTE_USER of another connection. */
#define CERTMAP_VERIFICATIONS_MOST 16

/** Decisions that one certificate's connection remembers. They cannot be freed while HTTP/2 streams may hold them: a
 *  connection that stays open while rules change each second would grow without end. Beyond, each request is decided
 *  again. */
#define CERTMAP_MEMOS_MOST 256

/** Bytes of a value in a log line, as httpd writes them. httpd cuts a line at 8 kB, and the incident id is at its end:
 *  names of 1 kB beyond ASCII, four bytes each, pushed it out of the line. */
#define CERTMAP_LOG_VALUE_MOST 1024
/** Bytes of a certificate's text on a page. A name may have 64 kB; a person needs to see whose it is, not all of it. */
#define CERTMAP_PAGE_VALUE_MOST 1024
/** Incidents that a child remembers, to log a repeated one at a lower level; beyond, they take one another's place. */
#define CERTMAP_INCIDENTS_MOST 1024

/** Errors in the one message with which httpd does not start; the error log has all. */
#define CERTMAP_STARTUP_ERRORS_MOST 20
/** Groups of the system that the account of httpd's children may have: start-up asks whether it can read a file. With
 *  more, the answer is no, which is a warning. An account of a server has a few. */
#define CERTMAP_ACCOUNT_GROUPS_MOST 256
/** How often a child that ends waits 10 ms for its look at changed files: five seconds. What it reads goes with it. */
#define CERTMAP_LOOK_STEPS_MOST 500

/* ---- stores ---------------------------------------------------------------------------------------------------- */

/** Bytes of a store: positions in a cdb have 32 bits. tinycdb itself reports it as "Cannot allocate memory", and only
 *  after it has written 4 GB, so the size is computed before. */
#define CERTMAP_STORE_MAX 0xffffffffu
/** Milliseconds that a writer waits for another one: a large store takes a moment. */
#define CERTMAP_STORE_LOCK_MS 5000

/* ---- importers: a file that is to be imported may come from anybody -------------------------------------------- */

/** Elements inside elements of IIS's configuration, which needs about ten; the path is an array. */
#define CERTMAP_IMPORT_XML_DEPTH_MOST 64
/** Bytes of it: nothing larger is taken for a configuration, and expat counts in int. */
#define CERTMAP_IMPORT_XML_MOST ((apr_size_t)1 << 30)
/** Characters of a certificate in base64: a longer one is none (CTL_CERTIFICATE_MAX). */
#define CERTMAP_IMPORT_BASE64_MOST ((apr_size_t)1 << 24)

/** Groups inside groups of PostgreSQL's regular expressions; the reader calls itself. */
#define CERTMAP_IMPORT_ARE_DEPTH_MOST 50
/** Repeats of theirs: PostgreSQL's own limit (DUPMAX). */
#define CERTMAP_IMPORT_ARE_REPEAT_MOST 255
/** Bytes of one of theirs: people write shorter ones. */
#define CERTMAP_IMPORT_ARE_MOST 4096

/** Bytes of a line of an AuthUserFile: what mod_authn_file reads one into (MAX_STRING_LEN). It stops for good at one
 *  that is longer, so no later line counts there. */
#define CERTMAP_IMPORT_PASSWD_LINE_MOST 8192
/** Cost of a bcrypt hash that is tried: a line of a hostile file could take hours. */
#define CERTMAP_IMPORT_BCRYPT_COST_MOST 12
/** The same for the rounds of SHA-256 and SHA-512; crypt(3) uses 5,000 unless it is given others. */
#define CERTMAP_IMPORT_SHA_ROUNDS_MOST 100000

/** Kafka's patterns that are left out and are asked whether they catch a name; with more, it counts as caught. */
#define CERTMAP_IMPORT_KAFKA_BEHIND_MOST 200
/** Characters of one of Kafka's patterns that are read for the texts that it stands for. */
#define CERTMAP_IMPORT_KAFKA_PATTERN_MOST 1000
/** Texts that one stands for: `(a|b)(a|b)...` doubles them with each group. */
#define CERTMAP_IMPORT_KAFKA_TEXTS_MOST 64
/** Groups inside groups of one; the reader calls itself. */
#define CERTMAP_IMPORT_KAFKA_DEPTH_MOST 16
/** Repeats of one, which are written out. */
#define CERTMAP_IMPORT_KAFKA_REPEAT_MOST 32

/** Bytes of a line of sssd.conf: a rule with every component that SSSD has is a small part of it. */
#define CERTMAP_IMPORT_SSSD_LINE_MOST 65536
/** Sections of one priority that are compared with one another: time grows with the square of their number. With more,
 *  none of them is carried over. */
#define CERTMAP_IMPORT_SSSD_TIES_MOST 300

/** Patterns of a grid-mapfile that are looked through for each name after them; after more of them nothing is
 *  certain. */
#define CERTMAP_IMPORT_GRIDMAP_PATTERNS_MOST 100

/** Bytes of a line of the original in a comment: enough to see which one it is. */
#define CERTMAP_IMPORT_SHOWN_MOST 400

/* ---- certmapctl ------------------------------------------------------------------------------------------------ */

/** Bytes of a rule file, an entry file or a configuration; also what httpd may print as its configuration. The readers
 *  keep the text in memory, and count lines in int. */
#define CTL_TEXT_MAX ((apr_size_t)1 << 31)
/** Bytes of a file with certificates: a bundle of all public CAs has a fifth of a megabyte. */
#define CTL_CERTIFICATE_MAX ((apr_size_t)16 << 20)
/** Bytes of a configuration file whose lines are shown with findings; of a larger one only the place is shown. */
#define CTL_SHOWN_MAX ((apr_size_t)64 << 20)
/** Bytes that are kept of what httpd prints on standard error. */
#define CTL_STDERR_MAX ((apr_size_t)1 << 20)
/** Seconds for httpd to print its configuration: it reads all rule files and stores for that. */
#define CTL_DUMP_SECONDS_MOST 120
/** Seconds from now that a time may be: apr_time_t has 64 bits for microseconds, and 3,000 years are enough. */
#define CTL_SECONDS_MOST 100000000000

/** Rules that do not match and are shown in addition to the one that decided: those with the fewest failing
 *  conditions. */
#define CTL_RULES_MOST 20
/** Bytes of a value that explain shows. */
#define CTL_VALUE_MOST 200
/** Characters of a line that a message shows with its caret: more helps nobody. */
#define CTL_LINE_MOST 160
/** Runs through a place's conditions, one for each combination of what is not known: nine unknown ones double it nine
 *  times. With more, the answer is not certain. */
#define CTL_RUNS_MOST 512
/** Parentheses inside parentheses of an expression (<If>, Require expr); the reader calls itself. Deeper, the answer is
 *  not certain. */
#define CTL_EXPR_DEPTH_MOST 50
/** Lines that a renewal would change, and that are shown. */
#define CTL_RENEWALS_MOST 5

#endif
