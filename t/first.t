#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The guard has the first word, or else the last: what other modules answer before any access check (Redirect, RewriteRule,
# handlers in early hooks) goes out on no connection whose certificate failed; its refusal does, once, with page, header and log
# line. CertMap Off and the refusal's own error document stay exempt, and that document is what the configuration names, nothing
# else.
use strict;
use warnings;
use Test::More;
use CertMap::Client;
use CertMap::File;
use CertMap::Server;
use CertMap::Test;

my %failed = (expired => '403.17', revoked => '403.13', selfsigned => '403.16');
my $perl = !$ENV{CERTMAP_PRELOAD} && !$ENV{CERTMAP_VALGRIND} && -e "$ENV{CERTMAP_MODULES}/mod_perl.so";

# request, what a good certificate gets, what a failed one gets ('' for the refusal)
my @table = (
    ['GET /plain.txt', 200, ''],
    ['GET /redirect/x', 302, ''], ['HEAD /redirect/x', 302, ''], ['POST /redirect/x', 302, ''],
    ['GET /gone/x', 410, ''], ['GET /hidden/x', 404, ''], ['GET /match/x', 301, ''],
    ['GET /section/x', 301, ''],
    ['GET /rw/200', 200, ''], ['GET /rw/204', 204, ''], ['GET /rw/302', 302, ''], ['GET /rw/404', 404, ''], ['GET /rw/gone', 410, ''],
    ['GET /rw/forbidden', 403, ''], ['HEAD /rw/200', 200, ''], ['GET /rw/proxied', 200, ''],
    ['GET /here/200', 200, ''], ['GET /here/302', 302, ''], ['GET /here/gone', 410, ''], ['GET /here/redirect', 302, ''],
    ['GET /dir', 301, ''], ['GET /nowhere', 404, ''], ['GET /a%2fb', 404, ''], ['GET /%zz', 400, ''], ['GET /denied/x', 403, ''],
    ['TRACE /plain.txt', 200, ''], ['OPTIONS /plain.txt', 200, ''],
    # with an error document for what the other module says
    ['GET /documents/gone', 410, ''], ['GET /documents/text', 410, ''], ['GET /documents/forbidden', 403, ''],
    # and for what the guard says
    ['GET /own/redirect', 302, "403 the own document\n"], ['GET /own/quick', 200, "403 the own document\n"],
    ['GET /text/redirect', 302, '403 the own text'], ['GET /away/redirect', 302, '302 '],
    # handlers in early hooks
    (map { ["GET /$_", 200, ''] } qw(quick translate storage access fixup)),
    $perl ? ['GET /read', 410, ''] : (),
    ['HEAD /quick', 200, ''], ['POST /quick', 200, ''], ['GET /quick-long', 200, ''],
    # and one that continues to write when the refusal is out, whatever that is
    ['GET /long', 200, ''], ['GET /own/long', 200, "403 the own document\n"], ['GET /text/long', 200, '403 the own text'],
    ['GET /away/long', 200, '302 '], ['HEAD /text/long', 200, '403 '],
    # CertMap Off
    ['GET /off/plain.txt', 200, "200 plain text\n"], ['GET /off/redirect', 302, '302 '], ['GET /off/rw200', 200, '200 '],
    ['GET /off/gone', 410, '410 '], ['GET /off/nowhere', 404, '404 '], ['GET /off/closed/x', 403, '403 '],
    ['GET /off-directory/plain.txt', 200, "200 plain text\n"], ['GET /off-directory', 301, '301 '],
    ['GET /off-directory/here200', 200, '200 '], ['GET /off-files.txt', 200, "200 plain text\n"],
    ['GET /documents/public', 410, "410 plain text\n"],
    ['GET /off/translate', 200, "200 early\n"], ['GET /off/locked/x', 403, '403 '], ['GET /locked/x', 403, ''],
    # No other quick handler is asked; and of a redirect nobody knows the directory.
    ['GET /off-directory/redirect', 302, ''], ['GET /off/quick', 200, '404 '],
);
# Error documents: their URI, and whether it is shown; a page that says SECRET is one that the guard keeps.
my %document = (
    '/errors/doc.txt' => 1, '/errors/page.shtml' => 1, '/errors/with-part.shtml' => 1, '/errors/' => 1, '/errors/page' => 1,
    '/errors/with-secret.shtml' => 0, '/errors/redirect.asis' => 0, '/top.shtml' => 0, '/fallback/nothing' => 0,
    (map { ("/err-$_/" => 0) } qw(index views fallback rewrite handler rewrite-away nested)), '/err-views/page' => 0,
    '/err-handler/doc.txt' => 0, '/err-action/doc.txt' => 0, '/err-rewrite/doc.txt' => 0, '/err-filter/doc.txt' => 0,
    '/err-away/doc.txt' => 0, '/err-harmless/doc.txt' => 0, '/err-off/' => 1, '/config-index/' => 0,
);
my @ways = (['1.2', '1.1'], ['1.3', '1.1'], ['1.3', '2']);
plan tests => @ways * (keys(%failed) * (2 * @table + keys %document) + @table) + 1 + 2 * 3 + 3;

