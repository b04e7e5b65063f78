/* SPDX-License-Identifier: Apache-2.0 */
#include "import.h"

apr_status_t certmap_import_iis(certmap_str_t text, const char *file, const certmap_import_options_t *options,
                               certmap_import_result_t *result, apr_pool_t *p)
{
    (void)text;
    (void)file;
    (void)options;
    (void)result;
    (void)p;
    return APR_EGENERAL;
}
