#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Certificates that are asked for in sections only: renegotiation over TLS 1.2, post-handshake authentication over TLS 1.3, and
# neither over HTTP/2. And a virtual host without deferral, where mod_ssl's alert stays what it was.
use strict;
use warnings;
use Test::More;
use CertMap::Client;
use CertMap::Test;

# Where mod_ssl asks again although the certificate is there. It can over TLS 1.2 alone: certificate, path, answer there; and
# elsewhere, what the log says and what is seen.
my @again = (
    [good    => '/require/env', '200 - - alice',    '403 7 certificate-not-requestable -',
        qr/403\.7 certificate-not-requestable/],
    [good    => '/guard/env',   '200 - - -',        '403 - - -',            qr/\A(?!.*X-Certmap).*HTTP\/1\.1 403 /s],
    [good    => '/other/env',   '403 - - -',        '403 - - -',
        qr/\A(?!.*(?:X-Certmap|own document)).*HTTP\/1\.1 403 /s],
    [revoked => '/require/env', '403 13 revoked -', '403 13 revoked -',     qr/403\.13 revoked/],
    [revoked => '/guard/env',   '403 13 revoked -', '403 13 revoked -',     qr/403\.13 revoked/],
);

# certificate, answer below /on (optional_no_ca in the section), answer below /require
my @table = (
    [good     => '200 - - alice',                   '200 - - alice'],
    [unmapped => '403 12 no-match -',               '403 12 no-match -'],
    [denied   => '403 12 denied-by-rule -',         '403 12 denied-by-rule -'],
    [revoked  => '403 13 revoked -',                '403 13 revoked -'],
    [expired  => '403 17 expired -',                '403 17 expired -'],
    [selfsigned => '403 16 self-signed -',          '403 16 self-signed -'],
    [unknownca  => '403 16 untrusted-issuer -',     '403 16 untrusted-issuer -'],
    [undef,      '403 7 certificate-missing -',     undef],
);
my @cannot = ('/on/env', '/require/env');
my @alert = qw(revoked expired selfsigned unknownca badsig wrongeku);

plan tests => @table * 2 * 4 + @cannot * 2 * 3 + (@alert + 3) * 4 + @again * 4 + 2 * 3 * 2 + 3 + 2 + 1 + 3 + 8 + 1;

# The log's line of the request over HTTP/2, which may come after that of the same one over HTTP/1.1.
sub over_h2 {
    my ($response) = @_;
    my @found = grep { $_->{protocol} eq 'HTTP/2.0' } CertMap::Test::log_entries($response->{mark}, 'HTTP/2.0');
    return @found == 1 ? $found[0] : {};
}

