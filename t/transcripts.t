#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The transcripts of the documentation, run: what follows "$ " in a block "transcript" is what a shell is given, and
# what follows is what it printed, to the last byte. Blocks "file NAME" are the files that the commands read. Each
# document has a directory of its own, in which its blocks are done in their order.
#
# The directory holds beforehand the certificates of t/transcripts, which are always the same, and what "files" below makes.
# In what is printed, the directory's own name reads /etc/certmap.
use strict;
use warnings;
use Cwd qw(getcwd);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Test::More;
use CertMap::File;

my $top = getcwd();
my $httpd = $ENV{HTTPD} || '/usr/sbin/apache2';
my $modules = $ENV{CERTMAP_MODULES} || '/usr/lib/apache2/modules';
my @documents = qw(docs/certmapctl.md docs/migrating.md);

# What is in the directory before the first block.
sub files {
    my ($dir) = @_;
    for my $certificate (glob 't/transcripts/*.pem') {
        copy($certificate, $dir) or die "$certificate: $!\n";
    }
    mkdir "$dir/$_" or die "$dir/$_: $!\n" for qw(bin ssl);
    symlink "$top/built/certmapctl", "$dir/bin/certmapctl" or die "$dir/bin/certmapctl: $!\n";
    symlink "$dir/ca.pem", "$dir/ssl/clients-ca.pem" or die "$dir/ssl: $!\n";
    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=www.example.com "
        . "-keyout $dir/ssl/server.key -out $dir/ssl/server.pem >$dir/ssl/log 2>&1") == 0 or die slurp("$dir/ssl/log");
    spew("$dir/ssl/server.pem", slurp("$dir/ssl/server.pem") . slurp("$dir/ssl/server.key"));
    my $builtin = qx($httpd -l);
    # An httpd around the "site.conf" of the document.
    spew("$dir/httpd.conf", join '', "ServerRoot $dir\nServerName localhost\nErrorLog error.log\nListen 127.0.0.1:44300\n",
        map({"LoadModule ${_}_module $modules/mod_$_.so\n"} grep { $builtin !~ /\bmod_$_\.c\b/ }
            qw(mpm_event authn_core authz_core socache_shmcb ssl)),
        "LoadModule certmap_module $top/built/mod_certmap.so\nInclude site.conf\n");
}

# Runs a command. Returns what it printed; $status is that of the command before, and then its own.
my $status;
sub run {
    my ($dir, $command) = @_;
    local @ENV{qw(PATH HTTPD TZ LC_ALL)} = ("$dir/bin:$ENV{PATH}", $httpd, 'UTC', 'C.UTF-8');
    local $ENV{NO_COLOR};
    delete $ENV{NO_COLOR};
    open my $fh, '-|', 'bash', '-c', 'cd "$1" && exec 2>&1 && (exit "$2"); eval "$3"', 'bash', $dir, $status, $command
        or die "bash: $!\n";
    local $/;
    my $said = <$fh> // '';
    close $fh;
    $status = $? >> 8;
    return $said =~ s{\Q$dir\E}{/etc/certmap}gr;
}

# The commands of a block, each with what it printed.
sub commands {
    my ($block) = @_;
    my @commands;
    my $more;
    for my $line (split /^/, $block) {
        if ($more) {
            $commands[-1][0] .= $line;
        }
        elsif ($line =~ /^\$ (.*)/s) {
            push @commands, [$1, ''];
        }
        else {
            @commands or die "a transcript begins with a command, not with $line";
            $commands[-1][1] .= $line;
            next;
        }
        $more = $line =~ /\\$/;
    }
    return @commands;
}

my %seen;
for my $document (@documents) {
    my $dir = tempdir('certmap-transcripts.XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my ($n, $line, $tag, $block) = (0, 0);
    files($dir);
    $status = 0;
    for (split /^/, slurp($document)) {
        $line++;
        if (!defined $block) {
            ($tag, $block) = ($1, '') if /^```(.+)$/;
        }
        elsif (!/^```$/) {
            $block .= $_;
        }
        else {
            if ($tag =~ /^file ([\w.-]+)$/) {
                spew("$dir/$1", $block);
            }
            elsif ($tag eq 'transcript') {
                for (commands($block)) {
                    my ($command, $expected) = @$_;
                    chomp $command;
                    is run($dir, $command), $expected, "$document, above line $line: $command";
                    $seen{$1}++ if $command =~ /\bcertmapctl (\w+)/;
                    $n++;
                }
            }
            undef $block;
        }
    }
    cmp_ok $n, '>=', 5, "$document has $n commands";
}
my ($order) = slurp('ctl/main.c') =~ /commands\[\] = \{(.*?)\};/s or die "ctl/main.c: no table of subcommands\n";
ok $seen{$_}, "there is a transcript of certmapctl $_" for $order =~ /&ctl_(\w+)/g;

done_testing;
