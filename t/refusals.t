#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The table of refusals: every certificate over TLS 1.2 and 1.3, HTTP/1.1 and 2, on a first connection, on a second one that
# offers the first one's session, and for another request on that second connection. Each answer has its status, substatus,
# reason and user, and each refusal its own document.
use strict;
use warnings;
use Test::More;
use CertMap::Test;

# certificate, answer (status, substatus, reason, user), the mark of its CertMapErrorDocument below /docs
my @table = (
    [good          => '200 - - alice',                      undef],
    [bob           => '200 - - bob',                        undef],
    [noeku         => '200 - - norma',                      undef],
    [undef,           '403 7 certificate-missing -',        'own document 403.7'],
    [unmapped      => '403 12 no-match -',                  'REDIRECT_CERTMAP_STATUS=403.12'],
    [denied        => '403 12 denied-by-rule -',            'REDIRECT_CERTMAP_STATUS=403.12'],
    [revoked       => '403 13 revoked -',                   'own document 403.13'],
    [nocrl         => '403 13 revocation-unknown -',        'own document 403.13'],
    [stalecrl      => '403 13 revocation-unknown -',        'own document 403.13'],
    [malformed     => '403 16 malformed -',                 'own document 403.16 malformed'],
    # a deny rule asks for what is malformed
    [nul           => '403 12 denied-by-rule -',            'REDIRECT_CERTMAP_STATUS=403.12'],
    [newline       => '403 12 denied-by-rule -',            'REDIRECT_CERTMAP_STATUS=403.12'],
    [bitstring     => '403 12 denied-by-rule -',            'REDIRECT_CERTMAP_STATUS=403.12'],
    [selfsigned    => '403 16 self-signed -',               'own document 403.16 self-signed'],
    [unknownca     => '403 16 untrusted-issuer -',          'own document 403.16 untrusted-issuer'],
    [badsig        => '403 16 bad-signature -',             'own document 403.16 bad-signature'],
    [issuerexpired => '403 16 issuer-expired -',            'own document 403.16 issuer-expired'],
    [toodeep       => '403 16 chain-too-long -',            'own document 403.16 chain-too-long'],
    [constraint    => '403 16 constraint-violation -',      'own document 403.16 constraint-violation'],
    [wrongeku      => '403 16 wrong-purpose -',             'own document 403.16 wrong-purpose'],
    [expired       => '403 17 expired -',                   'redirect'],
    [notyet        => '403 17 not-yet-valid -',             'redirect'],
);
my @ways = map { my $tls = $_; map { [$tls, $_] } '1.1', '2' } '1.2', '1.3';
# What a failed verification forbids on pages that CertMap does not map at all; malformed is the mapper's finding alone.
my %guarded = map { $_ => 1 } qw(13 16 17);

plan tests => @table * @ways * 4 + 2 * 2;

for my $row (@table) {
    my ($cert, $expected, $document) = @$row;
    my ($status, $substatus, $reason) = split / /, $expected;
    for my $way (@ways) {
        my ($tls, $http) = @$way;
        my $name = ($cert // 'no certificate') . ", TLS $tls, HTTP/$http";
        my ($first, $second, $guard, $docs) = ask(cert => $cert, tls => $tls, http => $http,
            requests => ['/on/env', { url => '/on/env', new => 1 }, '/plain.txt', '/docs/env']);

        is brief($first) . " HTTP/$first->{version}", "$expected HTTP/$http", "$name: first connection";

        # A good session is resumed, a failed one never; without a certificate either will do.
        my $resumed = !defined $cert ? $second->{log}{resumed} : $guarded{$substatus} && $reason ne 'malformed' ? 'Initial'
            : 'Resumed';
        is brief($second) . " $second->{connects} $second->{log}{resumed}", "$expected 1 $resumed",
            "$name: second connection, offering the session";

        my $refused = $guarded{$substatus} && $reason ne 'malformed';
        is brief($guard) . " $guard->{connects}", ($refused ? $expected : '200 - - -') . ' 0',
            "$name: without CertMap the guard alone, on the same connection";

        if (!defined $document) {
            is $docs->{status} . ' ' . ($docs->{body} =~ /^REMOTE_USER=(.*)$/m ? $1 : ''),
                '200 ' . (split / /, $expected)[3], "$name: REMOTE_USER";
        }
        elsif ($document eq 'redirect') {
            is "$docs->{status} " . ($docs->{headers}{location} // ''),
                '302 http://127.0.0.1:' . port('MAIN') . '/renew/plain.txt', "$name: own document, elsewhere";
        }
        else {
            ok $docs->{status} == 403 && index($docs->{body}, $document) >= 0 && $docs->{log}{substatus} eq $substatus,
                "$name: own document" or diag "$docs->{status} $docs->{log}{substatus}: $docs->{body}";
        }
    }
}

for my $method (qw(GET POST)) {
    my ($plain, $docs) = ask(tls => "none", requests => [map { { url => $_, method => $method } } "/on/env", "/docs/env"]);
    is brief($plain), '403 4 ssl-required -', "plain HTTP, $method";
    is "$docs->{status} $docs->{body}", '403 own document 403.4', "plain HTTP, $method: own document";
}
