#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Every field of the directory and server configuration has a default in create() and a place in merge(): a field that merge
# forgets would keep the outer value without a word. And every directive of mod_ssl's is in the table of httpd/trust.c, which says
# whether it decides about certificates.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;
use CertMap::File;

my $header = slurp('httpd/config.h');
my $source = slurp('httpd/config.c');

# The names in a struct, and which of them are numbers: pcalloc's NULL means unset, its 0 does not.
sub fields {
    my ($struct) = @_;
    my ($body) = $header =~ /typedef struct \Q$struct\E \{(.*?)\n\} \Q$struct\E;/s or die "httpd/config.h: no $struct\n";
    $body =~ s{/\*.*?\*/}{}gs;
    my %field;
    for (grep {/\S/} split /;/, $body) {
        /^\s*(.*?)(\w+)(?:\[\w+\])?\s*$/s or die "httpd/config.h: $struct: cannot read: $_\n";
        my ($type, $name) = ($1, $2);
        $field{$name} = $type !~ /\*/;
    }
    return %field;
}

sub function {
    my ($name) = @_;
    my ($body) = $source =~ /^[\w ]+\*?\s*\*?\Q$name\E\([^;{]*\)\n\{\n(.*?)^\}/ms or die "httpd/config.c: no $name()\n";
    return $body;
}

for my $kind (qw(dir srv)) {
    my %field = fields("certmap_${kind}_conf_t");
    my $create = function("certmap_${kind}_conf_create");
    my $merge = function("certmap_${kind}_conf_merge");
    # merge may hand a part of the work on
    $merge .= function($_) for $merge =~ /\b(merge_\w+)\(/g;
    cmp_ok scalar keys %field, '>=', 3, "certmap_${kind}_conf_t has fields";
    for my $name (sort keys %field) {
        # a count goes with its array and begins at 0
        my $count = $name =~ /^n(\w+)$/ && exists $field{$1};
        my $goes_with = $name =~ /^(\w+)_(?:file|line)$/ && exists $field{$1};
        ok !$field{$name} || $count || $goes_with || $create =~ /\bconf->\Q$name\E = /, "$kind: $name has a default";
        like $merge, qr/\bconf->\Q$name\E(?:\[\w+\])? = /, "$kind: $name is merged";
    }
}

# ---- mod_ssl's directives

my ($table) = slurp('httpd/trust.c') =~ /^static const setting_t directives\[\] = \{\n(.*?)^\};/ms or die "httpd/trust.c: no table\n";
my @listed = $table =~ /^ *\{ "(\w+)", [A-Z_]+, /mg;
my %times;
$times{$_}++ for @listed;
is join(' ', grep { $times{$_} > 1 } sort keys %times), '', 'none appears twice';
my $dir = tempdir(CLEANUP => 1);
my $static = qx("$ENV{HTTPD}" -l);
spew("$dir/httpd.conf",
    "ServerRoot \"$dir\"\nErrorLog \"$dir/error_log\"\n", map {"LoadModule ${_}_module $ENV{CERTMAP_MODULES}/mod_$_.so\n"}
    grep { $static !~ /\bmod_$_\.c\b/ } 'mpm_event', 'ssl');
my $directives = qx("$ENV{HTTPD}" -f "$dir/httpd.conf" -C 'ServerName a.test' -L);
my @known = $directives =~ /^(\S+) \(mod_ssl\.c\)$/mg;
cmp_ok scalar @known, '>=', 60, scalar(@known) . ' are mod_ssl\'s';
is join(' ', grep { !$times{$_} } @known), '', 'each of them is in the table of httpd/trust.c';

done_testing;
