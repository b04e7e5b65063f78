#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Certificates as real CAs write them, which no rule may be kept from for what it does not ask: each line of
# t/cases/cases.jsonl names a certificate of that directory, rules, and the user that they make of it, or the reason why
# there is none. The engine decides, and certmapctl explain says the same.
use strict;
use warnings;
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use Test::More;
use CertMap::Explain;
use CertMap::File;
use CertMap::Test;

my $dir = top() . '/t/cases';
my @cases = map { JSON::PP->new->utf8->decode($_) } split /\n/, slurp("$dir/cases.jsonl");
plan tests => 2 * @cases + 1;

my %used;
for my $case (@cases) {
    my $pem = "$dir/$case->{certificate}";
    my $name = "$case->{certificate}: " . join ' / ', map { s/issuer="[^"]*" //r } @{ $case->{rules} };
    my ($base64) = slurp($pem) =~ /-----BEGIN CERTIFICATE-----(.*?)-----END/s;
    my $der = put('case.der', decode_base64($base64));
    my $rules = put('case.rules', map {"$_\n"} @{ $case->{rules} });
    my $judge = top() . '/built/t/unit/judge';
    my $said = (split /\t/, `'$judge' '$rules' '$der'`)[-1] // 'nothing';
    my $expected = defined $case->{user} ? "=$case->{user}" : $case->{reason};
    chomp $said;
    is $said, $expected, $name;
    like explained($pem, '--rules', $rules, '--at', '2027-06-01'), defined $case->{user} ? qr/^200 - - \Q$case->{user}\E$/
        : qr/^403 \d+ $case->{reason} -$/, '... explained';
    $used{ $case->{certificate} } = 1;
}
is join(' ', grep { !$used{$_} } map {m{([^/]+)\z}} glob "$dir/*.pem"), '', 'every certificate has a case';
