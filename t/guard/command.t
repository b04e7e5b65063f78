#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# certmapctl says the same thing four times: in its tables of subcommands and options, in --help, in certmapctl(1) and in
# what bash completes. Here the four are held together.
use strict;
use warnings;
use Test::More;
use CertMap::File;
use CertMap::Table;

sub output {
    my (@command) = @_;
    open my $fh, '-|', @command or die "$command[0]: $!\n";
    local $/;
    my $out = <$fh> // '';
    close $fh;
    return ($out, $?);
}

sub unique { my %seen; return sort grep { !$seen{$_}++ } @_ }

# What bash completes after "certmapctl WORD...".
sub completed {
    my @words = @_;
    my ($out) = output('bash', '-c', 'source completion/certmapctl; COMP_WORDS=(certmapctl "$@"); COMP_CWORD=$#; '
        . '_certmapctl; printf "%s\n" "${COMPREPLY[@]}"', 'bash', @words);
    return unique(grep {length} split /\n/, $out);
}

# ---- the tables

my ($order) = slurp('ctl/main.c') =~ /commands\[\] = \{(.*?)\};/s or die "ctl/main.c: no table of subcommands\n";
my @commands = $order =~ /&ctl_(\w+)/g;
cmp_ok scalar @commands, '>=', 5, "subcommands: @commands";
($order) = slurp('ctl/cmd/store.c') =~ /commands\[\] = \{(.*?)\};/s or die "ctl/cmd/store.c: no table of subcommands\n";
my @store = $order =~ /&ctl_store_(\w+)/g;
cmp_ok scalar @store, '>=', 7, "subcommands of store: @store";
my ($formats) = slurp('ctl/cmd/import.c') =~ /\bformats\[\] = \{(.*?)\};/s or die "ctl/cmd/import.c: no table of formats\n";
my @formats = $formats =~ /\.name = "(\w+)"/g;
cmp_ok scalar @formats, '>=', 7, "formats: @formats";

