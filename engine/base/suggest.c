/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Did you mean": the known word that is nearest to one that is not.
 */
#include <string.h>

#include <apr_lib.h>

#include "base/internal.h"

/* Edit distance with swaps of neighbours, case ignored: the slips of the fingers that a hint should see through. What
 * is more than `most` is not measured: a text may have a million words that are none of ours. */
static int distance(certmap_str_t a, const char *b, int most)
{
    int row[3][CERTMAP_HINT_WORD_MOST + 2];
    apr_size_t n = a.len;
    apr_size_t m = strlen(b);
    apr_size_t band = (apr_size_t)most;
    int least = 0; /* of the row before */
    apr_size_t i;
    apr_size_t j;

    if (n > CERTMAP_HINT_WORD_MOST || m > CERTMAP_HINT_WORD_MOST || n > m + band || m > n + band) {
        return CERTMAP_HINT_WORD_MOST;
    }
    for (j = 0; j <= m; j++) {
        row[0][j] = (int)j;
    }
    for (i = 1; i <= n; i++) {
        apr_size_t from = i > band ? i - band : 1;
        apr_size_t to = i + band < m ? i + band : m;
        int *cur = row[i % 3];
        const int *prev = row[(i + 2) % 3];
        const int *before = row[(i + 1) % 3];
        int last = least;

        least = cur[from - 1] = from > 1 ? CERTMAP_HINT_WORD_MOST
                                         : (int)i; /* away from the diagonal everything is too far */
        cur[to + 1] = CERTMAP_HINT_WORD_MOST;
        for (j = from; j <= to; j++) {
            int ca = apr_tolower(a.data[i - 1]);
            int cb = apr_tolower(b[j - 1]);
            int best = prev[j - 1] + (ca != cb);

            if (prev[j] + 1 < best) {
                best = prev[j] + 1;
            }
            if (cur[j - 1] + 1 < best) {
                best = cur[j - 1] + 1;
            }
            if (i > 1 && j > 1 && ca == apr_tolower(b[j - 2]) && apr_tolower(a.data[i - 2]) == cb
                && before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            cur[j] = best;
            least = best < least ? best : least;
        }
        if (least > most && last > most) { /* two rows, because a swap goes back as far */
            return CERTMAP_HINT_WORD_MOST;
        }
    }
    return row[n % 3][m];
}

const char *certmap_suggest(certmap_str_t word, const char *const *names)
{
    const char *best = NULL;
    int least = CERTMAP_HINT_WORD_MOST;

    for (; *names != NULL; names++) {
        int most = strlen(*names) <= 4 ? 1 : 2;
        int d = distance(word, *names, most);

        if (d <= most && d < least) {
            least = d;
            best = *names;
        }
    }
    return best;
}
