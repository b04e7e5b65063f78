#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Usual mistakes: `httpd -t` and `certmapctl check` say each of them, with its place, and say nothing where it is not made.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;
use CertMap::File;
use CertMap::Test;

my $dir = tempdir('certmap-mistakes.XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir or die "$dir: $!\n";
my $command = top() . '/built/certmapctl';
my $pki = pki();
my $hex = '0f' x 32;
my $other = '1f' x 32;
my $rule = "CertMapRule a allow bob sha256=$hex groups=people";

sub run {
    my (@words) = @_;
    my $quoted = join ' ', map { (my $word = $_) =~ s/'/'\\''/g; "'$word'" } @words;
    my $output = qx($quoted 2>&1 </dev/null);
    return ($? & 127 ? 128 + ($? & 127) : $? >> 8, $output);
}

# The lines of site.conf are counted from 1.
sub both {
    my ($text) = @_;
    spew("$dir/site.conf", $text);
    spew("$dir/httpd.conf", join "\n", "Include \"" . top() . '/t/conf/defines.conf"', slurp(top() . '/t/conf/modules.conf'),
        "ServerRoot \"$dir\"", "DefaultRunTimeDir \"$dir\"", 'ServerName localhost', "PidFile \"$dir/pid\"", "ErrorLog \"$dir/error_log\"",
        'Listen 127.0.0.1:1', "DocumentRoot \"$dir/site\"", 'TypesConfig /dev/null', "Include \"$dir/site.conf\"\n");
    return ([run($ENV{HTTPD}, '-f', "$dir/httpd.conf", '-t')],
        [run($command, 'check', '--httpd', $ENV{HTTPD}, '--httpd-conf', "$dir/httpd.conf")]);
}

# A virtual host over TLS; its own lines begin with line 5.
my $first = 5;
sub host {
    my ($lines, %arg) = @_;
    my $ca = $arg{ca} // "SSLCACertificateFile \"$pki/root.pem\"";
    return ($arg{outside} // '') . "<VirtualHost *:1>\nServerName a.test\nSSLEngine on\nSSLCertificateFile \"$pki/server.pem\"\n"
        . join("\n", $arg{ask} // 'SSLVerifyClient require', $ca, $lines) . "\n</VirtualHost>\n";
}
sub on { return host(join("\n", 'CertMap On', $rule, $_[0]), @_[1 .. $#_]) }
sub in { my ($section, @lines) = @_; return join "\n", "<$section>", @lines, '</' . ($section =~ /^(\w+)/)[0] . '>' }

mkdir "$dir/site" or die "site: $!\n";
mkdir "$dir/site/errors" or die "site/errors: $!\n";
spew("$dir/site/errors/12.html", 'no');
spew("$dir/both.pem", slurp("$pki/ca/inter/ca.crt") . slurp("$pki/root.pem"));
spew("$dir/inter.pem", slurp("$pki/ca/inter/ca.crt"));
# The root's name and key once more, signed by somebody else.
{
    my ($status, $output) = run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', "$dir/other.key",
        '-out', "$dir/other.crt", '-subj', '/CN=Other Root');
    $status == 0 or die $output;
    ($status, $output) = run('openssl', 'x509', '-in', "$pki/root.pem", '-CA', "$dir/other.crt", '-CAkey', "$dir/other.key", '-out', "$dir/cross.crt",
        '-set_serial', 77, '-days', 30);
    $status == 0 or die $output;
    spew("$dir/crossed.pem", slurp("$dir/cross.crt") . slurp("$pki/root.pem"));
}
mkdir "$dir/unhashed" or die "unhashed: $!\n";
spew("$dir/unhashed/ca.pem", slurp("$pki/root.pem"));

# A CRL of the root with times of its own.
spew("$dir/index", '');
spew("$dir/crlnumber", "01\n");
spew("$dir/ca.cnf", join "\n", '[ca]', 'default_ca = own', '[own]', "database = $dir/index", "crlnumber = $dir/crlnumber",
    "certificate = $pki/ca/root/ca.crt", "private_key = $pki/ca/root/ca.key", 'default_md = sha256', 'default_crl_days = 30', '');
sub crl {
    my ($name, @times) = @_;
    my ($status, $output) = run('openssl', 'ca', '-config', "$dir/ca.cnf", '-gencrl', '-out', "$dir/$name.pem", @times);
    $status == 0 or die $output;
    return "SSLVerifyDepth 2\nSSLCARevocationCheck chain\nSSLCARevocationFile \"$dir/$name.pem\"";
}
sub stamp { my ($days) = @_; my @t = gmtime(time + 86_400 * $days); return sprintf '%04d%02d%02d%02d%02d%02dZ', $t[5] + 1900, $t[4] + 1, @t[3, 2, 1, 0] }

my $root = 'CN=Example Root CA,O=Example Ltd,C=DE';
my $inter = 'CN=Example Issuing CA,O=Example Ltd,C=DE';

# Files that others may read or write. The tests do not run as root, and not as daemon.
my $gid = (stat $dir)[5];
sub file {
    my ($name, $mode, $folder) = @_;
    mkdir "$dir/$name" or die "$name: $!\n";
    spew("$dir/$name/a.rules", "f allow bob sha256=$other\n");
    spew("$dir/$name/a.entries", "sha256:$other bob\n");
    chmod $mode, "$dir/$name/a.rules", "$dir/$name/a.entries" or die "$name: $!\n";
    chmod $folder // 0755, "$dir/$name" or die "$name: $!\n";
    return ("CertMapRuleFile \"$dir/$name/a.rules\"", "CertMapSource file \"$dir/$name/a.entries\"");
}
my $as = "User daemon\nGroup #$gid\n";
my ($sound) = file('sound', 0644);
my ($closed) = file('closed', 0600);
my (undef, $hidden) = file('hidden', 0644, 0700);
my ($open, $open_entries) = file('open', 0666);
my ($grouped) = file('grouped', 0664);
my ($replaced) = file('replaced', 0644, 0777);
my ($sticky) = file('sticky', 0644, 01777);
my ($folder) = file('folder', 0644, 0775);
my $site = qr{\S*site\.conf};

# what, configuration, line, what is said of it, how much is said in all; or, without a line, that nothing is
my @table = (
    # CAs
    ['no CA', on('', ca => '#'), $first, qr/SSLVerifyClient require: no CA is trusted in virtual host a\.test .*write 'SSLCACertificateFile PATH'/],
    ['a CA', on('')],
    ['a folder without hashes', on('', ca => "SSLCACertificatePath \"$dir/unhashed\""), $first + 1,
        qr/SSLCACertificatePath .*no file in it has a name that OpenSSL looks for .*openssl rehash $dir\/unhashed/],
    ['depth 1 by default', on('', ca => "SSLCACertificateFile \"$dir/both.pem\""), $first + 1,
        qr/SSLCACertificateFile .*the intermediate CA $inter is trusted, and SSLVerifyDepth is 1, its default: .*chain-too-long; write 'SSLVerifyDepth 2'/],
    ['depth 1', on('SSLVerifyDepth 1', ca => "SSLCACertificateFile \"$dir/both.pem\""), $first + 4,
        qr/SSLVerifyDepth 1: .*$inter is trusted, and SSLVerifyDepth is 1: .*write 'SSLVerifyDepth 2'/],
    ['depth 2', on('SSLVerifyDepth 2', ca => "SSLCACertificateFile \"$dir/both.pem\"")],
    ['an intermediate CA alone', on('SSLVerifyDepth 2', ca => "SSLCACertificateFile \"$dir/inter.pem\""), $first + 1,
        qr/the intermediate CA $inter is there, and not the CA that has issued it, $root: .*error 2/],
    ['a root that was cross-signed', on('', ca => "SSLCACertificateFile \"$dir/crossed.pem\"")],
    # CRLs
    ['an old CRL', on(crl('old', '-crl_lastupdate', stamp(-40), '-crl_nextupdate', stamp(-10))), $first + 6,
        qr/SSLCARevocationFile .*the CRL of $root ran out at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: .*403\.13; fetch the new CRL/],
    ['a CRL that ends soon', on(crl('soon', '-crl_lastupdate', stamp(-29), '-crl_nextupdate', stamp(1))), $first + 6,
        qr/SSLCARevocationFile .*the CRL of $root runs out at \d{4}-.*403\.13/],
    ['a short one that does not', on(crl('short', '-crl_lastupdate', stamp(-0.5), '-crl_nextupdate', stamp(0.5)))],
    ['a CRL of tomorrow', on(crl('early', '-crl_lastupdate', stamp(1), '-crl_nextupdate', stamp(30))), $first + 6,
        qr/the CRL of $root is not valid before \d{4}-.*look at the clock/],
    ['a CRL', on(crl('good'))],
    ['a CRL that nobody asks', on("SSLCARevocationFile \"$dir/good.pem\""), $first + 4,
        qr/SSLCARevocationFile .*without SSLCARevocationCheck no CRL is asked in virtual host a\.test.*write 'SSLCARevocationCheck chain'/],
    ['a CRL beside OCSP', on("SSLCARevocationFile \"$dir/good.pem\"\nSSLOCSPEnable on")],
    # names
    ['no such rule', on(in('Location /x', 'Require certmap-rule b')), $first + 5, qr/Require certmap-rule b: no rule has the name b; did you mean a\?/],
    ['nearly a group', on(in('Location /x', 'Require certmap-group peopel')), $first + 5, qr/no rule gives the group peopel; did you mean people\?/],
    ['a rule and a group', on(in('Location /x', in('RequireAll', 'Require certmap-rule a', 'Require not certmap-group people')))],
    ['one of two', on(in('Location /x', 'Require certmap-rule a nobody')), $first + 5, qr/no rule has the name nobody/],
    ['an alias', on('', outside => "<AuthzProviderAlias certmap-group staff \"people nobody\">\n</AuthzProviderAlias>\n"), 1,
        qr/AuthzProviderAlias.*no rule gives the group nobody/],
    ['a group of a source', on(join "\n", (file('source', 0644))[1], in('Location /x', 'Require certmap-group whoever'))],
    ['a rule of another virtual host', "<Location /x>\nRequire certmap-rule a\n</Location>\n" . on('') . host('CertMap Off', ask => '#')],
    ['AuthType', on(in('Location /x', 'AuthType Certficate', 'Require valid-user')), $first + 5,
        qr/AuthType Certficate: no module gives users under this type; did you mean AuthType Certificate\?/],
    ['AuthType, and no other word of CertMap', host(in('Location /x', 'AuthType Certficate', $rule, 'Require valid-user')), $first + 3,
        qr/AuthType Certficate: .*did you mean AuthType Certificate\?/, 2],
    ['another AuthType', on(in('Location /x', 'AuthType Basic', 'AuthName x', 'Require valid-user'))],
    # error documents
    ['no such document', on('CertMapErrorDocument 403.12 /errors/no.html'), $first + 4,
        qr{CertMapErrorDocument 403\.12 /errors/no\.html: in virtual host a\.test .* there is no such file \($dir/site/errors/no\.html\)}],
    ['nor where an Alias leads', on("Alias /errors \"$dir/elsewhere\"\nCertMapErrorDocument 403.12 /errors/no.html"), $first + 5, qr/there is no such file/],
    ['a document', on('CertMapErrorDocument 403.12 /errors/12.html?x=1')],
    ['a document of an Alias', on("Alias /other/ \"$dir/site/errors/\"\nCertMapErrorDocument 403.12 /other/12.html")],
    ['by its language', on('CertMapErrorDocument 403.12 /errors/12')],
    ['a rest of the path', on('CertMapErrorDocument 403.12 /errors/12.html/more')],
    ['what may be elsewhere', on("AliasMatch ^/errors/(.*) \"$dir/\$1\"\nCertMapErrorDocument 403.12 /errors/no.html")],
    ['a handler', on(in('Location /errors', 'SetHandler server-status') . "\nCertMapErrorDocument 403.12 /errors/no.html")],
    ['a handler elsewhere', on(in('Location /status', 'SetHandler server-status') . "\nCertMapErrorDocument 403.12 /errors/no.html"), $first + 7,
        qr/there is no such file/],
    ['a text and a URL', on("CertMapErrorDocument 403.12 \"no luck\"\nCertMapErrorDocument 403.7 https://www.example.com/no.html")],
    # files
    ['a file that User may read', $as . on($sound)],
    ['a file that User cannot read', $as . on($closed), $first + 6, qr/CertMapRuleFile .*the account of 'User', daemon, cannot read this file/],
    ['nor its folder', $as . on($hidden), $first + 6, qr/CertMapSource .*cannot read this file: its changes will be seen at the next restart only/],
    ['a file that everybody can write', on($open), $first + 4, qr/CertMapRuleFile .*everybody can write this file: .*let root own it/],
    ['entries that everybody can write', on($open_entries), $first + 4, qr/CertMapSource .*everybody can write this file/],
    ['a file that User can write', $as . on($grouped), $first + 6, qr/CertMapRuleFile .*the account of 'User', daemon, can write this file/],
    ['a folder that everybody can write', on($replaced), $first + 4, qr/everybody can write the folder $dir\/replaced, and so replace this file/],
    ['a sticky one', on($sticky)],
    ['a folder that User can write', $as . on($folder), $first + 6, qr/the account of 'User', daemon, can write the folder $dir\/folder/],
    # On and Off
    ['Off and On at one level', on('CertMap Off'), $first + 4, qr/CertMap Off: \S+: CertMap On is at the same level; the last one counts/, 2],
    ['Off twice', "CertMap Off\n" . host('CertMap Off')],
    ['On after Off', host("CertMap Off\nCertMap On\n$rule"), $first + 2, qr/CertMap Off: \S+: CertMap On is at the same level/],
    ['Off in a virtual host, On outside', "CertMap On\n$rule\n" . host('CertMap Off'), 9,
        qr/CertMap Off: all of virtual host a\.test \S+ is open without a certificate, although \S+: CertMap On asks for one/],
    ['Off in a virtual host, On in a section', host(join "\n", 'CertMap Off', in('Location /x', 'CertMap On', $rule)), $first + 2,
        qr/CertMap Off: it changes nothing where \S+: CertMap On applies/],
    ['Off outside, On in a virtual host', "CertMap Off\n" . on(''), 1, qr/CertMap Off: it changes nothing where/],
    ['Off in a section', on(in('Location /x', 'CertMap Off'))],
    ['Off alone', host('CertMap Off')],
    # variables of strangers
    ['variables where CertMap is Off', on(join("\n", 'SSLOptions +StdEnvVars', 'CertMapDeferErrors On', in('Location /x', 'CertMap Off')),
        ask => 'SSLVerifyClient optional_no_ca'), $first + 7, qr/CertMap Off: certificates that failed .*SSLOptions \+StdEnvVars gives .*from a stranger/],
    ['data of certificates', on(join("\n", 'CertMapDeferErrors On', in('Location /x', 'SSLOptions +ExportCertData', 'CertMap Off')),
        ask => 'SSLVerifyClient optional_no_ca'), $first + 7, qr/ExportCertData gives .*from a stranger/],
    ['in another section', on(join("\n", 'CertMapDeferErrors On', in('FilesMatch "\.cgi$"', 'SSLOptions +StdEnvVars'), in('Location /x', 'CertMap Off')),
        ask => 'SSLVerifyClient optional_no_ca'), $first + 9, qr/StdEnvVars gives/],
    ['not there', on(join("\n", 'CertMapDeferErrors On', 'SSLOptions +StdEnvVars', in('Location /x', 'CertMap Off', 'SSLOptions -StdEnvVars')),
        ask => 'SSLVerifyClient optional_no_ca')],
    ['on another path', on(join("\n", 'CertMapDeferErrors On', in('Location /y', 'SSLOptions +StdEnvVars'), in('Location /x', 'CertMap Off')),
        ask => 'SSLVerifyClient optional_no_ca')],
    ['where it is On again', on(join("\n", 'CertMapDeferErrors On', in('Location /x', 'CertMap Off', in('If "true"', 'CertMap On', 'SSLOptions +StdEnvVars'))),
        ask => 'SSLVerifyClient optional_no_ca')],
    ['without deferral', on(join "\n", 'SSLOptions +StdEnvVars', in('Location /x', 'CertMap Off'))],
    # no rules
    ['no rules', host('CertMap On'), $first + 2, qr/CertMap On has no CertMapRule in virtual host a\.test \(\S+site\.conf:1\): .*403\.12 no-match/],
    ['none in a section', host(in('Location /x', 'CertMap On')), $first + 2, qr/CertMap On in <Location \/x> has no CertMapRule in virtual host a\.test/],
);

# Nobody has configured the module: it says nothing, whatever else is wrong.
my @silent = (
    ['no CA', host('', ca => '#')],
    ['an old CRL', host(crl('stale', '-crl_lastupdate', stamp(-40), '-crl_nextupdate', stamp(-10)))],
    ['a CRL that nobody asks', host("SSLCARevocationFile \"$dir/good.pem\"")],
    ['SSLUserName and variables', host("SSLUserName SSL_CLIENT_S_DN_CN\nSSLOptions +StdEnvVars +FakeBasicAuth")],
    ['a CA folder without hashes', host('', ca => "SSLCACertificatePath \"$dir/unhashed\"")],
);

plan tests => 2 * @table + @silent + 5;

for (@table) {
    my ($name, $text, $line, $message, $of) = @$_;
    my ($httpd, $check) = both($text);
    if (!$message) {
        is "$httpd->[0] " . join('', grep {/certmap/} split /^/, $httpd->[1]), '0 ', "silent: $name" or diag $httpd->[1];
        is "$check->[0] $check->[1]", '0 ', "... check, too: $name";
        next;
    }
    my @said = grep {/certmap: warning: /} split /\n/, $httpd->[1];
    is "$httpd->[0] " . scalar(grep {/certmap: warning: ${site}:$line: .*?$message/} @said) . ' of ' . @said, '0 1 of ' . ($of // 1), "httpd -t: $name"
        or diag $httpd->[1];
    like $check->[1], qr/${site}:$line:\d+: warning: .*?$message/, "... and check: $name";
}
for (@silent) {
    my ($name, $text) = @$_;
    my ($httpd) = both($text);
    is $httpd->[1], "Syntax OK\n", "not configured, and silent: $name";
}

my ($httpd) = both(on('CertMapErrorDocument 403.12 "/errors/%{HTTP:Accept-Language}.html"'));
is $httpd->[0], 1, 'an expression in CertMapErrorDocument does not start';
like $httpd->[1], qr/CertMapErrorDocument: '\S+' has an expression, and this directive evaluates none/, '... and says why';

# The README's own example, with files that are there, on httpd's defaults.
my ($readme) = slurp('README.md') =~ /```apache-server\nLoadModule [^\n]*\n(.*?)```/s;
like $readme, qr{\A<VirtualHost.*CertMapRule.*</VirtualHost>\n\z}s, 'the example in README.md is there';
$readme =~ s{ssl/server\.pem}{$pki/server.pem};
$readme =~ s{ssl/clients-ca\.pem}{$pki/root.pem};
$readme =~ s/\*:443/*:1/;
($httpd, my $check) = both($readme);
is $httpd->[1], "Syntax OK\n", 'the example in README.md starts without a warning';
is "@$check", '0 ', '... and check has nothing to say of it';