# The options of every apr_getopt_option_t table of a file, --help apart.
sub table_options {
    my ($command) = @_;
    my @options;
    for my $file (glob "ctl/cmd/$command*.c") {
        my $text = slurp($file);
        my %letter = map { $_ => 1 } slurp('ctl/store.h') =~ /\b(STORE_\w+ = '\w')/g;
        my %known = map {/(\w+) = '(\w)'/} keys %letter;
        for my $table ($text =~ /apr_getopt_option_t \w+\[\] = \{(.*?)\};/gs) {
            while ($table =~ /\{ (?:"([\w-]+)"|NULL), ('\w'|\w+), [01]/g) {
                my ($long, $short) = ($1, $2);
                next if !defined $long || $long eq 'help';
                push @options, "--$long";
                push @options, "-$1" if ($known{$short} ? "'$known{$short}'" : $short) =~ /^'(\w)'$/;
            }
        }
    }
    return unique(@options);
}

# ---- --help

my %help;
for my $words ([], map { [$_] } @commands) {
    my ($text, $status) = output('built/certmapctl', @$words, '--help');
    is $status, 0, "certmapctl @$words --help";
    like $text, qr/\Ausage: @{[join ' ', 'certmapctl', @$words]} /, 'begins with the usage';
    is join("\n", grep { length > 80 } split /\n/, $text), '', 'and wraps at 80 columns';
    $help{"@$words"} = $text;
}
for my $command (@store) {
    is((output('built/certmapctl', 'store', $command, '--help'))[0], $help{store}, "certmapctl store $command --help");
}

sub help_options {
    my ($text) = @_;
    # An option and its argument are followed by two blanks, or are alone.
    return unique(map { my ($head) = split /\s{2,}/; $head =~ /(?<![\w-])(--?\w[\w-]*)/g } $text =~ /^ +(-.*)$/mg);
}

is_deeply [$help{''} =~ /^  (\w+) +\S/mg], \@commands, 'certmapctl --help lists the subcommands';

# ---- certmapctl(1)

my $page = slurp('man/certmapctl.1');
my %section = map { /^(\w+)\n(.*)\z/s } $page =~ /^\.Ss certmapctl ((?:(?!^\.S[hs]).*\n)+)/mg;
my ($synopsis) = $page =~ /^\.Sh SYNOPSIS\n((?:(?!^\.Sh).*\n)+)/m;

sub page_options {
    my ($text) = @_;
    return unique(map { /\bFl (-?[\w-]+)/g } $text =~ /^\.It (Fl .*)$/mg);
}

# The first word of each item that is none of an option.
sub page_words {
    my ($text) = @_;
    return [$text =~ /^\.It Cm (\w+)/mg];
}

is_deeply [sort keys %section], [sort @commands], 'certmapctl(1) has a chapter on each subcommand';
like $synopsis, qr/^\.Nm certmapctl\n\.Cm \Q$_\E$/m, "and SYNOPSIS names $_" for grep { $_ ne 'store' } @commands;
like $synopsis, qr/^\.Nm certmapctl\n\.Cm store Cm \Q$_\E$/m, "and SYNOPSIS names store $_" for @store;

# ---- all of them

is_deeply [completed('')], [sort @commands], 'completion: subcommands';
is_deeply [completed('--')], [qw(--help --version)], 'completion: options of the command itself';
for my $command (@commands) {
    my $options = [table_options($command)];
    my @completed = $command eq 'store' ? unique(map { completed('store', $_, '-') } @store) : completed($command, '-');
    is_deeply [help_options($help{$command})], $options, "$command --help: @$options";
    is_deeply [map {"-$_"} page_options($section{$command})], $options, "$command in certmapctl(1): the same";
    is_deeply [@completed], [unique(@$options, '--help')], "$command in the completion: the same, and --help";
}
for my $command (@store) {
    my @short = map { /(-\w)/g } $help{store} =~ /^  $command\b(.*?STORE.*?)(?:  |$)/mg;
    push @short, map { /(-\w)/g } $help{store} =~ /^  $command\b(.*?)STORE/mg;
    is_deeply [grep {/^-\w$/} completed('store', $command, '-')], [unique(@short)], "store $command takes @short";
}

is_deeply [unique($help{store} =~ /^  (\w+) (?:\[[^\]]*\] )?STORE/mg)], [sort @store], 'store --help tells of each';
is_deeply page_words($section{store}), \@store, 'and so does certmapctl(1)';
is_deeply [completed('store', '')], [sort @store], 'and the completion';

is_deeply [$help{import} =~ /^  (\w+)  +\S/mg], \@formats, 'import --help tells of each format';
is_deeply page_words($section{import}), \@formats, 'and so does certmapctl(1)';
is_deeply [completed('import', '')], [sort @formats], 'and the completion';

my @kinds = map { $_->{name} } table('engine/entries/kind.c', 'certmap_key_kinds');
cmp_ok scalar @kinds, '>=', 8, "kinds of keys: @kinds";
is_deeply [sort map {s/\\//gr} completed('store', 'list', '-k', '')], [sort @kinds], 'completion: kinds of keys';
is_deeply [sort map {s{\\}{}gr} completed('store', 'list', '--kind', 'X509', ':')], [sort map { /^X509:(.*)/ } @kinds],
    'also behind a colon, where bash breaks words';
for my $kind (@kinds) {
    like $help{store}, qr/(?<![\w:])\Q$kind\E(?![\w:])/, "store --help tells of $kind";
    like $section{store}, qr/^\.Cm \Q$kind\E(?: [,.])?$/m, "certmapctl(1) tells of $kind";
}

my @strengths = map { $_->{name} } table('engine/base/reason.c', 'strengths');
is_deeply [completed($_, '--min-strength', '')], [sort @strengths], "completion: strengths ($_)"
    for qw(check explain);

# ---- installed

my $makefile = slurp('Makefile.am');
my ($pages) = $makefile =~ /^dist_man_MANS = (.*)$/m;
is_deeply [sort split ' ', $pages // ''], [sort glob 'man/*'], 'Makefile.am installs every page';
my ($completion) = $makefile =~ /^dist_completion_DATA = (.*)$/m;
is_deeply [sort split ' ', $completion // ''], [sort glob 'completion/*'], 'and the completion';
like $makefile, qr{^completiondir = \$\(datadir\)/bash-completion/completions$}m, 'where bash-completion looks for it';

done_testing;