my $secret = "SECRET\n";
my %files = (
    'Early.pm' => <<'EARLY',
package Early;
use strict;
use Apache2::RequestRec ();
use Apache2::Const -compile => qw(DECLINED HTTP_GONE);

sub handler {
    my ($r) = @_;
    return Apache2::Const::DECLINED if $r->uri ne '/read';
    return Apache2::Const::HTTP_GONE;
}

1;
EARLY
    'early.lua' => <<'LUA',
require 'apache2'
local function answers(r, name)
    if r.uri == '/' .. name or (name == 'quick' and r.uri == '/own/quick') or r.uri == '/off/' .. name then
        r.content_type = 'text/plain'
        r:puts('early\n')
        return apache2.DONE
    end
    return apache2.DECLINED
end
local function writes(r)
    for i = 1, 1000 do r:puts('a line that is longer than others, so that there is much to send\n') end
    return apache2.DONE
end
function quick(r)
    if r.uri == '/quick-long' then return writes(r) end
    return answers(r, 'quick')
end
function translate(r)
    if r.uri:match('/long$') then return writes(r) end
    return answers(r, 'translate')
end
function storage(r) return answers(r, 'storage') end
function access(r) return answers(r, 'access') end
function fixup(r) return answers(r, 'fixup') end
LUA
    map({ ("site/$_/plain.txt" => "plain text\n") } qw(. dir off off-directory)),
    'site/off-files.txt' => "plain text\n", 'site/off/closed/x' => $secret,
    'site/errors/doc.txt' => "the own document\n", 'site/errors/index.html' => "the own document\n",
    'site/errors/page.txt' => "the own document\n",
    'site/errors/page.shtml' => 'the own document <!--#echo var="REDIRECT_CERTMAP_SUBSTATUS" -->',
    'site/errors/with-part.shtml' => 'the own document <!--#include virtual="parts/part.txt" -->', 'site/errors/parts/part.txt' => 'its part',
    'site/errors/with-secret.shtml' => 'the own document <!--#include virtual="/secret/index.html" -->',
    'site/errors/redirect.asis' => "Status: 200 OK\nLocation: /secret/index.html\n\n",
    'site/top.shtml' => 'the own document <!--#include virtual="secret/index.html" -->',
    'site/secret/index.html' => $secret, 'site/secret/index.cgi' => $secret,
    'site/err-index/.htaccess' => "DirectoryIndex /secret/index.html\n",
    'site/err-nested/.htaccess' => "DirectoryIndex index.html\n", 'site/err-nested/index.html' => $secret,
    'site/err-views/.htaccess' => "Options +MultiViews\n", 'site/err-views/page.html' => $secret,
    'site/err-fallback/.htaccess' => "DirectoryIndex disabled\nFallbackResource /secret/index.html\n",
    'site/err-rewrite/.htaccess' => "RewriteEngine on\nRewriteRule ^ /secret/index.html [L]\n",
    'site/err-rewrite-away/.htaccess' => "RewriteEngine on\nRewriteRule ^ http://127.0.0.1:\${MY_PROBE}/secret/index.html [P]\n",
    'site/err-handler/.htaccess' => "SetHandler server-status\n", 'site/err-handler/doc.txt' => $secret,
    'site/err-action/.htaccess' => "Action secret /secret/index.html\nSetHandler secret\n", 'site/err-action/doc.txt' => $secret,
    'site/err-rewrite/doc.txt' => $secret,
    'site/err-filter/.htaccess' => "Options +Includes\nSetOutputFilter INCLUDES\n",
    'site/err-filter/doc.txt' => '<!--#include virtual="/secret/index.html" -->',
    'site/err-away/.htaccess' => "Redirect /err-away/doc.txt /secret/index.html\n", 'site/err-away/doc.txt' => $secret,
    'site/err-harmless/.htaccess' => "# nothing\n", 'site/err-harmless/doc.txt' => $secret,
    'site/err-off/.htaccess' => "DirectoryIndex doc.txt\n", 'site/err-off/doc.txt' => "the own document\n",
    'site/config-index/x' => '', 'site/here/x' => '',
    'site/locked/x' => '', 'site/off/locked/x' => '',
);
my $document_sections = join '', map {
    "<Location \"/document$_\">\n    ErrorDocument 403 $_\n</Location>\n"
} sort keys %document;
my $server = CertMap::Server->new(name => 'first', ports => ['TLS'], without => ['cgid'], files => \%files,
    modules => ['lua', 'actions', $perl ? 'perl' : ()], text => <<"CONF" . ($perl ? <<'PERL' : '') . <<"CONF");
