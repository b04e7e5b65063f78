#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What a refusal leaves: the log line, its level, the incident id that is the same everywhere, headers, and the built-in
# answer in the form that was asked for.
use strict;
use warnings;
use JSON::PP qw(decode_json);
use Test::More;
use CertMap::Test;

my @table = (
    [undef,         '403.7 certificate-missing'],
    [unmapped    => '403.12 no-match'],
    [denied      => '403.12 denied-by-rule'],
    [revoked     => '403.13 revoked'],
    [unknownca   => '403.16 untrusted-issuer'],
    [malformed   => '403.16 malformed'],
    [newline     => '403.12 denied-by-rule'],
    [expired     => '403.17 expired'],
);
my @accept = (
    ['text/html,application/xhtml+xml,*/*;q=0.8' => 'text/html; charset=utf-8'],
    ['application/problem+json'                  => 'application/problem+json'],
    ['application/json'                          => 'application/problem+json'],
    ['text/plain'                                => 'text/plain; charset=utf-8'],
);

plan tests => @table * (7 + 2 * @accept) + 12;

for my $row (@table) {
    my ($cert, $expected) = @$row;
    my ($status, $reason) = split / /, $expected;
    my ($substatus) = $status =~ /403\.(\d+)/;
    my $name = $cert // 'no certificate';
    my $mark = error_log_mark();
    my ($first, $again) = ask(cert => $cert, http => '2', requests => ['/on/env', { url => '/on/env', new => 1 }]);
    my $incident = $first->{headers}{'x-certmap-incident'} // '';
    like $incident, qr/^[0-9a-z]{8,}$/, "$name: X-Certmap-Incident";
    is $first->{log}{incident}, $incident, '... is in the note';
    like $first->{body}, qr/\Q$incident\E/, '... and on the page';
    my @lines = grep {/certmap: 403/} split /\n/, error_log($mark);
    is scalar(grep {/certmap: \Q$expected\E .*incident=\Q$incident\E$/} @lines), scalar(@lines), '... and on each line of the error log';
    is scalar(@lines), 2, '... one a refusal';
    like $first->{headers}{'cache-control'} // '', qr/\bno-store\b/, '... no-store';
    is $again->{headers}{'x-certmap-incident'}, $incident, '... a repeat has the same id';

    for (@accept) {
        my ($accept, $type) = @$_;
        my ($page, $head) = ask(cert => $cert, requests => [map { { url => '/on/env', headers => ["Accept: $accept"], method => $_ } }
            qw(GET HEAD)]);
        my $body = $page->{body};
        my $said = $type =~ /json/ ? do { my $json = decode_json($body); "$json->{status}.$json->{substatus} $json->{reason}" }
            : $body =~ /\b(403\.\d+)\b.*(\Q$reason\E)/s ? "$1 $2" : $body;
        is lc("$page->{headers}{'content-type'} $said"), "$type $expected", "$name: Accept: $accept";
        is join(' ', $head->{status}, $head->{log}{substatus}, lc($head->{headers}{'content-type'} // '')),
            "403 $substatus $type", '... HEAD';
    }
}

# The first refusal of a certificate for a reason is news, its repeats are not. No other test shows this certificate.
my $mark = error_log_mark();
ask(cert => 'seldom', requests => ['/on/env', '/on/env', { url => '/on/env', new => 1 }]);
my @levels = map { /\[certmap:(\w+)\].*certmap: 403\.12 no-match .*CN=Seldom/ ? $1 : () } split /\n/, error_log($mark);
is "@levels", 'error info info', 'error for what is new, info for its repeats';

# What a certificate says is text in the log, never a line of its own.
$mark = error_log_mark();
ask(cert => 'newline', requests => ['/on/env']);
my ($line) = grep {/certmap: 403\.12 denied-by-rule/} split /\n/, error_log($mark);
like $line, qr/subject="[^"]*Alice[^"]{1,16}Smith[^"]*"/, 'a line feed in a name stays inside the quotes';
like $line, qr/ rule=mallory detail="rule mallory: subject\.CN is malformed: control character inside" /,
    'a denial for what is malformed names the field';
$mark = error_log_mark();
ask(cert => 'malformed', requests => ['/on/env']);
($line) = grep {/certmap: 403\.16 malformed/} split /\n/, error_log($mark);
like $line, qr/ malformed="san\.ip: an address of neither 4 nor 16 octets" /, 'malformed as a whole: the log says why';
ask(cert => 'forged5', requests => ['/on/env']);
($line) = grep {/certmap: 403\.12 no-match/} split /\n/, error_log($mark);
like $line, qr/subject="(?:[^"\\]|\\.)*bob(?:[^"\\]|\\.)*"/, 'a quote in a name does not end it';
like $line, qr/ nearest=staff failed="subject\.OU=Staff"/, 'no-match names the nearest rule and what failed';

ask(cert => 'good', requests => ['/whole/env']);
($line) = grep {/certmap: 403\.12 no-match/ && / nearest=whole /} split /\n/, error_log($mark);
like $line, qr/ failed="issuer=[^"]*" differs="O=Example Ltd in place of O=Example GmbH" /, '... and how a whole name differs';
like $line, qr/ vhost="a\.test \(\S+extra\.conf:\d+\)" incident=/, '... and the virtual host, with its place';
ask(tls => 'none', requests => ['/on/env']);
($line) = grep {/certmap: 403\.4 ssl-required/} split /\n/, error_log($mark);
like $line, qr/ssl-required vhost="a\.test \(\S+extra\.conf:\d+\)" incident=/, '403.4 does, too';

# HEAD has the head of GET and nothing after it. (Over TLS 1.3 s_client prints tickets in between.)
my $raw = ask_raw(cert => 'unmapped', tls => '1.2', text => "HEAD /on/env HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
my ($behind) = $raw->{output} =~ m{HTTP/1\.1 403 .*?\r\n\r\n(.*)}s;
is $behind, "closed\n", 'HEAD has no body';

# The page gives nothing of the server away.
my ($page) = ask(cert => 'unmapped', requests => [{ url => '/on/env', headers => ['Accept: text/html'] }]);
unlike $page->{body}, qr/staff|mallory|cgi-bin|htdocs|certmap\.[A-Za-z0-9]{6}|Apache/i, 'the page names no rule, path or version';
like $page->{body}, qr/webmaster\@example\.org/, 'the page says whom to ask';
