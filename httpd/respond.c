/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decision to answer: notes, environment, headers, error document, log line and incident id; and the output filter that
 * puts the built-in page in place of httpd's own.
 */
#include "respond.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_core.h>
#include <util_filter.h>

#include "config.h"
#include "document.h"
#include "incident.h"
#include "mod_certmap.h"
#include "page.h"
#include "tls.h"
#include "user.h"

APLOG_USE_MODULE(certmap);

/* ---- announcing ---------------------------------------------------------------------------------------------- */

void certmap_respond_clear_document(request_rec *r, certmap_request_t *state)
{
    if (state->document_set) {
        core_request_config *core = ap_get_core_module_config(r->request_config);

        if (core && core->response_code_strings) {
            core->response_code_strings[ap_index_of_response(HTTP_FORBIDDEN)] = NULL;
        }
        state->document_set = 0;
    }
    state->document = NULL;
}

/* mod_ssl says in a note why it could not ask: no extension in TLS 1.3, or no way in HTTP/2. */
static int cannot_be_asked(const request_rec *r)
{
    const char *note = apr_table_get(r->notes, "error-notes");

    return apr_table_get(r->notes, "ssl-renegotiate-forbidden") || (note && strstr(note, "Post-Handshake"));
}

/* That mod_ssl cannot ask is only a guess before it has said so; it may refuse for another reason. */
static int is_guess(const request_rec *r, const certmap_request_t *state)
{
    return state->refusal == CERTMAP_REFUSAL_EARLY && state->refusal_reason == CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE
           && !cannot_be_asked(r);
}

void certmap_respond_set_document(request_rec *r, certmap_request_t *state)
{
    const certmap_dir_conf_t *conf = certmap_dir_conf(r);
    const char *document = conf->documents ? conf->documents[certmap_reason_answer(state->refusal_reason)] : NULL;

    certmap_respond_clear_document(r, state);
    /* httpd reads its slot before anybody could take a guess back */
    if (document && !is_guess(r, state)) {
        state->document = document;
        /* "default" and texts are written by our filter; the slot only keeps the administrator's ErrorDocument away */
        ap_custom_response(r, HTTP_FORBIDDEN, strcmp(state->document, "default") == 0 ? " " : state->document);
        state->document_set = 1;
    }
}

/* ---- the log line -------------------------------------------------------------------------------------------- */

/*
 * Quoted: '"' and '%' become %22 and %25, controls %XX; httpd then doubles backslashes and writes other bytes as
 * \xNN. So a value can neither end its quotes nor begin a line, and both steps can be undone. What counts is the
 * length that httpd writes: a letter beyond ASCII takes four times its bytes.
 */
static const char *log_quote(apr_pool_t *p, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    const apr_size_t longest = 16; /* a character of four bytes */
    apr_size_t n = 0, written = 0;
    char *out = apr_palloc(p, CERTMAP_LOG_VALUE_MOST + 4);

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (written + ((c & 0xc0) != 0x80 ? longest : 4) > CERTMAP_LOG_VALUE_MOST) {
            memcpy(out + n, "...", 3);
            n += 3;
            break;
        }
        /* [promise one-line] */
        if (c < 0x20 || c == 0x7f || c == '"' || c == '%') {
            out[n++] = '%';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
            written += 3;
        }
        else {
            out[n++] = (char)c;
            written += c >= 0x80 ? 4 : c == '\\' ? 2 : 1;
        }
    }
    out[n] = '\0';
    return out;
}

static const char *log_pair(apr_pool_t *p, const char *key, const char *value)
{
    return value ? apr_psprintf(p, " %s=\"%s\"", key, log_quote(p, value)) : "";
}