SSLSessionCache none
LogLevel certmap:info
LogFormat "%{X-Test}i %>s %{certmap-status}n %s" first
CustomLog "\${DIR}/access_log" first
Listen 127.0.0.1:\${MY_TLS}
<VirtualHost 127.0.0.1:\${MY_TLS}>
    ServerName a.test
    Include "\${TOP}/t/conf/tls.conf"
    Protocols h2 http/1.1
    SSLVerifyClient optional_no_ca
    SSLVerifyDepth 2
    CertMapDeferErrors On
    DocumentRoot "\${DIR}/site"
    <Directory "\${DIR}/site">
        AllowOverride All
        Options FollowSymLinks Includes MultiViews
        DirectoryIndex index.html
        AddType text/html .html .shtml
        AddType text/plain .txt
        AddHandler send-as-is .asis
        AddOutputFilter INCLUDES .shtml
    </Directory>
    <Directory "\${DIR}/site/config-index">
        DirectoryIndex /secret/index.html
    </Directory>
    <Location "/fallback">
        FallbackResource /secret/index.html
    </Location>
    <Location "/err-off">
        CertMap Off
    </Location>

    Redirect "/redirect" "http://elsewhere.test/"
    Redirect gone "/gone"
    Redirect 404 "/hidden"
    RedirectMatch permanent "^/match/" "http://elsewhere.test/"
    <Location "/section">
        Redirect permanent "http://elsewhere.test/"
    </Location>
    RewriteEngine on
    RewriteRule "^/rw/(200|204|404)\$" - [R=200]
    RewriteRule "^/rw/302\$" "http://elsewhere.test/" [R=302]
    RewriteRule "^/rw/gone\$" - [G]
    RewriteRule "^/rw/forbidden\$" - [F]
    RewriteRule "^/rw/proxied\$" "http://127.0.0.1:\${MY_PROBE}/plain.txt" [P]
    <Directory "\${DIR}/site/here">
        RewriteEngine on
        RewriteRule "^200\$" - [R=200]
        RewriteRule "^302\$" "http://elsewhere.test/" [R=302]
        RewriteRule "^gone\$" - [G]
        Redirect "/here/redirect" "http://elsewhere.test/"
    </Directory>
    <Location "/denied">
        Order allow,deny
        Deny from all
    </Location>

    <Location "/documents/gone">
        ErrorDocument 410 /secret/index.html
    </Location>
    <Location "/documents/text">
        ErrorDocument 410 "SECRET"
    </Location>
    <Location "/documents/public">
        ErrorDocument 410 /off/plain.txt
    </Location>
    <Location "/documents/forbidden">
        ErrorDocument 403 /errors/doc.txt
    </Location>
    Redirect gone "/documents/gone"
    Redirect gone "/documents/text"
    Redirect gone "/documents/public"
    RewriteRule "^/documents/forbidden\$" - [F]
    <Location "/own">
        ErrorDocument 403 /errors/doc.txt
    </Location>
    <Location "/text">
        ErrorDocument 403 "the own text"
    </Location>
    <Location "/away">
        ErrorDocument 403 "http://elsewhere.test/why"
    </Location>
    RedirectMatch "^/(?:own|text|away)/redirect" "http://elsewhere.test/"

    <Location "/off">
        CertMap Off
    </Location>
    <Location "/off/closed">
        Order allow,deny
        Deny from all
    </Location>
    Redirect "/off/redirect" "http://elsewhere.test/"
    Redirect gone "/off/gone"
    RewriteRule "^/off/rw200\$" - [R=200]
    <Directory "\${DIR}/site/off-directory">
        CertMap Off
        RewriteEngine on
        RewriteRule "^here200\$" - [R=200]
    </Directory>
    <Files "off-files.txt">
        CertMap Off
    </Files>
    Redirect "/off-directory/redirect" "http://elsewhere.test/"

    LuaQuickHandler "\${DIR}/early.lua" quick
    LuaHookTranslateName "\${DIR}/early.lua" translate early
    LuaHookMapToStorage "\${DIR}/early.lua" storage
    LuaHookAccessChecker "\${DIR}/early.lua" access early
    LuaHookFixups "\${DIR}/early.lua" fixup
    $document_sections
CONF
    PerlRequire "${DIR}/Early.pm"
    PerlPostReadRequestHandler Early
PERL
</VirtualHost>
CONF

# Refused by httpd before it knows what <Location> says of it.
my @locked = map { $server->dir . "/site/$_" } 'locked', 'off/locked';
chmod 0, $_ or die "$_: $!\n" for @locked;
END { chmod 0755, @locked }

