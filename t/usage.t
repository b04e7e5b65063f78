#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# certmapctl, as people call it: short options, times in several forms, standard input, files with a line end too many, JSON
# of check and store list, and a configuration whose variables are in envvars.
use strict;
use warnings;
use File::Temp qw(tempdir);
use JSON::PP ();
use Test::More;
use CertMap::Explain;
use CertMap::File;
use CertMap::Test;

my $good = pki('clients', 'good.crt');
my $rules = put('r', "a allow ann subject.CN=Alice expires=2027-06-01\n");
sub json { return JSON::PP->new->utf8->decode($_[0]) }

# ---- help and version

for my $command ([], map { [split] } qw(check explain suggest import store), 'store build') {
    my ($long) = (certmapctl(@$command, '--help'))[1];
    is_deeply [certmapctl(@$command, '-h')], [0, $long, ''], "@$command -h";
    is_deeply [certmapctl(@$command, $_)], [0, (certmapctl('--version'))[1], ''], "@$command $_" for '-V', '--version';
}
like((certmapctl('--version'))[1], qr/^certmapctl \d+\.\d+\.\d+\n\z/, 'the version');

# ---- times

sub at { my ($status, $out, $err) = certmapctl('explain', $good, '--rules', $rules, '--at', $_[0], '--json'); return $out ? json($out)->{at} : $err }
is at($_->[0]), $_->[1], "--at $_->[0]" for (
    ['2027-01-31'                => '2027-01-31T00:00:00Z'],
    ['2027-01-31T12:00:00Z'      => '2027-01-31T12:00:00Z'],
    ['2027-01-31T12:00:00+01:00' => '2027-01-31T11:00:00Z'],
    ['2027-01-31T12:00:00-0530'  => '2027-01-31T17:30:00Z'],
    ['@0'                        => undef],
    ['@1801396800'               => '2027-01-31T12:00:00Z'],
);
for (['+30d', 30 * 86400], ['-12h', -12 * 3600], ['+5m', 300], ['+10s', 10]) {
    my ($text, $seconds) = @$_;
    my $told = at($text);
    my @t = gmtime(time + $seconds);
    my $hour = sprintf '%04d-%02d-%02dT%02d', $t[5] + 1900, $t[4] + 1, @t[3, 2];
    @t = gmtime(time + $seconds - 60);
    my $before = sprintf '%04d-%02d-%02dT%02d', $t[5] + 1900, $t[4] + 1, @t[3, 2];
    ok $told =~ /^(?:$hour|$before):/, "--at $text" or diag $told;
}
like at($_), qr/--at takes a time: .*\+30d/, "--at $_ is none" for qw(2027-01-31T12:00:00 2027-01-31T12:00:00+25:00 @ @x +3 +3y 2027-1-1 +99999999999d
    +1000000000d -1000000000d +9999999999999s);

# ---- standard input

{
    my ($status, $out, $err) = certmapctl({ stdin => $good }, 'explain', '-', '--rules', '-');
    ok $status == 2 && $err =~ /standard input \(-\) can be read once/, 'certificate and rules from standard input' or diag $err;
    ($status, $out, $err) = certmapctl({ stdin => $rules }, 'explain', $good, '--rules', '-');
    ok $status == 0 && $out =~ /^mapped to ann/, 'the rules from it' or diag $out, $err;
    ($status, $out, $err) = certmapctl('explain', '/nonexistent/ann.pem', '--rules', $rules);
    ok $status == 2 && $err =~ m{/nonexistent/ann\.pem: No such file}, 'a certificate that is not there';
    ($status, $out, $err) = certmapctl('explain', $good, '--rules', '/nonexistent/r');
    ok $status == 2 && $err =~ m{/nonexistent/r: No such file}, 'rules that are not there';
}

# ---- files

my $der = do { my $file = put('der', ''); system("openssl x509 -in '$good' -outform DER >'$file'"); slurp($file) };
like((certmapctl('explain', put('der', $der, $_->[1]), '--rules', $rules))[1], $_->[2], $_->[0]) for (
    ['a line end after DER'         => "\n", qr/^mapped to ann/],
    ['that of another system'       => "\r\n", qr/^mapped to ann/],
    ['more than a line end is kept' => "\nx", qr/^refused: 403\.16 malformed/],
);
{
    my ($status, $out, $err) = certmapctl('explain', put('der', substr($der, 0, 30) . ("\0" x (length($der) - 30))), '--rules', $rules);
    ok $status == 2 && $err =~ /OpenSSL cannot decode it; openssl asn1parse/ && $err !~ /copy it again/, 'what OpenSSL cannot decode'
        or diag $err;
}

# ---- what httpd would replace

