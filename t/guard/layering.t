#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Holds the house together: rooms need one another one way only, the engine knows nothing of httpd, three files of the module
# know OpenSSL's connections, hooks are registered in one place, the module exports its module record and nothing else, every
# source begins with its licence and keeps to 120 columns.
use strict;
use warnings;
use File::Find;
use Test::More;
use CertMap::File;
use CertMap::Graph qw(circles foreign_headers include_graph link_graph mutable_symbols room_arrows stray_arrows);
use CertMap::Makefile;

sub includes { return slurp($_[0]) =~ /^\s*#\s*include\s*[<"]([^>"]+)[>"]/mg }

sub symbols {
    my @lines = qx(nm @_ 2>/dev/null);
    $? == 0 or die "nm @_ failed\n";
    return @lines;
}

my @engine = sort(glob('engine/*.[ch]'), glob('engine/*/*.[ch]'));
my @beside = sort(glob('store/*.[ch]'), glob('import/*.[ch]'));
my @module = (glob('mod_certmap.[ch]'), sort glob 'httpd/*.[ch]');
my %httpd_header = map { $_ => 1 } qw(httpd.h mod_ssl.h mod_ssl_openssl.h mod_auth.h mod_log_config.h mod_session.h
    mod_status.h util_filter.h util_script.h util_md5.h util_ldap.h util_cookies.h unixd.h scoreboard.h mpm_common.h
    mod_certmap.h);

# ---- engine

cmp_ok scalar @engine, '>=', 10, 'the engine is there';
my @strangers = map {
    my $file = $_;
    map {"$file: $_"} grep { $httpd_header{$_} || /^(?:ap|http)_/ || m{^\.\./|httpd/} } includes($file)
} @engine, @beside;
is "@strangers", '', 'nothing in engine/, store/ and import/ includes a header of httpd or of the module';

my @engine_symbols = symbols('-A', 'built/libcertmap.a');
cmp_ok scalar(grep {/ T certmap_decide$/} @engine_symbols), '==', 1, 'libcertmap.a holds the engine';
is join(' ', map { /( U ap_\w+)/ ? $1 : () } @engine_symbols), '', 'no object of libcertmap needs an ap_* symbol';
is join(' ', grep { !/^certmap_/ } map { / [TDBR] (\w+)$/ ? $1 : () } @engine_symbols), '',
    'every global symbol of libcertmap begins with certmap_';

is join("\n", mutable_symbols('built')), '', 'the engine has no memory to write to but what is listed';

# ---- rooms

my $links = link_graph('built');
my $headers = include_graph();
for my $room (qw(x509 rules entries decide source advice store import ctl httpd)) {
    cmp_ok scalar keys %{ room_arrows($links)->{$room} }, '>=', 1, "symbols: $room needs others";
}
for (['symbols', $links], ['includes', $headers]) {
    my ($what, $graph) = @$_;
    cmp_ok scalar keys %$graph, '>=', 40, "$what: the graph is there";
    is join("\n", circles(room_arrows($graph))), '', "$what: no circle of rooms";
    is join("\n", circles($graph)), '', "$what: no circle of files";
    is join("\n", stray_arrows($graph)), '', "$what: no arrow between rooms that is not allowed";
}
is join("\n", foreign_headers()), '', 'headers of a room are for that room, but for the public one';

# ---- certmapctl

my @ctl = sort(glob('ctl/*.[ch]'), glob('ctl/cmd/*.[ch]'));
cmp_ok scalar @ctl, '>=', 5, 'the command is there';
is join(' ', map { my $file = $_; map {"$file: $_"} grep {
    $httpd_header{$_} || /^(?:ap|http)_/ || m{/} && !m{^(?:import/import|store/store)\.h$|^(?:apr|openssl|sys|ctl)/} } includes($file) } @ctl),
    '', 'ctl/ knows of the engine what its public headers say, and nothing of httpd';

# ---- module

cmp_ok scalar @module, '>=', 8, 'the module is there';
my %tls = map { $_ => 1 } qw(httpd/tls.c httpd/proof.c httpd/proof.h httpd/trust.c httpd/trust.h);
is join(' ', grep { my $file = $_; grep {/^mod_ssl/} includes($file) } @module), 'mod_certmap.c',
    'mod_certmap.c includes mod_ssl\'s headers, for the types of two hooks, and nobody else does';
my @openssl = grep { slurp($_) =~ m{\bSSL_\w+\s*\(|<openssl/ssl\.h>} } @module;
ok scalar(grep { $_ eq 'httpd/tls.c' } @openssl), 'httpd/tls.c asks OpenSSL about connections';
is join(' ', grep { !$tls{$_} } @openssl), '', 'and nobody but httpd/proof.c and httpd/trust.c does so beside it';

# What httpd and other modules call is found in one place, in order.
my $registers = qr/\b(?:(?:ap|ssl)_hook_(?!get_)\w+|APR_OPTIONAL_HOOK|APR_REGISTER_OPTIONAL_FN|ap_register_\w+)\s*\(/;
cmp_ok scalar(() = slurp('mod_certmap.c') =~ /$registers/g), '>=', 20, 'mod_certmap.c registers hooks, filters and providers';
is join(' ', grep { $_ ne 'mod_certmap.c' && slurp($_) =~ $registers } @module), '', 'and nobody else does';

my @exported = map { / [A-Z] (\w+)$/ ? $1 : () } symbols('-D', '--defined-only', 'built/mod_certmap.so');
is "@exported", 'certmap_module', 'mod_certmap.so exports certmap_module and nothing else';

my @unresolved = map { / U (certmap_\w+)$/ ? $1 : () } symbols('-D', 'built/mod_certmap.so');
is "@unresolved", '', 'and lacks none of its own';

# config.c owns the directives; messages elsewhere may name them, tables may not.
my @tables = grep { slurp($_) =~ /\bAP_INIT_\w+\s*\(/ } @module;
cmp_ok scalar @tables, '>=', 1, 'there is a directive table';
is join(' ', @tables), 'httpd/config.c', 'directives are declared in their place only';

my $internals = slurp('docs/internals.md');
is join(' ', grep { my $file = $_; $file !~ /\.h$/ && 1 != (() = $internals =~ /^\| `\Q$file\E` \|/mg) } @module), '',
    'docs/internals.md has one row for each file of the module';

# ---- the build

my $makefile = slurp('Makefile.am');
my @built = (@engine, @beside, @module, @ctl, glob('t/unit/*.h'), grep { !/crashes/ } glob 'fuzz/*');
is join(' ', grep { $makefile !~ /(?:^|\s)\Q$_\E(?=\s|$)/ } @built), '', 'Makefile.am names every source';

# ---- the tests

my @suite = (listed('TESTS_IN_TURN'), listed('TESTS_APART'));
is_deeply [sort @suite], [glob 't/*.t'], 'Makefile.am names every test, once';
is_deeply [sort map {"$_.c"} listed('UNIT_TESTS')], [glob 't/unit/test_*.c'], 'and every unit test';
is_deeply [sort map {"$_.c"} listed('TEST_TOOLS')], [grep { slurp($_) =~ /^int main\(/m } grep { !/test_/ } glob 't/{load,unit}/*.c'],
    'and every program that tests ask';
my %suite = map { $_ => 1 } @suite;
my @not_sanitized = listed('NOT_SANITIZED');
cmp_ok scalar @not_sanitized, '<', @suite / 2, 'most tests are run under the sanitizers';
is join(' ', grep { !$suite{$_} } @not_sanitized), '', 'the others are tests';
for my $file (qw(.ci/run t/run t/TEST.PL)) {
    my $code = join "\n", grep { !/^\s*#/ } split /\n/, slurp($file);
    is join(' ', grep { !/ENV|env/ } $code =~ m{\bt/\w+\.t\b|\b(?:test_\w|judge)\w*}g), '', "$file names none of them";
    like $code, qr/\blisted\(/, 'but asks Makefile.am';
}

# ---- docs/internals.md

# A paragraph for each room, a table under it with each file of the room in one row.
my ($chapter) = slurp('docs/internals.md') =~ /^### Room by room\n(.*?)^## /ms or die "docs/internals.md: no \"Room by room\"\n";
my %row;
while ($chapter =~ /^\*\*`([\w\/]+\/)`\*\*(.*?)(?=^\*\*`|\z)/msg) {
    my ($folder, $table) = ($1, $2);
    $row{"$folder$_"}++ for map { /^\| ((?:`[^`]+` ?)+)\|/ ? $1 =~ /`([^`]+)`/g : () } split /\n/, $table;
}
is join(' ', grep { ($row{$_} // 0) != 1 && $_ ne 'engine/certmap.h' } @engine, @beside), '',
    'docs/internals.md has one row for each file of engine/, store/ and import/';
is join(' ', grep { !-f } sort keys %row), '', 'and none of a file that is not there';

# ---- every file

my @files;
find({ no_chdir => 1, wanted => sub {
    return $File::Find::prune = 1 if m{^\./(?:built|t/logs|t/state|t/pki/made)$};
    return if !-f || m{^\./t/(?:conf/(?:httpd\.conf|defines\.conf|modules\.conf|passwords|mime\.types|apache_test_config\.pm)
        |htdocs/)}x || m{/(?:LICENSE|README)$};
    push @files, substr $_, 2 if -T && /(?:\.(?:c|h|pm|pl|PL|t|ac|am|in|conf|md)|\/(?:run|check|demo|graph|make|env|ocsp|lib\.sh))$/;
} }, '.');
cmp_ok scalar @files, '>=', 50, 'the sources are there';
is join(' ', grep { my @head = split /\n/, slurp($_), 4; "@head[0..1]" !~ /SPDX-License-Identifier: Apache-2\.0/ }
    grep { !m{^CHANGES|^\.ci/README} } @files), '', 'every file says its licence in its first two lines';

my @wide;
for my $file (grep {/\.[ch]$/} @files) {
    my $n = 0;
    for (split /\n/, slurp($file)) {
        $n++;
        push @wide, "$file:$n" if length > 120;
    }
}
is "@wide", '', 'no line of C is longer than 120 columns';
is join(' ', grep { slurp($_) =~ /\t/ && /\.[ch]$/ || slurp($_) =~ /[ \t]$/m } grep { !/\.md$/ } @files), '',
    'no tab in C, no blank at the end of a line';

done_testing;
