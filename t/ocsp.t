#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Revocation by OCSP, with `openssl ocsp` as the responder. A certificate whose signature does not hold makes nobody ask the
# responder that it names.
use strict;
use warnings;
use Test::More;
use CertMap::Test;

my @table = (
    [good        => '200 - - alice',                'inter root'],
    [ocsprevoked => '403 13 revoked -',             'inter root'],
    [revoked     => '403 13 revoked -',             'inter root'],
    [ocspdown    => '403 13 revocation-unknown -',  'nowhere root'],
    [unknownca   => '403 16 untrusted-issuer -',    ''],
    [badsig      => '403 16 bad-signature -',       'root'],
    [expired     => '403 17 expired -',             'root'],
    [undef,         '403 7 certificate-missing -',  ''],
);
my @ways = map { my $tls = $_; map { [$tls, $_] } '1.1', '2' } '1.2', '1.3';

plan tests => @table * @ways * 3;

# Which responders were asked since the last call.
my $seen = 0;
sub asked {
    open my $fh, '<', top() . '/t/logs/access_log' or die "access_log: $!\n";
    seek $fh, $seen, 0;
    my %ca = map { m{POST /ocsp/(\w+)} ? ($1 => 1) : () } <$fh>;
    $seen = tell $fh;
    return join ' ', sort keys %ca;
}

asked();
for my $row (@table) {
    my ($cert, $expected, $responders) = @$row;
    for my $way (@ways) {
        my ($tls, $http) = @$way;
        my $name = ($cert // 'no certificate') . ", TLS $tls, HTTP/$http";
        my ($first, $second) = ask(cert => $cert, tls => $tls, http => $http, port => 'OCSP',
            requests => ['/on/env', { url => '/on/env', new => 1 }]);
        is brief($first), $expected, "$name: first connection";
        is brief($second), $expected, "$name: second connection";
        my %allowed = map { $_ => 1 } split / /, $responders;
        my $asked = asked();
        my $strangers = join ' ', grep { !$allowed{$_} } split / /, $asked;
        # The responder that must be asked: the issuer of the certificate that is let in or found revoked.
        my $needed = $expected =~ /^200| revoked / ? 'inter' : '';
        ok $strangers eq '' && (!$needed || $asked =~ /\b$needed\b/), "$name: asks its issuers' responders and nobody else"
            or diag "asked: $asked";
    }
}
