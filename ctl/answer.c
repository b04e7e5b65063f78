/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goes through a request as httpd/access.c, httpd/authn.c and mod_authz_core do. What cannot be known is asked both
 * ways (doubt.h): where all runs end alike, the answer is certain.
 */
#include "answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "require.h"

/* SSLVerifyClient, by what it asks of the client. */
typedef enum asking_e {
    ASKS_NOTHING,
    ASKS_OPTIONAL,
    ASKS_ANY_CA, /* optional_no_ca */
    ASKS_REQUIRED
} asking_e;

/* What holds for one request. */
typedef struct settings_t {
    ctl_mode_e mode;
    int exempt;
    int report_only;
    int min;
    int inherit;
    apr_array_header_t *links; /* of int */
    int asking;                /* asking_e of sections, or CTL_UNSET */
    int depth;                 /* SSLVerifyDepth of sections, or CTL_UNSET */
    const char *auth_type;     /* or NULL */
    const ctl_require_t *require;
    apr_array_header_t *strange; /* of const ctl_directive_t *: what is not asked here */
    const ctl_directive_t *index;
} settings_t;

typedef struct run_t {
    ctl_t *ctl;
    ctl_place_t *place;
    ctl_walk_t walk;
    const ctl_verified_t *verified;
    const certmap_cert_t *view;
    apr_time_t now;
    int failed; /* an error was reported */
} run_t;

/* ---- directives ---------------------------------------------------------------------------------------------- */

static const char *word_of(const ctl_directive_t *d)
{
    return d && d->nwords > 0 ? d->words[0] : "";
}

static int asking_of(const char *word)
{
    return strcasecmp(word, "require") == 0          ? ASKS_REQUIRED
           : strcasecmp(word, "optional_no_ca") == 0 ? ASKS_ANY_CA
           : strcasecmp(word, "optional") == 0       ? ASKS_OPTIONAL
                                                     : ASKS_NOTHING;
}

static const char *path_of(const ctl_conf_t *conf, const ctl_vhost_t *vhost, const char *name, apr_pool_t *p)
{
    const char *path = word_of(ctl_conf_directive(vhost, name));

    return !*path ? NULL : *path == '/' ? path : apr_pstrcat(p, conf->root, "/", path, NULL);
}

static void read_crl_check(const ctl_directive_t *d, ctl_verify_t *how)
{
    int i;

    for (i = 0; d && i < d->nwords; i++) {
        how->crl_check = strcasecmp(d->words[i], "chain") == 0  ? CTL_CRL_CHAIN
                         : strcasecmp(d->words[i], "leaf") == 0 ? CTL_CRL_LEAF
                                                                : how->crl_check;
        how->crl_may_miss |= strcasecmp(d->words[i], "no_crl_for_cert_ok") == 0;
    }
}

void ctl_answer_verify(const ctl_conf_t *conf, const ctl_vhost_t *vhost, ctl_verify_t *how, apr_pool_t *p)
{
    const ctl_directive_t *depth = ctl_conf_directive(vhost, "SSLVerifyDepth");
    const ctl_directive_t *ciphers = ctl_conf_directive(vhost, "SSLCipherSuite");

    how->is_httpd = 1;
    how->ca = path_of(conf, vhost, "SSLCACertificateFile", p);
    how->ca_path = path_of(conf, vhost, "SSLCACertificatePath", p);
    how->crl = path_of(conf, vhost, "SSLCARevocationFile", p);
    how->crl_path = path_of(conf, vhost, "SSLCARevocationPath", p);
    read_crl_check(ctl_conf_directive(vhost, "SSLCARevocationCheck"), how);
    how->depth = depth ? atoi(word_of(depth)) : 1;
    how->ciphers = ciphers && ciphers->nwords == 1 ? ciphers->words[0] : NULL;
}

/* ---- settings ------------------------------------------------------------------------------------------------ */

