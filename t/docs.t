#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The documentation, tried out: every tagged block of README.md and docs/ goes to the real httpd ("httpd -t"), those
# that show mistakes must be refused. Every directive of the command table, every note, variable and header and every
# reason must be documented, and nothing may be documented as a directive that httpd does not know.
use strict;
use warnings;
use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use Test::More;
use CertMap::File;

my $top = getcwd();
my ($module) = grep { -f } $ENV{CERTMAP_MODULE} || (), "$top/built/mod_certmap.so", "$top/.libs/mod_certmap.so";
my $modules = $ENV{CERTMAP_MODULES} || '/usr/lib/apache2/modules';
my $httpd = $ENV{HTTPD} || '/usr/sbin/apache2';
$module or die "mod_certmap.so is missing: \"make check\" builds it\n";

# ---- a ServerRoot as the documents expect it

my $root = tempdir('certmap-docs.XXXXXX', TMPDIR => 1, CLEANUP => 1);
mkdir "$root/$_" or die "$root/$_: $!\n" for qw(ssl conf logs html);
symlink $modules, "$root/modules" or die "$root/modules: $!\n";
system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=www.example.com "
    . "-keyout $root/ssl/key.pem -out $root/ssl/clients-ca.pem >$root/logs/openssl 2>&1") == 0
    or die slurp("$root/logs/openssl");
spew("$root/ssl/server.pem", slurp("$root/ssl/clients-ca.pem") . slurp("$root/ssl/key.pem"));
spew("$root/ca.cnf", "[ca]\ndefault_ca=c\n[c]\ndatabase=$root/index.txt\ndefault_md=sha256\ndefault_crl_days=2\n");
spew("$root/index.txt", '');
system("openssl ca -config $root/ca.cnf -gencrl -cert $root/ssl/clients-ca.pem -keyfile $root/ssl/key.pem "
    . "-out $root/ssl/clients.crl >$root/logs/openssl 2>&1") == 0 or die slurp("$root/logs/openssl");
