#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Rule files and entry files are read again while the server runs; a text with an error changes nothing and says where
# it is wrong, through a graceful restart too; a cold start refuses it. An open connection sees a change as well.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(sleep time);
use CertMap::File;
use CertMap::Test;

my ($rules, $entries) = map { top() . "/t/live/live.$_" } qw(rules entries);
my $more = top() . '/t/live/more.rules';

# The answers settle: each child looks once a second. Ten alike in a row are taken for settled, wherever they come from.
sub settles {
    my ($cert, $expected, $name, $place) = @_;
    $place ||= 'live';
    my ($end, $alike, $got) = (time + 20, 0, '');
    while ($alike < 10 && time < $end) {
        my ($answer) = ask(cert => $cert, tls => '1.3', requests => ["/$place/env"]);
        $got = brief($answer);
        $alike = $got eq $expected ? $alike + 1 : 0;
        sleep 0.1 if !$alike;
    }
    is $got, $expected, $name;
}

sub says {
    my ($mark, $pattern, $name, $seconds) = @_;
    for (1 .. 20 * ($seconds // 5)) {
        last if error_log($mark) =~ $pattern;
        sleep 0.05;
    }
    like error_log($mark), $pattern, $name;
}

# The parent keeps the last good text for a restart, and looks about every ten seconds.
sub kept {
    my ($mark, $name) = @_;
    says($mark, qr/live\.rules: its text is kept for a graceful restart/, "$name: kept by the parent", 40);
}

sub graceful {
    open my $fh, '<', top() . '/t/logs/httpd.pid' or die "httpd.pid: $!\n";
    chomp(my $pid = <$fh>);
    my $mark = error_log_mark();
    kill USR1 => $pid or die "kill -USR1 $pid: $!\n";
    for (1 .. 1500) {
        return 1 if error_log($mark) =~ /resuming normal operations/;
        sleep 0.02;
    }
    return 0;
}

my $first = do { open my $fh, '<', $rules or die "$rules: $!\n"; local $/; <$fh> };
my $nobody = do { open my $fh, '<', $entries or die "$entries: $!\n"; local $/; <$fh> };

settles('good', '200 - - one-alice', 'the rules of the start');
my $mark = error_log_mark();
replace($rules, "staff allow two-%{subject.CN:lower} subject.OU=Staff\nvisitors allow guest subject.OU=Visitors\n");
settles('good', '200 - - two-alice', 'a changed rule file');
settles('unmapped', '200 - - guest', '... and a rule that it brought');
says($mark, qr/live\.rules has been read: 2 in force; added visitors; changed staff/, '... named in the log');
kept($mark, 'a changed rule file');

$mark = error_log_mark();
replace($rules, "staff allow three-%{subject.CN:lower} subject.OU=Staff\nbroken line\nx allow y subjct.CN=1\n");
says($mark, qr/live\.rules:2:8: "line" is not allow or deny/, 'an error is told with its place');
says($mark, qr/live\.rules:3:11: unknown field "subjct\.CN"/, '... and the next one too');
settles('good', '200 - - two-alice', '... and the text before stays in force');
$mark = error_log_mark();
ok graceful(), 'a graceful restart with the broken file';
like error_log($mark) =~ s/resuming normal operations.*//sr, qr/^certmap: \S*live\.rules:2:8: .*^certmap: \S*live\.rules:3:11: /ms,
    '... of which it tells every error';
settles('good', '200 - - two-alice', '... keeps the last good text');
my ($status, $said) = httpd_test("<VirtualHost *:1>\nInclude \"\${TOP}/t/conf/tls.conf\"\nSSLVerifyClient optional_no_ca\n"
    . "CertMapDeferErrors On\nCertMapRuleFile $rules\n</VirtualHost>\n");
ok $status && $said =~ /CertMapRuleFile \S*live\.rules: .*live\.rules:2:8: .*; .*live\.rules:3:11: /,
    'a cold start refuses it, with every error' or diag "$status $said";

$mark = error_log_mark();
replace($rules, $first);
settles('good', '200 - - one-alice', 'mended');
kept($mark, 'what is mended');

# What is sound by itself may not fit its list.
$mark = error_log_mark();
replace($rules, "staff allow four-%{subject.CN:lower} subject.OU=Staff\nfixed allow eve subject.OU=Visitors\n");
says($mark, qr/live\.rules has errors; what was read before stays in force/, 'a name that the list has already');
like error_log($mark), qr/sections\.conf:\d+:\d+: the name "fixed" has been given before, at \S*live\.rules:2;/,
    '... is told with both places';
settles('good', '200 - - one-alice', '... and changes nothing');
$mark = error_log_mark();
ok graceful(), 'a graceful restart with that file';
says($mark, qr/live\.rules has errors; what was read before stays in force/, '... tells of it again');
settles('good', '200 - - one-alice', '... and keeps the last good text');

# One file, two lists, and a text that fits one of them: each place keeps what was in force there.
$mark = error_log_mark();
replace($rules, "staff allow five-%{subject.CN:lower} subject.OU=Staff\nnewcomer allow eve subject.OU=Visitors\n");
says($mark, qr/the name "newcomer" has been given before/, 'a name that one of two lists has already');
settles('good', '200 - - five-alice', '... where it fits it is taken');
settles('good', '200 - - four-alice', '... and where not, the text before stays in force', 'twice');
kept($mark, 'what fits');
ok graceful(), 'a graceful restart with that file';
settles('good', '200 - - five-alice', '... keeps what is in force in the one place');
settles('good', '200 - - four-alice', '... and what is in force in the other', 'twice');
$mark = error_log_mark();
replace($rules, "broken line\n");
says($mark, qr/live\.rules:1:8: "line" is not allow or deny/, 'now the file is broken for both');
ok graceful(), '... and at a graceful restart';
settles('good', '200 - - five-alice', '... the one place has its last good text');
settles('good', '200 - - four-alice', '... and the other one its own', 'twice');
replace($rules, $first);
settles('good', '200 - - one-alice', 'mended in one place');
settles('good', '200 - - one-alice', '... and in the other', 'twice');

$mark = error_log_mark();
replace($more, "staff allow moved-%{subject.CN:lower} subject.OU=Staff\n");
says($mark, qr/more\.rules has errors; what was read before stays in force/, 'a rule that is in two files');
settles('good', '200 - - one-alice', '... stays where it was');
replace($rules, "# moved\n");
settles('good', '200 - - moved-alice', '... and moves when the other file gives it up');
settles('good', '200 - - moved-alice', '... for good');
replace($more, "# none\n");
settles('good', '403 12 no-match -', 'no rule is left');
$mark = error_log_mark();
replace($rules, "$first# again\n");     # another text than before: the parent may not have seen what was in between
settles('good', '200 - - one-alice', 'mended once more');
kept($mark, 'what is mended once more');

# The same with a restart in between, at which the file that gives the rule up is broken.
$mark = error_log_mark();
replace($more, "staff allow moved-%{subject.CN:lower} subject.OU=Staff\n");
says($mark, qr/more\.rules has errors/, 'a rule that moves');
replace($rules, "moved\n");
ok graceful(), '... and a graceful restart';
settles('good', '200 - - one-alice', '... leave it where it was');
replace($rules, "# moved\n");
settles('good', '200 - - moved-alice', '... until the file that it left is mended');
replace($more, "# none\n");
replace($rules, $first);
settles('good', '200 - - one-alice', 'and mended');

# one-to-one
my $alice = fingerprint('good');
replace($entries, "sha256:$alice alicia groups=a,b\n");
settles('good', '200 - - alicia', 'an entry goes before the rules');
settles('bob', '200 - - one-bob', '... for its certificate alone');
replace($entries, "sha256:$alice alicia expires=2020-01-01\n");
settles('good', '403 12 mapping-expired -', 'an expired entry does not fall through to the rules');
replace($entries, "sha256:$alice - deny\n");
settles('good', '403 12 denied-by-source -', 'a deny entry');
$mark = error_log_mark();
replace($entries, "sha256:$alice alicia\nsha256:$alice eve\n");
says($mark, qr/live\.entries:2:\d+: /, 'a key that appears twice is an error');
settles('good', '403 12 denied-by-source -', '... and changes nothing');
replace($entries, $nobody);
settles('good', '200 - - one-alice', 'nobody is denied any more');

# a store
my $store = top() . '/t/live/live.store';

sub store {
    my ($text, $to) = @_;
    $to //= $store;
    replace("$entries.store", $text);
    system(top() . "/built/certmapctl store build $to $entries.store >/dev/null") == 0 or die "certmapctl store build: $?\n";
}
settles('good', '200 - - alice', 'an empty store leaves the certificate to the rules', 'store');
$mark = error_log_mark();
store("sha256:$alice alicia\n");
settles('good', '200 - - alicia', 'an entry in the store', 'store');
says($mark, qr/live\.store has been checked: 1 entries in force/, '... told in the log');
my $older = slurp($store);
$mark = error_log_mark();
store("sha256:$alice - deny\n");
settles('good', '403 12 denied-by-source -', 'a deny entry', 'store');
says($mark, qr/live\.store: what is in force is kept for a graceful restart/, '... kept by the parent', 40);

# a new version that cannot be used: the old one stays in force
my $denies = slurp($store);
my @unusable = (
    ['something else', "no store at all\n" x 1000, qr/live\.store: not a store of certmap entries; what was in force /],
    ['a store that is cut off', substr($denies, 0, -1), qr/live\.store: it is cut off, or was not written to its end; what /],
    ['a flipped bit', $denies ^ ("\0" x 2100 . "\1"), qr/live\.store: its seal does not hold: it is damaged; what was in /],
    ['an older one', $older, qr/live\.store: it is older \(built [-\d]+ [\d:]+ UTC\) than the one that was in .*; what was in /],
);
for (@unusable) {
    my ($name, $text, $told) = @$_;
    $mark = error_log_mark();
    replace($store, $text);
    says($mark, $told, "$name in its place");
    settles('good', '403 12 denied-by-source -', '... is not used: what was there before stays in force', 'store');
}
$mark = error_log_mark();
replace($store, $unusable[2][1]);
ok graceful(), 'a graceful restart with a damaged store';
like error_log($mark), qr/live\.store: its seal does not hold: .*; what was in force before stays in force/, '... tells of it';
settles('good', '403 12 denied-by-source -', '... and keeps what was in force', 'store');
replace($store, $older);
ok graceful(), 'a graceful restart with an older store';
settles('good', '200 - - alicia', '... goes back to it', 'store');

# the store that is in force goes, or is changed in place
$mark = error_log_mark();
unlink $store or die "$store: $!\n";
says($mark, qr/live\.store: No such file or directory; requests that need it are refused with 503/, 'a store that is gone');
settles('good', '503 - source-unavailable -', '... is 503, never "no match"', 'store');
$mark = error_log_mark();
ok graceful(), 'a graceful restart without the store';
like error_log($mark), qr/live\.store: .*requests that need it are refused with 503/, '... tells of it';
settles('good', '503 - source-unavailable -', '... and is 503 as well', 'store');
settles('good', '200 - - one-alice', '... where it is needed');
replace($store, $denies);
settles('good', '403 12 denied-by-source -', 'it comes back without a restart', 'store');
$mark = error_log_mark();
open my $in_place, '+<', $store or die "$store: $!\n";
seek $in_place, 2100, 0;
print {$in_place} 'x';
close $in_place or die "$store: $!\n";
my ($at_once) = ask(cert => 'good', tls => '1.3', requests => ['/store/env']);
is brief($at_once), '503 - source-unavailable -', 'a store that is damaged in place is 503 at once';
says($mark, qr/live\.store: its seal does not hold: it is damaged; requests that need it are refused with 503/, '... and told');
settles('good', '503 - source-unavailable -', '... and stays 503', 'store');
store('');
settles('good', '200 - - alice', 'mended', 'store');
($status, $said) = httpd_test("<VirtualHost *:1>\nInclude \"\${TOP}/t/conf/tls.conf\"\nSSLVerifyClient optional_no_ca\n"
    . "CertMapDeferErrors On\nCertMapSource store /no/such/store\n</VirtualHost>\n");
ok $status && $said =~ m{CertMapSource store /no/such/store: No such file or directory}, 'a cold start refuses a store that is missing'
    or diag "$status $said";
spew("$entries.damaged", $unusable[2][1]);
($status, $said) = httpd_test("<VirtualHost *:1>\nInclude \"\${TOP}/t/conf/tls.conf\"\nSSLVerifyClient optional_no_ca\n"
    . "CertMapDeferErrors On\nCertMapSource store $entries.damaged\n</VirtualHost>\n");
ok $status && $said =~ m{CertMapSource store \S*damaged: its seal does not hold}, '... and one that is damaged'
    or diag "$status $said";

# one connection, before and after
my ($before, $after, $later) = ask(cert => 'good', tls => '1.3', requests => ['/live/env', '/live/env', '/live/env']);
is join(' | ', map { brief($_) } $before, $after, $later), join(' | ', ('200 - - one-alice') x 3), 'an open connection';

done_testing;