static void add_own(settings_t *s, const ctl_own_t *own)
{
    int i, k;

    s->mode = own->mode != CTL_MODE_UNSET ? own->mode : s->mode;
    s->exempt = own->exempt != CTL_UNSET ? own->exempt : s->exempt;
    s->report_only = own->report_only != CTL_UNSET ? own->report_only : s->report_only;
    s->min = own->min != CTL_UNSET ? own->min : s->min;
    for (i = 0; i < own->nlayers; i++) {
        const ctl_layer_t *layer = &own->layers[i];

        s->inherit = layer->inherit != CTL_UNSET ? layer->inherit : s->inherit;
        if (layer->nlinks > 0 && !s->inherit) {
            s->links->nelts = 0;
        }
        for (k = 0; k < layer->nlinks; k++) {
            APR_ARRAY_PUSH(s->links, int) = layer->links[k];
        }
    }
}

static void add_directive(settings_t *s, const ctl_directive_t *d)
{
    static const char *const strange[] = { "Order",      "Allow",       "Deny",          "Satisfy",
                                           "SSLRequire", "RewriteRule", "RedirectMatch", "SSLCipherSuite" };
    size_t i;

    if (strcmp(d->name, "SSLVerifyClient") == 0) {
        s->asking = asking_of(word_of(d));
    }
    else if (strcmp(d->name, "SSLVerifyDepth") == 0) {
        s->depth = atoi(word_of(d));
    }
    else if (strcmp(d->name, "AuthType") == 0) {
        s->auth_type = word_of(d);
    }
    else if (strcmp(d->name, "DirectoryIndex") == 0) {
        s->index = d;
    }
    for (i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        if (strcmp(d->name, strange[i]) == 0) {
            APR_ARRAY_PUSH(s->strange, const ctl_directive_t *) = d;
        }
    }
    if (strncmp(d->name, "Redirect", 8) == 0 && d->name[8] != 'M') {
        APR_ARRAY_PUSH(s->strange, const ctl_directive_t *) = d;
    }
}

static void fold(const run_t *run, settings_t *s)
{
    apr_pool_t *p = run->walk.p;
    int i, k;

    *s = (settings_t){ .exempt = CTL_UNSET, .report_only = CTL_UNSET, .min = CTL_UNSET };
    s->links = apr_array_make(p, 8, sizeof(int));
    s->strange = apr_array_make(p, 4, sizeof(const ctl_directive_t *));
    s->asking = s->depth = CTL_UNSET;
    s->index = ctl_conf_directive(run->place->vhost, "DirectoryIndex");
    add_own(s, run->place->vhost->own);
    for (i = 0; i < run->walk.applied->nelts; i++) {
        const ctl_block_t *block = APR_ARRAY_IDX(run->walk.applied, i, const ctl_block_t *);

        if (block->own) {
            add_own(s, block->own);
        }
        for (k = 0; k < block->ndirectives; k++) {
            add_directive(s, &block->directives[k]);
        }
        s->require = ctl_require_merge(s->require, block, p);
    }
}

static int maps(const settings_t *s)
{
    return s->mode >= CTL_MODE_OPTIONAL;
}

static int is_certificate(const char *auth_type)
{
    return auth_type && strcasecmp(auth_type, "Certificate") == 0;
}

static int may_set(const settings_t *s)
{
    return !s->auth_type || strcasecmp(s->auth_type, "None") == 0 || is_certificate(s->auth_type);
}

static int is_wanted(const settings_t *s)
{
    return maps(s) || (s->mode == CTL_MODE_UNSET && is_certificate(s->auth_type));
}

/* ---- the certificate ----------------------------------------------------------------------------------------- */

/* What is known of the certificate when the request's turn has come. */
typedef struct shown_t {
    int is_tls;
    int is_shown;
    certmap_reason_e missing;  /* why it is not, or CERTMAP_R_NONE */
    certmap_verdict_t verdict; /* what verification found */
    certmap_reason_e refusal;  /* what refuses the certificate where somebody is to be mapped, or CERTMAP_R_NONE */
    certmap_reason_e unproved; /* what refuses it wherever it matters, or CERTMAP_R_NONE */
    int ends;                  /* mod_ssl ends the handshake for it */
} shown_t;

static int is_tls(run_t *run)
{
    const ctl_vhost_t *vhost = run->place->vhost;
    const ctl_directive_t *engine = ctl_conf_directive(vhost, "SSLEngine");

    if (engine && strcasecmp(word_of(engine), "optional") == 0) {
        return !ctl_doubt(run->walk.doubts, "whether the request comes over TLS (SSLEngine optional)");
    }
    return engine ? strcasecmp(word_of(engine), "on") == 0
                  : vhost->protocol && strcasecmp(vhost->protocol, "https") == 0;
}