my ($marks, $refusals, %wanted) = (0, 0);

sub connect_as {
    my ($cert, $way) = @_;
    return CertMap::Client->new(bundle => pki('clients', "$cert.pem"), tls => $way->[0], http => $way->[1], port => $server->port('TLS'),
        sni => 'a.test');
}

sub request {
    my ($client, $line) = @_;
    my ($method, $path) = split / /, $line;
    return $client->ask(method => $method, path => $path, host => 'a.test', headers => { 'x-test' => ++$marks, accept => 'text/plain' });
}

# What a failed certificate got: "refused", or what was wrong with the refusal.
sub refused_how {
    my ($answer, $status, $method) = @_;
    my ($http) = $status =~ /^(\d+)/;
    return "$answer->{status} $answer->{body}" if $answer->{status} != $http;
    return 'no incident' if ($answer->{headers}{'x-certmap-incident'} // '') !~ /^\w+/;
    return 'a location' if $answer->{headers}{location};
    return "not its page: $answer->{body}" if $method ne 'HEAD' && $answer->{body} !~ /\b\Q$status\E\b/;
    $wanted{$marks} = "$http $status";
    return 'refused';
}

for my $way (@ways) {
    my $over = "TLS $way->[0], HTTP/$way->[1]";
    for my $row (@table) {
        my ($line, $good) = @$row;
        my $client = connect_as('good', $way);
        is request($client, $line)->{status}, $line =~ m{/rw/204|/rw/404} ? 200 : $good, "good, $over: $line";
        $client->close;
    }
    for my $cert (sort keys %failed) {
        for my $row (@table) {
            my ($line, undef, $expected) = @$row;
            my ($method) = split / /, $line;
            my $client = connect_as($cert, $way);
            for my $n (1 .. 2) {
                my $answer = request($client, $line);
                my $name = "$cert, $over: $line, request $n";
                if ($n == 2 && !$answer->{status}) {    # what httpd does after some of its answers, ours or not
                    ok 1, "$name: closed";
                    next;
                }
                $refusals++ if $expected eq '' || $line =~ m{^\w+ /(?:own|text|away)/};
                if ($expected eq '') {
                    is refused_how($answer, $failed{$cert}, $method), 'refused', $name;
                }
                else {
                    my ($status, $body) = split / /, $expected, 2;
                    ok $answer->{status} == $status && ($body eq '' || $answer->{body} eq $body), $name
                        or diag "$answer->{status} $answer->{body}";
                }
            }
            $client->close;
        }
    }
}
is scalar(grep {/certmap: 403\.\d+ .* incident=/} split /\n/, slurp($server->dir . '/error_log')), $refusals,
    'one line in the log for each refusal';

for my $way (@ways) {
    my $over = "TLS $way->[0], HTTP/$way->[1]";
    for my $cert (sort keys %failed) {
        for my $uri (sort keys %document) {
            my $client = connect_as($cert, $way);
            my $answer = request($client, "GET /document$uri");
            is $answer->{status} == 403 && $answer->{body} =~ /^the own document(?! .*SECRET)/ ? 'shown'
                : refused_how($answer, $failed{$cert}, 'GET'), $document{$uri} ? 'shown' : $uri =~ /shtml/ ? 'shown' : 'refused',
                "$cert, $over: error document $uri";
            $client->close;
        }
    }
}

# What httpd cannot read is not a request, and its answer says nothing but that.
for my $tls ('1.2', '1.3') {
    for my $text ("GET /plain.txt HTTP/1.1\r\nHost: a b\r\n\r\n", "GET /plain.txt HTTP/7\r\n\r\n", "GET /plain.txt\r\n\r\n") {
        my $client = connect_as('expired', [$tls, '1.1']);
        $client->write($text);
        1 while $client->read;
        unlike $client->unread, qr/plain text/, "TLS $tls: " . ($text =~ s/\r\n/ /gr);
        $client->close;
    }
}

$server->stop;
my (%logged, %original);
for (split /\n/, slurp($server->dir . '/access_log')) {
    my ($mark, $last, $first) = /^(\S+) (.*) (\S+)$/ or next;
    $logged{$mark} = $last;
    $original{$mark} = $first;
}
my @wrong = grep { ($logged{$_} // 'nothing') ne $wanted{$_} } sort { $a <=> $b } keys %wanted;
diag scalar(@wrong) . " wrong in the log, first: $wanted{$wrong[0]} but $logged{$wrong[0]}" if @wrong;
ok !@wrong, 'the access log says what was refused, and why';
is scalar(grep { $original{$_} eq '200' } keys %wanted), 0, '... and of no such request that it was answered';
is join("\n", grep {/exit signal/} split /\n/, slurp($server->dir . '/error_log')), '', 'no process crashed';
