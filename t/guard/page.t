#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The built-in pages as a browser and a program meet them: HTML is read tag by tag and held to what makes it valid and
# accessible, the contrast of its colours is computed (WCAG 2.1, at least 4.5:1, light and dark), problem+json goes
# through a JSON parser. The pages come from the unit test's program, so that every reason is seen without a server.
use strict;
use warnings;
use utf8;
use Encode ();
use HTML::Parser ();
use JSON::PP ();
use Test::More;
use CertMap::File;

# t/run stages programs in built/; a build tree has them where they were made
my $build = $ENV{CERTMAP_BUILD} || (-d 'built' ? 'built' : '.');
my $program = "$build/t/unit/test_page";
-x $program or die "$program is missing: \"make check\" builds it\n";

# reasons and their substatus, as the documentation gives them
my %status;
my $refusals = slurp('docs/refusals.md');
while ($refusals =~ /^\| \[((?:403\.|503)\d*)\]\(.*?\) \|.*\| ([^|]*) \|$/mg) {
    my ($status, $reasons) = ($1, $2);
    $status{$_} = $status for $reasons =~ /`([\w-]+)`/g;
}
cmp_ok(scalar keys %status, '>=', 24, 'reasons: ' . keys %status);

sub render {
    open my $out, '-|', $program, '--render', @_ or die "$program: $!";
    local $/;
    my $bytes = <$out>;
    close $out or die "$program --render @_: status $?";
    return $bytes;
}

# ---- HTML

my %void = map { $_ => 1 } qw(meta link br hr img input);
my %allowed = (    # element => its attributes
    html => 'lang', head => '', meta => 'charset name content http-equiv', title => '', style => '', body => '',
    main => '', section => 'aria-labelledby', h1 => '', h2 => 'id', p => 'class', ul => '', li => '', a => 'href',
    dl => '', div => '', dt => '', dd => '', bdi => '', code => '', time => 'datetime', span => 'class',
);
# which parent an element needs, where HTML is particular about it
my %parent = (li => 'ul', dt => 'div', dd => 'div', div => 'dl', title => 'head', style => 'head', meta => 'head',
    main => 'body', section => 'main');

