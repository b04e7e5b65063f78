#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# certmapctl check: what it says of rules, entries, configurations and of files that are none of these, with its exit status.
# Configurations are read by the real httpd.
use strict;
use warnings;
use Cwd qw(getcwd);
use Digest::SHA qw(sha256_hex);
use Encode qw(encode);
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(time);
use CertMap::File;
use CertMap::Test;

my $command = top() . '/built/certmapctl';
my $dir = tempdir('certmap-check.XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $home = getcwd();
chdir $dir or die "$dir: $!\n";
END { chdir $home if $home }

my $hex = '0f' x 32;
my $strong = "sha256=$hex";

# Exit status and standard error; nothing may come on standard output, and no run may take a minute.
sub check {
    my (@words) = @_;
    my $quoted = join ' ', map { (my $word = $_) =~ s/'/'\\''/g; "'$word'" } @words;
    my $output = qx(timeout 60 '$command' check $quoted 2>'$dir/stderr' </dev/null);
    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    return ($status, slurp("$dir/stderr"), $output);
}

# One test of a table: the exit status and every line that says error or warning, in order; each is matched from its beginning.
sub says {
    my ($name, $words, $expected, @lines) = @_;
    my ($status, $said, $output) = check(@$words);
    my @told = grep {/(?: error: | warning: )/} split /\n/, $said;
    my $good = $status == $expected && @told == @lines && $output eq '';
    $good &&= index($told[$_], $lines[$_]) == 0 for 0 .. $#lines;
    my $errors = grep {/: error: /} @told;
    my $warnings = @told - $errors;
    my $sum = @told && $said !~ /\A[^\n]*\nusage: /
        ? sprintf("certmapctl: %d error%s, %d warning%s\n", $errors, $errors == 1 ? '' : 's', $warnings, $warnings == 1 ? '' : 's')
        : '';
    $good &&= $sum eq '' || substr($said, -length $sum) eq $sum;
    ok($good, $name) or diag("status $status, expected $expected\n$said$output", map {"expected: $_\n"} @lines);
}

# ---- files by their content: name, content, options, status, what is said

my @files = (
    ['a rule',               "a allow bob $strong\n", [], 0],
    ['a rule, windows lines', "\xef\xbb\xbf# x\r\na allow bob $strong\r\n", [], 0],
    ['an entry',             "sha256:$hex bob\n", [], 0],
    ['an entry of Active Directory', "X509:<SHA1-PUKEY>00 bob\n", [], 2, 'FILE:1:6: error: <SHA1-PUKEY> is not taken'],
    ['two rules of one name', "a allow bob $strong\na deny any\n", [], 2,
        'FILE:2:1: error: the name "a" has been given before, at FILE:1:1'],
    ['all errors',           "a allow bob subjct.CN=x\nb allow bob serial=1 serial=2x\n", [], 2,
        'FILE:1:13: error: unknown field "subjct.CN"', 'FILE:2:20: error: odd number', 'FILE:2:30: error: write hex digits'],
    ['a weak rule',          "a allow bob subject.CN=x\n", [], 1, 'FILE:1:1: warning: rule a is weak'],
    ['too weak a rule',      "a allow bob subject.CN=x\n", ['--min-strength', 'strong'], 2,
        'FILE:1:1: error: rule a is weak, strong is required'],
    ['a shadowed rule',      "a deny subject.CN=x*\n\n b deny subject.CN=xy\n", [], 1,
        'FILE:3:2: warning: rule b can never match: a (FILE:1) comes before it'],
    ['a wildcard within a wildcard', "a deny san.dns=*.example.com\nb allow bob $strong\nc deny san.dns=*.dev.example.com\n", [], 1,
        'FILE:3:1: warning: rule c can never match: a (FILE:1) comes before it'],
    ['a name with the attribute', "a deny subject.O=X\nb deny subject=\"CN=a,O=X\"\n", [], 1,
        'FILE:2:1: warning: rule b can never match: a (FILE:1) comes before it'],
    ['a rule that never matches', "a deny serial=01 \\\n  serial=02\n", [], 2,
        'FILE:2:3: error: rule a can never match: serial=01 and serial=02 contradict each other; conditions on serial must hold on'],
    ['wildcards without a common text', "a deny san.dns=a* san.dns=b*\n", [], 2, 'FILE:1:19: error: rule a can never match: san.dns=a*'],
    ['a name and another attribute', "a deny subject=\"CN=a,O=b\" subject.CN=c\n", [], 2,
        'FILE:1:27: error: rule a can never match: subject=CN=a,O=b and subject.CN=c contradict each other'],
    ['a name beyond ASCII',  "a deny san.dns=b\xc3\xbccher.example\n", [], 2,
        'FILE:1:16: error: san.dns holds ASCII only, so that this can never match; a certificate has the A-label: xn--bcher-kva.example'],
    ['what every certificate meets', "a deny serial=*\n", [], 2, 'FILE:1:8: error: every certificate meets serial=*; write "any"'],
    ['an issuer with any serial number', "a allow bob issuer=CN=CA serial~[0-9a-f]+\n", [], 1,
        'FILE:1:1: warning: rule a is weak, it accepts almost every certificate of its CA'],
    ['a name of the certificate\'s own', "a allow %{subject.CN} issuer=\"CN=CA,O=x\" subject.CN=*\n", ['--min-strength', 'scoped'], 0],
    ['a regex that matches nothing', "a deny subject.CN~x*\n", [], 1, 'FILE:1:8: warning: rule a: the regex subject.CN~x* also'],
    ['a template that can give nothing', "a allow %{subject.CN} $strong\n", [], 1, 'FILE:1:9: warning: rule a: %{subject.CN} gives'],
    ['an expired rule',      "a allow bob $strong expires=2020-01-01\n", [], 1, 'FILE:1:1: warning: rule a has expired'],
    ['and before that day',  "a allow bob $strong expires=2020-01-01\n", ['--at', '2020-01-01T23:59:59Z'], 0],
    ['and after it',         "a allow bob $strong expires=2020-01-01\n", ['--at', '2020-01-02'], 1, 'FILE:1:1: warning: rule a has'],
    ['findings of one file in order', "a deny subject.CN=x\nb allow %{1} subject.CN~y(z)?\nc deny subject.CN=X\n", [], 1,
        'FILE:2:1: warning: rule b is weak', 'FILE:2:9: warning: rule b: %{1} gives',
        'FILE:3:1: warning: rule c can never match'],
    ['an expired entry',     "\nsha256:$hex bob expires=2020-01-01\n", [], 1, 'FILE:2:1: warning: this entry has expired'],
    ['weak entries',         "X509:<RFC822>a\@b c\nX509:<RFC822>d\@e f\n", [], 1,
        'FILE:1:1: warning: an entry of type X509:<RFC822> is weak'],
    ['too weak an entry',    "dn:CN=a CN=b c\n", ['--min-strength', 'strong'], 1,
        'FILE:1:1: warning: an entry of type dn is scoped, strong is required'],
    ['one key twice',        "sha256:$hex a\n# x\nsha256:$hex b\n", [], 2, 'FILE:3:1: error: this key has an entry already, in line 1'],
    ['allowed and denied',   "sha256:$hex a\nsha256:$hex - deny\n", [], 2, 'FILE:2:1: error: this key is allowed already, in line 1'],
    ['nothing',              '', [], 1, 'certmapctl: warning: FILE: neither rules nor entries in it'],
    ['comments',             "# x\n\n  # y\n", [], 1, 'certmapctl: warning: FILE: neither rules nor entries in it'],
    ['no rules',             '', ['--rules'], 1, 'FILE:1:1: warning: no rules'],
    ['no entries',           "# x\n", ['--entries'], 1, 'FILE:1:1: warning: no entries'],
    ['prose',                "Dear reader,\nthis is no rule.\n", [], 2, 'certmapctl: error: FILE: is it rules'],
    ['prose as rules',       "Dear reader\n", ['--rules'], 2, 'FILE:1:6: error: "reader" is not allow or deny',
        'FILE:1:6: error: USER is missing'],
    ['prose as entries',     "Dear reader\n", ['--as', 'entries'], 2, 'FILE:1:1: error: '],
    ['rules as entries',     "a allow bob $strong\n", ['--entries'], 2, 'FILE:1:1: error: '],
    ['UTF-16 with a mark',   "\xff\xfe" . encode('UTF-16LE', "a deny any\n"), [], 2, 'certmapctl: error: FILE: UTF-16 text; save'],
    ['UTF-16 without',       encode('UTF-16BE', "a deny any\n"), ['--rules'], 2, 'certmapctl: error: FILE: UTF-16 text; save'],
    ['binary',               join('', map { chr } 0 .. 255), [], 2, 'certmapctl: error: FILE: binary data'],
    ['gzip',                 "\x1f\x8b\x08\0\0\0", ['--rules'], 2, 'certmapctl: error: FILE: compressed (gzip)'],
    ['one NUL far below',    ("# x\n" x 200) . "a deny subject.CN=\0\n", [], 2, 'FILE:201:19: error: control character U+0000'],
    ['wrong encoding',       "a deny subject.CN=M\xfcller\n", [], 2, 'FILE:1:20: error: invalid UTF-8 (byte 0xfc)'],
    ['a key in PEM',         "-----BEGIN PRIVATE KEY-----\nMAo=\n-----END PRIVATE KEY-----\n", [], 2,
        'certmapctl: error: FILE: PEM (PRIVATE KEY)'],
    ['a terminal\'s commands', "a\e[31m deny any\n", ['--rules'], 2, 'FILE:1:2: error: control character U+001B'],
    ['one enormous line',    'a deny subject.CN="' . 'x' x 5_000_000 . "\"\nb deny subject.CX=1\n", [], 2,
        'FILE:1:8: error: this word is too long; 1 MB is the most', 'FILE:2:8: error: unknown attribute "CX"'],
    ['no such strength',     "a deny any\n", ['--min-strength', 'iron'], 2, 'certmapctl: error: check: --min-strength takes'],
    ['no such time',         "a deny any\n", ['--at', '2026-02-30'], 2, 'certmapctl: error: check: --at takes a time'],
    ['no such kind',         "a deny any\n", ['--as', 'poems'], 2, 'certmapctl: error: check: --as takes rules, entries or httpd'],
    ['nearly an option',     "a deny any\n", ['--rule'], 2, 'certmapctl: error: check: unknown option: --rule; did you mean --rules?'],
    ['half an option',       "a deny any\n", ['--cert'], 2, 'certmapctl: error: check: unknown option: --cert; did you mean --certificates?'],
    ['no such option',       "a deny any\n", ['--strict'], 2, 'certmapctl: error: check: unknown option: --strict'],
);

for my $case (@files) {
    my ($name, $content, $options, $status, @lines) = @$case;
    spew('file', $content);
    s/FILE/file/g for @lines;
    says($name, [@$options, 'file'], $status, @lines);
}

# ---- what is shown

# A hundred messages are shown, and all of them count.
spew('many', "sha256:$hex bob\n" x 1000);
my ($status, $said) = check('many');
my @told = grep {/: error: /} split /\n/, $said;
is($status, 2, 'a thousand times one key: status');
is(scalar @told, 101, '... a hundred errors are shown');
is($told[100], 'many:102:1: error: ... and 899 more errors from here on', '... the others are counted, where they begin');
like($said, qr/\ncertmapctl: 999 errors, 0 warnings\n\z/, '... and they count');

spew('shown', "# x\na allow %{1} \"subject.CN~x(.*)\" issuer=CN=y\n");
($status, $said) = check('shown');
is($said, <<'TEXT', 'the line, a caret below its place, and the sum');
shown:2:9: warning: rule a: %{1} gives nothing where that capture of subject.CN~x(.*) matches nothing, and those requests get user-invalid; + in place of * asks for something
  a allow %{1} "subject.CN~x(.*)" issuer=CN=y
          ^
certmapctl: 0 errors, 1 warning
TEXT
spew('hidden', "\xe2\x80\xaea \xc2\x9b1m\x9b\e[1m\t\xf3\xa0\x81\x81\xc3\xa9 allow\n" . "\x9b" x 5000 . "\n");
($status, $said) = check('--rules', 'hidden');
my %shown = map { $_ => 1 } grep {/^  +[^ ^]/} split /^/, $said;
is(join('', reverse sort keys %shown), "  ?a ?1m??[1m ?\xc3\xa9 allow\n  " . '?' x 160 . "\n",
    'what a terminal obeys, or does not show, is not printed as it stands');
spew('hidden', 'a deny "subject.CN=' . "\x80" x 5000 . "\"\n");
($status, $said) = check('--rules', 'hidden');
cmp_ok(length $said, '<', 1000, 'nor is a line of odd bytes told at length');
like(scalar qx('$command' check --help), qr/^usage: certmapctl check .*--certificates.*Exit status: 0/s, '--help');

# ---- several files, and what comes before them

spew('rules', "a allow bob $strong\n");
spew('entries', "sha256:$hex bob\n");
spew('more', "# x\nsha256:$hex - deny\n");
spew('odd', "Dear reader\n");
says('no file', [], 2, 'certmapctl: error: check: which file?');
says('files of both kinds', ['rules', 'entries'], 0);
says('a key in two files', ['entries', 'more'], 1,
    "more:2:1: warning: this key is allowed in entries:1 already; where both are asked, the denial counts");
says('one name in two lists', ['rules', 'rules'], 0);
says('an option speaks of what follows', ['odd', '--rules', 'rules', '--entries', 'entries'], 2,
    'certmapctl: error: odd: is it rules');
says('of nothing before', ['rules', '--entries', 'entries', 'odd'], 2, 'odd:1:1: error: ');
says('until the next one', ['--entries', 'entries', '--rules', 'odd', 'rules'], 2, 'odd:1:6: error: "reader" is not allow',
    'odd:1:6: error: USER is missing');
says('the worst status counts', ['odd', 'rules'], 2, 'certmapctl: error: odd: ');
says('no such file', ['nowhere', 'rules'], 2, 'certmapctl: error: nowhere: No such file or directory');
says('a directory', ['.'], 2, 'certmapctl: error: .: Is a directory');
spew('locked', "a deny any\n");
chmod 0, 'locked' or die "locked: $!\n";
SKIP: {
    skip 'root reads everything', 1 if $> == 0;
    says('a file that may not be read', ['locked'], 2, 'certmapctl: error: locked: Permission denied');
}
system("'$command' store build store entries >/dev/null 2>&1") == 0 or die "no store\n";
says('a store', ['store'], 2, 'certmapctl: error: store: a store; certmapctl store verify checks it');
says('a certificate', [pki('clients', 'good.crt')], 2, 'certmapctl: error: ' . pki('clients', 'good.crt') . ': PEM (CERTIFICATE)');
system('openssl', 'x509', '-in', pki('clients', 'good.crt'), '-outform', 'DER', '-out', 'good.der') == 0 or die "no DER\n";
says('a certificate in DER', ['good.der'], 2, 'certmapctl: error: good.der: a certificate (DER)');

# ---- certificates

my %digest = map {
    my $line = qx(openssl x509 -noout -fingerprint -sha256 -in @{[pki('clients', "$_.crt")]});
    $line =~ s/.*=|:|\n//g;
    ($_ => lc $line);
} qw(good expired notyet);
mkdir 'certificates' or die "certificates: $!\n";
spew("certificates/$_.crt", slurp(pki('clients', "$_.crt"))) for qw(good expired notyet);
spew('certificates/notes.txt', "nothing\n");
spew('pinned', join '', map {"$_ allow $_ sha256=$digest{$_}\n"} qw(good expired notyet));
spew('listed', join '', map {"sha256:$digest{$_} $_\n"} qw(good expired notyet));
says('certificates of rules', ['--certificates', 'certificates', 'pinned'], 1,
    'pinned:2:1: warning: rule expired names a certificate that is not valid: certificates/expired.crt: ',
    'pinned:3:1: warning: rule notyet names a certificate that is not valid: certificates/notyet.crt: ');
says('certificates of entries', ['--certificates', 'certificates', 'listed'], 1,
    'listed:2:1: warning: this entry (sha256) names a certificate that is not valid: certificates/expired.crt: ',
    'listed:3:1: warning: this entry (sha256) names a certificate that is not valid: certificates/notyet.crt: ');
like((check('--certificates', 'certificates', 'pinned'))[1], qr/expired\.crt: \S.* has expired on \d{4}-\d\d-\d\dT/, 'and when');
says('one file', ['--certificates', 'certificates/expired.crt', 'pinned'], 1, 'pinned:2:1: warning: rule expired names');
says('in good time', ['--certificates', 'certificates/good.crt', 'pinned', 'listed'], 0);
says('no certificates', ['--certificates', 'nowhere', 'pinned'], 2, 'certmapctl: error: nowhere: ');
mkdir 'empty' or die "empty: $!\n";
says('a directory without', ['--certificates', 'empty', 'pinned'], 2, 'certmapctl: error: empty: no certificate');

# ---- httpd configurations

my $before = join '', map {"$_\n"} "Include \"@{[top()]}/t/conf/defines.conf\"", 'Define CRL sound-crl.pem',
    (grep {/^LoadModule/} split /\n/, slurp(top() . '/t/conf/modules.conf')),
    "LoadModule macro_module $ENV{CERTMAP_MODULES}/mod_macro.so", "ServerRoot \"$dir\"", "DefaultRuntimeDir \"$dir\"",
    'ServerName localhost', 'Listen 127.0.0.1:1', "ErrorLog \"$dir/error_log\"", 'TypesConfig /dev/null';
my $lines = $before =~ tr/\n//;
my $open = "<VirtualHost *:1>\nServerName a.test\nInclude \${TOP}/t/conf/tls.conf\nSSLVerifyClient optional_no_ca\n"
    . "SSLVerifyDepth 2\nCertMapDeferErrors On\nCertMap On\n";
my $first = $lines + 8;
spew('included.conf', "# x\n    CertMapRule \"inc\" allow \${WHO}  \"subject.CN=one two\"\n");
spew('good.rules', "\nf1 allow bob issuer=CN=y note=\${odd} \\\n  subject.CN~yyy.*\nf2 allow %{1} issuer=CN=y subject.CN~q(.*)\n");
spew("b\xff.entries", "X509:<RFC822>a\@b carol\n");
spew('some.entries', "sha256:$hex bob\nX509:<RFC822>a\@b carol\n");

# what is in the virtual host, options, status, what is said; LINE+N is a line after $open
my @confs = (
    ['in order', "CertMapRule a allow bob $strong", [], 0],
    ['a weak rule', "# x\n  CertMapRule a allow bob subject.CN=x", [], 1, 'conf:LINE+1:15: warning: rule a is weak'],
    ['too weak a rule', 'CertMapRule a allow bob subject.CN=x', ['--min-strength', 'scoped'], 2,
        'conf:LINE+0:13: error: rule a is weak, scoped is required'],
    ['Include and Define', "Define WHO bob\nInclude \"$dir/included.conf\"", [], 1, 'included.conf:2:17: warning: rule inc is weak'],
    ['a macro', "<Macro Rule \$n>\nCertMapRule \$n allow bob subject.CN=x\n</Macro>\nUse Rule m", [], 1,
        'macro \'rule\' (defined on line '],
    ['shadowed from outside', "CertMapRule a deny any\n<Location /in>\nCertMapInherit On\nCertMapRule b allow bob $strong\n</Location>",
        [], 1, 'conf:LINE+3:13: warning: rule b can never match: a (DIR/conf:LINE+0) comes before it'],
    ['not where it is replaced', "CertMapRule a deny any\n<Location /in>\nCertMapRule b allow bob $strong\n</Location>", [], 0],
    ['the place of a condition', 'CertMapRule a allow bob issuer=CN=x  subject.CN="ann" subject.OU~\'b*\'', [], 1,
        'conf:LINE+0:55: warning: rule a: the regex subject.OU~b* also'],
    ['a contradiction', 'CertMapRule a allow bob issuer=CN=x  subject.CN="a" subject.CN=\'b\'', [], 2,
        'certmapctl: error: conf: refused by '],
    ['a rule file', "CertMapRuleFile \"$dir/good.rules\"", [], 1, 'good.rules:4:10: warning: rule f2: %{1} gives'],
    ['an entry file', "CertMapRule a deny any\nCertMapSource file \"$dir/some.entries\"", [], 1,
        'some.entries:2:1: warning: an entry of type X509:<RFC822> is weak'],
    ['a path that is no UTF-8', "CertMapRule a deny any\nCertMapSource file \"$dir/b\xff.entries\"", [], 1,
        'b\xff.entries:1:1: warning: an entry of type X509:<RFC822> is weak'],
    ['what else the module warns of', 'CertMapInherit On', [], 1, 'conf:' . ($first - 1) . ':1: warning: CertMap On has no CertMapRule'],
    ['with its place', "CertMapRule a deny any\n<Location /x>\n  SSLVerifyClient require\n</Location>", [], 1,
        'conf:LINE+2:3: warning: SSLVerifyClient require is in a section'],
    ['one finding for many sections', "CertMapRule a allow bob subject.CN=x\n" . join('', map {"<Location /$_>\nCertMap Optional\n</Location>\n"} 1 .. 20),
        [], 1, 'conf:LINE+0:13: warning: rule a is weak'],
    ['refused by httpd', 'CertMapRule a allow bob subjct.CN=x', [], 2, 'certmapctl: error: conf: refused by '],
);

for my $case (@confs) {
    my ($name, $text, $options, $expected, @told) = @$case;
    spew('conf', "$before$open$text\n</VirtualHost>\n");
    for (@told) {
        s/LINE\+(\d+)/$first + $1/ge;
        s/DIR/$dir/g;
        # files are named by httpd, with their whole path
        s{^(?=conf:|included|b.xff|good\.rules|some\.entries)}{$dir/} if $name ne 'refused by httpd';
    }
    says("httpd: $name", ['--httpd', $ENV{HTTPD}, @$options, 'conf'], $expected, @told);
}
like((check('--httpd', $ENV{HTTPD}, 'conf'))[1], qr/unknown field "subjct\.CN".*\ncertmapctl: error: /s, 'httpd: and its own words');
spew('plain.conf', $before =~ s/^LoadModule certmap_module.*\n//mr);
says('httpd: without the module', ['--httpd', $ENV{HTTPD}, 'plain.conf'], 2, 'certmapctl: error: plain.conf: ');
says('httpd: no such program', ['--httpd', '/nowhere/httpd', 'conf'], 2, 'certmapctl: error: conf: ');
my $begin = '{\n  "format": "certmap configuration",\n';
my $level = '{"mode": "On", "exempt": false, "reportOnly": false, "minStrength": "weak", "list": [0]}';
sub answers { my ($file, $rest) = @_; spew($file, "#!/bin/sh\ncat <<'END'\n" . ($begin =~ s/\\n/\n/gr) . "$rest\nEND\n") }
sub document {
    my ($effective, $rules) = @_;
    my $own = '{"mode": null, "exempt": null, "reportOnly": null, "minStrength": null, "layers": []}';
    return qq("schema": 1, "serverRoot": "/", "hosts": [{"name": "a", "port": 1, "file": null, "line": 0, "deferErrors": false,
        "protocol": "https", "documentRoot": "/", "inTree": true, "own": $own, "effective": $effective, "mainDirectives": [],
        "directives": [], "sections": []}], "links": [{"rules": [$rules]}]});
}
answers('httpd-cut', '"schema": 1, "hosts": [');
answers('httpd-new', '"schema": 2}');
answers('httpd-less', '"schema": 1, "hosts": []}');
answers('httpd-fine', document($level, '{"text": "a allow bob any", "file": "x", "line": 1}'));
answers('httpd-odd', document($level =~ s/"On"/"Perhaps"/r, ''));
answers('httpd-list', document($level =~ s/\[0\]/[1]/r, ''));
answers('httpd-rule', document($level, '{"text": "a allow bob", "file": "x", "line": 1}'));
answers('httpd-text', document($level, '{"text": 1, "file": "x", "line": 1}'));
answers('httpd-flag', document($level =~ s/false/0/r, ''));
spew('httpd-killed', "#!/bin/sh\nkill -9 \$\$\n");
chmod 0755, glob 'httpd-*';
my $unclear = 'certmapctl: error: what httpd -t -D DUMP_CERTMAP_JSON prints is not understood';
says('httpd: an answer', ['--httpd', './httpd-fine', 'conf'], 1, 'x:1:1: warning: rule a is weak');
says('httpd: half an answer', ['--httpd', './httpd-cut', 'conf'], 2, 'certmapctl: error: line 4 of what httpd -t -D DUMP_CERTMAP_JSON');
says('httpd: another version\'s', ['--httpd', './httpd-new', 'conf'], 2, 'certmapctl: error: httpd\'s mod_certmap describes its');
says('httpd: no hosts', ['--httpd', './httpd-less', 'conf'], 2, "$unclear (links)");
says('httpd: another word', ['--httpd', './httpd-odd', 'conf'], 2, "$unclear (mode)");
says('httpd: a list of nothing', ['--httpd', './httpd-list', 'conf'], 2, "$unclear (list)");
says('httpd: half a rule', ['--httpd', './httpd-rule', 'conf'], 2, 'x:1:', "$unclear (a rule)");
says('httpd: no text', ['--httpd', './httpd-text', 'conf'], 2, "$unclear (text)");
says('httpd: no yes or no', ['--httpd', './httpd-flag', 'conf'], 2, "$unclear (exempt)");
says('httpd: a crash', ['--httpd', './httpd-killed', 'conf'], 2, 'certmapctl: error: ./httpd-killed: was ended by signal 9');

# ---- which section a request meets, as explain asks it

spew('plain', "$before<VirtualHost *:1>\nServerName A.test:443\nCertMapRule a allow one any\n<Location \"/x\">\nCertMapRule b allow two any\n"
    . "</Location>\n<Location '/x/deep'>\nCertMapRule c allow three any\n</Location>\n<Location /w*/y>\nCertMapRule d allow four any\n"
    . "</Location>\n</VirtualHost>\n<VirtualHost *:2>\nServerName b.test\nCertMap Optional\nCertMapRule e allow five any\n"
    . "<Directory \"$dir\">\nCertMapRule f allow six any\n</Directory>\n<LocationMatch \"^/z\">\nCertMapRule g allow seven any\n"
    . "</LocationMatch>\n</VirtualHost>\n<VirtualHost *:3>\nServerName b.test:3\nCertMapRule h allow eight any\n<Location /x>\n"
    . "CertMapRule i allow nine any\n</Location>\n<Location /x>\nCertMapRule j allow ten any\n</Location>\n</VirtualHost>\n");
my $line = $lines + 1;

# options, and the user or what is said
my @sections = (
    [[],                                                        'five'],
    [['--vhost', 'a.test'],                                     'one'],
    [['--vhost', 'a.TEST:443'],                                 'one'],
    [['--vhost', 'a.test:80'],                                  qr/no virtual host has the ServerName a\.test:80; there are: .*A\.test:443 \(\S+plain:$line\)/],
    [['--vhost', 'a.test:443x'],                                qr/no virtual host has the ServerName/],
    [['--vhost', 'b.test'],                                     qr/may be any of: b\.test:[23] .*, b\.test:[23] .*write NAME:PORT/],
    [['--vhost', 'b.test:3'],                                   'eight'],
    [['--vhost', 'localhost'],                                  qr/^let in without a user$/m],
    [['--vhost', 'a.test', '--location', '/'],                  'one'],
    [['--vhost', 'a.test', '--location', '/xy'],                'one'],
    [['--vhost', 'a.test', '--location', '/x'],                 'two'],
    [['--vhost', 'a.test', '--location', '/x?a=/x/deep'],       'two'],
    [['--vhost', 'a.test', '--location', '/x/y'],               'two'],
    [['--vhost', 'a.test', '--location', '/ww/y'],              'four'],
    [['--vhost', 'a.test', '--location', '/w/w/y'],             'one'],
    [['--vhost', 'a.test', '--location', '/x/deep/y'],          'three'],
    [['--vhost', 'a.test', '--location', q{<Location '/x/deep'>}], 'three'],
    [['--vhost', 'a.test', '--location', '(server)'],           'one'],
    [['--vhost', 'a.test', '--location', '<Location /x>'],      qr/neither a path nor a section .*\(server\), <Location "\/x">/],
    [['--vhost', 'b.test:2', '--location', '/'],                'five'],
    [['--vhost', 'b.test:2', '--location', '/zz'],              'seven'],
    [['--vhost', 'b.test:2', '--location', '<LocationMatch "^/z">'], 'seven'],
    [['--vhost', 'b.test:3', '--location', '<Location /x>'],    qr/may be any of: .*plain:\d+\), .*write FILE:LINE/],
    [['--vhost', 'b.test:3', '--location', "$dir/plain:" . ($line + 30)], 'ten'],
    [['--vhost', 'b.test:3', '--location', "$dir/plain:" . ($line + 31)], qr/neither a path nor a section /],
);
for my $case (@sections) {
    my ($options, $expected) = @$case;
    my @words = ('explain', '--httpd-conf', 'plain', @$options, pki('clients', 'good.crt'));
    my $output = qx('$command' @{[join ' ', map { (my $word = $_) =~ s/'/'\\''/g; "'$word'" } @words]} 2>&1);
    like($output, ref $expected ? $expected : qr/\b$expected\b/, "section: @$options");
}

