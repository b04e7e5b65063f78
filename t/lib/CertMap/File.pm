# SPDX-License-Identifier: Apache-2.0
# Whole files, as bytes. Each function dies with the file's name and the system's words when it cannot do what it says.
package CertMap::File;
use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(replace slurp spew);

sub slurp {
    my ($name) = @_;
    open my $fh, '<:raw', $name or die "$name: $!\n";
    local $/;
    return scalar <$fh> // '';
}

sub spew {
    my ($name, @text) = @_;
    open my $fh, '>:raw', $name or die "$name: $!\n";
    print {$fh} @text;
    close $fh or die "$name: $!\n";
}

# In one step: a reader of the name has the old text or the new one.
sub replace {
    my ($name, @text) = @_;
    spew("$name.new", @text);
    rename "$name.new", $name or die "$name: $!\n";
}

1;
