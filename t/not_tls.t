#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What is not TLS, or not all of it, sent to a port where TLS is spoken: httpd answers or closes, and nothing is left of the
# connection for us to look at. (Code that looks nevertheless reads what was freed, and MALLOC_PERTURB_ makes that a crash.)
use strict;
use warnings;

use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use CertMap::Test;

# the first bytes of a TLS 1.3 ClientHello record
my $hello = pack 'H*', '1603010200010001fc0303' . 'ab' x 32;
# name, what is sent, whether the answer is httpd's page for plain HTTP
my @rows = (
    ['HTTP/1.0'             => "GET / HTTP/1.0\r\n\r\n",                                1],
    ['HTTP/1.1'             => "GET /on/env HTTP/1.1\r\nHost: a.test\r\n\r\n",          1],
    ['a request line alone' => "GET /\r\n",                                             undef],
    ['HTTP/2 without TLS'   => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",                      undef],
    ['CONNECT'              => "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n",   undef],
    ['nothing'              => '',                                                      0],
    ['one byte'             => "\x16",                                                  undef],
    ['zeros'                => "\0" x 4096,                                             0],
    ['half a ClientHello'   => $hello,                                                  0],
    ['a record too long'    => "\x16\x03\x01\xff\xff" . 'x' x 1000,                     0],
    ['an alert'             => "\x15\x03\x01\x00\x02\x02\x28",                          0],
);
my @ports = qw(TLS OPTIONAL ASK);

plan tests => @rows * @ports + @ports * 2 + 1;

my $mark = error_log_mark();
for my $port (@ports) {
    for my $row (@rows) {
        my ($name, $bytes, $answered) = @$row;
        my $output = '';
        for my $way (qw(close reset)) {
            my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => port($port), Proto => 'tcp')
                or die "127.0.0.1: $@\n";
            local $SIG{PIPE} = 'IGNORE';
            syswrite $socket, $bytes;
            if ($way eq 'close') {
                shutdown $socket, 1;
                $output = do { local $/; <$socket> } // '';
            }
            else {
                setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
            }
            close $socket;
        }
        my $page = $output =~ m{^HTTP/1\.[01] 400 } ? 1 : 0;
        ok defined $answered ? $page == $answered : $output !~ m{^HTTP/1\.[01] 200 }, "$port: $name" or diag $output;
    }
    for my $http ('1.1', '2') {
        my ($answer) = ask(cert => 'revoked', tls => '1.3', http => $http, port => 'TLS', requests => ['/on/env']);
        is brief($answer), '403 13 revoked -', "$port: the server goes on, HTTP/$http";
    }
}
unlike error_log($mark), qr/exit signal/, 'no process crashed';