/* What changes verification and is not done here. */
static int has_commands(run_t *run)
{
    static const char *const names[] = { "VerifyCAFile", "VerifyCAPath", "VerifyCAStore", "VerifyMode",
                                         "CipherString" };
    const ctl_vhost_t *v = run->place->vhost;
    int i;
    size_t k;

    for (i = 0; i < v->nmain + v->ndirectives; i++) {
        const ctl_directive_t *d = i < v->nmain ? &v->main[i] : &v->directives[i - v->nmain];

        for (k = 0; strcmp(d->name, "SSLOpenSSLConfCmd") == 0 && k < sizeof(names) / sizeof(names[0]); k++) {
            if (strcasecmp(word_of(d), names[k]) == 0
                && ctl_doubt(run->walk.doubts, apr_psprintf(run->walk.p, "what SSLOpenSSLConfCmd %s changes (%s:%d)",
                                                            d->arguments, d->file ? d->file : "?", d->line))) {
                return 1;
            }
        }
    }
    return 0;
}

/* Asked for again in the middle of the connection: not every client can, and HTTP/2 cannot. */
static int is_asked_anew(const run_t *run, const settings_t *s, int asking)
{
    static const int firmness[] = { [ASKS_NOTHING] = 0, [ASKS_OPTIONAL] = 1, [ASKS_ANY_CA] = 1, [ASKS_REQUIRED] = 2 };
    int depth = run->verified->how->depth;

    return (s->asking != CTL_UNSET && firmness[s->asking] > firmness[asking])
           || (s->depth != CTL_UNSET && depth != CTL_ANY_DEPTH && s->depth < depth);
}

static int ocsp_may_refuse(run_t *run)
{
    const char *word = word_of(ctl_conf_directive(run->place->vhost, "SSLOCSPEnable"));

    return (strcasecmp(word, "on") == 0 || strcasecmp(word, "leaf") == 0)
           && ctl_doubt(run->walk.doubts, "what the OCSP responder says (SSLOCSPEnable): it is not asked here");
}

static shown_t show(run_t *run, const settings_t *s)
{
    const ctl_vhost_t *vhost = run->place->vhost;
    int asking = asking_of(word_of(ctl_conf_directive(vhost, "SSLVerifyClient")));
    shown_t shown = { .is_tls = is_tls(run) };

    if (!shown.is_tls) {
        shown.missing = CERTMAP_R_SSL_REQUIRED;
        return shown;
    }
    if (is_asked_anew(run, s, asking)) {
        if (ctl_doubt(run->walk.doubts, "whether the client can be asked in the middle of a connection, as its "
                                        "SSLVerifyClient or SSLVerifyDepth asks it there")) {
            shown.missing = CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE;
            return shown;
        }
        asking = s->asking != CTL_UNSET ? s->asking : asking;
    }
    if (asking == ASKS_NOTHING) {
        shown.missing = CERTMAP_R_CERTIFICATE_MISSING;
        return shown;
    }
    shown.is_shown = 1;
    shown.verdict = run->verified->verdict;
    shown.ends = shown.verdict.reason != CERTMAP_R_NONE && !vhost->defer
                 && (asking != ASKS_ANY_CA || run->verified->is_hard);
    if (shown.verdict.reason == CERTMAP_R_NONE && ocsp_may_refuse(run)) {
        shown.verdict.reason = CERTMAP_R_REVOKED;
        shown.ends = !vhost->defer;
    }
    shown.refusal = certmap_cert_refusal(run->view, &shown.verdict, run->now);
    shown.unproved = certmap_cert_unproved(shown.refusal, run->view, &shown.verdict) ? shown.refusal : CERTMAP_R_NONE;
    return shown;
}

/* ---- the mapping --------------------------------------------------------------------------------------------- */

