#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Users that others have put into a request before anybody asked for a password: mod_ssl (SSLUserName, FakeBasicAuth), which takes
# them from the certificate whatever our rules say of it, and access checkers of other modules. Where a place speaks CertMap or
# AuthType Certificate, none of them reaches Require, a program or the log.
use strict;
use warnings;
use Test::More;
use CertMap::Client;
use CertMap::File;
use CertMap::Server;
use CertMap::Test;
use MIME::Base64 qw(encode_base64);

# Place => its section, and who is let in: certificate => answer and user. Everywhere .htaccess says SSLUserName, unless another
# text is given. Alice is mapped, Mallory is denied by a rule, and no rule is about Zoe.
my ($alice, $mallory, $zoe) = qw(good denied unmapped);
my %place = (
    cert            => ['AuthType Certificate', 'Require valid-user'],
    'cert-user'     => ['AuthType Certificate', 'Require user Zoe Mallory alice'],
    'cert-expr'     => ['AuthType Certificate', 'Require expr %{REMOTE_USER} =~ /^(?:Zoe|Mallory|alice)$/'],
    'cert-report'   => ['AuthType Certificate', 'CertMapReportOnly On', 'Require valid-user'],
    'cert-off'      => ['AuthType Certificate', 'CertMap Off', 'Require valid-user'],
    optional        => ['CertMap Optional', 'Require valid-user'],
    'optional-none' => ['CertMap Optional', 'AuthType None', 'Require user Zoe Mallory alice'],
    'optional-cert' => ['CertMap Optional', 'AuthType Certificate', 'Require valid-user'],
    'optional-all'  => ['CertMap Optional', 'Require all granted'],
    'optional-any'  => ['CertMap Optional', 'AuthType Certificate', 'Require valid-user', 'Satisfy any'],
    'optional-basic' => ['CertMap Optional', 'AuthType Basic', 'AuthName x', 'AuthUserFile "${DIR}/passwords"',
        'Require valid-user'],
    on              => ['CertMap On', 'Require valid-user'],
    'on-denied'     => ['CertMap On', 'Require user Alice'],
    report          => ['CertMap On', 'CertMapReportOnly On', 'Require valid-user'],
    'report-all'    => ['CertMap On', 'CertMapReportOnly On'],
    'ssl-require'   => ['CertMap Optional', 'SSLRequire false'],
    # Nothing of ours is here.
    stock           => ['Require valid-user'],
    # The index is another place than its directory.
    'index-cert'    => [],
    'index-cert/index.html' => ['AuthType Certificate', 'Require valid-user'],
    'index-optional' => [],
    'index-optional/index.html' => ['CertMap Optional'],
    # What a request includes and where it is sent on to.
    parts           => [],
    errors          => [],
    # Other modules' users.
    'lua-early'     => ['AuthType Certificate', 'Require valid-user', 'LuaHookAccessChecker "${DIR}/user.lua" zoe early'],
    'lua-late'      => ['CertMap Optional', 'Require valid-user', 'LuaHookAccessChecker "${DIR}/user.lua" zoe late'],
    'lua-authn'     => ['CertMap Optional', 'Require user Zoe alice', 'LuaHookCheckUserID "${DIR}/user.lua" proven early'],
    'lua-type'      => ['CertMap Optional', 'AuthType Lua', 'AuthName x', 'Require user Zoe',
        'LuaHookCheckUserID "${DIR}/user.lua" proven'],
    'lua-any'       => ['CertMap Optional', 'Satisfy any', 'LuaHookAccessChecker "${DIR}/user.lua" zoe late'],
    # Other modules' authorization in addition to Require.
    'lua-authz'     => ['AuthType Certificate', 'Require valid-user', 'LuaHookAuthChecker "${DIR}/user.lua" forbidden'],
    'lua-authz-on'  => ['CertMap On', 'LuaHookAuthChecker "${DIR}/user.lua" forbidden'],
    'lua-authz-any' => ['CertMap Optional', 'Satisfy any', 'Order deny,allow', 'Deny from all', 'Require valid-user',
        'LuaHookAuthChecker "${DIR}/user.lua" forbidden'],
    # A header that mod_ssl invents, with a password that everybody knows.
    'fake-optional' => ['CertMap Optional', 'AuthType Basic', 'AuthName x', 'AuthUserFile "${DIR}/passwords"',
        'Require valid-user'],
    'fake-on'       => ['CertMap On', 'AuthType Basic', 'AuthName x', 'AuthUserFile "${DIR}/passwords"', 'Require valid-user'],
    'fake-cert'     => ['AuthType Certificate', 'Require valid-user'],
    'fake-report'   => ['CertMap On', 'CertMapReportOnly On', 'AuthType Basic', 'AuthName x', 'AuthUserFile "${DIR}/passwords"',
        'Require valid-user'],
    'fake-stock'    => ['AuthType Basic', 'AuthName x', 'AuthUserFile "${DIR}/passwords"', 'Require valid-user'],
);
my $fake = "SSLOptions -StdEnvVars +FakeBasicAuth\n";
my %htaccess = (
    (map { $_ => $fake } grep {/^fake-/} keys %place), (map { $_ => '' } 'errors', grep {/^lua-/} keys %place),
    # Made up in one place, and sent on to another.
    'fake-moved' => "${fake}AuthType Basic\nAuthName x\nAuthUserFile \"\${DIR}/passwords\"\nRequire valid-user\n"
        . "RewriteEngine on\nRewriteRule . /fake-optional/plain.txt [L]\n",
    moved => "SSLUserName SSL_CLIENT_S_DN_CN\nRewriteEngine on\nRewriteRule . /cert/plain.txt [L]\n",
);

