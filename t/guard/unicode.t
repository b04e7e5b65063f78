#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The one table of characters that hide (engine/base/characters.c) against the data of Unicode that perl has, and what becomes of
# them where they are shown: none goes out as it is to a terminal, into JSON or onto a page. No other file has a table or a
# decoder of its own.
use strict;
use warnings;
no warnings 'nonchar';
use Encode ();
use File::Temp qw(tempdir);
use JSON::PP ();
use Test::More;
use Unicode::UCD;
use CertMap::File;

my $dir = tempdir('certmap-unicode.XXXXXX', TMPDIR => 1, CLEANUP => 1);
my @table = map { [(map {hex} (split)[0, 1]), (split)[2]] } qx(built/t/unit/test_characters --print);
cmp_ok scalar @table, '>=', 60, 'the table has ' . @table . ' sets';
diag 'Unicode ' . Unicode::UCD::UnicodeVersion();

my @is;
for my $set (@table) {
    $is[$_] = $set->[2] for $set->[0] .. $set->[1];
}
is scalar @is, 0x110000, 'and all of Unicode is in it';

sub shown { return join ' ', map { sprintf 'U+%04X', $_ } @_ > 20 ? @_[0 .. 19] : @_ }

# Beyond Unicode's own properties: characters other than white space that are blank or nothing wherever fonts show it.
my %blank = map { $_ => 1 } 0x2800, 0xfffc, 0x16fe4, 0x1d159;
my %want = (
    control => qr/\p{Cc}/,
    bidi => qr/\p{Bidi_Control}/,
    line => qr/[\x{2028}\x{2029}]/,
    noncharacter => qr/\p{Noncharacter_Code_Point}/,
    blank => qr/(?=\p{White_Space})[^\p{Cc}\x{2028}\x{2029}]/,
);
for my $name (sort keys %want) {
    is shown(grep { ($is[$_] eq $name) != (chr($_) =~ /\A$want{$name}\z/) } 0 .. 0x10ffff), '', "$name, and no other";
}
my @ignorable = grep { chr =~ /\p{Default_Ignorable_Code_Point}/ } 0 .. 0x10ffff;
cmp_ok scalar @ignorable, '>=', 4000, 'Default_Ignorable_Code_Point: ' . @ignorable;
is shown(grep { $is[$_] !~ /^(?:invisible|bidi)$/ } @ignorable), '', 'each of them hides';
my @format = grep { chr =~ /\p{Cf}/ && chr !~ /\p{Prepended_Concatenation_Mark}/ } 0 .. 0x10ffff;
cmp_ok scalar @format, '>=', 150, 'format characters that show no sign: ' . @format;
is shown(grep { $is[$_] !~ /^(?:invisible|bidi)$/ } @format), '', 'each of them hides';
is shown(grep { $is[$_] eq 'invisible' && !$blank{$_} && chr !~ /[\p{Default_Ignorable_Code_Point}\p{Cf}]/ && chr !~ /\p{Cn}/ }
    0 .. 0x10ffff), '', 'and no other assigned character, but for a few that are blank';
is shown(grep { $is[$_] ne 'invisible' } keys %blank), '', 'which hide too';

# ---- where they are shown

my @hiding = grep { $is[$_] !~ /^(?:seen|blank)$/ } 0 .. 0x10ffff;
# the ends of each set, without what ends a line or the text
my @some = grep { $_ != 0 && $_ != 0xa && $_ != 0xd } map { $_->[0] == $_->[1] ? $_->[0] : @$_[0, 1] }
    grep { $_->[2] !~ /^(?:seen|blank)$/ } @table;
cmp_ok scalar @some, '>=', 80, scalar(@some) . ' of ' . @hiding . ' are shown';
my $hides = join '', map { sprintf '\x{%x}', $_ } @hiding;
$hides = qr/[$hides]/;

sub utf8 { return Encode::encode('utf8', join '', map {chr} @_) }

spew("$dir/sound", "bob allow bob issuer=CN=x subject.CN=bob\n");
spew("$dir/rules", map { 'r' . utf8($_) . " alow\n" } @some);
my $said = qx(built/certmapctl check --rules '$dir/rules' 2>&1);
cmp_ok length $said, '>', 100, 'check shows them on a terminal';
is shown(map {ord} Encode::decode('utf8', $said =~ s/\n//gr) =~ /$hides/g), '', 'and none as it is';

# As many as a common name has room for (64), after one another.
my (@names, $n);
push @{ $names[$n++ / 40] }, $_ for grep { $_ > 0x9f } @some;
system("openssl req -x509 -newkey rsa:2048 -nodes -keyout '$dir/key' -out /dev/null -subj /CN=x 2>/dev/null") == 0 or die "openssl\n";
for my $name (@names) {
    spew("$dir/req", "[req]\nprompt = no\nutf8 = yes\nstring_mask = utf8only\ndistinguished_name = dn\n[dn]\nCN = a",
        utf8(@$name), "\n");
    qx(openssl req -x509 -config '$dir/req' -key '$dir/key' -out '$dir/cert.pem' 2>&1);
    is $?, 0, 'a certificate with ' . @$name;
    for my $how ('', '--json ') {
        my $told = qx(built/certmapctl explain $how--rules '$dir/sound' '$dir/cert.pem' 2>&1);
        like $told, qr/no-match/, "explain ${how}shows them";
        is shown(map {ord} Encode::decode('utf8', $told =~ s/\n//gr) =~ /$hides/g), '', 'and none as it is';
        next if !$how;
        my $read = eval { JSON::PP->new->utf8->decode($told) } // {};
        is $read->{certificate}{subject}, 'CN=a' . join('', map {chr} @$name), 'but what JSON says is what it is';
    }
}

# ---- one place

my @sources = grep { $_ ne 'engine/base/characters.c' } glob '{engine/*,httpd,ctl,ctl/cmd,import,store}/*.[ch] mod_certmap.[ch]';
cmp_ok scalar @sources, '>=', 80, 'sources: ' . @sources;
is join(' ', grep { slurp($_) =~ /\b0x(?:200[b-f]|206[0-9a-f]|feff|fff[9ab]|e0fff|fdd0)\b/i } @sources), '',
    'no other file has characters that hide by their numbers';
is join(' ', grep { slurp($_) =~ /<< 6\b.*\b0x3f\b/ } @sources), '', 'nor does one read UTF-8 for itself';
like slurp('engine/base/characters.c'), qr/<< 6\b.*\b0x3f\b/, 'as this one does';

done_testing;