# ---- many

my $rules = '';
for my $i (0 .. 99_999) {
    my $digest = sha256_hex($i);
    my $ca = 'issuer="CN=CA' . $i % 100 . ',O=x"';
    $rules .= "r$i " . (
        "allow u$i sha256=$digest",
        "allow %{subject.CN:lower} $ca subject.CN=u$i-*",
        "allow %{1} $ca subject.CN~(a$i.+)\@x",
        "deny serial=" . sprintf('%08x', $i),
        "allow %{san.email:local} san.email=*\@d$i.example root.sha256=$digest"
    )[$i % 5] . "\n";
}
spew('many.rules', $rules . "same $1\n") if $rules =~ /^r2 (.*)$/m;
my $start = time;
says('100,000 rules, the last one like the third', ['many.rules'], 1,
    'many.rules:100001:1: warning: rule same can never match: r2 (many.rules:3) comes before it');
cmp_ok(time - $start, '<', 30, 'within seconds');
spew('shadows.rules', join '', (map {"w$_ deny san.dns=*.$_.example\n"} 1 .. 100_000), "s deny san.dns=*.dev.777.example\n");
$start = time;
says('100,000 wildcards, the last one within another one far before', ['shadows.rules'], 1,
    'shadows.rules:100001:1: warning: rule s can never match: w777 (shadows.rules:777) comes before it');
cmp_ok(time - $start, '<', 30, 'within seconds');
spew('weak.rules', join '', map {"r$_ allow u subject.CN~x$_.+\n"} 1 .. 50_000);
$start = time;
($status, $said) = check('weak.rules');
is($status, 1, '50,000 warnings');
like($said, qr/^weak\.rules:101:1: warning: \.\.\. and 49900 more warnings from here on\n  r101 .*\n  \^\n/m, '... are counted');
like($said, qr/\ncertmapctl: 0 errors, 50000 warnings\n\z/, '... and all of them count');
cmp_ok(time - $start, '<', 30, '... within seconds');
spew('many.entries', join '', map { 'sha256:' . sha256_hex($_) . " u$_\n" } 1 .. 300_000);
$start = time;
says('300,000 entries', ['many.entries'], 0);
cmp_ok(time - $start, '<', 30, 'within seconds');

done_testing();
