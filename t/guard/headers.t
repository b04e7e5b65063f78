#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The public headers are the manual: each function has a comment of its own that speaks of each of its parameters by name, and of
# what it returns. "p" alone needs no word: engine/base/base.h says what it is everywhere.
use strict;
use warnings;
use Test::More;
use CertMap::File;

my %unfinished;

sub parameters {
    my ($list) = @_;
    1 while $list =~ s/\([^()]*\)/ /g;      # of a function that is a parameter
    return grep { defined && $_ ne 'void' && $_ ne 'p' } map { /(\w+)(?:\[\w*\])?\s*$/ ? $1 : () } split /,/, $list;
}

# What is wrong with the functions of a header, and how many there are.
sub faults {
    my ($text) = @_;
    my (@faults, $n);
    $text =~ s{^#.*(?:\\\n.*)*}{}mg;
    while ($text =~ m{((?:/\*\*(?:(?!\*/).)*\*/\s*)?)^((?:const |static inline )?\w[\w \*]*?)(\bcertmap_\w+)\(((?:[^(){};]|\([^()]*\))*)\)(?:\s*__attribute__\(\(.*?\)\)\))?\s*[;\{]}smg) {
        my ($comment, $type, $name, $list) = ($1, $2, $3, $4);
        next if $type =~ /\breturn\b/;
        $n++;
        push @faults, "$name: no comment" if $comment eq '';
        next if $comment eq '';
        push @faults, map {"$name: nothing about $_"} grep { $comment !~ /\b$_\b/ } parameters($list);
        push @faults, "$name: nothing about what it returns"
            if $type =~ /\bapr_status_t\b/ && $type !~ /\btypedef\b/ && $comment !~ /\@return\b|\b[Rr]eturns?\b/;
    }
    return ($n // 0, @faults);
}

# A guard that sees nothing is none.
my ($n, @faults) = faults("/** Sums a. \@return b */\nint certmap_a(int a);\n\nint certmap_b(const char *(*fn)(int x), int b[3]);\n"
    . "/** Something. */\napr_status_t certmap_c(int a,\n    int b, apr_pool_t *p);\n");
is "$n: @faults", '3: certmap_b: no comment certmap_c: nothing about a certmap_c: nothing about b '
    . 'certmap_c: nothing about what it returns', 'the guard reads headers';

my $functions = 0;
for my $header (sort(map { "engine/$_/$_.h" } qw(base x509 rules entries decide source advice)), qw(store/store.h import/import.h)) {
    my ($count, @wrong) = faults(slurp($header));
    cmp_ok $count, '>=', 1, "$header: functions: $count";
    $functions += $count;
    if ($unfinished{$header}) {
        cmp_ok scalar @wrong, '>=', 1, "$header is unfinished";
        next;
    }
    is join("\n", @wrong), '', "$header: each function, parameter and status is described";
}
cmp_ok $functions, '>=', 90, "functions: $functions";
done_testing;
