#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The language of documents, messages and comments: plain present-day English. A list of phrases that a reader in a hurry has
# to read twice, with what to write in their place, and a limit for the length of a sentence. What is looked at is text for
# people: no examples, no transcripts, nothing in code spans. A file is added by a line in @files and, for another kind of
# file, a function in %text_of.
use strict;
use warnings;
use File::Find qw(find);
use Test::More;
use CertMap::File;

# ---- what is read

# The files of folders whose names match.
sub sources {
    my ($wanted, @folders) = @_;
    my @found;
    find({ no_chdir => 1, wanted => sub { push @found, $_ if -f && -T && $_ =~ $wanted } }, @folders);
    return sort @found;
}

my @code = (glob('mod_certmap.[ch]'), sources(qr/\.[ch]$/, qw(engine store import httpd ctl)));
my @scripts = (sources(qr/./, qw(tools completion)), qw(bench/end_to_end bench/Site.pm fuzz/make-seeds fuzz/run t/transcripts/make));
my @files = (
    [markdown => 'README.md', 'CONTRIBUTING.md', glob 'docs/*.md'],
    [roff => glob 'man/*'],
    [plain => 'CHANGES'],
    [c_strings => @code],
    [c_comments => @code, sources(qr/\.[ch]$/, qw(t/unit t/sanitize fuzz bench))],
    [hash_comments => @scripts, glob('t/*.t'), qw(t/TEST.PL t/run Makefile.am configure.ac), sources(qr/./, qw(t/guard t/lib))],
    [bash_strings => grep { !m{^bench/} } @scripts],
);
# How many sentences a kind has at least; with fewer its reader does not find them.
my %least = (markdown => 800, roff => 100, plain => 40, c_strings => 1000, c_comments => 2000, hash_comments => 400, bash_strings => 40);

my $c_comment = qr{//[^\n]*|/\*.*?\*/}s;
my $c_string = qr/"(?:[^"\\\n]|\\.)*"/;
my $c_character = qr/'(?:[^'\\\n]|\\.)*'/;

