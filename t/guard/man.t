#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The manual pages: mandoc finds nothing to say about them, certmap.rules(5) has what the engine's tables have and its
# examples are what they are said to be, mod_certmap(5) has the directives, notes and variables of the module
# (t/guard/reasons.t looks at its reasons).
use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;
use CertMap::File;
use CertMap::Table;

my $dir = tempdir('certmap-man.XXXXXX', TMPDIR => 1, CLEANUP => 1);

sub unique { my %seen; return sort grep { !$seen{$_}++ } @_ }

# The part of a source between two places.
sub part {
    my ($file, $from, $to) = @_;
    my ($found) = slurp($file) =~ /$from(.*?)$to/s or die "$file: no $from\n";
    return $found;
}

# As a terminal that is wide enough shows it.
sub shown {
    my ($file) = @_;
    my $text = qx(mandoc -T ascii -O width=400 '$file');
    $? == 0 or die "mandoc: $?\n";
    return $text =~ s/.\x08//gr;
}

# A section or subsection of what is shown.
sub chapter {
    my ($text, $title) = @_;
    my ($indent) = $text =~ /^( *)\Q$title\E$/m or die "no $title\n";
    my ($chapter) = $text =~ /^ *\Q$title\E\n(.*?)(?=^ {0,@{[length $indent]}}\S|\z)/ms;
    return $chapter;
}

# ---- all pages

my @pages = sort glob 'man/*';
is "@pages", 'man/certmap.rules.5 man/certmapctl.1 man/mod_certmap.5', 'the pages';
for my $page (@pages) {
    is qx(mandoc -T lint -W all '$page' 2>&1), '', "$page: mandoc has nothing to say";
    is $?, 0, "$page: and is content";
    is join(' ', grep {/[^\x20-\x7e]/} split /\n/, slurp($page)), '', "$page: is ASCII without tabs";
}

# ---- certmap.rules(5)

my $rules = slurp('man/certmap.rules.5');
my $shown = shown('man/certmap.rules.5');

