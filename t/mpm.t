#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The other ways in which httpd runs: a process for each connection (prefork), and threads without an event loop (worker). The
# rest of the suite runs under event.
use strict;
use warnings;

use Test::More;
use CertMap::Client;
use CertMap::File;
use CertMap::Server;
use CertMap::Test;

my @mpms = qw(prefork worker);
# certificate => answer
my %row = (good => '200 alice -', bob => '200 bob -', unmapped => '403 - 403.12', revoked => '403 - 403.13',
    expired => '403 - 403.17', selfsigned => '403 - 403.16');
my @tls = ('1.2', '1.3');
plan tests => @mpms * ((keys %row) * @tls * 3 + @tls * 3 + 4);

my $rules = "staff allow %{san.email:local} subject.OU=Staff\n";

sub start {
    my ($mpm) = @_;
    # Its children end in a signal's handler, where what they have read is not freed (httpd/reload.c).
    local $ENV{LSAN_OPTIONS} = ($ENV{LSAN_OPTIONS} // '') . ':detect_leaks=0' if $mpm eq 'prefork';
    return CertMap::Server->new(name => $mpm, ports => ['TLS', 'ASK'], without => ['mpm_event', 'http2', 'cgid'], modules => ["mpm_$mpm"],
        own_group => 1, files => { rules => $rules }, text => <<'CONF');
LogLevel certmap:debug
SSLSessionCache "shmcb:${DIR}/sessions(512000)"
<Location "/">
    CertMap On
    Header always set X-User "expr=%{REMOTE_USER}"
</Location>
Listen 127.0.0.1:${MY_TLS}
<VirtualHost 127.0.0.1:${MY_TLS}>
    ServerName a.test
    Include "${TOP}/t/conf/tls.conf"
    SSLVerifyClient optional_no_ca
    SSLVerifyDepth 2
    CertMapDeferErrors On
    CertMapRuleFile "${DIR}/rules"
</VirtualHost>
Listen 127.0.0.1:${MY_ASK}
<VirtualHost 127.0.0.1:${MY_ASK}>
    ServerName a.test
    Include "${TOP}/t/conf/tls.conf"
    SSLVerifyClient none
    SSLVerifyDepth 2
    CertMapDeferErrors On
    CertMapRuleFile "${DIR}/rules"
    <Location "/plain.txt">
        SSLVerifyClient require
    </Location>
    <Location "/index.html">
        CertMap Off
    </Location>
</VirtualHost>
<VirtualHost *:*>
    <Location "/">
        CertMap Off
    </Location>
</VirtualHost>
CONF
}

sub connect_to {
    my ($server, $cert, $tls, $port, $session) = @_;
    return CertMap::Client->new(bundle => pki('clients', "$cert.pem"), tls => $tls, http => '1.1', port => $server->port($port),
        sni => 'a.test', session => $session);
}

sub answer {
    my ($client) = @_;
    my $response = $client->ask(path => '/plain.txt', host => 'a.test', headers => { accept => 'text/plain' });
    my $user = $response->{headers}{'x-user'};
    return join ' ', $response->{status}, defined $user && $user ne '' && $user ne '(null)' ? $user : '-',
        $response->{body} =~ /\b(403\.\d+)/ ? $1 : '-';
}

sub settles {
    my ($server, $expected, $name) = @_;
    my ($got, $alike) = ('', 0);
    for (1 .. 300) {
        my $client = connect_to($server, 'good', '1.3', 'TLS');
        $got = answer($client);
        $client->close;
        $alike = $got eq $expected ? $alike + 1 : 0;
        last if $alike == 10;
        select undef, undef, undef, 0.05;
    }
    is $got, $expected, $name;
}

for my $mpm (@mpms) {
    my $server = start($mpm);
    for my $cert (sort keys %row) {
        for my $tls (@tls) {
            my $client = connect_to($server, $cert, $tls, 'TLS');
            is answer($client), $row{$cert}, "$mpm, $cert, TLS $tls";
            is answer($client), $row{$cert}, '... again on the same connection';
            my $session = $client->session;
            $client->close;
            my $second = connect_to($server, $cert, $tls, 'TLS', $session);
            is answer($second) . ($second->resumed ? ' resumed' : ''), $row{$cert} . ($row{$cert} =~ /^200|403\.12/ ? ' resumed' : ''),
                '... and on a second one that offers the session';
            $second->close;
        }
    }
    for my $tls (@tls) {
        for my $cert (qw(good revoked)) {
            my $client = connect_to($server, $cert, $tls, 'ASK');
            my $got = answer($client);
            # under "require" OpenSSL may end the connection before there is an answer
            like $got, $cert eq 'good' ? qr/^200 alice -$/ : qr/^(?:403 - 403\.13|0 - -)$/, "$mpm, TLS $tls: $cert, asked in a section";
            $client->close;
        }
    }
    # Two requests at once. The first one is logged when its answer goes out, during the second one's handshake.
    for my $tls (@tls) {
        my $client = connect_to($server, 'good', $tls, 'ASK');
        $client->write("GET /index.html HTTP/1.1\r\nHost: a.test\r\n\r\nGET /plain.txt HTTP/1.1\r\nHost: a.test\r\n"
            . "Connection: close\r\n\r\n");
        1 while $client->read;
        is join(' | ', $client->unread =~ m{^HTTP/1\.1 (\d+) .*?(?:^X-User: (\w*)|(?=^\r$))}gms), '200 |  | 200 | alice',
            "$mpm, TLS $tls: asked for in the second of two requests at once";
        $client->close;
    }
    replace($server->dir . '/rules', "staff allow two-%{san.email:local} subject.OU=Staff\n");
    settles($server, '200 two-alice -', "$mpm: rules that change");
    # The parent, which keeps the last good text, looks about every ten seconds.
    for (1 .. 400) {
        last if slurp($server->dir . '/error_log') =~ /: its text is kept for a graceful restart/;
        select undef, undef, undef, 0.1;
    }
    replace($server->dir . '/rules', "broken\n");
    $server->graceful;
    settles($server, '200 two-alice -', "$mpm: a graceful restart with a broken file");
    replace($server->dir . '/rules', $rules);
    settles($server, '200 alice -', "$mpm: mended");
    # Gracefully: by TERM prefork ends its children in a signal's handler, whatever their threads are at.
    $server->stop('WINCH');
    is join("\n", grep {/exit signal/} split /\n/, slurp($server->dir . '/error_log')), '', "$mpm: no process crashed";
}
