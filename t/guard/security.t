#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# docs/security.md in step with the tests and the code: every promise names tests, every test that it names is there, and every
# test of the suite that is about security is named. Every promise is cited where the code keeps it, as [promise guard], and
# every citation has its promise.
use strict;
use warnings;
use Test::More;
use CertMap::File;
use CertMap::Makefile;

my $text = slurp('docs/security.md');
my ($promises) = $text =~ /^## Promises\n(.*?)^## /ms or die "docs/security.md: no chapter \"Promises\"\n";
my @rows = grep { !/^\| (?:id \| promise \| tests|--- \| --- \| ---) \|$/ } $promises =~ /^(\|.*)$/mg;
cmp_ok scalar @rows, '>=', 20, scalar(@rows) . ' promises';

my (%named, %promised);
for my $row (@rows) {
    my ($id, $promise, $tests) = $row =~ /^\| `([a-z]+(?:-[a-z]+)*)` \| (\S.*\S) \| (\S.*) \|$/;
    ok $id && !$promised{$id}++, 'an id of its own: ' . ($id // substr $row, 0, 60);
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
my %cited;
for my $name (sort(glob('{engine/*,httpd,store,import,ctl,ctl/cmd}/*.[ch]'), glob('mod_certmap.[ch]'))) {
    my $code = slurp($name);
    # inside comments only, where the compiler sees no name
    my $comments = join "\n", $code =~ m{/\*.*?\*/}sg;
    for my $id ($comments =~ /\[promise\b([^\]]*)\]?/g) {
        $id =~ s/^ //;
        ok $promised{$id}, "$name cites a promise: $id";
        $cited{$id}++;
    }
}
ok $cited{$_}, "the code cites the promise $_" for sort keys %promised;

like slurp('README.md'), qr{\(docs/security\.md\)}, 'README.md leads here';

done_testing;
