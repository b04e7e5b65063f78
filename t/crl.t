#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A session from before a new CRL is verified anew, although the ticket key outlives the restart that brought the CRL; a
# restart that changes nothing leaves sessions as good as they were. The CRLs are in a directory, of which OpenSSL has
# read nothing when the server starts.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;
use CertMap::Test;

my @ways = qw(1.2 1.3);
my $scratch = tempdir('certmap-crl.XXXXXX', TMPDIR => 1, CLEANUP => 1);

plan tests => 3 * @ways + @ways + 2;

sub output_of {
    my @command = @_;
    open my $fh, '-|', @command or die "$command[0]: $!\n";
    my $output = do { local $/; <$fh> };
    close $fh or die "@command: status $?\n";
    return $output // '';
}

# Restarts gracefully and waits until no child of the old generation is left.
sub graceful {
    open my $fh, '<', top() . '/t/logs/httpd.pid' or die "httpd.pid: $!\n";
    chomp(my $pid = <$fh>);
    my @old = split ' ', output_of('ps', '-o', 'pid=', '--ppid', $pid);
    my $mark = error_log_mark();
    kill USR1 => $pid or die "kill -USR1 $pid: $!\n";
    for (1 .. 1500) {
        return 1 if error_log($mark) =~ /resuming normal operations/ && !grep { kill 0 => $_ } @old;
        select undef, undef, undef, 0.02;
    }
    return 0;
}

# status and whether the session was resumed
sub offer {
    my ($tls, $direction) = @_;
    my $raw = ask_raw(cert => 'bob', port => 'CRL', tls => $tls, $direction => "$scratch/session.$tls",
        text => "GET /on/plain.txt HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    return "$raw->{status} " . ($raw->{reused} ? 'resumed' : 'new');
}

is offer($_, 'session_out'), '200 new', "TLS $_: a first connection" for @ways;
is offer($_, 'session_in'), '200 resumed', "TLS $_: its session is good" for @ways;
ok graceful(), 'a restart that changes nothing';
is offer($_, 'session_in'), '200 resumed', "TLS $_: the session is as good as it was" for @ways;

# bob is revoked, by a CRL of the same name; the database of the CA stays as it is, for the responder of other tests
my $ca = pki('ca', 'inter');
open my $conf, '>', "$scratch/ca.cnf" or die "ca.cnf: $!\n";
print {$conf} "[ca]\ndefault_ca = it\n[it]\ndatabase = $scratch/index.txt\ncertificate = $ca/ca.crt\n",
    "private_key = $ca/ca.key\n",
    "default_md = sha256\ndefault_crl_days = 30\nunique_subject = no\n";
close $conf or die "ca.cnf: $!\n";
output_of('cp', "$ca/index.txt", "$scratch/index.txt");
my $quiet = "2>>'$scratch/openssl'";
output_of('sh', '-ec', "openssl ca -config '$scratch/ca.cnf' -batch -revoke '" . pki('clients', 'bob.crt')
    . "' $quiet; "
    . "openssl ca -config '$scratch/ca.cnf' -gencrl -out '$scratch/crl.pem' $quiet");
chomp(my $hash = output_of('openssl', 'crl', '-hash', '-noout', '-in', "$scratch/crl.pem"));
my $published = pki('crls', "$hash.r0");
-f $published or die "$published: the server has no such CRL\n";
output_of('cp', "$scratch/crl.pem", $published);

ok graceful(), 'a restart with a new CRL';
is offer($_, 'session_in'), '403 new', "TLS $_: a session from before is verified anew, and refused" for @ways;