# certificate, path or request, answer and user
my $bob = ['authorization', 'Basic Ym9iOnNlY3JldA=='];
my @table = (
    (map { ([$alice, "/$_/plain.txt", '200 alice'], [$mallory, "/$_/plain.txt", '403 -'], [$zoe, "/$_/plain.txt", '403 -'],
        [undef, "/$_/plain.txt", '403 -']) } qw(cert cert-user cert-expr optional-cert on optional optional-none)),
    (map { my $cert = $_; map { [$cert, "/$_/plain.txt", '403 -'] } qw(cert-report cert-off report ssl-require) }
        $alice, $mallory, $zoe, undef),
    [$alice, '/on-denied/plain.txt', '403 alice'], [$mallory, '/on-denied/plain.txt', '403 -'],
    [$zoe, '/on-denied/plain.txt', '403 -'],
    [$alice, '/optional-all/plain.txt', '200 alice'], [$zoe, '/optional-all/plain.txt', '200 -'],
    [$mallory, '/optional-all/plain.txt', '403 -'],
    [$alice, '/optional-any/plain.txt', '200 alice'], [$zoe, '/optional-any/plain.txt', '200 -'],
    [$mallory, '/optional-any/plain.txt', '403 -'],
    (map { [$_, '/report-all/plain.txt', '200 -'] } $alice, $mallory, $zoe),
    (map { ([$_, '/optional-basic/plain.txt', '401 -'], [$_, '/optional-basic/plain.txt', '200 bob', $bob]) } $alice, $zoe),
    [$alice, '/stock/plain.txt', '200 Alice'], [$mallory, '/stock/plain.txt', '200 Mallory'],
    [$alice, '/index-cert/', '200 alice'], [$mallory, '/index-cert/', '403 -'], [$zoe, '/index-cert/', '403 -'],
    [$alice, '/index-optional/', '200 alice'], [$zoe, '/index-optional/', '200 -'],
    [$alice, '/moved/plain.txt', '200 alice'], [$mallory, '/moved/plain.txt', '403 -'], [$zoe, '/moved/plain.txt', '403 -'],
    [$alice, '/lua-early/plain.txt', '200 alice'], [$mallory, '/lua-early/plain.txt', '403 -'],
    [undef, '/lua-early/plain.txt', '403 -'],
    [$alice, '/lua-late/plain.txt', '200 alice'], [$zoe, '/lua-late/plain.txt', '403 -'], [undef, '/lua-late/plain.txt', '403 -'],
    [$alice, '/lua-authn/plain.txt', '200 alice'], [$zoe, '/lua-authn/plain.txt', '403 -'],
    # Somebody else's AuthType, whose module does not say which it was, as some do.
    (map { [$_, '/lua-type/plain.txt', '200 Zoe'] } $alice, $zoe, undef), [$mallory, '/lua-type/plain.txt', '403 -'],
    [$alice, '/lua-any/plain.txt', '200 alice'], [$zoe, '/lua-any/plain.txt', '200 -'],
    (map { ([$alice, "/$_/plain.txt", '403 alice'], [$zoe, "/$_/plain.txt", '403 -'], [undef, "/$_/plain.txt", '403 -']) }
        qw(lua-authz lua-authz-on lua-authz-any)),
    [$zoe, '/fake-stock/plain.txt', '200 dn'],
    [$zoe, '/fake-cert/plain.txt', '403 -'], [$alice, '/fake-cert/plain.txt', '200 alice'],
    (map { ([$_, '/fake-optional/plain.txt', '401 -'], [$_, '/fake-optional/plain.txt', '200 bob', $bob],
        [$_, '/fake-report/plain.txt', '401 -'], [$_, '/fake-moved/plain.txt', '401 -']) } $alice, $zoe),
    [$alice, '/fake-on/plain.txt', '401 -'], [$alice, '/fake-on/plain.txt', '200 bob', $bob],
    [$zoe, '/fake-on/plain.txt', '403 -'],
    # mod_ssl lets nobody send what it would make up; but crypt() reads eight letters, and a subject may end in ":password".
    (map { [$zoe, '/fake-optional/plain.txt', '401 -', [authorization => 'Basic ' . encode_base64(dn($zoe) . ":$_", '')]] }
        'passwords', 'password:password'),
);
# In the deferring virtual host, and only there: what failed verification is nobody, wherever it knocks.
my @failed = map { [expired => "/$_/plain.txt", '403 -'] } qw(stock cert optional-all optional-any report-all lua-any fake-stock fake-optional moved);
my @ways = (['1.2', '1.1'], ['1.3', '1.1'], ['1.3', '2']);
plan tests => @ways * (2 * @table + @failed + 2 * 5) + 1;

