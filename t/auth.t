#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The user as the rest of httpd sees it: Require, AuthType, Satisfy, the environment and what stays httpd's own.
use strict;
use warnings;
use Test::More;
use CertMap::Test;

my $bob = 'Authorization: Basic Ym9iOnNlY3JldA==';
my $wrong = 'Authorization: Basic Ym9iOndyb25n';

# certificate, request, answer (status, substatus, reason, user note), %u
my @table = (
    [good => '/user-only/env',      '403 12 user-denied alice',         undef],
    [bob => '/alice-only/env',      '403 12 user-denied bob',           undef],
    [good => '/alice-only/env',     '200 - - alice',                    'alice'],
    [good => '/rule/env',           '200 - - alice',                    'alice'],
    [good => '/rule-other/env',     '403 12 user-denied alice',         undef],
    [good => '/group/env',          '200 - - alice',                    'alice'],
    [good => '/group-other/env',    '403 12 user-denied alice',         undef],
    [good => '/verified/env',       '200 - - -',                        '-'],
    [unmapped => '/verified/env',   '200 - - -',                        '-'],
    [undef, '/verified/env',        undef,                              undef],
    [undef, '/alice-only/env',      '403 7 certificate-missing -',      undef],
    [unmapped => '/alice-only/env', '403 12 no-match -',                undef],
    # a refusal that is not about the user is httpd's own
    [good => '/all-denied/env',     '403 - - alice',                    undef],
    [good => '/other-ip/env',       '403 - - alice',                    undef],
    [good => '/expr-false/env',     '403 - - alice',                    undef],
    [good => '/ip-and-user/env',    '403 - - alice',                    undef],
    [good => '/user-and-ip/env',    '403 - - alice',                    undef],
    [good => '/user-or-ip/env',     '403 12 user-denied alice',         undef],
    [good => '/group-and-ip/env',   '403 - - alice',                    undef],
    [good => '/group-or-ip/env',    '403 12 user-denied alice',         undef],
    [good => '/not-alice/env',      '403 12 user-denied alice',         undef],
    [bob => '/not-alice/env',       '200 - - bob',                      'bob'],
    [undef, '/verified-and-ip/env', '403 - - -',                        undef],
    [undef, '/verified-or-ip/env',  '403 7 certificate-missing -',      undef],
    [good => '/verified-or-ip/env', '200 - - -',                        undef],
    [good => '/valid-and-ip/env',   '403 - - alice',                    undef],
    [undef, '/valid-and-ip/env',    '403 - - -',                        undef],
    # a password is a password
    [good => '/basic/env',          undef,                              undef, 401],
    [good => ['/basic/env', $wrong], undef,                             undef, 401],
    [good => ['/basic/env', $bob],  '200 - - alice',                    'bob'],
    [undef, ['/basic/env', $bob],   '403 7 certificate-missing -',      undef],
    [unmapped => ['/basic/env', $bob], '403 12 no-match -',             undef],
    # AuthType Certificate
    [good => '/cert/env',           '200 - - alice',                    'alice'],
    [undef, '/cert/env',            '403 7 certificate-missing -',      undef],
    [unmapped => '/cert/env',       '403 12 no-match -',                undef],
    [good => '/cert-optional/env',  '200 - - alice',                    'alice'],
    [undef, '/cert-optional/env',   '403 7 certificate-missing -',      undef],
    [unmapped => '/cert-optional/env', '403 12 no-match -',             undef],
    [good => '/cert-unset/env',     '200 - - alice',                    'alice'],
    [undef, '/cert-unset/env',      '403 7 certificate-missing -',      undef],
    [unmapped => '/cert-unset/env', '403 12 no-match -',                undef],
    [denied => '/cert-unset/env',   '403 12 denied-by-rule -',          undef],
    [good => '/cert-off/env',       '403 12 no-match -',                undef],
    [undef, '/cert-off/env',        '403 12 no-match -',                undef],
    [good => '/rule-off/env',       undef,                              undef, 403],
    # Optional
    [good => '/optional/env',       '200 - - alice',                    'alice'],
    [undef, '/optional/env',        undef,                              '-', 200],
    [unmapped => '/optional/env',   undef,                              '-', 200],
    [denied => '/optional/env',     '403 12 denied-by-rule -',          undef],
    [malformed => '/optional/env',  '403 16 malformed -',               undef],
    # On is absolute
    [undef, '/satisfy/plain.txt',   '403 7 certificate-missing -',      undef],
    [unmapped => '/satisfy/plain.txt', '403 12 no-match -',             undef],
    [denied => '/satisfy/plain.txt', '403 12 denied-by-rule -',         undef],
    [good => '/satisfy/env',        '200 - - alice',                    'alice'],
    # Off and unset map nobody; malformed matters to the mapper alone
    [good => '/off/env',            '200 - - -',                        '-'],
    [good => '/nothing/env',        '200 - - -',                        '-'],
    [malformed => '/nothing/env',   '200 - - -',                        '-'],
    # report only: nothing refused, nobody set
    [unmapped => '/report/env',     undef,                              '-', 200],
    [undef, '/report/env',          undef,                              '-', 200],
    [good => '/report/env',         undef,                              '-', 200],
    [good => '/report-group/env',   '403 12 user-denied alice',         undef],
    [unmapped => '/report-group/env', '403 12 user-denied -',           undef],
    # Require not
    [good => '/not-group/env',      '200 - - alice',                    'alice'],
    [unmapped => '/not-group/env',  '200 - - -',                        '-'],
    [denied => '/not-group/env',    '403 12 denied-by-rule -',          undef],
    [malformed => '/not-group/env', '403 16 malformed -',               undef],
    [undef, '/not-group/env',       '403 7 certificate-missing -',      undef],
    [good => '/not-people/env',     '403 12 user-denied alice',         undef],
    # other rules, other users
    [unmapped => '/inherit/env',    '200 - - guest',                    'guest'],
    [good => '/inherit/env',        '200 - - alice',                    'alice'],
    [denied => '/inherit/env',      '403 12 denied-by-rule -',          undef],
    [unmapped => '/replace/env',    '200 - - guest',                    'guest'],
    [good => '/replace/env',        '403 12 no-match -',                undef],
    [denied => '/replace/env',      '403 12 no-match -',                undef],
    # httpd's own answers stay its own
    [good => '/on/secret.txt',      '403 - - alice',                    'alice'],
    [good => '/on/nowhere',         '404 - - alice',                    'alice'],
    [undef, '/on/nowhere',          '403 7 certificate-missing -',      undef],
    [unmapped => '/on/secret.txt',  '403 12 no-match -',                undef],
    # directory index, sub-requests, proxy
    [good => '/on/',                '200 - - alice',                    'alice'],
    [undef, '/on/',                 '403 7 certificate-missing -',      undef],
    [good => '/indexed/',           '200 - - indexed-alice',            'indexed-alice'],
    [unmapped => '/indexed/',       '403 12 no-match -',                undef],
    [good => '/index-off/',         '200 - - -',                        '-'],
    [good => '/index-on/',          '200 - - alice',                    'alice'],
    [good => '/index-cert/',        '200 - - alice',                    'alice'],
    [good => '/on/include.shtml',   '200 - - alice',                    'alice'],
    [good => '/proxy/plain.txt',    '200 - - alice',                    'alice'],
    [unmapped => '/proxy/plain.txt', '403 12 no-match -',               undef],
);
my @ways = (['1.2', '1.1'], ['1.3', '1.1'], ['1.3', '2']);

