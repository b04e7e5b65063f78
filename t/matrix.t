#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The matrix: every certificate that must not get in, at every place, by every way that has let such certificates in somewhere:
# with the session of an earlier connection (by ticket, by cache, across a restart, at another virtual host, at a server without
# the module, from such a server), over TLS 1.2 and 1.3, HTTP/1.1 and 2, as the first and as the second request of a connection.
# And the good certificate in the same cells: let in, and its sessions resumed wherever they prove that it was verified here.
#
# A cell is one request. Each place has connections of its own, so that it is really the first one that is asked.
use strict;
use warnings;

use HTML::Parser ();
use POSIX ();
use Storable qw(retrieve store);
use Test::More;
use CertMap::Client;
use CertMap::File;
use CertMap::Server;
use CertMap::Test;

# certificate => status, substatus and reason of its refusal
my %bad = (
    expired => '403 17 expired', notyet => '403 17 not-yet-valid', revoked => '403 13 revoked',
    nocrl => '403 13 revocation-unknown', stalecrl => '403 13 revocation-unknown', selfsigned => '403 16 self-signed',
    unknownca => '403 16 untrusted-issuer', badsig => '403 16 bad-signature', issuerexpired => '403 16 issuer-expired',
    toodeep => '403 16 chain-too-long', constraint => '403 16 constraint-violation', wrongeku => '403 16 wrong-purpose',
);
# In a virtual host that trusts the other root only, each is from an unknown one but these.
my %elsewhere = (unknownca => 'good', selfsigned => $bad{selfsigned});
my @certs = ('good', sort keys %bad);
# Certificates that get a session from others: a server without the module and without CRLs lets these in; to a virtual host
# that does not defer each but the good one is worth an alert.
my %lenient = (foreign => { map { $_ => 1 } qw(good selfsigned unknownca revoked nocrl stalecrl) }, strict => { good => 1 });

# name, method, path, what the good certificate gets to see, what a bad one gets: page (the built-in refusal), document (its own
# document), dead-end (an error document that leads to a page, which is refused), part (a page without its guarded part), verify
# (a page that says what SSL_CLIENT_VERIFY reads), require (the 403 of Require ssl-verify-client)
my @places = (
    [plain           => GET     => '/plain.txt',                qr/^plain text$/,        'page'],
    [mapped          => GET     => '/on/plain.txt',             qr/^plain text$/,        'page'],
    [index           => GET     => '/',                         qr/<p>the index$/,       'page'],
    ['mapped index'  => GET     => '/on/',                      qr/<p>the index$/,       'page'],
    [include         => GET     => '/on/include.shtml',         qr/before plain text/,   'page'],
    ['sub-request'   => GET     => '/off/include.shtml',        qr/before plain text/,   'part'],
    [document        => GET     => '/docs/plain.txt',           qr/^plain text$/,        'document'],
    ['document that redirects' => GET => '/docs-redirect/plain.txt', qr/^plain text$/,   'dead-end'],
    ['the document itself' => GET => '/errors/page.shtml',      qr/^own document/,       'page'],
    ['Satisfy any'   => GET     => '/satisfy/plain.txt',        qr/^plain text$/,        'page'],
    ['Satisfy any, guard alone' => GET => '/satisfy-guard/plain.txt', qr/^plain text$/,  'page'],
    [TRACE           => TRACE   => '/plain.txt',                qr/^x-test:/im,          'page'],
    ['OPTIONS *'     => OPTIONS => '*',                         qr/^$/,                  'page'],
    [cached          => GET     => '/cache/plain.txt',          qr/^plain text$/,        'page'],
    [rewritten       => GET     => '/rewritten/200',            qr/<h1>OK</,             'page'],
    [proxied         => GET     => '/proxy/plain.txt',          qr/^plain text$/,        'page'],
    ['Require ssl-verify-client' => GET => '/verified/plain.txt', qr/^plain text$/,      'page'],
    ['CertMap Off, Require ssl-verify-client' => GET => '/off-verified/plain.txt', qr/^plain text$/, 'require'],
    ['CertMap Off'   => GET     => '/off/verify.shtml',         qr/^SUCCESS$/,           'verify'],
);
my %place = map { $_->[0] => $_ } @places;
# What is refused in a virtual host that does not defer, and at a server without the module.
my @strict = @place{qw(mapped include document cached proxied), 'mapped index', 'Satisfy any', 'Require ssl-verify-client'};
my @stock = $place{'Require ssl-verify-client'};
# Where the certificate is asked for only now.
my @asked = (
    ['asked'           => GET => '/ask/plain.txt',              qr/^plain text$/,        'page'],
    ['asked index'     => GET => '/ask/',                       qr/<p>the index$/,       'page'],
    ['asked include'   => GET => '/ask/include.shtml',          qr/before plain text/,   'page'],
    ['asked, guard alone' => GET => '/ask-guard/plain.txt',     qr/^plain text$/,        'page'],
    ['required'        => GET => '/ask-require/plain.txt',      qr/^plain text$/,        'page'],
);
$place{ $_->[0] } = $_ for @asked;

