#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# certmapctl suggest: every line that it prints for a certificate of the suite maps that certificate, as an entry or as a
# rule, to the user that is in it, and no other certificate where it says that it pins one.
use strict;
use warnings;
use Test::More;
use CertMap::DER;
use CertMap::Explain;
use CertMap::Test;

sub client { return pki('clients', "$_[0].pem") }

# The lines of each kind, with their strengths.
sub suggested {
    my ($certificate) = @_;
    my ($status, $out, $err) = certmapctl('suggest', $certificate);
    my ($strength, %lines, $kind) = ('');
    for (split /\n/, $out) {
        $kind = $1 eq 'Entries' ? 'entry' : 'rule' if /^# (Entries|Rules),/;
        $strength = $1 if /^# (strong|scoped|weak): /;
        push @{ $lines{$kind} }, [$strength, $_] if !/^(?:#|$)/;
    }
    return ($status, \%lines, $err, $out);
}

my @names = qw(good bob denied unmapped noeku seldom selfsigned unknownca forged0 forged1 forged2 forged3 forged4 forged5
    forged6 forged7 forged8);
for my $name (@names) {
    my ($status, $lines, $err) = suggested(client($name));
    my @entries = @{ $lines->{entry} // [] };
    my @rules = @{ $lines->{rule} // [] };
    is "$status $err", '0 ', "$name: no complaint";
    cmp_ok scalar @entries, '>=', 4, "$name: entries";
    cmp_ok scalar @rules, '>=', 1, "$name: rules";
    my %rank = (strong => 2, scoped => 1, weak => 0);
    my @ranks = map { $rank{ $_->[0] } } @entries;
    is "@ranks", join(' ', sort { $b <=> $a } @ranks), "$name: the strongest come first";
    for my $line (@entries) {
        my $file = put('one.entries', "$line->[1]\n");
        my $key = $line->[1] =~ s/:.*//r;
        like explained(client($name), '--source', "file:$file", '--min-strength', $line->[0]), qr/^200 - - \S+$/,
            "$name: the $key entry maps it, as $line->[0] as it says";
        next if $key eq 'dn' || $name eq 'bob';
        is explained(client('bob'), '--source', "file:$file"), '403 12 no-match -', "$name: and not another one";
    }
    like explained(client($name), '--rules', put('one.rules', "$_->[1]\n"), '--min-strength', $_->[0]),
        qr/^200 - - \S+$/, "$name: the rule " . (split / /, $_->[1])[0] . " maps it, as $_->[0] as it says" for @rules;
    # pasted together, and into httpd's configuration
    like explained(client($name), '--rules', put('all.rules', map {"$_->[1]\n"} @rules), '--source',
        'file:' . put('all.entries', map {"$_->[1]\n"} @entries)), qr/^200 - - \S+$/, "$name: all of them together";
}
{
    my (undef, $lines) = suggested(client('good'));
    is join(' ', map { (split /:/, $_->[1])[0] } @{ $lines->{entry} }), 'sha256 spki ski issuer-serial dn', 'the kinds';
    is join(' ', map { (split / /, $_->[1])[0] } @{ $lines->{rule} }), 'alice-dn alice-upn alice-email',
        'names of rules are made of the user';
    is join(' ', map { / (alice)(?: |$)/ ? $1 : 'nobody' } map { $_->[1] } @{ $lines->{entry} }), join(' ', ('alice') x 5),
        'the user is made of the principal name';
    my ($status, $text) = httpd_test(join "\n", '<Location "/x">', 'CertMap On', 'CertMapSource file "'
        . put('pasted.entries', map {"$_->[1]\n"} @{ $lines->{entry} }) . '"',
        (map {"CertMapRule $_->[1]"} @{ $lines->{rule} }), '</Location>');
    ok $status == 0 && $text =~ /Syntax OK/, 'httpd takes them all' or diag $text;
    # the note is what "explain" knows a renewal by
    my ($own) = map { $_->[1] } grep { $_->[1] =~ /^issuer-serial/ } @{ $lines->{entry} };
    my (undef, $words) = certmapctl('explain', client('revoked'), '--source', 'file:' . put('own.entries', "$own\n"));
    like $words, qr/^This looks like a renewal: /m, 'a note that is written now tells a renewal later';
}

# Names that ask to be read as something else: what is written to be pasted is one word each.
issue(pki('clients', 'suggested'), pki('ca', 'inter'), {
    map { $_->[0] => { subject => name(rdn(ava('2.5.4.10', tlv(UTF8, 'X'))), rdn(ava('2.5.4.3', tlv(UTF8, $_->[1])))),
        extensions => [standard(), san(tlv(0x81, $_->[2]))] } }
    ['quotes', q(a" "b' c\\), 'x@y'], ['stars', '*?\\*', '*@y'], ['option', 'groups=a', 'groups=b@y'],
    ['hash', '# c', '#@y'], ['dash', '-', '-@y'], ['template', '%{1}', '%{1}@y'], ['variable', '${x}', '${y}@z'],
    ['nothing', ':', ':@y'],
});
for my $name (qw(quotes stars option hash dash template variable nothing)) {
    my $file = pki('clients', 'suggested', "$name.der");
    my ($status, $lines) = suggested($file);
    my @all = map { @{ $lines->{$_} // [] } } qw(entry rule);
    my @wrong = grep { explained($file, '--source', 'file:' . put('e', "$_->[1]\n")) !~ /^200/ } @{ $lines->{entry} };
    push @wrong, grep { explained($file, '--rules', put('r', "$_->[1]\n")) !~ /^200/ } @{ $lines->{rule} };
    # the same issuer's certificate for another name
    my $other = pki('clients', 'suggested', $name eq 'dash' ? 'hash.der' : 'dash.der');
    push @wrong, grep { explained($other, '--rules', put('r', "$_->[1]\n")) !~ /^403 12 no-match/ } @{ $lines->{rule} };
    ok $status == 0 && @all >= 6 && !@wrong, "$name: all lines map it, and not another one" or diag join "\n", map({ $_->[1] } @all), 'wrong:', map { $_->[1] } @wrong;
}

# ---- warnings and errors: certificate, exit status, what is said, whether lines come

for my $row (
    ['expired'   => 1, qr/warning: the certificate has expired/, 1, client('expired')],
    ['not yet'   => 1, qr/warning: the certificate is not valid before/, 1, client('notyet')],
    ['malformed' => 1, qr/warning: nothing to suggest: .*san\.ip: an address of/, 0, client('malformed')],
    ['a NUL'     => 0, qr/\A\z/, 1, client('nul')],
    ['a CA'      => 1, qr/warning: this looks like the certificate of a CA/, 1, pki('root.pem')],
    ['a CRL'     => 2, qr/error: .*this is a revocation list/, 0, pki('crl.pem')],
    ['no file'   => 2, qr/error: .*No such file/, 0, '/nonexistent']) {
    my ($name, $expected, $pattern, $has_lines, $file) = @$row;
    my ($status, undef, $err, $out) = suggested($file);
    ok $status == $expected && $err =~ $pattern && ($out =~ /^sha256:/m ? 1 : 0) == $has_lines, $name
        or diag "exit $status\n$out$err";
}
is((certmapctl('suggest'))[0], 2, 'no certificate is an error');

done_testing;