spew("$root/conf/passwords", "ann:x\n");
spew("$root/conf/certmap.rules", "staff allow %{subject.CN} issuer=\"CN=Example CA,O=Example Ltd\"\n");
{
    my ($chapter) = slurp('docs/directives.md') =~ /^## CertMapSource\n(.*?)^## /ms;
    my @entries = ($chapter // '') =~ /^    ((?:sha256|issuer-serial):.*\n)/mg;
    @entries == 3 or die "docs/directives.md: no entries in the chapter on CertMapSource\n";
    spew("$root/conf/certmap.entries", join '', @entries);
}

my $builtin = qx($httpd -l);
my $load = join '', map { "LoadModule ${_}_module modules/mod_$_.so\n" } grep { $builtin !~ /\bmod_$_\.c\b/ }
    qw(mpm_event authn_core authn_file authz_core authz_host authz_user auth_basic dir mime alias env setenvif headers
    include cache socache_shmcb ssl http2);
my $head = "ServerRoot $root\nServerName localhost\nPidFile logs/pid\nErrorLog logs/error\nListen 127.0.0.1:44300\n"
    . "DocumentRoot $root/html\n${load}LoadModule certmap_module $module\n";
my $vhost = "<VirtualHost *:44300>\nServerName www.example.com\nSSLEngine on\nSSLCertificateFile ssl/server.pem\n"
    . "SSLCACertificateFile ssl/clients-ca.pem\nSSLVerifyClient optional_no_ca\nCertMapDeferErrors On\n";

# Returns httpd's exit status and what it said.
sub httpd_test {
    my ($config) = @_;
    spew("$root/conf/httpd.conf", $config);
    my $said = qx($httpd -t -f $root/conf/httpd.conf 2>&1);
    return ($?, $said);
}

sub wrap {
    my ($tag, $text) = @_;
    return "$head$text" if $tag eq 'apache-server';
    return "$head$vhost<Location \"/tested\">\n$text</Location>\n</VirtualHost>\n" if $tag eq 'apache-location';
    return "$head$vhost$text</VirtualHost>\n";
}

# ---- blocks

sub good {
    my ($where, $tag, $text) = @_;
    my ($status, $said) = httpd_test(wrap($tag, $text));
    ok($status == 0 && $said =~ /^Syntax OK$/m, "$where: $tag") or diag($said);
}

sub bad {
    my ($where, $tag, $text) = @_;
    my ($status, $said) = httpd_test(wrap($tag, $text));
    my ($directive) = $text =~ /^\s*(CertMap\w+)/m;
    ok($status != 0 && $status < 128 << 8 && !($status & 127) && $said =~ /$root\/conf\/httpd\.conf/
        && $said =~ /$directive/, "$where: $tag is refused, with file and directive") or diag("status $status: $said");
}

my %run = (
    'apache' => \&good, 'apache-location' => \&good, 'apache-server' => \&good, 'apache-error' => \&bad,
    'certmap-rule' => sub {
        my ($where, $tag, $text) = @_;
        good($where, $tag, "CertMap On\n" . join '', map { "CertMapRule $_\n" } grep { /\S/ } split /\n/, $text);
    },
    'certmap-rule-error' => sub {
        my ($where, $tag, $text) = @_;
        bad("$where: $_", $tag, "CertMap On\nCertMapRule $_\n") for grep { /\S/ } split /\n/, $text;
    },
    # t/transcripts.t runs these.
    'transcript' => sub { }, 'file' => sub { },
    # t/recipes.t runs these.
    'recipe-base' => sub { }, 'recipe' => sub { }, 'recipe-server' => sub { },
);

my ($status, $said) = httpd_test(wrap('apache', ''));
ok($status == 0 && $said =~ /^Syntax OK$/m, 'the frame itself is in order') or diag($said);
($status, $said) = httpd_test(wrap('apache', "CertMapNoSuchThing On\n"));
ok($status != 0, 'and httpd finds what is wrong in it');

my (%text, %blocks);
for my $name ('README.md', 'CONTRIBUTING.md', sort glob 'docs/*.md') {
    my $text = $text{$name} = slurp($name);
    my ($line, $tag, $block, $from) = (0);
    for (split /^/, $text) {
        $line++;
        if (!defined $block) {
            next unless /^```(.*)$/;
            ($tag, $block, $from) = ($1, '', $line);
            $tag =~ s{^file [\w./-]+$}{file};
        }
        elsif (!/^```$/) {
            $block .= $_;
        }
        else {
            if (my $run = $run{$tag}) {
                $run->("$name:$from", $tag, $block);
                $blocks{$name} .= $block;
            }
            else {
                fail("$name:$from: no such tag: $tag");
            }
            undef $block;
        }
    }
    ok(!defined $block, "$name: the last block is closed");
}

# The chapter on strength names its rules by what they are; DUMP_CERTMAP says what they are.
my ($strengths) = $text{'docs/conditions.md'} =~ /^## Strength\n.*?^```certmap-rule\n(.*?)^```$/ms;
my @rules = grep { /\S/ } split /\n/, $strengths // '';
spew("$root/conf/httpd.conf", wrap('apache', "CertMap On\n" . join '', map { "CertMapRule $_\n" } @rules));
my $dump = qx($httpd -t -D DUMP_CERTMAP -f $root/conf/httpd.conf 2>&1);
cmp_ok(scalar @rules, '>=', 7, 'docs/conditions.md shows rules of each strength');
for my $rule (@rules) {
    my ($name, $strength) = $rule =~ /^((weak|scoped|strong)-\S+) /;
    like($dump, qr/^\s*\Q$name\E allow .*# $strength, /m, "$name is $strength");
}

# ---- documented and known

my $directives = $text{'docs/directives.md'};
my @known = slurp('httpd/config.c') =~ /AP_INIT_\w+\("(\w+)"/g;
my @told = $directives =~ /^## (CertMap\w*)$/mg;
cmp_ok(scalar @known, '>=', 7, scalar(@known) . ' directives in the command table');
is_deeply([sort @told], [sort @known], 'docs/directives.md has a chapter on each directive and on no other');
for my $name (@known) {
    like($blocks{'docs/directives.md'}, qr/^\s*$name\b/m, "$name has an example");
    my ($chapter) = $directives =~ /^## $name\n(.*?)(?=^## |\z)/ms;
    like($chapter // '', qr/^    $name .*^    Context: .*^    Default: /ms, "$name: syntax, context, default");
}
my ($ten_lines) = $text{'README.md'} =~ /^```apache-server\n(.*?)^```/ms;
cmp_ok($ten_lines =~ tr/\n//, '<=', 10, 'the configuration of README.md has ten lines at most');

my ($enum) = slurp('engine/base/base.h') =~ /typedef enum certmap_reason_e \{(.*?)\}/s;
my @reasons = map { tr/A-Z_/a-z-/r } grep { !/^(?:NONE|COUNT)$/ } $enum =~ /\bCERTMAP_R_([A-Z_]+)/g;
cmp_ok(scalar @reasons, '>=', 24, scalar(@reasons) . ' reasons in base.h');
for my $reason (@reasons) {
    like($text{'docs/refusals.md'}, qr/^\| `$reason` \|/m, "docs/refusals.md tells of $reason");
    like($text{'README.md'}, qr/`$reason`/, "README.md tells of $reason");
}

my $public = slurp('mod_certmap.h');
my @names = $public =~ /#define CERTMAP_(?:NOTE|ENV|HEADER)_\w+ "([^"]+)"/g;
cmp_ok(scalar @names, '>=', 17, scalar(@names) . ' notes, variables and headers in mod_certmap.h');
like($text{'docs/refusals.md'}, qr/`$_`/, "docs/refusals.md tells of $_") for @names;

# ---- links

for my $name (sort keys %text) {
    my $dir = $name =~ m{^(.*)/} ? "$1/" : '';
    for my $link ($text{$name} =~ /\]\(([^)]+)\)/g) {
        next if $link =~ /^https:/;
        my ($file, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;
        my $target = $file eq '' ? $name : "$dir$file";
        my $found = exists $text{$target} || !defined $anchor && -s $target;
        if ($found && defined $anchor) {
            my @anchors = map { lc =~ s/[^a-z0-9 -]//gr =~ tr/ /-/r } $text{$target} =~ /^#+ (.*)$/mg;
            $found = grep { $_ eq $anchor } @anchors;
        }
        ok($found, "$name: link to $link");
    }
}

done_testing();
