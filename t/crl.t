#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A session from before a new CRL is verified again, although the ticket key outlives the restart that brought the CRL; a
# restart that changes nothing leaves sessions as good as they were. The CRLs are in a directory, of which OpenSSL has
# read nothing when the server starts. (t/matrix.t has them in a file.) So it is with whatever else decides about certificates.
use strict;
use warnings;
use Test::More;
use CertMap::File;
use CertMap::Server;
use CertMap::Test;

my @ways = qw(1.2 1.3);
plan tests => 9 * @ways + 1;

my $logs = top() . '/t/logs';

sub run {
    my ($command) = @_;
    my $output = `$command 2>>'$logs/crl-openssl'`;
    $? == 0 or die "$command: status $?; see $logs/crl-openssl\n";
    chomp $output;
    return $output;
}

# Under the name that OpenSSL looks for. Returns whether there was one before.
sub publish {
    my ($crl) = @_;
    my $name = "$logs/crls/" . run("openssl crl -hash -noout -in '$crl'") . '.r0';
    my $before = -e $name;
    run("cp '$crl' '$name'");
    return $before;
}

mkdir "$logs/crls" or die "$logs/crls: $!\n";
publish(pki('ca', $_, 'crl.pem')) for qw(root inter);
my $server = CertMap::Server->new(name => 'crl', ports => ['TLS'], without => ['cgid'],
    files => { 'ticket.key' => join('', map { chr(65 + $_) } 0 .. 47), 'verify.pem' => slurp(pki('root.pem')), 'level.conf' => '',
        'responder.pem' => slurp(pki('ca', 'inter', 'ca.crt')) },
    text => <<'CONF');
Listen 127.0.0.1:${MY_TLS}
<VirtualHost 127.0.0.1:${MY_TLS}>
    ServerName a.test
    SSLEngine on
    SSLCertificateFile "${PKI}/server.pem"
    SSLCACertificateFile "${PKI}/root.pem"
    SSLCARevocationPath "${TOP}/t/logs/crls"
    SSLCARevocationCheck chain
    SSLOCSPEnable leaf
    SSLOCSPResponderCertificateFile "${DIR}/responder.pem"
    SSLSessionTicketKeyFile "${DIR}/ticket.key"
    SSLVerifyClient optional_no_ca
    SSLVerifyDepth 2
    CertMapDeferErrors On
    CertMap On
    Include "${TOP}/t/conf/rules.conf"
</VirtualHost>
<VirtualHost 127.0.0.1:${MY_TLS}>
    ServerName b.test
    SSLEngine on
    SSLCertificateFile "${PKI}/server.pem"
    SSLOpenSSLConfCmd VerifyCAFile "${DIR}/verify.pem"
    SSLSessionTicketKeyFile "${DIR}/ticket.key"
    SSLVerifyClient optional_no_ca
    SSLVerifyDepth 2
    CertMapDeferErrors On
    CertMap On
    Include "${TOP}/t/conf/rules.conf"
    Include "${DIR}/level.conf"
</VirtualHost>
CONF

# status and whether the session was resumed
sub offer {
    my ($tls, $direction, $host) = @_;
    $host //= 'a.test';
    my $raw = ask_raw(cert => 'bob', tls => $tls, host => $host, $direction => $server->dir . "/session.$tls.$host",
        options => ['-connect', '127.0.0.1:' . $server->port('TLS')],
        text => "GET /plain.txt HTTP/1.1\r\nHost: $host\r\nConnection: close\r\n\r\n");
    return "$raw->{status} " . ($raw->{reused} ? 'resumed' : 'new');
}

is offer($_, 'session_out'), '200 new', "TLS $_: a first connection" for @ways;
is offer($_, 'session_out', 'b.test'), '200 new', "TLS $_: a first connection, CAs by SSLOpenSSLConfCmd" for @ways;
is offer($_, 'session_in'), '200 resumed', "TLS $_: its session is good" for @ways;
$server->graceful;
is offer($_, 'session_in'), '200 resumed', "TLS $_: after a restart that changes nothing it is as good" for @ways;

# What an OCSP responder has to sign with is a setting as well, although mod_ssl puts it into no store.
spew($server->dir . '/responder.pem', slurp(pki('ca', 'root', 'ca.crt')));
$server->graceful;
is offer($_, 'session_in'), '200 new', "TLS $_: other certificates of OCSP responders: verified anew" for @ways;
is offer($_, 'session_out'), '200 new', "TLS $_: one more connection" for @ways;

# Neither is in a file that mod_ssl reads by a directive of its own.
spew($server->dir . '/verify.pem', slurp(pki('root.pem')) . slurp(pki('ca', 'elsewhere', 'ca.crt')));
$server->graceful;
is offer($_, 'session_in', 'b.test'), '200 new', "TLS $_: other CAs by SSLOpenSSLConfCmd: verified anew" for @ways;
offer($_, 'session_out', 'b.test') for @ways;
spew($server->dir . '/level.conf', "SSLCipherSuite DEFAULT:\@SECLEVEL=3\n");
$server->graceful;
is offer($_, 'session_in', 'b.test'), '200 new', "TLS $_: another security level: verified anew" for @ways;

# bob is revoked, in a copy of the CA's database, because the responder of other tests reads that
my $ca = pki('ca', 'inter');
my $own = $server->dir;
spew("$own/ca.cnf", map {"$_\n"} '[ca]', 'default_ca = it', '[it]', "database = $own/index.txt", "certificate = $ca/ca.crt",
    "private_key = $ca/ca.key", 'default_md = sha256', 'default_crl_days = 30', 'unique_subject = no');
run("cp '$ca/index.txt' '$own/index.txt'");
run("openssl ca -config '$own/ca.cnf' -batch -revoke '" . pki('clients', 'bob.crt') . "'");
run("openssl ca -config '$own/ca.cnf' -gencrl -out '$own/crl.pem'");
ok publish("$own/crl.pem"), 'a new CRL in the place of the one before';
$server->graceful;
is offer($_, 'session_in'), '403 new', "TLS $_: a session from before the CRL is verified anew, and refused" for @ways;