static const char *nearest_text(const certmap_peer_t *peer, const certmap_links_t *links, apr_pool_t *p)
{
    const certmap_rule_t *rule = NULL;
    const certmap_cond_t *failed = NULL;
    const char *text = "";
    certmap_question_t question = { .cert = peer->cert, .verdict = &peer->record->verdict };
    certmap_pinned_t pinned;
    apr_pool_t *scratch;

    if (apr_pool_create(&scratch, p) != APR_SUCCESS) {
        return text;
    }
    certmap_links_pin(links, &pinned, scratch);
    question.list = pinned.list;
    certmap_nearest(&question, CERTMAP_NEAREST_RULES_MOST, &rule, &failed, scratch);
    if (rule) {
        text = apr_pstrcat(
            p, " nearest=", rule->name, failed ? log_pair(scratch, "failed", certmap_cond_text(failed)) : "",
            failed ? log_pair(scratch, "differs", certmap_cond_differs(failed, peer->cert, scratch)) : "", NULL);
    }
    certmap_links_unpin(&pinned);
    apr_pool_destroy(scratch);
    return text;
}

/* Where a reader looks first: which virtual host did answer, and where is it written? */
static const char *host_text(const request_rec *r)
{
    const server_rec *s = r->server;
    const char *name = s->server_hostname ? s->server_hostname : "_default_";

    return s->is_virtual && s->defn_name ? apr_psprintf(r->pool, "%s (%s:%u)", name, s->defn_name, s->defn_line_number)
                                         : apr_pstrcat(r->pool, name, " (the main server)", NULL);
}

static void log_refusal(request_rec *r, certmap_request_t *state, certmap_reason_e reason, const char *prefix)
{
    const certmap_cert_t *cert = state->peer ? state->peer->cert : NULL;
    const certmap_decision_t *decision = state->memo ? &state->memo->decision : NULL;
    const char *who = cert ? certmap_cert_sha256(cert) : r->useragent_ip;
    const char *about = "", *more = "", *host = "";
    int first;

    state->incident = certmap_incident(who, reason, r->request_time, &first, r->pool);
    if (!APLOG_R_IS_LEVEL(r, first ? APLOG_ERR : APLOG_INFO)) {
        return;
    }
    if (cert) {
        about = apr_pstrcat(r->pool, log_pair(r->pool, "subject", certmap_cert_subject_text(cert)),
                            log_pair(r->pool, "issuer", certmap_cert_issuer_text(cert)),
                            " serial=", certmap_cert_serial(cert), " sha256=", certmap_cert_sha256(cert), NULL);
    }
    if (reason == CERTMAP_R_NO_MATCH && cert && state->memo) {
        more = certmap_peer_nearest(state->conn, state->peer, state->memo, nearest_text);
    }
    else if (reason == CERTMAP_R_MALFORMED && cert && certmap_cert_malformed(cert)) {
        more = log_pair(r->pool, "malformed", certmap_cert_malformed(cert));
    }
    else if (certmap_reason_is_verification(reason) && state->peer && state->peer->record->verdict.x509_err) {
        const certmap_verdict_t *verdict = &state->peer->record->verdict;

        more = apr_psprintf(r->pool, " error=%d depth=%d", verdict->x509_err, verdict->depth);
    }
    else if (decision && (decision->rule || decision->source)) {
        more = apr_pstrcat(r->pool, decision->rule ? " rule=" : "", decision->rule ? decision->rule->name : "",
                           log_pair(r->pool, "source", decision->source),
                           log_pair(r->pool, "user", decision->effect.user),
                           log_pair(r->pool, "detail", decision->detail), NULL);
    }
    if (certmap_reason_substatus(reason) == 4 || certmap_reason_substatus(reason) == 12) {
        host = log_pair(r->pool, "vhost", host_text(r));
    }
    ap_log_rerror(APLOG_MARK, first ? APLOG_ERR : APLOG_INFO, 0, r, "certmap: %s%s %s%s%s%s incident=%s", prefix,
                  certmap_reason_status(reason), certmap_reason_name(reason), about, more, host, state->incident);
}

/* ---- notes, environment, headers ------------------------------------------------------------------------------ */

