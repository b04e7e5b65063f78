#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A certificate that was good when the connection was made, and expires: the next request on that connection is refused, and
# so is the first one on a connection that resumes its session.
use strict;
use warnings;

use POSIX qw(strftime);
use Test::More;
use CertMap::Client;
use CertMap::File;
use CertMap::Test;

my @ways = map { my $tls = $_; map { [$tls, $_] } '1.1', '2' } '1.2', '1.3';
plan tests => @ways * 4;

# Alice's key in a certificate of the issuing CA that ends so many seconds from now.
sub issue {
    my ($seconds) = @_;
    my ($dir, $ca) = (top() . '/t/logs/dates', pki('ca', 'inter'));
    mkdir $dir or die "$dir: $!\n";
    spew("$dir/index.txt", '');
    spew("$dir/ca.cnf", "[ca]\ndefault_ca = one\n[one]\ndatabase = $dir/index.txt\ncertificate = $ca/ca.crt\nprivate_key = $ca/ca.key\n"
        . "new_certs_dir = $dir\nrand_serial = yes\ndefault_md = sha256\npolicy = any\n[any]\ncommonName = optional\n[leaf]\n"
        . "basicConstraints = critical,CA:FALSE\nsubjectAltName = email:alice\@example.org\nextendedKeyUsage = clientAuth\n"
        . "authorityKeyIdentifier = keyid\n");
    my ($key) = slurp(pki('clients', 'good.pem')) =~ /(-----BEGIN (?:EC )?PRIVATE KEY-----.*?-----END (?:EC )?PRIVATE KEY-----\n)/s
        or die "no key\n";
    spew("$dir/key.pem", $key);
    my $end = time + $seconds;
    my $until = strftime '%Y%m%d%H%M%SZ', gmtime $end;
    system("openssl req -new -key '$dir/key.pem' -subj '/C=DE/O=Example Ltd/OU=Staff/CN=Alice' -out '$dir/csr' 2>'$dir/log'"
        . " && openssl ca -config '$dir/ca.cnf' -batch -preserveDN -notext -in '$dir/csr' -out '$dir/crt' -extensions leaf"
        . " -startdate 20200101000000Z -enddate $until 2>>'$dir/log'") == 0 or die slurp("$dir/log");
    spew("$dir/short.pem", slurp("$dir/crt") . slurp("$ca/chain.pem") . $key);
    return ("$dir/short.pem", $end);
}

# A wide one where the machine is slow or the sanitizers are on: all first requests have to fit before it ends.
my ($bundle, $end) = issue($ENV{CERTMAP_PRELOAD} || $ENV{CERTMAP_VALGRIND} ? 40 : 15);

sub connect_by {
    my ($way, $session) = @_;
    return CertMap::Client->new(bundle => $bundle, tls => $way->[0], http => $way->[1], port => port('TLS'), sni => 'a.test',
        session => $session);
}

sub answer {
    my ($client) = @_;
    my $response = $client->ask(path => '/on/env', host => 'a.test', headers => { accept => 'text/plain' });
    my ($user) = $response->{body} =~ /^REMOTE_USER=(.*)$/m;
    my $refusal = $response->{body} =~ /\b403\.17\b/ && $response->{body} =~ /\bexpired\b/ ? 'expired' : '-';
    return join ' ', $response->{status}, $user // '-', $refusal;
}

my (@clients, @sessions);
for my $way (@ways) {
    my $client = connect_by($way);
    my $first = answer($client);
    die "the machine is too slow: the certificate has expired before it was used\n" if time >= $end;
    is $first, '200 alice -', "TLS $way->[0], HTTP/$way->[1]: while it is valid";
    push @sessions, $client->session;
    push @clients, $client;
}
while (time <= $end) {
    sleep 3;
    $_->ask(path => '/plain.txt', host => 'a.test') for @clients;     # or httpd would close them
}
for my $i (0 .. $#ways) {
    my $name = "TLS $ways[$i][0], HTTP/$ways[$i][1]";
    is answer($clients[$i]), '403 - expired', "$name: on the same connection, when it has ended";
    my $again = connect_by($ways[$i], $sessions[$i]);
    ok $again->resumed, "$name: its session is resumed";
    is answer($again), '403 - expired', '... and the request refused';
    $again->close;
    $clients[$i]->close;
}
