# SPDX-License-Identifier: Apache-2.0
# Certificates that no CA software makes: a writer of DER that is given every byte, and a CA's key that signs what it is
# given.
#
#   use CertMap::DER;
#   my $cn = rdn(ava('2.5.4.3', tlv(BMP, "\0a")));
#   issue(pki('clients', 'odd'), pki('ca', 'inter'), { two => { subject => name($cn, $cn) } });
#
# Nothing is checked here: what is wrong in a certificate is wrong on purpose.
package CertMap::DER;
use strict;
use warnings;

use Exporter qw(import);
use File::Temp qw(tempdir);
use MIME::Base64 qw(decode_base64 encode_base64);
use CertMap::File;

use constant {
    BOOLEAN => 0x01, INTEGER => 0x02, BITSTRING => 0x03, OCTETS => 0x04, OID => 0x06, UTF8 => 0x0c, NUMERIC => 0x12,
    PRINTABLE => 0x13, TELETEX => 0x14, IA5 => 0x16, UTCTIME => 0x17, GENERALTIME => 0x18, UNIVERSAL => 0x1c,
    BMP => 0x1e,
    SEQUENCE => 0x30, SET => 0x31,
};

our @EXPORT = qw(
    BOOLEAN INTEGER BITSTRING OCTETS OID UTF8 NUMERIC PRINTABLE TELETEX IA5 UTCTIME GENERALTIME UNIVERSAL BMP SEQUENCE
    SET
    tlv oid ava rdn name extension san other_name certificate issue key_info standard
);

sub tlv {
    my ($tag, @content) = @_;
    my $content = join '', @content;
    my $n = length $content;
    return chr($tag) . chr($n) . $content if $n < 0x80;
    (my $octets = pack 'N', $n) =~ s/\A\0+//;
    return chr($tag) . chr(0x80 | length $octets) . $octets . $content;
}

sub oid {
    my ($first, $second, @arcs) = split /\./, shift;
    return tlv(OID, pack 'w*', 40 * $first + $second, @arcs);
}

# An attribute of a name; the value is a whole element.
sub ava { my ($type, $value) = @_; return tlv(SEQUENCE, oid($type), $value) }

# A relative distinguished name of attributes in the given order, and a name of such.
sub rdn  { return tlv(SET, @_) }
sub name { return tlv(SEQUENCE, @_) }

sub extension {
    my ($type, $value, $critical) = @_;
    return tlv(SEQUENCE, oid($type), $critical ? tlv(BOOLEAN, "\xff") : (), tlv(OCTETS, $value));
}

# subjectAltName of GeneralNames
sub san { return extension('2.5.29.17', tlv(SEQUENCE, @_)) }

sub other_name { my ($type, $value) = @_; return tlv(0xa0, oid($type), tlv(0xa0, $value)) }

# What an ordinary client's certificate says in addition to its names.
sub standard {
    return extension('2.5.29.19', tlv(SEQUENCE), 1), extension('2.5.29.15', tlv(BITSTRING, "\x07\x80"), 1),
        extension('2.5.29.37', tlv(SEQUENCE, oid('1.3.6.1.5.5.7.3.2')));
}

# What is signed. spec: version (whole element, '' for none), serial (octets), issuer, not_before, not_after, subject,
# key (whole elements), extensions (list of elements; empty: none).
my $serials = 0;

sub to_be_signed {
    my ($spec) = @_;
    my @extensions = @{ $spec->{extensions} // [standard()] };
    return tlv(SEQUENCE,
        $spec->{version} // tlv(0xa0, tlv(INTEGER, "\x02")),
        tlv(INTEGER, $spec->{serial} // pack 'CNn', 0x41, $$, ++$serials),
        tlv(SEQUENCE, oid('1.2.840.10045.4.3.2')),
        $spec->{issuer},
        tlv(SEQUENCE, $spec->{not_before} // tlv(UTCTIME, '240101000000Z'),
            $spec->{not_after} // tlv(UTCTIME, '480101000000Z')),
        $spec->{subject},
        $spec->{key},
        @extensions ? tlv(0xa3, tlv(SEQUENCE, @extensions)) : ());
}

sub output_of {
    my @command = @_;
    open my $fh, '-|', @command or die "$command[0]: $!\n";
    binmode $fh;
    my $output = do { local $/; <$fh> };
    close $fh or die "@command: failed\n";
    return $output;
}

# SubjectPublicKeyInfo of a private key
sub key_info {
    my ($key) = @_;
    return output_of('openssl', 'pkey', '-in', $key, '-pubout', '-outform', 'DER');
}

sub pem { my ($label, $der) = @_; return "-----BEGIN $label-----\n", encode_base64($der), "-----END $label-----\n" }

# The first certificate of a file of PEM.
sub certificate {
    my ($file) = @_;
    my ($base64) = slurp($file) =~ /-----BEGIN CERTIFICATE-----(.*?)-----END/s or die "$file: no certificate\n";
    return decode_base64($base64);
}

# The whole element that begins at $at.
sub element {
    my ($der, $at) = @_;
    my ($length, $header) = (ord substr($der, $at + 1, 1), 2);
    if ($length & 0x80) {
        $header += $length & 0x7f;
        $length = hex unpack 'H*', substr $der, $at + 2, $header - 2;
    }
    return substr $der, $at, $header + $length;
}

sub header_length {
    my ($der) = @_;
    my $second = ord substr $der, 1, 1;
    return $second & 0x80 ? 2 + ($second & 0x7f) : 2;
}

# The subject of a certificate, as a whole element.
sub subject_of {
    my ($der) = @_;
    my $tbs = element($der, header_length($der));
    my $at = header_length($tbs);
    # version, serial, algorithm, issuer, validity
    $at += length element($tbs, $at) for 1 .. 5;
    return element($tbs, $at);
}

# Writes DIR/NAME.pem (certificate, the CA's chain, key: what curl wants) and DIR/NAME.der for each spec. CA is a
# directory with ca.crt, ca.key and chain.pem. All share one key of their own, DIR/key.pem. In a spec, `behind` holds
# bytes that follow the certificate in NAME.der. One shell signs them all.
sub issue {
    my ($dir, $ca, $specs) = @_;
    my $scratch = tempdir(CLEANUP => 1);
    my $key = "$dir/key.pem";
    if (!-d $dir) {
        mkdir $dir or die "$dir: $!\n";
    }
    if (!-f $key) {
        output_of('openssl', 'genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', $key);
    }
    my $info = key_info($key);
    my $issuer = subject_of(certificate("$ca/ca.crt"));
    my $chain = -f "$ca/chain.pem" ? slurp("$ca/chain.pem") : '';
    my %tbs;
    for my $name (keys %$specs) {
        $tbs{$name} = to_be_signed({ issuer => $issuer, key => $info, %{ $specs->{$name} } });
        spew("$scratch/$name.tbs", $tbs{$name});
    }
    output_of('sh', '-ec',
        'key=$1; cd "$2"; for f in *.tbs; do openssl dgst -sha256 -sign "$key" -out "$f.sig" "$f"; done',
        'sign', "$ca/ca.key", $scratch);
    for my $name (keys %$specs) {
        my $der = tlv(SEQUENCE, $tbs{$name}, tlv(SEQUENCE, oid('1.2.840.10045.4.3.2')),
            tlv(BITSTRING, "\0", slurp("$scratch/$name.tbs.sig")));
        spew("$dir/$name.der", $der, $specs->{$name}{behind} // '');
        spew("$dir/$name.pem", pem('CERTIFICATE', $der), $chain, slurp($key));
    }
    return;
}

1;
