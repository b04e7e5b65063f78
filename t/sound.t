#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Certificates as people make them: `openssl x509 -req` writes version 1 and `openssl req -x509` CA:TRUE unless options say
# otherwise, and a certificate that vouches for itself is put among the trusted ones. All of them are sound. What is wrong
# with one of them (revoked, expired, of another CA) is what the refusal says, never that it would be malformed.
use strict;
use warnings;
use POSIX ();
use Test::More;
use CertMap::File;
use CertMap::Server;
use CertMap::Test;

my $dir = top() . '/t/logs/sound-pki';
mkdir $dir or die "$dir: $!\n";
spew("$dir/dn.cnf", map {"$_\n"} '[ca]', 'default_ca = it', '[it]', "database = $dir/index.txt", "certificate = $dir/ca.crt",
    "private_key = $dir/ca.key", 'default_md = sha256', 'default_crl_days = 30', "new_certs_dir = $dir", 'policy = any',
    'unique_subject = no', 'rand_serial = yes', '[any]', 'commonName = supplied', '[person]', 'organizationName = supplied',
    'organizationalUnitName = supplied', 'commonName = supplied');
spew("$dir/index.txt", '');

# openssl with its own defaults: Debian's openssl.cnf says CA:TRUE for req -x509, and nothing for x509 -req.
sub openssl {
    my ($command) = @_;
    system("openssl $command >>'$dir/log' 2>&1") == 0 or die "openssl $command: see $dir/log\n";
}

sub ca {
    my ($name) = @_;
    openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -keyout '$dir/$name.key' -out '$dir/$name.crt'"
        . " -subj '/O=Moa/CN=Moa $name'");
}

sub with_key {
    my ($name) = @_;
    spew("$dir/$name.pem", slurp("$dir/$name.crt"), slurp("$dir/$name.key"));
}

# openssl req -new, then openssl x509 -req: version 1
sub by_x509_req {
    my ($name, $ca, $days) = @_;
    openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout '$dir/$name.key' -out '$dir/$name.csr'"
        . " -subj '/O=Moa/OU=Staff/CN=$name'");
    openssl("x509 -req -in '$dir/$name.csr' -CA '$dir/$ca.crt' -CAkey '$dir/$ca.key' -CAcreateserial -days $days"
        . " -out '$dir/$name.crt'");
    with_key($name);
}

# openssl req -x509: version 3 and CA:TRUE, signed by itself or by a CA
sub by_req_x509 {
    my ($name, $options) = @_;
    openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -keyout '$dir/$name.key'"
        . " -out '$dir/$name.crt' -subj '/O=Moa/OU=Staff/CN=$name' $options");
    with_key($name);
}

# openssl x509 -req -signkey: signed by itself, version 1 unless it has extensions
sub by_itself {
    my ($name, $extension) = @_;
    openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout '$dir/$name.key' -out '$dir/$name.csr'"
        . " -subj '/O=Moa/OU=Staff/CN=$name'");
    spew("$dir/$name.ext", $extension);
    openssl("x509 -req -in '$dir/$name.csr' -signkey '$dir/$name.key' -days 30 -out '$dir/$name.crt'"
        . ($extension ? " -extfile '$dir/$name.ext'" : ''));
    with_key($name);
}

# openssl ca -selfsign, which takes both dates
sub by_itself_from {
    my ($name, $from, $to) = @_;
    openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout '$dir/$name.key' -out '$dir/$name.csr'"
        . " -subj '/O=Moa/OU=Staff/CN=$name'");
    spew("$dir/$name.ext", 'basicConstraints = critical,CA:TRUE');
    openssl("ca -config '$dir/dn.cnf' -batch -notext -policy person -selfsign -keyfile '$dir/$name.key' -in '$dir/$name.csr'"
        . " -startdate $from -enddate $to -extfile '$dir/$name.ext' -out '$dir/$name.crt'");
}