/* As map() of httpd/request.c. */
static certmap_reason_e map(run_t *run, const shown_t *shown, ctl_answer_t *answer, certmap_decision_t *decision)
{
    certmap_question_t question = {
        .list = answer->list, .cert = run->view, .verdict = &shown->verdict, .min = answer->min, .now = run->now
    };

    if (shown->missing != CERTMAP_R_NONE) {
        return shown->missing;
    }
    if (shown->refusal != CERTMAP_R_NONE) {
        return shown->refusal;
    }
    answer->is_asked = 1;
    if (certmap_decide(&question, decision, run->walk.p) != APR_SUCCESS) {
        run->failed = 1;
        return CERTMAP_R_NO_MATCH;
    }
    return decision->outcome == CERTMAP_MAPPED  ? CERTMAP_R_NONE
           : decision->reason != CERTMAP_R_NONE ? decision->reason
                                                : CERTMAP_R_NO_MATCH;
}

/* ---- Require ------------------------------------------------------------------------------------------------- */

static ctl_answer_t refused(ctl_answer_t answer, certmap_reason_e reason)
{
    answer.http = certmap_reason_http(reason);
    answer.reason = reason;
    answer.passed_over = CERTMAP_R_NONE;
    answer.user = NULL;
    return answer;
}

/* Require asks for a user, and there is none: as certmap_authn_authenticate(), or as another module's. */
static ctl_answer_t without_user(const run_t *run, const settings_t *s, const ctl_requester_t *who, ctl_answer_t answer)
{
    if (who->user) { /* an expression is not content with this one */
        answer.user = NULL;
        answer.http = 401;
        answer.because = "Require asks for another user";
        return answer;
    }
    if (is_certificate(s->auth_type) || (maps(s) && may_set(s))) {
        return refused(answer, !who->wanted                    ? CERTMAP_R_NO_MATCH
                               : who->reason != CERTMAP_R_NONE ? who->reason
                                                               : CERTMAP_R_USER_DENIED);
    }
    answer.user = NULL;
    answer.http = may_set(s) ? 500 : 401;
    answer.because = may_set(s) ? "Require asks for a user, and no AuthType says how to find one"
                                : apr_psprintf(run->walk.p, "AuthType %s asks for a password", s->auth_type);
    return answer;
}

/* Whether Require refuses everybody. */
static int is_for_all(const settings_t *s, const ctl_requester_t *who)
{
    ctl_requester_t nobody = *who;
    ctl_granted_e granted;

    nobody.user = NULL;
    nobody.nobody = 1;
    granted = ctl_require_ask(s->require, &nobody);
    return granted == CTL_DENIED || granted == CTL_NEUTRAL;
}

static ctl_answer_t require(const run_t *run, const settings_t *s, ctl_requester_t *who, ctl_answer_t answer)
{
    ctl_granted_e granted = ctl_require_ask(s->require, who);

    answer.require = granted == CTL_GRANTED ? NULL : who->failed;
    switch (granted) {
    case CTL_GRANTED:
        return who->undecided != CERTMAP_R_NONE ? refused(answer, who->undecided) : answer;
    case CTL_DENIED_NO_USER:
        return without_user(run, s, who, answer);
    case CTL_DENIED:
    case CTL_NEUTRAL:
        break;
    }
    answer = refused(answer, is_for_all(s, who) ? CERTMAP_R_NONE : who->user ? CERTMAP_R_USER_DENIED : who->denied);
    answer.http = 403;
    return answer;
}

/* ---- one run ------------------------------------------------------------------------------------------------- */

static const char *verify_word(const shown_t *shown)
{
    return !shown->is_shown ? "NONE" : shown->verdict.reason == CERTMAP_R_NONE ? "SUCCESS" : "FAILED";
}

static ctl_answer_t unknown(ctl_answer_t answer)
{
    answer.http = CTL_UNSET;
    return answer;
}

/* Other modules' ways to let in or not. */
static int is_strange(run_t *run, const settings_t *s)
{
    int i;

    for (i = 0; i < s->strange->nelts; i++) {
        const ctl_directive_t *d = APR_ARRAY_IDX(s->strange, i, const ctl_directive_t *);

        if (ctl_doubt(run->walk.doubts, apr_psprintf(run->walk.p, "what %s %s does (%s:%d): only httpd can ask it",
                                                     d->name, d->arguments, d->file ? d->file : "?", d->line))) {
            return 1;
        }
    }
    return s->auth_type && strstr(s->auth_type, "%{")
           && ctl_doubt(run->walk.doubts, "what AuthType is: an expression says it for each request");
}

