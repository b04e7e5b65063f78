# SPDX-License-Identifier: Apache-2.0
# What the load test works with: servers of its own (t/load/httpd.conf), the client that asks them (t/load/client.c), and what
# their processes hold in memory.
#
#   my $server = CertMap::Load->start(name => 'load', port => $port, rules => $text, module => 1, define => ['ONE_CHILD']);
#   my $client = $server->client({ name => 'alice', cert => pki('clients', 'good.pem'), path => '/on/who.shtml', ... }, ...);
#   $client->versions(1, 2); ...; my $outcomes = $client->stop;         # {alice => {'200 alice' => 4711, ...}}
package CertMap::Load;
use strict;
use warnings;

use CertMap::File qw(slurp spew);
use CertMap::Test qw(top);
use Exporter qw(import);
use POSIX qw(:sys_wait_h);

our @EXPORT_OK = qw(memory);

my @modules = qw(mpm_event alias authn_core authz_core http2 include log_config mime setenvif socache_shmcb ssl watchdog);
my %running;        # pid to name; only what was started here is ever signalled

# Also when the test dies: no server may keep running.
END {
    local $?;
    kill TERM => keys %running if %running;
    waitpid $_, 0 for keys %running;
}

# Waits until what is asked holds. Returns whether it did in time.
sub wait_for {
    my ($seconds, $holds) = @_;
    for (1 .. $seconds * 50) {
        return 1 if $holds->();
        select undef, undef, undef, 0.02;
    }
    return 0;
}

sub spawn {
    my ($log, @command) = @_;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDIN, '<', '/dev/null' and open STDOUT, '>', $log and open STDERR, '>&', \*STDOUT or POSIX::_exit(127);
        exec @command or POSIX::_exit(127);
    }
    return $pid;
}

# ---- servers

# The words that every call of httpd begins with, to run it or to try a configuration.
sub httpd {
    my ($self, $rules) = @_;
    return ($ENV{HTTPD}, '-C', "Define TOP \"" . top() . '"', '-C', "Define LOAD \"$self->{dir}\"", '-C', "Define RULES \"$rules\"",
        '-C', "Define MODULES \"$self->{dir}/modules.conf\"", '-C', "Define PORT $self->{port}", '-C', 'ServerName localhost',
        map({ "-D$_" } @{ $self->{define} }), '-f', top() . '/t/load/httpd.conf');
}

sub start {
    my ($class, %arg) = @_;
    my $dir = top() . "/t/logs/$arg{name}";
    my $self = bless { %arg, dir => $dir, restarts => 0, rules_file => "$dir/live.rules" }, $class;
    mkdir $dir or die "$dir: $!\n";
    my $modules = slurp(top() . '/t/conf/modules.conf');
    my %wanted = map { $_ => 1 } @modules, $arg{module} ? 'certmap' : ();
    spew("$dir/modules.conf", join '', grep { /^LoadModule (\w+)_module / && $wanted{$1} } map {"$_\n"} split /\n/, $modules);
    spew("$dir/ticket.key", join '', map { chr rand 256 } 1 .. 80);
    spew($self->{rules_file}, $arg{rules});
    $self->{pid} = spawn("$dir/stdout", $self->httpd($self->{rules_file}), '-DFOREGROUND');
    $running{ $self->{pid} } = $arg{name};
    wait_for(30, sub { $self->starts == 1 || !$self->alive }) && $self->alive
        or die "$arg{name}: httpd does not start\n" . slurp("$dir/stdout") . (-e "$dir/error_log" ? $self->error_log : '');
    return $self;
}

sub alive {
    my ($self) = @_;
    delete $running{ $self->{pid} } if $self->{pid} && waitpid($self->{pid}, WNOHANG) == $self->{pid};
    return exists $running{ $self->{pid} };
}

sub error_log { return slurp("$_[0]{dir}/error_log") }

# How often httpd has said that it is ready.
sub starts {
    my ($self) = @_;
    return 0 if !-e "$self->{dir}/error_log";
    return scalar(() = $self->error_log =~ /resuming normal operations$/mg);
}

# Whether httpd takes a file of rules, as an operator asks before anything is put in place.
sub takes {
    my ($self, $text) = @_;
    my $candidate = "$self->{dir}/candidate.rules";
    spew($candidate, $text);
    my $pid = spawn("$self->{dir}/tested", $self->httpd($candidate), '-t');
    waitpid $pid, 0;
    my $said = slurp("$self->{dir}/tested");
    # A crash is not an answer.
    die "httpd -t ended with status $?: $said\n" if $? & 127;
    return $? == 0 && $said =~ /^Syntax OK$/m ? 1 : 0;
}