sub says {
    my ($name) = @_;
    return scalar qx(openssl x509 -noout -text -in '$dir/$name.crt');
}

ca($_) for qw(ca stranger);
my $by_ca = "-CA '$dir/ca.crt' -CAkey '$dir/ca.key'";
by_x509_req($_, 'ca', 30) for qw(one one-revoked);
by_x509_req('one-expired', 'ca', -1);
by_x509_req('one-stranger', 'stranger', 30);
by_req_x509($_, $by_ca) for qw(true true-revoked);
by_req_x509('true-stranger', "-CA '$dir/stranger.crt' -CAkey '$dir/stranger.key'");
by_req_x509($_, '') for qw(itself itself-unknown);
by_itself('itself-one', '');
by_itself('itself-leaf', 'basicConstraints = critical,CA:FALSE');
by_itself_from(@$_) for ['itself-old', '20200101000000Z', '20210101000000Z'], ['itself-coming', '20980101000000Z', '20990101000000Z'];
my @trusted = qw(itself itself-one itself-leaf);
spew("$dir/trusted.pem", map { slurp("$dir/$_.crt") } @trusted, 'itself-old', 'itself-coming');
spew("$dir/all.pem", map { slurp("$dir/$_.crt") } 'ca', @trusted);
openssl("ca -config '$dir/dn.cnf' -batch -revoke '$dir/$_.crt'") for qw(one-revoked true-revoked);
openssl("ca -config '$dir/dn.cnf' -gencrl -out '$dir/crl.pem'");

my @cases = (
    [one               => '200 one'],
    [true              => '200 true'],
    ['one-revoked'     => '403.13 revoked'],
    ['true-revoked'    => '403.13 revoked'],
    ['one-expired'     => '403.17 expired'],
    ['one-stranger'    => '403.16 untrusted-issuer'],
    ['true-stranger'   => '403.16 untrusted-issuer'],
    ['itself-unknown'  => '403.16 self-signed'],
    ['itself'          => '403.13 revocation-unknown'],
);
my @ways = qw(1.2 1.3);
plan tests => 12 + @ways * (@cases + @trusted);

# What is tried is what was meant: a newer openssl may have other defaults.
like says('one'), qr/Version: 1 /, 'x509 -req wrote version 1';
like says('true'), qr/CA:TRUE/, 'req -x509 wrote CA:TRUE';
like says('itself'), qr/CA:TRUE/, 'for one that vouches for itself, too';

# A CRL of the CA says nothing of a certificate that vouches for itself: such ones have a virtual host of their own.
my $server = CertMap::Server->new(name => 'sound', ports => [qw(TLS ITSELF)], without => ['cgid'], text => <<"CONF" . <<'MORE');
Define MADE "$dir"
CONF
Listen 127.0.0.1:${MY_TLS}
Listen 127.0.0.1:${MY_ITSELF}
SSLCertificateFile "${PKI}/server.pem"
SSLVerifyClient optional_no_ca
CertMapDeferErrors On
CertMap On
CertMapRule staff allow %{subject.CN} subject.O=Moa subject.OU=Staff
LogFormat "%>s %{certmap-status}n %{certmap-reason}n %u" said
<VirtualHost 127.0.0.1:${MY_TLS}>
    ServerName a.test
    SSLEngine on
    SSLCACertificateFile "${MADE}/all.pem"
    SSLCARevocationFile "${MADE}/crl.pem"
    SSLCARevocationCheck chain
    CustomLog "${DIR}/said" said
</VirtualHost>
<VirtualHost 127.0.0.1:${MY_ITSELF}>
    ServerName a.test
    SSLEngine on
    SSLCACertificateFile "${MADE}/trusted.pem"
    CustomLog "${DIR}/said" said
</VirtualHost>
MORE

my $lines = 0;

