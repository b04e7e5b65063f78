#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A store that changes under the running server: what certmapctl has done counts soon, on an open connection too.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(sleep time);
use CertMap::Client;
use CertMap::Explain;
use CertMap::Test;

my $live = top() . '/t/live/live.store';
my $alice = fingerprint('good');
my $others = join '', map { 'sha256:' . sha256_hex($_) . " other\n" } 1 .. 2000;

# words of certmapctl, what it reads, the answer from then on, name
my @changes = (
    [['add', $live, '--file', '-'],        "sha256:$alice alicia groups=a\n",   '200 alicia',   'an entry is added'],
    [['add', '-r', $live, '--file', '-'],  "sha256:$alice - deny\n",            '403 -',        'it is replaced by a deny entry'],
    [['remove', $live, "sha256:$alice"],   '',                                  '200 alice',    'it is removed: the rule maps'],
    [['build', $live, '-'],                "sha256:$alice built\n$others",      '200 built',    'the store is built anew'],
    [['add', '-r', $live, '-f', '-'],      "sha256:$alice added\n",             '200 added',    'and changed'],
    [['build', $live, '-'],                '',                                  '200 alice',    'and built with nothing'],
);
plan tests => 1 + 2 * @changes;

my $client = CertMap::Client->new(bundle => pki('clients', 'good.pem'), tls => '1.3', http => '1.1',
    port => port('TLS'), sni => 'a.test');

# A child looks at the store once a second; until then the answer is the one before.
sub becomes {
    my ($expected, $before, $name) = @_;
    my ($end, $got, @wrong) = (time + 20, '');
    while ($got ne $expected && time < $end) {
        my $answer = $client->ask(path => '/store/env', host => 'a.test');
        my ($user) = $answer->{body} =~ /^REMOTE_USER=(.*)$/m;
        $got = "$answer->{status} " . ($user // '-');
        push @wrong, $got if $got ne $expected && $got ne $before;
        sleep 0.25 if $got ne $expected;     # httpd ends a connection after 100 requests
    }
    is join(' ', @wrong, $got), $expected, $name;
    return $expected;
}

my $now = becomes('200 alice', '', 'an empty store');
for (@changes) {
    my ($words, $input, $expected, $name) = @$_;
    my @got = certmapctl({ stdin => put('input', $input) }, 'store', @$words);
    is $got[0], 0, "store @$words" or diag @got;
    $now = becomes($expected, $now, "on an open connection: $name");
}
$client->close;
