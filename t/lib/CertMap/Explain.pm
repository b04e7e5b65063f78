# SPDX-License-Identifier: Apache-2.0
# What t/explain.t, t/suggest.t and t/hostile.t share: certmapctl's answers.
#
#   my ($status, $out, $err) = certmapctl('explain', $file, '--rules', $rules);
#   is explained($file, '--rules', $rules), '403 12 no-match -';
package CertMap::Explain;
use strict;
use warnings;

use Exporter qw(import);
use File::Temp qw(tempdir);
use JSON::PP ();

use CertMap::File;
use CertMap::Test qw(pki top);

our @EXPORT = qw(certmapctl explained put verified);

my $scratch = tempdir('certmap-explain.XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $owner = $$;
END { $File::Temp::KEEP_ALL = 1 if $$ != $owner }

# Writes a file of this test's own; returns its name.
sub put {
    my ($name, @text) = @_;
    open my $fh, '>:raw', "$scratch/$name" or die "$scratch/$name: $!\n";
    print {$fh} @text;
    close $fh or die "$scratch/$name: $!\n";
    return "$scratch/$name";
}

# Runs the command without a terminal; a first argument that is a hash: stdin (a file's name), env (more environment). It
# is stopped after a minute, so that one that waits (for a passphrase) fails. Returns exit status, output, errors; a
# signal is 128 and more.
sub certmapctl {
    my %arg = ref $_[0] ? %{ shift() } : ();
    my @command = ('timeout', 60, 'setsid', '-w', top() . '/built/certmapctl', @_);
    my $quoted = join ' ', map { (my $word = $_) =~ s/'/'\\''/g; "'$word'" } @command;
    local @ENV{ keys %{ $arg{env} // {} } } = values %{ $arg{env} // {} };
    my $in = $arg{stdin} // '/dev/null';
    system("$quoted <'$in' >'$scratch/out' 2>'$scratch/err'");
    return ($? & 127 ? 128 + ($? & 127) : $? >> 8, slurp("$scratch/out"), slurp("$scratch/err"));
}

# What verifies as the suite's virtual hosts do (t/conf/tls.conf).
sub verified { return ('--ca', pki('root.pem'), '--crl', pki('crl.pem'), '--verify-depth', 2) }

# What explain --json says, as CertMap::Test's brief() gives the server's answer: status, substatus, reason, user.
sub explained {
    my ($certificate, @options) = @_;
    my ($status, $out, $err) = certmapctl('explain', $certificate, @options, '--json');
    return "exit $status: $err" if $out eq '';
    my $told = JSON::PP->new->utf8->decode($out);
    my ($http, $substatus) = split /\./, $told->{status};
    my $right = $http eq '200' ? 0 : $http eq '403' ? 1 : 2;
    return "exit $status with $told->{status}" if $status != $right || ($substatus // 0) != ($told->{substatus} // 0);
    my $user = $told->{user} // '-';
    utf8::encode($user);
    return join ' ', $http, $substatus // '-', $told->{reason} // '-', $user;
}

1;
