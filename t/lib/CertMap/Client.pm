# SPDX-License-Identifier: Apache-2.0
# A TLS client inside the test's own process, for tests that make thousands of connections: it offers any session to any
# server, with any name, over HTTP/1.1 and HTTP/2, with and without post-handshake authentication.
#
#   my $client = CertMap::Client->new(bundle => pki('clients', 'good.pem'), tls => '1.3', http => '2', port => $port, sni => 'a.test');
#   my $response = $client->ask(path => '/on/env', host => 'a.test', headers => { 'x-test' => 1 });
#   my $session = $client->session;     # for the next one: session => $session
#   $client->close;
#
# The server's certificate is not looked at: both ends are this test.
package CertMap::Client;
use strict;
use warnings;

use IO::Socket::INET;
use Net::SSLeay;
use Protocol::HTTP2::Client;
use Socket qw(IPPROTO_TCP SOL_SOCKET SO_RCVTIMEO SO_SNDTIMEO TCP_NODELAY);

Net::SSLeay::initialize();
$SIG{PIPE} = 'IGNORE';      # a server that closes is an answer, not the test's end

my %version = ('1.2' => Net::SSLeay::TLS1_2_VERSION(), '1.3' => Net::SSLeay::TLS1_3_VERSION());
my $no_renegotiation = 0x40000000;      # SSL_OP_NO_RENEGOTIATION, which Net::SSLeay does not know in all of its versions
my $timeout = pack 'l!l!', 60, 0;
my %contexts;

sub context {
    my ($bundle, $tls, $http, $mute) = @_;
    return $contexts{ join '|', $bundle // '', $tls, $http, $mute ? 1 : 0 } //= do {
        my $ctx = Net::SSLeay::CTX_new_with_method(Net::SSLeay::TLS_client_method()) or die "SSL_CTX_new\n";
        Net::SSLeay::CTX_set_min_proto_version($ctx, $version{$tls});
        Net::SSLeay::CTX_set_max_proto_version($ctx, $version{$tls});
        Net::SSLeay::CTX_set_alpn_protos($ctx, [$http eq '2' ? 'h2' : 'http/1.1']);
        Net::SSLeay::CTX_set_post_handshake_auth($ctx, 1) if !$mute;
        Net::SSLeay::CTX_set_options($ctx, $no_renegotiation) if $mute;
        if (defined $bundle) {
            Net::SSLeay::CTX_use_certificate_chain_file($ctx, $bundle) == 1 or die "$bundle: no certificate\n";
            Net::SSLeay::CTX_use_PrivateKey_file($ctx, $bundle, Net::SSLeay::FILETYPE_PEM()) == 1 or die "$bundle: no key\n";
        }
        $ctx;
    };
}

# Connects. Arguments: bundle (a file with certificate, chain and key, or undef), tls ('1.2', '1.3'), http ('1.1', '2'), port,
# sni (a name, or undef for none), session (of an earlier client), mute (true: can neither renegotiate nor authenticate later).
# A failed handshake is not an error here: every request has status 0 then.
sub new {
    my ($class, %arg) = @_;
    my $self = bless { http => $arg{http}, in => '' }, $class;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $arg{port}, Proto => 'tcp')
        or die "127.0.0.1:$arg{port}: $@\n";
    setsockopt $socket, SOL_SOCKET, SO_RCVTIMEO, $timeout;
    setsockopt $socket, SOL_SOCKET, SO_SNDTIMEO, $timeout;
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    my $ssl = Net::SSLeay::new(context(@arg{qw(bundle tls http mute)})) or die "SSL_new\n";
    Net::SSLeay::set_fd($ssl, fileno $socket);
    Net::SSLeay::set_tlsext_host_name($ssl, $arg{sni}) if defined $arg{sni};
    Net::SSLeay::set_session($ssl, $arg{session}) if $arg{session};
    @$self{qw(socket ssl)} = ($socket, $ssl);
    if (Net::SSLeay::connect($ssl) != 1) {
        $self->fail;
    }
    elsif ((my $alpn = Net::SSLeay::P_alpn_selected($ssl) // '') ne ($arg{http} eq '2' ? 'h2' : 'http/1.1')) {
        die "127.0.0.1:$arg{port} chose '$alpn' by ALPN\n";
    }
    return $self;
}

sub fail {
    my ($self) = @_;
    my $code = Net::SSLeay::ERR_get_error();
    $self->{failed} = $code ? Net::SSLeay::ERR_error_string($code) : "closed ($!)";
    1 while Net::SSLeay::ERR_get_error();
    return 0;
}

