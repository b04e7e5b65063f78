#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Load and change together. While clients with good, bad, unmapped and no certificates ask over parallel HTTP/2 streams and
# kept-alive HTTP/1.1 connections, new and resumed, the rules change again and again: by a graceful restart, and under the
# running server, which is given broken rules before the good ones. No answer may be another than that certificate's under the
# rules of now or of one change ago, no request may be lost (t/load/client.h says what that is), no process may crash, and none
# may grow. Then one child alone answers many requests and connections, and may not grow by them. Grow means: more than the same
# httpd without the module does.
#
# LOAD_ROUNDS says how many changes; 11 when it is not set, as in the ordinary suite. With it the second part is longer, too, and
# the numbers are printed. tools/load and "make load" set it.
use strict;
use warnings;
use List::Util qw(max min sum0);
use Test::More;
use CertMap::Load qw(memory);
use CertMap::Ports;
use CertMap::Test;

my $rounds = $ENV{LOAD_ROUNDS} // 11;
my $long = defined $ENV{LOAD_ROUNDS};
my $round_seconds = 1;
$rounds >= 11 or die "LOAD_ROUNDS: the tenth round is compared with the second, and the eleventh ends it\n";
my $tell = $long ? \&diag : \&note;

# Memory, in kB. What is noise was seen in many runs, and what is found was tried: 50 kB that every restart leaks, 100 bytes
# that every request does, a kilobyte that every connection does (in the long form). Children are new after each restart and
# differ by which connections they happen to get; what they inherit is the parent's.
my $parent_noise = 200;
my $child_noise = 6144;
my $request_noise = 768;
# Sanitizers keep what is freed: under them nothing can be said of memory. That a process holds things when it ends is not a
# finding, either: after a graceful restart a child of the event MPM leaves the pools of connections that still linger.
my $measured = !$ENV{CERTMAP_PRELOAD};
$ENV{LSAN_OPTIONS} = 'detect_leaks=0' if !$measured;
# One heap for all threads: with more of them, how much memory lies idle in each depends on chance.
$ENV{MALLOC_ARENA_MAX} = 1;

# ---- the clients, and what may be answered

my %answer = (good => '200 alice', bob => '200 bob', revoked => '403.13', expired => '403.17', selfsigned => '403.16',
    unmapped => '403.12', none => '403.7');

# worker: certificate, TLS, HTTP, resume; "guard" asks where CertMap is not on
my @mix = (
    [qw(good 1.3 2 ticket)], [qw(good 1.2 2 no)], [qw(good 1.3 1.1 ticket)], [qw(good 1.2 1.1 cache)],
    [qw(bob 1.3 2 no)], [qw(bob 1.2 2 cache)], [qw(bob 1.2 1.1 ticket)], [qw(bob 1.3 1.1 no)],
    [qw(revoked 1.3 2 ticket)], [qw(revoked 1.2 1.1 cache)], [qw(revoked 1.2 2 ticket guard)],
    [qw(expired 1.2 2 cache)], [qw(expired 1.3 1.1 ticket)], [qw(selfsigned 1.3 2 ticket guard)],
    [qw(selfsigned 1.2 1.1 ticket)], [qw(unmapped 1.3 2 ticket)], [qw(unmapped 1.2 1.1 ticket)], [qw(none 1.3 2 ticket)],
    [qw(none 1.2 1.1 no)],
);

