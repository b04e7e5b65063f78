#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# certmapctl store: what each subcommand prints and how it exits; what it says of bad input, and that it writes nothing
# then; two writers; signals and kill -9 at any moment, a disk that is full, while others read.
use strict;
use warnings;
use Cwd qw(getcwd);
use Digest::SHA qw(sha256_hex);
use Fcntl qw(F_SETLK F_WRLCK F_UNLCK SEEK_SET);
use File::Temp qw(tempdir);
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(sleep time);
use CertMap::File;
use CertMap::Test;

my $command = top() . '/built/certmapctl';
my $top = getcwd();
my $dir = tempdir('certmap-store.XXXXXX', TMPDIR => 1, CLEANUP => 1);
chdir $dir or die "$dir: $!\n";
END { local $?; chdir $top }
umask 022;
delete @ENV{qw(NO_COLOR)};

# Starts the command; $in, $out and $err are files.
sub start {
    my ($in, $out, $err, @words) = @_;
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;
    open STDIN, '<', $in or POSIX::_exit(99);
    open STDOUT, '>', $out or POSIX::_exit(99);
    open STDERR, '>', $err or POSIX::_exit(99);
    exec $command, 'store', @words or POSIX::_exit(99);
}

sub status_of { return $? & 127 ? 'signal ' . ($? & 127) : $? >> 8 }

# Runs it. Returns the exit status, what it printed and what it said.
sub store {
    my ($input, @words) = @_;
    spew("$dir.in", $input);
    waitpid start("$dir.in", "$dir.out", "$dir.err", @words), 0;
    return (status_of(), slurp("$dir.out"), slurp("$dir.err"));
}
END { unlink map {"$dir.$_"} qw(in out err reader-out reader-err) }

# Files and what is in them.
sub contents {
    return join "\n", map {
        my $name = $_;
        "$name " . (-d $name ? 'directory' : -r $name ? sha256_hex(slurp($name)) : 'secret')
    } sort glob '* .*';
}

# ---- what each does

my $three = <<'END';
dn:CN=ann "CN=Test CA" ann groups=a,b expires=2030-01-31 note="two words"
issuer-serial:1f3a "CN=Test CA" - deny
"X509:<S>CN=bob x" bob note='it"s # \ back'
END
my $told = <<'END';
issuer-serial:1f3a "CN=Test CA" - deny
dn:CN=ann "CN=Test CA" ann groups=a,b expires=2030-01-31 note="two words"
"X509:<S>CN=bob x" bob note="it\"s # \\ back"
END
my $missing = qr/\Acertmapctl: error: s: the store has no entry for this key\n\z/;
my $quiet = qr/\A\z/;
spew('three', $three);
spew('warned', "dn:\"C=GB,O=Example Ltd,CN=ann\" \"CN=Test CA\" ann\n");

