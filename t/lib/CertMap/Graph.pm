# SPDX-License-Identifier: Apache-2.0
# The house as it is: which file needs which, by the linker's symbols (nm) and by the includes, and the arrows that are
# allowed. tools/graph prints it, t/guard/layering.t checks it. Runs in the top of the source.
package CertMap::Graph;
use strict;
use warnings;

use Exporter qw(import);
use CertMap::File;

our @EXPORT_OK = qw(circles foreign_headers include_graph link_graph mutable_symbols room room_arrows stray_arrows);

my @ENGINE = qw(base x509 rules entries decide source advice);

# Room by room, what it may need: one list for symbols and includes. certmap is engine/certmap.h.
my %ALLOWED = (
    base => [],
    x509 => [qw(base)],
    rules => [qw(base x509)],
    entries => [qw(base rules x509)],
    decide => [qw(base rules x509)],
    source => [qw(base entries rules)],
    advice => [qw(base entries rules x509)],
    certmap => [@ENGINE],
    store => [qw(base entries source)],
    import => ['certmap', @ENGINE],
    ctl => ['certmap', 'store', 'import', @ENGINE],
    httpd => ['certmap', @ENGINE],
);

# Headers that are for one room alone, used elsewhere, and why.
my %LENT = (
    'entries/internal.h' => { store => 'a store has the bytes that a table has: records, keys, hashes' },
    'source/sealed.h' => { store => 'who writes a store and who asks it agree on its bytes' },
);

# What may change while the engine runs, by file and name, and why.
my %MUTABLE = (
    'engine/base/digest.c sha256_md' => 'fetched once, before threads: fetching for each use costs more than hashing',
    'engine/base/digest.c sha1_md' => 'as sha256_md',
    'engine/base/digest.c spare' => 'a context for the next digest, exchanged atomically: making one costs as much as hashing',
);

# By its address httpd finds a module's configuration: it names the module, and needs nothing of mod_certmap.c.
my %HANDLE = (certmap_module => 1);

# The room of a file: "rules" of engine/rules/eval.c. The module's front door is of httpd.
sub room {
    my ($file) = @_;
    return $1 if $file =~ m{^engine/(\w+)/};
    return 'certmap' if $file eq 'engine/certmap.h';
    return 'httpd' if $file =~ m{^mod_certmap\.[ch]$};
    return $file =~ m{^(\w+)/} ? $1 : die "$file: of no room\n";
}

sub sources { return map { sort glob $_ } qw(engine/*.[ch] engine/*/*.[ch] store/*.[ch] import/*.[ch] ctl/*.[ch] ctl/*/*.[ch] httpd/*.[ch] mod_certmap.[ch]) }

# ---- symbols

# Where the build, or t/run's copy of it, has the objects: of a library its members, else the objects by themselves.
my @OBJECTS = (
    [[qw(.libs/libcertmap.a libcertmap.a)], 'engine/*'],
    [[qw(.libs/libcertstore.a libcertstore.a)], 'store'],
    [[qw(.libs/libcertimport.a libcertimport.a)], 'import'],
    [[qw(ctl/certmapctl-*.o)], 'ctl'],
    [[qw(ctl/cmd/certmapctl-*.o)], 'ctl/cmd'],
    [[qw(httpd/.libs/mod_certmap_la-*.o httpd/mod_certmap_la-*.o .libs/mod_certmap_la-mod_certmap.o)], 'httpd'],
);

# The source of an object: its name without what automake puts before it. Members of a library have lost their folder. ''
# where there is none: a file that has moved leaves its old object.
sub source_of {
    my ($object, $folder) = @_;
    my ($name) = $object =~ m{(?:^|/)(?:\w+-)?(\w+)\.o$} or die "$object: no object\n";
    return 'mod_certmap.c' if $name eq 'mod_certmap';
    my @found = grep {-f} glob "$folder/$name.c";
    @found <= 1 or die "$object: may be any of @found\n";
    return $found[0] // '';
}

# Calls a function with each symbol: its file, its name, its class (nm's letter) and its section. Dies when a source has no
# object.
sub each_symbol {
    my ($build, $call) = @_;
    my %missing = map { $_ => 1 } grep {/\.c$/} sources();
    for my $objects (@OBJECTS) {
        my ($patterns, $folder) = @$objects;
        my @files = grep {-f} map { glob "$build/$_" } @$patterns;
        @files or die "$build: no objects of $folder\n";
        open my $nm, '-|', 'nm', '-A', '-f', 'sysv', @files or die "nm: $!\n";
        while (my $line = <$nm>) {
            my ($place, $value, $class, undef, undef, undef, $section) = map { s/^\s+|\s+$//gr } split /\|/, $line;
            next if !defined $section;
            my ($object, $symbol) = $place =~ /^(.*\.o):(\S+)$/ or next;
            $object =~ s/^.*\.a://;
            my $file = source_of($object, $folder) or next;
            delete $missing{$file};
            $call->($file, $symbol, $class, $section);
        }
        close $nm or die "nm @files failed\n";
    }
    !%missing or die 'no object of ' . join(' ', sort keys %missing) . "\n";
}

# { FROM => { TO => [SYMBOL...] } }, by files.
sub link_graph {
    my ($build) = @_;
    my (%defined, %needed, %graph);
    each_symbol($build, sub {
        my ($file, $symbol, $class) = @_;
        if ($class eq 'U') {
            $needed{$file}{$symbol} = 1;
        }
        elsif ($class =~ /^[A-Z]$/ && $symbol !~ /^__/) {
            $defined{$symbol} = $file;
        }
    });
    for my $from (keys %needed) {
        for my $symbol (sort keys %{ $needed{$from} }) {
            my $to = $HANDLE{$symbol} ? undef : $defined{$symbol};
            push @{ $graph{$from}{$to} }, $symbol if defined $to && $to ne $from;
        }
    }
    return \%graph;
}

# What is in memory that can be written, of libcertmap: "FILE NAME". What compilers add for coverage and sanitizers is not.
sub mutable_symbols {
    my ($build) = @_;
    my %found;
    each_symbol($build, sub {
        my ($file, $symbol, $class, $section) = @_;
        return if room($file) !~ /^(?:@{[join '|', @ENGINE]})$/ || $symbol =~ /^(?:__|_GLOBAL_|\.L|_sub_)/;
        $found{"$file $symbol"} = 1 if $section =~ /^(?:\.(?:bss|data|tbss|tdata)|\*?COM)/ && $section !~ /^\.data\.rel\.ro/;
    });
    return (sort grep { !$MUTABLE{$_} } keys %found), map {"$_: listed, but not there"} sort grep { !$found{$_} } keys %MUTABLE;
}

# ---- includes

# { FROM => { TO => [INCLUDE] } }, by files of the project.
sub include_graph {
    my (%graph);
    my %known = map { $_ => 1 } sources();
    for my $from (keys %known) {
        my ($own) = $from =~ m{^(.*/)};
        for my $name (slurp($from) =~ /^\s*#\s*include\s*"([^"]+)"/mg) {
            my ($to) = grep { $known{$_} } map { $_ . $name } $own // '', 'engine/', '', 'httpd/';
            die "$from includes $name, which is not there\n" if !defined $to;
            $graph{$from}{$to} = [$name];
        }
    }
    return \%graph;
}

