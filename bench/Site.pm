# SPDX-License-Identifier: Apache-2.0
# What bench/end_to_end measures: certificates, rules, entries and stores in a directory of its own, and private servers on free
# ports of 127.0.0.1 that answer one small file through virtual hosts which differ in how the client's certificate is mapped.
#
#   my $site = Site->new($build, rules => 100_000, entries => 1_000_000);
#   my $server = $site->start('all', module => 1, hosts => ['none', 'file']);
#   $server->url('file');                       # https://127.0.0.1:PORT/any/hello.txt
#   $server->processor_time;                    # seconds, of the processes that serve
package Site;
use strict;
use warnings FATAL => 'all';

use CertMap::File qw(slurp spew);
use CertMap::Ports;
use Digest::SHA qw(sha256_hex);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX qw(:sys_wait_h _exit);
use Time::HiRes qw(clock_gettime sleep time);

my @modules = qw(mpm_event unixd authn_core authz_core authz_user auth_basic authn_file log_config mime socache_shmcb ssl);
my %running;        # pid to name; only what was started here is ever signalled
my $owner = $$;     # of the directory; not the processes that it forks
my $dir;

END {
    local $?;
    if ($$ == $owner) {
        kill TERM => keys %running;
        waitpid $_, 0 for keys %running;
        chdir "/";
        remove_tree($dir) if defined $dir;
    }
}
$SIG{$_} = sub { exit 130 } for qw(INT TERM HUP);

sub spawn {
    my ($log, @command) = @_;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDIN, '<', '/dev/null' and open STDOUT, '>', $log and open STDERR, '>&', \*STDOUT or _exit(127);
        exec @command or _exit(127);
    }
    $running{$pid} = $command[0];
    return $pid;
}

# Runs a command, which must succeed; returns what it printed.
sub run {
    my (@command) = @_;
    my $pid = spawn("$dir/said", @command);
    waitpid $pid, 0;
    my $status = $?;
    delete $running{$pid};
    my $said = slurp("$dir/said");
    die "@command: status $status\n$said" if $status;
    return $said;
}

# Processor time of a process in seconds, to the nanosecond: the clock that clock_getcpuclockid(3) names.
sub processor_time_of {
    my ($pid) = @_;
    return clock_gettime(~(0 + $pid) << 3 | 2);
}

# The words that keep a command on one of the processors that this process may use, so that server and client do not wake each
# other now here, now there.
sub on_processor {
    my ($n) = @_;
    my ($list) = slurp('/proc/self/status') =~ /^Cpus_allowed_list:\s+(\S+)/m;
    my @allowed = map { /^(\d+)-(\d+)$/ ? $1 .. $2 : $_ } split /,/, $list;
    return ('taskset', '-c', $allowed[$n % @allowed]);
}

# ---- what is asked

# One line of many kinds, as bench_decide's "mixed"; none of them maps a certificate that is asked with.
my @conditions = (
    sub { sprintf 'subject.CN=user%06u*', $_[0] },
    sub { sprintf 'san.uri=spiffe://*/user%06u/*', $_[0] },
    sub { sprintf 'subject.CN~user%06u(-[a-z]+)?', $_[0] },
    sub { sprintf 'san.email~([^@]+)%06u@example\.(org|net)', $_[0] },
    sub { sprintf 'subject="CN=user%06u,O=Example Ltd,C=DE"', $_[0] },
    sub { sprintf 'issuer="CN=Issuing CA,O=Example Ltd,C=DE" serial=%08x', 0x10000000 + $_[0] },
    sub { sprintf 'san.ip=10.%u.%u.%u/32 subject.O="Example Ltd"', $_[0] >> 16, $_[0] >> 8 & 255, $_[0] & 255 },
    sub { sprintf 'san.email=user%06u@example.org eku=clientAuth', $_[0] },
    (sub { sprintf 'subject.O="Example Ltd" subject.CN=user%06u', $_[0] }) x 2,
);

# The last rule maps everybody of the staff.
sub rules {
    my ($n) = @_;
    my $staff = 'staff allow %{san.email:local} subject.OU=Staff issuer="CN=Example Issuing CA,O=Example Ltd,C=DE"' . "\n";
    return join('', map { "rule-$_ allow u$_ " . $conditions[$_ % @conditions]->($_) . "\n" } 1 .. $n - 1) . $staff;
}

# Entries that pin certificates, that of Alice in the middle.
sub write_entries {
    my ($name, $n, $alice) = @_;
    open my $fh, '>:raw', $name or die "$name: $!\n";
    for my $i (1 .. $n) {
        print {$fh} 'sha256:', $i == $n >> 1 ? "$alice by-entry\n" : sha256_hex($i) . " user$i\n";
    }
    close $fh or die "$name: $!\n";
}