# What the access log says of one request: "200 USER" or "403.N REASON".
sub answer {
    my ($name, $tls, $port) = @_;
    my $url = 'https://a.test:' . $server->port($port) . '/plain.txt';
    system('curl', '-q', '-sS', '-o', '/dev/null', '--max-time', 30, '--noproxy', '*', '--cacert', pki('root.pem'), '--tlsv' . $tls,
        '--tls-max', $tls, '--cert', "$dir/$name.pem", '--resolve', 'a.test:' . $server->port($port) . ':127.0.0.1', $url) == 0
        or return 'no answer';
    my @said;
    for (1 .. 200) {
        @said = split /\n/, slurp($server->dir . '/said');
        last if @said > $lines;
        select undef, undef, undef, 0.02;
    }
    is @said, $lines + 1, 'one line in the log' if @said != $lines + 1;
    $lines = @said;
    my ($status, $ours, $reason, $user) = split / /, $said[-1];
    return $status == 200 ? "200 $user" : "$ours $reason";
}

for my $tls (@ways) {
    is answer($_->[0], $tls, 'TLS'), $_->[1], "TLS $tls: $_->[0]" for @cases;
    is answer($_, $tls, 'ITSELF'), "200 $_", "TLS $tls: $_ vouches for itself, and is trusted" for @trusted;
}
my $console = slurp($server->dir . '/console');
like $console, qr/warning: \S+trusted\.pem: rule staff maps the certificate CN=$_,OU=Staff,O=Moa, which is there as a trusted CA/,
    "start-up warns of $_, which could issue others" for qw(itself itself-one itself-coming);
unlike $console, qr/CN=itself-leaf|CN=Moa ca.*rule/, '... and not of one that could not, nor of a CA that nothing maps';
unlike $console, qr/CN=itself-old/, '... nor of one that has expired, which is refused';

# A rule with issuer= cannot keep two CAs of one name apart. A CA whose certificate was renewed has one key.
sub twins_of {
    my ($directive) = @_;
    my ($status, $output) = httpd_test("<VirtualHost *:1>\nServerName a.test\nSSLEngine on\nSSLVerifyClient require\n"
        . "SSLCertificateFile \"\${PKI}/server.pem\"\n$directive\nCertMap On\n"
        . "CertMapRule staff allow ann issuer=\"CN=Moa ca,O=Moa\" subject.CN=ann\n</VirtualHost>\n");
    return "$status " . ($output =~ /: two trusted CAs have the name CN=Moa ca,O=Moa and different keys/ ? 'warned' : $output);
}

sub twins {
    my (@files) = @_;
    spew("$dir/twins.pem", map { slurp("$dir/$_.crt") } @files);
    return twins_of("SSLCACertificateFile \"$dir/twins.pem\"");
}

openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -keyout '$dir/twin.key' -out '$dir/twin.crt'"
    . " -subj '/O=Moa/CN=Moa ca'");
openssl("req -x509 -key '$dir/ca.key' -days 60 -out '$dir/renewed.crt' -subj '/O=Moa/CN=Moa ca'");
is twins('ca', 'twin'), '0 warned', 'two CAs of one name';
is twins('ca', 'renewed'), "0 Syntax OK\n", 'one CA, renewed';

# A folder of hashed names, with other things in it.
mkdir "$dir/folder" or die "$dir/folder: $!\n";
my $n = 0;
for my $name (qw(ca twin)) {
    my $hash = qx(openssl x509 -noout -hash -in '$dir/$name.crt');
    chomp $hash;
    spew("$dir/folder/$hash." . $n++, slurp("$dir/$name.crt"));
}
POSIX::mkfifo("$dir/folder/0badcafe.0", 0600) && POSIX::mkfifo("$dir/folder/fifo", 0600) or die "mkfifo: $!\n";
{
    local $SIG{ALRM} = sub { die "httpd -t waits for a FIFO\n" };
    alarm 60;
    is twins_of("SSLCACertificatePath \"$dir/folder\""), '0 warned', 'two CAs of one name in a folder';
    alarm 0;
}
unlike slurp($server->dir . '/error_log'), qr/malformed/, 'nothing is called malformed';