{
    my ($key, $odd) = map { put($_, '') } 'odd.key', 'odd.crt';
    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -keyout '$key' -out '$odd'"
        . " -subj '/O=two words/CN=a\${TOP}b' 2>/dev/null") == 0 or die "openssl\n";
    my ($status, $out) = certmapctl('suggest', $odd);
    my ($line) = $out =~ /^(user-dn allow .*)$/m;
    like $line, qr/a\$""\{TOP\}b/, 'suggest: nothing for httpd to replace' or diag $out;
    like((certmapctl('explain', $odd, '--rules', put('odd.rules', "$line\n")))[1], qr/^mapped to USER/, '... and it maps');
    ($status, $out) = httpd_test("CertMapRule $line", '-t', '-D', 'DUMP_CERTMAP');
    like $out, qr/a\$\{TOP\}b/, '... which httpd leaves as it is';
}

# ---- JSON of check

my $bad = put('bad.rules', "a allow ann subject.CN=x\nb allow bob subjct.CN=y\n");
{
    my ($status, $out, $err) = certmapctl('check', '--json', $bad);
    my $told = json($out);
    is_deeply [$status, $err, @$told{qw(schema errors)}, map {"$_->{severity} $_->{line}:$_->{column}"} @{ $told->{findings} }],
        [2, '', 1, 1, 'error 2:13'], 'check --json: an error' or diag $out;
    is $told->{findings}[0]{file}, $bad, 'check --json: its file';
    like $told->{findings}[0]{text}, qr/unknown field "subjct\.CN"/, 'check --json: its text';
    ($status, $out, $err) = certmapctl('check', '--json', put('weak.rules', "a allow ann subject.CN=x\n"));
    is_deeply [$status, $err, @{ json($out) }{qw(errors warnings)}], [1, '', 0, 1], 'check --json: a warning';
    ($status, $out) = certmapctl('check', '--json', put('fine.rules', "a deny any\n"));
    is_deeply [$status, json($out)], [0, { schema => 1, errors => 0, warnings => 0, findings => [] }], 'check --json: nothing';
    ($status, $out) = certmapctl('check', '--json', '/nonexistent');
    is_deeply [$status, map { $_->{file} } @{ json($out)->{findings} }], [2, undef], 'check --json: no file';
}

# ---- JSON of store list

{
    my $store = put('s', '');
    unlink $store;
    my $entries = put('e', qq(issuer-serial:01 "CN=x" ann groups=a,b note="\xc3\xa4"\ndn:"CN=y" "CN=x" - deny\n));
    is((certmapctl('store', 'build', $store, $entries))[0], 0, 'a store');
    my ($status, $out) = certmapctl('store', 'list', '--json', $store);
    my %told = map { my $one = json($_); $one->{kind} => $one } split /\n/, $out;
    is_deeply [$status, $told{'issuer-serial'}], [0, { schema => 1, key => 'issuer-serial:01 CN=x', kind => 'issuer-serial',
        deny => JSON::PP::false, user => 'ann', groups => ['a', 'b'], strength => 'strong', expires => undef, note => "\xe4" }],
        'store list --json: an entry' or diag $out;
    is_deeply [@{ $told{dn} }{qw(deny user)}], [JSON::PP::true, undef], 'store list --json: a denial';
    is scalar(split /\n/, (certmapctl('store', 'list', '--json', '--kind', 'dn', $store))[1]), 1, 'store list --json --kind';
}

# ---- variables of Debian's configuration

{
    my $dir = tempdir('certmap-usage.XXXXXX', TMPDIR => 1, CLEANUP => 1);
    spew("$dir/envvars", "export USAGE_DIR=$dir\nexport USAGE_CONF=\$APACHE_CONFDIR\necho said\n");
    spew("$dir/apache2.conf", (grep {/^LoadModule/} map {"$_\n"} split /\n/, slurp(top() . '/t/conf/modules.conf')),
        map {"$_\n"} 'ServerRoot "${USAGE_CONF}"', 'DefaultRuntimeDir "${USAGE_DIR}"', 'ServerName localhost', 'Listen 127.0.0.1:1',
        'ErrorLog "${USAGE_DIR}/error_log"', 'TypesConfig /dev/null', 'CertMap Off', 'CertMapRule a deny any');
    my @httpd = ('check', '--httpd', $ENV{HTTPD});
    my ($status, $out, $err) = certmapctl(@httpd, "$dir/apache2.conf");
    ok $status < 2 && $err !~ /USAGE/, 'envvars beside the configuration are read' or diag $err;
    ($status, $out, $err) = certmapctl({ env => { APACHE_RUN_DIR => $dir, USAGE_DIR => $dir, USAGE_CONF => $dir } }, @httpd,
        "$dir/apache2.conf");
    ok $status < 2, '... not where apachectl has read them' or diag $err;
    unlink "$dir/envvars";
    is((certmapctl(@httpd, "$dir/apache2.conf"))[0], 2, '... and without them it is not understood');
}

done_testing;