# Puts the file that was tried last in its place, at once.
sub install {
    my ($self) = @_;
    rename "$self->{dir}/candidate.rules", $self->{rules_file} or die "$self->{rules_file}: $!\n";
}

# The same with rules that nobody has tried.
sub replace {
    my ($self, $rules) = @_;
    spew("$self->{dir}/candidate.rules", $rules);
    $self->install;
}

# Whether all processes that serve have said something in the error log after a mark.
sub all_said {
    my ($self, $mark, $pattern) = @_;
    my %said = map { $_ => 1 } substr($self->error_log, $mark) =~ /\[pid (\d+):.*$pattern/g;
    return !grep { !$said{$_} } $self->children;
}

sub restart {
    my ($self) = @_;
    my $starts = $self->starts;
    $self->{restarts}++;
    kill USR1 => $self->{pid};
    wait_for(30, sub { $self->starts > $starts || !$self->alive });
    $self->alive && $self->starts == $starts + 1 or die "$self->{name}: a graceful restart went wrong\n" . $self->error_log;
}

sub stop {
    my ($self) = @_;
    return 0 if !$self->alive;
    kill TERM => $self->{pid};
    return wait_for(30, sub { !$self->alive }) && $? == 0;
}

# The processes that serve, newest first; after a graceful restart the old ones are there for a while.
sub children {
    my ($self) = @_;
    my %started;
    for my $file (glob '/proc/[0-9]*/stat') {
        open my $fh, '<', $file or next;
        my ($pid, $ppid, $time) = (<$fh> // '') =~ /\A(\d+) \(.*\) \S (\d+)(?: \S+){17} (\d+)/s or next;
        $started{$pid} = $time if $ppid == $self->{pid};
    }
    return sort { $started{$b} <=> $started{$a} || $b <=> $a } keys %started;
}

# The access log, counted: {MARK => {'200 alice' => 17, ...}}, and the versions that were seen: {'alice-v3' => 5, ...}.
sub access_log {
    my ($self) = @_;
    my (%outcomes, %users);
    open my $fh, '<', "$self->{dir}/access_log" or die "access_log: $!\n";
    while (<$fh>) {
        chomp;
        my ($mark, $status, $substatus, $user) = split /\t/;
        $users{$user}++ if $user ne '-';
        $user =~ s/-v\d+\z//;
        $outcomes{$mark}{ $status eq '200' ? "200 $user" : "$status.$substatus" }++;
    }
    return (\%outcomes, \%users);
}

# ---- memory

# What a process holds for itself, in kB: its anonymous pages, which unlike RSS leave out libraries and the shared session
# cache, and which unlike Private_Dirty do not depend on how much a parent's children have come to own.
sub memory {
    my ($pid) = @_;
    open my $fh, '<', "/proc/$pid/smaps_rollup" or return;
    my ($anonymous) = join('', <$fh>) =~ /^Anonymous:\s+(\d+) kB$/m;
    return $anonymous;
}

# ---- the client

sub client {
    my ($self, @workers) = @_;
    my @specs = map { my $w = $_; join ',', map { defined $w->{$_} ? "$_=$w->{$_}" : () } sort keys %$w } @workers;
    my $out = "$self->{dir}/client." . ++$self->{clients};
    pipe my $read, my $write or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        close $write;
        open STDIN, '<&', $read and open STDOUT, '>', $out or POSIX::_exit(127);
        exec top() . '/built/t/load/client', 'a.test', $self->{port}, @specs or POSIX::_exit(127);
    }
    close $read;
    $write->autoflush(1);
    $running{$pid} = "client of $self->{name}";
    return bless { pid => $pid, in => $write, out => $out }, 'CertMap::Load::Client';
}

package CertMap::Load::Client;

# Which versions of the rules may answer what is asked from now on.
sub versions {
    my ($self, $oldest, $newest) = @_;
    local $SIG{PIPE} = 'IGNORE';
    print { $self->{in} } "$oldest $newest\n";
}

# Waits for the workers that have a number of requests; stops the others. Returns what they counted.
sub wait {
    my ($self) = @_;
    waitpid $self->{pid}, 0;
    delete $running{ $self->{pid} };
    die "the client ended with status $?\n" if $?;
    my %outcomes;
    for (split /\n/, CertMap::File::slurp($self->{out})) {
        my ($worker, $count, $outcome) = split /\t/, $_, 3;
        $outcomes{$worker}{$outcome} += $count;
    }
    return \%outcomes;
}

sub stop {
    my ($self) = @_;
    close $self->{in};
    return $self->wait;
}

1;