sub write {
    my ($self, $bytes) = @_;
    while (length $bytes) {
        my $n = Net::SSLeay::write($self->{ssl}, $bytes);
        return $self->fail if !defined $n || $n <= 0;
        substr $bytes, 0, $n, '';
    }
    return 1;
}

sub read {
    my ($self) = @_;
    my ($bytes, $n) = Net::SSLeay::read($self->{ssl}, 65536);
    return $self->fail if !defined $bytes || $bytes eq '';
    $self->{in} .= $bytes;
    return 1;
}

# What was read and belongs to no answer of ask.
sub unread { return $_[0]{in} }

# Did the server take up the session that was offered?
sub resumed { return Net::SSLeay::session_reused($_[0]{ssl}) ? 1 : 0 }

# The newest session of this connection; over TLS 1.3 it comes with the first answer.
sub session { return Net::SSLeay::get1_session($_[0]{ssl}) }

# Why there is no answer.
sub failed { return $_[0]{failed} }

# One request: method (GET), path, host, headers (hash, lower-case names). Returns status (0: no answer), headers (hash), body.
sub ask {
    my ($self, %arg) = @_;
    $arg{method} //= 'GET';
    my $none = { status => 0, headers => {}, body => '' };
    return $none if $self->{failed};
    return ($self->{http} eq '2' ? $self->ask_h2(\%arg) : $self->ask_h1(\%arg)) // $none;
}

sub ask_h1 {
    my ($self, $arg) = @_;
    my $head = join "\r\n", "$arg->{method} $arg->{path} HTTP/1.1", "Host: $arg->{host}",
        (map {"$_: $arg->{headers}{$_}"} sort keys %{ $arg->{headers} // {} }), '', '';
    $self->write($head) or return;
    while ($self->{in} !~ /\r\n\r\n/) {
        $self->read or return;
    }
    $self->{in} =~ s{\AHTTP/1\.1 (\d{3})[^\r\n]*\r\n(.*?)\r\n\r\n}{}s or die "not HTTP: $self->{in}\n";
    my ($status, $lines) = ($1, $2);
    my %headers = map { /^([^:\s]+):\s*(.*?)\s*$/ ? (lc $1 => $2) : () } split /\r\n/, $lines;
    my $body = '';
    if ($arg->{method} eq 'HEAD') {
        # the head speaks of a body that does not come
    }
    elsif (($headers{'transfer-encoding'} // '') eq 'chunked') {
        while (1) {
            while ($self->{in} !~ /\A[0-9a-fA-F]+\r\n/) {
                $self->read or return;
            }
            $self->{in} =~ s/\A([0-9a-fA-F]+)\r\n// or return;
            my $n = hex $1;
            while (length $self->{in} < $n + 2) {
                $self->read or return;
            }
            $body .= substr $self->{in}, 0, $n, '';
            substr $self->{in}, 0, 2, '';
            last if !$n;
        }
    }
    else {
        my $n = $headers{'content-length'} // 0;
        while (length $self->{in} < $n) {
            $self->read or return;
        }
        $body = substr $self->{in}, 0, $n, '';
    }
    if (lc($headers{connection} // '') eq 'close') {
        $self->{failed} = 'closed after an answer';
    }
    return { status => $status + 0, headers => \%headers, body => $body };
}

sub ask_h2 {
    my ($self, $arg) = @_;
    my ($response, $ended);
    $self->{h2} //= Protocol::HTTP2::Client->new(keepalive => 1, on_error => sub { $self->{failed} //= "HTTP/2 error $_[0]" });
    $self->{h2}->request(
        ':method' => $arg->{method}, ':scheme' => 'https', ':authority' => $arg->{host}, ':path' => $arg->{path},
        headers => [%{ $arg->{headers} // {} }],
        on_error => sub { $self->{reset} = $_[0]; $ended = 1 },
        on_done => sub {
            my ($list, $body) = @_;
            my %headers = @{ $list // [] };
            $response = { status => ($headers{':status'} // 0) + 0, headers => \%headers, body => $body // '' };
            $ended = 1;
        },
    );
    while (!$ended) {
        my $frames = '';
        while (my $frame = $self->{h2}->next_frame) {
            $frames .= $frame;
        }
        $self->write($frames) or return;
        last if $ended;
        $self->read or return;
        $self->{h2}->feed(delete $self->{in});
        $self->{in} = '';
        return if $self->{failed};
    }
    return $response;
}

sub close {
    my ($self) = @_;
    my $ssl = delete $self->{ssl} or return;
    Net::SSLeay::shutdown($ssl);        # OpenSSL would not offer the session of a connection that broke
    Net::SSLeay::free($ssl);
    1 while Net::SSLeay::ERR_get_error();
    close delete $self->{socket};
}

sub DESTROY { $_[0]->close }

1;
