#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Limits have one place, engine/base/limits.h: each has a comment with its reason, somebody uses it, none is somewhere else, and
# the numbers of docs/conditions.md ("Limits") are its numbers.
use strict;
use warnings;
use Test::More;
use CertMap::File;

my $header = slurp('engine/base/limits.h');
my @sources = sort(glob('{engine/*,httpd,store,import,ctl,ctl/cmd}/*.[ch]'), glob('mod_certmap.[ch]'));
cmp_ok scalar @sources, '>=', 100, 'the sources are there';

# ---- the header

my %limit;
for my $define ($header =~ /^(#define (?:.*\\\n)*.*)/mg) {
    my ($name, $value) = $define =~ /^#define (\w+)\s*(.*)/s;
    next if $name eq 'CERTMAP_LIMITS_H';
    $limit{$name} = $value =~ s/\\\n//gr;
}
cmp_ok scalar keys %limit, '>=', 60, 'limits: ' . keys %limit;
my %used;
for my $file (grep { $_ ne 'engine/base/limits.h' } @sources) {
    $used{$_}++ for slurp($file) =~ /\b((?:CERTMAP|CTL)_[A-Z0-9_]+)\b/g;
}
for my $name (sort keys %limit) {
    my ($comment) = $header =~ m{/\*\*((?:(?!\*/).)*)\*/\n#define \Q$name\E\b}s;
    my $words = () = ($comment // '') =~ /\w+/g;
    cmp_ok $words, '>=', 4, "$name has a comment of its own that says why";
    ok $used{$name}, "$name is used";
}

# ---- elsewhere

# What looks like a limit by its name and changes no answer, or is a format's own.
my %elsewhere = (
    'engine/entries/line.c WORDS_MAX' => 'a usual line, read by the short way',
    'engine/rules/candidates.c PAIRS_MOST' => 'of the index: beyond, all rules are asked',
    'engine/rules/index.c AFFIX_MOST' => 'of the index',
    'engine/rules/option.c GROUPS_FEW' => 'beyond, a hash table',
    'engine/rules/strength.c LETTERS_LEAST' => 'what a strong rule asks for',
    'engine/rules/strength.c HEX_LEAST' => 'what a strong rule asks for',
    'engine/rules/strength.c BITS_LEAST_4' => 'what a strong rule asks for',
    'engine/rules/strength.c BITS_LEAST_6' => 'what a strong rule asks for',
    'httpd/page.c MAX_ADVICE' => 'of a table',
    'httpd/peer.c RECYCLED_MOST' => 'memory that is kept for the next connection',
    'import/kafka.h KAFKA_CAPTURES_MAX' => 'the format: $0 to $9',
    'ctl/progress.c BAR_MAX' => 'the width of a bar',
);
my %stray;
for my $file (grep { $_ ne 'engine/base/limits.h' } @sources) {
    $stray{"$file $_"} = 1 for slurp($file) =~ /^\s*#\s*define (\w*(?:MAX|MOST|LEAST|LIMIT|LONGEST|FEW)(?:_\w+)?) (?=.*\d)/mg;
}
is join("\n", grep { !$elsewhere{$_} } sort keys %stray), '', 'no limit but in engine/base/limits.h';
is join("\n", grep { !$stray{$_} } sort keys %elsewhere), '', 'and each exception is there';

# ---- the documentation

sub number {
    my ($name) = @_;
    my $value = $limit{$name} // die "no limit $name\n";
    $value =~ s/\(apr_size_t\)|(?<=[\da-f])u\b//g;
    $value =~ /^[\d\s()*<+-]+$|^0x[0-9a-f]+$/ or die "$name is no number: $value\n";
    return $value =~ /^0x/ ? hex $value : eval $value;
}
my @steps = $limit{CERTMAP_REGEX_LIMITS} =~ /\{\s*(\w+), (\d+)\s*\}/g;
is scalar @steps, 6, 'steps by length';

sub thousands { return scalar reverse join ',', unpack '(A3)*', reverse $_[0] }
sub megabytes { return $_[0] / 1048576 . ' MB' }
sub million { return $_[0] / 1000000 . ' million' }

# The numbers that each row must have, in their order, as they are written there.
my @rows = (
    [thousands(number('CERTMAP_REGEX_TEXT_MOST')) . ' bytes of a value'],
    [thousands($steps[1]) . ' steps', "from $steps[0] bytes", thousands($steps[3]), 'from ' . thousands($steps[2]), thousands($steps[5])],
    [{ 500000000 => 'half a second' }->{ number('CERTMAP_REGEX_TIME') } // 'CERTMAP_REGEX_TIME in words'],
    [million(number('CERTMAP_STEPS_MOST')) . ' steps', number('CERTMAP_STEPS_VALUE') . ' for a value', number('CERTMAP_STEPS_RULE') . ' for a rule'],
    [thousands(number('CERTMAP_WORDS_MOST')) . ' words', megabytes(number('CERTMAP_WORD_MOST')) . ' in a word'],
    ['longer than ' . number('CERTMAP_USER_MOST') . ' bytes'],
    [megabytes(number('CERTMAP_REGEX_BYTES_MOST'))],
    [number('CERTMAP_MESSAGES_MOST') . ' errors', number('CERTMAP_MESSAGES_MOST') . ' warnings'],
);
my ($chapter) = slurp('docs/conditions.md') =~ /^## Limits\n(.*?)^## /ms or die "docs/conditions.md: no chapter \"Limits\"\n";
my @said = grep { !/^\| (?:limit|---) \|/ } $chapter =~ /^(\|.*)$/mg;
is scalar @said, scalar @rows, 'docs/conditions.md: each row of limits has its numbers here';
for my $i (0 .. $#rows) {
    my ($limit) = ($said[$i] // '') =~ /^\| (.*?) \|/;
    my $wanted = join '.*', map {quotemeta} @{ $rows[$i] };
    like $limit, qr/$wanted/, "docs/conditions.md: $rows[$i][0]";
    my $bare = ($limit // '') =~ s/$wanted//r;
    is join(' ', $limit ? (join ' ', $limit =~ /\d+(?:,\d+)*/g) : ()), join(' ', map { /\d+(?:,\d+)*/g } @{ $rows[$i] }), 'and no number beside';
}
my $room = thousands((number('CERTMAP_STORE_MAX') + 1) / 1048576);
ok slurp('store/write.c') =~ /\b$room MB are the most\b/, 'the message about a store that is too large has its limit';

done_testing;
