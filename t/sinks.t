#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Where a certificate's text ends up: log lines, the page in its three forms, headers, variables, notes. Each is read
# back by a parser of its own (HTML::Parser, JSON::PP, the grammar of the log line in docs/refusals.md), which must give
# the certificate's text and nothing else, however that text tries to be more than text.
use strict;
use warnings;
use Encode qw(decode encode);
use HTML::Parser ();
use JSON::PP ();
use Test::More;
use CertMap::DER;
use CertMap::Test;

my $dir = pki('clients', 'sinks');
my $gap = "\xef\xbf\xbd";       # U+FFFD: what a character is shown as that must not be shown

# name => text as it is in the certificate, how it is shown when it is not shown unchanged; both in bytes of
# UTF-8
my %text = (
    plain        => ['Ann'],
    quotes       => [q{a"b'c}],
    incident     => [q{" incident=fake}],
    all_pairs    => [q{" serial=00 sha256=00 rule=admin user="admin" incident=fake}],
    percent      => ['%22 incident=%0a%00%25'],
    hex          => ['\x22 incident=\x0a\\\\x22'],
    backslash    => ['a\\'],
    backslashes  => ['\\\\a\\nb\\'],
    script       => ['<script>alert(1)</script>'],
    breakout     => [q{</bdi></dd></dl><img src=x onerror=alert(1)>}],
    attribute    => [q{" onmouseover="alert(1)}],
    entities     => ['&quot;&lt;b&gt;&#60;i&#62;&amp;amp;'],
    comment      => ['--><!-- x'],
    ssi          => ['<!--#exec cmd="id" -->'],
    json         => [q{","admin":true,"x":"}],
    json_escape  => ['\u0022,\u0000'],
    cdata        => [']]><![CDATA['],
    lookup       => ['${jndi:ldap://x/a}'],
    format       => ['%s%n%{REMOTE_USER}e'],
    shell        => ['$(id)`id`;id|id'],
    sql          => [q{'; DROP TABLE users--}],
    ldap         => ['*)(uid=*'],
    link         => ['javascript:alert(1)'],
    names        => ['bob,CN=admin+UID=x;O=y'],
    hash         => ['#0c0561646d696e'],
    blanks       => ['  two  blanks  '],
    latin        => ["Zo\xc3\xab"],
    euro         => ["\xe2\x82\xac and \xf0\x9f\x98\x80"],
    no_break     => ["a\xc2\xa0b"],
    soft_hyphen  => ["ad\xc2\xadmin", "ad${gap}min"],
    lf           => ["a\nSubject: CN=admin", "a${gap}Subject: CN=admin"],
    crlf         => ["a\r\nSet-Cookie: a=b\r\n\r\n<b>", "a$gap${gap}Set-Cookie: a=b$gap$gap$gap$gap<b>"],
    log_line     => ["x\n[Sun Nov 22 00:00:00 2026] [certmap:error] certmap: 403.12 no-match incident=fake",
        "x${gap}[Sun Nov 22 00:00:00 2026] [certmap:error] certmap: 403.12 no-match incident=fake"],
    nul          => ["a\0b", "a${gap}b"],
    tab          => ["a\tb", "a${gap}b"],
    escape       => ["\e[2Ja", "${gap}[2Ja"],
    c1           => ["a\xc2\x9b2J", "a${gap}2J"],
    del          => ["a\x7f", "a$gap"],
    separator    => ["a\xe2\x80\xa8b", "a${gap}b"],
    bidi         => ["a\xe2\x80\xaeb", "a${gap}b"],
    zero_width   => ["ad\xe2\x80\x8bmin", "ad${gap}min"],
    long         => ['x' x 3000],
    long_wide    => ["\xc3\xab" x 2000],
    long_quotes  => ['"%' x 1500],
    long_slashes => ['\\' x 3000],
);
my %malformed = map { $_ => 1 } qw(lf crlf log_line nul tab escape c1 del);

# ---- certificates: NAME from the tests' CA; NAME-forged from nobody, with the text in the issuer as well

my ($CN, $O, $OU, $C) = ('2.5.4.3', '2.5.4.10', '2.5.4.11', '2.5.4.6');

sub dn {
    my ($text, $unit) = @_;
    return name(map { my ($type, $value) = @$_; rdn(ava($type, tlv(UTF8, $value))) } [$C, 'DE'], [$O, $text],
        [$OU, $unit], [$CN, $text]);
}

my %spec;
for my $name (keys %text) {
    my $subject = dn($text{$name}[0], 'Hostile');
    $spec{$name} = { subject => $subject };
    $spec{"$name-forged"} = { subject => $subject, issuer => dn($text{$name}[0], 'Forgers') };
}
issue($dir, pki('ca', 'inter'), \%spec);

# RFC 4514, section 2.4
sub rfc4514 {
    my ($value) = @_;
    $value =~ s/(["+,;<>\\])/\\$1/g;
    $value =~ s/\A(?=[ #])/\\/;
    $value =~ s/(?<!\\) \z/\\ /;
    return $value;
}

# The name as it is shown. A malformed name is cut at 256 bytes of each value; none here is as long.
sub shown {
    my ($name, $as, $unit) = @_;
    my $value = rfc4514($as // $text{$name}[0]);
    return "CN=$value,OU=$unit,O=$value,C=DE";
}

# What a page shows: at most 1024 bytes (and the rest of a character), then an ellipsis
sub on_page {
    my ($text) = @_;
    return $text if length $text <= 1024;
    my $cut = substr $text, 0, 1024;
    $cut .= substr $text, length $cut, 1 while (substr $text, length $cut, 1) =~ /[\x80-\xbf]/;
    return "$cut\xe2\x80\xa6";
}

# ---- parsers

my %label = ('Subject' => 'subject', 'Issuer' => 'issuer', 'Serial number' => 'serial', 'Status' => 'status',
    'Incident id' => 'incident', 'Valid from' => 'from', 'Valid until' => 'until', 'Time' => 'time');
my %element = map { $_ => 1 } qw(html head meta title style body main section h1 h2 p ul li a dl div dt dd bdi code time
    span);
my %attribute = map { $_ => 1 } qw(lang charset name content http-equiv class id href datetime aria-labelledby);

# The facts of a page, or what is wrong with it.
sub read_html {
    my ($html) = @_;
    my (%fact, @open, @wrong, $key);
    my $parser = HTML::Parser->new(api_version => 3, unbroken_text => 1, utf8_mode => 0, strict_comment => 1,
        strict_names => 1);
    $parser->handler(start => sub {
        my ($tag, $attr) = @_;
        push @wrong, "<$tag>" if !$element{$tag};
        push @wrong, map {"<$tag $_>"} grep { !$attribute{$_} } keys %$attr;
        push @wrong, "link to $attr->{href}" if exists $attr->{href}
            && $attr->{href} !~ /^mailto:webmaster\@example\.org\?/;
        push @open, $tag if $tag ne 'meta';
    }, 'tagname, attr');
    $parser->handler(end => sub {
        my $last = pop @open // 'nothing';
        push @wrong, "</$_[0]> closes <$last>" if $last ne $_[0];
    }, 'tagname');
    $parser->handler(text => sub {
        my ($text) = @_;
        return if !@open || $open[-1] eq 'style';
        if ($open[-1] eq 'dt') {
            $key = $label{$text} // do { push @wrong, "a fact called $text"; undef };
        }
        elsif (defined $key && grep { $_ eq 'dd' } @open) {
            push @wrong, "$key twice" if $open[-1] eq 'bdi' && exists $fact{$key};
            $fact{$key} .= $text if $open[-1] =~ /^(?:bdi|time)$/;
        }
    }, 'dtext');
    $parser->handler($_ => sub { push @wrong, "$_[0]: $_[1]" }, 'event, text') for qw(comment process);
    $parser->handler(declaration => sub { push @wrong, $_[0] if $_[0] ne '<!DOCTYPE html>' }, 'text');
    $parser->parse(decode('UTF-8', $html, Encode::FB_CROAK));
    $parser->eof;
    push @wrong, "open: @open" if @open;
    $_ = encode('UTF-8', $_) for values %fact;
    return { %fact, wrong => join ', ', @wrong };
}

sub read_json {
    my ($json) = @_;
    my $said = JSON::PP->new->utf8->decode($json);
    my $cert = $said->{certificate};
    my $known = qr/^(?:type|title|status|detail|instance|substatus|reason|incident|advice|certificate)$/;
    my @unknown = grep { !/$known/ } sort keys %$said;
    my @unknown_of_cert = grep { !/^(?:subject|issuer|serial|notBefore|notAfter)$/ } sort keys %$cert;
    return { map({ $_ => encode('UTF-8', $cert->{$_}) } qw(subject issuer serial)), incident => $said->{incident},
        status => "$said->{status}.$said->{substatus} $said->{reason}", wrong => join ', ', @unknown,
            @unknown_of_cert };
}

sub read_text {
    my ($text) = @_;
    my (%fact, @wrong);
    for (split /\n/, $text) {
        push @wrong, "control in: $_" if /[\x00-\x1f\x7f]/;
        next if !/^  (\S[A-Za-z ]*): +(.*)/ || !$label{$1};
        push @wrong, "$1 twice" if exists $fact{ $label{$1} };
        $fact{ $label{$1} } = $2;
    }
    return { %fact, wrong => join ', ', @wrong };
}

my @forms = (
    ['text/html'                => \&read_html],
    ['application/problem+json' => \&read_json],
    ['text/plain'               => \&read_text],
);

# The line's own grammar. In quotes: %XX for quotes, percent signs and controls; after that httpd has written \\ and
# \xNN.
sub unquote {
    my ($quoted) = @_;
    $quoted =~ /\A(?:[^"\\\x00-\x1f\x7f-\xff]|\\\\|\\x[0-9a-f]{2})*\z/ or return;
    $quoted =~ s/\\(?:\\|x(..))/defined $1 ? chr hex $1 : '\\'/ge;
    $quoted =~ /%(?![0-9A-F]{2})/ and return;
    $quoted =~ s/%(..)/chr hex $1/ge;
    return $quoted;
}

# One line to its parts (status, reason, keys in order, values), or { wrong }.
sub read_log {
    my ($line) = @_;
    my $head = qr/\[[^\]]+\] \[certmap:(?:error|info)\] \[pid \d+:tid \d+\] \[client 127\.0\.0\.1:\d+\] certmap: /;
    $line =~ /\A$head(403\.\d+) ([a-z-]+)((?: [a-z0-9]+=(?:"[^"]*"|[^"\s,]+))*)\z/
        or return { wrong => "no line of ours: $line" };
    my %part = (status => "$1 $2", wrong => '', keys => []);
    my $pairs = $3;
    while ($pairs =~ /\G ([a-z0-9]+)=(?:"([^"]*)"|(\S+))/g) {
        my ($key, $value) = ($1, defined $2 ? unquote($2) : $3);
        return { wrong => "$key cannot be read: $line" } if !defined $value;
        return { wrong => "$key twice: $line" } if exists $part{value}{$key};
        push @{ $part{keys} }, $key;
        $part{value}{$key} = $value;
    }
    return \%part;
}

# Text in the log is cut where it is long: then it ends in "..." and what comes before is its beginning.
sub same_in_log {
    my ($logged, $text) = @_;
    return 1 if $logged eq $text;
    (my $start = $logged) =~ s/\.\.\.\z// or return 0;
    return length $start >= 200 && index($text, $start) == 0;
}

sub log_lines { my ($mark) = @_; return grep {/certmap: /} split /\n/, error_log($mark) }

# ---- the tests

my @refused = map {
    # a deny rule asks for the common name
    ([$_, $malformed{$_} ? 'denied-by-rule' : 'no-match', 0], ["$_-forged", 'untrusted-issuer', 1])
} sort keys %text;
my @mapped = grep { !$malformed{$_} } sort keys %text;
plan tests => @refused * (@forms + 3) + @mapped * 3 + 4;

my $issuer = 'CN=Example Issuing CA,O=Example Ltd,C=DE';
my $headers;
for my $row (@refused) {
    my ($cert, $reason, $forged) = @$row;
    (my $name = $cert) =~ s/-forged\z//;
    my $status = { 'denied-by-rule' => '403.12', 'untrusted-issuer' => '403.16', 'no-match' => '403.12' }->{$reason}
        . " $reason";
    # the log has the text as it is, unless the certificate is malformed; the page shows no more than can be seen
    my $as = $malformed{$name} ? $text{$name}[1] : undef;
    my ($logged, $logged_issuer) = map { shown($name, $as, $_) } qw(Hostile Forgers);
    my ($seen, $seen_issuer) = map { on_page(shown($name, $text{$name}[1], $_)) } qw(Hostile Forgers);
    ($logged_issuer, $seen_issuer) = ($issuer, $issuer) if !$forged;
    my $mark = error_log_mark();
    my @answers = ask(cert => "sinks/$cert",
        requests => [map { { url => '/on/env', headers => ["Accept: $_->[0]"] } } @forms]);
    for my $i (0 .. $#forms) {
        my ($type, $reader) = @{ $forms[$i] };
        my $fact = $answers[$i]{status} == 403
            ? eval { $reader->($answers[$i]{body}) } // { wrong => $@ } : { wrong => 'no page' };
        is_deeply [@$fact{qw(wrong status subject issuer incident)}], ['', $status, $seen, $seen_issuer,
            $answers[$i]{headers}{'x-certmap-incident'}], "$cert: $type";
    }

    my @lines = map { read_log($_) } log_lines($mark);
    my $wrong = join '; ', grep { $_ ne '' } map { $_->{wrong} } @lines;
    my @told = map { $_->{status} . ' ' . join ' ',
        grep { !/^(?:nearest|failed|differs|vhost|rule|detail|error|depth)$/ } @{ $_->{keys} } } @lines;
    is "$wrong@told", join(' ', ("$status subject issuer serial sha256 incident") x @forms),
        "$cert: a line each, with its keys";
    is_deeply [map { my $value = $_->{value};
        [same_in_log($value->{subject}, $logged) ? 1 : $value->{subject},
            same_in_log($value->{issuer}, $logged_issuer) ? 1 : $value->{issuer},
            $value->{incident}, $value->{sha256} =~ /^[0-9a-f]{64}$/ ? 1 : 0] } @lines],
        [map { [1, 1, $_->{headers}{'x-certmap-incident'} // 'none', 1] } @answers], "$cert: the log can be read back";

    # every refusal has the same headers, and a note as harmless
    my $head = join ' ', map { my $h = $_->{headers}; join(',', sort keys %$h) . " $h->{'cache-control'} "
        . ($h->{'x-certmap-incident'} =~ /^[a-z2-7]{13}$/ ? 1 : 0)
        . ($_->{log}{incident} eq $h->{'x-certmap-incident'} ? 1 : 0) } @answers;
    $headers //= $head;
    is $head, $headers, "$cert: no header more";
}

# ---- names that become users: as they are, in one variable of their own

# httpd's escapes in the access log
sub unescape {
    my ($text) = @_;
    my %letter = (n => "\n", r => "\r", t => "\t", b => "\b", v => "\x0b", '"' => '"', '\\' => '\\');
    $text =~ s/\\(?:x(..)|(.))/defined $1 ? chr hex $1 : $letter{$2} \/\/ '?'/ge;
    return $text;
}

for my $name (@mapped) {
    my $user = $text{$name}[0];
    my $good = $user !~ /:|\xc2\xad|\xe2\x80[\x8b\xa8\xae]/ && $user !~ /^ | $/ && length $user <= 256;
    my $mark = error_log_mark();
    my ($answer, $denied) = ask(cert => "sinks/$name", requests => ['/hostile-name/env', '/hostile-denied/env']);
    my %variable;
    my $ours = qr/(?:REDIRECT_)?(?:CERTMAP_\w+|REMOTE_USER|AUTH_TYPE)/;
    push @{ $variable{$1} }, $2 while $answer->{body} =~ /^($ours)=(.*)$/mg;
    if ($good) {
        $variable{$_} = ['set'] for grep { exists $variable{$_} } qw(CERTMAP_NOT_AFTER CERTMAP_DAYS_LEFT CERTMAP_PKI);
        is_deeply \%variable, { CERTMAP_STATUS => ['200'], CERTMAP_RULE => ['name'], CERTMAP_STRENGTH => ['weak'],
            CERTMAP_USER => [$user], REMOTE_USER => [$user], AUTH_TYPE => ['Certificate'],
            map { $_ => ['set'] } qw(CERTMAP_NOT_AFTER CERTMAP_DAYS_LEFT CERTMAP_PKI) },
            "$name: the user, and nothing more";
    }
    else {
        is brief($answer), '403 12 user-invalid -', "$name: is no user";
    }
    is join(' ', map { unescape($_->{log}{user}) } $answer, $denied), $good ? "$user $user" : '- -', "$name: the note";
    my @lines = map { read_log($_) } log_lines($mark);
    my @told = map { $_->{wrong} || "$_->{status} $_->{value}{rule} " . ($_->{value}{user} // '-') } @lines;
    is "@told", $good ? "403.12 user-denied name-denied $user"
        : '403.12 user-invalid name - 403.12 user-invalid name-denied -',
        "$name: the log names the user";
}

# ---- an error document that prints its environment finds nothing of the certificate there

{
    my ($answer) = ask(cert => 'sinks/script', requests => ['/docs/env']);
    my %variable = $answer->{body} =~ /^((?:REDIRECT_)?CERTMAP_\w+)=(.*)$/mg;
    delete $variable{$_} for qw(CERTMAP_PKI REDIRECT_CERTMAP_PKI);
    is join(' ', sort keys %variable), join(' ',
        map {"REDIRECT_CERTMAP_$_"} qw(DAYS_LEFT INCIDENT NOT_AFTER REASON STATUS SUBSTATUS)),
        'the variables of an error document';
    is join(' ', grep { $variable{$_} !~ /\A[A-Za-z0-9.:-]+\z/ } sort keys %variable), '', '... are words of our own';
}

# ---- what httpd adds to the line comes after it and forges nothing

{
    my $mark = error_log_mark();
    my ($answer) = ask(cert => 'sinks/quotes', requests => [{ url => '/on/env',
        headers => ['Referer: http://x/" incident=fake', 'X-Certmap-Incident: fake'] }]);
    my ($line) = log_lines($mark);
    my $cut = ($line // '') =~ s/, referer: .*//r;
    is read_log($cut)->{value}{incident}, $answer->{headers}{'x-certmap-incident'},
        'a Referer stands behind the incident id';
    like $answer->{headers}{'x-certmap-incident'}, qr/^[a-z2-7]{13}$/, 'a request cannot name its incident';
}