# The header of a room that everybody may include.
sub is_public {
    my ($header) = @_;
    return $header eq 'engine/certmap.h' || $header =~ m{^(?:engine/)?(\w+)/\1\.h$};
}

# Includes of headers that are not for the file: "FROM includes TO". Within engine/ the rooms see one another's headers; the
# rooms outside it see public ones, and tests ROOM/testing.h as well.
sub foreign_headers {
    my @found;
    my $graph = include_graph();
    for my $from (sort keys %$graph) {
        my $inside = $from =~ m{^engine/};
        for my $to (sort keys %{ $graph->{$from} }) {
            next if room($to) eq room($from) || is_public($to);
            next if $inside && $to =~ m{^engine/} && ($to !~ m{/testing\.h$} || $from =~ m{/testing\.h$});
            my ($name) = $to =~ m{^(?:engine/)?(.*)};
            next if $LENT{$name} && $LENT{$name}{ room($from) };
            push @found, "$from includes $to";
        }
    }
    for my $from (map { sort glob $_ } qw(t/unit/*.[ch] fuzz/*.[ch] bench/*.[ch])) {
        for my $name (slurp($from) =~ /^\s*#\s*include\s*"([^"]+)"/mg) {
            my ($to) = grep {-f} "engine/$name", $name;
            next if !defined $to || $to !~ m{^(?:engine|store|import)/};
            push @found, "$from includes $to" if !is_public($to) && $to !~ m{/testing\.h$};
        }
    }
    return @found;
}

# ---- graphs

# { FROM => { TO => [...] } }, by rooms.
sub room_arrows {
    my ($graph) = @_;
    my %rooms;
    for my $from (keys %$graph) {
        for my $to (keys %{ $graph->{$from} }) {
            push @{ $rooms{ room($from) }{ room($to) } }, "$from -> $to (@{ $graph->{$from}{$to} })" if room($from) ne room($to);
        }
    }
    return \%rooms;
}

# Arrows between rooms that nobody has allowed, each with the files that make it.
sub stray_arrows {
    my ($graph) = @_;
    my $rooms = room_arrows($graph);
    my @found;
    for my $from (sort keys %$rooms) {
        my %may = map { $_ => 1 } @{ $ALLOWED{$from} // die "$from: an unknown room\n" };
        push @found, map { "$from -> $_: " . join ', ', sort @{ $rooms->{$from}{$_} } } grep { !$may{$_} } sort keys %{ $rooms->{$from} };
    }
    return @found;
}

# The circles of a graph: strongly connected parts of two nodes and more (Tarjan), each as "A B C".
sub circles {
    my ($graph) = @_;
    my (%index, %low, %on, @stack, @found);
    my $visit;
    $visit = sub {
        my ($node) = @_;
        $index{$node} = $low{$node} = keys %index;
        push @stack, $node;
        $on{$node} = 1;
        for my $next (sort keys %{ $graph->{$node} // {} }) {
            $visit->($next) if !defined $index{$next};
            $low{$node} = $low{$next} if $on{$next} && $low{$next} < $low{$node};
        }
        return if $low{$node} != $index{$node};
        my @part;
        do { push @part, pop @stack; delete $on{ $part[-1] } } until $part[-1] eq $node;
        push @found, join ' ', sort @part if @part > 1;
    };
    defined $index{$_} or $visit->($_) for sort keys %$graph;
    undef $visit;
    return sort @found;
}

1;
