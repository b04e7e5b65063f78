#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Start-up: `httpd -t` refuses a bad configuration with file, line, directive, value and a hint, reports what is doubtful, and
# takes what is right without a word. DUMP_CERTMAP shows what is in force.
use strict;
use warnings;
use JSON::PP ();
use Test::More;
use CertMap::File;
use CertMap::Test;

# A deferring virtual host in which CertMap is On; what is tried begins on its line 8.
my $before = <<'CONF';
<VirtualHost *:1>
    ServerName a.test
    Include "${TOP}/t/conf/tls.conf"
    SSLVerifyClient optional_no_ca
    SSLVerifyDepth 2
    CertMapDeferErrors On
    CertMap On
CONF
my $after = "</VirtualHost>\n";

# lines, number of the line that is at fault, what the message says
my @in_proxy = ('CertMap On', 'CertMapRule a allow bob any', 'CertMapRuleFile x', 'CertMapSource file x', 'CertMapInherit On',
    'CertMapErrorDocument 403.12 no', 'CertMapMinStrength strong', 'CertMapReportOnly On');
my @bad = (
    # mod_proxy keeps these sections to itself: no check would ever see what is there
    (map { ["<Proxy \"http://127.0.0.1/*\">\n$_\n</Proxy>", 2, qr/CertMap\w* is not allowed in <Proxy>; use <Location>/] } @in_proxy),
    ["<ProxyMatch \"^http\">\nCertMap On\n</ProxyMatch>", 2, qr/CertMap is not allowed in <ProxyMatch>/],
    ['CertMap',                                 1, qr/CertMap takes one argument/],
    ['CertMap Yes',                             1, qr/CertMap: 'Yes' is not On, Optional or Off/],
    ['CertMap On Off',                          1, qr/CertMap takes one argument/],
    ['CertMapRule',                             1, qr/CertMapRule.*write NAME allow USER CONDITION/],
    ['CertMapRule a',                           1, qr/CertMapRule.*write NAME allow USER CONDITION/],
    ['CertMapRule a allow',                     1, qr/CertMapRule.*USER is missing/],
    ['CertMapRule a deny',                      1, qr/CertMapRule.*no condition.*"any"/],
    ['CertMapRule a permit bob any',            1, qr/CertMapRule.*"permit" is not allow or deny/],
    ['CertMapRule a allow bob',                 1, qr/CertMapRule.*no condition.*"any"/],
    ['CertMapRule a allow subject.CN=x',        1, qr/CertMapRule.*USER forgotten\?.*subject\.CN=x/],
    ['CertMapRule a allow subject.CN=x issuer.CN=y', 1, qr/CertMapRule.*USER forgotten\?.*subject\.CN=x/],
    ['CertMapRule a allow groups=x subject.CN=x', 1, qr/CertMapRule.*USER forgotten\?.*groups=x/],
    ['CertMapRule "a b" allow bob any',         1, qr/CertMapRule.*NAME/],
    ['CertMapRule a allow bob subjct.CN=x',     1, qr/CertMapRule, column 13:.*unknown field "subjct\.CN".*subject\.CN/],
    ['CertMapRule a allow bob subject.CX=x',    1, qr/CertMapRule, column 13:.*"CX".*OID/],
    ['CertMapRule a allow bob san=x',           1, qr/CertMapRule, column 13:.*"san".*san\.email/],
    ['CertMapRule a allow bob subject.CN',      1, qr/CertMapRule, column 13:.*"subject\.CN".*FIELD=VALUE/],
    ['CertMapRule a allow bob subject.CN = x',  1, qr/CertMapRule, column 24:.*blanks around the operator.*subject\.CN=x/],
    ['CertMapRule a allow bob subject.CN=',     1, qr/CertMapRule.*the value is empty/],
    ['CertMapRule a allow bob subject.CN!=x',   1, qr/CertMapRule.*only negative conditions.*"any"/],
    ['CertMapRule a allow bob subject~.*CN=x',  1, qr/CertMapRule, column 13:.*can be forged.*subject\.CN~/],
    ['CertMapRule a allow bob issuer!~.*CN=x any', 1, qr/CertMapRule, column 13:.*can be forged/],
    ['CertMapRule a allow bob subject.CN~(x',   1, qr/CertMapRule, column 26: regex: .*parenthesis/],
    ['CertMapRule a allow bob subject.CN="x',   1, qr/CertMapRule, column 24:.*unclosed quote/],
    ['CertMapRule a allow "bob any',            1, qr/CertMapRule, column 9:.*unclosed quote/],
    ['CertMapRule a allow bob subject.CN=x # y', 1, qr/CertMapRule, column 26:.*'#' does not begin a comment/],
    ['CertMapRule a allow bob subject.CN=${no}', 1, qr/CertMapRule, column 24:.*\$\{.*Define/],
    ['CertMapRule a allow %{subject.CN any',    1, qr/CertMapRule, column 9:.*unclosed placeholder/],
    ['CertMapRule a allow %{nix.CN} any',       1, qr/CertMapRule.*unknown field "nix\.CN"/],
    ['CertMapRule a allow %{subject.CN:loud} any', 1, qr/CertMapRule.*":loud".*:lower :upper :local :domain :first :last/],
    ['CertMapRule a allow %{1} subject.CN=x',   1, qr/CertMapRule.*%\{1\} without a regex/],
    ['CertMapRule a allow %{1} all:subject.CN~(x)', 1, qr/CertMapRule.*%\{1\} without a regex/],
    ['CertMapRule a allow %{2} subject.CN~(x)', 1, qr/CertMapRule.*%\{2\}.*1 capture/],
    ['CertMapRule a allow bob:x any',           1, qr/CertMapRule.*colon/],
    ['CertMapRule a allow bob any expires=soon', 1, qr/CertMapRule, column 25:.*expires=YYYY-MM-DD/],
    ['CertMapRule a allow bob any expires=2027-02-30', 1, qr/CertMapRule, column 25:.*2027-02-30/],
    ['CertMapRule a allow bob any grups=x',     1, qr/CertMapRule, column 17:.*"grups".*groups=/],
    ['CertMapRule a allow bob any disabled disabled', 1, qr/CertMapRule.*"disabled" appears twice/],
    ['CertMapRule a allow bob san.ip=10.0.0.0/33', 1, qr/CertMapRule, column 29:.*"33".*0 to 32/],
    ['CertMapRule a allow bob sha256=12',       1, qr/CertMapRule, column 20:.*64 hex digits, not 2/],
    ['CertMapRule a allow bob serial=xy',       1, qr/CertMapRule, column 20:.*hex digit/],
    ['CertMapRule a allow bob issuer="O=x,CN"', 1, qr/CertMapRule, column 25:.*TYPE=VALUE/],
    ['CertMapRule a allow bob eku=nonsense',    1, qr/CertMapRule.*"nonsense".*OID/],
    ["CertMapRule a allow bob any\nCertMapRule a allow carol subject.CN=x", 2, qr/CertMapRule.*"a".*tested\.conf:8/],
    ["CertMapRule a deny \\\n  subject.CN~(", 2, qr/CertMapRule.*regex/],
    ['CertMapInherit Maybe',                    1, qr/CertMapInherit must be On or Off/],
    ['CertMapErrorDocument 403.5 x',            1, qr/CertMapErrorDocument: '403\.5' is not one of 403\.16, 403\.13, 403\.17, 403\.4, 403\.7, 403\.12\n/],
    ['CertMapErrorDocument 404 x',              1, qr/CertMapErrorDocument: '404' is not one of 403\.16, 403\.13, 403\.17, 403\.4, 403\.7, 403\.12\n/],
    ['CertMapErrorDocument 403.7',              1, qr/CertMapErrorDocument takes two arguments/],
    ['CertMapMinStrength iron',                 1, qr/CertMapMinStrength: 'iron' is not weak, scoped or strong/],
    ["CertMapMinStrength strong\nCertMapRule a allow bob subject.CN=x", 2, qr/CertMapRule.*a is weak, strong is required.*sha256=/],
    ["CertMapMinStrength scoped\nCertMapRule a allow bob subject.CN=x issuer.CN=y", 2, qr/CertMapRule.*a is weak, scoped is required/],
    ['CertMapDeferErrors Perhaps',              1, qr/CertMapDeferErrors must be On or Off/],
    ['CertMapReportOnly 1',                     1, qr/CertMapReportOnly must be On or Off/],
    ["<Location /x>\nCertMapDeferErrors On\n</Location>", 2, qr/CertMapDeferErrors not allowed/],
    ["<Location /x>\n<Limit GET>\nCertMap On\n</Limit>\n</Location>", 3, qr/CertMap .*<Limit>/],
    ["<Location /x>\n<Limit GET>\nCertMapInherit On\n</Limit>\n</Location>", 3, qr/CertMapInherit .*<Limit>/],
    ["<Location /x>\n<Limit GET>\nCertMapMinStrength weak\n</Limit>\n</Location>", 3, qr/CertMapMinStrength .*<Limit>/],
    ["<Location /x>\n<Limit GET>\nCertMapReportOnly On\n</Limit>\n</Location>", 3, qr/CertMapReportOnly .*<Limit>/],
    ["<Location /x>\n<Limit GET>\nCertMapErrorDocument 403.7 x\n</Limit>\n</Location>", 3, qr/CertMapErrorDocument .*<Limit>/],
    ['CertMapErrorDocument 403.7 errors/x.html', 1, qr/CertMapErrorDocument: 'errors\/x\.html' is neither a local path/],
    ["<Location /x>\nRequire certmap-rule\n</Location>", 2, qr/Require certmap-rule and certmap-group need at least one name/],
    ["<Location /x>\n<LimitExcept GET>\nCertMapRule a allow b any\n</LimitExcept>\n</Location>", 3, qr/CertMapRule .*<Limit/],
    ['SSLUserName SSL_CLIENT_S_DN_CN',          1, qr/SSLUserName SSL_CLIENT_S_DN_CN.*CertMapDeferErrors.*remove it/],
    ['SSLOptions +FakeBasicAuth',               1, qr/SSLOptions \+FakeBasicAuth.*CertMapDeferErrors.*remove FakeBasicAuth/],
    ["<Location /x>\nSSLOptions +StdEnvVars +FakeBasicAuth\n</Location>", 2, qr/FakeBasicAuth.*remove FakeBasicAuth/],
    ['SSLOptions -FakeBasicAuth +FakeBasicAuth', 1, qr/SSLOptions -FakeBasicAuth \+FakeBasicAuth.*remove FakeBasicAuth/],
    ['SSLOptions StdEnvVars FakeBasicAuth',     1, qr/SSLOptions StdEnvVars FakeBasicAuth.*remove FakeBasicAuth/],
    ["SSLOptions -FakeBasicAuth\nSSLOptions +fakebasicauth", 2, qr/SSLOptions \+fakebasicauth.*remove FakeBasicAuth/],
    ["<Location /x>\nCertMap Off\n<If \"true\">\nSSLUserName SSL_CLIENT_S_DN_CN\n</If>\n</Location>", 4, qr/SSLUserName.*remove it/],
    ["SSLOptions -FakeBasicAuth\n<Files x>\n<Limit GET>\nSSLOptions +FakeBasicAuth\n</Limit>\n</Files>", 4,
        qr/SSLOptions \+FakeBasicAuth.*remove FakeBasicAuth/],
    ['SSLVerifyClient optional',               -1, qr/CertMapDeferErrors On.*needs 'SSLVerifyClient optional_no_ca'.*'SSLVerifyClient optional'/],
    ['SSLVerifyClient require',                -1, qr/CertMapDeferErrors On.*needs 'SSLVerifyClient optional_no_ca'.*'SSLVerifyClient require'/],
    ['SSLVerifyClient none',                   -1, qr/CertMapDeferErrors On.*needs 'SSLVerifyClient optional_no_ca'.*'SSLVerifyClient none'/],
    ['CertMap Off',                            -1, qr/CertMapDeferErrors On and CertMap Off.*<Location>/],
);

# lines that are taken; what is said of them, or nothing
my $strong = 'CertMapRule a allow bob sha256=' . '0f' x 32;
my @good = (
    [$strong,                                       undef],
    ["$strong groups=a,b note=\"two words\" expires=2099-01-31", undef],
    ["$strong disabled\nCertMapRule b allow carol spki=" . '01:' x 31 . '01', undef],
    ['CertMapRule a deny subject.CN="Mallory O\'Neil"' . "\n$strong", qr/has been given before/, 'refused'],
    ['CertMapRule a allow bob subject.CN=x',        qr/tested\.conf:8: CertMapRule.*\ba is weak/],
    ['CertMapRule a allow %{1:lower} subject.CN~(.*)', qr/tested\.conf:8: CertMapRule.*\ba is weak/],
    ["CertMapRule a deny any\n" . ($strong =~ s/ a / b /r), qr/tested\.conf:9: CertMapRule.*\bb can never match.*\ba\b.*tested\.conf:8/],
    ['CertMapRule a allow bob "issuer=CN=x,O=y" serial=01 expires=2020-01-01', qr/tested\.conf:8: CertMapRule.*\ba\b.*expired/],
    ['CertMapRule a allow bob issuer="C=DE,O=x,CN=y" serial=01', qr/most specific part comes first/],
    ["$strong\nCertMapErrorDocument 403.12 default\nCertMapErrorDocument 403.7 /plain.txt\nCertMapReportOnly On", undef],
    ["$strong\n<Location /x>\nSSLVerifyClient require\n</Location>", qr/tested\.conf:10: SSLVerifyClient require.*TLS 1\.3/],
    ["$strong\nSSLProtocol all -TLSv1.3\n<Location /x>\nSSLVerifyClient require\n</Location>", undef],
    ["$strong\nSSLProtocol TLSv1.2\n<Location /x>\nSSLVerifyClient require\n</Location>", undef],
    ["$strong\nSSLProtocol TLSv1.2 +TLSv1.3\n<Location /x>\nSSLVerifyClient require\n</Location>", qr/SSLVerifyClient require.*TLS 1\.3/],
    ["$strong\nSSLProtocol all -TLSv1.3\nProtocols h2c http/1.1\n<Location /x>\nSSLVerifyClient require\n</Location>", undef],
    ["$strong\nProtocols h2\n<Location /x>\nSSLVerifyClient require\n</Location>", qr/SSLVerifyClient require.*HTTP\/2.*Protocols h2/],
    ["$strong\n<Location /x>\nCertMap Off\nSSLOptions -StdEnvVars\n</Location>", undef],
    ["$strong\nSSLOptions +FakeBasicAuth -FakeBasicAuth", undef],
    ["$strong\nSSLOptions +FakeBasicAuth +StdEnvVars\nSSLOptions +StdEnvVars -FakeBasicAuth", undef],
    ["$strong\nSSLOptions +FakeBasicAuth\nSSLOptions StdEnvVars", undef],
    ['',                                            qr/no CertMapRule.*no-match/],
);

# whole configurations: other places, other modules
my @whole = (
    ["CertMap On\n", { without => ['ssl'] }, 1, qr/mod_ssl is not loaded.*LoadModule ssl_module/],
    ["CertMapDeferErrors On\n", { without => ['ssl'] }, 1, qr/mod_ssl/],
    ["CertMapRule a allow bob subject.CN=x\n", {}, 0, qr/On or Optional nowhere.*CertMap On/],
    [($before =~ s/CertMap On\n//r) . "CertMapRule a allow bob subject.CN=x\n$after", {}, 0, qr/On or Optional nowhere.*CertMap On/],
    ["LoadModule cache_module $ENV{CERTMAP_MODULES}/mod_cache.so\n$before$strong\nCacheEnable disk /\n$after", {}, 1,
        qr/CacheEnable disk \/.*CacheQuickHandler off/],
    ["LoadModule cache_module $ENV{CERTMAP_MODULES}/mod_cache.so\n$before$strong\nCacheEnable disk /\nCacheQuickHandler Off\n$after",
        {}, 0, qr/Syntax OK/],
    ["<VirtualHost *:1>\nServerName a\nInclude \${TOP}/t/conf/tls.conf\nCertMap On\n$strong\n</VirtualHost>\n", {}, 0,
        qr/CertMap On.*403\.7.*SSLVerifyClient/],
    ["<VirtualHost *:1>\nServerName a\nInclude \${TOP}/t/conf/tls.conf\nSSLVerifyClient optional_no_ca\n</VirtualHost>\n"
        . "$before$strong\n$after", {}, 0, qr/tested\.conf:4: SSLVerifyClient optional_no_ca.*CertMapDeferErrors On/],
);

# What is in a virtual host over TLS, without deferral and before anything else.
sub strict {
    my ($lines, $outside) = @_;
    return ($outside // '') . "<VirtualHost *:1>\nServerName a\nInclude \${TOP}/t/conf/tls.conf\nSSLVerifyClient require\n$lines\n</VirtualHost>\n";
}
sub in_location {
    my ($path, @lines) = @_;
    return join "\n", "<Location $path>", @lines, "</Location>\n";
}
my $user_name = 'SSLUserName SSL_CLIENT_S_DN_CN';
my $by_name = qr/tested\.conf:\d+: SSLUserName SSL_CLIENT_S_DN_CN.*only the mapping.*remove it/;
my $by_fake = qr/tested\.conf:\d+: SSLOptions \+FakeBasicAuth.*only the mapping.*remove FakeBasicAuth/;
my $lua = "LoadModule lua_module $ENV{CERTMAP_MODULES}/mod_lua.so\n";
my $cache = "LoadModule cache_module $ENV{CERTMAP_MODULES}/mod_cache.so\n";
my $cached = qr/CacheEnable disk \/.*CacheQuickHandler off/;
my $silent = qr/\ASyntax OK\n\z/;

# The user that mod_ssl sets where CertMap is in use.
push @whole, map { [$_->[0], {}, 0, $_->[1]] } (
    [strict("CertMap On\n$strong\n$user_name"), $by_name],
    [strict("CertMap On\n$strong\nCertMapReportOnly On\nSSLOptions +FakeBasicAuth"), $by_fake],
    [strict("CertMap On\n$strong\nSSLOptions -FakeBasicAuth +FakeBasicAuth"), qr/\+FakeBasicAuth.*only the mapping/],
    [strict("CertMap On\n$strong\nSSLOptions +FakeBasicAuth -FakeBasicAuth"), $silent],
    [strict(in_location('/a', 'AuthType Certificate', $user_name)), $by_name],
    [strict("$strong\n" . in_location('/', $user_name) . in_location('/a', 'CertMap Optional')), $by_name],
    [strict("$strong\n" . in_location('/a/b', 'CertMap On') . in_location('"/a/"', $user_name)), $by_name],
    [strict("$strong\n" . in_location('/a', 'CertMap On') . "<Files x>\n$user_name\n</Files>"), $by_name],
    [strict("$strong\n" . in_location('/a', 'CertMap On') . in_location('~ b', $user_name)), $by_name],
    [strict("$strong\n" . in_location('/a', '<If "true">', 'CertMap On', '</If>', 'SSLOptions +FakeBasicAuth')), $by_fake],
    [strict("$strong\n" . in_location('/a', 'CertMap On'), "$user_name\n"), $by_name],
    [strict("$strong\nCertMap On\n" . in_location('/a', 'SSLOptions +FakeBasicAuth')), $by_fake],
    [strict("$strong\n" . in_location('/a', 'CertMap On') . in_location('/ab', $user_name)), $silent],
    [strict("$strong\nCertMap On\n" . in_location('/a', 'CertMap Off', $user_name)), $silent],
    [strict("$strong\nSSLOptions +FakeBasicAuth\n" . in_location('/a', 'CertMap On', 'SSLOptions -FakeBasicAuth')), $silent],
    [strict("$strong\nCertMap On\n" . in_location('/a', 'CertMap Off', '<If "true">', $user_name, '</If>')), $silent],
    [strict(in_location('/', 'SSLOptions +FakeBasicAuth') . in_location('/a', 'SSLOptions -FakeBasicAuth', '<If "true">', 'CertMap Optional', '</If>')
        . $strong), $silent],
    [strict("CertMap Off\n$user_name", "$strong\nCertMap On\n"), qr/\A.*: CertMap Off: all of virtual host .*\nSyntax OK\n\z/],
    [strict("$strong\nCertMap Off\n" . in_location('/a', 'CertMap On', '<If "true">', $user_name, '</If>')), $by_name],
    [strict("$strong\nCertMap On\nSSLOptions -FakeBasicAuth", "SSLOptions +FakeBasicAuth\n"), $silent],
    ["${before}$strong\nSSLOptions -FakeBasicAuth\n${after}SSLOptions +FakeBasicAuth\n", $silent],
);
push @whole, ["SSLOptions -FakeBasicAuth +FakeBasicAuth\n$before$strong\n$after", {}, 1,
    qr/tested\.conf:1: SSLOptions -FakeBasicAuth \+FakeBasicAuth.*remove FakeBasicAuth/];

# What depends on certificates must not be served from the cache.
push @whole, map { [$cache . strict("CacheEnable disk /\n$_->[0]", $_->[1]), {}, 1, $cached] } (
    [in_location('/a', 'AuthType Certificate', 'Require valid-user')],
    [in_location('/a', 'Require certmap-verified')],
    ["<Directory />\n<Files x>\n<If \"true\">\n<RequireAny>\n<RequireAll>\nRequire all granted\nRequire not certmap-group x\n"
        . "</RequireAll>\n</RequireAny>\n</If>\n</Files>\n</Directory>"],
    [in_location('/a', '<Limit GET>', 'Require certmap-verified', '</Limit>')],
    [in_location('/a', 'Require staff'), "<AuthzProviderAlias certmap-group staff \"staff\">\n</AuthzProviderAlias>\n"],
    ['', in_location('/a', 'Require certmap-verified')],
    [in_location('/a', 'CertMap Optional')],
    ["$strong\nCertMap On\nCertMapReportOnly On"],
    ["Use Guarded /a", "LoadModule macro_module $ENV{CERTMAP_MODULES}/mod_macro.so\n<Macro Guarded \$path>\n"
        . in_location('$path', 'Require certmap-verified') . "</Macro>\n"],
);
my @lua = -e "$ENV{CERTMAP_MODULES}/mod_lua.so" ? (
    [$lua . strict("LuaQuickHandler x.lua y\n" . in_location('/a', 'Require certmap-verified')), {}, 0,
        qr/mod_lua\.c has a quick handler.*before any access check/],
    [$lua . strict(in_location('/a', 'Require certmap-verified')), {}, 0, $silent],
    [$lua . strict("LuaQuickHandler x.lua y"), {}, 0, $silent],
) : ();
push @whole, (
    @lua,
    ["${cache}CacheEnable disk /\n" . strict(in_location('/a', 'Require certmap-verified')), {}, 1, $cached],
    [$cache . strict(in_location('/a', 'Require certmap-verified', 'CacheEnable disk')), {}, 0, $silent],  # the handler is in nobody's way
    [$cache . strict("CacheEnable disk /") . strict(in_location('/a', 'Require certmap-verified')), {}, 0, $silent],
);

# TLS by the listener's protocol; virtual hosts of templates and in all kinds of brackets; what httpd's files do not have.
my $unfit = qr/CertMapDeferErrors On in virtual host b\b.*needs 'SSLVerifyClient optional_no_ca'.*'SSLVerifyClient require'/;
sub unfit {
    my ($listen, $address) = @_;
    return "$listen\n<VirtualHost $address>\nServerName b\nSSLCertificateFile \${PKI}/server.pem\nSSLVerifyClient require\n"
        . "CertMapDeferErrors On\n</VirtualHost>\n";
}
my $template = "<VirtualHost *:1>\nServerName \${NAME}\nInclude \${TOP}/t/conf/tls.conf\nSSLVerifyClient \${VERIFY}\nSSLVerifyDepth 2\n"
    . "CertMapDeferErrors On\nCertMap On\n$strong\n</VirtualHost>\n";
sub twice {
    my ($before, $line, $after) = @_;
    return join "\n", $before // '', 'Define NAME a', 'Define VERIFY optional_no_ca', $line, 'Define NAME b', 'Define VERIFY require', $line,
        $after // '', '';
}
my $written = top() . '/t/logs/template.conf';
push @whole, map { [$_->[0], {}, 1, $_->[1] // $unfit] } (
    [unfit('Listen 127.0.0.1:2 https', '127.0.0.1:2')],
    [unfit('Listen 127.0.0.1:443', '127.0.0.1:443')],
    [unfit('', '127.0.0.1:2') . "Listen 127.0.0.1:2 HTTPS\n"],
    [unfit("Protocol https", '127.0.0.1:2')],
    [twice('', "Include $written")],
    [twice("<IfModule ssl_module>\n<IfDefine !NONE>", "IncludeOptional $written*", "</IfDefine>\n</IfModule>")],
    [twice("LoadModule macro_module $ENV{CERTMAP_MODULES}/mod_macro.so\n<Macro Host \$name \$verify>\nDefine NAME \$name\nDefine VERIFY \$verify\n"
        . "Include $written\n</Macro>", "Use Host \${NAME} \${VERIFY}")],
);
push @whole, (
    [unfit('Listen 127.0.0.1:2 http', '127.0.0.1:2'), {}, 0, $silent],
    [unfit('Listen 127.0.0.1:2 https', '127.0.0.1:3'), {}, 0, $silent],
);

# What mod_perl adds is in no file.
my $mod_perl = "$ENV{CERTMAP_MODULES}/mod_perl.so";
push @whole, ["LoadModule perl_module $mod_perl\n<Perl>\n\$VirtualHost{'*:1'} = { ServerName => 'a', CertMap => 'Optional' };\n</Perl>\n", {}, 0,
    qr/virtual host a \(mod_perl:1\) is not in httpd's configuration files/] if -e $mod_perl;

# A module that nobody has configured says nothing.
push @whole, map { [$_, {}, 0, $silent] } (
    "<IfDirective SSLVHostSNIPolicy>\nSSLVHostSNIPolicy insecure\n</IfDirective>\nProtocols h2\n"
        . strict("SSLVerifyClient optional_no_ca\nSSLOptions +FakeBasicAuth\n$user_name\n" . in_location('/a', 'SSLVerifyClient require')),
    "${cache}CacheEnable disk /\n" . strict(''),
);

spew($written, $template);
plan tests => 3 * @bad + 2 * @good + 2 * @whole + 8 + 23;

for (@bad) {
    my ($lines, $at, $message) = @$_;
    my ($status, $output) = httpd_test("$before$lines\n$after");
    (my $name = $lines) =~ s/\n/ | /g;
    is $status, 1, "refused: $name";
    my $line = $at < 0 ? 6 : 7 + $at;
    like $output, qr/tested\.conf:$line\b|line $line of \S*tested\.conf/, "... naming file and line";
    like $output, $message, '... directive, value and a hint';
}

for (@good) {
    my ($lines, $message, $refused) = @$_;
    my ($status, $output) = httpd_test("$before$lines\n$after");
    (my $name = $lines) =~ s/\n/ | /g;
    is $status, $refused ? 1 : 0, ($refused ? 'refused: ' : 'taken: ') . $name or diag $output;
    if ($message) {
        like $output, $message, '... with words';
    }
    else {
        is $output, "Syntax OK\n", '... without a word';
    }
}

for (@whole) {
    my ($text, $options, $expected, $message) = @$_;
    my ($status, $output) = httpd_test($options, $text);
    (my $name = $text =~ s/^LoadModule .*\n//gmr) =~ s/\n+/ | /g;
    is $status, $expected, "configuration: $name" or diag $output;
    like $output, $message, '... says why';
}

# ---- what is in force

my ($status, $dump) = httpd_test("$before$strong groups=x\n<Location /in>\nCertMapInherit On\nCertMapRule b allow %{subject.CN} "
    . "issuer=\"CN=x,O=y\" subject.OU=\"two words\"\n</Location>\n<Location /off>\nCertMap Off\n</Location>\n<Location /own>\nCertMap Optional\n"
    . "CertMapRule c allow carol spki=" . '01' x 32 . "\n</Location>\n"
    . "CertMapErrorDocument 403.13 /revoked.html\n$after", '-t', '-D', 'DUMP_CERTMAP');
is $status, 0, 'DUMP_CERTMAP';
like $dump, qr/a\.test/, '... names the virtual host';
like $dump, qr{/in.*\ba allow bob .*\bb allow}s, '... an inheriting section has both lists, the outer one first';
like $dump, qr{^ *CertMapErrorDocument 403\.13 /revoked\.html$}m, '... the documents';
like $dump, qr{<Location /off>: CertMap Off \(outside the guard\)}, '... a section where it is off';
like $dump, qr/subject\.OU="two words"/, '... rules are quoted as they are written';
my ($own) = $dump =~ m{(/own.*)}s;
like $own // '', qr/\bc allow carol/, '... a section with rules of its own';
unlike $own // 'a allow bob', qr/\ba allow bob/, '... does not have the outer ones';

# ---- the same for programs

my $nested = "ServerAlias alias.test *.wild.test\n$strong note=\"\xc3\xb6\"\n<Location ~ \"^/in\">\nCertMapInherit On\nCertMapRule b allow carol spki="
    . '01' x 32 . "\nRequire ip 127.0.0.1\n<RequireAny>\nRequire certmap-group staff\nRequire expr \"%{REQUEST_URI} == '/x y'\"\n</RequireAny>\n"
    . "SSLVerifyDepth 5\n<If \"true\">\nCertMapMinStrength strong\nCertMapReportOnly On\n</If>\n</Location>\n<Directory \"/var\">\n"
    . "AuthType Basic\n<If \"%{HTTP_HOST} == 'a > b'\">\nCertMap Off\n</If>\n</Directory>\nCertMapErrorDocument 403.13 /revoked.html\n";
($status, $dump) = httpd_test("$before$nested$after", '-t', '-D', 'DUMP_CERTMAP_JSON');
is $status, 0, 'DUMP_CERTMAP_JSON' or diag $dump;
like $dump, qr/\A[\n -~]+\z/, '... is ASCII';
my ($document) = $dump =~ /^(\{\n.*?^\}\n)/ms;
my $conf = eval { JSON::PP->new->decode($document) } // {};
is_deeply [@$conf{qw(format schema)}], ['certmap configuration', 1], '... says its format';
my ($main, $host) = @{ $conf->{hosts} // [] };
is_deeply [@{ $main // {} }{qw(name file)}, $main->{effective}{mode}], ['localhost', undef, 'unset'], '... the main server first';
is_deeply [@{ $host // {} }{qw(name aliases line deferErrors inTree)}, $host->{addresses}[0]],
    ['a.test', ['alias.test', '*.wild.test'], 1, JSON::PP::true, JSON::PP::true, '*:1'], '... the virtual host';
like $host->{file} // '', qr{/tested\.conf\z}, '... its file';
like $host->{documentRoot} // '', qr{/t/htdocs\z}, '... its files';
my %said = map { ($_->{name} => $_->{words}) } @{ $host->{directives} // [] };
is_deeply [@said{qw(SSLVerifyClient SSLVerifyDepth)}], [['optional_no_ca'], ['2']], '... how it asks for certificates';
like $said{SSLCACertificateFile}[0] // '', qr/\.(?:pem|crt)\z/, '... whom it believes';
is_deeply [grep {/Key/} keys %said], [], '... and nothing of its key';
# the first one is tls.conf's
my (undef, $location, $directory) = @{ $host->{sections} // [] };
is_deeply [@{ $location // {} }{qw(name type words line)}], ['<Location ~ "^/in">', 'Location', ['~', '^/in'], 10], '... a section';
is_deeply $location->{effective}{list}, [0, 1], '... with the list that is in force';
is_deeply $location->{own}, { mode => undef, exempt => undef, reportOnly => undef, minStrength => undef, documents => {},
    layers => [{ inherit => JSON::PP::true, list => [1] }] }, '... and what it says itself';
my @require = @{ $location->{directives} // [] };
is_deeply [map { $_->{name} } @require], [qw(Require <RequireAny SSLVerifyDepth)], '... other modules\' directives';
is_deeply [map { $_->{arguments} } @{ $require[1]{directives} // [] }], ['certmap-group staff', q{expr "%{REQUEST_URI} == '/x y'"}],
    '... in their groups';
is_deeply [map { $_->{words} } @{ $require[1]{directives} // [] }], [['certmap-group', 'staff'], ['expr', q{%{REQUEST_URI} == '/x y'}]],
    '... word by word';
my ($inner) = @{ $location->{sections} // [] };
is_deeply [$inner->{words}, (map { @$_{qw(minStrength reportOnly list)} } $inner->{effective}), $inner->{own}{layers}],
    [['true'], 'strong', JSON::PP::true, [0, 1], []], '... a section in a section';
is_deeply [$directory->{own}, map { $_->{arguments} } @{ $directory->{directives} // [] }], [undef, 'Basic'], '... one that says nothing of ours';
my ($if) = @{ $directory->{sections} // [] };
is_deeply [@{ $if // {} }{qw(type words)}, $if->{own}{mode}, $if->{effective}{exempt}], ['If', [q{%{HTTP_HOST} == 'a > b'}], 'Off', JSON::PP::true],
    '... an expression';
is_deeply $host->{effective}{documents}, { '403.13' => '/revoked.html' }, '... the documents';
is_deeply [map { scalar @{ $_->{rules} } } @{ $conf->{links} // [] }], [1, 1], '... every rule once';
like $conf->{links}[0]{rules}[0]{text} // '', qr/^a allow bob sha256=[0-9a-f]+ note=\x{f6}$/, '... as a rule file has it';
is_deeply [@{ $conf->{links}[0]{rules}[0] // {} }{qw(strength line)}], ['strong', 9], '... with strength and place';