static void fill_notes(apr_table_t *notes, const certmap_memo_t *memo, const char *incident, certmap_reason_e reason,
                       apr_pool_t *p)
{
    const certmap_decision_t *decision = memo ? &memo->decision : NULL;

    if (reason != CERTMAP_R_NONE) {
        apr_table_setn(notes, CERTMAP_NOTE_STATUS, certmap_reason_status(reason));
        apr_table_setn(notes, CERTMAP_NOTE_REASON, certmap_reason_name(reason));
        if (certmap_reason_substatus(reason)) {
            apr_table_setn(notes, CERTMAP_NOTE_SUBSTATUS, apr_itoa(p, certmap_reason_substatus(reason)));
        }
    }
    if (incident) {
        apr_table_setn(notes, CERTMAP_NOTE_INCIDENT, incident);
    }
    if (decision && decision->rule) {
        apr_table_setn(notes, CERTMAP_NOTE_RULE, decision->rule->name);
    }
    if (decision && decision->effect.user) {
        apr_table_setn(notes, CERTMAP_NOTE_USER, decision->effect.user);
    }
}

/* redirected: for the request that an error document is, where httpd has put REDIRECT_ before the names already */
static void fill_env(apr_table_t *env, const certmap_peer_t *peer, const certmap_memo_t *memo, const char *incident,
                     certmap_reason_e reason, long days, int redirected, apr_pool_t *p)
{
    const certmap_decision_t *decision = memo ? &memo->decision : NULL;

#define SET(name, value) apr_table_setn(env, redirected ? "REDIRECT_" name : name, (value))
    /* [promise no-header] */
    SET(CERTMAP_ENV_STATUS, certmap_reason_status(reason));
    if (reason != CERTMAP_R_NONE) {
        SET(CERTMAP_ENV_REASON, certmap_reason_name(reason));
        if (certmap_reason_substatus(reason)) {
            SET(CERTMAP_ENV_SUBSTATUS, apr_itoa(p, certmap_reason_substatus(reason)));
        }
    }
    if (incident) {
        SET(CERTMAP_ENV_INCIDENT, incident);
    }
    if (decision && decision->rule) {
        SET(CERTMAP_ENV_RULE, decision->rule->name);
    }
    if (decision && decision->effect.user) {
        SET(CERTMAP_ENV_USER, decision->effect.user);
        SET(CERTMAP_ENV_STRENGTH, certmap_strength_name(decision->effect.strength));
        if (memo->groups) {
            SET(CERTMAP_ENV_GROUPS, memo->groups);
        }
    }
    if (peer && peer->cert && peer->not_after) {
        SET(CERTMAP_ENV_NOT_AFTER, peer->not_after);
        SET(CERTMAP_ENV_DAYS_LEFT, apr_ltoa(p, days));
    }
#undef SET
}

void certmap_respond_forget(request_rec *r)
{
    apr_table_unset(r->notes, CERTMAP_NOTE_RULE);
    apr_table_unset(r->notes, CERTMAP_NOTE_USER);
    apr_table_unset(r->subprocess_env, CERTMAP_ENV_RULE);
    apr_table_unset(r->subprocess_env, CERTMAP_ENV_USER);
    apr_table_unset(r->subprocess_env, CERTMAP_ENV_STRENGTH);
    apr_table_unset(r->subprocess_env, CERTMAP_ENV_GROUPS);
}

static void set_both(request_rec *r, const certmap_request_t *state, certmap_reason_e reason)
{
    long days = state->peer && state->peer->cert ? certmap_peer_days_left(state->peer, r->request_time) : 0;

    certmap_respond_forget(r);
    fill_notes(r->notes, state->memo, state->incident, reason, r->pool);
    fill_env(r->subprocess_env, state->peer, state->memo, state->incident, reason, days, 0, r->pool);
}

static void tell(const certmap_peer_t *peer, const certmap_memo_t *memo, certmap_told_t *told, apr_pool_t *p)
{
    fill_env(told->env, peer, memo, NULL, CERTMAP_R_NONE, told->days_left, 0, p);
}

