#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# One virtual host in SNI and another in Host, where mod_ssl lets that pass: a certificate counts only where the same CAs, CRLs
# and OCSP responders are trusted as in the virtual host that verified it. What does not concern trust does not matter.
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
    [good    => 'b.test', 'late.test', '/plain.txt', '200 alice'],
    [good    => 'b.test', 'deep.test', '/plain.txt', '421 -'],
    [good    => 'b.test', 'path.test', '/plain.txt', '421 -'],
    [good    => 'b.test', 'moved.test', '/plain.txt', '421 -'],     # the directory, beside b.test's file
    [good    => 'path.test', 'path-too.test', '/plain.txt', '200 alice'],
    [good    => 'path.test', 'moved.test', '/plain.txt', '421 -'],  # the same CRLs elsewhere, until they change
    [revoked => 'moved.test', 'moved.test', '/plain.txt', '403 -'],
    [good    => 'a.test', 'again.test', '/plain.txt', '200 alice'],
    [undef,     'a.test', 'b.test', '/plain.txt', '403 -'],         # nothing that could count
    # virtual hosts that have no directive of this module
    [good    => 'plain.test', 'plain.test', '/on/plain.txt', '200 alice'],
    [revoked => 'plain.test', 'plain.test', '/on/plain.txt', '200 alice'],
    [revoked => 'plain.test', 'plain-crl.test', '/on/plain.txt', '421 -'],
    [unknownca => 'plain-ca.test', 'plain-ca.test', '/on/plain.txt', '200 alice'],
    [unknownca => 'plain-ca.test', 'plain.test', '/on/plain.txt', '421 -'],
    [good    => 'plain.test', 'plain-too.test', '/on/plain.txt', '200 alice'],
    [good    => 'plain.test', 'a.test', '/on/plain.txt', '200 alice'],
    [good    => 'a.test', 'plain.test', '/on/plain.txt', '200 alice'],
    [good    => 'plain-crl.test', 'plain.test', '/on/plain.txt', '421 -'],
    # one template, included twice
    [good    => 'shallow.test', 'a.test', '/plain.txt', '200 alice'],
    [good    => 'shallow.test', 'deeper.test', '/plain.txt', '421 -'],
    [good    => 'deeper.test', 'a.test', '/plain.txt', '421 -'],
    # SSLOpenSSLConfCmd and the security level
    [unknownca => 'verify.test', 'verify.test', '/plain.txt', '200 alice'],
    [unknownca => 'verify.test', 'a.test', '/plain.txt', '421 -'],
    [good    => 'a.test', 'verify.test', '/plain.txt', '421 -'],
    [unknownca => 'verify.test', 'verify-too.test', '/plain.txt', '200 alice'],
    [unknownca => 'verify-path.test', 'verify-path.test', '/plain.txt', '200 alice'],
    [unknownca => 'verify-path.test', 'a.test', '/plain.txt', '421 -'],
    [good    => 'strong.test', 'a.test', '/plain.txt', '421 -'],
    [good    => 'a.test', 'strong-too.test', '/plain.txt', '421 -'],
    [good    => 'strong.test', 'strong-too.test', '/plain.txt', '200 alice'],
    [good    => 'a.test', 'signed.test', '/plain.txt', '421 -'],
    [good    => 'a.test', 'section.test', '/plain.txt', '421 -'],
    [good    => 'a.test', 'section-level.test', '/plain.txt', '421 -'],
    [good    => 'a.test', 'section-same.test', '/plain.txt', '200 alice'],
    [unknownca => 'server.test', 'server.test', '/plain.txt', '403 -'],
    [good    => 'a.test', 'server.test', '/plain.txt', '200 alice'],    # nothing but the server's own certificate and ciphers
    [good    => 'server.test', 'a.test', '/plain.txt', '200 alice'],
    [good    => 'reneg.test', 'a.test', '/plain.txt', '421 -'],
    # a CA that may not vouch for clients; CAs that cannot be seen
    [good    => 'a.test', 'uses.test', '/plain.txt', '421 -'],
    [unknownca => 'store.test', 'store.test', '/plain.txt', '200 alice'],
    [unknownca => 'store.test', 'store-too.test', '/plain.txt', '421 -'],
);
# when the CRL has come into one directory, while the server runs
my @changed = (
    [revoked => 'crl-there.test', 'crl-there.test', '/plain.txt', '403 -'],
    [revoked => 'crl-nowhere.test', 'crl-nowhere.test', '/plain.txt', '200 alice'],
    [revoked => 'crl-nowhere.test', 'crl-there.test', '/plain.txt', '421 -'],
);
plan tests => (@table + @changed) * @ways;