# What a certificate costs without a mapper: so many lines of mod_authz_core, and so many users of FakeBasicAuth, whose
# password is always the same. Alice is in the middle of them.
sub expressions {
    my ($n) = @_;
    return join '', "<RequireAny>\n", map({
        my $name = $_ == $n >> 1 ? 'CN=Alice,OU=Staff' : sprintf 'CN=user%06u,OU=Staff', $_;
        qq(    Require expr "%{SSL_CLIENT_S_DN} == '$name,O=Example Ltd,C=DE'"\n)
    } 1 .. $n), "</RequireAny>\n";
}

sub users {
    my ($n) = @_;
    return join '', map {
        my $name = $_ == $n >> 1 ? 'CN=Alice' : sprintf 'CN=user%06u', $_;
        "/C=DE/O=Example Ltd/OU=Staff/$name:xxj31ZMTZzkVA\n"
    } 1 .. $n;
}

# ---- the site

sub new {
    my ($class, $build, %size) = @_;
    my %env = map { /^(?:export )?(\w+)='(.*)'$/ ? ($1 => $2) : () } split /\n/, slurp("$build/t/env");
    $dir = tempdir('certmap-bench-XXXXXX', TMPDIR => 1);
    chmod 0755, $dir or die "$dir: $!\n";
    my $self = bless { %size, dir => $dir, httpd => $env{HTTPD}, modules => $env{CERTMAP_MODULES} }, $class;
    run("$env{src}/t/pki/make", "$dir/pki");
    run('cp', "$build/.libs/mod_certmap.so", $dir);
    my ($alice) = run('openssl', 'x509', '-in', "$dir/pki/clients/good.crt", '-noout', '-fingerprint', '-sha256') =~ /=(.*)/;
    spew("$dir/few.rules", rules(10));
    spew("$dir/many.rules", rules($size{rules}));
    write_entries("$dir/entries", $size{entries}, lc $alice =~ tr/://dr);
    run("$build/certmapctl", 'store', 'build', "$dir/store", "$dir/entries");
    spew("$dir/users", users(10_000));
    for my $name (qw(any entry rule)) {
        mkdir $_ or die "$_: $!\n" for grep { !-d } "$dir/htdocs", "$dir/htdocs/$name";
        spew("$dir/htdocs/$name/hello.txt", "Hello, this is a small file that httpd sends to whoever asks for it.\n");
    }
    return $self;
}

# Valgrind's files and the server's own belong to an account without privileges, which this process becomes.
sub give_up_root {
    my ($self) = @_;
    return if $> != 0;
    my (undef, undef, $uid, $gid) = getpwnam 'nobody' or die "there is no account nobody\n";
    run('chown', '-R', "$uid:$gid", $dir);
    $ENV{HOME} = $dir;
    $( = $gid;
    $) = "$gid $gid";
    $< = $> = $uid;
    $> == $uid && $< == $uid or die "cannot become nobody: $!\n";
}

# How virtual hosts map, by name.
sub mapping {
    my ($self, $name) = @_;
    my %text = (
        none => '',
        few => "CertMap On\nCertMapRuleFile $dir/few.rules\n",
        file => "CertMap On\nCertMapSource file $dir/entries\nCertMapRuleFile $dir/many.rules\n",
        store => "CertMap On\nCertMapSource store $dir/store\nCertMapRuleFile $dir/many.rules\n",
        deferring => "CertMap On\nCertMapDeferErrors On\nCertMapSource store $dir/store\nCertMapRuleFile $dir/few.rules\n",
        expr => "<Directory $dir/htdocs>\n" . expressions(1_000) . "</Directory>\n",
        fake => "<Directory $dir/htdocs>\nSSLOptions +FakeBasicAuth\nAuthType Basic\nAuthName bench\n"
            . "AuthUserFile $dir/users\nRequire valid-user\n</Directory>\n",
    );
    return $text{$name} // die "no virtual host $name\n";
}

sub host {
    my ($self, $name, $port) = @_;
    my $verify = $name eq 'deferring' ? 'optional_no_ca' : 'require';
    return <<"CONF" . $self->mapping($name) . "</VirtualHost>\n";
Listen 127.0.0.1:$port
<VirtualHost 127.0.0.1:$port>
SSLEngine on
SSLCertificateFile $dir/pki/server.pem
SSLCACertificateFile $dir/pki/root.pem
SSLVerifyClient $verify
SSLVerifyDepth 2
CONF
}

sub configuration {
    my ($self, $name, %arg) = @_;
    my $built_in = run($self->{httpd}, '-l');
    my $load = join '', map {"LoadModule ${_}_module $self->{modules}/mod_$_.so\n"} grep { $built_in !~ /\bmod_$_\.c/ } @modules;
    $load .= "LoadModule certmap_module $dir/mod_certmap.so\n" if $arg{module};
    my $warn = $arg{module} ? 'notice certmap:error' : 'notice';     # not a line for each weak rule
    return <<"CONF" . join '', map { $self->host($_, $arg{ports}{$_}) } sort keys %{ $arg{ports} };
$load
ServerRoot $dir
ServerName localhost
DocumentRoot $dir/htdocs
DefaultRunTimeDir $dir
PidFile $dir/$name.pid
ErrorLog $dir/$name.log
LogLevel $warn
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
CustomLog $dir/$name.access combined
StartServers 1
ServerLimit 1
ThreadsPerChild 16
MaxRequestWorkers 16
MinSpareThreads 1
MaxSpareThreads 16
TypesConfig /dev/null
AddType text/plain .txt
KeepAlive On
MaxKeepAliveRequests 0
SSLSessionCache shmcb:$dir/$name.sessions(512000)
<Directory />
    AllowOverride None
    Require all denied
</Directory>
<Directory $dir/htdocs>
    Require all granted
</Directory>
# Where only the right user is let in, so that what is measured is what it is said to be.
<Directory $dir/htdocs/entry>
    Require user by-entry
</Directory>
<Directory $dir/htdocs/rule>
    Require user bob
</Directory>
CONF
}

# ---- servers

# module: whether it is loaded; hosts: names; under: a command that runs httpd, and then httpd stays one process.
sub start {
    my ($self, $name, %arg) = @_;
    my %ports;
    @ports{ @{ $arg{hosts} } } = free_ports(scalar @{ $arg{hosts} });
    spew("$dir/$name.conf", $self->configuration($name, %arg, ports => \%ports));
    my $server = bless { site => $self, name => $name, ports => \%ports, log => "$dir/$name.log" }, 'Site::Server';
    unlink $server->{log};
    my $began = time;
    my $pid = spawn("$dir/$name.out", on_processor(0), @{ $arg{under} // [] }, $self->{httpd}, '-f', "$dir/$name.conf",
        $arg{under} ? '-X' : '-DFOREGROUND');
    $server->{pid} = $pid;
    $server->wait_for_starts($arg{under} ? 0 : 1, 60);      # httpd -X does not say when it is ready
    $server->{seconds} = time - $began;
    $server->{processor_seconds} = processor_time_of($pid);
    return $server;
}

package Site::Server;

use Time::HiRes qw(sleep time);

sub starts {
    my ($self) = @_;
    return -e $self->{log} ? scalar(() = Site::slurp($self->{log}) =~ /resuming normal operations$/mg) : 0;
}

sub wait_for_starts {
    my ($self, $n, $seconds) = @_;
    my $end = time + $seconds;
    while ($self->starts < $n || !$self->listens) {
        if (time > $end || waitpid($self->{pid}, Site::WNOHANG()) == $self->{pid}) {
            die "$self->{name}: httpd does not start\n", Site::slurp("$dir/$self->{name}.out"),
                -e $self->{log} ? Site::slurp($self->{log}) : '';
        }
        sleep 0.005;
    }
}

# Whether connections are accepted, if not answered.
sub listens {
    my ($self) = @_;
    my ($port) = values %{ $self->{ports} };
    return defined IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp', Timeout => 5);
}

sub url {
    my ($self, $host, $place) = @_;
    return "https://127.0.0.1:$self->{ports}{$host}/" . ($place // 'any') . '/hello.txt';
}

# The processes that serve.
sub children {
    my ($self) = @_;
    my @children;
    for my $file (glob '/proc/[0-9]*/stat') {
        open my $fh, '<', $file or next;
        my ($pid, $parent) = (<$fh> // '') =~ /\A(\d+) \(.*\) \S (\d+)/s or next;
        push @children, $pid if $parent == $self->{pid};
    }
    return @children;
}

sub processor_time {
    my ($self) = @_;
    my $sum = 0;
    $sum += Site::processor_time_of($_) for $self->children;
    return $sum;
}

# In MB: what a process has in memory, and what of it is not shared with others.
sub memory {
    my ($pid) = @_;
    my %kb = Site::slurp("/proc/$pid/smaps_rollup") =~ /^(\w+):\s+(\d+) kB$/mg;
    return ($kb{Rss} / 1024, ($kb{Private_Clean} + $kb{Private_Dirty}) / 1024);
}

# Seconds until the new child answers, and the parent's processor time.
sub restart {
    my ($self) = @_;
    my ($began, $spent, $starts) = (time, Site::processor_time_of($self->{pid}), $self->starts);
    kill USR1 => $self->{pid};
    $self->wait_for_starts($starts + 1, 60);
    return (time - $began, Site::processor_time_of($self->{pid}) - $spent);
}

sub stop {
    my ($self) = @_;
    kill TERM => $self->{pid};
    waitpid $self->{pid}, 0;
    delete $running{ $self->{pid} };
}

1;
