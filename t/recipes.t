#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# docs/recipes.md, run: each chapter has an httpd of its own with the blocks of that chapter, and the backends that it needs
# (an application that shows the headers it gets, PHP-FPM, a directory, a repository). Its transcripts must print what is
# there. Then come the promises of its text that no curl line shows, by every protocol: forged headers, other people, the
# backend that is gone.
use strict;
use warnings;
use CertMap::Client;
use CertMap::File;
use CertMap::Ports;
use CertMap::Server;
use CertMap::Test;
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Path qw(make_path);
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64);
use POSIX qw(WNOHANG);
use Test::More;

my $logs = top() . '/t/logs';
my $made = "$logs/recipes-pki";
my $svn = '/usr/bin/svn';

# ---- certificates

sub openssl {
    my ($command) = @_;
    system("cd '$made' && openssl $command >>log 2>&1") == 0 or die "openssl $command: " . slurp("$made/log");
}

# NAME.pem, with the key. The subject ends in OU and CN; the CA is "ca" unless it says otherwise.
sub certificate {
    my ($name, $subject, $extensions, %arg) = @_;
    my $ca = $arg{ca} // 'ca';
    openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.csr -subj '$subject'");
    spew("$made/$name.ext", "basicConstraints = critical,CA:FALSE\n$extensions\n");
    openssl("x509 -req -in $name.csr -CA $ca.crt -CAkey $ca.key -CAcreateserial -days " . ($arg{days} // 30)
        . " -out $name.crt -extfile $name.ext");
    spew("$made/$name.pem", slurp("$made/$name.crt"), slurp("$made/$name.key"));
}

sub authority {
    my ($name) = @_;
    openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -keyout $name.key -out $name.crt"
        . " -subj '/O=Example Ltd/CN=Example CA'");
}

sub certificates {
    my $client = 'extendedKeyUsage = clientAuth';
    mkdir $made or die "$made: $!\n";
    authority($_) for qw(ca other);
    my $org = '/O=Example Ltd';
    certificate('server', "$org/CN=www.example.com", "extendedKeyUsage = serverAuth\nsubjectAltName = DNS:*.example.com");
    certificate($_, "$org/OU=Staff/CN=\u$_ Example", "$client\nsubjectAltName = email:$_\@example.com") for qw(ann bob revoked);
    certificate('old', "$org/OU=Staff/CN=Old Example", "$client\nsubjectAltName = email:ann\@example.com", days => -1);
    certificate('zoe', "$org/OU=Visitors/CN=Zoe Example", "$client\nsubjectAltName = email:zoe\@example.com");
    certificate('partner', "$org/OU=Partners/CN=Pat", "$client\nsubjectAltName = email:pat\@example.org");
    certificate('printer', "$org/OU=Devices/CN=printer-7", "$client\nsubjectAltName = email:admin\@example.com");
    certificate('stranger', "$org/OU=Staff/CN=Ann Example", "$client\nsubjectAltName = email:ann\@example.com", ca => 'other');
    certificate('old-stranger', "$org/OU=Staff/CN=Ann Example", "$client\nsubjectAltName = email:ann\@example.com",
        ca => 'other', days => -1);
    spew("$made/ca.cnf", map {"$_\n"} '[ca]', 'default_ca = it', '[it]', "database = $made/index.txt", 'default_md = sha256',
        "certificate = $made/ca.crt", "private_key = $made/ca.key", 'default_crl_days = 30');
    spew("$made/index.txt", '');
    openssl('ca -config ca.cnf -revoke revoked.crt');
    openssl('ca -config ca.cnf -gencrl -out clients.crl');
    # Subversion's client takes no PEM.
    openssl("pkcs12 -export -in $_.pem -out $_.p12 -passout pass:secret") for qw(ann bob);
}

# ---- backends

# What was started here and ends with the test, by its id.
my @started;
my $owner = $$;

sub start {
    my ($name, $code) = @_;
    $SIG{$_} ||= sub { exit 1 } for qw(INT TERM HUP);
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        open STDOUT, '>', "$logs/recipes-$name.out" or POSIX::_exit(127);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(127);
        $code->();
        POSIX::_exit(127);
    }
    push @started, $pid;
    return $pid;
}

sub stop {
    my ($pid) = @_;
    @started = grep { $_ != $pid } @started;
    kill TERM => $pid;
    waitpid $pid, 0;
}

END {
    if ($$ == $owner) {
        local $?;
        stop($started[-1]) while @started;
    }
}

sub wait_for {
    my ($what, $condition) = @_;
    for (1 .. 1000) {
        return if $condition->();
        select undef, undef, undef, 0.02;
    }
    die "$what does not come\n";
}

