#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What start-up accepts together with mod_cache is safe: what one certificate has put into the cache reaches nobody who would
# not get it from the file, however the place depends on certificates. (t/config.t has what start-up refuses.)
use strict;
use warnings;
use Test::More;
use CertMap::Client;
use CertMap::File;
use CertMap::Server;
use CertMap::Test;

my @ways = map { my $tls = $_; map { [$tls, $_] } '1.1', '2' } '1.2', '1.3';
my %place = (
    type => "AuthType Certificate\nRequire valid-user\n",
    verified => "Require certmap-verified\n",
    group => "CertMap Optional\nRequire certmap-group staff\n",
    on => "CertMap On\n",
);
# certificates that must not get what "good" has put there, by place
my %refused = (
    type => [undef, 'denied', 'unmapped'],
    verified => [undef],
    group => [undef, 'denied', 'unmapped'],
    on => [undef, 'denied', 'unmapped']);
# virtual host, what is written in it, whether its pages come from the cache the second time
my @hosts = (
    ['off.test', "CacheQuickHandler off\nCacheEnable disk /\n", 'HIT'],
    # the quick handler does not know of sections, and there is no other
    ['section.test', "CacheQuickHandler on\n<Location \"/\">\nCacheEnable disk\n</Location>\n", '-'],
);
my $asked = 0;
$asked += 2 + @{ $refused{$_} } for keys %place;
plan tests => $asked * @hosts * @ways;

my $text = "Listen 127.0.0.1:\${MY_TLS}\nCacheRoot \"\${DIR}/cache\"\nCacheHeader on\nCacheMinExpire 600\n";
for (@hosts) {
    my ($name, $cache) = @$_;
    $text .= <<"CONF" . join '', map {"<LocationMatch \"^/$_\">\n$place{$_}</LocationMatch>\n"} sort keys %place;
<VirtualHost 127.0.0.1:\${MY_TLS}>
    ServerName $name
    SSLEngine on
    Protocols h2 http/1.1
    SSLCertificateFile "\${PKI}/server.pem"
    SSLCACertificateFile "\${PKI}/root.pem"
    SSLVerifyClient optional
    SSLVerifyDepth 2
    AliasMatch "^/[^/]+/plain\\.txt\$" "\${TOP}/t/htdocs/plain.txt"
    Include "\${TOP}/t/conf/rules.conf"
    $cache
CONF
    $text .= "</VirtualHost>\n";
}
my $server = CertMap::Server->new(name => 'cached', ports => ['TLS'], modules => [qw(cache cache_disk)], without => ['cgid'],
    text => $text, files => { 'cache/none' => '' });

for my $host (@hosts) {
    my ($name, undef, $cached) = @$host;
    for my $way (@ways) {
        my ($tls, $http) = @$way;
        my $ask = sub {
            my ($cert, $path) = @_;
            my $client = CertMap::Client->new(bundle => $cert && pki('clients', "$cert.pem"), tls => $tls, http => $http,
                port => $server->port('TLS'), sni => $name);
            my $answer = $client->ask(path => $path, host => $name);
            $client->close;
            return $answer;
        };
        for my $place (sort keys %place) {
            # each way has a page of its own in the cache
            my $path = "/$place-$tls-$http/plain.txt";
            is $ask->('good', $path)->{status}, 200, "$name, TLS $tls, HTTP/$http: $place: a page";
            my $again = $ask->('good', $path);
            my ($hit) = ($again->{headers}{'x-cache'} // '-') =~ /^(HIT|-)/;
            is "$again->{status} " . ($hit // '?'), "200 $cached", '... the second time';
            is $ask->($_, $path)->{status}, 403, '... ' . ($_ // 'no certificate') for @{ $refused{$place} };
        }
    }
}