/* As check() of httpd/access.c, and what follows. */
static ctl_answer_t check(run_t *run, const settings_t *s, const shown_t *shown, ctl_answer_t answer)
{
    certmap_decision_t decision = { .outcome = CERTMAP_REFUSED };
    ctl_requester_t who = { .p = run->walk.p, .doubts = run->walk.doubts, .known = run->walk.known };

    if (shown->is_shown && run->place->vhost->defer && s->exempt != 1 && shown->unproved != CERTMAP_R_NONE) {
        return refused(answer, shown->unproved);
    }
    who.wanted = is_wanted(s);
    who.report_only = s->report_only == 1;
    who.unverified = shown->missing != CERTMAP_R_NONE ? shown->missing : shown->unproved;
    if (who.wanted) {
        who.reason = map(run, shown, &answer, &decision);
        who.decision = who.reason == CERTMAP_R_NONE ? &decision : NULL;
    }
    if (maps(s) && !who.report_only && who.reason != CERTMAP_R_NONE
        && !(s->mode == CTL_MODE_OPTIONAL && ctl_goes_on(who.reason))) {
        return refused(answer, who.reason);
    }
    answer.passed_over = maps(s) ? who.reason : CERTMAP_R_NONE;
    if (is_strange(run, s)) {
        return unknown(answer);
    }
    who.user = who.decision && !who.report_only && may_set(s) ? decision.effect.user : NULL;
    answer.user = who.user;
    return require(run, s, &who, answer);
}

static ctl_answer_t walk_and_check(run_t *run, settings_t *s)
{
    ctl_answer_t answer = { .http = 200 };
    const ctl_section_t *section = run->place->section;
    shown_t shown;

    *s = (settings_t){ .asking = CTL_UNSET, .depth = CTL_UNSET };
    shown = show(run, s); /* when the connection begins, which <If> can ask for */
    run->walk.known.is_tls = shown.is_tls;
    run->walk.known.verify = verify_word(&shown);
    if (section) {
        ctl_walk_section(&run->walk, section->block);
    }
    else if (!ctl_walk(&run->walk)) {
        return unknown(answer);
    }
    fold(run, s);
    answer.mode = s->mode;
    answer.exempt = s->exempt == 1;
    answer.report_only = s->report_only == 1;
    answer.min = s->min == CTL_UNSET ? CERTMAP_WEAK : (certmap_strength_e)s->min;
    if (ctl_conf_list(run->ctl, run->place->conf, s->links, &answer.list) != CTL_OK) {
        run->failed = 1;
        return answer;
    }
    shown = show(run, s);
    if (shown.is_shown && has_commands(run)) {
        return unknown(answer);
    }
    if (shown.ends) {
        answer = refused(answer, shown.verdict.reason);
        answer.http = 0;
        return answer;
    }
    return check(run, s, &shown, answer);
}

/* What stands for a directory is asked as a part of it: why Require refuses a part is not reported.
 * @return whether it is the answer; else the next one is tried */
static int answer_index(run_t *run, const char *file, ctl_answer_t *answer)
{
    const char *path = run->walk.known.path, *dir = run->walk.known.filename;
    settings_t inner;
    struct stat info;

    if (*file == '/' || stat(apr_pstrcat(run->walk.p, dir, file, NULL), &info) != 0 || !S_ISREG(info.st_mode)) {
        return 0;
    }
    run->walk.known.path = apr_pstrcat(run->walk.p, path, file, NULL);
    *answer = walk_and_check(run, &inner);
    run->walk.known.path = path;
    run->walk.known.filename = dir;
    if (answer->require) {
        answer->reason = CERTMAP_R_NONE;
    }
    return answer->http == 200;
}

/* A directory's sections are asked, and then those of its index. */
static ctl_answer_t answer_once(run_t *run)
{
    static const char *const usual[] = { "index.html" };
    const char *path = run->walk.known.path;
    settings_t s;
    ctl_answer_t answer = walk_and_check(run, &s);
    const char *const *names = s.index ? s.index->words : usual;
    int i, n = s.index ? s.index->nwords : 1;

    if (answer.http != 200 || run->place->section || !run->walk.is_directory || path[strlen(path) - 1] != '/') {
        return answer;
    }
    for (i = 0; i < n && !answer_index(run, names[i], &answer); i++) {
    }
    return answer;
}

