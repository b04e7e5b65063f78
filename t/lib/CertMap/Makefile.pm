# SPDX-License-Identifier: Apache-2.0
# Makefile.am's lists, for code that has to know which tests and programs there are. It is read and not asked through make, so
# that this works in the copy in which the tests run, before configure, and with nothing installed but perl.
package CertMap::Makefile;
use strict;
use warnings;

use CertMap::File qw(slurp);
use Exporter qw(import);

our @EXPORT = qw(listed);

# The words of a variable of Makefile.am in the current directory, those of the variables that it names included. Dies when
# there is no such variable.
sub listed {
    my ($name) = @_;
    my $makefile = slurp('Makefile.am') =~ s/\\\n//gr;
    my @values = $makefile =~ /^\Q$name\E \+?= *(.*)$/mg;
    @values or die "Makefile.am: no $name\n";
    return map { /^\$\((\w+)\)$/ ? listed($1) : $_ } map {split} @values;
}

1;
