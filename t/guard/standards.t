#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Where the engine refuses something of a certificate, or of a name, the standard is cited that says so: in a comment of the same
# function, close above, or in the one that introduces the function. A citation is written in one way, "RFC 5280, 4.1.2.5".
use strict;
use warnings;
use Test::More;
use CertMap::File;

# What is refused for its size names its limit instead, whose reason is in limits.h.
my $citation = qr/\b(?:RFC \d+|X\.\d+|MS-[A-Z]+), (?:[A-Z]|\d+)(?:\.\d+)*\b|\bKB\d{7}\b|> CERTMAP_\w+/;
# How far above; a reader sees both at once.
my $near = 16;

# What refuses, with words: an answer, a reason, or one of the functions that note it.
my $noted = qr/(?:certmap_cert_blame|certmap_cert_mark|set_malformed)\([^;]*"[^"]*", p\);|spoil_value\([^;]*"[^"]*"\);/;
my $refuses = qr/\breturn "|\bwhy = [^;]*"|\bcomplain\([^;]*"|\b$noted/;
# Words that do not refuse.
my $shown = qr/return "\(unreadable\)"/;

my $refusals = 0;
for my $file (qw(attr cert der dn extensions san)) {
    my @lines = split /\n/, slurp("engine/x509/$file.c");
    my ($head, $from, @missing) = (0, 0);
    for my $i (0 .. $#lines) {
        # the comment before a function, then its body: the blank line between functions ends both
        $from = $i if $lines[$i] eq '' && ($lines[$i - 1] eq '}' || !grep { $_ eq '{' } @lines[$from .. $i]);
        my $statement = join ' ', grep {defined} @lines[$i .. $i + 4];
        $statement =~ s/;.*/;/;
        next if $lines[$i] !~ /^\s+(?:\*?why = |return "|return complain\(|(?:certmap_cert_blame|certmap_cert_mark|set_malformed|spoil_value)\()/;
        next if $statement !~ $refuses || $statement =~ $shown;
        $refusals++;
        my $first = $i - $near > $from ? $i - $near : $from;
        my $above = join "\n", @lines[$first .. $i];
        push @missing, "engine/x509/$file.c:" . ($i + 1) . ": $lines[$i]" if $above !~ $citation;
    }
    is join("\n", @missing), '', "engine/x509/$file.c: what refuses cites a standard";
}
cmp_ok $refusals, '>=', 65, "refusals: $refusals";

my (%cited, @odd);
my @sources = sort(glob('{engine/*,httpd,store,import,ctl,ctl/cmd}/*.[ch]'), glob('mod_certmap.[ch]'));
for my $file (@sources) {
    my $text = slurp($file) =~ s/\n\s*\*//gr;
    $cited{$1}++ while $text =~ /\b(RFC \d+|X\.\d{3}|MS-[A-Z]+), (?:[A-Z]\b|\d)/g;
    push @odd, "$file: $1" while $text =~ /\b((?:RFC|X\.)\s?\d+,? (?:section|chapter|clause) \S+)/g;
}
is join("\n", @odd), '', 'citations are written in one way';
cmp_ok $cited{$_} // 0, '>=', 1, "$_ is cited" for 'RFC 5280', 'X.690', 'RFC 4514', 'RFC 9110';

done_testing;