# What the items of a chapter are: "subject., issuer." of ".It Cm subject.\& Ns Ar attr , Cm issuer.\& Ns Ar attr".
sub items {
    my ($title) = @_;
    my ($text) = $rules =~ /^\.S[hs] \Q$title\E\n((?:(?!^\.S[hs]).*\n)+)/m or die "certmap.rules(5): no $title\n";
    return map {
        map { my $word = $_; map {s/\\&//gr} split /[ ]*,[ ]*/, $word =~ s/ Ns Ar \w+//gr } split / *, Cm /, s/\\&//gr
    } $text =~ /^\.It Cm (.*)$/mg;
}

my @fields = part('engine/x509/field.c', '\} fields\[CERTMAP_F_COUNT\] = \{', "\n\\};") =~ /\{ "([^"]+)"/g;
cmp_ok scalar @fields, '>=', 25, 'fields: ' . scalar @fields;
is_deeply [unique(items('Fields'))], [sort @fields], 'certmap.rules(5) has every field and no other';
my ($conditions) = slurp('docs/conditions.md') =~ /^## Fields\n(.*?)^## /ms or die "docs/conditions.md: no chapter on fields\n";
is_deeply [unique(map { s/(?<=[.:])(?:ATTR|OID)$//r } map {/`([^`]+)`/g} $conditions =~ /^\| (`[^|]*) \|/mg)], [sort @fields],
    'and so has docs/conditions.md';

my @operators = map { $_->{name} } table('engine/rules/condition.c', 'operators');
my ($chars) = slurp('engine/rules/condition.h') =~ /^#define CERTMAP_OPERATOR_CHARS "(.*)"$/m or die "engine/rules/condition.h: no characters of operators\n";
is_deeply [sort split //, $chars], [unique(map { split // } @operators)], "operators: @operators, of $chars";
is_deeply [unique(items('Operators'))], [sort @operators], 'every operator';

my $prefixes = join '', map {"[$_->{name}]"} table('engine/rules/condition.c', 'prefixes');
like $shown, qr/^ +\Q$prefixes\Efield operator value$/m, 'each prefix is in the syntax of a condition';

my @options = table('engine/rules/option.c', 'option_table');
is_deeply [unique(map {s/=.*//r} items('OPTIONS'))], [unique(map { $_->{name} } @options)], 'every option';
is_deeply [unique(grep {/=/} map {s/=.*/=/r} items('OPTIONS'))], [unique(map {"$_->{name}="} grep { !$_->{no_value} } @options)],
    'with a value where it has one';

# docs/conditions.md has the same.
my $manual = slurp("docs/conditions.md");
my ($table) = $manual =~ /^\| operator \| holds when \|\n\| [-| ]+ \|\n((?:\|.*\n)+)/m or die "docs/conditions.md: no operators\n";
is_deeply [unique(map { /`([^`]+)`/g } map { (split /\|/)[1] } split /\n/, $table)], [sort @operators], 'docs/conditions.md: operators';
like $manual, qr/^    \Q$prefixes\EFIELD OPERATOR VALUE$/m, 'prefixes';
my ($section) = $manual =~ /^## Options\n(.*?)^## /ms or die "docs/conditions.md: no options\n";
like $section, qr/\s\Q$_->{name}\E@{[$_->{no_value} ? '\s' : '=']}/, "option $_->{name}" for @options;

my @modifiers = part('engine/rules/template.c', '\} modifiers\[\] = \{', '\n\};') =~ /\.name = "(\w+)"/g;
cmp_ok scalar @modifiers, '>=', 6, "modifiers: @modifiers";
is_deeply [unique(grep {/^:/} items('USER NAMES'))], [sort map {":$_"} @modifiers], 'every modifier';

my @kinds = table('engine/entries/kind.c', 'certmap_key_kinds');
my @types = unique(map { $_->{name} =~ s/:.*//r } @kinds);
cmp_ok scalar @types, '>=', 6, "types of keys: @types";
is_deeply [unique(map {/^([\w-]+):/} items('ENTRIES'))], [sort @types], 'every type of key';
my %ad = map { $_->{index} =~ s/^CERTMAP_AD_//r => $_->{name} } table('engine/entries/key_reader.c', 'ad_tags');
my @tags = unique(map { ($_->{ad} // '') =~ /\bAD\((\w+)\)/g } @kinds);
cmp_ok scalar @tags, '>=', 5, "tags of Active Directory's strings: @tags";
like chapter($shown, 'ENTRIES'), qr/\Q$ad{$_}\E/, "and $ad{$_}" for @tags;

my @strengths = map { $_->{name} } table('engine/base/reason.c', 'strengths');
is_deeply [unique(items('STRENGTH'))], [sort @strengths], 'every strength';

# ---- its examples

sub check {
    my ($text) = @_;
    spew("$dir/example", $text);
    my $said = qx(built/certmapctl check '$dir/example' 2>&1);
    return ($? >> 8, $said);
}

my @examples;
while ($rules =~ /^(.*)\n\.Bd -literal.*\n((?:(?!^\.Ed).*\n)+)\.Ed$/mg) {
    my ($comment, $text) = ($1, $2);
    push @examples, [$comment, $text =~ s/\\e/\\/gr];
}
cmp_ok scalar @examples, '>=', 9, 'certmap.rules(5) has ' . @examples . ' examples';
my %sort;
for my $example (@examples) {
    my ($comment, $text) = @$example;
    my ($sort) = $comment =~ /^\.\\" (.+)$/ or die "certmap.rules(5): no comment before:\n$text";
    my ($name) = $text =~ /^(\w\S*)/m;
    $sort{$sort}++;
    for my $part ($sort =~ /^wrong/ ? split /^/, $text : $text) {
        my ($status, $said) = check($part);
        is $status, { rules => 0, entries => 0, 'warned rules' => 1, 'wrong rules' => 2 }->{$sort}, "$name: $sort"
            or diag $said;
        unlike $said, qr/: error: /, "$name: no error" if $sort !~ /^wrong/;
    }
}
is_deeply [sort keys %sort], ['entries', 'rules', 'warned rules', 'wrong rules'], 'examples of each sort';

# Every attribute that the page names is one.
my ($attributes) = $rules =~ /^One attribute of a name:\n(.*?)^any name/ms or die "certmap.rules(5): no attributes\n";
my @attributes = unique($attributes =~ /^\.(?:Cm|Pq Cm) (.*?)(?: ,)?$/mg);
@attributes = unique(map { split / , / } @attributes);
cmp_ok scalar @attributes, '>=', 15, "attributes: @attributes";
my ($status, $said) = check(join '', map {"a-$_ allow %{subject.$_} issuer=CN=ca subject.$_=$_\n"} @attributes);
unlike $said, qr/error/, 'the engine knows each of them';
like $said, qr/\A\z/, 'and check is content';
is $status, 0, 'and says so';

# ---- mod_certmap(5)

my $module = shown('man/mod_certmap.5');
my @directives = slurp('httpd/config.c') =~ /AP_INIT_\w+\("(\w+)"/g;
cmp_ok scalar @directives, '>=', 9, 'directives: ' . scalar @directives;
my $reference = slurp('docs/directives.md');
my @syntax;
for my $name (@directives) {
    my ($lines) = $reference =~ /^## \Q$name\E\n\n((?:    \Q$name\E .*\n)+)    Context: /m
        or die "docs/directives.md: no syntax of $name\n";
    push @syntax, map { s/\xe2\x80\xa6/.../gr } $lines =~ /^    (.*)$/mg;
}
is_deeply [chapter($module, 'Directives') =~ /^     (CertMap.*)$/mg], \@syntax,
    'every directive of the table, with the syntax of docs/directives.md and in its order';
my ($require) = $reference =~ /^## Require [^\n]*\n\n((?:    Require .*\n)+)/m;
my ($type) = $reference =~ /^## AuthType [^\n]*\n\n    (AuthType \w+)$/m;
is_deeply [chapter($module, 'Authorization') =~ /^     ((?:Require|AuthType) .*)$/mg],
    [map({ s/\xe2\x80\xa6/.../gr } $require =~ /^    (.*)$/mg), $type], 'and so for Require and AuthType';

my $face = slurp('mod_certmap.h');
my @notes = $face =~ /#define CERTMAP_NOTE_\w+ "([^"]+)"/g;
my @variables = $face =~ /#define CERTMAP_ENV_\w+ "([^"]+)"/g;
is_deeply [unique(chapter($module, 'Notes') =~ /^ .*?\b(certmap-\w+)(?=[,;])/mg,
    chapter($module, 'Notes') =~ /\b(certmap-\w+)(?=[,;])/g)], [sort @notes], 'every note';
is_deeply [unique(slurp('man/mod_certmap.5') =~ /^\.It Ev (\w+)/mg)], [sort @variables], 'every variable';
my ($header) = $face =~ /#define CERTMAP_HEADER_INCIDENT "([^"]+)"/;
like $module, qr/\b\Q$header\E\b/, 'and the header';

# The set-up is that of README.md, with a file in place of a rule.
my ($setup) = chapter($module, 'Set-up in ten lines') =~ /^ +(LoadModule.*?<\/VirtualHost>)$/ms;
my ($readme) = slurp('README.md') =~ /^```apache-server\n(.*?)^```$/ms;
my @set = grep { !/^CertMapRule/ } map {s/^ +//r} split /\n/, $setup;
is_deeply \@set, [grep { !/^CertMapRule/ } map {s/^ +//r} split /\n/, $readme], 'the set-up is that of README.md';
cmp_ok scalar(split /\n/, $setup), '<=', 10, 'in ten lines';

done_testing;