# Sessions that each certificate leaves: by a ticket, in the cache (cached), before the restart (old), at a server
# without the module and without CRLs (foreign), in a virtual host that does not defer (strict), after it was asked for in a
# section (asked).
# Ways to come: name, and which session is offered, to which port or server, with which names (sni, host);
#   resumed   whether the good certificate's session is; '1.2': over TLS 1.2 only
#   want      what else is right: alert, misdirected (421), cannot (the client cannot be asked); stock: no rules there
#   after     a place that is asked last on the same connection
my @ways = (
    ['first connection', {}],
    ['ticket', { session => 'ticket', resumed => 1 }],
    ['cached session', { session => 'cached', port => 'CACHE', resumed => 1 }],
    ['ticket from before a restart', { session => 'old', resumed => 1 }],
    ['ticket, other virtual host', { session => 'ticket', sni => 'b.test', host => 'b.test' }],
    ['cached session, other virtual host', { session => 'cached', sni => 'b.test', host => 'b.test' }],
    ['ticket, no SNI', { session => 'ticket', sni => undef, want => 'misdirected', resumed => 1 }],
    ['ticket, SNI A, Host B', { session => 'ticket', host => 'b.test', want => 'misdirected', resumed => 1 }],
    ['ticket, other CAs', { session => 'ticket', port => 'OTHER', other => 1 }],
    ['ticket, without deferral', { session => 'ticket', port => 'STRICT', places => \@strict, want => 'alert',
        resumed => 1 }],
    ['cached session, without deferral', { session => 'cached', port => 'STRICT', places => \@strict, want => 'alert',
        resumed => '1.2' }],
    ['ticket, without the module', { session => 'ticket', server => 'stock', places => \@stock, want => 'alert stock',
        resumed => 1 }],
    ['ticket from without the module', { session => 'foreign' }],
    ['ticket from without deferral', { session => 'strict', resumed => 1 }],
    ['asked', { port => 'ASK', places => \@asked, want => 'asked', after => 'plain' }],
    ['asked, session of such a connection', { session => 'asked', port => 'ASK', places => \@asked, want => 'asked',
        after => 'plain' }],
    ['asked, ticket', { session => 'ticket', port => 'ASK', places => \@asked, want => 'asked', after => 'plain' }],
    ['session of a connection that was asked', { session => 'asked' }],
    ['cannot be asked', { port => 'ASK', places => \@asked, mute => 1, want => 'cannot' }],
);
my @tls = ('1.2', '1.3');
my @http = ('1.1', '2');

# ---- the servers

my $key = top() . '/t/logs/matrix.key';
open my $out, '>:raw', $key or die "$key: $!\n";
open my $random, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
read $random, my $bytes, 48;
print {$out} $bytes;
close $out or die "$key: $!\n";

sub server {
    my ($name, %arg) = @_;
    return CertMap::Server->new(
        name => $name, without => ['cgid'], files => { 'crl.pem' => slurp(pki('crl.pem')) }, %arg,
        text => "Define TICKETS \"$key\"\nInclude \"" . top() . "/t/conf/$name.conf\"\n",
    );
}
my $cache = top() . '/t/logs/matrix-cache';
mkdir $cache or die "$cache: $!\n";
my $ours = server('matrix', ports => [qw(TLS CACHE SHORT SHORTCACHE OTHER STRICT ASK OCSP OCSPCRL OCSPFEW)],
    modules => [qw(cache cache_disk)]);
my $stock = server('matrix-stock', ports => [qw(TLS NOCRL)], without => ['cgid', 'certmap']);

# ---- asking

my (@cells, $marks);