sub listens {
    my ($port) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp');
}

# An application that answers with the request as it got it, the body left out.
my $application = do {
    my $socket = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => (free_ports(1))[0], Proto => 'tcp',
        ReuseAddr => 1) or die "application: $@\n";
    start('application', sub {
        while (my $peer = $socket->accept) {
            my $head = '';
            while (defined(my $line = <$peer>)) {
                last if $line =~ /^\r?$/;
                $head .= $line =~ s/\r//r;
            }
            print {$peer} "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: "
                . length($head) . "\r\n\r\n$head";
            close $peer;
        }
    });
    $socket->sockport;
};

# A directory of Ann, Bob and a group with Ann in it.
my ($directory, $slapd);

sub directory {
    my $dir = "$logs/recipes-ldap";
    return if $slapd;
    make_path("$dir/data");
    # A copy: a profile of AppArmor would keep the installed one out of here.
    copy('/usr/sbin/slapd', "$dir/slapd") or die "/usr/sbin/slapd: $!\n";
    chmod 0755, "$dir/slapd";
    spew("$dir/slapd.conf", map {"$_\n"} map({"include /etc/ldap/schema/$_.schema"} qw(core cosine inetorgperson)),
        'modulepath /usr/lib/ldap', 'moduleload back_mdb', "pidfile $dir/pid", 'database mdb', 'maxsize 10485760',
        'suffix "dc=example,dc=com"', "directory $dir/data", 'access to attrs=userPassword by anonymous auth', 'access to * by * read');
    my $base = 'dc=example,dc=com';
    spew("$dir/data.ldif", join "\n", "dn: $base\nobjectClass: dcObject\nobjectClass: organization\no: Example Ltd\ndc: example\n",
        map({"dn: ou=$_,$base\nobjectClass: organizationalUnit\nou: $_\n"} qw(people groups)),
        map({"dn: uid=$_,ou=people,$base\nobjectClass: inetOrgPerson\nuid: $_\ncn: $_\nsn: $_\nuserPassword: ldap-secret\n"}
            qw(ann bob)),
        "dn: cn=intranet,ou=groups,$base\nobjectClass: groupOfNames\ncn: intranet\nmember: uid=ann,ou=people,$base\n");
    # slapadd is the same program.
    my @add = ('-f', "$dir/slapd.conf", '-q', '-l', "$dir/data.ldif");
    my $pid = start('slapadd', sub { exec { "$dir/slapd" } 'slapadd', @add });
    waitpid $pid, 0;
    $? == 0 or die 'slapadd: ' . slurp("$logs/recipes-slapadd.out");
    @started = grep { $_ != $pid } @started;
    ($directory) = free_ports(1);
    $slapd = start('slapd', sub {
        exec "$dir/slapd", '-d', '0', '-f', "$dir/slapd.conf", '-h', "ldap://127.0.0.1:$directory/";
    });
    wait_for('slapd', sub { listens($directory) });
}

sub php {
    my ($dir) = @_;
    my ($program) = sort glob '/usr/sbin/php-fpm*' or die "there is no php-fpm\n";
    spew("$dir/fpm.conf", map {"$_\n"} '[global]', "error_log = $dir/fpm.log", '[www]', "listen = $dir/run/php/php-fpm.sock",
        'pm = static', 'pm.max_children = 2');
    start('fpm', sub { exec $program, '-F', '-n', '-y', "$dir/fpm.conf" });
    wait_for('php-fpm', sub { -S "$dir/run/php/php-fpm.sock" });
}

# A repository with a file and a folder that not everybody may read.
sub repository {
    my ($dir) = @_;
    make_path("$dir/srv/svn", "$dir/import/plans");
    spew("$dir/import/readme", "for all\n");
    spew("$dir/import/plans/secret", "for some\n");
    system("svnadmin create '$dir/srv/svn/project' && $svn import -q --config-dir '$dir/svn-config' -m first '$dir/import'"
        . " 'file://$dir/srv/svn/project'") == 0 or die "svn: no repository\n";
}

# ---- the document

