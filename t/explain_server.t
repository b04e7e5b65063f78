#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# certmapctl explain --httpd-conf and a running server give one answer: for every pair of a certificate and a place of six
# virtual hosts, which verify in different ways and have sections of every kind. What only the server can know is not
# claimed.
use strict;
use warnings;
use JSON::PP ();
use Test::More;
use CertMap::Explain;
use CertMap::File;
use CertMap::Server;
use CertMap::Test;

# ---- the server

my @certificates = sort qw(good bob denied unmapped noeku expired notyet revoked wrongeku toodeep issuerexpired nocrl stalecrl
    constraint unknownca selfsigned malformed nul badsig);

# virtual host => what it says of TLS
my %tls = (
    DEFER => "SSLVerifyClient optional_no_ca\nSSLVerifyDepth 2\nSSLCARevocationCheck chain\nCertMapDeferErrors On",
    SHORT => "SSLVerifyClient optional_no_ca\nCertMapDeferErrors On",
    LEAF  => "SSLVerifyClient optional_no_ca\nSSLVerifyDepth 3\nSSLCARevocationCheck leaf\nCertMapDeferErrors On",
    MISS  => "SSLVerifyClient optional_no_ca\nSSLVerifyDepth 3\nSSLCARevocationCheck chain no_crl_for_cert_ok\n"
        . 'CertMapDeferErrors On',
    CUT   => "SSLVerifyClient require\nSSLVerifyDepth 2\nSSLCARevocationCheck chain",
    SOFT  => "SSLVerifyClient optional_no_ca\nSSLVerifyDepth 2\nSSLCARevocationCheck chain",
    NONE  => 'SSLVerifyClient none',
);
my @hosts = sort keys %tls;

# paths, and which they are
my @paths = qw(/plain.txt /missing.txt /bob.txt /list.adm /staff/plain.txt /staff/bob.txt /staff/deep/plain.txt /staff/deep/
    /a/secret/x /off/plain.txt /off/staff.txt /optional/x /optional/user /report/x /any/x /all/x /not/x /limit/x /limit/y
    /rule/x /verified/x /ifbob/x /ifelse/1 /ifelse/2 /ifelse/3 /alias/plain.txt /alias/deep/plain.txt /own/x /inherit/x
    /strong/x /method/x /free/plain.txt /type/x /type/open/x /match1/x /match2/x /merge/or/x /merge/and/x /expr/x /index/);
# Places differ in one virtual host only: the others verify differently.
my %paths = map { $_ => [qw(/plain.txt /off/plain.txt /off/staff.txt /optional/x /verified/x /report/x /free/plain.txt)] } @hosts;
$paths{DEFER} = \@paths;
my %certificates = map { $_ => [grep { !/^(?:notyet|wrongeku|issuerexpired|constraint|noeku|unknownca|nul|badsig|denied)$/ } @certificates] }
    @hosts;
$certificates{DEFER} = \@certificates;
my %www = map { ("www/$_" => "$_\n") } qw(plain.txt bob.txt list.adm staff/plain.txt staff/bob.txt staff/deep/plain.txt
    staff/deep/index.html off/plain.txt off/staff.txt free/plain.txt index/bob.txt a/secret/x other/plain.txt other/deep/plain.txt);

my $server = CertMap::Server->new(name => 'explain', ports => \@hosts, without => ['cgid'],
    files => { %www, 'www/index/index.html' => "x\n",
        'sections.conf' => <<'SECTIONS' }, text => <<'CONF' . join '', map {<<"HOST"} @hosts);
DocumentRoot "${DIR}/www"
Alias "/alias" "${DIR}/www/other"
CertMap On
CertMapRule bob allow bob subject.CN=Bob groups=admins,staff
CertMapRule mallory deny subject.CN=Mallory
CertMapRule staff allow %{san.email:local} subject.OU=Staff groups=staff,people
<Directory "${DIR}/www/staff">
    Require certmap-group staff
    <Files "bob.txt">
        AuthMerging And
        Require user bob
    </Files>
</Directory>
<Directory "${DIR}/www/*/deep">
    Require certmap-group people
</Directory>
<Directory "${DIR}/www/staff/deep">
    DirectoryIndex index.html
    <Files "index.html">
        Require certmap-rule bob
    </Files>
</Directory>
<DirectoryMatch "/secret">
    Require user bob
</DirectoryMatch>
<Files "bob.*">
    Require user bob
</Files>
<FilesMatch "\.adm$">
    Require certmap-group admins
</FilesMatch>
<Location "/off">
    CertMap Off
</Location>
<Location "/off/staff.txt">
    Require certmap-group staff
</Location>
<Location "/optional">
    CertMap Optional
</Location>
<Location "/optional/user">
    Require valid-user
</Location>
<Location "/report">
    CertMapReportOnly On
</Location>
<Location "/any">
    <RequireAny>
        Require certmap-group nobody
        Require user bob
    </RequireAny>
</Location>
<Location "/all">
    <RequireAll>
        Require certmap-verified
        Require certmap-group staff
        Require certmap-group people
    </RequireAll>