/* Nearly always nobody has put anything into the tables yet; then nothing need be looked for in them, and adding a
 * ready environment costs a tenth of making it. */
void certmap_respond_accept(request_rec *r, certmap_request_t *state)
{
    if (state->reason == CERTMAP_R_NONE && apr_is_empty_table(r->notes) && apr_is_empty_table(r->subprocess_env)) {
        const certmap_told_t *told = certmap_peer_told(state->conn, state->peer, state->memo, r->request_time, tell);

        if (state->memo->decision.rule) {
            apr_table_addn(r->notes, CERTMAP_NOTE_RULE, state->memo->decision.rule->name);
        }
        apr_table_addn(r->notes, CERTMAP_NOTE_USER, state->memo->decision.effect.user);
        apr_table_overlap(r->subprocess_env, told->env, APR_OVERLAP_TABLES_ADD);
    }
    else {
        set_both(r, state, state->reason);
    }
}

void certmap_respond_report(request_rec *r, certmap_request_t *state, certmap_reason_e reason)
{
    if (!state->reported) {
        state->reported = 1;
        log_refusal(r, state, reason, "report-only ");
    }
    set_both(r, state, reason);
}

int certmap_respond_commit(request_rec *r, certmap_request_t *state)
{
    if (state->committed || state->refusal == CERTMAP_REFUSAL_NONE) {
        return state->committed;
    }
    if (is_guess(r, state)) {
        certmap_respond_withdraw(r, state);
        return 0;
    }
    if (state->refusal_reason == CERTMAP_R_CERTIFICATE_MISSING && cannot_be_asked(r)) {
        state->refusal_reason = CERTMAP_R_CERTIFICATE_NOT_REQUESTABLE;
    }
    state->committed = 1;
    log_refusal(r, state, state->refusal_reason, "");
    set_both(r, state, state->refusal_reason);
    apr_table_setn(r->err_headers_out, CERTMAP_HEADER_INCIDENT, state->incident);
    apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
    return 1;
}

int certmap_respond_refuse(request_rec *r, certmap_request_t *state, certmap_reason_e reason)
{
    certmap_user_drop(r, state);
    if (r->user && !certmap_user_is_proved(r)) {
        certmap_user_forget(r);
    }
    certmap_respond_announce(r, state, CERTMAP_REFUSAL_OURS, reason);
    if (r->main) {
        certmap_request_t *outer = certmap_request(r->main);

        /* nobody answers a sub-request; should the main one fail for it, it says the same */
        certmap_respond_commit(r, state);
        if (outer->refusal == CERTMAP_REFUSAL_NONE) {
            outer->conn = state->conn;
            outer->peer = state->peer;
            outer->memo = state->memo;
            certmap_respond_announce(r->main, outer, CERTMAP_REFUSAL_OURS, reason);
        }
    }
    return certmap_reason_http(reason);
}

/* The redirected request is the one that is logged, and the one a CGI error document sees. */
void certmap_respond_redirected(request_rec *r)
{
    certmap_request_t *previous;

    certmap_tls_settle(r); /* announces what came of it, where mod_ssl broke off */
    previous = certmap_request_if_any(r->prev);
    if (previous && previous->refusal != CERTMAP_REFUSAL_NONE
        && r->prev->status == certmap_reason_http(previous->refusal_reason)) {
        certmap_request_t *state = certmap_request(r);
        long days = previous->peer && previous->peer->cert ? certmap_peer_days_left(previous->peer, r->request_time)
                                                           : 0;

        if (!certmap_respond_commit(r->prev, previous)) {
            return;
        }
        state->error_document = previous->document_set || !certmap_document_is_from_htaccess(r->prev);
        fill_notes(r->notes, previous->memo, previous->incident, previous->refusal_reason, r->pool);
        fill_env(r->subprocess_env, previous->peer, previous->memo, previous->incident, previous->refusal_reason, days,
                 1, r->pool);
        apr_table_setn(r->err_headers_out, CERTMAP_HEADER_INCIDENT, previous->incident);
        apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
    }
}

