#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# docs/security.md in step with the tests: every promise names tests, every test that it names is there, and every test of the
# suite that is about security is named.
use strict;
use warnings;
use Test::More;
use CertMap::File;
use CertMap::Makefile;

my $text = slurp('docs/security.md');
my ($promises) = $text =~ /^## Promises\n(.*?)^## /ms or die "docs/security.md: no chapter \"Promises\"\n";
my @rows = grep { !/^\|(?: promise | --- )\|/ && !/^\| (?:promise \| tests|--- \| ---) \|$/ } $promises =~ /^(\|.*)$/mg;
cmp_ok scalar @rows, '>=', 20, scalar(@rows) . ' promises';

my %named;
for my $row (@rows) {
    my ($promise, $tests) = $row =~ /^\| (\S.*\S) \| (\S.*) \|$/;
    my @tests = split ' ', $tests // '';
    ok @tests && !grep({ !m{^t/(?:guard/|unit/test_)?\w+\.[ct]$} } @tests), 'tests of: ' . substr $promise // $row, 0, 60;
    $named{$_}++ for @tests;
}
for my $name (sort keys %named) {
    ok -s $name, "$name is there";
    # a unit test that is not built never runs
    my ($program) = $name =~ m{^(t/unit/\w+)\.c$};
    ok !!(grep { $_ eq $program } listed('UNIT_TESTS')), "$name is built" if $program;
}
for my $name (qw(t/hostile.t t/sinks.t t/deferral.t t/refusals.t t/auth.t t/ocsp.t t/forged.t t/config.t t/ask.t t/log.t
    t/matrix.t t/load.t t/crl.t)) {
    ok $named{$name}, "$name holds a promise";
}
like slurp('README.md'), qr{\(docs/security\.md\)}, 'README.md leads here';

done_testing;
