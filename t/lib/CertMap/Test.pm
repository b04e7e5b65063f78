# SPDX-License-Identifier: Apache-2.0
# What the tests share: asking the running httpd with curl and openssl s_client, and reading what it logged.
#
#   use CertMap::Test;
#   my ($first, $second) = ask(cert => 'good', tls => '1.3', http => '2', requests => ['/on/env', {url => '/on/env', new => 1}]);
#   is $first->{status}, 200;
#
# Every request carries a mark, so that its line in the access log is found: $response->{log}{substatus} and so on.
package CertMap::Test;
use strict;
use warnings;

use CertMap::File qw(slurp spew);
use Digest::SHA qw(sha256_hex);
use Exporter qw(import);
use File::Temp qw(tempdir);
use MIME::Base64 qw(decode_base64);
use Test::More ();

our @EXPORT = qw(ask ask_raw brief error_log error_log_mark fingerprint httpd_test port pki skip_without_terminals top);

my $top = do {
    (my $here = __FILE__) =~ s{/?t/lib/CertMap/Test\.pm\z}{};
    require Cwd;
    Cwd::abs_path($here eq '' ? '.' : $here);
};
my $scratch = tempdir('certmap-test.XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $owner = $$;
END { $File::Temp::KEEP_ALL = 1 if $$ != $owner }

my %define;

# The directory that holds t/.
sub top { return $top }

# A file below the certificates' directory; without argument the directory.
sub pki { return join '/', "$top/t/pki/made", @_ }

# SHA-256 of a client certificate in hexadecimal digits, as conditions and keys have it.
sub fingerprint {
    my ($name) = @_;
    my ($base64) = slurp(pki('clients', "$name.crt")) =~ /-----BEGIN CERTIFICATE-----(.*?)-----END/s or die "$name.crt: no certificate\n";
    return sha256_hex(decode_base64($base64));
}

# A container may have no pseudo-terminals, and no package brings them. In a SKIP block; says so on the screen.
sub skip_without_terminals {
    my ($tests) = @_;
    my $said = qx(script -qec 'echo here' /dev/null 2>&1 </dev/null);
    return if $said =~ /^here/;
    Test::More::diag("no terminal can be made here, so $tests tests do not run: $said");
    Test::More::skip('no terminal can be made', $tests);
}

# The port that t/conf/extra.conf calls PORT_NAME.
sub port {
    my ($name) = @_;
    if (!%define) {
        open my $fh, '<', "$top/t/conf/defines.conf" or die "defines.conf: $!\n";
        while (my $line = <$fh>) {
            $define{$1} = $2 if $line =~ /^Define (\S+) (\d+)$/;
        }
    }
    return $define{"PORT_$name"} // die "no port is called $name\n";
}

sub run {
    my ($input, @command) = @_;
    my $in = "$scratch/stdin";
    spew($in, $input);
    my $quoted = join ' ', map { (my $word = $_) =~ s/'/'\\''/g; "'$word'" } @command;
    my $output = `$quoted <'$in' 2>'$scratch/stderr'`;
    # A signal counts as a status of its own: a crash must not look like a refusal.
    return ($output, $? & 127 ? 128 + ($? & 127) : $? >> 8, slurp("$scratch/stderr"));
}

# curl writes no file where it has nothing to write.
sub slurp_if_there { return -e $_[0] ? slurp($_[0]) : '' }

# ---- logs

my @fields = qw(mark status substatus reason user rule incident certmap_status remote_user protocol tls resumed verify request);
my ($log_fh, %logged);

# httpd writes the line after it has answered: wait for it, and where a protocol is given, for the answer in that.
sub log_entries {
    my ($mark, $protocol) = @_;
    my $name = "$top/t/logs/access_log";
    for (1 .. 200) {
        if (!$log_fh) {
            open $log_fh, '<', $name or die "$name: $!\n";
        }
        seek $log_fh, 0, 1;
        while (defined(my $line = <$log_fh>)) {
            if ($line !~ /\n\z/) {
                seek $log_fh, -length $line, 1;
                last;
            }
            chomp $line;
            my %entry;
            @entry{@fields} = split /\t/, $line, scalar @fields;
            push @{ $logged{ $entry{mark} } }, \%entry;
        }
        return @{ $logged{$mark} } if grep { !$protocol || $_->{protocol} eq $protocol } @{ $logged{$mark} // [] };
        select undef, undef, undef, 0.02;
    }
    return @{ $logged{$mark} // [] };
}

# Where the error log ends now; error_log(MARK) is what came after it.
sub error_log_mark { return -s "$top/t/logs/error_log" }

sub error_log {
    my ($mark) = @_;
    open my $fh, '<', "$top/t/logs/error_log" or die "error_log: $!\n";
    seek $fh, $mark // 0, 0;
    local $/;
    return scalar <$fh>;
}

# ---- asking

my $marks = 0;

# One curl process. Arguments:
#   cert      name of a client certificate, or undef
#   tls       '1.2' or '1.3' (default); 'none' for plain HTTP
#   http      '1.1' (default) or '2'
#   port      name of a virtual host's port, default TLS (PLAIN under tls => 'none')
#   host      name in the URL, hence in SNI; default a.test
#   requests  list of URL paths, or of hashes: url, method, headers (list of lines), data, target (request target as is),
#             host (the Host header alone), new (true: on a new connection, which offers the session of the one before)
# Returns one hash for each request: status (0: no answer), version, body, headers (lower-case names), connects (how many
# connections it took), error (curl's words), mark, log (the access log's fields; {} when there is no answer), logs (all of its
# lines there).
sub ask {
    my (%arg) = @_;
    my $tls = $arg{tls} // '1.3';
    my $http = $arg{http} // '1.1';
    my $host = $arg{host} // 'a.test';
    my $port = port($arg{port} // ($tls eq 'none' ? 'PLAIN' : 'TLS'));
    my $scheme = $tls eq 'none' ? 'http' : 'https';
    my @common = ('-sS', '--max-time', 60, '--noproxy', '*', '--resolve', "$host:$port:127.0.0.1");
    if ($tls ne 'none') {
        push @common, '--cacert', pki('root.pem'), "--tlsv$tls", '--tls-max', $tls;
        push @common, '--cert', pki('clients', "$arg{cert}.pem") if defined $arg{cert};
    }
    push @common, $http eq '2' ? '--http2' : '--http1.1';

    my (@responses, @command, $interface);
    for my $request (map { ref ? $_ : { url => $_ } } @{ $arg{requests} }) {
        my $n = @responses;
        my $mark = "$$-" . ++$marks;
        push @responses, { mark => $mark };
        unlink "$scratch/$n.headers", "$scratch/$n.body";
        push @command, '--next' if $n;
        push @command, @common, '-H', "X-Test: $mark", '-D', "$scratch/$n.headers", '-o', "$scratch/$n.body",
            '-w', "$n\t%{http_code}\t%{http_version}\t%{num_connects}\t%{errormsg}\n";
        # curl keeps connections apart by the interface that they are bound to, but not TLS sessions.
        $interface = !$interface if $request->{new};
        push @command, '--interface', '127.0.0.1' if $interface;
        # -X HEAD would wait for a body that never comes.
        my $method = $request->{method} // 'GET';
        push @command, $method eq 'HEAD' ? '-I' : ('-X', $method) if $method ne 'GET';
        push @command, map { ('-H', $_) } @{ $request->{headers} // [] };
        push @command, '-H', "Host: $request->{host}" if $request->{host};
        push @command, '--request-target', $request->{target} if $request->{target};
        push @command, '--data-binary', $request->{data} if defined $request->{data};
        push @command, "$scheme://$host:$port$request->{url}";
    }
    my ($output, undef, $stderr) = run('', 'curl', '-q', @command);
    for (split /\n/, $output) {
        my ($n, $status, $version, $connects, $error) = split /\t/, $_, 5;
        @{ $responses[$n] }{qw(status version connects error)} = ($status + 0, $version, $connects, $error);
    }
    for my $n (0 .. $#responses) {
        my $response = $responses[$n];
        $response->{status} //= 0;
        $response->{error} ||= $stderr if !$response->{status};
        # To -I curl writes the head as the body.
        my $head_only = ref $arg{requests}[$n] && ($arg{requests}[$n]{method} // '') eq 'HEAD';
        $response->{body} = $head_only ? '' : slurp_if_there("$scratch/$n.body");
        # After renegotiation or 100 Continue there are several heads: the last one counts.
        my ($head) = slurp_if_there("$scratch/$n.headers") =~ /(?:\A|\r\n\r\n)((?:(?!\r\n\r\n).)*)\r\n\r\n\z/s;
        for (split /\r\n/, $head // '') {
            push @{ $response->{headers}{ lc $1 } }, $2 if /^([^:\s]+):\s*(.*?)\s*$/;
        }
        $_ = join ', ', @$_ for values %{ $response->{headers} };
        # mod_http2 resets a stream whose body is not read, at times before curl has seen the answer: the log has it.
        my $reset = !$response->{status} && $response->{error} =~ /^Stream error in the HTTP\/2 framing layer/;
        # A client may try again, over HTTP/1.1 for instance, and a stream may be logged after what it was tried again as.
        my $protocol = $response->{status} && { '1.1' => 'HTTP/1.1', '2' => 'HTTP/2.0' }->{ $response->{version} };
        $response->{logs} = [$response->{status} || $reset ? log_entries($response->{mark}, $protocol) : ()];
        my @answers = grep { !$protocol || $_->{protocol} eq $protocol } @{ $response->{logs} };
        $response->{log} = $answers[-1] // {};
        $response->{status} = $response->{log}{status} + 0 if $reset && $response->{log}{status};
    }
    return wantarray ? @responses : $responses[0];
}

# What a refusals table compares: status, substatus, reason and user as the access log has them, "-" where there is none.
sub brief {
    my ($response) = @_;
    my $log = $response->{log};
    return 'no answer' if !$response->{status};
    return join ' ', $response->{status}, map { $log->{$_} // '?' } qw(substatus reason user);
}

# One openssl s_client process, for what curl cannot do: name a session file, say what bytes go out. Arguments: cert, tls, port
# and host (SNI) as above; text (the bytes to send; the server must close, so say Connection: close), session_in and
# session_out (file names), alpn, options (more words for s_client).
# Returns output (everything the server sent), reused (whether the session was resumed), ok (the handshake ended).
sub ask_raw {
    my (%arg) = @_;
    my $tls = $arg{tls} // '1.3';
    (my $version = "-tls$tls") =~ tr/./_/;
    my @command = ('openssl', 's_client', '-connect', '127.0.0.1:' . port($arg{port} // 'TLS'), '-servername',
        $arg{host} // 'a.test', '-CAfile', pki('root.pem'), $version, '-ign_eof');
    if (defined $arg{cert}) {
        my $bundle = pki('clients', "$arg{cert}.pem");
        push @command, '-cert', $bundle, '-key', $bundle, '-cert_chain', $bundle;
    }
    push @command, '-sess_in', $arg{session_in} if $arg{session_in};
    push @command, '-sess_out', $arg{session_out} if $arg{session_out};
    push @command, '-alpn', $arg{alpn} if $arg{alpn};
    push @command, @{ $arg{options} // [] };
    my ($output, $exit, $stderr) = run($arg{text}, 'timeout', 60, @command);
    return {
        output => $output,
        stderr => $stderr,
        reused => scalar($output =~ /^Reused, /m) ? 1 : 0,
        ok => scalar($output =~ /^(?:New|Reused), TLS/m) ? 1 : 0,
        # s_client may print a session in front of it on the same line
        status => $output =~ m{HTTP/1\.1 (\d{3}) } ? $1 + 0 : 0,
    };
}

# Runs `httpd -t` (or with other arguments) on a configuration of its own: the modules of the suite, and the given text in a
# file tested.conf, so that lines count from 1. ${PKI}, ${TOP} and ${PORT_...} may be in it. The first argument may be a hash:
# without (names of modules to leave out). Returns the exit status and everything that was printed.
sub httpd_test {
    my %arg = ref $_[0] ? %{ shift() } : ();
    my ($text, @options) = @_;
    my $modules = slurp("$top/t/conf/modules.conf");
    $modules =~ s/^LoadModule \Q$_\E_module .*\n//m or die "no module is called $_\n" for @{ $arg{without} // [] };
    my %file = ('tested.conf' => "$text\n", 'test.conf' => join "\n", "Include \"$top/t/conf/defines.conf\"", 'Define CRL sound-crl.pem', $modules,
        "ServerRoot \"$scratch\"", "DefaultRunTimeDir \"$scratch\"", 'ServerName localhost', "PidFile \"$scratch/pid\"",
        "ErrorLog \"$scratch/error_log\"", 'Listen 127.0.0.1:1', "DocumentRoot \"$top/t/htdocs\"",
        "TypesConfig /dev/null", "Include \"$scratch/tested.conf\"\n");
    spew("$scratch/$_", $file{$_}) for keys %file;
    my ($output, $status, $stderr) = run('', $ENV{HTTPD}, '-f', "$scratch/test.conf", @options ? @options : '-t');
    return ($status, $output . $stderr);
}

1;