/* ---- the built-in answer --------------------------------------------------------------------------------------- */

static certmap_str_t make_page(request_rec *r, certmap_request_t *state)
{
    const certmap_cert_t *cert = state->peer ? state->peer->cert : NULL;
    certmap_page_type_e type = certmap_page_negotiate(apr_table_get(r->headers_in, "Accept"));
    certmap_page_t page = { .reason = state->refusal_reason,
                            .incident = state->incident,
                            .admin = r->server->server_admin,
                            .now = r->request_time };

    if (cert) {
        page.subject = certmap_cert_subject_text(cert);
        page.issuer = certmap_cert_issuer_text(cert);
        page.serial = certmap_cert_serial(cert);
        page.not_before = certmap_cert_not_before(cert);
        page.not_after = certmap_cert_not_after(cert);
    }
    ap_set_content_type(r, certmap_page_content_type(type));
    apr_table_mergen(r->headers_out, "Vary", "Accept");
    apr_table_setn(r->headers_out, "Content-Security-Policy",
                   "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'");
    return certmap_page_body(&page, type, r->pool);
}

static int is_text(const char *document)
{
    return document && strcmp(document, "default") != 0 && *document != '/' && !ap_is_url(document);
}

/* Drops what httpd writes and sends ours instead, at the first brigade that comes by. */
apr_status_t certmap_respond_page(ap_filter_t *f, apr_bucket_brigade *in)
{
    static const int begun = 1;
    request_rec *r = f->r;
    certmap_request_t *state = certmap_request_if_any(r);
    apr_bucket_brigade *out = apr_brigade_create(r->pool, f->c->bucket_alloc);
    apr_bucket *b, *next;

    if (!f->ctx) {
        certmap_str_t body;

        f->ctx = (void *)&begun;
        if (is_text(state->document)) {
            body.data = state->document;
            body.len = strlen(body.data);
            ap_set_content_type(r, "text/html; charset=utf-8");
        }
        else {
            body = make_page(r, state);
        }
        ap_set_content_length(r, (apr_off_t)body.len);
        APR_BRIGADE_INSERT_TAIL(out, apr_bucket_pool_create(body.data, body.len, r->pool, f->c->bucket_alloc));
    }
    for (b = APR_BRIGADE_FIRST(in); b != APR_BRIGADE_SENTINEL(in); b = next) {
        next = APR_BUCKET_NEXT(b);
        if (APR_BUCKET_IS_METADATA(b)) {
            APR_BUCKET_REMOVE(b);
            APR_BRIGADE_INSERT_TAIL(out, b);
        }
    }
    apr_brigade_cleanup(in);
    return ap_pass_brigade(f->next, out);
}

static int is_sent_to(const request_rec *r, const certmap_request_t *state)
{
    const char *location = apr_table_get(r->headers_out, "Location");

    return state->document_set && location && strcmp(location, state->document) == 0;
}

void certmap_respond_error_answer(request_rec *r)
{
    certmap_request_t *state;
    const char *admins;

    certmap_tls_settle(r); /* as above */
    state = certmap_request_if_any(r);
    if (!state || state->refusal == CERTMAP_REFUSAL_NONE) {
        return;
    }
    if (r->status != certmap_reason_http(state->refusal_reason)) {
        if (ap_is_HTTP_REDIRECT(r->status) && (state->refusal == CERTMAP_REFUSAL_OURS || is_sent_to(r, state))) {
            certmap_respond_commit(r, state); /* an absolute URL as error document */
        }
        return;
    }
    if (!certmap_respond_commit(r, state)) {
        return;
    }
    admins = state->document ? NULL : ap_response_code_string(r, ap_index_of_response(r->status));
    if (!admins || *admins == '/') { /* a path comes here only when it could not be served */
        ap_add_output_filter(CERTMAP_RESPOND_FILTER, NULL, r, r->connection);
    }
}
