#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# certmapctl import as a command: where it reads and writes, what it says, its exit status, and that nothing is written
# when something is wrong. What becomes of each format is the business of t/unit/test_import_*.
use strict;
use warnings;
use File::Temp qw(tempdir);
use IPC::Open3;
use Symbol qw(gensym);
use Test::More;

my $command = 'built/certmapctl';
my $dir = tempdir(CLEANUP => 1);

sub write_file {
    my ($name, $text) = @_;
    open my $fh, '>:raw', "$dir/$name" or die "$name: $!\n";
    print {$fh} $text;
    close $fh or die "$name: $!\n";
    return "$dir/$name";
}

sub slurp {
    my ($name) = @_;
    open my $fh, '<:raw', $name or return;
    local $/;
    return scalar <$fh>;
}

# Runs the command with a file as standard input; returns exit status, standard output, standard error.
sub import_of {
    my ($input, @arguments) = @_;
    open my $in, '<', $input or die "$input: $!\n";
    my $pid = open3('<&' . fileno($in), my $out, my $err = gensym, $command, 'import', @arguments);
    my ($said, $told) = do { local $/; (scalar <$out>, scalar <$err>) };
    waitpid $pid, 0;
    return ($? & 127 ? "signal $?" : $? >> 8, $said // '', $told // '');
}

sub section { return "<configuration><system.webServer><security><authentication>"
    . "<iisClientCertificateMappingAuthentication enabled=\"true\"><manyToOneMappings>$_[0]</manyToOneMappings>"
    . "</iisClientCertificateMappingAuthentication></authentication></security></system.webServer></configuration>\n" }
sub mapping {
    my ($name, $sub) = @_;
    return "<add name=\"$name\" userName=\"DOM\\$name\" password=\"hunter2\"><rules><add certificateField=\"Subject\""
        . " certificateSubField=\"$sub\" matchCriteria=\"x\"/></rules></add>";
}

my $good = write_file('good.config', section(mapping('staff', 'O')));
my $some = write_file('some.config', section(mapping('staff', 'O') . mapping('odd', 'XX')));
my $key = write_file('key.pem', "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n");
my $none = write_file('none', '');
my $sssd = write_file('sssd.conf', "[certmap/a/x]\nmaprule=(uid={subject_rfc822_name})\n[certmap/b/y]\n");
my $kafka = write_file('kafka', "listener.name.int.ssl.principal.mapping.rules=RULE:^CN=a,O=x\$/u/\n"
    . "ssl.principal.mapping.rules=DEFAULT\n");
my $escape = write_file('escape.config', "<configuration>\n<\e[31m/>\n</configuration>\n");

# what, standard input, arguments, exit status, standard output, standard error
my @cases = (
    ['a file', $none, ['iis', $good], 0, qr/^staff allow DOM\\staff case:subject\.O=x$/m, qr/^1 carried over, 0 left out$/],
    ['standard input', $good, ['iis'], 0, qr/^staff allow/m, qr/^1 carried over, 0 left out$/],
    ['standard input by name', $good, ['iis', '-'], 0, qr/^# Imported from standard input/m, qr/^1 carried/],
    ['something left out', $none, ['iis', $some], 1, qr/^# left out, line 1: <add name="odd"/m,
        qr/^1 carried over, 1 left out$/],
    ['options in front', $none, ['--location', '.', 'iis', $good], 0, qr/^staff allow/m, qr/^1 carried/],
    ['another location', $none, ['iis', $good, '--location', 'X'], 2, qr/^$/, qr/good\.config:1:1: error: no mapping/],
    ['a domain', $none, ['sssd', '--map', 'a', $sssd], 0, qr/^x allow %\{san\.email\}/m, qr/^1 carried/],
    ['no domain chosen', $none, ['sssd', $sssd], 2, qr/^$/, qr/sssd\.conf:1:1: error: several domains.*: a, b$/m],
    ['a listener, an issuer', $none, ['kafka', '--map', 'int', '--issuer', 'CN=CA', $kafka], 0,
        qr/^u allow u case:subject=CN=a,O=x issuer=CN=CA$/m, qr/^1 carried/],
    ['no text of the format', $none, ['iis', $key], 2, qr/^$/, qr/key\.pem:1:1: error: not well-formed XML/],
    ['nothing', $none, ['kafka'], 2, qr/^$/, qr/standard input:1:1: error: there is no/],
    ['a place with its line', $none, ['iis', $escape], 2, qr/^$/, qr/escape\.config:2:2: error: .*\n  <\?\[31m/],
    ['no such file', $none, ['iis', "$dir/nowhere"], 2, qr/^$/, qr/error: .*nowhere: No such file/],
    ['a directory', $none, ['iis', $dir], 2, qr/^$/, qr/error: .*Is a directory/],
    ['nowhere to write', $none, ['iis', $good, '-o', "$dir/no/where"], 2, qr/^$/, qr/error: .*No such file/],
    ['no format', $none, [], 2, qr/^$/, qr/FORMAT is missing\nusage: certmapctl import/],
    ['an unknown format', $none, ['apache'], 2, qr/^$/, qr/unknown format: apache/],
    ['two files', $none, ['iis', $good, $some], 2, qr/^$/, qr/one FILE at a time/],
    ['an option that means nothing', $none, ['iis', '--map', 'x', $good], 2, qr/^$/, qr/--map means nothing to the format iis/],
    ['an unknown option', $none, ['--force', 'iis', $good], 2, qr/^$/, qr/unknown option: --force/],
    ['an unknown option behind the format', $none, ['iis', '--force'], 2, qr/^$/, qr/unknown option: --force/],
    ['an unknown letter', $none, ['iis', '-x'], 2, qr/^$/, qr/unknown option: x/],
    ['an option without its argument', $none, ['iis', '--issuer'], 2, qr/^$/, qr/does not take: --issuer/],
    ['help', $none, ['--help'], 0, qr/^  iis  .*^  fakebasic .*^  sssd .*^  gridmap .*^  pgident .*^  kafka .*^  altsecid /ms,
        qr/^$/],
);

# What is said before there is a subcommand.
for my $row (
    ['nothing', '', 2, qr/^$/, qr/^usage: certmapctl COMMAND/],
    ['--help', '--help', 0, qr/^usage: certmapctl COMMAND.*^  import /ms, qr/^$/],
    ['help', 'help', 0, qr/^usage: certmapctl COMMAND/, qr/^$/],
    ['--version', '--version', 0, qr/^certmapctl \d+\.\d+\.\d+$/, qr/^$/],
    ['another word', 'mapp', 2, qr/^$/, qr/^certmapctl: error: unknown command: mapp\nusage: /],
    ['a slip of the fingers', 'chek', 2, qr/^$/, qr/^certmapctl: error: unknown command: chek; did you mean check\?\nusage: /],
    ['a word that a terminal would obey', "'\033[31m'", 2, qr/^$/, qr/unknown command: \\x1b\[31m\n/],
    ['a full disk', '--help >/dev/full', 2, qr/^$/, qr/^certmapctl: error: cannot write to standard output$/],
) {
    my ($what, $words, $status, $out, $err) = @$row;
    my $said = qx("$command" $words 2>"$dir/err") // '';
    my $exit = $? >> 8;
    open my $fh, '<', "$dir/err" or die "$dir/err: $!\n";
    my $complained = join '', <$fh>;
    is $exit, $status, "certmapctl, $what: exit status";
    like $said, $out, '... output';
    like $complained, $err, '... and standard error';
}

for my $case (@cases) {
    my ($what, $input, $arguments, $status, $out, $err) = @$case;
    my ($got, $said, $told) = import_of($input, @$arguments);
    is $got, $status, "$what: exit status $status" or diag $said, $told;
    like $said, $out, "$what: standard output";
    like $told, $err, "$what: standard error";
    unlike "$said$told", qr/hunter2|\e/, "$what: no password, nothing that a terminal obeys";
}

# ---- into a file

my $target = "$dir/out.rules";
my ($status, $out, $err) = import_of($none, 'iis', $good, '-o', $target);
is "$status $out", '0 ', 'a file is written, and standard output is empty';
like slurp($target), qr/^staff allow /m, 'it holds the rules';
($status) = import_of($none, 'iis', $key, '--output', $target);
is $status, 2, 'with an error';
like slurp($target), qr/^staff allow /m, 'what was there stays';
($status) = import_of($none, 'iis', $key, '-o', "$dir/new.rules");
ok $status == 2 && !-e "$dir/new.rules", 'nor is anything new written';

# ---- into what is there already

my $rules = qr/^staff allow /m;
sub mode { return sprintf '%04o', (stat $_[0])[2] & 07777 }
sub into { my ($status) = import_of($none, 'iis', $good, '-o', @_); return $status }

my $old = write_file('old.rules', "old\n");
chmod 04750, $old or die "$old: $!\n";
is into($old) . ' ' . mode($old), '0 0750', 'a file keeps its mode, but for what would let it run as its owner';
chmod 0600, $old;
symlink 'old.rules', "$dir/link" or die "link: $!\n";
is into("$dir/link") . ' ' . mode($old), '0 0600', 'what a link names is replaced';
ok -l "$dir/link" && slurp($old) =~ $rules, 'and the link stays';
symlink 'nowhere', "$dir/dangling" or die "dangling: $!\n";
ok into("$dir/dangling") == 2 && -l "$dir/dangling" && !-e "$dir/nowhere", 'a link that leads nowhere is an error';
{
    my $mask = umask 027;
    is into("$dir/masked") . ' ' . mode("$dir/masked"), '0 0640', 'a new file has the mode that the umask leaves';
    umask $mask;
}
is into('/dev/null'), 0, 'a device is written to';
my ($full, undef, $told) = import_of($none, 'iis', $good, '-o', '/dev/full');
ok $full == 2 && $told =~ /\/dev\/full: No space left/, 'and may refuse';
($status, $out) = import_of($none, 'iis', $good, '-o', '/dev/stdout');
ok $status == 0 && $out =~ $rules, 'so is standard output by its name';
{
    require POSIX;
    POSIX::mkfifo("$dir/fifo", 0600) or die "fifo: $!\n";
    my $reader = open my $from, '-|', 'timeout', '10', 'cat', "$dir/fifo" or die "cat: $!\n";
    my $ended = into("$dir/fifo");
    my $text = do { local $/; <$from> };
    kill 'TERM', $reader;
    ok $ended == 0 && -p "$dir/fifo" && $text =~ $rules, 'and a pipe';
}
opendir my $listing, $dir or die "$dir: $!\n";
is join(' ', grep {/\.rules\../} readdir $listing), '', 'nothing is left beside the files';

done_testing;
