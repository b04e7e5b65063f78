# SPDX-License-Identifier: Apache-2.0
# Ports for servers of the tests. They lie outside the range from which the kernel takes the ports of outgoing connections:
# one of those could take a port between the moment when it is found free and the server's start.
package CertMap::Ports;
use strict;
use warnings;

use Exporter qw(import);
use IO::Socket::INET;

our @EXPORT = qw(free_ports);

# The larger part of what lies below or above the kernel's range, without the ports of well-known services.
sub range {
    my ($low, $high) = (32768, 60999);
    if (open my $fh, '<', '/proc/sys/net/ipv4/ip_local_port_range') {
        ($low, $high) = split ' ', <$fh>;
    }
    my ($below, $above) = ([10_000, $low - 1], [$high + 1, 65_535]);
    my ($chosen) = sort { $b->[1] - $b->[0] <=> $a->[1] - $a->[0] } $below, $above;
    return $chosen->[1] - $chosen->[0] > 1_000 ? @$chosen : (10_000, 65_535);
}

# So many different ports of 127.0.0.1 on which nobody listens.
sub free_ports {
    my ($n) = @_;
    my ($first, $last) = range();
    my @held;       # until the last one is found, so that no two are the same
    for (1 .. 1000) {
        last if @held == $n;
        my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', Proto => 'tcp',
            LocalPort => $first + int rand($last - $first + 1));
        push @held, $socket if $socket;
    }
    @held == $n or die "no free port on 127.0.0.1: $@\n";
    return map { $_->sockport } @held;
}

1;
