#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The guard: in a deferring virtual host a certificate that failed verification gets nothing but its refusal, whatever the
# method, section, handler or virtual host, on the first connection and on the next; only CertMap Off lets it in, and even
# there SSL_CLIENT_VERIFY never reads SUCCESS.
use strict;
use warnings;
use Test::More;
use CertMap::Client;
use CertMap::Test;

# one certificate for each way to fail
my %failed = (expired => '403 17 expired -', revoked => '403 13 revoked -', selfsigned => '403 16 self-signed -',
    unknownca => '403 16 untrusted-issuer -', badsig => '403 16 bad-signature -', toodeep => '403 16 chain-too-long -');
my @ways = map { my $tls = $_; map { [$tls, $_] } '1.1', '2' } '1.2', '1.3';

# requests that must not get through; each is made twice on one connection and once on a second
my @refused = (
    { url => '/' }, { url => '/plain.txt' }, { url => '/nowhere' }, { url => '/satisfy/plain.txt' },
    { url => '/satisfy-guard/plain.txt' }, { url => '/satisfy-guard/' }, { url => '/satisfy-guard/env' },
    { url => '/report/env' }, { url => '/basic/env', headers => ['Authorization: Basic Ym9iOnNlY3JldA=='] },
    { url => '/cert/env' }, { url => '/cert-optional/env' }, { url => '/optional/env' }, { url => '/verified/env' },
    { url => '/proxy/plain.txt' }, { url => '/on/include.shtml' }, { url => '/secret.txt' },
    { url => '/plain.txt', method => 'HEAD' }, { url => '/on/env', method => 'POST', data => 'x=1' },
    { url => '/on/env', method => 'PUT', data => 'x=1' }, { url => '/on/env', method => 'BREW' },
    { url => '/plain.txt', method => 'OPTIONS' }, { url => '/plain.txt', method => 'TRACE' },
    { url => '/', method => 'OPTIONS', target => '*' },
);
my @elsewhere = ('b.test', 'unknown.test');

plan tests => 2 * @refused * @ways + (keys %failed) * @ways * 4 + 2 * @elsewhere * @ways + 3 * 2 * @ways + 4 + 3 * @ways;

sub words {
    my ($request) = @_;
    return join ' ', $request->{method} // 'GET', $request->{target} // $request->{url};
}

for my $cert (qw(revoked selfsigned)) {
    for my $way (@ways) {
        my ($tls, $http) = @$way;
        my @answers = ask(cert => $cert, tls => $tls, http => $http, requests => \@refused);
        for my $i (0 .. $#refused) {
            # httpd before 2.4.69 takes "OPTIONS *" over HTTP/2 for a bad request, and asks no module
            my $bad = $http eq '2' && ($refused[$i]{target} // '') eq '*' && $answers[$i]{status} == 400;
            is $bad ? "400 - - -" : brief($answers[$i]), $bad ? brief($answers[$i]) : $failed{$cert},
                "$cert, TLS $tls, HTTP/$http: " . words($refused[$i]);
        }
    }
}

for my $cert (sort keys %failed) {
    for my $way (@ways) {
        my ($tls, $http) = @$way;
        my @answers = ask(cert => $cert, tls => $tls, http => $http,
            requests => ['/off/env', '/off/env', { url => '/off/env', new => 1 }, '/plain.txt']);
        for my $i (0 .. 2) {
            my ($verify) = $answers[$i]{body} =~ /^SSL_CLIENT_VERIFY=(.*)$/m;
            # GENEROUS is mod_ssl's word for an issuer that it does not know, under optional_no_ca
            like "$answers[$i]{status} " . ($verify // 'unset'), qr/^200 (?:FAILED:|GENEROUS$)/,
                "$cert, TLS $tls, HTTP/$http: CertMap Off lets request $i in, and it reads as failed";
        }
        is brief($answers[3]), $failed{$cert}, "$cert, TLS $tls, HTTP/$http: and nothing else on that connection";
    }
}

# SNI says a.test, Host says another name
for my $cert (qw(revoked selfsigned)) {
    for my $way (@ways) {
        my ($tls, $http) = @$way;
        for my $other (@elsewhere) {
            my ($on) = ask(cert => $cert, tls => $tls, http => $http, requests => [{ url => '/on/env', host => $other }]);
            ok $on->{status} == 403 && brief($on) eq $failed{$cert} || $on->{status} == 421,
                "$cert, TLS $tls, HTTP/$http: SNI a.test, Host $other" or diag brief($on);
        }
    }
}

# The good certificate is refused nowhere, mapped by the virtual host that answers, and its user is not carried over.
for my $way (@ways) {
    my ($tls, $http) = @$way;
    my ($off, $here, $there) = ask(cert => 'good', tls => $tls, http => $http,
        requests => ['/off/env', '/on/env', { url => '/on/env', host => 'b.test' }]);
    like $off->{body}, qr/^SSL_CLIENT_VERIFY=SUCCESS$/m, "good, TLS $tls, HTTP/$http: verified";
    unlike $off->{body}, qr/^(?:REMOTE_USER|CERTMAP_\w+)=(?!\/)/m, '... not mapped under CertMap Off';
    is brief($here), '200 - - alice', '... mapped by a.test';
    ok brief($there) eq '200 - - b-alice' || $there->{status} == 421, '... by b.test under its own rules' or diag brief($there);
    my ($b) = ask(cert => 'good', tls => $tls, http => $http, host => 'b.test', requests => ['/on/env', '/plain.txt']);
    is brief($b), '200 - - b-alice', '... and with its own name in SNI';
    is $there->{log}{remote_user} // '', $there->{status} == 421 ? '-' : 'b-alice', '... no user of the other virtual host';
}

# A session file that outlives the first connection: a failed one is never taken up, a good one is.
for my $tls ('1.2', '1.3') {
    for my $row ([good => 1, 200], [revoked => 0, 403]) {
        my ($cert, $reused, $status) = @$row;
        my $file = top() . "/t/logs/session-$cert-$tls";
        my $text = "GET /on/env HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
        ask_raw(cert => $cert, tls => $tls, text => $text, session_out => $file);
        my $second = ask_raw(cert => $cert, tls => $tls, text => $text, session_in => $file);
        is "$second->{reused} $second->{status}", "$reused $status", "$cert, TLS $tls: s_client with the first one's session";
    }
}

# The handshake was another virtual host's, which does not defer: the guard of the one that the request names still holds.
for my $way (@ways) {
    my ($tls, $http) = @$way;
    my $name = "TLS $tls, HTTP/$http";
    my $answer = sub {
        my ($sni, $host) = @_;
        my $client = CertMap::Client->new(bundle => pki('clients', 'selfsigned.pem'), tls => $tls, http => $http,
            port => port('PAIR'), sni => $sni);
        my $response = $client->ask(path => '/plain.txt', host => $host, headers => { accept => 'text/plain' });
        $client->close;
        return $response->{status} . ($response->{body} =~ /(403\.16)/ ? " $1" : '');
    };
    is $answer->('a.test', 'a.test'), '200', "$name: no guard, as the start-up checks warn";
    is $answer->('b.test', 'b.test'), '403 403.16', "$name: the guard";
    is $answer->('a.test', 'b.test'), '403 403.16', "$name: the guard for a connection of the host that has none";
}