my @other = ('ca', 'elsewhere', 'ca.crt');

sub x509 {
    my ($file, $options) = @_;
    chomp(my $output = `openssl x509 -in '$file' $options`);
    return $output;
}

my $text = <<'CONF';
# Where mod_ssl compares virtual hosts by itself, it is configured not to.
<IfDirective SSLVHostSNIPolicy>
    SSLVHostSNIPolicy insecure
</IfDirective>
SSLSessionCache none
Listen 127.0.0.1:${MY_TLS} https
Include "${TOP}/t/conf/rules.conf"
CertMapRule elsewhere allow alice issuer.O=Elsewhere
<Location "/on">
    CertMap On
    Header always set X-User "expr=%{REMOTE_USER}"
</Location>
Alias "/on" "${TOP}/t/htdocs"
CONF
my $crl = qq(SSLCARevocationFile "\${PKI}/crl.pem"\nSSLCARevocationCheck chain\n);
for (
    ['a.test', ''],
    # the same CAs under another name, and rules of its own
    ['like-a.test', qq(SSLCACertificateFile "\${DIR}/root.pem"\nCertMapRule like allow like-alice subject.CN=Alice issuer.CN="Example Issuing CA"\n)],
    ['b.test', $crl],
    ['like-b.test', $crl],
    ['ocsp.test', $crl . "SSLOCSPEnable leaf\n"],
    ['late.test', $crl . "SSLOCSPResponderTimeout 7\nSSLOCSPDefaultResponder http://127.0.0.1:1/\n"],   # never asked
    ['deep.test', $crl . "SSLVerifyDepth 3\n"],
    ['path.test', $crl . qq(SSLCARevocationPath "\${DIR}/crls"\n)],
    ['path-too.test', $crl . qq(SSLCARevocationPath "\${DIR}/crls"\n)],
    ['moved.test', $crl . qq(SSLCARevocationPath "\${DIR}/moved"\n)],
    map({ ["crl-$_.test", qq(SSLCARevocationPath "\${DIR}/$_"\nSSLCARevocationCheck leaf no_crl_for_cert_ok\n)] } 'there', 'nowhere'),
    ['again.test', "SSLVerifyDepth 3\nSSLVerifyDepth 2\nSSLCARevocationCheck none\n"],     # the last one counts
    ['verify.test', qq(SSLOpenSSLConfCmd VerifyCAFile "\${PKI}/ca/elsewhere/ca.crt"\n)],
    ['verify-too.test', qq(SSLOpenSSLConfCmd verifycafile "\${DIR}/other.pem"\n)],
    ['verify-path.test', qq(SSLOpenSSLConfCmd VerifyCAPath "\${DIR}/other"\n)],
    ['strong.test', qq(SSLCipherSuite "DEFAULT:\@SECLEVEL=3"\n)],
    ['strong-too.test', qq(SSLOpenSSLConfCmd CipherString "DEFAULT:\@SECLEVEL=3"\n)],
    ['signed.test', "SSLOpenSSLConfCmd ClientSignatureAlgorithms ECDSA+SHA256\n"],
    ['section-level.test', "<Location /nowhere>\nSSLCipherSuite DEFAULT:\@SECLEVEL=1\n</Location>\n"],
    ['section-same.test', "<Location /nowhere>\nSSLVerifyDepth 2\nSSLCipherSuite DEFAULT\n</Location>\n"],
    ['section.test', "<Location /nowhere>\nSSLVerifyDepth 9\n</Location>\n"],
    ['server.test', qq(SSLOpenSSLConfCmd CipherString HIGH\nSSLCipherSuite TLSv1.3 TLS_AES_256_GCM_SHA384\n)
        . qq(SSLOpenSSLConfCmd ChainCAFile "\${PKI}/ca/elsewhere/ca.crt"\n)
        . qq(SSLOpenSSLConfCmd Curves P-256\nSSLOpenSSLConfCmd ClientCAFile "\${PKI}/ca/elsewhere/ca.crt"\n)
        . qq(SSLCADNRequestFile "\${PKI}/root.pem"\n)],
    ['reneg.test', "SSLInsecureRenegotiation on\n"],
    ['uses.test', qq(SSLCACertificateFile "\${DIR}/uses.pem"\nSSLCADNRequestFile "\${PKI}/root.pem"\n)],
    ['store.test', qq(SSLOpenSSLConfCmd VerifyCAStore "file:\${PKI}/ca/elsewhere/ca.crt"\n)],
    ['store-too.test', qq(SSLOpenSSLConfCmd VerifyCAStore "file:\${PKI}/ca/elsewhere/ca.crt"\n)],
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
    CertMapRule elsewhere allow alice issuer.O=Elsewhere
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
# Nothing of this module in the virtual hosts themselves; what the last one trusts must not count for the others.
for (['plain.test', ''], ['plain-ca.test', qq(SSLCACertificateFile "\${PKI}/ca/elsewhere/ca.crt"\n)], ['plain-too.test', ''],
    ['plain-crl.test', $crl]) {
    my ($name, $own) = @$_;
    $text .= <<"CONF";
<VirtualHost 127.0.0.1:\${MY_TLS}>
    ServerName $name
    # TLS by the listener's protocol
    Protocols h2 http/1.1
    SSLCertificateFile "\${PKI}/server.pem"
    SSLCACertificateFile "\${PKI}/root.pem"
    SSLVerifyClient optional_no_ca
    SSLVerifyDepth 2
    $own
</VirtualHost>
CONF
}
my $template = <<'CONF';
<VirtualHost 127.0.0.1:${MY_TLS}>
    ServerName ${NAME}.test
    SSLEngine on
    Protocols h2 http/1.1
    SSLCertificateFile "${PKI}/server.pem"
    SSLCACertificateFile "${PKI}/root.pem"
    SSLVerifyClient optional_no_ca
    SSLVerifyDepth ${DEPTH}
    CertMapDeferErrors On
    <Location "/">
        CertMap On
        Header always set X-User "expr=%{REMOTE_USER}"
    </Location>
</VirtualHost>
CONF
for (['shallow', 2], ['deeper', 4]) {
    $text .= "Define NAME $_->[0]\nDefine DEPTH $_->[1]\nInclude \"\${DIR}/template.conf\"\n";
}
my $server = CertMap::Server->new(name => 'sni', ports => ['TLS'], without => ['cgid'], text => $text,
    files => { 'root.pem' => slurp(pki('root.pem')), 'template.conf' => $template, 'other.pem' => slurp(pki(@other)),
        'uses.pem' => x509(pki('root.pem'), '-trustout -addreject clientAuth') . "\n",
        'other/' . x509(pki(@other), '-noout -subject_hash') . '.0' => slurp(pki(@other)),
        map({ ("$_/none" => '') } 'there', 'nowhere'),
        map { ("$_/01234567.r0" => slurp(pki('ca', 'root', 'crl.pem'))) } 'crls', 'moved' });

sub answers {
    for my $row (@_) {
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
}

answers(@table);
my $issued = pki('ca', 'inter', 'crl.pem');
chomp(my $hash = qx(openssl crl -in '$issued' -noout -hash));
spew($server->dir . "/there/$hash.r0", slurp($issued));
answers(@changed);