sub dn {
    my ($name) = @_;
    my $dn = qx(openssl x509 -in '${\ pki('clients', "$name.crt")}' -noout -subject -nameopt compat);
    $dn =~ s/^subject=\s*//;
    chomp $dn;
    return $dn;
}

chomp(my $secret = qx(openssl passwd -apr1 secret));
my %files = (
    passwords => join('', map {"$_\n"} "bob:$secret", map { dn($_) . ':xxj31ZMTZzkVA' } $alice, $mallory, $zoe),
    'user.lua' => <<'LUA',
require 'apache2'
function zoe(r) r.user = 'Zoe' return apache2.DECLINED end
function forbidden(r) return 403 end
function proven(r) r.user = 'Zoe' return apache2.OK end
LUA
    'site/parts/page.shtml' => 'part <!--#include virtual="/cert/plain.txt" --> end',
    'site/errors/user.shtml' => 'user <!--#echo var="REMOTE_USER" --> <!--#echo var="REDIRECT_REMOTE_USER" -->.',
);
my $sections = '';
for my $name (sort keys %place, qw(fake-moved moved)) {
    $sections .= join "\n", "<Location \"/$name\">", @{ $place{$name} // [] }, "</Location>\n";
    next if $name =~ m{/};
    $files{"site/$name/.htaccess"} = $htaccess{$name} // "SSLUserName SSL_CLIENT_S_DN_CN\n";
    $files{"site/$name/plain.txt"} = "plain text\n";
    $files{"site/$name/index.html"} = "plain text\n";
}
my $site = <<"CONF";
    ServerName a.test
    Include "\${TOP}/t/conf/tls.conf"
    Protocols h2 http/1.1
    SSLVerifyDepth 2
    Include "\${TOP}/t/conf/rules.conf"
    DocumentRoot "\${DIR}/site"
    Header always set X-User "expr=%{REMOTE_USER}"
    <Directory "\${DIR}/site">
        AllowOverride All
        Options FollowSymLinks Includes
        DirectoryIndex index.html
        AddOutputFilter INCLUDES .shtml
    </Directory>
    $sections
    <LocationMatch "^/(?:on|ssl-require)/">
        ErrorDocument 403 /errors/user.shtml
    </LocationMatch>
CONF
my $server = CertMap::Server->new(name => 'strangers', ports => [qw(TLS OPTIONAL)], modules => ['lua'], without => ['cgid'],
    files => \%files, text => <<"CONF");
SSLSessionCache none
LogFormat "%{X-Test}i %>s %u" strangers
CustomLog "\${DIR}/access_log" strangers
Listen 127.0.0.1:\${MY_TLS}
<VirtualHost 127.0.0.1:\${MY_TLS}>
    SSLVerifyClient optional_no_ca
    CertMapDeferErrors On
    $site
</VirtualHost>
Listen 127.0.0.1:\${MY_OPTIONAL}
<VirtualHost 127.0.0.1:\${MY_OPTIONAL}>
    SSLVerifyClient optional
    $site
</VirtualHost>
CONF

my ($marks, %logged) = (0);

sub ask_as {
    my ($cert, $way, $port, $path, %headers) = @_;
    my ($tls, $http) = @$way;
    my $client = CertMap::Client->new(bundle => $cert && pki('clients', "$cert.pem"), tls => $tls, http => $http,
        port => $server->port($port), sni => 'a.test');
    my $answer = $client->ask(path => $path, host => 'a.test', headers => { 'x-test' => ++$marks, %headers });
    $client->close;
    return $answer;
}

sub name_of {
    my ($user) = @_;
    return !defined $user || $user eq '' || $user eq '(null)' || $user eq '-' ? '-' : $user =~ m{^/} ? 'dn' : $user;
}

my %wanted;
for my $way (@ways) {
    for my $port (qw(TLS OPTIONAL)) {
        my $over = "TLS $way->[0], HTTP/$way->[1], $port";
        for my $row (@table, $port eq 'TLS' ? @failed : ()) {
            my ($cert, $path, $expected, @header) = @$row;
            my $answer = ask_as($cert, $way, $port, $path, map {@$_} @header);
            is "$answer->{status} " . name_of($answer->{headers}{'x-user'}), $expected,
                ($cert // 'no certificate') . ", $over: $path" . (@header ? ' with a password' : '');
            $wanted{$marks} = "$path $expected";
        }
        like ask_as($zoe, $way, $port, '/parts/page.shtml')->{body}, qr/^part \[an error.*\] end$/,
            "$over: a part that nobody may see";
        like ask_as($alice, $way, $port, '/parts/page.shtml')->{body}, qr/^part plain text\n end$/,
            '... but who is mapped';
        is ask_as($_, $way, $port, '/on/plain.txt')->{body}, 'user (none) (none).', "$over: $_, an error document" for $zoe, $mallory;
        is ask_as($alice, $way, $port, '/ssl-require/plain.txt')->{body}, 'user (none) (none).', '... of mod_ssl\'s refusal';
    }
}
select undef, undef, undef, 1;       # the last connections have ended then, and leave nothing
$server->stop;
for (split /\n/, slurp($server->dir . '/access_log')) {
    my ($mark, $status, $user) = /^(\S+) (\S+) (.*)$/ or next;
    $logged{$mark} = "$status " . name_of($user);
}
# Of a refusal the log says who was refused by a password or a mapping that Require did not want; that is not a stranger.
my @wrong = grep { ($logged{$_} // 'nothing') ne ($wanted{$_} =~ /(\S+ \S+)$/)[0] } sort { $a <=> $b } keys %wanted;
is join("\n", map {"$wanted{$_}: $logged{$_}"} @wrong[0 .. ($#wrong < 5 ? $#wrong : 5)]), '', 'the log has the same users';
