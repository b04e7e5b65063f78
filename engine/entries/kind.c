/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of kinds of keys: how each is written, what it is made of, how firmly it binds. All code that reads, makes,
 * stores or lists keys uses it.
 */
#include <string.h>

#include "entries/internal.h"

#define AD(tag) CERTMAP_AD_BIT(CERTMAP_AD_##tag)

const certmap_key_kind_t certmap_key_kinds[CERTMAP_K_COUNT] = {
    [CERTMAP_K_SHA256] = { .name = "sha256",
                           .strength = CERTMAP_STRONG,
                           .tag = 1,
                           .field = CERTMAP_F_SHA256,
                           .part = CERTMAP_KEY_HASH },
    [CERTMAP_K_SPKI] = { .name = "spki",
                         .strength = CERTMAP_STRONG,
                         .tag = 2,
                         .field = CERTMAP_F_SPKI,
                         .part = CERTMAP_KEY_HASH },
    [CERTMAP_K_SKI_ISSUER] = { .name = "ski",
                               .strength = CERTMAP_STRONG,
                               .tag = 3,
                               .field = CERTMAP_F_SKI,
                               .part = CERTMAP_KEY_SKI,
                               .issuer = 1 },
    [CERTMAP_K_ISSUER_SERIAL] = { .name = "issuer-serial",
                                  .strength = CERTMAP_STRONG,
                                  .tag = 4,
                                  .field = CERTMAP_F_SERIAL,
                                  .part = CERTMAP_KEY_SERIAL,
                                  .issuer = 1,
                                  .ad = AD(ISSUER) | AD(SERIAL) },
    [CERTMAP_K_DN] = { .name = "dn",
                       .strength = CERTMAP_SCOPED,
                       .tag = 5,
                       .field = CERTMAP_F_SUBJECT,
                       .part = CERTMAP_KEY_NAME,
                       .issuer = 1,
                       .ad = AD(ISSUER) | AD(SUBJECT) },
    [CERTMAP_K_SKI] = { .name = "X509:<SKI>",
                        .strength = CERTMAP_WEAK,
                        .tag = 6,
                        .field = CERTMAP_F_SKI,
                        .part = CERTMAP_KEY_SKI,
                        .ad = AD(SKI) },
    [CERTMAP_K_SUBJECT] = { .name = "X509:<S>",
                            .strength = CERTMAP_WEAK,
                            .tag = 7,
                            .field = CERTMAP_F_SUBJECT,
                            .part = CERTMAP_KEY_NAME,
                            .ad = AD(SUBJECT) },
    [CERTMAP_K_EMAIL] = { .name = "X509:<RFC822>",
                          .strength = CERTMAP_WEAK,
                          .tag = 8,
                          .field = CERTMAP_F_SAN_EMAIL,
                          .part = CERTMAP_KEY_EMAIL,
                          .ad = AD(EMAIL) },
};

const char *certmap_key_kind_name(certmap_key_kind_e kind)
{
    return certmap_key_kinds[kind].name;
}

certmap_strength_e certmap_key_kind_strength(certmap_key_kind_e kind)
{
    return certmap_key_kinds[kind].strength;
}

certmap_key_kind_e certmap_key_kind_of_tag(unsigned char tag)
{
    certmap_key_kind_e kind = CERTMAP_K_SHA256;

    while (kind < CERTMAP_K_COUNT && certmap_key_kinds[kind].tag != tag) {
        kind++;
    }
    return kind;
}

const char *certmap_kinds_first(unsigned kinds)
{
    certmap_key_kind_e kind = CERTMAP_K_SHA256;

    while (kind < CERTMAP_K_COUNT && !(kinds & CERTMAP_KIND_BIT(kind))) {
        kind++;
    }
    return kind < CERTMAP_K_COUNT ? certmap_key_kinds[kind].name : NULL;
}
