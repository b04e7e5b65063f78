#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What bash completes for certmapctl: the file is sourced in a real bash and its function called for a table of command
# lines, as bash itself would; then bash-completion has to find it where it is installed.
use strict;
use warnings;
use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use Test::More;

my $top = getcwd();
my $dir = tempdir('certmap-completion.XXXXXX', TMPDIR => 1, CLEANUP => 1);
for my $name ('ann.pem', 'bob.pem', 'staff.rules', 'with blank.rules') {
    open my $fh, '>', "$dir/$name" or die "$dir/$name: $!\n";
    close $fh or die "$dir/$name: $!\n";
}
mkdir "$dir/rules.d" or die "$dir/rules.d: $!\n";

# Words as bash breaks them, at ':' and '=' too; the last one is completed. Expected: COMPREPLY, sorted.
my @lines = (
    [[''], [qw(check explain import store suggest)]],
    [['s'], [qw(store suggest)]],
    [['x'], []],
    [['--v'], ['--version']],
    [['explain', ''], ['ann.pem', 'bob.pem', 'rules.d', 'staff.rules', 'with blank.rules']],
    [['explain', 'a'], ['ann.pem']],
    [['explain', 'ann.pem', ''], []],
    [['explain', 'ann.pem', '--r'], ['--rules']],
    [['explain', '--ca', 'a'], ['ann.pem']],
    [['explain', '--rules', 'st'], ['staff.rules']],
    [['explain', '--rules', 'wi'], ['with blank.rules']],
    [['explain', '--rules', '=', 'st'], ['staff.rules']],
    [['explain', '--rules', '='], ['ann.pem', 'bob.pem', 'rules.d', 'staff.rules', 'with blank.rules']],
    [['explain', '--rules', 'staff.rules', 'b'], ['bob.pem']],
    [['explain', '--rules', '=', 'staff.rules', 'b'], ['bob.pem']],
    [['explain', '--all', '--json', 'b'], ['bob.pem']],
    [['explain', '--source', ''], [qw(file: store:)]],
    [['explain', '--source', 's'], ['store:']],
    [['explain', '--source', 'file', ':'], ['ann.pem', 'bob.pem', 'rules.d', 'staff.rules', 'with blank.rules']],
    [['explain', '--source', 'store', ':', 'st'], ['staff.rules']],
    [['explain', '--source', '=', 'store', ':', 'st'], ['staff.rules']],
    [['explain', '--source', 'file', ':', 'x', 'b'], ['bob.pem']],
    [['explain', '--min-strength', 's'], [qw(scoped strong)]],
    [['explain', '--min-strength', '=', 'w'], ['weak']],
    [['explain', '--at', '2'], []],
    [['explain', '--at', '2027-01-31T12', ':', '00', ':', '00Z', 'a'], ['ann.pem']],
    [['explain', '--vhost', ''], []],
    [['explain', '--', '--'], []],
    [['explain', '--', 'a'], ['ann.pem']],
    [['suggest', 'a'], ['ann.pem']],
    [['check', 'ann.pem', 'st'], ['staff.rules']],
    [['check', '--rules', 'st'], ['staff.rules']],
    [['check', '--rules', '--en'], ['--entries']],
    [['check', '--as', ''], [qw(entries httpd rules)]],
    [['check', '--certificates', 'r'], ['rules.d']],
    [['import', 'f'], ['fakebasic']],
    [['import', 'iis', 'st'], ['staff.rules']],
    [['import', 'iis', 'web.config', ''], []],
    [['import', 'iis', '-o', 'st'], ['staff.rules']],
    [['import', '-o', 'out', 'k'], ['kafka']],
    [['import', '--issuer', ''], []],
    [['store', 'r'], ['remove']],
    [['store', 'build', 'st'], ['staff.rules']],
    [['store', 'build', 'people.store', 'st'], ['staff.rules']],
    [['store', 'build', 'people.store', 'people.entries', 'st'], []],
    [['store', 'add', 'people.store', 'st'], []],
    [['store', 'add', '-r', 'st'], ['staff.rules']],
    [['store', 'add', '--f'], ['--file']],
    [['store', 'add', '-f', 'st'], ['staff.rules']],
    [['store', 'get', '--', 'st'], ['staff.rules']],
    [['store', 'list', '--kind', 's'], [qw(sha256 ski spki)]],
    [['store', 'list', '--kind', 'X'], ['X509:\<RFC822\>', 'X509:\<SKI\>', 'X509:\<S\>']],
    [['store', 'list', '-k', 'X509', ':', '\<S'], ['\<SKI\>', '\<S\>']],
    [['store', 'list', '-k', 'sha256', 'st'], ['staff.rules']],
    [['store', 'verify', ''], ['ann.pem', 'bob.pem', 'rules.d', 'staff.rules', 'with blank.rules']],
    [['unknown', ''], []],
);

sub lines_of {
    my ($script, @arguments) = @_;
    local $ENV{BASH_ENV};
    delete $ENV{BASH_ENV};
    open my $fh, '-|', 'bash', '--norc', '-c', "cd '$dir' && $script", 'bash', @arguments or die "bash: $!\n";
    chomp(my @out = <$fh>);
    close $fh;
    return @out;
}

my $call = '_certmapctl certmapctl; ((${#COMPREPLY[@]} == 0)) || printf "%s\n" "${COMPREPLY[@]}"';
for my $line (@lines) {
    my ($words, $expected) = @$line;
    # Scripts that source the file may be strict.
    my @got = lines_of("set -eu; source '$top/completion/certmapctl'; COMP_WORDS=(certmapctl \"\$@\"); COMP_CWORD=\$#; $call",
        @$words);
    is_deeply [sort @got], [sort @$expected], "certmapctl @$words";
}

# Where ':' and '=' break no words, readline replaces all of the word.
my $unbroken = "source '$top/completion/certmapctl'; COMP_WORDBREAKS=' '; COMP_WORDS=(certmapctl \"\$@\"); COMP_CWORD=\$#; $call";
for my $line ([['explain', '--source', 'file:st'], ['file:staff.rules']], [['explain', '--ca=a'], ['--ca=ann.pem']],
    [['store', 'list', '-k', 'X509:\<R'], ['X509:\<RFC822\>']]) {
    my ($words, $expected) = @$line;
    is_deeply [lines_of($unbroken, @$words)], $expected, "unbroken: certmapctl @$words";
}

# bash-completion, where it is, loads the file by its name from below the data directories.
my ($package) = grep {-f} '/usr/share/bash-completion/bash_completion';
ok $package, 'bash-completion is here';
mkdir "$dir/$_" or die "$dir/$_: $!\n" for 'share', 'share/bash-completion', 'share/bash-completion/completions';
symlink "$top/completion/certmapctl", "$dir/share/bash-completion/completions/certmapctl" or die "$dir/share: $!\n";
local $ENV{XDG_DATA_DIRS} = "$dir/share";
my @specification = lines_of("source '$package'; _completion_loader certmapctl; complete -p certmapctl");
is_deeply \@specification, ['complete -F _certmapctl certmapctl'], 'and finds the completion by its name';

done_testing;