# What a reader sees of a string literal of C. A directive of printf stands for a word.
sub words_of_string {
    my ($string) = @_;
    my $text = substr $string, 1, -1;
    $text =~ s/%[-+#0-9.*]*(?:l|ll|z|h|j)?[a-zA-Z]/X/g;
    $text =~ s/\\n *\\n/. /g;
    $text =~ s/\\[nt]/ /g;
    $text =~ s/\\(.)/$1/g;
    return $text =~ s/^  /. /r;
}

# What a reader sees of a comment. Lines that are indented are examples, and a row of dashes makes a heading.
sub words_of_comment {
    my ($comment) = @_;
    $comment =~ s{^//|^/\*|\*/$}{}g;
    $comment =~ s/^ *\*(?!\S)//gm;
    $comment =~ s/^ {3,}\S[^\n]*//gm;
    $comment =~ s/\bSPDX-[^\n]*//g;
    $comment =~ s/^ *(?=\@(?:param|return)\b)/. /gm;
    $comment =~ s/-{3,}/./g;
    $comment =~ s/"[^"\n]*"/X/g;
    return $comment =~ s/`[^`\n]*`/X/gr;
}

# From the bytes of a file to its text: as many lines, those that are not for reading empty, each sentence in one
# paragraph, paragraphs separated by an empty line.
my %text_of = (
    plain => sub { return $_[0] =~ s/^  \* /\n/gmr },
    markdown => sub {
        my $code = 0;
        my $blank = sub { return $_[0] =~ s/[^\n]+//gr };
        my $text = $_[0] =~ s/(<!--.*?-->)/$blank->($1)/gesr;
        return join '', map {
            my $fence = /^```/;
            $code = !$code if $fence;
            my $line = $fence || $code || /^ {4}\S/ ? "\n" : $_;
            $line =~ s/`+[^`\n]*`+/X/g;
            $line =~ s/\]\([^)]*\)/]/g;
            $line =~ s/^(?:\s*- |\s*\d+\. |#+ )/. /;                  # an item or a heading begins a sentence
            $line =~ s/ *\| */. /g if $line =~ /^\|/;              # a cell of a table, too
            $line;
        } split /^/, $text;
    },
    roff => sub {
        my $code = 0;
        return join '', map {
            my $line = $_;
            $code = 1 if /^\.Bd/;
            $line = "\n" if $code || /^\.\\"/ || /^\.(?:D1|Nm|Os|Dd|Dt|Op|Bl|El|Ql|Fl|Cm|Ar|Pa|Ev|Xr)\b/;
            $code = 0 if /^\.Ed/;
            $line =~ s/^\.(?:It|S[hs]|Pp|Nd)\b.*/. / if $line =~ /^\.(?:It|S[hs]|Pp)/;
            $line =~ s/^\.\w+ ?//;
            $line =~ s/(\w[.:?])$/$1 /;
            $line;
        } split /^/, $_[0];
    },
    # What C programs say. A string that begins with two blanks begins a sentence: it is a row of a help text.
    c_strings => sub {
        my $text = '';
        while ($_[0] =~ /\G(?:($c_comment|^#include.*)|($c_string)|($c_character)|(\s+|\bAPR?_\w+_FMT|\bPRI\w+)|(\w+|.))/gcm) {
            my ($comment, $string, $between) = ($1, $2, $4);
            $text .= defined $string ? words_of_string($string)
                : defined $comment || defined $between ? ($comment // $between) =~ s/[^\n]+/ /gr
                : $text =~ /\. \s*\z/ ? '' : '. ';
        }
        return $text;
    },
    # A comment after code begins a sentence; lines of comments alone belong together.
    c_comments => sub {
        my ($text, $code) = ('', 0);
        while ($_[0] =~ /\G(?:($c_comment)|(\n)|(\s+)|$c_string|$c_character|.)/gc) {
            my ($comment, $end, $blank) = ($1, $2, $3);
            $text .= ($code ? '. ' : '') . words_of_comment($comment) if defined $comment;
            $text .= "\n" if defined $end;
            $code = defined $end ? 0 : $code || !defined $comment && !defined $blank;
        }
        return $text;
    },
    # Comments of scripts and of Makefile.am. A '#' in a line with quotes after it may be part of a string.
    hash_comments => sub {
        return join '', map {
            my $comment = /^\s*#(?!!)(.*)/ ? $1 : /\s#(?= +\S)([^'"{}\$]*)$/ ? ". $1" : '';
            $comment = '' if $comment =~ /^ shellcheck /;
            words_of_comment($comment =~ s/\n//r) . "\n";
        } split /^/, $_[0];
    },
    # Strings of scripts that have a blank in them, each a sentence.
    bash_strings => sub {
        return join '', map {
            my @strings = /^\s*#/ ? () : grep { defined && / / } /"([^"]*)"|'([^']*)'/g;
            join(' ', map { s/\$\w+|\$\{[^}]*\}|\$\([^)]*\)?/X/gr . '.' } @strings) . "\n";
        } split /^/, $_[0];
    },
);

# ---- what is not written

# [phrase, what to write in its place]. A phrase is a regular expression, without regard to case; a blank in it is any run of
# blanks and line ends.
my @phrases = (
    ['told|tells(?: of)?', 'report, say, show, mention'],
    ['behind(?! (?:a|the) (?:reverse )?proxy)', 'after, above, from, above in the chain'],
    ['stands?(?! for|-in)|stood', 'appears, is, is written'],
    ['mend(?:s|ed|ing)?', 'fix'],
    ['hangs? on|hung on', 'depends on'],
    ['by turns', 'in turn'],
    ['who has|who have|who had', 'people with, requests without'],
    ['whoever|whosoever|whom|whomever|whatsoever', 'everybody who, anybody who, which person'],
    ['what is odd|odd(?:ly)?(?! (?:number|length))', 'unusual, of another type'],
    ['minds?', 'checks, objects to'],
    ['beside', 'together with, next to, in addition to'],
    ['besides', 'in addition, other'],
    ['but for', 'except for'],
    ['lest', 'so that ... does not'],
    ['thus|hence|whence|thereof|wherein|herein|thereby', 'so, therefore, from'],
    ['(?:goes|gone|went|go|going) by', 'has passed'],
    ['goes? on|went on|going on', 'continues'],
    ['kin', 'the like, similar ones'],
    ['amid|amidst|in the midst', 'during'],
    ['sees? to', 'check, repair'],
    ['cares? for', 'manages'],
    ['vain', 'without success'],
    ['acquaintance', 'an older certificate'],
    ['aloud', 'explicitly'],
    ['riddles?', 'a message that nobody understands'],
    ['turned round', 'reversed'],
    ['has not got|have not got', 'does not have'],
    ['asked of httpd', 'asked from httpd, read from httpd'],
    ['(?<!there.)(?:is|are|was|were) no (?!longer|more|larger|smaller|earlier|later|better|less|fewer)\w+', 'is not a ...'],
    ['is no larger|far from', 'is at most, not'],
    ['makes up', 'invents'],
    ['cares? about', 'depends on, looks at'],
    ['anew', 'again'],
    ['seldom', 'rarely'],
    ['plainly', 'clearly'],
    ['as it stands', 'unchanged'],
    ['come(?:s)? of', 'result from'],
    ['(?:says|said) (?:so|it) (?:too|all the same)', 'also'],
    ['all the same', 'nevertheless, also'],
    ['at hand|to hand', 'available'],
    ['highest precedence is told', 'only the most important failure is reported'],
    ['broken is also what', 'a file that ... also counts as broken'],
    ['without a user go on', 'these reasons continue without a user'],
    ['who has no user gets', 'requests without a user get'],
);

# Beginnings of sentences that turn the order of words round.
my @beginnings = (
    ['who(?:ever|m)?(?! (?:is who|are))', 'People who ...', qr/\?$/],
    ['so (?:is|are|do|does|did|has|have|was|were)', 'X does, too', undef],
    ['so it is|so they (?:do|are)', 'The same holds for ...', undef],
);

# "file: phrase" of a place where the phrase is right.
my %except = ('ctl/tell_json.c: odd' => 1);              # a member's name

# The words that a sentence has at most. A longer one has to be read twice. Readers of code read slowly.
my $most_words = 35;
my $most_words_in_code = 50;

# ---- a look at each file

# Where a place in a text is, as "file:line".
sub line_of {
    my ($file, $text, $at) = @_;
    return "$file:" . (1 + (substr($text, 0, $at) =~ tr/\n//));
}

sub phrases_in {
    my ($file, $text) = @_;
    my @found;
    for my $row (@phrases) {
        my ($phrase, $better) = @$row;
        my $pattern = $phrase =~ s/ /\\s+/gr;
        while ($text =~ /\b($pattern)\b/gis) {
            my $at = $-[0];
            my $seen = $1 =~ s/\s+/ /gr;
            next if $except{"$file: " . lc $seen};
            push @found, line_of($file, $text, $at) . ": \"$seen\": write: $better";
        }
    }
    return @found;
}

# Sentences with the place where each begins.
sub sentences {
    my ($text) = @_;
    my @sentences;
    while ($text =~ /((?:(?!\n\s*\n|[.!?:](?=\s)).)*(?:[.!?:](?=\s)|\n\s*\n|\z))/gs) {
        my ($sentence, $at) = ($1, $-[0]);
        last if $sentence eq '' && pos $text >= length $text;
        if ($sentence eq '') {
            pos($text)++;
            next;
        }
        $at += length $1 if $sentence =~ s/^([\s.|]+)//;
        $sentence =~ s/\s+/ /g;
        push @sentences, [$sentence =~ s/ $//r, $at] if $sentence =~ /\w/;
    }
    return @sentences;
}

sub sentences_of {
    my ($file, $text, $most) = @_;
    $most //= $most_words;
    my @found;
    for (sentences($text)) {
        my ($sentence, $at) = @$_;
        my $words = () = $sentence =~ /\w\S*/g;
        push @found, line_of($file, $text, $at) . ": a sentence of $words words" if $words > $most;
        for my $row (@beginnings) {
            my ($beginning, $better, $fine) = @$row;
            next if $sentence !~ /^[*"(_]*(?:$beginning)\b/i || defined $fine && $sentence =~ $fine;
            push @found, line_of($file, $text, $at) . ': "' . substr($sentence, 0, 40) . "\": write: $better";
        }
    }
    return @found;
}

for my $row (@files) {
    my ($kind, @names) = @$row;
    my $document = $kind =~ /^(?:markdown|roff|plain)\z/;
    my $sentences = 0;
    for my $name (@names) {
        my $text = $text_of{$kind}->(slurp($name));
        my $count = () = sentences($text);
        $sentences += $count;
        cmp_ok $count, '>=', 5, "$name: text for people" if $document;
        my @found = (phrases_in($name, $text), sentences_of($name, $text, $document ? $most_words : $most_words_in_code));
        is scalar @found, 0, "$name: plain words ($kind)" or diag join "\n", @found;
    }
    cmp_ok $sentences, '>=', $least{$kind}, "$kind: $sentences sentences";
}

# ---- documents that sources name

# "file: name" of each document that a text names and that is not there.
sub missing_documents {
    my ($file, $text) = @_;
    return map {"$file: $_"} grep { !-s $_ && !-s "docs/$_" } $text =~ m{(?<![\w*/.])([\w./-]*\w{3}\.md)\b}g;      # "to.md" is a member
}

my @sources;
find({ no_chdir => 1, wanted => sub { push @sources, $_ if -f && -T && !/language\.t$/ } },
    qw(mod_certmap.c mod_certmap.h engine store import httpd ctl fuzz bench completion tools man t/unit t/guard t/lib), glob 't/*.t');
cmp_ok scalar @sources, '>=', 150, scalar(@sources) . ' sources';
is join("\n", map { missing_documents($_, slurp($_)) } @sources), '', 'every document that a source names is there';

# ---- the checks find what they are there for

is join(' ', missing_documents('x', 'NOTES.md, docs/refusals.md and security.md (see docs/notes.md)')),
    'x: NOTES.md x: docs/notes.md', 'documents that are not there';

for my $row (['Only the first one is told.', 1], ["It stands\nthere.", 1], ['It stands for a word.', 0],
    ['It is no CA.', 1], ['There is no CA.', 0], ['The CA is no longer there.', 0], ["A word.\n\nWho asks is refused.\n", 1],
    ["A word. Who asks?\n", 0], ["A word. So does the other.\n", 1], [join(' ', ('word') x 50) . ".\n", 1],
    [join(' ', ('word') x 30) . ".\n", 0], ["`told` and [x](told.md).\n\n```\nIt is told.\n```\n", 0],
    ["| told | x |\n", 1]) {
    my ($example, $expected) = @$row;
    my $text = $text_of{markdown}->($example);
    my @found = (phrases_in('x', $text), sentences_of('x', $text));
    is !!@found, !!$expected, 'a check of the checks: ' . substr($example, 0, 30) =~ s/\n/ /gr;
}
my $roff = $text_of{roff}->(".Cm told\nA rule is told.\n.Bd -literal\ntold\n.Ed\n");
is scalar(() = phrases_in('x', $roff)), 1, 'and in manual pages';

# A reader, a text, and the lines of it in which something is found.
for my $row ([c_strings => "int told = f(\"it is told\");\n", '1'], [c_strings => "f(\"it\"\n  \"is\"\n\"told\");\n", '3'],
    [c_strings => "/* told */ f('\"', \"A rule: %s\"); // told\n", ''], [c_strings => "f(\"It\\nstands\", \"here\");\n", '1'],
    [c_strings => "#include \"told.h\"\n", ''], [c_comments => "int told; /* what is told */\nf(\"told\");\n", '1'],
    [c_comments => "/*\n * A rule goes\n * on.\n *\n *     told\n */\n", '2'], [c_comments => "f(\"/* told */\");\n", ''],
    [c_comments => "// told\n", '1'], [c_comments => "int a; /* a rule goes */\nint b; /* on and on */\n", ''],
    [c_comments => "/* ---- what stands here ---- */\n", '1'], [hash_comments => "#!/bin/told\n# It is\n# told.\ntold=1\n", '3'],
    [hash_comments => "f \"\$a\"   # it is told\n", '1'], [hash_comments => "f '# told'\n", ''],
    [bash_strings => "# \"it is told\"\ntold || die 'nothing is told'\n", '2'], [bash_strings => "f \"\${told} is \$told here\"\n", '']) {
    my ($kind, $example, $lines) = @$row;
    my $text = $text_of{$kind}->($example);
    is $text =~ tr/\n//, $example =~ tr/\n//, "$kind: a text has the lines of its file";
    is join(' ', map {/^x:(\d+)/} phrases_in('x', $text)), $lines, "$kind: " . $example =~ s/\n/ /gr;
}

done_testing;
