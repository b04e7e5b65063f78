#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# certmapctl explain: it says of each certificate of the suite what the server says, names what is not a certificate, and
# reports in words and in JSON what a decision was made from. (t/hostile.t asks it about the hostile certificates.)
use strict;
use warnings;
use JSON::PP ();
use Test::More;
use CertMap::Explain;
use CertMap::File;
use CertMap::Test;

my $rules = put('staff.rules', map { s/^CertMapRule //r } grep {/^CertMapRule /} split /^/,
    slurp(top() . '/t/conf/rules.conf'));
my @staff = ('--rules', $rules);
sub client { return pki('clients', "$_[0].pem") }
sub fails_with { my ($name, $pattern, @arguments) = @_;
    my ($status, $out, $err) = certmapctl('explain', @arguments);
    ok $status == 2 && $out eq '' && $err =~ $pattern, $name or diag "exit $status\n$out$err";
}

# ---- the server's own decision

# All but the one that t/log.t wants to be the first to show, and the one whose key does not fit.
my @certificates = sort grep { !/^(?:seldom|wrongkey)$/ } map {m{([^/]+)\.pem\z}} glob pki('clients', '*.pem');
cmp_ok scalar @certificates, '>=', 30, 'the suite has its certificates';
my @conf = ('--httpd-conf', top() . '/t/conf/httpd.conf', '--vhost', 'a.test:' . port('TLS'));
for my $name (@certificates) {
    my ($on, $inherit) = map { brief($_) } ask(cert => $name, requests => [map {"/$_/plain.txt"} 'on', 'inherit']);
    is explained(client($name), @staff, verified()), $on, "$name: by its rules as the server";
    is explained(client($name), @conf, '--location', '<Location "/on">', verified()), $on,
        "$name: by httpd's configuration as the server";
    is explained(client($name), @conf, '--location', '<Location "/inherit">', verified()), $inherit,
        "$name: in another place as the server";
}
{
    # rules and sources that the server has from files
    my ($live, $store) = map { brief($_) } ask(cert => 'good', requests => ['/live/plain.txt', '/store/plain.txt']);
    is explained(client('good'), @conf, '--location', '<Location "/live">', verified()), $live, 'a rule file and entries';
    is explained(client('good'), @conf, '--location', '<Location "/store">', verified()), $store, 'a store';
}

# ---- what is not a certificate: file, what is said

my $good = slurp(pki('clients', 'good.crt'));
sub openssl {
    my ($name, @words) = @_;
    my $file = put($name, '');
    system("openssl @words >'$file' 2>/dev/null") == 0 or die "openssl @words\n";
    return $file;
}
my $crt = pki('clients', 'good.crt');
my $pem = client('good');
my $key = openssl('key.pem', "pkey -in '$pem'");
my $der = slurp(openssl('good.der', "x509 -in '$crt' -outform DER"));
mkdir((my $directory = put('file', '') =~ s/file\z/directory/r)) or die "directory: $!\n";
my $huge = put('huge', '');
truncate $huge, 17 << 20 or die "$huge: $!\n";
my $scrambled = $good =~ s/^(.{64}\n){2}.{64}\n/$1/mr;
my @bad = (
    ['nothing'                 => qr/: empty; a certificate in PEM or DER is wanted/, put('empty', '')],
    ['no file'                 => qr/No such file/, '/nonexistent/x.pem'],
    ['a directory'             => qr/Is a directory/, $directory],
    ['text'                    => qr/: text, not a certificate/, put('text', "hello\n")],
    ['bytes'                   => qr/: binary data, not a certificate/, put('bytes', join '', map {chr} reverse 0 .. 254)],
    ['an enormous file'        => qr/larger than 16777216 bytes/, $huge],
    ['a PEM text cut off'      => qr/PEM that is cut off or damaged/, put('cut.pem', substr $good, 0, 300)],
    ['a PEM text damaged'      => qr/PEM that is cut off or damaged/, put('damaged.pem', $good =~ s/\n.{10}/\n!!!!!!!!!!/r)],
    ['a PEM text with a line lost' => qr/number 1 of its certificates is damaged/, put('lost.pem', $scrambled)],
    ['a second one damaged'    => qr/number 2 of its certificates is damaged/, put('second.pem', $good, $scrambled)],
    ['DER cut off'             => qr/: cut off: it begins as DER of \d+ bytes, but has only 200/,
        put('cut.der', substr $der, 0, 200)],
    ['DER damaged'             => qr/: DER, but not a certificate, or a damaged one/,
        put('damaged.der', substr($der, 0, 20) . "\0" x (length($der) - 20))],
    ['base64 alone'            => qr/: base64 without its -----BEGIN CERTIFICATE-----/, put('b64', $good =~ s/^-.*\n//gmr)],
    ['UTF-16'                  => qr/: this is UTF-16 text, not a certificate/, put('u16', "\xff\xfe", $good =~ s/(.)/$1\0/gsr)],
    ['UTF-16 without a mark'   => qr/: this is UTF-16 text, not a certificate/, put('u16le', $good =~ s/(.)/$1\0/gsr)],
    ['a private key'           => qr/: this is a private key, not a certificate/, $key],
    ['a private key in DER'    => qr/: this is a private key, not a certificate/,
        openssl('key.der', "pkey -in '$key' -outform DER")],
    ['an EC key'               => qr/: this is an EC private key/, openssl('ec.pem', "ec -in '$key'")],
    ['an EC key in DER'        => qr/: this is a private key/, openssl('ec.der', "ec -in '$key' -outform DER")],
    ['an encrypted EC key'     => qr/: this is an EC private key/, openssl('eec.pem', "ec -in '$key' -aes128 -passout pass:x")],
    ['an encrypted key'        => qr/: this is an encrypted private key/,
        openssl('enc.pem', "pkcs8 -topk8 -in '$key' -passout pass:x")],
    ['an encrypted key in DER' => qr/: this is an encrypted private key/,
        openssl('enc.der', "pkcs8 -topk8 -in '$key' -passout pass:x -outform DER")],
    ['a public key'            => qr/: this is a public key/, openssl('pub.pem', "pkey -in '$key' -pubout")],
    ['a public key in DER'     => qr/: this is a public key/, openssl('pub.der', "pkey -in '$key' -pubout -outform DER")],
    ['a request'               => qr/: this is a certificate request \(CSR\)/,
        openssl('csr.pem', "req -new -key '$key' -subj /CN=x")],
    ['a request in DER'        => qr/: this is a certificate request \(CSR\)/,
        openssl('csr.der', "req -new -key '$key' -subj /CN=x -outform DER")],
    ['a CRL'                   => qr/: this is a revocation list \(CRL\)/, pki('crl.pem')],
    ['a CRL in DER'            => qr/: this is a revocation list \(CRL\)/,
        openssl('crl.der', "crl -in '" . pki('ca', 'inter', 'crl.pem') . "' -outform DER")],
    ['a PKCS#7'                => qr/: this is a PKCS#7 bundle.*-print_certs/,
        openssl('p7.pem', "crl2pkcs7 -nocrl -certfile '$crt'")],
    ['a PKCS#7 in DER'         => qr/: this is a PKCS#7 bundle/, openssl('p7.der', "crl2pkcs7 -nocrl -certfile '$crt' -outform DER")],
    ['an encrypted PKCS#12'    => qr/: this is a PKCS#12 bundle.*openssl pkcs12 -clcerts/,
        openssl('enc.p12', "pkcs12 -export -in '$pem' -passout pass:x")],
    ['a PKCS#12 in the clear'  => qr/: this is a PKCS#12 bundle/,
        openssl('p12', "pkcs12 -export -in '$pem' -passout pass: -keypbe NONE -certpbe NONE -nomac")],
    ['an SSH key'              => qr/: this is an SSH public key/, put('ssh', "ssh-ed25519 AAAAC3 ann\n")],
    ['a page'                  => qr/: this is HTML or XML/, put('page', "<!DOCTYPE html>\n")],
    ['an unknown label'        => qr/PEM labelled "X\\x1b\[2J"/, put('label', "-----BEGIN X\e[2J-----\nAAAA\n-----END X\e[2J-----\n")],
);
fails_with("$_->[0] is named", $_->[1], $_->[2], @staff) for @bad;
fails_with("$_->[0] is named as --ca", $_->[1], $crt, @staff, '--ca', $_->[2]) for grep { $_->[0] =~ /key|nothing|cut|text/ } @bad;
fails_with('a certificate is no CRL', qr/PEM labelled|not a revocation list/, $crt, @staff, '--ca', $crt, '--crl', $crt);

# and what is one, in other clothes
my @fine = (
    ['DER'                     => put('fine.der', $der)],
    ['text before it'          => openssl('with.txt', "x509 -in '$crt' -text")],
    ['a key before it'         => put('keyed', slurp($key), $good)],
    ['an encrypted key behind' => put('ekeyed', $good, slurp((grep { $_->[0] eq 'an encrypted EC key' } @bad)[0][2]))],
    ['CRLF'                    => put('crlf', $good =~ s/\n/\r\n/gr)],
    ['a byte order mark'       => put('bom', "\xef\xbb\xbf", $good)],
    ["OpenSSL's trusted form"  => openssl('trusted', "x509 -in '$crt' -trustout")],
);
is explained($_->[1], @staff), '200 - - alice', "a certificate with $_->[0]" for @fine;
{
    my ($status, $out) = certmapctl({ stdin => $crt }, 'explain', '-', @staff);
    like "$status $out", qr/^0 mapped to alice by rule staff /, 'from standard input';
    is explained(put('behind', $der, 'x'), @staff), '403 16 malformed -', 'bytes behind DER make it malformed';
}

# ---- arguments

fails_with("arguments: $_->[0]", $_->[1], @{ $_->[2] }) for (
    ['none'               => qr/which certificate\?/, []],
    ['no rules'           => qr/nothing to ask/, [$crt]],
    ['an unknown option'  => qr/unknown option/, [$crt, '--nonsense']],
    ['a wrong time'       => qr/--at takes a time/, [$crt, @staff, '--at', '2027-02-29']],
    ['a wrong strength'   => qr/--min-strength takes/, [$crt, @staff, '--min-strength', 'firm']],
    ['a wrong depth'      => qr/--verify-depth takes/, [$crt, @staff, '--ca', $crt, '--verify-depth', '-1']],
    ['a CRL alone'        => qr/need --ca/, [$crt, @staff, '--crl', pki('crl.pem')]],
    ['a vhost alone'      => qr/need --httpd-conf/, [$crt, @staff, '--vhost', 'a']],
    ['two kinds of rules' => qr/--httpd-conf says what/, [$crt, @staff, @conf]],
    ['a source of dbd'    => qr/no provider is called "dbd"; there are file and store/, [$crt, '--source', 'dbd:users']],
    ['a source of ldap'   => qr/no provider is called "ldap"; there are file and store/, [$crt, '--source', 'ldap:ldap://x/']],
    ['an unknown source'  => qr/no provider is called "sql"/, [$crt, '--source', 'sql:x']],
    ['no source'          => qr/PROVIDER:ARGUMENT/, [$crt, '--source', 'file']],
    ['no entry file'      => qr/No such file/, [$crt, '--source', 'file:/nonexistent']],
    ['a path not decoded' => qr{without //, /\./ and /\.\./}, [$crt, @conf, '--location', '/a%20b']],
    ['a path with dots'   => qr{without //, /\./ and /\.\./}, [$crt, @conf, '--location', '/on/../off']],
    ['errors in rules'    => qr/two\.rules:1:9: error: .*two\.rules:2:1: error: /s,
        [$crt, '--rules', put('two.rules', "a allow =\n* deny any\n")]],
    ['errors in entries'  => qr/bad\.entries:1:8: error: /, [$crt, '--source', 'file:' . put('bad.entries', "sha256:1 x\n")]],
    ['a name given twice' => qr/staff.*unique|staff.*twice|staff.*before/i, [$crt, @staff, @staff]],
);

# ---- JSON: each key, its type

sub json_of {
    my (undef, $out) = certmapctl('explain', @_, '--json');
    return JSON::PP->new->utf8->decode($out);
}
my @keys = qw(asked at certain certificate chain detail file groups mapping nearest place reason renewals rule rules schema source
    sources status strength substatus unknown until user);
{
    my $told = json_of(client('good'), @staff);
    is join(' ', sort keys %$told), "@keys", 'JSON: the keys';
    is join(' ', sort keys %{ $told->{certificate} }), 'dates issuer malformed notAfter notBefore odd serial sha256 subject',
        'JSON: of the certificate';
    is_deeply [@$told{qw(status substatus reason user groups rule source strength nearest)}],
        ['200', undef, undef, 'alice', ['staff', 'people'], 'staff', undef, 'weak', undef], 'JSON: mapped';
    like "$told->{certificate}{notBefore} $told->{certificate}{sha256} $told->{certificate}{serial}",
        qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ [0-9a-f]{64} [0-9A-F]+$/, 'JSON: dates and numbers of the certificate';
    my ($no, $yes) = (JSON::PP::false, JSON::PP::true);
    my %plain = (asked => $yes, expires => undef, malformed => undef);
    my %issuer = (text => 'issuer.CN=Example Issuing CA', holds => $yes, answer => 'yes', values => ['Example Issuing CA'], why => undef);
    is_deeply $told->{rules}, [
        { %plain, name => 'mallory', deny => $yes, user => undef, matched => $no, decided => $no,
            place => { file => $rules, line => 1 }, conditions => [
                { text => 'subject.CN=Mallory', holds => $no, answer => 'no', values => ['Alice'], why => undef }, \%issuer] },
        { %plain, name => 'staff', deny => $no, user => '%{san.email:local}', matched => $yes, decided => $yes,
            place => { file => $rules, line => 2 }, conditions => [
                { text => 'subject.OU=Staff', holds => $yes, answer => 'yes', values => ['Staff'], why => undef }, \%issuer] }],
        'JSON: rules, conditions and values';
    is_deeply [@$told{qw(schema file certain unknown place asked detail until)}, $told->{certificate}{dates}, $told->{chain},
        $told->{sources}, $told->{renewals}], [1, client('good'), $yes, [], undef, $yes, undef, undef, 'in-force', undef, [], []],
        'JSON: what else is known';
    $told = json_of(client('unmapped'), @staff);
    is_deeply [@$told{qw(status substatus reason user groups rule source strength nearest)}],
        ['403.12', 12, 'no-match', undef, undef, undef, undef, undef, { rule => 'staff', failed => ['subject.OU=Staff'] }],
        'JSON: refused, with the nearest rule';
    is json_of($crt, '--rules', $rules)->{substatus} // 'null', 'null', 'JSON: null where there is none';
    is json_of(client('good'), '--rules', put('whole.rules', "whole allow x subject.CN=Alice issuer=\"CN=Example Issuing CA,C=DE\"\n"))
        ->{rules}[0]{conditions}[1]{differs}, 'O=Example Ltd is there in addition', 'JSON: how a whole name differs';
    $told = json_of(client('malformed'), @staff);
    is_deeply [@{ $told->{certificate} }{qw(notBefore notAfter)}, $told->{status}], [undef, undef, '403.16'],
        'JSON: dates of a malformed certificate are not told';
    $told = json_of(client('nul'), @staff);
    is_deeply [$told->{reason}, $told->{rule}, $told->{rules}[0]{conditions}[0]], ['denied-by-rule', 'mallory',
        { text => 'subject.CN=Mallory', holds => JSON::PP::false, answer => 'malformed', values => [],
            why => 'NUL inside' }],
        'JSON: a condition on a malformed field';
    my $odd = put("odd-\xff.entries", "X509:<RFC822>alice\@example.org alice\n");
    is json_of($crt, '--source', "file:$odd")->{source}, "file $odd" =~ s/\xff/\x{fffd}/r, 'JSON: valid UTF-8 whatever is named';
}

{
    my (undef, $out, $err) = certmapctl('explain', client('good'), '--json', '--rules',
        put('deny-chain', 'c deny subject.CN=Alice all:chain.sha256!=' . '0' x 64 . "\n"));
    ok $err =~ /warning: rules ask for the chain/ && JSON::PP->new->utf8->decode($out), 'JSON: a chain that is not known';
}

# What the text says, JSON says.
{
    my $told = json_of(client('revoked'), @staff, verified());
    my $chain = $told->{chain};
    like $told->{at}, qr{^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$}, 'JSON: the time';
    is_deeply [@$told{qw(status reason asked)}, @{ $told->{mapping} }{qw(status user rule)}, @$chain{qw(verified reason error depth
        revocation errorText)}], ['403.13', 'revoked', JSON::PP::false, '200', 'alice', 'staff',
        JSON::PP::false, 'revoked', 23, 0, 'chain', 'certificate revoked'], 'JSON: refused before the rules, which would map';
    $told = json_of(client('good'), @staff, verified());
    is_deeply [$told->{chain}{verified}, scalar @{ $told->{chain}{cas} }], [JSON::PP::true, 2], 'JSON: the chain';
    my $entries = put('json.entries', qq(issuer-serial:01 "CN=x" y\nX509:<RFC822>alice\@example.org alice groups=a note="n"\n));
    $told = json_of(client('good'), '--source', "file:$entries", @staff);
    is_deeply [@{ $told->{sources}[0] }{qw(name error mayDenyBy)}, @{ $told->{sources}[0]{entries}[0] }{qw(user groups note deny)},
        map { $_->{asked} } @{ $told->{rules} }], ["file $entries", undef, undef, 'alice', ['a'], 'n', (JSON::PP::false) x 3],
        'JSON: sources, and rules that are not asked any more';
    is json_of(client('nul'), @staff)->{certificate}{odd}[0], 'subject.CN: NUL inside', 'JSON: odd values';
    is json_of(client('nul'), @staff)->{detail}, 'rule mallory: subject.CN is malformed: NUL inside', 'JSON: the detail';
    $told = json_of(client('good'), @conf, '--location', '<Location "/report">');
    is_deeply [@{ $told->{place} }{qw(host port name isSection mode reportOnly deferErrors handshakeFails require because)},
        $told->{status}, $told->{user}, $told->{mapping}{user}], ['a.test', port('TLS') + 0, '<Location "/report">', JSON::PP::true, 'On',
        JSON::PP::true, JSON::PP::true, JSON::PP::false, undef, undef, '200', undef, 'alice'], 'JSON: the place';
}
# Several certificates and places are one array.
{
    my ($status, $out) = certmapctl('explain', (map { client($_) } qw(good denied)), @conf, (map { ('--location', "<Location \"/$_\">") }
        qw(on report)), '--json');
    my $told = JSON::PP->new->utf8->decode($out);
    is_deeply [$status, map { join ' ', $_->{file} =~ m{([^/]+)\.pem$}, $_->{place}{name} =~ m{"/(.*)"}, $_->{status} } @$told],
        [1, 'good on 200', 'good report 200', 'denied on 403.12', 'denied report 200'], 'JSON: several certificates and places';
    ($status, $out) = certmapctl('explain', (map { client($_) } qw(good denied)), @staff);
    ok $status == 1 && $out =~ m{\A\S+/good\.pem:\nmapped .*\n\n\S+/denied\.pem:\nrefused}s, 'words: several certificates';
    ($status, $out, my $err) = certmapctl('explain', client('good'), '/nonexistent', client('denied'), @staff, '--json');
    ok $status == 2 && @{ JSON::PP->new->utf8->decode($out) } == 2 && $err =~ /nonexistent: No such file/, 'one of several is not there';
}

# ---- words: arguments, exit status, what is said

my ($issuer, $zoe) = ('CN=Example Issuing CA,O=Example Ltd,C=DE', 'CN=Zoe,OU=Visitors,O=Example Ltd,C=DE');
my $pins = put('pins.rules', qq(zoe allow zoe "issuer=$issuer" subject.CN=Zoe serial=0102 groups=guests\n));
my ($ab, $cd) = ('ab' x 32, 'cd' x 32);
my $noted = put('noted.entries', qq(sha256:$ab zoe note="$zoe"\n),
    qq(issuer-serial:0102 "$issuer" zed note="$zoe"\n), qq(issuer-serial:0103 "CN=Other" zap note="$zoe"\n),
    qq(spki:$cd nobody note="CN=Somebody Else"\n));
my $named = put('named.entries', qq(dn:"$zoe" "$issuer" zoe\n));
my $many = put('many.rules', map {"r$_ allow u subject.CN=n$_ subject.OU=Visitors issuer.CN=x san.email=y\@z\n"} 1 .. 100_000);
my $chain = put('chain', 'c allow c chain.sha256=' . '0' x 64 . "\n");
my @words = (
    ['mapped', 0, [client('good'), @staff, verified()], qr/\Amapped to alice by rule staff \(weak\), groups staff, people\n/,
        qr/^  subject  CN=Alice,OU=Staff,O=Example Ltd,C=DE$/m, qr/^  serial   [0-9A-F]+$/m, qr/^  sha256   [0-9a-f]{64}$/m,
        qr/^  chain    verified, 2 CAs above the certificate, none revoked$/m,
        qr/^  - mallory deny .*\n      - subject\.CN=Mallory +Alice\n      \+ issuer\.CN/m,
        qr/^  \+ staff allow %\{san\.email:local\}, which decides/m],
    ['without --ca', 0, [client('good'), @staff], qr/chain    not looked at, taken as verified; --ca FILE verifies it/],
    ['any depth', 0, [client('good'), @staff, '--ca', pki('root.pem')], qr/needs SSLVerifyDepth 2 or more; its default is 1/,
        qr/revocation not looked at/],
    ['denied', 1, [client('denied'), @staff], qr/\Arefused: 403\.12 denied-by-rule by rule mallory: a rule denies it/,
        qr/not asked any more: 1 rule, from staff on/],
    ['no match', 1, [client('unmapped'), @staff], qr/\Arefused: 403\.12 no-match: .*certmapctl suggest/,
        qr/^nearest miss: rule staff, but not subject\.OU=Staff$/m],
    ['a whole name that is another one', 1, [client('good'), '--rules', put('whole.rules',
        "whole allow x subject.CN=Alice issuer=\"CN=Example Issuing CA,O=Example GmbH,C=DE\"\n")],
        qr/^      \S+ issuer=.*\n        O=Example Ltd in place of O=Example GmbH$/m,
        qr/^nearest miss: rule whole, but not issuer=.*\n  the certificate has O=Example Ltd in place of O=Example GmbH$/m],
    ['expired', 1, [client('expired'), @staff], qr/\Arefused: 403\.17 expired: .*; renew it\n  apart from that: mapped to alice/,
        qr/rules, which the server does not ask/],
    ['expired by then', 1, [client('good'), @staff, '--at', '2035-01-31'], qr/\Arefused: 403\.17 expired/,
        qr/expired at 2035-01-31T00:00:00Z/],
    ['not yet valid then', 1, [client('good'), @staff, verified(), '--at', '2020-06-01T12:30:00Z'],
        qr/\Arefused: 403\.1[367] (?:not-yet-valid|revocation-unknown|issuer-expired)/],
    ['in time then', 0, [client('expired'), @staff, '--at', '2020-06-01'], qr/\Amapped to alice/],
    ['revoked', 1, [client('revoked'), @staff, verified()], qr/\Arefused: 403\.13 revoked: /,
        qr/^  chain    403\.13 revoked: certificate revoked \(OpenSSL's error 23, of the certificate itself\)/m],
    ['malformed', 1, [client('malformed'), @staff], qr/\Arefused: 403\.16 malformed: .*\(san\.ip: an address of neither 4 nor 16 octets\)/,
        qr/^  broken   san\.ip: /m, qr/\A(?!.*^  odd)/ms],
    ['a malformed value', 1, [client('nul'), @staff],
        qr/\Arefused: 403\.12 denied-by-rule by rule mallory: .*\(rule mallory: subject\.CN is malformed: NUL inside\)/,
        qr/^  unusual  subject\.CN: NUL inside$/m, qr/^  \? mallory deny, which decides/m,
        qr/^      \? subject\.CN=Mallory +\(malformed: NUL inside\)\n      \+ issuer\.CN/m,
        qr/^      \? subject\.CN is malformed: NUL inside$/m],
    ['a malformed value in a user', 1, [client('nul'), '--rules', put('user.rules', "u allow %{subject.CN} subject.OU=Staff\n")],
        qr/\Arefused: 403\.16 malformed by rule u.*\(rule u: subject\.CN is malformed: NUL inside\)/,
        qr/^  \? u allow .*\n      \+ subject\.OU=Staff +Staff\n      \? subject\.CN is malformed: NUL inside$/m],
    ['a malformed value that nobody asks for', 0, [client('nul'), '--rules', put('ou.rules', "u allow u subject.OU=Staff\n")],
        qr/\Amapped to u by rule u/, qr/^  unusual  subject\.CN: NUL inside$/m],
    ['another type', 1, [client('good'), '--rules', put('type.rules', "u allow u ext:2.5.29.15=x\n")],
        qr/\Arefused: 403\.16 malformed by rule u.*another type than text/,
        qr/^      \? ext:2\.5\.29\.15=x +\(another type than text\)$/m],
    ['an entry that might deny', 1, [client('nul'), '--source', 'file:' . put('deny.entries',
        qq(dn:"CN=x" "CN=y" - deny\n))], qr/\Arefused: 403\.16 malformed by .*it may deny by dn/,
        qr/^  \? it may deny by dn, and what that key is made of is malformed$/m],
    ['no nearest for what is malformed', 1, [client('nul'), '--rules', put('near.rules',
        "a allow u subject.CN=x subject.OU=Other\nb allow u subject.OU=Staff subject.O=x\n")],
        qr/^nearest miss: rule b, but not subject\.O=x$/m],
    ['too weak', 1, [client('good'), @staff, '--min-strength', 'strong'],
        qr/\Arefused: 403\.12 mapping-too-weak by rule staff \(weak\): .*strong is required/],
    ['chain conditions', 1, [client('good'), '--rules', $chain],
        qr/unknown without a chain verified by --ca/, qr/^  rules ask for the chain, .* may decide otherwise$/m],
    ['a rule that asks the chain behind the one that decides', 0, [client('good'), @staff, '--rules', $chain],
        qr/\A(?!.*may decide)/s],
    ['a chain that is known', 1, [client('good'), '--rules', $chain, '--ca', pki('root.pem')], qr/\A(?!.*may decide)/s],
    ['a place', 0, [client('good'), @conf, '--location', '<Location "/report">'], qr/\n  in <Location "\/report"> of a\.test:/],
    ['a place that only reports', 0, [client('good'), @conf, '--location', '<Location "/report">'],
        qr/^  CertMapReportOnly On: this is logged, and the request continues without a user$/m],
    ['which lifts no guard', 1, [client('expired'), @conf, '--location', '<Location "/report">'],
        qr/^  CertMapReportOnly On: it does not lift the guard of CertMapDeferErrors/m, qr/\A(?!.*continues without)/s],
    ['an off place', 1, [client('good'), @conf, '--location', '<Location "/off">'],
        qr/\Alet in without a user\n/, qr/^  CertMap is Off there: nobody is mapped$/m, qr/rules, which the server does not ask/],
    ['an optional place', 1, [client('unmapped'), @conf, '--location', '<Location "/optional">'],
        qr/CertMap Optional: the request continues without a user/],
    ['a rule renewed', 1, [client('unmapped'), '--rules', $pins],
        qr/^This looks like a renewal: rule zoe holds except for serial=0102/m,
        qr/^  zoe-2 allow zoe issuer="\Q$issuer\E" subject\.CN=Zoe serial=[0-9a-f]+ groups=guests$/m],
    ['no renewal of another', 1, [client('seldom'), '--rules', $pins], qr/\A(?!.*renewal)/s],
    ['entries renewed', 1, [client('unmapped'), '--source', "file:$noted"],
        qr/:1 has an entry for zoe whose note is this subject \(its issuer is not known\), but it pins another certificate\n/,
        qr/^  sha256:[0-9a-f]{64} zoe note="\Q$zoe\E"$/m, qr/for zed whose note is this subject and whose issuer is this one/,
        qr/^  issuer-serial:[0-9A-F]+ "\Q$issuer\E" zed note=/m, qr/\A(?!.*(?:for zap|for nobody))/s],
    ['a name too weak', 1, [client('unmapped'), '--source', "file:$named", '--min-strength', 'strong'],
        qr/\Arefused: 403\.12 mapping-too-weak by the dn entry of file \S+named\.entries \(scoped\)/,
        qr/^This looks like a renewal: .*for zoe, but nothing there pins/m, qr/^  sha256:[0-9a-f]{64} zoe note=/m],
    ['an entry', 0, [client('unmapped'), '--source', "file:$named", @staff],
        qr/\Amapped to zoe by the dn entry of file .* \(scoped\)/, qr/^  \+ dn entry: maps to zoe \(scoped\)/m,
        qr/not asked: 2 rules, from mallory on/],
    ['many rules', 1, [client('unmapped'), '--rules', $many], qr/^  99980 more rules do not match;/m],
    ['a store that is not there', 2, [client('good'), @staff, '--source', 'store:/nonexistent/store'],
        qr/\Aundecided: 503 source-unavailable/],
);
for my $row (@words) {
    my ($name, $expected, $arguments, @patterns) = @$row;
    my ($status, $out, $err) = certmapctl('explain', @$arguments);
    my @missing = grep { $out !~ $_ } @patterns;
    ok $status == $expected && !@missing && $out !~ /\e/ && $err eq '', "words: $name"
        or diag "exit $status, missing: @missing\n$out$err";
}
{
    my (undef, $few) = certmapctl('explain', client('unmapped'), '--rules', $many);
    my (undef, $all) = certmapctl('explain', client('unmapped'), '--rules', $many, '--all');
    cmp_ok scalar(split /\n/, $few), '<', 150, 'many rules: an answer that can be read';
    cmp_ok scalar(split /\n/, $all), '>', 500_000, 'many rules: --all tells them all';
    # what explain says to add works
    my (undef, $out) = certmapctl('explain', client('unmapped'), '--rules', $pins);
    my ($line) = $out =~ /^  (zoe-2 .*)$/m;
    is explained(client('unmapped'), '--rules', put('added', "$line\n")), '200 - - zoe', 'the line of a renewal maps it';
    # and is not the answer to another certificate
    is explained(client('seldom'), '--rules', put('added', "$line\n")), '403 12 no-match -', '... and nobody else';
}

# ---- terminals

{
    my (undef, $plain) = certmapctl('explain', client('good'), @staff);
    my (undef, $utf8) = certmapctl({ env => { LC_ALL => 'C.UTF-8' } }, 'explain', client('good'), @staff);
    like $plain, qr/^  \+ staff /m, 'plus and minus in a plain locale';
    like $utf8, qr/^  \xe2\x9c\x93 staff /m, 'marks in a UTF-8 locale';
    my @command = (top() . '/built/certmapctl', 'explain', client('good'), '--rules', $rules);
    my $on_terminal = sub { my ($env) = @_; return scalar `$env script -qec '@command' /dev/null </dev/null 2>&1` };
  SKIP: {
        skip_without_terminals(3);
        like $on_terminal->('TERM=xterm NO_COLOR='), qr/\e\[1;32mmapped to alice/, 'colours on a terminal';
        unlike $on_terminal->("TERM=xterm $_"), qr/\e/, "none with $_" for 'NO_COLOR=1', 'TERM=dumb';
    }
}
# What certificates of others say reaches the terminal in a form that it does not obey.
for my $name (qw(newline nul malformed forged0 forged7)) {
    for my $how ([], ['--json']) {
        my (undef, $out) = certmapctl('explain', client($name), @staff, @$how);
        ok $out ne '' && $out !~ /[^\n\x20-\x7e\x80-\xff]|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]/,
            "$name: nothing raw on the terminal @$how";
    }
}

done_testing;
