# SPDX-License-Identifier: Apache-2.0
# The tables of the C sources, as the guards read them: const arrays of structs (or of strings) with designated initializers.
package CertMap::Table;
use strict;
use warnings;

use CertMap::File qw(slurp);
use Exporter qw(import);

our @EXPORT = qw(table enumerated);

# A string of C, its parts put together.
sub unquoted { return join '', map { s/\\(.)/$1/gr } $_[0] =~ /"((?:[^"\\]|\\.)*)"/g }

# The rows of a table in their order, each a hash: {index} of "[INDEX] =", and a value for each ".NAME =", strings without
# their quotes. A row that is a string alone has it as {name}, one of several strings without names as {texts}. Dies when
# there is no such table, or something in it that is not a row.
sub table {
    my ($file, $name) = @_;
    my ($body) = slurp($file) =~ /\b\Q$name\E\[\w*\] = \{\n?(.*?)\n? *\};/s or die "$file: no table $name\n";
    my $string = qr/"(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*/;
    my $value = qr/$string|[^"{},]+|\{(?:[^"{}]|$string)*\}/;
    my @rows;
    $body =~ s{/\*.*?\*/}{}gs;
    while ($body =~ /\G\s*(?:\[(\w+)\] =\s*)?(?:\{((?:\s*\.\w+ =\s*$value,?)+)\s*\}|\{\s*((?:$string,?\s*)+)\}|($string))\s*(?:,|\z)/gc) {
        my ($index, $fields, $texts, $alone) = ($1, $2, $3, $4);
        my %row;
        $row{index} = $index if defined $index;
        $row{name} = unquoted($alone) if defined $alone;
        $row{texts} = [map { unquoted($_) } $texts =~ /$string/g] if defined $texts;
        while (defined $fields && $fields =~ /\.(\w+) =\s*($value)/g) {
            my ($field, $text) = ($1, $2);
            $row{$field} = $text =~ /^"/ ? unquoted($text) : $text =~ s/\s+\z//r;
        }
        push @rows, \%row;
    }
    my $rest = substr $body, pos $body // 0;
    $rest =~ /\A[\s,]*(?:NULL,?\s*)?\z/ or die "$file: $name: cannot read: " . substr($rest, 0, 80) . "\n";
    @rows or die "$file: $name: no rows\n";
    return @rows;
}

# The names of an enum's values, without the one that counts them.
sub enumerated {
    my ($file, $enum) = @_;
    my ($body) = slurp($file) =~ /typedef enum \Q$enum\E \{(.*?)\} \Q$enum\E;/s or die "$file: no enum $enum\n";
    $body =~ s{/\*.*?\*/}{}gs;
    return grep { !/_COUNT$/ } $body =~ /\b([A-Z]\w+)/g;
}

1;