my ($base, $prologue, @chapters);
{
    my ($chapter, $tag, $block) = ({ title => '' });
    for (split /^/, slurp('docs/recipes.md')) {
        if (!defined $block) {
            if (/^```(.+)$/) {
                ($tag, $block) = ($1, '');
            }
            elsif (/^## (.*)$/) {
                push @chapters, $chapter = { title => $1, recipe => '', 'recipe-server' => '', files => {}, transcript => [] };
            }
            next;
        }
        if (!/^```$/) {
            $block .= $_;
            next;
        }
        if ($tag =~ m{^file /?((?:srv|conf)/[\w./-]+)$}) {
            $chapter->{files}{$1} = $block;
        }
        elsif ($tag eq 'recipe-base' && !@chapters) {
            $base = $block;
        }
        elsif ($tag eq 'transcript' && !@chapters) {
            ($prologue) = $block =~ /^\$ (alias status=.*)\n\z/;
        }
        elsif ($tag eq 'transcript') {
            push @{ $chapter->{transcript} }, $block;
        }
        elsif ($tag =~ /^recipe(?:-server)?$/) {
            $chapter->{$tag} .= $block;
        }
        else {
            die "docs/recipes.md, $chapter->{title}: no such tag: $tag\n";
        }
        undef $block;
    }
}
$base && $prologue or die "docs/recipes.md: no virtual host, or no \"status\"\n";

# ---- one recipe

my ($n, $marks) = (0, 0);

# Addresses, ports and paths of the test in place of those of the document.
sub placed {
    my ($text) = @_;
    $text =~ s/\*:443/127.0.0.1:\${MY_TLS}/g;
    $text =~ s{http://127\.0\.0\.1:8080/}{http://127.0.0.1:$application/}g;
    $text =~ s{ldap://ldap\.example\.com/}{ldap://127.0.0.1:@{[$directory // 0]}/}g;
    $text =~ s{(?<=["\s:=])(/(?:srv|run)/)}{\${DIR}$1}g;
    return $text;
}

sub configuration {
    my ($chapter) = @_;
    my $text = $chapter->{'recipe-server'};
    if ($chapter->{recipe}) {
        my $host = $base;
        $host =~ s/^ *# The recipe goes here\.\n/$chapter->{recipe}/m or die "docs/recipes.md: no place for a recipe\n";
        $text .= $host;
    }
    return placed(<<"CONF" . $text);
Listen *:443
Protocols h2 http/1.1
SSLSessionCache none
ScriptSock "\${DIR}/cgisock"
<IfModule mod_wsgi.c>
    WSGISocketPrefix "\${DIR}/wsgi"
</IfModule>
DocumentRoot "\${DIR}/html"
LogLevel certmap:info
LogFormat "%{X-Test}i %>s %u %{certmap-status}n %{certmap-reason}n" tested
CustomLog "\${DIR}/tested_log" tested
CONF
}

# The server of a chapter, with everything that it finds under its ServerRoot.
sub serve {
    my ($chapter, @modules) = @_;
    my $name = sprintf 'recipe-%02d', ++$n;
    my $dir = "$logs/$name";
    my %files = (%{ $chapter->{files} }, 'html/index.html' => "the index\n", 'html/staff/index.html' => "staff\n",
        'html/certified/index.html' => "certified\n", 'ssl/server.pem' => slurp("$made/server.pem"),
        'ssl/clients-ca.pem' => slurp("$made/ca.crt"), 'logs/.keep' => '', 'run/php/.keep' => '',
        'srv/clients-ca.pem' => slurp("$made/ca.crt"), 'srv/clients.crl' => slurp("$made/clients.crl"),
        map { s{.*/}{}r => slurp($_) } glob "$made/*.pem");
    my $server = CertMap::Server->new(name => $name, ports => ['TLS'], modules => \@modules, files => \%files, text => configuration($chapter));
    chmod 0755, grep { slurp($_) =~ /^#!/ } map {"$dir/$_"} keys %{ $chapter->{files} };
    spew("$dir/.curlrc", map {"$_\n"} "cacert = \"$made/ca.crt\"", 'connect-to = "::127.0.0.1:' . $server->port('TLS') . '"',
        'noproxy = "*"', 'max-time = 60');
    return $server;
}

# A command of a transcript, in the server's directory.
sub command {
    my ($server, $command) = @_;
    my $dir = $server->dir;
    local @ENV{qw(CURL_HOME LC_ALL)} = ($dir, 'C.UTF-8');
    open my $fh, '-|', 'bash', '-c', 'cd "$1" && exec 2>&1 && shopt -s expand_aliases && eval "$2" && eval "$3"', 'bash', $dir,
        $prologue, $command or die "bash: $!\n";
    local $/;
    my $said = <$fh> // '';
    close $fh;
    return $said;
}

sub transcript {
    my ($server, $chapter) = @_;
    my @commands = map { /^\$ (.*)\n((?:(?!\$ ).*\n)*)/mg } @{ $chapter->{transcript} };
    cmp_ok scalar @commands, '>=', 4, "$chapter->{title}: it is tried";
    while (my ($command, $expected) = splice @commands, 0, 2) {
        my $said = command($server, $command);
        # httpd logs a request after it has answered it.
        for (my $i = 0; $i < 100 && $command =~ /^tail / && $said ne $expected; $i++) {
            select undef, undef, undef, 0.05;
            $said = command($server, $command);
        }
        is $said, $expected, "$chapter->{title}: $command";
    }
}

# ---- more than the document shows

my @ways = (['1.2', '1.1'], ['1.3', '1.1'], ['1.3', '2']);

# One request: certificate, path, headers and what else CertMap::Client takes.
sub ask_as {
    my ($server, $way, $cert, $path, %arg) = @_;
    my $client = CertMap::Client->new(bundle => $cert && "$made/$cert.pem", tls => $way->[0], http => $way->[1],
        port => $server->port('TLS'), sni => $arg{sni} // $arg{host} // 'www.example.com');
    my $answer = $client->ask(host => 'www.example.com', path => $path, %arg);
    $client->close;
    $answer->{ours} = $answer->{headers}{'x-certmap-incident'} ? 'ours' : '-';
    return $answer;
}

# Rows of certificate, path, headers (or undef), status and whether the refusal is ours, text in the body.
sub table {
    my ($server, @rows) = @_;
    for my $way (@ways) {
        for (@rows) {
            my ($cert, $path, $headers, $expected, $body) = @$_;
            my $answer = ask_as($server, $way, $cert, $path, headers => $headers // {});
            my $over = join ' ', $cert // 'nobody', $path, $headers ? %$headers : ();
            is "$answer->{status} $answer->{ours}", $expected, "TLS $way->[0], HTTP/$way->[1]: $over";
            like $answer->{body}, $body, '... and the answer' if $body;
        }
    }
}

sub basic { return ('authorization' => 'Basic ' . encode_base64($_[0], '')) }

my $no_user = qr/\A(?!.*^remote[-_])/ims;

# Chapter => modules beyond the suite's, whether it needs the directory, what to start for its server, what to try.
my %recipe = (
    'An application behind a reverse proxy' => {
        more => sub {
            my ($server, $chapter) = @_;
            my $only_ann = qr/\A(?!.*^remote[-_]user: (?!ann$)).*^remote-user: ann$/ims;
            table($server, map { [ann => '/app/', $_, '200 -', $only_ann] }
                { 'remote-user' => 'root' }, { 'remote_user' => 'root' }, { 'Remote_User' => 'root', 'remote-user' => 'root' });
            # HTTP/2 knows no Connection.
            like ask_as($server, $ways[0], 'ann', '/app/', headers => { connection => $_ })->{body}, $only_ann, "Connection: $_"
                for 'Remote-User', 'close,remote-user', 'REMOTE-USER, keep-alive', 'remote-user,Remote-User', ' Remote-User ,x';
            table($server, ['zoe', '/app/', undef, '403 ours'], ['old', '/app/', undef, '403 ours']);
            $server = variant($server, $chapter, sub { $_[0] =~ s/CertMap On/CertMap Optional/r });
            table($server, map { my $cert = $_; map { [$cert, '/app/', $_, '200 -', qr/\A(?!.*^remote[-_]user:)/ims] }
                undef, { 'remote-user' => 'root' }, { 'remote_user' => 'root' } } undef, 'zoe');
            $server = variant($server, $chapter, sub {
                $_[0] =~ s/CertMap On/CertMap Optional/r =~ s/^( *RequestHeader set) .*/$1 X-User "%{CERTMAP_USER}e"\n$1 X-Other "%{REMOTE_USER}e"/mr
            });
            table($server, [undef, '/app/', undef, '200 -', qr/^x-user: \(null\)$/im],
                ['ann', '/app/', undef, '200 -', qr/^x-other: \(null\)$/im]);
        },
    },
    'Groups for an application behind a proxy' => {
        more => sub {
            my ($server) = @_;
            my $own = qr/\A(?!.*^remote[-_]groups: (?!ROLE_staff ROLE_intranet$)).*^remote-groups: /ims;
            table($server, map { [ann => '/app/', $_, '200 -', $own] } { 'remote-groups' => 'admins' }, { 'remote_groups' => 'admins' });
            like ask_as($server, $ways[0], 'ann', '/app/', headers => { connection => 'close, Remote-Groups' })->{body}, $own,
                'Connection';
        },
    },
    'An old application that wants a password' => {
        more => sub {
            my ($server, $chapter) = @_;
            my $fake = encode_base64('ann:what-the-application-knows', '');
            my $own = qr/\A(?!.*^authorization: (?!Basic \Q$fake\E$)).*^authorization: /ims;
            table($server, map { [ann => '/old/', $_, '200 -', $own] } undef, { basic('root:guess') }, { authorization => 'Bearer x' });
            like ask_as($server, $ways[0], 'ann', '/old/', headers => { connection => 'close, Authorization' })->{body}, $own,
                'Connection';
            table($server, [undef, '/old/', { basic('root:guess') }, '403 ours']);
            $server = variant($server, $chapter, sub { $_[0] =~ s/CertMap On/CertMap Optional/r });
            table($server, [undef, '/old/', { basic('root:guess') }, '200 -', qr/\A(?!.*^authorization:)/ims],
                ['ann', '/old/', { basic('root:guess') }, '200 -', $own]);
        },
    },
    'PHP with PHP-FPM' => {
        modules => ['proxy_fcgi'],
        backend => \&php,
        more => sub {
            my ($server) = @_;
            table($server, ['ann', '/', undef, '200 -', qr/^ann of staff,intranet$/], [undef, '/index.php', undef, '403 ours'],
                ['ann', '/some/page', { 'remote-user' => 'root', 'certmap_user' => 'root' }, '200 -', qr/^ann of staff/]);
        },
    },
    'CGI' => {
        more => sub {
            my ($server) = @_;
            table($server, ['ann', '/cgi/who', { 'remote-user' => 'root' }, '200 -', qr/^ann by rule staff, Certificate$/]);
        },
    },
    'WSGI' => {
        modules => ['wsgi'],
        more => sub {
            my ($server) = @_;
            table($server, ['ann', '/hello', { 'remote-user' => 'root' }, '200 -', qr/^ann of staff,intranet$/],
                ['zoe', '/hello/any', undef, '403 ours']);
        },
    },
    'Certificate or password' => {
        more => sub {
            my ($server) = @_;
            table($server, ['ann', '/cgi/who', undef, '200 -', qr/^ann by Certificate$/],
                ['ann', '/cgi/who', { basic('bob:secret') }, '200 -', qr/^ann by Certificate$/],
                [undef, '/cgi/who', { basic('bob:secret') }, '200 -', qr/^bob by Basic$/],
                [undef, '/cgi/who', { basic('bob:wrong') }, '401 -'],
                map { [$_, '/cgi/who', { basic('bob:secret') }, '403 ours'] } qw(old stranger zoe));
            for my $way (@ways) {
                my %arg = (bundle => "$made/ann.pem", tls => $way->[0], http => $way->[1], port => $server->port('TLS'),
                    sni => 'www.example.com');
                my %request = (host => 'www.example.com', path => '/cgi/who');
                my $first = CertMap::Client->new(%arg);
                $first->ask(%request);
                my $session = $first->session;
                $first->close;
                my $second = CertMap::Client->new(%arg, session => $session);
                is $second->ask(%request)->{body} . $second->resumed, "ann by Certificate\n1", "TLS $way->[0], HTTP/$way->[1]: resumed";
                $second->close;
            }
        },
    },
    'Certificate or password for the others' => {
        more => sub {
            my ($server) = @_;
            my $is = sub { my ($user) = @_; qr/\A(?!.*^remote[-_]user: (?!$user$)).*^remote-user: $user$/ims };
            table($server, ['ann', '/', { 'remote_user' => 'root', basic('bob:secret') }, '200 -', $is->('ann')],
                ['zoe', '/', { 'remote-user' => 'root', basic('bob:secret') }, '200 -', $is->('bob')],
                [undef, '/', { basic('bob:secret') }, '200 -', $is->('bob')], ['zoe', '/', undef, '401 -'], [undef, '/', undef, '401 -'],
                map { [$_, '/', { basic('bob:secret') }, '403 ours'] } qw(old stranger));
            like ask_as($server, $ways[0], undef, '/', headers => { connection => 'close, Remote-User', basic('bob:secret') })->{body},
                $is->('bob'), 'Connection';
        },
    },
    'Certificate or LDAP password' => {
        modules => [qw(ldap authnz_ldap)],
        directory => 1,
        more => sub {
            my ($server, $chapter) = @_;
            table($server, ['ann', '/cgi/who', undef, '200 -', qr/^ann by Certificate$/],
                [undef, '/cgi/who', { basic('bob:ldap-secret') }, '200 -', qr/^bob by Basic$/],
                [undef, '/cgi/who', { basic('bob:') }, '401 -'], [undef, '/cgi/who', undef, '401 -'],
                [undef, '/cgi/who', { basic('BOB:ldap-secret') }, '200 -', qr/^BOB by Basic$/],
                ['zoe', '/cgi/who', { basic('bob:ldap-secret') }, '403 ours']);
            $server = variant($server, $chapter, sub { $_[0] =~ s/(?=^ *AuthLDAPURL)/AuthLDAPRemoteUserAttribute uid\n/mr });
            table($server, [undef, '/cgi/who', { basic('BOB:ldap-secret') }, '200 -', qr/^bob by Basic$/]);
        },
    },
    'Certificate and LDAP group' => {
        modules => [qw(ldap authnz_ldap)],
        directory => 1,
        more => sub {
            my ($server, $chapter) = @_;
            table($server, ['ann', '/', undef, '200 -'], ['bob', '/', undef, '403 ours', qr/^403\.12 /], [undef, '/', undef, '403 ours'],
                ['zoe', '/', undef, '403 ours']);
            logged($server, 'bob', '403 bob 403.12 user-denied');
            # Nothing remembers the answers in a server that has just been started.
            stop($slapd);
            undef $slapd;
            $server = variant($server, $chapter, sub {"LogLevel authnz_ldap:debug\n$_[0]"});
            table($server, ['ann', '/', undef, '403 ours', qr/^403\.12 /]);
            my @why = grep {/\bAH01701: .* failed/} split /\n/, slurp($server->dir . '/error_log');
            cmp_ok scalar @why, '>=', 1, '... and the log says why';
        },
    },
    'Certificate and group file' => {
        modules => ['authz_groupfile'],
        more => sub {
            my ($server) = @_;
            table($server, ['ann', '/', undef, '200 -'], ['bob', '/', undef, '403 ours', qr/^403\.12 /], [undef, '/', undef, '403 ours']);
            logged($server, 'bob', '403 bob 403.12 user-denied');
        },
    },
    'A whole company CA' => {
        more => sub {
            my ($server) = @_;
            table($server, map({ [$_, '/', undef, '200 -'] } qw(ann bob zoe)),
                map { [$_, '/', undef, '403 ours'] } qw(printer partner old stranger server), undef);
        },
    },
    'Only /admin' => {
        more => sub {
            my ($server, $chapter) = @_;
            table($server, map({ [$_, '/', undef, '200 -', qr/^welcome$/] } undef, qw(ann zoe old stranger)),
                map({ my $path = $_; map { [$_, $path, undef, '403 ours'] } undef, qw(bob zoe old stranger) }
                    qw(/admin/ /admin/index.html //admin/ /x/../admin/ /%61dmin/)),
                map { ['ann', $_, undef, '200 -', qr/^secret$/] } qw(/admin/ //admin/));
            $server = variant($server, $chapter, sub { $_[0] =~ s{<Location "/">.*?</Location>\n}{}sr });
            table($server, [undef, '/', undef, '200 -'], ['zoe', '/', undef, '200 -'], map { [$_, '/', undef, '403 ours'] } qw(old stranger));
        },
    },
    'Several virtual hosts' => {
        more => sub {
            my ($server) = @_;
            for my $way (@ways) {
                my $answer = sub {
                    my ($cert, $sni, $host) = @_;
                    my $got = ask_as($server, $way, $cert, '/', sni => $sni, host => $host);
                    return "$got->{status} $got->{ours}";
                };
                my ($www, $intranet, $partners) = map {"$_.example.com"} qw(www intranet partners);
                my $over = "TLS $way->[0], HTTP/$way->[1]";
                is $answer->('zoe', $www, $intranet), '403 ours', "$over: a connection for another name opens nothing";
                is $answer->('zoe', $intranet, $partners), '200 -', '... but what that name allows';
                is $answer->('ann', $www, $intranet), '200 -', '... to those who may';
                is $answer->(undef, 'unknown.example.com', 'unknown.example.com'), '200 -', '... and the first answers for others';
                is $answer->($_, $www, $www), '403 ours', "$over: $_" for qw(old stranger);
            }
        },
    },
    'HTTP/2' => {
        more => sub {
            my ($server) = @_;
            table($server, ['ann', '/staff/', undef, '200 -'], ['zoe', '/staff/', undef, '403 ours'], ['zoe', '/certified/', undef, '200 -'],
                [undef, '/certified/', undef, '403 ours'], ['old', '/certified/', undef, '403 ours']);
        },
    },
    'CORS' => {
        more => sub {
            my ($server) = @_;
            my $origin = 'https://shop.example.com';
            my %headers = (origin => $origin, 'access-control-request-method' => 'PUT');
            for my $way (@ways) {
                my $over = "TLS $way->[0], HTTP/$way->[1]";
                my $preflight = ask_as($server, $way, undef, '/api/x', method => 'OPTIONS', headers => \%headers);
                is "$preflight->{status} $preflight->{headers}{'access-control-allow-origin'} $preflight->{body}", "204 $origin ",
                    "$over: a preflight, and nothing of the application";
                like $preflight->{headers}{'access-control-allow-methods'}, qr/PUT/, '... is told the methods';
                my $refused = ask_as($server, $way, undef, '/api/x', headers => { origin => $origin });
                is "$refused->{status} $refused->{ours} $refused->{headers}{'access-control-allow-origin'}", "403 ours $origin",
                    "$over: a script reads the refusal";
                is ask_as($server, $way, undef, '/api/x', method => $_, headers => \%headers)->{status}, 403, "... $_" for qw(PUT HEAD);
                is ask_as($server, $way, 'ann', '/api/x', headers => \%headers)->{status}, 200, '... and with a certificate the answer';
            }
        },
    },
    'Subversion' => {
        modules => [qw(dav dav_svn authz_svn)],
        backend => \&repository,
        more => \&subversion,
    },
    'A page that decides by itself' => {
        warns => qr/SSLOptions \+ExportCertData.*may come from a stranger/,
        more => sub {
            my ($server) = @_;
            table($server, (map { [$_, '/renew', undef, '200 -', qr/^subject=/] } qw(ann zoe old)),
                (map { [$_, '/renew', undef, '403 -', qr/^Not a/] } undef, qw(stranger old-stranger revoked server)),
                (map { [$_, '/', undef, '403 ours'] } undef, qw(zoe old stranger)));
        },
    },
    'Debian\'s localized error pages' => {
        more => sub {
            my ($server, $chapter) = @_;
            my %german = ('accept-language' => 'de', accept => 'text/html');
            table($server, ['ann', '/nothing', \%german, '404 -', qr/Objekt nicht gefunden!.*Webmaster/s],
                ['old', '/nothing', \%german, '403 ours', qr/403\.17/], [undef, '/', \%german, '403 ours', qr/403\.7/]);
            $server = variant($server, $chapter, sub { $_[0] =~ s/^CertMapErrorDocument .*\n//mgr });
            table($server, map { [$_, '/', \%german, '403 ours', qr/Zugriff verweigert!.*Webmaster/s] } undef, qw(old zoe));
            table($server, ['old', '/error/HTTP_FORBIDDEN.html.var', \%german, '403 ours']);
        },
    },
    'Pages of your own with SSI' => {
        more => sub {
            my ($server) = @_;
            for my $way (@ways) {
                my $answer = ask_as($server, $way, 'old', '/some/page');
                my ($id) = $answer->{body} =~ /this number: (\w{13})$/m;
                is $id, $answer->{headers}{'x-certmap-incident'}, "TLS $way->[0], HTTP/$way->[1]: the page shows the incident id";
            }
            table($server, ['zoe', '/', undef, '403 ours', qr/^403\.12 /], ['old', '/errors/footer.html', undef, '403 ours']);
            spew($server->dir . '/srv/errors/refused.shtml', 'this <!--#include virtual="/index.html" -->');
            table($server, [undef, '/', undef, '403 ours', qr/^this \[an error/]);
        },
    },
    'The substatus in the access log' => { more => sub { } },
);

# The chapter's server with lines of the recipe changed by CHANGE, which must change something.
sub variant {
    my ($server, $chapter, $change) = @_;
    my %changed = (%$chapter, recipe => $change->($chapter->{recipe}));
    $changed{recipe} ne $chapter->{recipe} or die "$chapter->{title}: the variant is none\n";
    $server->stop;
    return serve(\%changed, @{ $recipe{ $chapter->{title} }{modules} // [] });
}

# The last line of what the test logs.
sub logged {
    my ($server, $cert, $expected) = @_;
    ask_as($server, $ways[1], $cert, '/', headers => { 'x-test' => ++$marks });
    my $said = '';
    wait_for('a line in the log', sub { ($said) = slurp($server->dir . '/tested_log') =~ /^$marks (.*)$/m });
    is $said, $expected, "the log says of $cert: $expected";
}

# Reading for everybody is allowed by mod_authz_svn's access check alone.
sub subversion_for_readers {
    my ($server, $chapter) = @_;
    $chapter->{files}{'conf/svn-access'} = "[project:/]\n* = r\nann = rw\n[project:/plans]\n* =\nann = rw\n";
    $server = variant($server, $chapter, sub { $_[0] =~ s/CertMap On/CertMap Optional\nSatisfy Any/r });
    repository($server->dir);
    table($server, (map { [$_, '/svn/project/readme', undef, '200 -'] } undef, qw(zoe bob ann)),
        [undef, '/svn/project/plans/secret', undef, '403 ours', qr/certificate-missing/],
        ['zoe', '/svn/project/plans/secret', undef, '403 ours', qr/no-match/],
        ['bob', '/svn/project/plans/secret', undef, '403 -'], ['ann', '/svn/project/plans/secret', undef, '200 -'],
        ['old', '/svn/project/readme', undef, '403 ours']);
}

sub subversion {
    my ($server, $chapter) = @_;
    my $dir = $server->dir;
    my $url = 'https://www.example.com/svn/project';
    my @rows = (['ann', '/svn/project/plans/secret', undef, '200 -', qr/^for some$/], ['bob', '/svn/project/readme', undef, '200 -'],
        ['bob', '/svn/project/plans/secret', undef, '403 -', qr/\A(?!.*403\.12)/s], ['zoe', '/svn/project/readme', undef, '403 ours'],
        [undef, '/svn/project/readme', undef, '403 ours'], ['old', '/svn/project/readme', undef, '403 ours']);
    table($server, @rows);
    my @log = split /\n/, slurp("$dir/error_log");
    is grep({/certmap: 403\.12 user-denied/} @log), 0, 'what Subversion refuses is no refusal of ours';
    cmp_ok grep({/Access denied: 'bob' GET project:\/plans/} @log), '>=', 1, '... and the log has the line of mod_authz_svn';
    my $port = $server->port('TLS');
    my $svn_as = sub {
        my ($cert, $arguments) = @_;
        my $options = join ' ', map {"--config-option servers:global:$_"} "ssl-client-cert-file=$made/$cert.p12",
            'ssl-client-cert-password=secret', "ssl-authority-files=$made/ca.crt";
        # the name is not in the resolver; the server's certificate is taken for another name
        return scalar qx(cd '$dir' && $svn --config-dir '$dir/svn-config' --non-interactive --trust-server-cert-failures=cn-mismatch $options $arguments 2>&1);
    };
    my $here = "https://127.0.0.1:$port/svn/project";
    is $svn_as->('ann', "checkout -q $here ann && cat ann/plans/secret"), "for some\n", 'svn checkout';
    spew("$dir/ann/readme", "changed\n");
    like $svn_as->('ann', 'commit -m changed ann'), qr/^Committed revision 2\.$/m, 'svn commit';
    is $svn_as->('ann', "log -q -r 2 $here | grep r2") =~ /^r2 \| (\w+) \|/ ? $1 : 'nobody', 'ann', '... by the name of the certificate';
    is $svn_as->('bob', "checkout -q $here bob && ls bob"), "readme\n", 'svn checkout of what one may read';
    spew("$dir/bob/readme", "changed again\n");
    like $svn_as->('bob', 'commit -m changed bob'), qr/E(?:170001|175013).*(?:forbidden|denied)/is, 'svn commit where one may not write';
    like $svn_as->('bob', "cat $here/plans/secret"), qr/E(?:170001|175013)/, 'svn cat where one may not read';
    # AuthType Certificate maps by itself.
    $server = variant($server, $chapter, sub { $_[0] =~ s/^ *CertMap On\n//mr });
    repository($server->dir);
    table($server, @rows);
    subversion_for_readers($server, $chapter);
}

# ---- all of them

certificates();
my @titles = map { $_->{title} } @chapters;
is_deeply [sort @titles], [sort keys %recipe], 'every chapter is tried, and every trial has its chapter';
for my $chapter (@chapters) {
    my $recipe = $recipe{ $chapter->{title} } or next;
    my @missing = grep { !-e "$ENV{CERTMAP_MODULES}/mod_$_.so" } @{ $recipe->{modules} // [] };
    if (@missing && $ENV{HTTPD} ne '/usr/sbin/apache2') {
        diag("$chapter->{title}: not tried, this httpd has no mod_@missing");
        next;
    }
    note $chapter->{title};
    directory() if $recipe->{directory};
    my $server = serve($chapter, @{ $recipe->{modules} // [] });
    $recipe->{backend}->($server->dir) if $recipe->{backend};
    my $said = slurp($server->dir . '/console') . slurp($server->dir . '/error_log');
    if ($recipe->{warns}) {
        ok $said =~ s/^.*$recipe->{warns}.*\n//gm, "$chapter->{title}: start-up warns as the document says";
    }
    unlike $said, qr/certmap:warn|certmap:error|warning:/, "$chapter->{title}: start-up warns of nothing else";
    transcript($server, $chapter);
    $recipe->{more}->($server, $chapter);
    $server->stop;
}
done_testing;