plan tests => @table * @ways + 26;

for my $row (@table) {
    my ($cert, $request, $expected, $user, $status) = @$row;
    my ($url, @headers) = ref $request ? @$request : $request;
    for my $way (@ways) {
        my ($tls, $http) = @$way;
        my $answer = ask(cert => $cert, tls => $tls, http => $http, requests => [{ url => $url, headers => \@headers }]);
        my $got = defined $expected ? brief($answer) : $status ? $answer->{status} : $answer->{status} =~ /^40[13]$/ ? 1 : 0;
        $got .= " $answer->{log}{remote_user}" if defined $user;
        is $got, ($expected // $status // 1) . (defined $user ? " $user" : ''),
            ($cert // 'no certificate') . ", TLS $tls, HTTP/$http: $url" . (@headers ? ' with a password' : '');
    }
}

# ---- the environment

my ($env) = ask(cert => 'good', requests => ['/on/env']);
my %env = $env->{body} =~ /^(\w+)=(.*)$/mg;
my %expected = (REMOTE_USER => 'alice', AUTH_TYPE => 'Certificate', CERTMAP_USER => 'alice', CERTMAP_RULE => 'staff',
    CERTMAP_GROUPS => 'staff,people', CERTMAP_STRENGTH => 'weak');
is $env{$_} // 'unset', $expected{$_}, "environment: $_" for sort keys %expected;
like $env{CERTMAP_DAYS_LEFT} // '', qr/^(?:29|30)$/, 'environment: CERTMAP_DAYS_LEFT';
like $env{CERTMAP_NOT_AFTER} // '', qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'environment: CERTMAP_NOT_AFTER';
my ($basic) = ask(cert => 'good', requests => [{ url => '/basic/env', headers => [$bob] }]);
%env = $basic->{body} =~ /^(\w+)=(.*)$/mg;
is "$env{REMOTE_USER} $env{AUTH_TYPE} $env{CERTMAP_USER}", 'bob Basic alice', 'beside Basic the certificate has its own variable';
my ($forged) = ask(requests => [{ url => '/off/env', headers => ['Certmap-User: admin', 'CERTMAP_USER: admin'] }]);
unlike $forged->{body}, qr/^CERTMAP_USER=/m, 'a request header is no variable of ours';
my ($include) = ask(cert => 'good', requests => ['/on/include.shtml']);
like $include->{body}, qr/before plain text\s+after/, 'a sub-request has the same user';

# ---- error documents and their environment

my ($doc) = ask(cert => 'denied', requests => ['/docs/env']);
%env = $doc->{body} =~ /^(\w+)=(.*)$/mg;
is join(' ', map { $env{"REDIRECT_CERTMAP_$_"} // 'unset' } qw(STATUS SUBSTATUS REASON RULE)), '403.12 12 denied-by-rule mallory',
    'an error document is told the refusal';
is $env{REDIRECT_CERTMAP_INCIDENT} // 'unset', $doc->{headers}{'x-certmap-incident'}, '... and the incident';
is $env{REMOTE_USER} // 'unset', 'unset', '... and no user';
my ($default) = ask(cert => 'denied', requests => [{ url => '/docs/default/env', headers => ['Accept: text/plain'] }]);
like $default->{body}, qr/403\.12/, '"default" is the built-in page again';
my ($admin) = ask(cert => 'denied', requests => ['/admin-doc/env']);
is "$admin->{status} $admin->{log}{substatus} $admin->{body}", "403 12 the administrator's own 403", 'without one: ErrorDocument 403';
my ($chosen, $files, $if, $other, $public) = ask(cert => 'unmapped',
    requests => [map {"/chosen/$_"} qw(plainly/here.txt files/here.txt if/here.txt other/here.txt public/here.txt)]);
is "$_->[0]{status} " . ($_->[0]{body} =~ /403\.12/ ? 'page' : $_->[0]{body}), '403 page',
    "ErrorDocument in .htaccess, $_->[1], opens nothing that needs a certificate"
    for [$chosen, 'by itself'], [$files, 'in <Files>'], [$if, 'in <If>'];
is "$other->{status} $other->{body}", "403 plain text\n", '... but the one in the configuration is shown, beside .htaccess too';
is "$public->{status} $public->{body}", "403 plain text\n", '... but what everybody may see';
my ($elsewhere) = ask(cert => 'good', requests => ['/user-elsewhere/env']);
is brief($elsewhere), '302 12 user-denied alice', 'a user who is denied, sent elsewhere, is told in the log';
my ($own) = ask(cert => 'good', requests => ['/admin-doc/secret.txt']);
is "$own->{status} $own->{log}{substatus} $own->{body}", "403 - the administrator's own 403", 'and httpd\'s own 403 keeps it';

# ---- whose refusal it is

my ($all, $expr, $either) = ask(cert => 'good', requests => ['/all-denied/env', '/expr-user/env', '/user-or-ip/env']);
unlike $all->{body}, qr/own document 403\.12/, 'Require all denied does not show the document of 403.12';
unlike "$expr->{log}{reason} $expr->{body}", qr/user-denied|own document/, 'nor does Require expr';
is $either->{body}, 'own document 403.12', 'a refusal that is about the user does';