# words, standard input, exit status, standard output, standard error
my @table = (
    ['build s three', '', 0, "s: 3 entries in all\n", $quiet],
    ['list s', '', 0, <<'END', $quiet],
STRENGTH  EXPIRES     USER                  GROUPS            KEY
strong    -           - deny                -                 issuer-serial:1f3a "CN=Test CA"
scoped    2030-01-31  ann                   a,b               dn:CN=ann "CN=Test CA"  # two words
weak      -           bob                   -                 "X509:<S>CN=bob x"  # it"s # \ back
END
    ['list --kind x509:<s> s', '', 0, <<'END', $quiet],
STRENGTH  EXPIRES     USER                  GROUPS            KEY
weak      -           bob                   -                 "X509:<S>CN=bob x"  # it"s # \ back
END
    ['list -k uuid s', '', 2, '', qr/--kind is one of sha256, spki, .*, X509:<RFC822>\nusage: certmapctl store list /],
    ['export s', '', 0, $told, $quiet],
    ['export s -o -', '', 0, $told, $quiet],
    ['export --output out s', '', 0, '', $quiet],
    ['build again out', '', 0, "again: 3 entries in all\n", $quiet],
    ['export again', '', 0, $told, $quiet],
    ['export again -o /no/such/dir/out', '', 2, '', qr{/no/such/dir/out: No such file or directory\n\z}],
    ['verify s', '', 0, <<'END', $quiet],
s: whole, 3 entries
  issuer-serial    1
  dn               1
  X509:<S>         1
END
    [['get', 's', 'dn:cn=ANN "CN=test  ca"'], '', 0, (split /^/, $told)[1], $quiet],
    [['get', 's', 'dn:CN=anna "CN=Test CA"'], '', 1, '', $missing],
    [['get', 's', 'dn:CN=ann'], '', 2, '',
        qr/\Aarguments:1:1: error: the issuer's name is missing.*\n  dn:CN=ann\n  \^\n\z/],
    ['get s X509:<S>CN=a X509:<S>CN=b', '', 2, '', qr/a KEY is one argument/],
    [['get', 's', "X509:<S>CN=a\nX509:<S>CN=b"], '', 2, '', qr/one key can be asked for at a time/],
    [['add', 's', 'X509:<S>CN=cy cy', 'dn:CN=eve "CN=Test CA" - deny'], '', 0, "s: 2 entries added\n", $quiet],
    [['add', 's', 'X509:<S>CN=dan dan', 'X509:<S>CN=cy eve'], '', 2, '',
        qr/\Aarguments:2:1: error: this key is in the store already, for cy\n  X509:<S>CN=cy eve\n  \^\n\z/],
    ['get s X509:<S>CN=dan', '', 1, '', $missing],
    [['add', '--replace', 's', 'X509:<S>CN=dan dan', 'X509:<S>CN=cy eve'], '', 0,
        "s: 2 entries added or replaced\n", $quiet],
    ['get s X509:<S>CN=cy', '', 0, "X509:<S>CN=cy eve\n", $quiet],
    ['add s -f -', "X509:<S>CN=e e\nX509:<S>CN=f\n", 2, '',
        qr/\Astandard input:2:1: error: USER is missing.*\n  X509:<S>CN=f\n  \^\n\z/],
    ['add s --file -', "X509:<S>CN=e e\n", 0, "s: 1 entry added\n", $quiet],
    ['add s sha256:AB alice', '', 2, '',
        qr/arguments:1:8: error: sha256 has 64 hex .*Each argument is one entry: quote/s],
    ['add s', '', 2, '', qr/ENTRY is missing/],
    ['add s -f three x', '', 2, '', qr/ENTRY and --file together/],
    ['add other three', '', 2, '', qr/error: an entry begins with its key/],
    [['add', 'other', 'X509:<S>CN=a a'], '', 2, '', qr/other: No such file or directory; certmapctl store build makes/],
    ['remove s X509:<S>CN=cy X509:<S>CN=nobody X509:<S>CN=dan', '', 1, '',
        qr/\Aarguments:2:1: error: the store has no entry for this key\n  X509:<S>CN=nobody\n  \^\n\z/],
    ['get s X509:<S>CN=cy', '', 0, "X509:<S>CN=cy eve\n", $quiet],
    ['remove s X509:<S>CN=cy X509:<S>CN=cy', '', 2, '', qr/arguments:2:1: error: this key is already in line 1/],
    ['remove s X509:<S>CN=cy X509:<S>CN=dan', '', 0, "s: 2 entries removed\n", $quiet],
    ['remove s -f -', "# two\nX509:<S>CN=e\ndn:CN=eve \"CN=Test CA\"\n", 0, "s: 2 entries removed\n", $quiet],
    ['remove s', '', 2, '', qr/KEY is missing/],
    ['remove s X509:<S>CN=cy', '', 1, '', qr/no entry for this key/],
    ['export s', '', 0, $told, $quiet],
    ['build w warned', '', 1, "w: 1 entry in all\n", qr/\Awarned:1:\d+: warning: .*\n  dn:"C=GB.*\n +\^\n\z/],
    ['build empty -', "# nothing\n", 0, "empty: 0 entries in all\n", $quiet],
    ['verify empty', '', 0, "empty: whole, 0 entries\n", $quiet],
    ['export empty', '', 0, '', $quiet],
    # A zero-width non-joiner in a name and in a note: as it is where a program reads it, so that it makes the same store.
    ['build hidden -', "dn:\"CN=a\xe2\x80\x8cb\" CN=ca bob note=x\xe2\x80\x8cy\n", 0, "hidden: 1 entry in all\n", $quiet],
    ['export hidden -o hidden.entries', '', 0, '', $quiet],
    ['build hidden hidden.entries', '', 0, "hidden: 1 entry in all\n", $quiet],
    ['export hidden', '', 0, "dn:CN=a\xe2\x80\x8cb CN=ca bob note=x\xe2\x80\x8cy\n", $quiet],
    ['list hidden', '', 0, <<'END', $quiet],
STRENGTH  EXPIRES     USER                  GROUPS            KEY
scoped    -           bob                   -                 dn:CN=a\u{200c}b CN=ca  # x\u{200c}y
END
    ['build s', '', 2, '', qr/ENTRIES is missing/],
    ['build s three three', '', 2, '', qr/more than STORE and ENTRIES/],
    ['verify s s', '', 2, '', qr/more than STORE/],
    ['verify', '', 2, '', qr/STORE is missing/],
    ['verify --deep s', '', 2, '', qr/unknown option: --deep/],
    ['', '', 2, '', qr/build, add, remove, get, list, export or verify is missing/],
    ['show s', '', 2, '', qr/wanted, not show/],
);
for (@table) {
    my ($words, $input, $status, $out, $err) = @$_;
    my @words = ref $words ? @$words : split / /, $words;
    my @got = store($input, @words);
    ok($got[0] eq $status && $got[1] eq $out && $got[2] =~ $err, "store @words")
        or diag "status $got[0]: $got[1]$got[2]";
}
my ($status, $out) = store('', '--help');
is $status, 0, 'store --help';
like $out, qr/^  $_\b/m, "... tells of $_" for qw(build add remove get list export verify);
like $out, qr/^ +-\w, --$_\b/m, "... and of --$_" for qw(replace file kind output);

# ---- what is not what it should be

my $long = join '', map {"dn:CN=p$_ \"CN=Test CA\" u$_\n"} 1 .. 3000;
store($long, 'build', 'good', '-');
my $good = slurp('good');
spew('text', $three);
spew('cut', substr $good, 0, 100_000);
spew('zeros', substr($good, 0, 40960) . "\0" x 4096 . substr $good, 45056);
spew('later', substr($good, 0, -301) . "\2" . substr $good, -300);
spew('random', join '', map { chr 7 * $_ ** 2 % 256 } 1 .. 9000);
spew('void', '');
mkdir 'directory' or die "directory: $!\n";
spew('secret', $good);
chmod 0, 'secret' or die "secret: $!\n";
spew('cert.pem', slurp(pki('clients', 'good.crt')));
my ($key) = slurp(pki('clients', 'good.pem')) =~ /(-----BEGIN [A-Z ]*PRIVATE KEY.*?PRIVATE KEY-----\n)/s;
spew('key.pem', $key // die "good.pem: no key\n");
system('openssl x509 -in cert.pem -outform DER -out cert.der') == 0 or die "openssl: $?\n";
spew('utf16', "\xff\xfe" . join '', map {"$_\0"} split //, $three);
spew('latin1', "X509:<S>CN=ann J\xfcrgen\n");
spew('nul', "X509:<S>CN=a a\nX509:<S>CN=b b\0\n");
spew('deep', join '', map {"X509:<S>CN=number$_ a" . ($_ == 60 ? "\0" : '') . "\n"} 1 .. 100);
spew('escape', "X509:<S>CN=a \"\e[31m\"\n");

# STORE, ENTRIES and what is said when they are used together, all of them with exit status 2 and nothing written
my %store_says = (
    text => qr/text: not a store of certmap entries/, cut => qr/cut: it is cut off, or was not written to its end/,
    zeros => qr/zeros: its seal does not hold: it is damaged/, random => qr/random: not a store of certmap entries/,
    void => qr/void: the file is empty/, later => qr/later: a store of another version; build it again with this version/,
    directory => qr/directory: a directory; a store is one file/, secret => qr/secret: Permission denied/,
    nothing => qr/nothing: No such file or directory/, 'cert.der' => qr/cert\.der: not a store of certmap entries/,
    '/dev/null' => qr{/dev/null: not a regular file},
);
my %entries_say = (
    'cert.pem' => qr/cert\.pem: PEM \(CERTIFICATE\); certmapctl explain and suggest/,
    'cert.der' => qr/cert\.der: a certificate \(DER\)/, 'key.pem' => qr/key\.pem: PEM \([A-Z ]*PRIVATE KEY\)/,
    good => qr/good: a store;/, utf16 => qr/utf16: UTF-16 text/, nul => qr/nul: binary data/,
    deep => qr/deep:60:\d+: error: /, latin1 => qr/latin1:1:17: error: .*UTF-8/,
    escape => qr/\A(?!.*\e).*escape:1:\d+: error: /s, random => qr/random: binary data/,
    directory => qr/directory: Is a directory/, nothing => qr/nothing: No such file or directory/,
);
my $before = contents();

sub refused {
    my ($said, @words) = @_;
    my @got = store('', @words);
    my $after = contents();
    ok($got[0] eq 2 && $got[1] eq '' && $got[2] =~ $said && $after eq $before, "refused: @words")
        or diag "status $got[0]: $got[1]$got[2]", $after eq $before ? '' : "$before\n\n$after";
    $before = $after;
}

for my $name (sort keys %store_says) {
    my $said = $store_says{$name};
    refused($said, 'verify', $name);
    refused($said, 'export', $name, '-o', 'exported');
    refused($said, 'list', $name);
    refused($said, 'get', $name, 'dn:CN=p1 "CN=Test CA"');
    refused($said, 'add', $name, 'X509:<S>CN=a a');
    refused($said, 'remove', $name, 'dn:CN=p1 "CN=Test CA"');
    # a build repairs what is damaged, and does not replace what is not a store
    refused($said, 'build', $name, 'three') if $name !~ /^(?:cut|later|zeros|void|nothing)\z/;
}
for my $name (sort keys %entries_say) {
    refused($entries_say{$name}, 'build', 'good', $name);
    refused($entries_say{$name}, 'build', 'new', $name);
    refused($entries_say{$name}, 'add', 'good', '-f', $name);
}
refused(qr{/no/such/dir/s\.new: No such file or directory}, 'build', '/no/such/dir/s', 'three');
for my $name (qw(cut later zeros void)) {
    ($status, $out) = store('', 'build', $name, 'three');
    is "$status $out", "0 $name: 3 entries in all\n", "built anew: $name";
}

# What is in the way of the new file is not written to.
spew('victim', 'not to be overwritten');
symlink 'victim', 'good.new' or die "good.new: $!\n";
$before = contents();
refused(qr/good: \S*good\.new is in the way/, 'build', 'good', 'three');
unlink 'good.new';
link 'victim', 'good.new' or die "good.new: $!\n";
$before = contents();
refused(qr/good: \S*good\.new is in the way/, 'build', 'good', 'three');
unlink 'good.new';

# ---- modes, links

spew('mode', $good);
for my $mode (0600, 0640, 0444) {
    chmod $mode, 'mode' or die "mode: $!\n";
    for my $words ('build mode three', 'add mode X509:<S>CN=a a', 'remove mode X509:<S>CN=a') {
        store('', split / /, $words, 3);
        is sprintf('%o', (stat 'mode')[2] & 07777), sprintf('%o', $mode), "a store keeps its mode: $words";
    }
}
for my $umask (022, 027) {
    umask $umask;
    unlink 'mode';
    store($three, 'build', 'mode', '-');
    is sprintf('%o', (stat 'mode')[2] & 07777), sprintf('%o', 0644 & ~$umask), 'a new store has what the umask leaves';
}
umask 022;
mkdir 'far' or die "far: $!\n";
symlink 'far/store', 'link' or die "link: $!\n";
spew('far/store', $good);
($status) = store($three, 'build', 'link', '-');
ok $status eq 0 && -l 'link' && (store('', 'export', 'far/store'))[1] eq $told, 'a link to a store stays one';

# ---- a folder that is not ours to write to

mkdir 'closed' or die "closed: $!\n";
store($three, 'build', 'closed/s', '-');
chmod 0555, 'closed' or die "closed: $!\n";
SKIP: {
    skip 'root may write everywhere', 5 if $> == 0;
    for (['build', 'closed/s', 'three'], ['add', 'closed/s', 'X509:<S>CN=a a'], ['remove', 'closed/s', '"X509:<S>CN=bob x"'],
        ['build', 'closed/t', 'three']) {
        my @got = store('', @$_);
        like "$got[0] $got[2]", qr{^2 certmapctl: error: closed/\w: \S*closed/\w\.new: Permission denied\n\z}, "not writable: @$_";
    }
    is((store('', 'export', 'closed/s'))[1], $told, '... the old contents are there');
}
chmod 0755, 'closed' or die "closed: $!\n";

# ---- a terminal

my $many = join '', map {"sha256:" . sha256_hex($_) . " user$_\n"} 1 .. 400_000;
spew('many', $many);

# What script shows of a terminal.
sub on_terminal {
    my ($environment) = @_;
    return scalar qx(env $environment script -qec '$command store build seen many' /dev/null </dev/null);
}
SKIP: {
    skip_without_terminals(4);
    my $seen = on_terminal('TERM=xterm');
    my @bars = $seen =~ /\rseen \[#*\.*\] +\d+ %/g;
    ok @bars > 0, 'a progress bar on a terminal';
    like $seen, qr/\r +\rseen: 400000 entries in all\r\n\z/, '... wiped out at the end';
    unlike on_terminal('TERM=xterm NO_COLOR=1'), qr/\e/, '... without colours';
    unlike on_terminal('TERM=dumb'), qr/%/, 'none on a dumb one';
}
my @got = store('', 'build', 'seen', 'many');
is join('', @got[1, 2]), "seen: 400000 entries in all\n", 'none elsewhere';

# ---- two writers

# Waits until the command has begun with the new file.
sub wait_for_new {
    my ($name) = @_;
    my $end = time + 60;
    while (time < $end) {
        return 1 if (-s "$name.new" // 0) > 8192;
        sleep 0.001;
    }
    return 0;
}

spew('s', '');
store('', 'build', 's', 'three');
my $builder = start('/dev/null', "$dir.reader-out", "$dir.reader-err", 'build', 's', 'many');
ok wait_for_new('s'), 'a build has begun';
kill STOP => $builder;
@got = store('', 'build', 's', 'three');
ok $got[0] eq 2
    && $got[2] =~ /process $builder \((?:real-)?certmapctl\) is at work on it; try again when it has ended\n\z/,
    'another one is told by whom' or diag @got;
is((store('', 'export', 's'))[1], $told, 'the old contents are there');
kill CONT => $builder;
waitpid $builder, 0;
is status_of(), 0, 'the first one ends well';
like((store('', 'verify', 's'))[1], qr/whole, 400000 entries/, '... and its contents are there now');

# A lock like the engine's, on the bytes that it locks.
open my $locked, '+>', 's.new' or die "s.new: $!\n";
for my $byte (1 << 60, (1 << 60) + 1) {
    fcntl $locked, F_SETLK, pack('s s x4 q q l x4', F_WRLCK, SEEK_SET, $byte, 1, 0) or die "fcntl: $!\n";
}
my %blocked = map { $_->[0] => start('/dev/null', "$dir.out-$_->[0]", "$dir.err-$_->[0]", @$_) }
    ['build', 's', 'three'], ['add', 's', 'X509:<S>CN=a a'], ['remove', 's', 'sha256:' . sha256_hex(3)];
my $seventeen = 'sha256:' . sha256_hex(17);
is((store('', 'get', 's', $seventeen))[1], "$seventeen user17\n", 'get waits for nobody');
is((store('', 'list', 's', '-k', 'dn'))[0], 0, '... nor does list');
like((store('', 'verify', 's'))[1], qr/whole, 400000 entries/, '... nor verify');
is((store('', 'export', 's', '-o', 'exported'))[0], 0, '... nor export');
for my $name (sort keys %blocked) {
    waitpid $blocked{$name}, 0;
    my $said = slurp("$dir.err-$name");
    ok status_of() eq 2 && $said =~ /\Acertmapctl: error: s: process $$ \(\S+\) is at work on it/,
        "$name is told who is at work" or diag $said;
    unlink "$dir.out-$name", "$dir.err-$name";
}
ok -e 's.new', 'who had to wait has not taken the file away';
close $locked;
unlink 's.new', 'exported';

# ---- signals

for my $signal (qw(INT TERM HUP)) {
    my $pid = start('/dev/null', "$dir.reader-out", "$dir.reader-err", 'build', 's', 'many');
    my $begun = wait_for_new('s');
    kill $signal => $pid;
    waitpid $pid, 0;
    my $ended = $? & 127;
    ok $begun && $ended && !-e 's.new', "SIG$signal ends a build, which leaves nothing behind" or diag "$begun $ended";
    like((store('', 'verify', 's'))[1], qr/whole, 400000 entries/, '... and the store as it was');
}

# ---- no room

sub limited {
    my ($kilobytes, @words) = @_;
    my $said = qx(ulimit -f $kilobytes; '$command' store @words 2>&1);
    return (status_of(), $said);
}
store($long, 'build', 'full', '-');
$before = contents();
for my $words ('build full many', 'build fresh many', 'add full --file many', 'export s -o full.out') {
    my ($status, $said) = limited(4096, split / /, $words);
    ok $status eq 2 && $said =~ /: error: \S+: File too large/ && contents() !~ /fresh|full\.(?:new|out)/,
        "no room: $words" or diag "$status $said";
    like((store('', 'verify', 'full'))[1], qr/whole, 3000 entries/, '... and the store is whole');
}
is((store('', 'add', 'full', 'X509:<S>CN=a a'))[0], 0, 'a writer after that');
SKIP: {
    my $disk = "$dir/disk";
    mkdir $disk;
    skip 'a small disk takes root, or user namespaces', 4
        if system("unshare -mr mount -t tmpfs -o size=4m tmpfs '$disk' 2>/dev/null") != 0;
    spew('on-disk', <<"END");
mount -t tmpfs -o size=4m tmpfs '$disk' && cd '$disk' || exit 99
'$command' store build s ../three && '$command' store build s ../many; echo "build \$?"; ls
'$command' store add s -f ../many; echo "add \$?"; rm -f s.new; '$command' store export s; '$command' store verify s
END
    my $said = qx(unshare -mr sh '$dir/on-disk' 2>&1);
    like $said, qr/s: No space left on device\nbuild 2\ns\n/, 'a full disk: build, which leaves nothing behind';
    like $said, qr/s: No space left on device\nadd 2\n/, '... add';
    ok index($said, $told) > 0, '... the old contents are there';
    like $said, qr/s: whole, 3 entries/, '... and whole' or diag $said;
}

# ---- kill -9

# A reader: asks for one key again and again; what it gets must be of the round before or of this one, and none older.
sub read_on {
    my ($name, $key) = @_;
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;
    my ($stop, $last, $asked) = (0, 0, 0);
    $SIG{TERM} = sub { $stop = 1 };
    my $bad = '';
    while (!$stop || !$asked) {
        waitpid start('/dev/null', "$dir.reader-out", "$dir.reader-err", 'get', $name, $key), 0;
        my ($status, $text) = (status_of(), slurp("$dir.reader-out"));
        if ($status ne 0 || $text !~ / round(\d+)$/ || $1 < $last) {
            $bad ||= "after round$last: status $status $text" . slurp("$dir.reader-err");
            next;
        }
        $last = $1;
        $asked++;
        sleep 0.01;
    }
    print STDERR "# reader: $bad\n" if $bad;
    POSIX::_exit($bad ? 1 : $asked > 20 ? 0 : 2);
}

sub round_text { my ($round, $n) = @_; return join '', map {"dn:CN=p$_ \"CN=Test CA\" round$round\n"} 1 .. $n }

# The rounds of all entries of users called round, and how many entries there are.
sub rounds_of {
    my ($text) = @_;
    my %round;
    $round{$1}++ while $text =~ / round(\d+)$/mg;
    return (join(' ', map {"$_:$round{$_}"} sort { $a <=> $b } keys %round), scalar(() = $text =~ /\n/g));
}

my $seed = $ENV{CERTMAP_SEED} || 20261122;
srand $seed;
my $base = join '', map { 'sha256:' . sha256_hex($_) . " base\n" } 1 .. 2000;
my $kills = $ENV{CERTMAP_KILLS} || ($ENV{CERTMAP_PRELOAD} ? 15 : 40);     # under the sanitizers each takes long
my $changed = 2000;     # entries in a round; so many that most of the time goes into writing them

# What each kind of writer does in a round, and what the store must have then: all of the round before, or of this one.
my %writer = (
    build => {
        prepare => sub { spew('round', $base . round_text($_[0], $changed)) },
        words => sub { ('build', 'killed', 'round') },
    },
    add => {
        prepare => sub { spew('round', round_text($_[0], $changed)) },
        words => sub { ('add', '--replace', 'killed', '--file', 'round') },
    },
    remove => {
        # p1 stays for the reader
        prepare => sub {
            my @got = store(round_text($_[0], $changed), 'add', '-r', 'killed', '-f', '-');
            spew('round', join '', map {"dn:CN=p$_ \"CN=Test CA\"\n"} 2 .. $changed);
            $got[0] eq 0 or diag @got;
        },
        words => sub { ('remove', 'killed', '-f', 'round') },
    },
);
for my $kind (qw(build add remove)) {
    my $w = $writer{$kind};
    store($base . round_text(1, $changed), 'build', 'killed', '-');
    my $reader = read_on('killed', 'dn:CN=p1 "CN=Test CA"');
    my ($last, $killed, $old, $new, $took, @wrong) = (1, 0, 0, 0, 0.05);
    for my $round (2 .. $kills + 1) {
        $w->{prepare}->($round);
        my $begin = time;
        my $pid = start('/dev/null', "$dir.out", "$dir.err", $w->{words}->());
        # The first one is left alone, to see how long it takes.
        if ($round > 2) {
            sleep rand() * 1.1 * $took;
            kill KILL => $pid;
        }
        waitpid $pid, 0;
        my $status = status_of();
        # What it takes changes with what else the machine does.
        $took = $round == 2 ? time - $begin : 0.7 * $took + 0.3 * (time - $begin) if $status eq 0;
        $killed++ if $status eq 'signal 9';
        push @wrong, "round $round: status $status " . slurp("$dir.err") if $status ne 'signal 9' && $status ne 0;
        my @verified = store('', 'verify', 'killed');
        my ($rounds, $n) = rounds_of((store('', 'export', 'killed'))[1]);
        my ($before, $after) = $kind eq 'remove' ? ("$round:$changed", "$round:1")
            : ("$last:$changed", "$round:$changed");
        $old++ if $rounds eq $before;
        $new++ if $rounds eq $after;
        push @wrong, "round $round: $verified[2] $rounds of $n"
            if $verified[0] ne 0 || ($rounds ne $before && $rounds ne $after);
        push @wrong, "round $round: not done" if $status eq 0 && $rounds ne $after;
        ($last) = $rounds =~ /^(\d+):/;
        # And the next writer works.
        my @next = store("X509:<S>CN=next next$round\n", 'add', '-r', 'killed', '-f', '-');
        push @wrong, "round $round: next writer: @next" if $next[0] ne 0;
    }
    kill TERM => $reader;
    waitpid $reader, 0;
    is join("\n", @wrong), '',
        "$kind: killed $killed times (seed $seed), always the old contents ($old) or the new ($new), and whole";
    ok $killed > $kills / 5 && $old > 2 && $new > 2, '... at different moments' or diag "$killed $old $new, $took s";
    is status_of(), 0, '... and a reader saw nothing else meanwhile';
    ok !grep({ !/^(?:killed\.new)\z/ } glob 'killed?*'), '... and nothing is left but the new file, for the next build';
}
store($three, 'build', 'killed', '-');
ok !-e 'killed.new', 'a build takes over what a killed one left';

done_testing;
