#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# One virtual host in SNI and another in Host, where mod_ssl lets that pass: a certificate counts only where the same CAs, CRLs
# and OCSP responders are trusted as in the virtual host that verified it.
use strict;
use warnings;
use Test::More;
use CertMap::Client;
use CertMap::File;
use CertMap::Server;
use CertMap::Test;

my @ways = map { my $tls = $_; map { [$tls, $_] } '1.1', '2' } '1.2', '1.3';
# certificate, SNI, Host, path, answer
my @table = (
    [good    => 'a.test', 'a.test', '/plain.txt', '200 alice'],
    [revoked => 'a.test', 'a.test', '/plain.txt', '200 alice'],     # a.test has no CRL
    [good    => 'b.test', 'b.test', '/plain.txt', '200 alice'],
    [revoked => 'b.test', 'b.test', '/plain.txt', '403 -'],
    [good    => 'a.test', 'b.test', '/plain.txt', '421 -'],
    [revoked => 'a.test', 'b.test', '/plain.txt', '421 -'],
    [revoked => 'a.test', 'b.test', '/index.html', '403 -'],        # Require certmap-verified alone
    [good    => 'b.test', 'a.test', '/plain.txt', '421 -'],
    [good    => 'a.test', 'like-a.test', '/plain.txt', '200 like-alice'],
    [good    => 'like-a.test', 'a.test', '/plain.txt', '200 alice'],
    [good    => 'b.test', 'like-b.test', '/plain.txt', '200 alice'],
    [good    => 'b.test', 'ocsp.test', '/plain.txt', '421 -'],
    [good    => 'b.test', 'deep.test', '/plain.txt', '421 -'],
    [good    => 'b.test', 'path.test', '/plain.txt', '421 -'],
    [undef,     'a.test', 'b.test', '/plain.txt', '403 -'],         # nothing that could count
);
plan tests => @table * @ways;

my $text = <<'CONF';
# Where mod_ssl compares virtual hosts by itself, it is told not to.
<IfDirective SSLVHostSNIPolicy>
    SSLVHostSNIPolicy insecure
</IfDirective>
SSLSessionCache none
Listen 127.0.0.1:${MY_TLS}
CONF
my $crl = qq(SSLCARevocationFile "\${PKI}/crl.pem"\nSSLCARevocationCheck chain\n);
for (
    ['a.test', ''],
    # the same CAs under another name, and rules of its own
    ['like-a.test', qq(SSLCACertificateFile "\${DIR}/root.pem"\nCertMapRule like allow like-alice subject.CN=Alice issuer.CN="Example Issuing CA"\n)],
    ['b.test', $crl],
    ['like-b.test', $crl],
    ['ocsp.test', $crl . "SSLOCSPResponderTimeout 7\n"],
    ['deep.test', $crl . "SSLVerifyDepth 3\n"],
    ['path.test', $crl . qq(SSLCARevocationPath "\${DIR}/crls"\n)],
) {
    my ($name, $own) = @$_;
    $text .= <<"CONF";
<VirtualHost 127.0.0.1:\${MY_TLS}>
    ServerName $name
    SSLEngine on
    Protocols h2 http/1.1
    SSLCertificateFile "\${PKI}/server.pem"
    SSLCACertificateFile "\${PKI}/root.pem"
    SSLVerifyClient optional_no_ca
    SSLVerifyDepth 2
    CertMapDeferErrors On
    $own
    Include "\${TOP}/t/conf/rules.conf"
    <Location "/">
        CertMap On
        Header always set X-User "expr=%{REMOTE_USER}"
    </Location>
    <Location "/index.html">
        CertMap Off
        Require certmap-verified
    </Location>
</VirtualHost>
CONF
}
my $server = CertMap::Server->new(name => 'sni', ports => ['TLS'], without => ['cgid'], text => $text,
    files => { 'root.pem' => slurp(pki('root.pem')), 'crls/01234567.r0' => slurp(pki('ca', 'root', 'crl.pem')) });

for my $row (@table) {
    my ($cert, $sni, $host, $path, $expected) = @$row;
    for my $way (@ways) {
        my ($tls, $http) = @$way;
        my $client = CertMap::Client->new(bundle => $cert && pki('clients', "$cert.pem"), tls => $tls, http => $http,
            port => $server->port('TLS'), sni => $sni);
        my $answer = $client->ask(path => $path, host => $host);
        my $user = $answer->{headers}{'x-user'};
        is "$answer->{status} " . (defined $user && $user =~ /^\w+/ ? $user : '-'), $expected,
            ($cert // 'no certificate') . ", TLS $tls, HTTP/$http: SNI $sni, Host $host, $path";
        $client->close;
    }
}
