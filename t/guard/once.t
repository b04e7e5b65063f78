#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What is known in one place only: the calendar, key usages, edit distance. Each pattern must find the one file that has
# it, so that it cannot pass by finding nothing.
use strict;
use warnings;
use Test::More;
use CertMap::File;

my @sources = glob '{engine/*,httpd,ctl,ctl/cmd,import,store}/*.[ch] mod_certmap.[ch]';
cmp_ok scalar @sources, '>=', 80, 'sources: ' . @sources;
my %code = map {
    my $text = slurp($_);
    $text =~ s{/\*.*?\*/}{}gs;
    $_ => $text;
} @sources;

for my $known (
    ['lengths of months', 'engine/base/calendar.c', qr/\b31,\s*(?:28|29),\s*31\b|\b31,\s*59,\s*90\b/],
    ['leap years', 'engine/base/calendar.c', qr/% 400\b/],
    ['dates as text', 'engine/base/calendar.c', qr/%0?4?d-%02d|%Y-%m/],
    ['names of key usages', 'engine/x509/extensions.c', qr/"keyEncipherment\b|\bkeyEncipherment,/],
    ['edit distance', 'engine/base/suggest.c', qr/\bdistance\([^)]*\)\s*\{/],
) {
    my ($what, $where, $pattern) = @$known;
    is join(' ', grep { $code{$_} =~ $pattern } @sources), $where, "$what: $where alone";
}

# The library's dates need time_t, which ends in 2038 where it has 32 bits.
my $dates = qr/\b(?:apr_time_exp_\w+|apr_strftime|apr_rfc822_date|gmtime\w*|localtime\w*|mktime|timegm|strptime|strftime)\s*\(/;
is join(' ', grep { $code{$_} =~ $dates } @sources), '', 'no other calendar is asked';
like 'x = apr_time_exp_gmt(&t, 0);', $dates, 'calls are found';

done_testing;
