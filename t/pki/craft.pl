#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Makes a certificate that no openssl command would make: replaces bytes inside a signed certificate and signs it again with
# the CA's key, or spoils the signature when no key is given.
#
#   craft.pl IN.crt CA.key|- FROM-HEX TO-HEX OUT.crt
use strict;
use warnings;
use File::Temp qw(tempfile);
use MIME::Base64 qw(decode_base64 encode_base64);

@ARGV == 5 or die "usage: craft.pl IN.crt CA.key|- FROM-HEX TO-HEX OUT.crt\n";
my ($in, $key, $from, $to, $out) = @ARGV;

sub slurp {
    my ($name) = @_;
    open my $fh, '<:raw', $name or die "craft.pl: $name: $!\n";
    local $/;
    return scalar <$fh>;
}

# The length of the DER element at $at, and of its header.
sub element {
    my ($der, $at) = @_;
    my $first = ord substr $der, $at + 1, 1;
    return (2 + $first, 2) if $first < 0x80;
    my $octets = $first & 0x7f;
    my $length = 0;
    $length = $length << 8 | ord for split //, substr $der, $at + 2, $octets;
    return (2 + $octets + $length, 2 + $octets);
}

sub der {
    my ($tag, $content) = @_;
    my $n = length $content;
    my $length = $n < 0x80 ? pack("C", $n) : $n < 0x100 ? pack("CC", 0x81, $n) : pack("Cn", 0x82, $n);
    return chr($tag) . $length . $content;
}

my ($base64) = slurp($in) =~ /-----BEGIN CERTIFICATE-----(.*?)-----END/s or die "craft.pl: $in: no certificate\n";
my $cert = decode_base64($base64);
my (undef, $header) = element($cert, 0);
my ($tbs_length) = element($cert, $header);
my $tbs = substr $cert, $header, $tbs_length;
my ($algorithm_length) = element($cert, $header + $tbs_length);
my $algorithm = substr $cert, $header + $tbs_length, $algorithm_length;

if ($key eq '-') {
    substr($cert, -1) ^= "\x01";
}
else {
    my ($old, $new) = (pack('H*', $from), pack('H*', $to));
    length $old == length $new or die "craft.pl: the lengths differ\n";
    ($tbs =~ s/\Q$old\E/$new/) == 1 or die "craft.pl: $from is not in $in\n";
    my ($fh, $name) = tempfile(UNLINK => 1);
    binmode $fh;
    print {$fh} $tbs;
    close $fh or die "craft.pl: $name: $!\n";
    open my $openssl, '-|', 'openssl', 'dgst', '-sha256', '-sign', $key, $name or die "craft.pl: openssl: $!\n";
    binmode $openssl;
    my $signature = do { local $/; <$openssl> };
    close $openssl or die "craft.pl: openssl dgst failed\n";
    $cert = der(0x30, $tbs . $algorithm . der(0x03, "\0$signature"));
}

open my $pem, '>', $out or die "craft.pl: $out: $!\n";
print {$pem} "-----BEGIN CERTIFICATE-----\n", encode_base64($cert), "-----END CERTIFICATE-----\n";
close $pem or die "craft.pl: $out: $!\n";