</Location>
<Location "/not">
    <RequireAll>
        Require valid-user
        Require not certmap-rule bob
    </RequireAll>
</Location>
<Location "/limit">
    <Limit POST>
        Require user nobody
    </Limit>
</Location>
<Location "/limit/y">
    <LimitExcept POST>
        Require user bob
    </LimitExcept>
</Location>
<Location "/rule">
    Require certmap-rule staff
</Location>
<Location "/verified">
    CertMap Off
    Require certmap-verified
</Location>
<If "%{REQUEST_URI} =~ m#^/ifbob/#">
    Require user bob
</If>
<If "%{REQUEST_URI} == '/ifelse/1'">
    Require certmap-group admins
</If>
<ElseIf "%{REQUEST_URI} in { '/ifelse/2', '/ifelse/x' } && ! (%{REQUEST_METHOD} == 'POST')">
    Require certmap-group people
</ElseIf>
<Location "/own">
    CertMapRule only allow only subject.CN=Alice
</Location>
<Location "/inherit">
    CertMapInherit On
    CertMapRule zoe allow zoe subject.CN=Zoe
</Location>
<Location "/strong">
    CertMapMinStrength weak
    CertMapRule pinned allow pinned subject.CN=Alice
    CertMapRule visitors deny subject.OU=Visitors
</Location>
<Location "/method">
    Require method GET
</Location>
<LocationMatch "^/match[2-9]/">
    Require user bob
</LocationMatch>
<Location "/merge">
    Require certmap-group people
</Location>
<Location "/merge/or">
    AuthMerging Or
    Require user bob
</Location>
<Location "/merge/and">
    AuthMerging And
    Require user bob
</Location>
<Location "/expr">
    Require expr %{REMOTE_USER} == 'bob' || %{HTTPS} == 'off'
</Location>
<Location "/type">
    AuthType Certificate
    Require valid-user
</Location>
<Location "/type/open">
    Require all granted
</Location>
<Location "/doubt/header">
    <If "%{HTTP:X-Let-In} != 'yes'">
        Require user nobody
    </If>
</Location>
<Location "/doubt/same">
    <If "%{HTTP:X-Let-In} != 'yes'">
        Require certmap-group staff
    </If>
</Location>
<Location "/doubt/ip">
    Require ip 192.0.2.1
</Location>
<Location "/doubt/later">
    SSLVerifyClient require
</Location>
<Location "/doubt/order">
    Satisfy Any
</Location>
<Directory "${DIR}/www/htaccess">
    AllowOverride AuthConfig
</Directory>
SECTIONS
SSLCertificateFile "${PKI}/server.pem"
SSLCACertificateFile "${PKI}/root.pem"
SSLCARevocationFile "${PKI}/crl.pem"
LogFormat "%{X-Test}i %>s %{certmap-substatus}n %{certmap-reason}n %u" said
CustomLog "${DIR}/said" said
CONF
Listen 127.0.0.1:\${MY_$_}
<VirtualHost 127.0.0.1:\${MY_$_}>
    ServerName a.test
    SSLEngine on
    $tls{$_}
    Include "\${DIR}/sections.conf"
</VirtualHost>
HOST

# ---- what it answers: one curl for a certificate and a host

my %said;
{
    my $conf = put('curl', '');
    my $mark = 0;
    my %marks;
    for my $host (@hosts) {
        for my $name (@{ $certificates{$host} }) {
            my $port = $server->port($host);
            my $common = join "\n", 'silent', 'max-time = 30', 'noproxy = "*"', 'output = "/dev/null"', 'http1.1',
                'cacert = "' . pki('root.pem') . '"', 'cert = "' . pki('clients', "$name.pem") . '"',
                "resolve = \"a.test:$port:127.0.0.1\"";
            my @requests;
            for my $path (@{ $paths{$host} }) {
                $marks{ ++$mark } = [$host, $name, $path];
                $said{$host}{$name}{$path} = 'no answer';
                push @requests, "$common\nheader = \"X-Test: $mark\"\nurl = \"https://a.test:$port$path\"\n";
            }
            spew($conf, join "next\n", @requests);
            system('curl', '-q', '-K', $conf);
        }
    }
    $server->stop;    # so that everything is logged
    for (split /\n/, slurp($server->dir . '/said')) {
        my ($mark, $said) = split / /, $_, 2;
        next if $mark eq '-';
        my ($host, $name, $path) = @{ $marks{$mark} };
        # a refusal is in the log, and what is let in may not be there
        $said =~ s/^404 /200 /;
        $said =~ s/\S+$/-/ if $said !~ /^200 /;
        $said{$host}{$name}{$path} = $said;
    }
}

# ---- what explain says: one call for a host

