#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Processes that end while they read a rule file again: nothing that is read may be freed under the thread that reads it. And
# httpd -X, where one process ends as a child and as the parent of itself.
use strict;
use warnings;

use Test::More;
use CertMap::Client;
use CertMap::File;
use CertMap::Server;
use CertMap::Test;

my $rounds = 10;
my $many = $ENV{CERTMAP_PRELOAD} || $ENV{CERTMAP_VALGRIND} ? 1_000 : 20_000;      # a second's work, more or less
# Not under the sanitizers: httpd -X ends in exit(), called by the MPM, whose code is unloaded then, and AddressSanitizer follows
# the stack through it.
my @alone = $ENV{CERTMAP_PRELOAD} ? () : map { my $mpm = $_; map { [$mpm, $_] } qw(TERM WINCH INT) } qw(event worker prefork);
plan tests => $rounds + 1 + @alone;

sub rules {
    my ($round) = @_;
    return join '', "alice allow round-$round subject.CN=Alice\n",
        map {"r$_ allow user$_-$round subject.CN=name-$round-$_ subject.OU=none\n"} 1 .. $many;
}

my $server = CertMap::Server->new(name => 'ending', ports => ['TLS'], without => ['cgid'], files => { rules => rules(0) },
    text => <<'CONF');
Listen 127.0.0.1:${MY_TLS}
<VirtualHost 127.0.0.1:${MY_TLS}>
    ServerName a.test
    Include "${TOP}/t/conf/tls.conf"
    SSLVerifyClient optional_no_ca
    SSLVerifyDepth 2
    CertMapDeferErrors On
    CertMapRuleFile "${DIR}/rules"
    <Location "/plain.txt">
        CertMap On
        Header always set X-User "expr=%{REMOTE_USER}"
    </Location>
</VirtualHost>
CONF

for my $round (1 .. $rounds) {
    replace($server->dir . '/rules', rules($round));
    # each child looks once a second: the restart comes before, in the middle of and after its look
    select undef, undef, undef, 0.6 + 0.1 * $round;
    $server->graceful;
    my $client = CertMap::Client->new(bundle => pki('clients', 'good.pem'), tls => '1.3', http => '1.1',
        port => $server->port('TLS'), sni => 'a.test');
    is $client->ask(path => '/plain.txt', host => 'a.test')->{headers}{'x-user'}, "round-$round", "round $round: the rules of the day";
    $client->close;
}
is join("\n", grep {/exit signal/} split /\n/, slurp($server->dir . '/error_log')), '', 'no process crashed';

for my $way (@alone) {
    my ($mpm, $signal) = @$way;
    my $single = CertMap::Server->new(name => "alone-$mpm-$signal", without => ['cgid', 'http2', 'mpm_event'], modules => ["mpm_$mpm"],
        options => ['-X'], own_group => 1, ports => [], text => <<'CONF',
CertMapRuleFile "${DIR}/rules"
CertMapSource file "${DIR}/entries"
<Location "/twice">
    CertMap On
    CertMapRuleFile "${DIR}/rules"
</Location>
CONF
        files => { rules => "alice allow alice subject.CN=Alice\n", entries => "# nobody yet\n" });
    select undef, undef, undef, 1.2;        # it has looked at its files
    my $ended = $single->stop($signal, 'TERM');     # event and worker take no notice of WINCH then
    is sprintf('status %d, signal %d', $ended >> 8, $ended & 127), 'status 0, signal 0', "httpd -X, $mpm, ended by $signal";
}
