#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The table of reasons (engine/base/reason.c) is the one place that says which there are, what answers them, and which of two is
# reported. Whatever else has a row for each is held to it: the words of the page and of certmapctl, and the documentation.
use strict;
use warnings;
use Test::More;
use CertMap::File;
use CertMap::Table;

my %answer = map { $_->{index} => $_ } table('engine/base/reason.c', 'answers');
my @answers = enumerated('engine/base/base.h', 'certmap_answer_e');
is_deeply [sort keys %answer], [sort @answers], 'each answer has its row';
for my $row (values %answer) {
    my $text = $row->{substatus} ? "$row->{http}.$row->{substatus}" : $row->{http};
    is $row->{text}, $text, "$text is written so";
    is $row->{index}, 'CERTMAP_ANSWER_' . ($text eq '200' ? 'OK' : $text =~ tr/./_/r), 'and called so';
}

my @reasons = table('engine/base/reason.c', 'reasons');
my @known = enumerated('engine/base/base.h', 'certmap_reason_e');
cmp_ok scalar @reasons, '>=', 25, 'reasons: ' . @reasons;
is_deeply [map { $_->{index} } @reasons], \@known, 'each reason has its row, in the order of precedence';
is_deeply [map { 'CERTMAP_R_' . uc $_->{name} =~ tr/-/_/r } @reasons], \@known, 'and its own name';
my %rank = map { $answers[$_] => $_ } 0 .. $#answers;
is_deeply [map { $rank{ $_->{answer} } } @reasons], [sort { $a <=> $b } map { $rank{ $_->{answer} } } @reasons],
    'answers have the order of their reasons';
my %verifies = map { $answer{ $_->{answer} }{text} => 1 } grep { $_->{verification} } @reasons;
is_deeply [sort keys %verifies], [qw(403.13 403.16 403.17)], 'verification answers 403.13, 403.16 and 403.17';
is join(' ', map { $_->{name} } grep { $verifies{ $answer{ $_->{answer} }{text} } && !$_->{verification} } @reasons), 'malformed',
    'and all of these but malformed are of verification';

shift @reasons;     # none
my @in_order = map { [$_->{name}, $answer{ $_->{answer} }{text}] } @reasons;
my @statuses = do { my %seen; grep { !$seen{$_}++ } map { $_->[1] } @in_order };
my %of;
push @{ $of{ $_->[1] } }, $_->[0] for @in_order;

# ---- words

is_deeply [map { $_->{index} } table('httpd/page.c', 'words')], \@known, 'the page has words for each, and for none';
for my $row (table('httpd/page.c', 'words')) {
    ok $row->{title} && $row->{happened} && $row->{advice}, "$row->{index}: title, what happened, advice";
}
is_deeply [map { $_->{index} } table('ctl/tell.c', 'words')], [@known[1 .. $#known]], 'certmapctl has words for each';
is scalar(grep {length} @{ $_->{texts} }), 2, "$_->{index}: what it is, and what to do" for table('ctl/tell.c', 'words');

# ---- documentation

my $refusals = slurp('docs/refusals.md');
my @chapters = $refusals =~ /^## ((?:403\.|503)\d*): (.*)$/mg;
is_deeply [@chapters[map { 2 * $_ } 0 .. $#chapters / 2]], \@statuses, 'docs/refusals.md has a chapter on each status, in order';
for my $status (@statuses) {
    my ($chapter) = $refusals =~ /^## \Q$status\E: .*\n((?:(?!## ).*\n)*)/m or die "docs/refusals.md: no $status\n";
    is_deeply [$chapter =~ /^\| `([\w-]+)` \|/mg], $of{$status}, "$status: its reasons, in order";
}
my ($overview) = $refusals =~ /^\| status \| in IIS \| reasons \|\n\| [-| ]+ \|\n((?:\|.*\n)+)/m
    or die "docs/refusals.md: no overview\n";
my %anchor = map { $chapters[2 * $_] => lc("$chapters[2 * $_]: $chapters[2 * $_ + 1]") =~ s/[^\w -]//gr =~ tr/ /-/r } 0 .. $#statuses;
my @rows = map { [map { s/^\s+|\s+$//gr } (split /\|/)[1 .. 3]] } split /\n/, $overview;
is_deeply [map { $_->[0] } @rows], [map {"[$_](#$anchor{$_})"} @statuses], 'the overview leads to each chapter';
is_deeply [map { [$_->[2] =~ /`([\w-]+)`/g] } @rows], [map { $of{$_} } @statuses], 'and names each reason';
is scalar(grep { length $_->[1] } @rows), scalar @rows, 'and what IIS calls it';

my %readme = map { my ($status, $reasons) = /^\| ((?:403\.|503)\d*) \|.*\| ([^|]*) \|$/; $status ? ($status => $reasons) : () }
    split /\n/, slurp('README.md');
is_deeply { map { $_ => [$readme{$_} =~ /`([\w-]+)`/g] } keys %readme }, \%of, 'README.md has each status and its reasons';

# As man(1) shows it.
my $shown = qx(mandoc -T ascii -O width=400 man/mod_certmap.5) =~ s/.\x08//gr;
my ($chapter) = $shown =~ /^( *)Statuses and reasons\n/m or die "mod_certmap(5): no Statuses and reasons\n";
my ($text) = $shown =~ /^ *Statuses and reasons\n(.*?)(?=^ {0,@{[length $chapter]}}\S|\z)/ms;
my (%man, @man);
while ($text =~ /^     ((?:403\.|503)\d*) +(.*\n(?: {6,}.*\n)*)/mg) {
    my ($status, $words) = ($1, $2);
    push @man, $status;
    ($man{$status}) = map { [split /,\s+/] } $words =~ /.*: (.*)\./s;
}
is_deeply \@man, \@statuses, 'mod_certmap(5) has each status, in order';
is_deeply \%man, \%of, 'and its reasons, in order';

my ($documents) = slurp('docs/directives.md') =~ /^Your own answer for one substatus: (.*?)\. /ms or die "docs/directives.md: no substatuses\n";
is_deeply [sort $documents =~ /403\.\d+/g], [sort grep {/\./} @statuses], 'CertMapErrorDocument takes each substatus';

done_testing;
