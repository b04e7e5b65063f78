#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Certificates that want to be mistaken for somebody: written byte by byte, signed by the tests' CA, so that nothing but
# what they say is wrong with them. Each goes through the engine, under every rule of t/conf/hostile.conf alone, and
# over real TLS, where OpenSSL's client takes it; what no client of OpenSSL loads is put on the wire by a proxy that
# changes bytes on their way. And certmapctl explain says of each what the server says.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use IO::Select;
use IO::Socket::INET;
use List::Util qw(min);
use POSIX ();
use Test::More;
use CertMap::DER;
use CertMap::Explain;
use CertMap::Test;

my ($CN, $UID, $EMAIL, $UPN) = ('2.5.4.3', '0.9.2342.19200300.100.1.1', '1.2.840.113549.1.9.1',
    '1.3.6.1.4.1.311.20.2.3');
my $dir = pki('clients', 'hostile');
my $log_start = error_log_mark();

# ---- words for certificates

sub attr { my ($type, $value) = @_; return rdn(ava($type, tlv(UTF8, $value))) }
my @org = (attr('2.5.4.6', 'DE'), attr('2.5.4.10', 'Example Ltd'), attr('2.5.4.11', 'Hostile'));
my $admin = attr($CN, 'admin');

# A subject of the tests' organization
sub subject { return (subject => name(@org, @_)) }
# ... whose common name is one element, or text in UTF8String
sub cn { my ($element) = @_; return subject(rdn(ava($CN, $element))) }
sub cn_text { my ($text) = @_; return cn(tlv(UTF8, $text)) }
# admin, with extensions in addition to the usual ones
sub with { return (subject($admin), extensions => [standard(), @_]) }
sub with_san { return with(san(@_)) }
sub wide { my ($text, $zeros) = @_; return join '', map { "\0" x $zeros . $_ } split //, $text }
sub sorted { return rdn(sort @_) }

my ($dns, $ip, $uri, $email, $dirname) = (0x82, 0x87, 0x86, 0x81, 0xa4);

# ---- refused as malformed, whatever the rules: name, what is said about it, certificate, and how it goes over TLS when
# that is not by curl: [way]; the ways are described below

my @malformed = (
    [empty_rdn           => 'subject: empty RDN', { subject($admin, rdn()) }],
    [empty_rdn_first     => 'subject: empty RDN', { subject => name(rdn(), @org, $admin) }],
    (map { ["ip_$_"      => 'san.ip: an address of neither 4 nor 16 octets',
        { with_san(tlv($ip, "\x7f\0\0\1\1" & "\xff" x $_)) }] } 0, 3, 5),
    [san_trailing        => 'san: bytes after its end',
        { with(extension('2.5.29.17', tlv(SEQUENCE, tlv($dns, 'a')) . "\0")) }],
    [san_trailing_inside => 'san: not DER', { with(extension('2.5.29.17', tlv(SEQUENCE, tlv($dns, 'a'), "\x82"))) },
        ['s_client']],
    [cert_trailing       => 'certificate: bytes after its end', { subject($admin), behind => "\0" }, ['proxy']],
    [san_empty           => 'san: empty', { with_san() }],
    [twice_unknown       => 'extensions: one appears there twice',
        { with(map { extension('1.2.3.4', tlv(UTF8, $_)) } 'admin', 'x') }],
    [version_1_extensions => 'version: 1, but with extensions', { subject($admin), version => '' }],
    [version_2_extensions => 'version: 2, but with extensions',
        { subject($admin), version => tlv(0xa0, tlv(INTEGER, "\1")) }],
    [name_64k            => 'subject: longer than 64 kB', { subject(attr('2.5.4.13', 'x' x 66_000), $admin) },
        ['no_ticket']],
    [names_64k           => 'subject: longer than 64 kB', { subject((attr('2.5.4.13', 'x')) x 5_500, $admin) },
        ['no_ticket']],
);

# ---- a value is malformed, and refuses where a rule asks for it: name, field, what is said about it, certificate

my @odd = (
    [cn_nul_inside       => CN => 'NUL inside', { cn_text("admin\0.evil.example") }],
    [cn_nul_end          => CN => 'NUL inside', { cn_text("admin\0") }],
    [mallory_nul         => CN => 'NUL inside', { cn_text("mallory\0") }],
    [cn_nul_printable    => CN => 'NUL inside', { cn(tlv(PRINTABLE, "admin\0x")) }],
    [cn_nul_bmp          => CN => 'NUL inside', { cn(tlv(BMP, wide("admin\0", 1))) }],
    [cn_nul_universal    => CN => 'NUL inside', { cn(tlv(UNIVERSAL, wide("admin\0", 3))) }],
    [cn_bit_string       => CN => 'not a character string', { cn(tlv(BITSTRING, "\0admin")) }],
    [cn_high_printable   => CN => 'byte above 0x7f in an ASCII string', { cn(tlv(PRINTABLE, "\xe0dmin")) }],
    [cn_high_ia5         => CN => 'byte above 0x7f in an ASCII string', { cn(tlv(IA5, "\xe0dmin")) }],
    [cn_cr               => CN => 'control character inside', { cn_text("admin\r") }],
    [cn_lf               => CN => 'control character inside', { cn_text("bob\nadmin") }],
    [cn_crlf             => CN => 'control character inside', { cn_text("bob\r\nSet-Cookie: admin=1") }],
    [cn_tab              => CN => 'control character inside', { cn_text("\tadmin") }],
    [cn_esc              => CN => 'control character inside', { cn_text("\e[2Jadmin") }],
    [cn_bel              => CN => 'control character inside', { cn_text("admin\a") }],
    [cn_del              => CN => 'control character inside', { cn_text("admin\x7f") }],
    [cn_c1               => CN => 'control character inside', { cn_text("admin\xc2\x9b2J") }],
    [cn_c1_teletex       => CN => 'control character inside', { cn(tlv(TELETEX, "admin\x9b2J")) }],
    [dns_nul_inside      => dns => 'NUL inside', { with_san(tlv($dns, "admin.example.org\0.evil.example")) }],
    [dns_nul_end         => dns => 'NUL inside', { with_san(tlv($dns, "admin.example.org\0")) }],
    [dns_lf              => dns => 'control character inside', { with_san(tlv($dns, "admin.example.org\n")) }],
    [email_nul           => email => 'NUL inside', { with_san(tlv($email, "admin\@example.org\0.evil.example")) }],
    [email_high          => email => 'byte above 0x7f in an ASCII string',
        { with_san(tlv($email, "\xe0dmin\@example.org")) }],
    [email_utf8          => email => 'byte above 0x7f in an ASCII string',
        { with_san(tlv($email, "\xc3\xa0dmin\@example.org")) }],
    [email_two_domains   => email => "more than one '\@' in an address",
        { with_san(tlv($email, 'admin@evil.org@example.org')) }],
    [dirname_nul         => dirname => 'CN: NUL inside',
        { with_san(tlv($dirname, name(@org, attr($CN, "admin\0")))) }],
    [upn_nul_inside      => upn => 'NUL inside', { with_san(other_name($UPN, tlv(UTF8, "admin\@example.org\0.evil"))) }],
    [upn_nul_end         => upn => 'NUL inside', { with_san(other_name($UPN, tlv(UTF8, "admin\@example.org\0"))) }],
    [upn_ia5             => upn => 'UPN is not a UTF8String',
        { with_san(other_name($UPN, tlv(IA5, 'admin@example.org'))) }],
    [upn_bmp             => upn => 'UPN is not a UTF8String',
        { with_san(other_name($UPN, tlv(BMP, wide('admin@example.org', 1)))) }],
    [upn_sequence        => upn => 'UPN is not a UTF8String',
        { with_san(other_name($UPN, tlv(SEQUENCE, tlv(UTF8, 'admin@example.org')))) }],
    [upn_integer         => upn => 'UPN is not a UTF8String', { with_san(other_name($UPN, tlv(INTEGER, "\x05"))) }],
    [serial_negative     => serial => 'negative', { subject($admin), serial => "\xff\x10" }],
    [uri_lf              => uri => 'control character inside', { with_san(tlv($uri, "spiffe://x\n")) }],
);

# ---- there, though of another type than text: name, and the rule that denies it

my @typed = (
    [ext_integer   => 'no-ext', { with(extension('1.3.6.1.4.1.99999.9', tlv(INTEGER, "\5"))) }],
    [ext_raw       => 'no-ext', { with(extension('1.3.6.1.4.1.99999.9', '{"attrs":{}}')) }],
    [ext_nothing   => 'no-ext', { with(extension('1.3.6.1.4.1.99999.9', '')) }],
    [other_octets  => 'no-other', { with_san(other_name('1.3.6.1.4.1.99999.8', tlv(OCTETS, "\1\2"))) }],
);

# ---- literal only, never admin: name, certificate, the sections where rules look for admin, and what "%{subject.CN}"
# makes of it (the user's bytes; a reason; undef: not asked)

my @cn_rules = qw(admin-cn admin-all admin-dn admin-below admin-san);
my @literal = (
    [comma          => { cn_text('bob,CN=admin') },         \@cn_rules, '=bob,CN=admin'],
    [comma_first    => { cn_text('admin,CN=bob') },         \@cn_rules, '=admin,CN=bob'],
    [slash          => { cn_text('admin/emailAddress=x') }, \@cn_rules, '=admin/emailAddress=x'],
    [slash_cn       => { cn_text('bob/CN=admin') },         \@cn_rules, '=bob/CN=admin'],
    [plus           => { cn_text('bob+CN=admin') },         \@cn_rules, '=bob+CN=admin'],
    [escape         => { cn_text('bob\2CCN=admin') },       \@cn_rules, '=bob\2CCN=admin'],
    [hex            => { cn_text('#0c0561646d696e') },      \@cn_rules, '=#0c0561646d696e'],
    [quotes         => { cn_text('"bob",CN=admin') },       \@cn_rules, '="bob",CN=admin'],
    [colon          => { cn_text('admin:password') },       \@cn_rules, 'user-invalid'],
    [prefix         => { cn_text('admins') },               \@cn_rules, '=admins'],
    [wildcard       => { cn_text('*') },                    \@cn_rules, '=*'],
    [question       => { cn_text('a?min') },                \@cn_rules, '=a?min'],
    [whole_name     => { cn_text('CN=admin,OU=Hostile,O=Example Ltd,C=DE') }, \@cn_rules,
        '=CN=admin,OU=Hostile,O=Example Ltd,C=DE'],
    [blank_before   => { cn_text(' admin') },               ['admin-case'], 'user-invalid'],
    [blank_after    => { cn_text('admin ') },               ['admin-case'], 'user-invalid'],
    [blank_doubled  => { cn_text('the  admin') },           ['admin-case', @cn_rules], '=the  admin'],
    [no_break_space => { cn_text("admin\xc2\xa0") },        \@cn_rules, 'user-invalid'],
    [upper_case     => { cn_text('ADMIN') },                ['admin-case'], '=ADMIN'],
    [cyrillic       => { cn_text("\xd0\xb0dmin") },         \@cn_rules, "=\xd0\xb0dmin"],
    [small_capital  => { cn_text("admi\xc9\xb4") },         \@cn_rules, "=admi\xc9\xb4"],
    [full_width     => { cn_text("\xef\xbd\x81dmin") },     \@cn_rules, "=\xef\xbd\x81dmin"],
    [soft_hyphen    => { cn_text("ad\xc2\xadmin") },        \@cn_rules, 'user-invalid'],
    [nfd            => { cn_text("Zoe\xcc\x88") },          ['admin-zoe'], "=Zoe\xcc\x88"],
    [empty_value    => { cn_text('') },                     \@cn_rules, 'user-invalid'],
    [blanks         => { cn_text('   ') },                  \@cn_rules, 'user-invalid'],
    (map { [sprintf('unseen_%04x', $_) => { cn(tlv(BMP, pack 'n*', unpack('C*', 'ad'), $_, unpack 'C*', 'min')) },
        \@cn_rules, 'user-invalid'] }
        0x061c, 0x200b .. 0x200f, 0x2028, 0x2029, 0x202a .. 0x202e, 0x2060, 0x2066 .. 0x2069, 0xfeff),
    [unseen_last    => { cn(tlv(BMP, pack 'n*', unpack('C*', 'admin'), 0x202e)) }, \@cn_rules, 'user-invalid'],
    [reversed       => { subject => name(reverse @org, $admin) }, ['admin-dn', 'admin-below'], undef],
    [swapped        => { subject => name(@org[0, 2, 1], $admin) }, ['admin-dn', 'admin-below'], undef],
    [one_rdn        => { subject => name(@org[0, 1],
        sorted(ava('2.5.4.11', tlv(UTF8, 'Hostile')), ava($CN, tlv(UTF8, 'admin')))) },
        ['admin-dn', 'admin-below'], undef],
    [unknown_oid    => { subject(attr('1.2.3.4', 'admin')) },    \@cn_rules, 'user-invalid'],
    [longer_oid     => { subject(attr("$CN.0", 'admin')) },      \@cn_rules, 'user-invalid'],
    [other_type     => { subject(attr('2.5.4.41', 'admin')) },   \@cn_rules, 'user-invalid'],
    [uid_only       => { subject(sorted(ava($CN, tlv(UTF8, 'evil')), ava($UID, tlv(UTF8, 'admin')))) }, \@cn_rules,
        '=evil'],
    [email_in_dn    => { subject(attr($CN, 'evil'), attr($EMAIL, 'admin@example.org')),
        extensions => [standard(), san(tlv($email, 'evil@example.org'))] }, ['admin-san'], '=evil'],
    [email_elsewhere => { subject(attr($CN, 'evil')), extensions => [standard(), san(tlv($dns, 'admin@example.org'),
        tlv($uri, 'admin@example.org'), other_name('1.2.3.4', tlv(UTF8, 'admin@example.org')))] }, ['admin-san'],
        '=evil'],
    [email_as_upn   => { subject(attr($CN, 'evil')), extensions => [standard(), san(tlv($email, 'x@example.org'),
        tlv($uri, 'admin.example.org'), tlv($ip, 'admi'))] }, \@cn_rules, '=evil'],
    [dirname        => { subject(attr($CN, 'evil')),
        extensions => [standard(), san(tlv($dirname, name(@org, $admin)))] },
        ['admin-cn', 'admin-all', 'admin-dn'], '=evil'],
    [dirname_not    => { with_san(tlv($dirname, name(@org, attr($CN, 'evil')))) },
        ['admin-san'], '=admin'],
    [two_cns        => { subject($admin, attr($CN, 'evil')) }, ['admin-all', 'admin-dn'], 'ambiguous'],
    [two_cns_other  => { subject(attr($CN, 'evil'), $admin) }, ['admin-all', 'admin-dn', 'admin-below'], 'ambiguous'],
    [two_cns_one_rdn => { subject(sorted(ava($CN, tlv(UTF8, 'admin')), ava($CN, tlv(UTF8, 'evil')))) },
        ['admin-all', 'admin-dn', 'admin-below'], 'ambiguous'],
);

# ---- equal after decoding: name, certificate, the sections that find admin

my @equal_in = qw(admin-cn admin-all admin-dn);
my @admin_names = (tlv($email, 'admin@example.org'), tlv($dirname, name(@org, $admin)),
    other_name($UPN, tlv(UTF8, 'admin@example.org')), tlv($dns, 'admin.example.org'));
my @equal = (
    [as_utf8      => { cn_text('admin') }, \@equal_in],
    [as_printable => { cn(tlv(PRINTABLE, 'admin')) }, \@equal_in],
    [as_ia5       => { cn(tlv(IA5, 'admin')) }, \@equal_in],
    [as_bmp       => { cn(tlv(BMP, wide('admin', 1))) }, \@equal_in],
    [as_universal => { cn(tlv(UNIVERSAL, wide('admin', 3))) }, \@equal_in],
    [as_teletex   => { cn(tlv(TELETEX, 'admin')) }, \@equal_in],
    [zoe_utf8     => { cn_text("Zo\xc3\xab") }, ['admin-zoe']],
    [zoe_teletex  => { cn(tlv(TELETEX, "Zo\xeb")) }, ['admin-zoe']],
    [zoe_bmp      => { cn(tlv(BMP, "\0Z\0o\0\xeb")) }, ['admin-zoe']],
    # what no rule asks for is nobody's business
    [version_1    => { subject($admin), version => '', extensions => [] }, \@equal_in],
    [version_2    => { subject($admin), version => tlv(0xa0, tlv(INTEGER, "\1")), extensions => [] }, \@equal_in],
    [ca_true      => { subject($admin), extensions => [extension('2.5.29.19', tlv(SEQUENCE, tlv(BOOLEAN, "\xff")), 1)] },
        \@equal_in],
    [serial_zero  => { subject($admin), serial => "\0" }, \@equal_in],
    [serial_22    => { subject($admin), serial => "\x41" x 22 }, \@equal_in],
    [unsorted_set => { subject(rdn(reverse sort(ava($CN, tlv(UTF8, 'admin')), ava($UID, tlv(UTF8, 'x'))))) },
        ['admin-cn', 'admin-all']],
    [bit_string_id => { subject(rdn(ava('2.5.4.45', tlv(BITSTRING, "\0\xaa"))), $admin) }, ['admin-cn', 'admin-all']],
    [joiner       => { subject(attr('2.5.4.42', "Ali\xe2\x80\x8cReza"), $admin) }, ['admin-cn', 'admin-all']],
    [tab_elsewhere => { subject(attr('2.5.4.9', "1\tStreet"), $admin) }, ['admin-cn', 'admin-all']],
    # that the rules of the other sections find what they look for
    [below        => { subject($admin, attr($UID, 'x')) }, ['admin-below']],
    [by_san       => { with_san(@admin_names) }, ['admin-san']],
    [many_sans    => { subject(attr($CN, 'x')),
        extensions => [standard(), san(map({ tlv($dns, $_) } ('aaa' .. 'zzz')[1 .. 9_996]), @admin_names)] },
        ['admin-san']],
    [empty_subject => { subject => name(),
        extensions => [standard(), extension('2.5.29.17', tlv(SEQUENCE, @admin_names), 1)] }, ['admin-san']],
);

# ---- OpenSSL has the first word: name, certificate, what the engine says of it (undef: it is not even decoded; "-":
# nothing), and how it goes over TLS: [way, answer], 403.16 malformed without

my @rejected = (
    [bmp_odd        => { cn(tlv(BMP, "\0a\0d\0")) },            undef, ['proxy']],
    [bmp_surrogate  => { cn(tlv(BMP, "\xd8\0\xdc\0")) },        undef, ['proxy']],
    [utf8_bad       => { cn_text("admin\xff") },                undef, ['proxy']],
    [utf8_cut       => { cn_text("admin\xc3") },                undef, ['proxy']],
    [utf8_overlong  => { cn_text("\xc1\xa1dmin") },             undef, ['proxy']],
    [utf8_surrogate => { cn_text("\xed\xa0\x80admin") },        undef, ['proxy']],
    [universal_odd  => { cn(tlv(UNIVERSAL, "\0\0\0a\0\0")) },   undef, ['proxy']],
    [cn_integer     => { cn(tlv(INTEGER, "\x05\x05\x05")) },    undef, ['proxy']],
    [cn_octets      => { cn(tlv(OCTETS, 'admin')) },            undef, ['proxy']],
    [two_sans       => { with(san(tlv($dns, 'a')), san(tlv($dns, 'admin.example.org'))) },
        'extensions: one appears there twice',
        ['s_client']],
    [san_garbage    => { with(extension('2.5.29.17', 'garbage')) }, 'san: not DER', ['s_client']],
    [unknown_critical => { with(extension('1.2.3.4', tlv(UTF8, 'admin'), 1)) }, '-',
        [curl => '403 16 constraint-violation -']],
    [month_13       => { subject($admin), not_after => tlv(UTCTIME, '481301000000Z') },
        'notAfter: not a date of RFC 5280'],
    [month_13_before => { subject($admin), not_before => tlv(UTCTIME, '231301000000Z') },
        'notBefore: not a date of RFC 5280'],
    [server_auth    => { subject($admin), extensions => [extension('2.5.29.37', tlv(SEQUENCE,
        oid('1.3.6.1.5.5.7.3.1')))] }, '-',
        [curl => '403 16 wrong-purpose -']],
);

# ---- made, and judged by the engine

my %spec = (map({ $_->[0] => $_->[2] } @malformed), map({ $_->[0] => $_->[3] } @odd), map({ $_->[0] => $_->[2] } @typed),
    map({ $_->[0] => $_->[1] } @literal, @equal, @rejected));
# for the proxy, and to compare how long ever more names take
my %more = (marked => { cn_text('marked') });
for my $n (10_000, 20_000, 40_000) {
    $more{"sans_$n"} = { with_san((tlv($dns, 'host.example.com')) x $n, tlv($email, 'admin@example.org')) };
}
issue($dir, pki('ca', 'inter'), { %spec, %more });

# rule names by section, and the rules themselves
my (%rules_in, @rules);
{
    open my $fh, '<', top() . '/t/conf/hostile.conf' or die "hostile.conf: $!\n";
    my $section;
    while (<$fh>) {
        $section = $1 if m{^<Location "/(.*)">};
        next if !/^\s*CertMapRule ((\S+) .*)/;
        push @rules, $1;
        push @{ $rules_in{$section} }, $2;
    }
}
my @rule_names = map { (split)[0] } @rules;
my @all_rules = (@rule_names, 'together');

# What the engine says of each certificate: state, malformed, dates, time, rule (name to decision).
sub judge {
    my ($rules, @names) = @_;
    open my $fh, '>', "$dir/rules" or die "$dir/rules: $!\n";
    print {$fh} map {"$_\n"} @$rules;
    close $fh or die "$dir/rules: $!\n";
    my $program = top() . '/built/t/unit/judge';
    my %judged;
    open my $out, '-|', $program, "$dir/rules", map {"$dir/$_.der"} @names or die "$program: $!\n";
    while (<$out>) {
        chomp;
        my ($file, $state, $malformed, $dates, $time, @decisions) = split /\t/;
        my $name = $file =~ s{.*/(.*)\.der\z}{$1}r;
        my %rule;
        @rule{ (map { (split)[0] } @$rules), 'together' } = @decisions;
        $judged{$name} = { state => $state, malformed => $malformed, dates => $dates, time => $time, rule => \%rule };
    }
    close $out or die "$program: status $?\n";
    return \%judged;
}

my $judged = judge(\@rules, sort keys %spec);

# How rules of the engine decide, in one text: "admin-cn/cn =admin", ...; only those that decide otherwise than expected
sub otherwise {
    my ($name, $expected, @sections) = @_;
    my $rule = $judged->{$name}{rule};
    my @names = @sections ? map({ @{ $rules_in{$_} // die "no section is called $_\n" } } @sections) : @all_rules;
    return join ', ', map { ($rule->{$_} // 'none') eq $expected ? () : "$_ " . ($rule->{$_} // 'none') } @names;
}

# ---- sent over TLS

my @ways = (['1.2', '1.1'], ['1.3', '2']);

# s_client, which takes a certificate with extensions that curl refuses to load, and leaves out its own view of the
# chain.
sub s_client {
    my ($name, $port, $url, @options) = @_;
    my $bundle = "$dir/$name.pem";
    my $chain = pki('ca', 'inter', 'chain.pem');
    my $request = join '\r\n', "GET $url HTTP/1.1", 'Host: a.test', 'Accept: application/json', 'Connection: close',
        '', '';
    my $command = "printf '$request' | "
        . "timeout 60 openssl s_client -connect 127.0.0.1:$port -servername a.test -cert '$bundle' -key '$bundle' "
        . "-cert_chain '$chain' -ign_eof @options 2>&1";
    my $output = `$command`;
    my ($reason) = $output =~ /"reason": "([a-z-]+)"/;
    my ($substatus) = $output =~ /"substatus": (\d+)/;
    my ($status) = $output =~ m{HTTP/1\.1 (\d{3}) };
    return ($status ? join ' ', $status, $substatus // '-', $reason // '-', '-' : 'no answer',
        $output =~ /SSL alert number (\d+)/);
}

# The TLS 1.2 Certificate message with another certificate in the first place.
sub exchange {
    my ($record, $der) = @_;
    my (undef, $version) = unpack 'CA2', $record;
    my $list = substr $record, 5 + 4 + 3;
    my $first = hex unpack 'H6', $list;
    my $message = sub { substr(pack('N', length $_[0]), 1) . $_[0] };
    my $body = $message->($message->($der) . substr $list, 3 + $first);
    return "\x16\x03\x03" . pack('n', 4 + length($body)) . "\x0b" . $message->($body);
}

# proxy: s_client sends a good certificate, on its way it becomes the one to be tried.
sub by_proxy {
    my ($name) = @_;
    my $der = do { open my $fh, '<:raw', "$dir/$name.der" or die "$name.der: $!\n"; local $/; <$fh> };
    my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', Proto => 'tcp') or die "proxy: $@\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        my $client = $listener->accept;
        my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . port('TLS'), Proto => 'tcp') or POSIX::_exit(1);
        my ($select, $pending) = (IO::Select->new($client, $server), '');
        RELAY: while (my @ready = $select->can_read(30)) {
            for my $from (@ready) {
                sysread $from, my $bytes, 1 << 16 or last RELAY;
                if ($from == $server) {
                    syswrite $client, $bytes;
                    next;
                }
                $pending .= $bytes;
                while (length $pending >= 5 && length $pending >= 5 + unpack 'x3n', $pending) {
                    my $record = substr $pending, 0, 5 + unpack('x3n', $pending), '';
                    $record = exchange($record, $der) if $name ne 'marked' && $record =~ /\A\x16..(..)\x0b/s;
                    syswrite $server, $record;
                }
            }
        }
        POSIX::_exit(0);
    }
    my @said = s_client('marked', $listener->sockport, '/anybody/plain.txt', '-tls1_2');
    kill TERM => $pid;
    waitpid $pid, 0;
    return @said;
}

# ---- the tests

my %sent;       # way to number of certificates
plan tests => 3 * (@malformed + @odd + @typed + @rejected) + 5 * @literal + 4 * @equal + 10;

# The server's own word on a handshake that it gave up, as soon as it is in the log.
sub logged_since {
    my ($mark, $pattern) = @_;
    for (1 .. 250) {
        return 1 if error_log($mark) =~ $pattern;
        select undef, undef, undef, 0.02;
    }
    return 0;
}

# One certificate over TLS by its way: what was not answered as expected, '' when all was.
sub sent {
    my ($name, $expected, $way, @urls) = @_;
    $sent{$way}++;
    if ($way eq 'curl') {
        return join '; ', map {
            my ($tls, $http) = @$_;
            my @answers = ask(cert => "hostile/$name", tls => $tls, http => $http, requests => \@urls);
            map { my $told = brief($_); $told eq $expected ? () : "TLS $tls: $told" } @answers;
        } @ways;
    }
    if ($way eq 's_client') {
        return join '; ', map {
            my $option = $_;
            map {
                my ($told) = s_client($name, port('TLS'), $_, $option);
                $told eq $expected ? () : "$option: $told";
            } @urls;
        } qw(-tls1_2 -tls1_3);
    }
    # A session with such a name does not fit in a ticket; OpenSSL ends the handshake then, over TLS 1.3 always.
    if ($way eq 'no_ticket') {
        my @without = s_client($name, port('TLS'), $urls[0], '-tls1_2', '-no_ticket');
        my @with = map { [s_client($name, port('TLS'), $urls[0], $_)] } qw(-tls1_2 -tls1_3);
        return join '; ', $without[0] eq $expected ? () : "without tickets: $without[0]",
            map { $_->[0] eq 'no answer' && ($_->[1] // 0) == 80 ? () : "with tickets: @$_" } @with;
    }
    if ($way eq 'proxy') {
        my $mark = error_log_mark();
        my ($told) = by_proxy($name);
        my $why = qr/AH02008: SSL library error 1 in handshake.*SSL routines::(?:ASN1 lib|cert length mismatch)/s;
        return join '; ', $told eq 'no answer' ? () : $told,
            logged_since($mark, $why) ? () : 'the handshake ended for another reason';
    }
    die "no way is called $way\n";
}

# What certmapctl explain makes of one under the rules of sections: what was not said as expected, '' when all was.
sub told {
    my ($name, $expected, @sections) = @_;
    # a file that has nothing but the certificate, and bytes after it, has no chain to be verified
    my ($file, @how) = $spec{$name}{behind} ? "$dir/$name.der" : ("$dir/$name.pem", verified());
    return join '; ', map {
        my $section = $_;
        my %of = map { $_ => 1 } @{ $rules_in{$section} // die "no section is called $section\n" };
        my $told = explained($file, '--rules', put('rules', map {"$_\n"} grep { $of{ (split)[0] } } @rules), @how);
        $told =~ /\A$expected\z/ ? () : "$section: $told";
    } @sections;
}

# ---- malformed: no rule of any kind ever maps it

for my $row (@malformed) {
    my ($name, $why, undef, $way) = @$row;
    my $engine = $judged->{$name};
    is "$engine->{state}: $engine->{malformed}; " . otherwise($name, 'malformed'), "malformed: $why; ",
        "$name: in the engine";
    is sent($name, '403 16 malformed -', $way ? $way->[0] : 'curl', '/admin-cn/env', '/admin-san/env',
        '/hostile-name/env',
        '/anybody/env'), '', "$name: over TLS";
    is told($name, '403 16 malformed -', 'admin-cn', 'admin-san', 'hostile-name'), '', "$name: explained";
}
# OpenSSL cannot read the extension, and says that it finds no issuer.
is sent('san_trailing_inside', '403 16 malformed -', 's_client', '/plain.txt'), '',
    'the guard calls it malformed where nobody is mapped, too';

# ---- a value is malformed: each rule that names it refuses, all others decide as they would

my %said = (
    CN     => { 'admin-cn' => 'malformed', 'admin-all' => 'malformed', 'admin-dn' => 'malformed',
        'admin-case' => 'malformed', 'admin-zoe' => 'malformed', 'hostile-name' => 'malformed',
        'hostile-denied' => 'malformed', 'admin-below' => 'no-match', 'admin-san' => 'no-match', mallory => 'denied-by-rule',
        'no-ext' => 'no-match', 'no-other' => 'no-match' },
    others => { 'admin-cn' => '=admin', 'admin-all' => '=admin', 'admin-dn' => '=admin', 'admin-case' => '=admin',
        'case-blank' => 'no-match', 'admin-zoe' => 'no-match', 'hostile-name' => '=admin', 'hostile-denied' => '=admin',
        'admin-below' => 'no-match', 'admin-san' => 'no-match', mallory => 'no-match',
        'no-ext' => 'no-match', 'no-other' => 'no-match' },
);

for my $row (@odd) {
    my ($name, $field, $why) = @$row;
    my $engine = $judged->{$name};
    my %word = (%{ $said{ $field eq 'CN' ? 'CN' : 'others' } }, "san-$field" => 'malformed');
    my %section = map { my $section = $_; map { $_ => $section } @{ $rules_in{$section} } } keys %rules_in;
    my $wrong = join ', ', map {
        my $expected = $word{$_} // $word{ $section{$_} } // '=guest';
        $engine->{rule}{$_} eq $expected ? () : "$_ $engine->{rule}{$_}, not $expected"
    } @rule_names;
    my $full = $field eq 'CN' ? 'subject.CN' : $field eq 'serial' ? 'serial' : "san.$field";
    my $also = $field eq 'upn' ? "; san.other:$UPN: $why" : '';
    is "$engine->{state}: $engine->{malformed}; $wrong", "odd: $full: $why$also; ", "$name: in the engine";
    my %ask = $field eq 'CN' ? (malformed => [qw(admin-cn admin-dn hostile-name)], 'denied-by-rule' => ['not-mallory'])
        : $rules_in{'admin-san'} && (grep { $_ eq "san-$field" } @{ $rules_in{'admin-san'} })
        ? (malformed => ['admin-san'], admin => ['admin-cn', 'hostile-name']) : (admin => ['admin-cn', 'hostile-name']);
    my %brief = (malformed => '403 16 malformed -', 'denied-by-rule' => '403 12 denied-by-rule -', admin => '200 - - admin');
    is join('', sent($name, '200 - - guest', 'curl', '/anybody/plain.txt'),
        map { sent($name, $brief{$_}, 'curl', map {"/$_/plain.txt"} @{ $ask{$_} }) } sort keys %ask), '',
        "$name: over TLS";
    is join('', map { told($name, $brief{$_}, @{ $ask{$_} }) } sort keys %ask), '', "$name: explained";
}

# ---- an extension or otherName that is not text is there nevertheless

for my $row (@typed) {
    my ($name, $rule) = @$row;
    is "$judged->{$name}{state}; $judged->{$name}{rule}{$rule}", 'valid; denied-by-rule', "$name: in the engine";
    is sent($name, '403 12 denied-by-rule -', 'curl', '/no-odd-types/plain.txt'), '', "$name: over TLS";
    is told($name, '403 12 denied-by-rule -', 'no-odd-types'), '', "$name: explained";
}

# ---- OpenSSL has the first word

for my $row (@rejected) {
    my ($name, undef, $why, $way) = @$row;
    my $engine = $judged->{$name};
    my $expected = !defined $why ? 'undecodable: -' : $why eq '-' ? 'valid: -' : "malformed: $why";
    my $mapped = !defined $why || $why eq '-' ? '' : otherwise($name, 'malformed');
    is "$engine->{state}: $engine->{malformed}; $mapped", "$expected; ", "$name: in the engine";
    is sent($name, $way && $way->[1] || '403 16 malformed -', $way ? $way->[0] : 'curl', '/admin-cn/env',
        '/anybody/env'), '',
        "$name: over TLS";
    is told($name, defined $why ? $way && $way->[1] || '403 16 malformed -' : qr/exit 2: .*damaged.*/s, 'admin-cn'), '',
        "$name: explained";
}

# ---- literal: it is what it says, and nobody else

for my $row (@literal) {
    my ($name, undef, $sections, $user) = @$row;
    my $engine = $judged->{$name};
    is "$engine->{state}; " . otherwise($name, 'no-match', @$sections), 'valid; ', "$name: no rule takes it for admin";
    is $engine->{rule}{name}, $user // '=admin', "$name: its name is its name";
    is sent($name, '403 12 no-match -', 'curl', map {"/$_/env"} @$sections), '', "$name: over TLS, in @$sections";
    my @answers = map { my ($tls, $http) = @$_; ask(cert => "hostile/$name", tls => $tls, http => $http,
        requests => ['/hostile-name/env']) } @ways;
    my @told = map {
        $_->{status} == 200 && $_->{body} =~ /^REMOTE_USER=(.*)$/m ? "=$1" : (split / /, brief($_))[2]
    } @answers;
    is "@told", join(' ', ($user // '=admin') x 2), "$name: over TLS, its name is its name";
    my $named = ($user // '=admin') =~ /^=(.*)/s ? "200 - - $1" : "403 12 $user -";
    is join(' ', told($name, '403 12 no-match -', @$sections), told($name, quotemeta $named, 'hostile-name')), ' ',
        "$name: explained";
}

# ---- equal: every rule that looks for it finds it

for my $row (@equal) {
    my ($name, undef, $sections) = @$row;
    is otherwise($name, '=admin', @$sections), '', "$name: every rule finds it";
    is $judged->{$name}{rule}{'case-blank'}, 'no-match', "$name: and a rule for somebody else does not";
    # CGI programs have no room for what mod_ssl makes of ten thousand names
    is sent($name, '200 - - admin', 'curl', map {"/$_/plain.txt"} @$sections), '', "$name: over TLS";
    is told($name, '200 - - admin', @$sections), '', "$name: explained";
}

# ---- no subject: the alternative names and the fingerprint are all there is

{
    my $der = do { open my $fh, '<:raw', "$dir/empty_subject.der" or die "empty_subject: $!\n"; local $/; <$fh> };
    my @wanted = grep { !/^san-|^anybody/ } @rule_names;
    my $rule = $judged->{empty_subject}{rule};
    is join(', ', map {"$_ $rule->{$_}"} grep { $rule->{$_} ne 'no-match' } @wanted), '',
        'an empty subject meets no rule about the subject';
    my $fingerprint = judge(['pin allow admin sha256=' . sha256_hex($der), 'other allow admin sha256=' . '0' x 64,
        'name allow %{subject.CN} sha256=' . sha256_hex($der)], 'empty_subject')->{empty_subject}{rule};
    is join(' ', map {"$_ $fingerprint->{$_}"} qw(pin other name)), 'pin =admin other no-match name user-invalid',
        '... but its fingerprint maps, and gives no name that is not there';
    is sent('empty_subject', '403 12 no-match -', 'curl',
        map {"/$_/env"} qw(admin-cn admin-all admin-dn admin-below hostile-name)),
        '', '... the same over TLS';
}

# ---- ten thousand names: twice as many take about twice as long

{
    my %best;
    for (1 .. 5) {
        my $times = judge(\@rules, map {"sans_${_}0000"} 1, 2, 4);
        $best{$_} = min($best{$_} // 9e9, $times->{$_}{time}) for keys %$times;
    }
    my ($ten, $twenty, $forty) = @best{map {"sans_${_}0000"} 1, 2, 4};
    diag sprintf 'view and %d decisions: 10,000 names %.1f ms, 20,000 %.1f ms, 40,000 %.1f ms', scalar @all_rules,
        map { $_ / 1000 } $ten, $twenty, $forty;
    ok $twenty < 4 * $ten, '20,000 names take less than four times as long as 10,000';
    ok $forty < 8 * $ten, '40,000 names take less than eight times as long as 10,000';
    my ($answer) = ask(cert => 'hostile/many_sans', requests => ['/admin-san/plain.txt']);
    is brief($answer), '200 - - admin', 'ten thousand names over TLS';
}

# ---- and all this has harmed nobody

is join(' ', s_client('marked', port('TLS'), '/anybody/plain.txt', '-tls1_2')), '200 - - -',
    'the certificate of the proxy is a good one';
unlike error_log($log_start), qr/exit signal|AH0005[12]|AddressSanitizer|runtime error|stack smashing/,
    'no child has crashed';
my $total = keys %spec;
diag sprintf '%d hostile certificates: %d malformed, %d with an odd value, %d literal, %d equal, %d that OpenSSL rejects; '
    . 'sent: %s', $total, scalar @malformed, scalar @odd, scalar @literal, scalar @equal, scalar @rejected, join ', ',
        map {"$sent{$_} by $_"} sort keys %sent;
cmp_ok $total, '==', @malformed + @odd + @typed + @literal + @equal + @rejected, "$total certificates";