sub connect_as {
    my ($cert, $tls, $http, %arg) = @_;
    my $server = $arg{server} // $ours;
    return CertMap::Client->new(bundle => defined $cert ? $cert =~ m{/} ? $cert : pki('clients', "$cert.pem") : undef,
        tls => $tls, http => $http, port => $server->port($arg{port} // 'TLS'), sni => exists $arg{sni} ? $arg{sni} : 'a.test',
        session => $arg{session}, mute => $arg{mute});
}

sub request {
    my ($client, $method, $path, $host) = @_;
    my $mark = "m$$-" . ++$marks;
    my $response = $client->ask(method => $method, path => $path, host => $host // 'a.test',
        headers => { 'x-test' => $mark, accept => 'text/html' });
    return { %$response, mark => $mark };
}

# A session that a connection to this port leaves, undef when there is none.
sub donate {
    my ($cert, $tls, %arg) = @_;
    my $client = connect_as($cert, $tls, '1.1', %arg);
    my $response = request($client, 'GET', $arg{path} // '/plain.txt', $arg{host});
    my $session = $response->{status} ? $client->session : undef;
    $client->close;
    return $session;
}

# Two requests on a connection of their own for each place. Arguments as for connect_as, and those of @ways; verdict (what
# is expected, unless it is the certificate's own: 'good' or a refusal).
sub visit {
    my ($name, $cert, $tls, $http, %arg) = @_;
    my $verdict = $arg{verdict} // ($arg{other} ? $elsewhere{$cert} // $bad{unknownca} : $bad{$cert} // 'good');
    (my $who = $cert) =~ s{.*/(.*)\.pem\z}{$1};
    my $resumed = $arg{resumed} && ($arg{resumed} eq '1' || $arg{resumed} eq $tls);
    for my $place (@{ $arg{places} // \@places }) {
        my $client = connect_as($cert, $tls, $http, %arg);
        my $nth = 0;
        for my $asked ($place, $place, $arg{after} && $http eq '1.1' ? $place{ $arg{after} } : ()) {
            $nth++;
            my $response = request($client, @$asked[1, 2], $arg{host});
            push @cells, {
                name => "$name: $place->[0], request $nth", block => "$who, TLS $tls, HTTP/$http", verdict => $verdict,
                tls => $tls, http => $http, place => $asked->[0], want => $arg{want} // '', want_resumed => $resumed,
                resumed => $client->resumed, failed => $client->failed, response => $response,
            };
        }
        $client->close;
    }
}

# ---- judging

my %log;

sub read_logs {
    my %pending = map { $_->{response}{status} ? ($_->{response}{mark} => 1) : () } @_;
    for (1 .. 250) {
        for my $server ($ours, $stock) {
            for (split /\n/, slurp($server->dir . '/access_log')) {
                my ($mark, @fields) = split /\t/, $_, -1;
                @{ $log{$mark} }{qw(status substatus reason mapped user protocol tls resumed verify request)} = @fields;
                delete $pending{$mark};
            }
        }
        return if !%pending;
        select undef, undef, undef, 0.02;
    }
}

# What a built-in page says: the text of its <p class="status"> and of the <code> elements.
sub read_page {
    my ($html) = @_;
    my ($collect, @status, @code);
    my $parser = HTML::Parser->new(api_version => 3,
        start_h => [sub {
            my ($tag, $attr) = @_;
            if ($tag eq 'p' && ($attr->{class} // '') eq 'status' || $tag eq 'code') {
                $collect = $tag eq 'p' ? \@status : \@code;
                push @$collect, '';
            }
        }, 'tagname,attr'],
        end_h => [sub { $collect = undef if $_[0] eq 'p' || $_[0] eq 'code' }, 'tagname'],
        text_h => [sub { $collect->[-1] .= $_[0] if $collect }, 'dtext'],
    );
    $parser->parse($html);
    $parser->eof;
    return join '|', @status, grep {/^403\./} @code;
}

sub refused_how {
    my ($cell, $kind, $expected) = @_;
    my ($response, $log) = ($cell->{response}, $log{ $cell->{response}{mark} });
    my ($status, $substatus, $reason) = split / /, $expected;
    my $body = $response->{body};
    return "shows what it should not: $body" if $body =~ /plain text|the index|x-test:/i;
    if ($kind eq 'part') {
        return $response->{status} == 200 && $body =~ /^before .* after$/ ? () : "no page without its part: $body";
    }
    if ($kind eq 'verify') {
        return $response->{status} == 200 && $body =~ /^(?:FAILED:.*|GENEROUS)$/ ? () : "SSL_CLIENT_VERIFY: $body";
    }
    if ($kind eq 'require') {
        return $response->{status} == 403 ? () : 'Require ssl-verify-client grants';
    }
    my @wrong;
    my $said = join ' ', $response->{status}, $log->{substatus} // '?', $log->{reason} // '?';
    push @wrong, "says $said" if $said ne $expected;
    push @wrong, "user $log->{user}" if ($log->{user} // '') ne '-' || $log->{mapped} ne '-';
    if ($kind eq 'document') {
        push @wrong, "not its document: $body" if $body !~ /^own document \Q$status.$substatus $reason\E$/;
    }
    elsif ($kind eq 'page') {
        my $page = read_page($body);
        push @wrong, "not its page: $page" if $page ne "Error $status.$substatus|$status.$substatus $reason";
    }
    return @wrong;
}

# What is wrong with a cell of a bad certificate.
sub judge_bad {
    my ($cell) = @_;
    my $response = $cell->{response};
    my $log = $log{ $response->{mark} };
    my @wrong;
    push @wrong, 'resumed' if $cell->{resumed};
    if (!$response->{status}) {
        push @wrong, "no answer ($cell->{failed})" if $cell->{want} !~ /alert/;
        return @wrong;
    }
    return (@wrong, 'not in the log') if !$log;
    push @wrong, "logged as $log->{resumed}" if $log->{resumed} ne 'Initial';
    push @wrong, "SSL_CLIENT_VERIFY $log->{verify}" if $log->{verify} !~ /^(?:FAILED:.+|GENEROUS)$/;
    return @wrong if $cell->{want} =~ /misdirected/ && $response->{status} == 421;
    push @wrong, refused_how($cell, $cell->{want} =~ /stock/ ? 'require' : $place{ $cell->{place} }[4], $cell->{verdict});
    return @wrong;
}

sub judge_good {
    my ($cell) = @_;
    my ($response, $place) = ($cell->{response}, $place{ $cell->{place} });
    my $log = $log{ $response->{mark} };
    my @wrong;
    return "no answer ($cell->{failed})" if !$response->{status};
    return 'not in the log' if !$log;
    my $resumed = $cell->{want_resumed} ? 'Resumed' : 'Initial';
    push @wrong, "logged as $log->{resumed}" if $log->{resumed} ne $resumed && $cell->{want} ne 'asked';
    push @wrong, 'SSL_CLIENT_VERIFY ' . $log->{verify} if $log->{verify} ne 'SUCCESS';
    return @wrong if $cell->{want} =~ /misdirected/ && $response->{status} == 421;
    # mod_ssl's own Require never grants over HTTP/2, and mod_http2 of older httpd has no OPTIONS *
    my $status = $cell->{http} eq '2' && $place->[0] =~ /ssl-verify-client/ ? 403 : 200;
    push @wrong, "status $response->{status}" if $response->{status} != $status
        && !($cell->{http} eq '2' && $place->[0] eq 'OPTIONS *' && $response->{status} == 400);
    return @wrong if $response->{status} != 200;
    push @wrong, "body $response->{body}" if $response->{body} !~ $place->[3];
    my $mapped = $place->[2] =~ m{^/(?:on|docs|docs-redirect|satisfy|cache|proxy|ask|ask-require)/} && $cell->{want} !~ /stock/;
    my $user = $mapped ? 'alice' : '-';
    push @wrong, "user $log->{user}" if $log->{user} ne $user;
    push @wrong, 'not from the cache' if $place->[0] eq 'cached' && ($response->{headers}{'x-cache'} // '') !~ /^HIT /;
    return @wrong;
}

# Nobody could be asked: no certificate, and no way in for anyone. (Over HTTP/2 the stream is reset, and only the log says why.)
sub judge_unasked {
    my ($cell) = @_;
    my $response = $cell->{response};
    my $log = $log{ $response->{mark} };
    my @wrong;
    push @wrong, "shows what it should not: $response->{body}" if $response->{body} =~ /plain text|the index/;
    push @wrong, "status $response->{status}" if $response->{status} != 403 && $response->{status} != 0;
    if ($log) {
        push @wrong, "SSL_CLIENT_VERIFY $log->{verify}" if $log->{verify} !~ /^(?:NONE|-)$/ && $cell->{verdict} ne 'good';
        my $said = join ' ', @$log{qw(status substatus reason user)};
        # over TLS 1.2 a refused renegotiation looks like one without a certificate
        push @wrong, "logged as $said" if $said !~ /^403 7 certificate-not-requestable -$/
            && !($said eq '403 7 certificate-missing -' && $cell->{tls} eq '1.2')
            && !($said eq '403 - - -' && ($cell->{verdict} eq 'good' || $cell->{place} eq 'asked, guard alone'));
    }
    return @wrong;
}

sub judge {
    my ($cell) = @_;
    return judge_unasked($cell) if $cell->{want} eq 'cannot';
    if ($cell->{want} eq 'asked' && $cell->{http} eq '2' && $place{ $cell->{place} }[2] =~ m{^/ask}) {
        # a resumed good session brings its certificate along, and mod_ssl may be content with that
        return $cell->{verdict} eq 'good' && $cell->{resumed} && $cell->{response}{status} == 200 ? judge_good($cell)
            : judge_unasked($cell);
    }
    return $cell->{verdict} eq 'good' ? judge_good($cell) : judge_bad($cell);
}

# ---- the matrix

# One certificate's share.
sub share {
    my ($cert, $old) = @_;
    for my $tls (@tls) {
        my %session = (
            ticket => donate($cert, $tls), old => $old->{$tls}, cached => donate($cert, $tls, port => 'CACHE'),
            foreign => donate($cert, $tls, server => $stock, port => 'NOCRL'),
            asked => donate($cert, $tls, port => 'ASK', path => '/ask/plain.txt'),
            strict => donate($cert, $tls, port => 'STRICT', path => '/verified/plain.txt'),
        );
        for (qw(foreign strict)) {
            die "$cert, TLS $tls: " . ($session{$_} ? 'a ' : 'no ') . "session ($_)\n" if $lenient{$_}{$cert} xor $session{$_};
        }
        for my $http (@http) {
            for my $way (@ways) {
                my ($name, $arg) = @$way;
                next if $arg->{session} && $lenient{ $arg->{session} } && !$lenient{ $arg->{session} }{$cert};
                $arg->{session} and !$session{ $arg->{session} } and die "$cert, TLS $tls: no session ($arg->{session})\n";
                visit($name, $cert, $tls, $http, %$arg, session => $arg->{session} && $session{ $arg->{session} },
                    server => $arg->{server} ? $stock : $ours);
            }
        }
    }
}

# Two processes, each with every second certificate.
sub share_all {
    my ($old) = @_;
    my @workers;
    for my $n (0, 1) {
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            my $done = eval {
                share($certs[$_], $old->{ $certs[$_] }) for grep { $_ % 2 == $n } 0 .. $#certs;
                store \@cells, $ours->dir . "/cells.$n";
                1;
            };
            print STDERR $@ if !$done;
            POSIX::_exit($done ? 0 : 1);
        }
        push @workers, $pid;
    }
    for my $n (0, 1) {
        waitpid $workers[$n], 0;
        die "a share failed\n" if $?;
        push @cells, @{ retrieve($ours->dir . "/cells.$n") };
    }
}

my ($counted, @blocks) = (0);

# One test for all cells so far of a certificate over one way of TLS and HTTP.
sub report {
    my ($about) = @_;
    read_logs(@cells);
    my %wrong;
    for my $cell (@cells) {
        push @{ $wrong{ $cell->{block} } }, map {"$cell->{name}: $_"} judge($cell);
    }
    for my $block (sort keys %wrong) {
        ok !@{ $wrong{$block} }, "$about$block" or diag join "\n", map {"$block, $_"} @{ $wrong{$block} };
    }
    $counted += @cells;
    @cells = ();
}

# The number of cells that the tables make, counted without making them.
sub cells_of_table {
    my $n = 0;
    for my $way (@ways) {
        my ($name, $arg) = @$way;
        my $group = $arg->{session} && $lenient{ $arg->{session} };
        my $shown = grep { !$group || $group->{$_} } @certs;
        my $places = @{ $arg->{places} // \@places };
        $n += $shown * @tls * $places * ($arg->{after} ? 3 + 2 : 2 * @http);
    }
    return $n;
}

# ---- sessions that were good once

# Too old: a session that was renewed in time is as old as its verification.
sub grow_old {
    my (%session, $started);
    for my $port (qw(SHORT SHORTCACHE)) {
        $session{$port}{$_} = donate('good', $_, port => $port) for @tls;
    }
    sleep 4;
    for my $port (qw(SHORT SHORTCACHE)) {
        for my $tls (@tls) {
            my $client = connect_as('good', $tls, '1.1', port => $port, session => $session{$port}{$tls});
            my $response = request($client, 'GET', '/on/plain.txt');
            is $response->{status} . ' ' . $client->resumed, '200 1', "TLS $tls, $port: a session of 4 seconds is resumed";
            $session{$port}{$tls} = $client->session;
            $client->close;
        }
    }
    sleep 5;
    for my $port (qw(SHORT SHORTCACHE)) {
        for my $tls (@tls) {
            my @offer = (port => $port, session => $session{$port}{$tls});
            visit("session older than the timeout, $port", 'good', $tls, $_, @offer) for @http;
        }
    }
    report('too old: ');
}

# Revoked meanwhile. The session comes from here, by ticket and cache, and from the server that has no CRL.
sub revoke_meanwhile {
    my %session;
    for my $cert ('ocsprevoked', 'good') {
        for my $tls (@tls) {
            $session{$cert}{$tls} = { ticket => donate($cert, $tls), cached => donate($cert, $tls, port => 'CACHE'),
                foreign => donate($cert, $tls, server => $stock, port => 'NOCRL') };
            for my $http (@http) {
                visit('before', $cert, $tls, $http, session => $session{$cert}{$tls}{ticket}, verdict => 'good', resumed => 1);
                visit('before, cache', $cert, $tls, $http, port => 'CACHE', session => $session{$cert}{$tls}{cached},
                    verdict => 'good', resumed => 1);
            }
        }
    }
    new_crl($ours->dir . '/crl.pem');
    $ours->graceful;
    for my $cert ('ocsprevoked', 'good') {
        my $verdict = $cert eq 'good' ? 'good' : '403 13 revoked';
        for my $tls (@tls) {
            for my $http (@http) {
                for my $kind (qw(ticket cached foreign)) {
                    visit("after, $kind", $cert, $tls, $http, session => $session{$cert}{$tls}{$kind}, verdict => $verdict,
                        port => $kind eq 'cached' ? 'CACHE' : 'TLS');
                }
            }
        }
    }
    report('a new CRL: ');
}

# The issuing CA's CRL again: now with the certificate that was revoked after the first one was made.
sub new_crl {
    my ($name) = @_;
    my $dir = $ours->dir;
    my $ca = pki('ca', 'inter');
    open my $fh, '>', "$dir/ca.cnf" or die "$dir/ca.cnf: $!\n";
    print {$fh} "[ca]\ndefault_ca = one\n[one]\ndatabase = $ca/index.txt\ncertificate = $ca/ca.crt\nprivate_key = $ca/ca.key\n",
        "default_md = sha256\ndefault_crl_days = 30\n";
    close $fh or die "$dir/ca.cnf: $!\n";
    system("openssl ca -config '$dir/ca.cnf' -gencrl -out '$dir/inter.pem' 2>'$dir/ca.log'") == 0 or die slurp("$dir/ca.log");
    open $fh, '>', $name or die "$name: $!\n";
    print {$fh} slurp("$dir/inter.pem"), map { slurp(pki('ca', $_, 'crl.pem')) } qw(root deep old narrow elsewhere stalecrl);
    close $fh or die "$name: $!\n";
}

# ---- no OCSP request for a certificate whose signature does not hold

my $seen = 0;

# The CAs whose responders were asked since the last call; the suite's own server answers for them and logs it.
sub asked {
    select undef, undef, undef, 0.1;
    open my $fh, '<', top() . '/t/logs/access_log' or die "access_log: $!\n";
    seek $fh, $seen, 0;
    my %ca = map { m{ /ocsp/(\w+)} ? ($1 => 1) : () } <$fh>;
    $seen = tell $fh;
    return join ' ', sort keys %ca;
}

sub pem {
    my ($name, $kind) = @_;
    my ($pem) = slurp($name) =~ /(-----BEGIN (?:\w+ )*$kind-----.*?-----END (?:\w+ )*$kind-----\n)/s or die "$name: no $kind\n";
    return $pem;
}

sub craft {
    my ($in, $key, $from, $to, $out) = @_;
    system($^X, top() . '/t/pki/craft.pl', $in, $key, $from, $to, $out) == 0 or die "craft.pl failed\n";
}

# Certificates that name a responder and whose signature, or that of a CA above them, does not hold.
sub forge {
    my $dir = $ours->dir;
    my $file = sub {
        my ($name, @pem) = @_;
        open my $fh, '>', "$dir/$name.pem" or die "$dir/$name.pem: $!\n";
        print {$fh} @pem;
        close $fh or die "$dir/$name.pem: $!\n";
        return "$dir/$name.pem";
    };
    my $client = sub { pki('clients', $_[0]) };
    my %forged = (badsig => $client->('badsig.pem'));

    # issued by a root of its own, which it sends along
    $forged{'its own root'} = $file->('ownroot', pem($client->('unknownca.crt'), 'CERTIFICATE'),
        slurp(pki('ca', 'elsewhere', 'ca.crt')), pem($client->('unknownca.pem'), 'PRIVATE KEY'));

    # from the CA that has no CRL, so that OCSP would be next
    craft($client->('nocrl.crt'), '-', '', '', "$dir/nocrl.crt");
    $forged{'no CRL'} = $file->('nocrl', slurp("$dir/nocrl.crt"), slurp(pki('ca', 'nocrl', 'ca.crt')),
        pem($client->('nocrl.pem'), 'PRIVATE KEY'));

    # the issuing CA's certificate with another key in it, and a certificate that this key signed
    my $key = pki('ca', 'elsewhere', 'ca.key');
    my @point = map { unpack 'H*', substr qx(openssl pkey $_ -pubout -outform DER), -65 }
        '-in ' . $key, '-pubin -in ' . $file->('interkey', scalar qx(openssl x509 -in ${\ pki('ca', 'inter', 'ca.crt')} -noout -pubkey));
    craft(pki('ca', 'inter', 'ca.crt'), $key, @point[1, 0], "$dir/inter.crt");
    craft($client->('good.crt'), $key, unpack('H*', 'Alice'), unpack('H*', 'Alicf'), "$dir/leaf.crt");
    $forged{'a forged CA'} = $file->('forgedca', slurp("$dir/leaf.crt"), slurp("$dir/inter.crt"),
        pem($client->('good.pem'), 'PRIVATE KEY'));
    return \%forged;
}

my @ocsp = qw(OCSP OCSPCRL OCSPFEW);
# certificate => answer, and the responders that may be asked: those of CAs above a signature that holds
my %forged = (
    badsig => ['403 16 bad-signature', 'root'], 'its own root' => ['403 16 untrusted-issuer', ''],
    'no CRL' => ['403 16 bad-signature', 'root'], 'a forged CA' => ['403 16 bad-signature', ''],
);

sub ask_nobody {
    my $bundle = forge();
    for my $port (@ocsp) {
        asked();
        visit("good, $port", 'good', '1.3', '1.1', port => $port, places => [$place{mapped}]);
        like asked(), qr/\binter\b/, "$port: the good certificate's responder is asked";
        for my $name (sort keys %forged) {
            my ($verdict, $may) = @{ $forged{$name} };
            for my $tls (@tls) {
                my @offer = (port => $port, places => [@places[0, 1]], verdict => $verdict);
                visit("$name, $port", $bundle->{$name}, $tls, $_, @offer) for @http;
            }
            my %may = map { $_ => 1 } split / /, $may;
            is join(' ', grep { !$may{$_} } split / /, asked()), '', "$port, $name: nobody is asked who must not be";
        }
    }
    report('OCSP: ');
}

# ---- the run

plan tests => 1 + @certs * @tls * @http + 4 + @tls * @http + 2 * @tls * @http + @ocsp * (1 + keys %forged) + 1
    + keys(%forged) * @tls * @http + 1;

donate('good', '1.3', path => '/cache/plain.txt', host => $_) for qw(a.test b.test);      # what is to be cached
my %old;
for my $cert (@certs) {
    $old{$cert}{$_} = donate($cert, $_) for @tls;
}
$ours->graceful;
share_all(\%old);
is scalar(@cells), cells_of_table(), 'every cell of the table was asked';
report('');
grow_old();
revoke_meanwhile();
ask_nobody();
my @logged = map { split /\n/, slurp($_->dir . '/error_log') } $ours, $stock;
my @crashed = grep {/exit signal/} @logged;
# What the process logged before is all that is known of a crash.
ok !@crashed, 'no child crashed'
    or diag join "\n", map { my ($pid) = /\bpid (\d+) exit signal/; (grep({ $pid && /\[pid $pid:/ } @logged), $_) } @crashed;
diag "$counted cells";
