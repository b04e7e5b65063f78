#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# One word, one thing: no two types have one name, in no two files either; and the words of CONTRIBUTING.md's glossary are
# not used for other things in the names of the code.
use strict;
use warnings;
use Test::More;
use CertMap::File;

my @sources = glob '{engine/*,httpd,ctl,ctl/cmd,import,store,bench,fuzz,t/unit,t/load}/*.[ch] mod_certmap.[ch]';
cmp_ok scalar @sources, '>=', 200, 'sources: ' . @sources;
my %code = map {
    my $text = slurp($_);
    $text =~ s{/\*.*?\*/}{}gs;
    $text =~ s{^\s*#.*$}{}gm;
    $text =~ s{"(?:[^"\\\n]|\\.)*"}{""}g;
    $_ => $text;
} @sources;

# ---- types

sub types {
    my ($text) = @_;
    my %types;
    $types{$1} = 1 while $text =~ /^(?:typedef )?(?:struct|enum|union) (\w+)\s*\{/mg;
    # a variable of a type without a name ends like a typedef
    while ($text =~ /^(\w+)\b[^\n;{]*\{(?:[^{}]|\{[^{}]*\})*^\} (\w+);/mgs) { $types{$2} = 1 if $1 eq 'typedef' }
    $types{$1} = 1 while $text =~ /^typedef [^{};()]*?\b(\w+);/mg;
    $types{$1} = 1 while $text =~ /^typedef [^{};]*?\b(\w+)\([^;]*\);/mg;
    return keys %types;
}
is join(' ', sort(types("typedef struct a_t {\n    int x;\n} a_t;\nenum b_e {\n};\ntypedef int c_fn(int a);\nstatic struct {\n    int x;\n} d;\n"))),
    'a_t b_e c_fn', 'types are found, variables are not types';

my %in;
for my $file (@sources) {
    my $struct = qr/^typedef (?:const )?(?:struct|enum|union) \w+ \w+;/m; # says that there is one
    push @{ $in{$_} }, $file for types($code{$file} =~ s/$struct//gr);
}
cmp_ok scalar keys %in, '>=', 200, 'types: ' . keys %in;
is join("\n", map {"$_: @{ $in{$_} }"} grep { @{ $in{$_} } > 1 } sort keys %in), '', 'no two of one name';

# ---- words

# What a word must not stand for, where, and what may be called so.
my @words = (
    # a CA chain alone; what is asked in order is a list
    ['chain', qr/\A(?!engine|t\/|fuzz|bench|ctl)/, qr/chains?/i, qr/\A(?:n?chain|CERTMAP_CHAIN_MOST|digest_chain|check_chains|X509_V_ERR_\w+|X509_STORE_CTX_get0_chain|SSL\w+|CERTMAP_R_CHAIN_TOO_LONG)\z/,
        qr/\Ahttpd\/(?:tls|proof|trust|page|anchors|check_trust)\.[ch]\z/],
    # a member of a list is a link
    ['part', qr/\A(?:httpd|ctl\/conf)/, qr/parts?(?=_|\z)/i, qr/\A(?:apart|keeps_apart)\z/],
    ['part', qr/\Aengine\/(?:rules|advice)\/(?:template|advise|strength)\./, qr/parts?(?=_|\z)/i, qr/\Aapart\z/],
    # groups are a user's; a regex has captures, values bindings, the index buckets
    ['group', qr/\Aengine\/rules\/(?!option|words|rules|ruleset|parse|eval\.c)/, qr/groups?/i, qr/\A(?:n?groups)\z/,
        qr/\Aengine\/rules\/(?:list|template)\.[ch]\z/],
    ['group', qr/\A(?:engine\/rules|engine\/advice|engine\/decide|import)\//, qr/(?<![a-z])group(?!s)/i,
        qr/\A(?:group|check_group|wrong_group|count_groups)\z/, qr/\A(?:engine\/rules\/option|import\/\w+)\.c\z/],
    ['record', qr/\A(?:engine|store|ctl)\//, qr/certmap_record/i, qr/\A\z/],
);
for (@words) {
    my ($word, $where, $pattern, $may, $exempt) = @$_;
    my @wrong;
    for my $file (grep { $_ =~ $where } @sources) {
        my %names = map { $_ => 1 } grep { $_ =~ $pattern } $code{$file} =~ /\b[A-Za-z_]\w*/g;
        push @wrong, map {"$file: $_"} grep { $_ !~ $may || ($exempt && $file !~ $exempt) } sort keys %names;
    }
    is join("\n", @wrong), '', "\"$word\" in names: $pattern";
}

# ---- the glossary

my ($glossary) = slurp('CONTRIBUTING.md') =~ /^## Glossary\n(.*)/ms;
for my $word ('binding', 'bucket', 'CA chain', 'capture', 'groups', 'link', 'list', 'piece', 'store record', 'TLS record') {
    like $glossary // '', qr/^\| \Q$word\E \| \S/m, "the glossary has $word";
}

done_testing;