sub worker {
    my ($cert, $tls, $http, $resume, $guard) = @{ shift() };
    return {
        name => join('-', $cert, "tls$tls", "h$http", $resume, $guard // ()), tls => $tls, http => $http, resume => $resume,
        cert => $cert eq 'none' ? undef : pki('clients', "$cert.pem"), path => ($guard ? '' : '/on') . '/who.shtml',
        streams => 8, @_,
    };
}

sub no_more {
    my ($grown, $bound, $what) = @_;
  SKIP: {
        skip 'memory is not measured under sanitizers', 1 if !$measured;
        cmp_ok $grown, '<=', $bound, $what;
    }
}

sub bad { return $_[0] =~ /^(?:revoked|expired|selfsigned)-/ }

# ---- rules

# The text of a rule file. Each version gives everybody another name, and every other one gives it by other rules.
sub rules {
    my ($version) = @_;
    my $issuer = 'issuer="CN=Example Issuing CA,O=Example Ltd,C=DE"';
    return join '', map {"$_\n"}
        "mallory deny subject.CN=Mallory $issuer",
        map({"nobody$_ allow nobody$_ subject.CN~\"No ?body [0-9]{$_} v$version\" $issuer"} 1 .. 100),
        $version % 2 ? "staff allow %{san.email:local}-v$version subject.OU=Staff $issuer"
        : ("bob allow bob-v$version subject.CN=Bob $issuer", "alice allow alice-v$version subject.CN~Ali(?:ce|cia) $issuer");
}

# What an operator may leave in a file in a hurry. None of it may ever be in force.
my @broken = (
    sub { return substr $_[0], 0, 3 + index $_[0], 'No ?body', length($_[0]) / 2 },     # half a file
    sub { return $_[0] =~ s/,C=DE"$/,C=DE/mr },                                         # a quote that is not closed
    sub { return $_[0] =~ s/subject\.(?=OU|CN=Bob)/subjet./r },                         # a field that is none
    sub { return $_[0] =~ s/No \?body/No (body/r },                                     # a regex that is none
    sub { return $_[0] . "mallory allow admin subject.CN=Mallory\n" },                  # a name twice
    sub { return $_[0] . "mallory\n" },
    sub { return "\377\376" . $_[0] },                                                  # another editor's mark
);

my ($server, $plain, @taken, @silent);

# How a change is put in force. Each gets the server, the rules and something that is broken.
my %change = (
    # As an operator does it who takes no risk: tried, put in place, and httpd restarted gracefully.
    restart => sub {
        my ($server, $text, $broken) = @_;
        push @taken, $server->takes($broken) ? $broken : ();
        $server->takes($text) or die "httpd -t refuses good rules\n";
        $server->install;
        $server->restart;
        $plain->restart;
    },
    # As one does it who takes any: the broken file is put in place under the running server, and when all children have
    # complained, the good one. The server has no more than the file.
    file => sub {
        my ($server, $text, $broken) = @_;
        for my $step ([$broken, 'live\.rules has errors'], [$text, 'live\.rules has been read']) {
            my ($rules, $said) = @$step;
            my $mark = length $server->error_log;
            $server->replace($rules);
            CertMap::Load::wait_for(30, sub { $server->all_said($mark, $said) })
                or push @silent, "$said: " . substr $server->error_log, $mark;
        }
    },
);

# ---- the first part: load and change

$server = CertMap::Load->start(name => 'load', port => free_ports(1), rules => rules(0), module => 1);
$plain = CertMap::Load->start(name => 'load-plain', port => free_ports(1), rules => '', module => 0);
my @workers = map { worker($_, per => 40, pause => 4) } @mix;
my $began = time;
my $client = $server->client(@workers);
$client->versions(0, 0);

my (@memory, @lingering);
for my $round (1 .. $rounds) {
    my ($how, $broken) = ($round % 2 ? 'file' : 'restart', $broken[$round % @broken]->(rules($round)));
    my %before = map { $_ => 1 } $how eq 'restart' ? $server->children : ();
    # The version before this one has been in force for a round; it may answer for as long as httpd takes to change.
    $client->versions($round - 1, $round);
    $change{$how}->($server, rules($round), $broken);
    select undef, undef, undef, $round_seconds;
    CertMap::Load::wait_for(15, sub { !grep { $before{$_} } $server->children })
        or push @lingering, "round $round: " . join ' ', grep { $before{$_} } $server->children;
    push @memory, { parent => memory($server->{pid}), plain => memory($plain->{pid}),
        child => max(map { memory($_) // 0 } $server->children) };
}
my $outcomes = $client->stop;
my $seconds = time - $began;

ok $server->alive, 'the server is still there';
ok $server->stop, '... and stops';
ok $plain->stop, 'the server without the module, too';
is join("\n", @taken), '', 'no broken rules pass httpd -t';
is join("\n", @silent), '', 'every child tells of broken rules, and of good ones';
is "@lingering", '', 'the children of before a restart go away';

my (%sum, @wrong, @lost);
for my $worker (map { $_->{name} } @workers) {
    my ($cert) = $worker =~ /^(\w+)-/;
    my $of = $outcomes->{$worker};
    my $guard = $worker =~ /-guard$/;
    for my $outcome (sort keys %$of) {
        my $kind = $outcome =~ /^(connections|resumed|retry|lost)/ ? $1 : $outcome eq $answer{$cert} ? 'right' : 'wrong';
        $sum{$kind} += $of->{$outcome};
        $sum{$outcome} += $of->{$outcome} if $kind eq 'retry';
        push @wrong, "$worker: $of->{$outcome} x $outcome" if $kind eq 'wrong';
        push @lost, "$worker: $of->{$outcome} x $outcome" if $kind eq 'lost';
    }
    cmp_ok $of->{ $answer{$cert} } // 0, '>=', $rounds, "$worker: $answer{$cert}";
    my $resumed = $of->{resumed} // 0;
    if (bad($worker)) {
        is $resumed, 0, '... and no session comes back';
    }
    elsif ($worker !~ /-no(?:-|$)/) {
        cmp_ok $resumed, '>', 0, '... and sessions come back';
    }
}
is join("\n", @wrong), '', 'not one wrong answer';
is join("\n", @lost), '', 'not one lost request';

# What the server says that it did is what the clients got.
my ($logged, $users) = $server->access_log;
my %got;
for my $worker (map { $_->{name} } @workers) {
    $got{$worker} = { map { /^\d/ ? ($_ => $outcomes->{$worker}{$_}) : () } keys %{ $outcomes->{$worker} } };
}
is_deeply $logged, \%got, 'the access log has the same answers, and as many of each';
is join(' ', grep { !$users->{$_} } map { my $v = $_; map {"$_-v$v"} qw(alice bob) } 1 .. $rounds), '',
    'each version of the rules was in force for both users';

my $error_log = $server->error_log;
is join("\n", $error_log =~ /^.*(?:exit signal|AH00052|AH00051|still did not exit|:(?:emerg|alert|crit)\]).*$/mg), '',
    'no process crashed';
is $server->starts, $server->{restarts} + 1, 'the server took every restart';

# ---- memory by restart

for ([9, 'the tenth'], $long ? [$#memory, 'the last'] : ()) {
    my ($i, $which) = @$_;
    my ($grown, $own) = map { $memory[$i]{$_} - $memory[1]{$_} } qw(parent plain);
    no_more $grown, max(0, $own) + $parent_noise,
        "the parent grew by $grown kB from the second round to $which, without the module by $own kB";
}
my ($child_first, $child_last) = map { max map { $_->{child} } @memory[@$_] } [0 .. 2], [8 .. 10];
no_more $child_last, $child_first + $child_noise,
    "the largest child about the tenth round has $child_last kB, about the second $child_first kB";

my $answers = $sum{right} + ($sum{wrong} // 0);
$tell->("$answers requests on $sum{connections} connections ($sum{resumed} resumed), $server->{restarts} graceful restarts, "
    . int(($rounds + 1) / 2) . " changes without one, $rounds broken versions, $seconds s");
$tell->('wrong = ' . ($sum{wrong} // 0) . ', lost = ' . ($sum{lost} // 0) . ', asked again = ' . ($sum{retry} // 0)
    . join '', map {" ($sum{$_} $_)"} grep {/^retry: /} sort keys %sum);
$tell->("kB after rounds 2, 10, $rounds: " . join '; ', map {
    my $who = $_;
    "$who " . join ' ', map { $memory[$_]{$who} } 1, 9, -1
} qw(parent plain child));

# ---- the second part: one child, many requests

my ($requests, $connections) = !$measured ? (900, 90) : $long ? (36_000, 3_600) : (9_000, 900);

# Asks a server with a single child for a third of all, which fills what is filled once, and then for the rest. Returns what the
# child held at first, and after the requests and the connections of each.
sub one_child {
    my ($name, $module, $failed) = @_;
    my $one = CertMap::Load->start(name => $name, port => free_ports(1), rules => $module ? rules(1) : '', module => $module,
        define => ['ONE_CHILD']);
    my ($child) = $one->children;
    my @kB = memory($child);
    # Without the module a bad certificate opens no connection: good ones are used instead.
    my ($revoked, $selfsigned) = $module ? qw(revoked selfsigned) : qw(good bob);
    for my $part (1, 2) {
        my @kept = map { worker($_, per => 1_000_000, requests => $requests / 12 * $part) } [qw(good 1.3 1.1 no)],
            [qw(bob 1.2 1.1 no)], [qw(good 1.3 2 no)], [$revoked, qw(1.3 2 no)];
        # The same worker may be here twice; then both are counted together.
        my @new = map { worker($_, per => 1, requests => $connections / 18 * $part) } [qw(good 1.3 1.1 no)],
            [qw(good 1.2 2 ticket)], [qw(bob 1.3 1.1 ticket)], [$revoked, qw(1.3 1.1 no)], [$selfsigned, qw(1.2 1.1 no)],
            [qw(none 1.3 1.1 no)];
        for my $workers (\@kept, \@new) {
            my $running = $one->client(@$workers);
            $running->versions(1, 1);
            my $got = $running->wait;
            my %count;
            for my $worker (@$workers) {
                my ($cert) = $worker->{name} =~ /^(\w+)-/;
                $count{ $worker->{name} }{right} = $got->{ $worker->{name} }{ $module ? $answer{$cert} : '200 (none)' } // 0;
                $count{ $worker->{name} }{asked} += $worker->{requests};
            }
            for (sort keys %count) {
                push @$failed, "$_: $count{$_}{right} of $count{$_}{asked}" if $count{$_}{right} != $count{$_}{asked};
            }
            push @kB, memory($child);
        }
    }
    ok $one->stop, "$name: it stops";
    is join("\n", $one->error_log =~ /^.*(?:exit signal|AH0005[12]).*$/mg), '', "$name: nothing crashed";
    return @kB;
}

my @failed;
my @with = one_child('load-one', 1, \@failed);
my @without = one_child('load-one-plain', 0, \@failed);
is join("\n", @failed), '', 'every request was answered as it has to be';
is scalar(grep {defined} @with, @without), 10, 'by the same child from the first to the last';
for ([3, $requests, 'requests'], [4, $connections, 'connections']) {
    my ($i, $n, $what) = @$_;
    my ($grown, $own) = map { $_->[$i] - $_->[$i - 2] } \@with, \@without;
    no_more $grown, max(0, $own) + $request_noise,
        "two thirds of $n $what: the child grew by $grown kB, without the module by $own kB";
}
$tell->("one child, kB at first, after a third of $requests requests and $connections connections, and after the rest: @with; "
    . "without the module: @without");

done_testing();
