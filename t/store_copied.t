#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A store that is copied over in place, again and again, while requests ask it: what was torn or cut off is 503, and never "no
# match", which would let in somebody denied, by a rule after the store.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(sleep time);
use CertMap::Client;
use CertMap::File;
use CertMap::Server;
use CertMap::Test;

my $dir = tempdir('certmap-copied.XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($alice, $bob) = map { fingerprint($_) } qw(good bob);
my $seconds = $ENV{CERTMAP_COPIES} // 12;

# Entries of these two, between so many others with another letter before their names.
sub entries {
    my ($n, $letter) = @_;
    return join '', "sha256:$alice - deny\n", "sha256:$bob bobby\n",
        map { 'sha256:' . sha256_hex("$letter$_") . " $letter$_\n" } 1 .. $n;
}

sub build {
    my ($store, $text) = @_;
    spew("$store.entries", $text);
    system(top() . "/built/certmapctl store build $store $store.entries >/dev/null") == 0 or die "certmapctl store build: $?\n";
}

build("$dir/few.store", entries(3_000, 'a'));
build("$dir/many.store", entries(20_000, 'a'));
build("$dir/same.store", entries(20_000, 'b'));
is -s "$dir/same.store", -s "$dir/many.store", 'two stores of one length';

my $server = CertMap::Server->new(name => 'copied', ports => ['TLS'], without => ['cgid'],
    files => { 'live.store' => slurp("$dir/few.store") }, text => <<'CONF');
Listen 127.0.0.1:${MY_TLS}
<VirtualHost 127.0.0.1:${MY_TLS}>
    ServerName a.test
    Include "${TOP}/t/conf/tls.conf"
    SSLVerifyClient optional_no_ca
    SSLVerifyDepth 2
    CertMapDeferErrors On
    CertMapSource store "${DIR}/live.store"
    CertMapRule staff allow by-rule issuer="CN=Example Issuing CA,O=Example Ltd,C=DE" subject.OU=Staff
    <Location "/plain.txt">
        CertMap On
        Header always set X-User "expr=%{REMOTE_USER}"
    </Location>
</VirtualHost>
CONF

my $live = $server->dir . '/live.store';

sub answer {
    my ($cert) = @_;
    my $client = eval {
        CertMap::Client->new(bundle => pki('clients', "$cert.pem"), tls => '1.3', http => '1.1', port => $server->port('TLS'),
            sni => 'a.test');
    } or return 'lost';
    my $answer = eval { $client->ask(path => '/plain.txt', host => 'a.test') };
    my $got = $answer && $answer->{status} ? "$answer->{status} " . ($answer->{headers}{'x-user'} // '') : 'lost';
    $client->close;
    return $got =~ s/ (?:\(null\))?\z//r;
}

is answer('good'), '403', 'who is denied';
is answer('bob'), '200 bobby', 'and who is not';

# The clients, which ask until the time is over. Each writes what it has seen.
my %expected = (good => qr/^(?:403|503|lost)$/, bob => qr/^(?:200 bobby|503|lost)$/);
my $end = time + $seconds;
my %asking;
for my $cert (sort keys %expected) {
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        my %seen;
        $seen{ answer($cert) }++ while time < $end;
        spew("$dir/seen-$cert", join '', map {"$seen{$_} $_\n"} sort keys %seen);
        POSIX::_exit(0);
    }
    $asking{$pid} = $cert;
}
# What is copied over what: shorter, longer, and piece by piece over something of the same length.
my @copying = (
    ['cp', "$dir/few.store", $live], ['cp', "$dir/many.store", $live],
    map { ['dd', "if=$dir/$_.store", "of=$live", 'bs=512', 'conv=notrunc', 'status=none'] } qw(same many same many),
);
my $copies = 0;
while (time < $end) {
    my @command = @{ $copying[$copies++ % @copying] };
    system(@command) == 0 or die "@command: $?\n";
    sleep $copies % 3 ? rand() / 20 : 1.5;      # now and then there is time for it to be checked
}
waitpid $_, 0 for keys %asking;

my ($lost, $all, $unavailable) = (0, 0, 0);
for my $cert (sort keys %expected) {
    my %seen = map { /^(\d+) (.*)/ ? ($2 => $1) : () } split /\n/, slurp("$dir/seen-$cert");
    my @wrong = grep { $_ !~ $expected{$cert} } keys %seen;
    is join(', ', map {"$seen{$_} $_"} @wrong), '', "$cert: never another answer than its own, or 503";
    diag "$cert, $copies copies: ", join ', ', map {"$seen{$_} $_"} sort keys %seen;
    $lost += $seen{lost} // 0;
    $unavailable += $seen{503} // 0;
    $all += $_ for values %seen;
}
ok $unavailable > 0, 'there were some';
cmp_ok $lost, '<', 1 + $all / 20, 'and few processes that ended while they read what was cut off';

build($live, entries(10, 'c'));
my $until = time + 20;
sleep 0.2 while time < $until && (answer('bob') ne '200 bobby' || answer('good') ne '403');
is join(' ', answer('good'), answer('bob')), '403 200 bobby', 'mended';

done_testing;