/* ---- all runs ------------------------------------------------------------------------------------------------ */

/* One run that is over. */
typedef struct ended_t {
    const apr_array_header_t *doubts; /* of ctl_doubt_t */
    ctl_answer_t answer;
} ended_t;

static int same(const ctl_answer_t *a, const ctl_answer_t *b)
{
    return a->http == b->http && a->reason == b->reason && a->http != CTL_UNSET
           && strcmp(a->user ? a->user : "", b->user ? b->user : "") == 0;
}

static const ctl_doubt_t *find(const apr_array_header_t *doubts, const char *why)
{
    int i;

    for (i = 0; i < doubts->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(doubts, i, ctl_doubt_t).why, why) == 0) {
            return &APR_ARRAY_IDX(doubts, i, ctl_doubt_t);
        }
    }
    return NULL;
}

/* The only question that two runs answer differently; NULL: there are more. */
static const char *only_difference(const ended_t *a, const ended_t *b)
{
    const char *found = NULL;
    int i;

    for (i = 0; i < a->doubts->nelts; i++) {
        const ctl_doubt_t *one = &APR_ARRAY_IDX(a->doubts, i, ctl_doubt_t);
        const ctl_doubt_t *other = find(b->doubts, one->why);

        if (other && other->yes != one->yes) {
            if (found) {
                return NULL;
            }
            found = one->why;
        }
    }
    return found;
}

static void note(apr_array_header_t *unknown, const char *why)
{
    int i;

    for (i = 0; i < unknown->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(unknown, i, const char *), why) == 0) {
            return;
        }
    }
    APR_ARRAY_PUSH(unknown, const char *) = why;
}

static void compare(ctl_place_t *place, const apr_array_header_t *runs, apr_pool_t *p)
{
    apr_array_header_t *unknown = apr_array_make(p, 4, sizeof(const char *));
    int i, k;

    for (i = 0; i < runs->nelts; i++) {
        const ended_t *a = &APR_ARRAY_IDX(runs, i, ended_t);

        place->certain = place->certain && same(&place->answer, &a->answer);
        for (k = 0; k < i; k++) {
            const ended_t *b = &APR_ARRAY_IDX(runs, k, ended_t);
            const char *why = same(&a->answer, &b->answer) ? NULL : only_difference(a, b);

            if (why) {
                note(unknown, why);
            }
        }
    }
    place->unknown = unknown;
}

int ctl_answer(ctl_t *ctl, ctl_place_t *place, const ctl_certificate_t *certificate, const ctl_verified_t *verified,
               apr_time_t now)
{
    ctl_doubts_t doubts = ctl_doubts_make(ctl->pool);
    apr_array_header_t *runs = apr_array_make(ctl->pool, 4, sizeof(ended_t));
    run_t run = { .ctl = ctl, .place = place, .verified = verified, .view = certificate->view, .now = now };
    apr_size_t n = strcspn(place->name, "?");

    run.walk = (ctl_walk_t){ .p = ctl->pool, .conf = place->conf, .vhost = place->vhost, .doubts = &doubts };
    run.walk.known = (ctl_known_t){ .path = apr_pstrmemdup(ctl->pool, place->name, n), .user = "" };
    run.walk.known.query = place->name[n] == '?' ? place->name + n + 1 : NULL;
    do {
        ended_t ended = { .answer = answer_once(&run) };

        if (run.failed) {
            return CTL_ERROR;
        }
        doubts.asked->nelts = doubts.replayed;
        ended.doubts = apr_array_copy(ctl->pool, doubts.asked);
        APR_ARRAY_PUSH(runs, ended_t) = ended;
    } while (runs->nelts < CTL_RUNS_MOST && ctl_doubts_next(&doubts));
    place->answer = APR_ARRAY_IDX(runs, 0, ended_t).answer;
    place->certain = runs->nelts < CTL_RUNS_MOST;
    compare(place, runs, ctl->pool);
    return CTL_OK;
}