for my $row (@table) {
    my ($cert, $on, $require) = @$row;
    for my $tls ('1.2', '1.3') {
        my $name = ($cert // 'no certificate') . ", TLS $tls";
        # Before it is asked, the connection has no certificate and may read what is open.
        my ($open, $first, $second) = ask(cert => $cert, tls => $tls, port => 'ASK',
            requests => ['/plain.txt', '/on/env', { url => '/on/env', new => 1 }]);
        is brief($open), '200 - - -', "$name: nothing is asked for here";
        is brief($first), $on, "$name: asked for in a section";
        is brief($second), $on, "$name: and on a second connection";
        my ($required) = ask(cert => $cert, tls => $tls, port => 'ASK', requests => ['/require/env']);
        # OpenSSL itself ends a connection that has no certificate to show where one is required, before httpd can answer.
        is brief($required), $require // 'no answer', "$name: required in a section"
            or diag $required->{error};
    }
}

for my $url (@cannot) {
    for my $tls ('1.2', '1.3') {
        my ($h2) = ask(cert => 'good', tls => $tls, http => '2', port => 'ASK', requests => [$url]);
        # mod_http2 asks the client to come back with HTTP/1.1, and curl does.
        is join(' ', @{ over_h2($h2) }{qw(status substatus reason)}), '403 7 certificate-not-requestable',
            "TLS $tls: $url cannot be asked for over HTTP/2";
        is join(' | ', map {"$_->{status} $_->{user}"} grep { $_->{protocol} eq 'HTTP/1.1' } @{ $h2->{logs} }), '200 alice',
            '... but over HTTP/1.1';
        # s_client offers no post-handshake authentication without an option
        my $raw = ask_raw(cert => 'good', tls => $tls, port => 'ASK',
            text => "GET $url HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
        like $raw->{output}, $tls eq '1.2' ? qr/^REMOTE_USER=alice$/m : qr/403\.7.*certificate-not-requestable/s,
            "TLS $tls, s_client without post-handshake authentication: $url";
    }
}

for my $way (['1.2', '1.1'], ['1.2', '2'], ['1.3', '1.1'], ['1.3', '2']) {
    my ($tls, $http) = @$way;
    for my $row ([good => '200 - - alice'], [unmapped => '403 12 no-match -'], [undef, '403 7 certificate-missing -']) {
        my ($cert, $expected) = @$row;
        my ($answer) = ask(cert => $cert, tls => $tls, http => $http, port => 'OPTIONAL', requests => ['/on/env']);
        is brief($answer), $expected, ($cert // 'no certificate') . ", TLS $tls, HTTP/$http: without deferral";
    }
    for my $cert (@alert) {
        my ($answer) = ask(cert => $cert, tls => $tls, http => $http, port => 'OPTIONAL', requests => ['/on/env']);
        is brief($answer), 'no answer', "$cert, TLS $tls, HTTP/$http: without deferral mod_ssl's alert stays";
    }
}

for my $row (@again) {
    my ($cert, $path, $can, $cannot, $seen) = @$row;
    for my $tls ('1.2', '1.3') {
        my ($answer) = ask(cert => $cert, tls => $tls, port => 'AGAIN', requests => [$path]);
        is brief($answer), $tls eq '1.2' ? $can : $cannot, "$cert, TLS $tls: asked again at $path";
    }
    my ($h2) = ask(cert => $cert, tls => '1.3', http => '2', port => 'AGAIN', requests => [$path]);
    is join(' ', @{ over_h2($h2) }{qw(status substatus reason remote_user)}), $cannot, "$cert, HTTP/2: $path";
    my $raw = ask_raw(cert => $cert, tls => '1.3', port => 'AGAIN',
        text => "GET $path HTTP/1.0\r\nHost: a.test\r\nAccept: text/html\r\n\r\n");      # 1.0: not in chunks
    like $raw->{output}, $seen, "$cert, without post-handshake authentication: $path";
}

# Alice's certificate without her key. Over TLS 1.3 mod_ssl continues with the request although the client could not show it.
for my $tls ('1.2', '1.3') {
    for (['/on/env', '200 - - alice'], ['/require/env', '200 - - alice'], ['/ask-first/plain.txt', '200 - - -']) {
        my ($path, $with) = @$_;
        my $mark = "wrongkey-$tls-$path";
        ask_raw(cert => 'wrongkey', tls => $tls, port => 'ASK', options => ['-enable_pha'],
            text => "GET $path HTTP/1.1\r\nHost: a.test\r\nX-Test: $mark\r\nConnection: close\r\n\r\n");
        my @log = CertMap::Test::log_entries($mark);
        is join(' | ', map {"$_->{status} $_->{substatus} $_->{reason} $_->{user} $_->{remote_user}"} @log),
            '403 16 bad-signature - -', "TLS $tls, $path: a certificate without its key";
        my ($answer) = ask(cert => 'good', tls => $tls, port => 'ASK', requests => [$path]);
        is brief($answer), $with, '... and with it';
    }
}

# What a request knows of its user outlives the verifications of its parts, whatever other requests come meanwhile.
my $connection = CertMap::Client->new(bundle => pki('clients', 'good.pem'), tls => '1.2', http => '1.1', port => port('ASK'),
    sni => 'a.test');
for my $n (1 .. 2) {
    my $page = $connection->ask(path => '/ask-twice/parts.shtml', host => 'a.test');
    like "$page->{status} $page->{body}", qr/^200 plain text\s+plain text\s+user alice alice\.$/m, "a page of parts that ask, request $n";
}
my ($bob) = ask(cert => 'bob', tls => '1.2', port => 'ASK', requests => ['/on/env']);
is brief($bob), '200 - - bob', '... and another user meanwhile';
$connection->close;

# A part that mod_ssl refused is forgotten when the next request is verified, in a virtual host that no check knew to ask.
$connection = CertMap::Client->new(bundle => pki('clients', 'good.pem'), tls => '1.2', http => '1.1', port => port('ASK'),
    sni => 'a.test');
is $connection->ask(path => '/ask-index/', host => 'a.test')->{status}, 403, 'an index that mod_ssl refuses';
like join(' ', @{ $connection->ask(path => '/override/plain.txt', host => 'b.test') }{qw(status body)}), qr/^(?:200 plain text|421 )/,
    '... and then a section of .htaccess that asks';
$connection->close;

# What was announced for mod_ssl is not said of somebody else's refusal.
ask_raw(cert => 'good', tls => '1.3', port => 'ASK',
    text => "GET /any/secret.txt HTTP/1.1\r\nHost: a.test\r\nX-Test: any-secret\r\nConnection: close\r\n\r\n");
is join(' | ', map {"$_->{status} $_->{incident}"} CertMap::Test::log_entries('any-secret')), '403 -',
    'Satisfy any: a file that cannot be read is no refusal of ours';

# The index of a directory is refused where nobody logs, and the directory, which asks for nothing, reports it.
for my $n (1 .. 3) {
    my ($answer) = ask(cert => 'unmapped', tls => '1.3', port => 'OPTIONAL', requests => ['/quiet/']);
    is brief($answer), '403 12 no-match -', "an index that is refused quietly, connection $n";
}

# The answer comes after the next request's first bytes: mod_ssl has gone on without it, and nobody asks any more.
my $mark = error_log_mark();
for my $n (1 .. 8) {
    my $client = CertMap::Client->new(bundle => pki('clients', 'good.pem'), tls => '1.3', http => '1.1', port => port('ASK'),
        sni => 'a.test');
    $client->write("GET $_ HTTP/1.1\r\nHost: a.test\r\nX-Test: late-$n-$_\r\n\r\n") for '/require/env', '/plain.txt';
    1 while $client->read;
    $client->close;
    my @log = map { CertMap::Test::log_entries("late-$n-$_") } '/require/env';
    unlike join(' | ', map {"$_->{status} $_->{user} $_->{remote_user}"} @log), qr/200 |alice/, "a late answer, connection $n";
}
unlike error_log($mark), qr/exit signal/, 'no process crashed';
