#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Names that ask to be read as somebody else's: whatever is inside a common name is that common name and nothing else.
use strict;
use warnings;
use utf8;
use Test::More;
use CertMap::Test;

# certificate => its common name, as the user that a rule makes of it; undef: no user name can be made of it
my %name = (
    forged0 => 'bob,CN=admin', forged1 => 'admin/emailAddress=x', forged2 => 'bob+CN=admin', forged3 => 'bob\\2CCN=admin',
    forged4 => '#0c0561646d696e', forged5 => '"bob",CN=admin', forged6 => undef, forged7 => "\xd0\xb0dmin", forged8 => 'evil',
);
my @nobody = qw(/forged-literal/env /forged-regex/env /forged-dn/env /forged-below/env);
my @ways = (['1.2', '1.1'], ['1.3', '2']);

plan tests => (keys %name) * @ways * (@nobody + 1) + 1;

for my $cert (sort keys %name) {
    for my $way (@ways) {
        my ($tls, $http) = @$way;
        my @answers = ask(cert => $cert, tls => $tls, http => $http, requests => [@nobody, '/forged-template/env']);
        is brief(shift @answers), '403 12 no-match -', "$cert, TLS $tls, HTTP/$http: $_" for @nobody;
        my ($user) = $answers[0]{body} =~ /^REMOTE_USER=(.*)$/m;
        is defined $name{$cert} ? $user // brief($answers[0]) : brief($answers[0]), $name{$cert} // '403 12 user-invalid -',
            "$cert, TLS $tls, HTTP/$http: its name is its name";
    }
}

# The rules are such that the real admin would have come in.
my ($status, $output) = httpd_test('CertMapRule admin allow admin subject~.*CN=admin.*');
like $output, qr/can be forged/, 'a regex over the whole name is not to be had';