sub answers {
    my ($host, $paths, @more) = @_;
    my ($status, $out, $err) = certmapctl('explain', (map { pki('clients', "$_.pem") } @{ $certificates{$host} }), '--httpd-conf',
        $server->dir . '/httpd.conf', '--vhost', 'a.test:' . $server->port($host), (map { ('--location', $_) } @$paths), '--json',
        @more);
    my $told = eval { JSON::PP->new->utf8->decode($out) } or die "exit $status: $out$err";
    my %answer;
    for my $one (@$told) {
        my ($name) = $one->{file} =~ m{([^/]+)\.pem\z};
        my ($http, $substatus) = split /\./, $one->{status} // '?';
        ($substatus, $one->{reason}) = ($1, $2) if ($one->{place}{passedOver} // '') =~ /^403\.(\d+) (\S+)$/;
        $answer{$name}{ $one->{place}{name} } = { %$one, brief => !$one->{certain} ? 'not certain'
            : $one->{place}{handshakeFails} ? 'no answer'
            : join ' ', $http, map { $_ // '-' } $substatus, @$one{qw(reason user)} };
    }
    return \%answer;
}

my ($pairs, %kinds) = (0);
for my $host (@hosts) {
    my $told = answers($host, $paths{$host});
    for my $name (@{ $certificates{$host} }) {
        my @wrong;
        for my $path (@{ $paths{$host} }) {
            my ($server, $explain) = ($said{$host}{$name}{$path}, $told->{$name}{$path}{brief});
            push @wrong, "$path: the server: $server, explain: $explain" if $server ne $explain;
            $kinds{$server}++;
            $pairs++;
        }
        ok !@wrong, "$host: $name in " . @{ $paths{$host} } . ' places' or diag join "\n", @wrong;
    }
}
cmp_ok $pairs, '>', 1000, 'pairs of a certificate and a place';
cmp_ok scalar(keys %kinds), '>', 20, 'answers of many kinds';
note "$kinds{$_} $_" for sort keys %kinds;

# The three that explain once called mapped, and the server refused.
is $said{SHORT}{good}{'/plain.txt'}, '403 16 chain-too-long -', 'refused by SSLVerifyDepth';
is $said{DEFER}{revoked}{'/plain.txt'}, '403 13 revoked -', 'refused by the CRL';
is $said{DEFER}{good}{'/list.adm'}, '403 12 user-denied -', 'refused by Require certmap-group';

# ---- what only the server can know

mkdir $server->dir . '/www/htaccess' or die "htaccess: $!\n";
spew($server->dir . '/www/htaccess/.htaccess', "Require all denied\n");
my @conf = ('--httpd-conf', $server->dir . '/httpd.conf', '--vhost', 'a.test:' . $server->port('DEFER'));
for my $row (
    ['/doubt/header'   => qr/whether <If .* applies: it depends on the request/],
    ['/doubt/ip'       => qr/whether Require ip 192\.0\.2\.1 .* is met: only httpd can ask it/],
    ['/doubt/later'    => qr/whether the client can be asked in the middle of a connection/],
    ['/doubt/order'    => qr/what Satisfy Any does/],
    ['/htaccess/x'     => qr{what \S+/www/htaccess/\.htaccess says}],
) {
    my ($path, $why) = @$row;
    my ($status, $out) = certmapctl('explain', pki('clients', 'good.pem'), @conf, '--location', $path);
    ok $status == 1 && $out =~ /\Anot certain: .*\n(?:  .*\n)*  not known: $why/, "$path is not certain" or diag "exit $status\n$out";
    ($status, $out) = certmapctl('explain', pki('clients', 'good.pem'), @conf, '--location', $path, '--json');
    my $told = JSON::PP->new->utf8->decode($out);
    ok $status == 1 && !$told->{certain} && !defined $told->{status} && !defined $told->{user} && "@{ $told->{unknown} }" =~ $why,
        "$path: JSON has no answer that a script could take" or diag "exit $status\n$out";
}
{
    my $told = answers('DEFER', ['/doubt/same', '/doubt/ip']);
    is $told->{good}{'/doubt/same'}{brief}, '200 - - alice', 'a doubt that changes nothing is none';
    is $told->{revoked}{'/doubt/ip'}{brief}, '403 13 revoked -', '... nor is one about what comes later';
}

# The main server's rules count where a host takes them over.
for my $inherits (0, 1) {
    my $text = slurp($server->dir . '/httpd.conf');
    my $load = $text =~ /rewrite_module/ ? '' : "LoadModule rewrite_module $ENV{CERTMAP_MODULES}/mod_rewrite.so\n";
    my $own = 'RewriteEngine on' . ($inherits ? "\nRewriteOptions Inherit" : '');
    cmp_ok $text =~ s/^( *SSLEngine on)$/$1\n$own/gmi, '>', 0, 'there are hosts over TLS';
    spew($server->dir . '/rewrite.conf', "$load$text\nRewriteEngine on\nRewriteRule ^/plain /elsewhere\n");
    my ($status, $out) = certmapctl('explain', pki('clients', 'good.pem'), '--httpd-conf', $server->dir . '/rewrite.conf',
        '--vhost', 'a.test:' . $server->port('DEFER'), '--location', '/plain.txt');
    like $out, $inherits ? qr/\Anot certain: .*\n(?:  .*\n)*  not known: what RewriteRule .* makes of the path/ : qr/\Amapped to alice/,
        $inherits ? 'RewriteOptions Inherit' : 'a RewriteRule of another server';
}

done_testing;