# Reads a page tag by tag. Returns what is wrong with it, the number of each element, and the text of each.
sub read_html {
    my ($html) = @_;
    my (@wrong, @open, %n, %text, %id, @labels, @classes);
    my $parser = HTML::Parser->new(api_version => 3, strict_comment => 1, strict_names => 1, marked_sections => 0);
    $parser->handler(declaration => sub { push @wrong, "doctype: $_[0]" if $_[0] !~ /^<!DOCTYPE html>$/i }, 'text');
    $parser->handler(comment => sub { push @wrong, "comment: $_[0]" }, 'text');
    $parser->handler(process => sub { push @wrong, "processing instruction: $_[0]" }, 'text');
    $parser->handler(start => sub {
        my ($tag, $attr) = @_;
        $n{$tag}++;
        push @wrong, "<$tag> is not expected" unless exists $allowed{$tag};
        for my $name (keys %$attr) {
            push @wrong, "<$tag $name>" unless grep { $_ eq $name } split ' ', $allowed{$tag} // '';
        }
        push @wrong, "<$tag> in <" . ($open[-1] // '') . '>' if $parent{$tag} && ($open[-1] // '') ne $parent{$tag};
        push @wrong, "id $attr->{id} twice" if exists $attr->{id} && $id{ $attr->{id} }++;
        push @labels, $attr->{'aria-labelledby'} if exists $attr->{'aria-labelledby'};
        push @wrong, "link to $attr->{href}" if exists $attr->{href} && $attr->{href} !~ m{^(?:mailto:|https?://)};
        push @open, $tag unless $void{$tag};
    }, 'tagname, attr');
    $parser->handler(end => sub {
        my ($tag) = @_;
        my $last = pop @open;
        push @wrong, "</$tag> closes <" . ($last // 'nothing') . '>' unless defined $last && $last eq $tag;
    }, 'tagname');
    $parser->handler(text => sub {
        my ($raw, $text) = @_;
        push @wrong, "text outside body: $raw" if $raw =~ /\S/ && !grep { /^(?:body|title|style)$/ } @open;
        push @wrong, "unescaped: $raw" if ($open[-1] // '') ne 'style' && $raw =~ /[<>"]|&(?!(?:amp|lt|gt|quot|#39);)/;
        $text{$_} .= $text for @open;
    }, 'text, dtext');
    $parser->unbroken_text(1);
    $parser->parse($html);
    $parser->eof;
    push @wrong, "never closed: @open" if @open;
    push @wrong, "no element with id $_" for grep { !$id{$_} } @labels;
    return (\@wrong, \%n, \%text);
}

for my $reason (sort keys %status) {
    for my $kind ('', 'hostile') {
        my $name = $kind ? "$reason, hostile" : $reason;
        my $html = Encode::decode('UTF-8', render('html', $reason, $kind || ()), Encode::FB_CROAK);
        my ($wrong, $n, $text) = read_html($html);
        is_deeply($wrong, [], "$name: valid HTML");
        ok($html =~ /^<!DOCTYPE html>\n<html lang="en">/ && $n->{main} == 1 && $n->{h1} == 1 && $n->{title} == 1
            && $n->{h2} >= 2 && $n->{section} == $n->{h2}, "$name: language, one main, one h1, every section named");
        like($html, qr/<meta name="viewport" content="width=device-width, initial-scale=1">/, "$name: viewport");
        is($text->{title}, "$status{$reason} $text->{h1}", "$name: title");
        unlike($html, qr/\b(?:src|on[a-z]+)\s*=\s*["']|url\(|\@import|<script/i,
            "$name: no script, nothing from elsewhere");
        like($text->{dl}, qr/\Q$status{$reason} $reason\E/, "$name: tells its reason");
    }
}

# ---- contrast

my ($css) = render('html', 'expired') =~ m{<style>\n(.*?)</style>}s;
ok($css, 'the page has a style');
my ($light) = $css =~ /^:root\{(.*?)\}/m;
my ($dark) = $css =~ /\@media \(prefers-color-scheme:dark\)\{:root\{(.*?)\}\}/;
my %scheme = (light => $light, dark => $dark);

sub luminance {
    my @rgb = map { hex($_) / 255 } $_[0] =~ /^#(..)(..)(..)$/ or die "not a colour: $_[0]";
    my ($r, $g, $b) = map { $_ <= 0.04045 ? $_ / 12.92 : (($_ + 0.055) / 1.055)**2.4 } @rgb;
    return 0.2126 * $r + 0.7152 * $g + 0.0722 * $b;
}

sub contrast {
    my ($lower, $higher) = sort { $a <=> $b } map { luminance($_) } @_;
    return ($higher + 0.05) / ($lower + 0.05);
}

cmp_ok(abs(contrast('#ffffff', '#000000') - 21), '<', 1e-9, 'contrast of black and white is 21');
cmp_ok(abs(contrast('#777777', '#ffffff') - 4.478), '<', 1e-3, 'contrast of #777 and white is 4.478');

my %names;
for my $name (sort keys %scheme) {
    my %colour = ($scheme{$name} // '') =~ /--([a-z-]+):(#[0-9a-f]{6})(?=;|$)/g;
    my @fg = grep { /^fg-/ } sort keys %colour;
    my @bg = grep { /^bg-/ } sort keys %colour;
    $names{$name} = [sort keys %colour];
    ok(@fg >= 4 && @bg >= 2, "$name: " . @fg . ' text colours, ' . @bg . ' surfaces');
    for my $fg (@fg) {
        for my $bg (@bg) {
            my $ratio = contrast($colour{$fg}, $colour{$bg});
            cmp_ok($ratio, '>=', 4.5, sprintf '%s: --%s on --%s is %.2f:1', $name, $fg, $bg, $ratio);
        }
    }
}
is_deeply($names{light}, $names{dark}, 'both schemes have the same colours');

# Whatever else the style says takes its colours from these, so that the figures above are those of the page.
(my $rest = $css) =~ s/:root\{.*?\}//g;
unlike($rest, qr/#[0-9a-f]{3}|\brgb|\bhsl|opacity/i, 'no colour is written anywhere else');
my @uses = $rest =~ /[{;](?:color|background):([^;}]*)/g;
is_deeply([grep { !/^var\(--(?:fg|bg)-[a-z]+\)$/ } @uses], [], 'text and surfaces use the variables');
is_deeply([grep { !/^var\(--fg-/ } $rest =~ /[{;]color:([^;}]*)/g], [], 'text uses --fg');
is_deeply([grep { !/^var\(--bg-/ } $rest =~ /[{;]background:([^;}]*)/g], [], 'surfaces use --bg');
my %defined = map { $_ => 1 } @{ $names{light} };
is_deeply([grep { !$defined{$_} } $rest =~ /var\(--([a-z-]+)\)/g], [], 'every variable is defined');

# ---- problem+json

my $json = JSON::PP->new->utf8;
for my $reason (sort keys %status) {
    my ($major, $minor) = split /\./, $status{$reason};
    my $got = eval { $json->decode(render('json', $reason)) };
    is($@, '', "$reason: JSON");
    is($got->{type}, "urn:certmap:$status{$reason}:$reason", "$reason: type");
    is($got->{status}, $major, "$reason: status");
    is($got->{substatus}, $minor, "$reason: substatus");
    is($got->{reason}, $reason, "$reason: reason");
    is($got->{instance}, "urn:certmap:incident:$got->{incident}", "$reason: instance");
    ok(length $got->{title} && length $got->{detail} && @{ $got->{advice} }, "$reason: title, detail, advice");
    my $hostile = eval { $json->decode(render('json', $reason, 'hostile')) };
    is($@, '', "$reason, hostile: JSON");
    like($hostile->{incident}, qr/^CN=<script>alert\(1\)<\/script>&"'\\"\x{fffd}.* é€🙂$/,
        "$reason, hostile: a parser gets back what is sound");
    like($hostile->{instance}, qr/^urn:certmap:incident:[A-Za-z0-9._~%-]+$/, "$reason, hostile: instance is a URN");
}
is_deeply([sort keys %{ $json->decode(render('json', 'no-match'))->{certificate} }],
    [sort qw(subject issuer serial notBefore notAfter)], 'members of certificate');

done_testing();
