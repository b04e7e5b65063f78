# SPDX-License-Identifier: Apache-2.0
# An httpd of a test's own: started on ports of its own, restarted gracefully at will and stopped by its id.
#
#   my $server = CertMap::Server->new(name => 'stock', ports => ['MAIN'], modules => $lines, text => 'Listen 127.0.0.1:${MY_MAIN} ...');
#   $server->port('MAIN');
#   $server->graceful;      # returns when no child of the old generation accepts any more
#
# Its directory is t/logs/NAME; in its configuration that is ${DIR}, and each port of its own is ${MY_...}. Every answer carries
# X-Generation, the number of times that it was (re)started.
package CertMap::Server;
use strict;
use warnings;

use CertMap::File;
use CertMap::Ports;
use CertMap::Test qw(top);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use IO::Socket::INET;
use POSIX qw(WNOHANG);

# Arguments: name, text (the configuration), ports (names), modules (more modules to load), without (modules not to load), files
# (name => content, to put into its directory), own_group (true: a process group of its own; prefork ends its whole group),
# options (in place of -D FOREGROUND). One more port, PROBE, is plain HTTP and there to see that the server answers.
sub new {
    my ($class, %arg) = @_;
    my $dir = top() . "/t/logs/$arg{name}";
    my $self = bless { dir => $dir, owner => $$, generation => 1, name => $arg{name} }, $class;
    mkdir $dir or die "$dir: $!\n";
    my @names = (@{ $arg{ports} }, 'PROBE');
    @{ $self->{port} }{@names} = free_ports(scalar @names);
    for my $name (keys %{ $arg{files} // {} }) {
        make_path(dirname("$dir/$name"));
        spew("$dir/$name", $arg{files}{$name});
    }

    my %without = map { $_ => 1 } @{ $arg{without} // [] };
    open my $fh, '<', top() . '/t/conf/modules.conf' or die "modules.conf: $!\n";
    my @modules = grep { !/^LoadModule (\w+)_module/ || !$without{$1} } <$fh>;
    push @modules, map {"LoadModule ${_}_module $ENV{CERTMAP_MODULES}/mod_$_.so\n"} @{ $arg{modules} // [] };
    spew("$dir/generation.conf", "Header always set X-Generation 1\n");
    spew("$dir/httpd.conf", join '', @modules, 'Include "' . top() . "/t/conf/defines.conf\"\n",
        "Define DIR \"$dir\"\n", (map {"Define MY_$_ $self->{port}{$_}\n"} @names), <<'CONF', $arg{text});
ServerRoot "${DIR}"
DefaultRunTimeDir "${DIR}"
ServerName localhost
PidFile "${DIR}/pid"
ErrorLog "${DIR}/error_log"
LogLevel notice ssl:info
DocumentRoot "${TOP}/t/htdocs"
TypesConfig /dev/null
StartServers 1
<IfModule !mpm_prefork_module>
    MinSpareThreads 1
    MaxSpareThreads 75
    ThreadsPerChild 25
    MaxRequestWorkers 100
</IfModule>
KeepAliveTimeout 15
TraceEnable On
# As in t/conf/httpd.conf.in, which says why.
EnableMMAP Off
Listen 127.0.0.1:${MY_PROBE}
Include "${DIR}/generation.conf"
<Directory />
    Options FollowSymLinks
    AllowOverride None
    Require all granted
</Directory>
CONF
    # The signal that ends the test ends its servers, as it leaves.
    $SIG{$_} ||= sub { exit 1 } for qw(INT TERM HUP);
    my $pid = $self->{pid} = fork // die "fork: $!\n";
    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        POSIX::setpgid(0, 0) if $arg{own_group};
        open STDERR, '>', "$dir/console" or POSIX::_exit(127);
        open STDOUT, '>&', \*STDERR or POSIX::_exit(127);
        exec $ENV{HTTPD}, @{ $arg{options} // ['-D', 'FOREGROUND'] }, '-f', "$dir/httpd.conf" or POSIX::_exit(127);
    }
    $self->wait_for_generation;
    return $self;
}

sub dir { return $_[0]{dir} }
sub generation { return $_[0]{generation} }
sub port { return $_[0]{port}{ $_[1] } // die "no port is called $_[1]\n" }

sub probe {
    my ($self) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}{PROBE}, Proto => 'tcp') or return 0;
    print {$socket} "GET /plain.txt HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n";
    my $answer = do { local $/; <$socket> } // '';
    return $answer =~ /^X-Generation: (\d+)\r$/m ? $1 : 0;
}

# A child of the old generation may accept for a moment: several answers in a row have to be the new one's.
sub wait_for_generation {
    my ($self) = @_;
    my $in_a_row = 0;
    for (1 .. 3000) {
        die "$self->{name}: httpd ended; see $self->{dir}/console and error_log\n" if waitpid($self->{pid}, WNOHANG) == $self->{pid};
        $in_a_row = $self->probe == $self->{generation} ? $in_a_row + 1 : 0;
        return if $in_a_row == 10;
        select undef, undef, undef, 0.02;
    }
    die "$self->{name}: httpd does not answer; see $self->{dir}/console and error_log\n";
}

sub graceful {
    my ($self) = @_;
    my $n = ++$self->{generation};
    spew("$self->{dir}/generation.conf", "Header always set X-Generation $n\n");
    kill USR1 => $self->{pid} or die "$self->{name}: no process $self->{pid}: $!\n";
    $self->wait_for_generation;
}

# By TERM unless given others; of several signals the next one is sent when the one before has been of no use for a while.
# Returns how it ended, as $? does.
sub stop {
    my ($self, @signals) = @_;
    my $pid = delete $self->{pid} or return;
    return if $$ != $self->{owner};
    local ($?, $!);
    kill shift @signals // 'TERM', $pid;
    for (my $n = 1; @signals; $n++) {
        return $? if waitpid($pid, WNOHANG) == $pid;
        select undef, undef, undef, 0.02;
        kill shift @signals, $pid if $n % 150 == 0;
    }
    waitpid $pid, 0;
    return $?;
}

sub DESTROY { $_[0]->stop }

1;
