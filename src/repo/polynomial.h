/* Irreducible polynomials over GF(2): restic's own chunker needs one in the config of a repository that it may write to
 * as well. Test of irreducibility after Ben-Or (1981). Bit i of the number is the coefficient of x^i. */
#ifndef REPO_POLYNOMIAL_H
#define REPO_POLYNOMIAL_H

#include <stdbool.h>
#include <stdint.h>

bool polynomial_irreducible(uint64_t p);
uint64_t polynomial_random(void); /* irreducible, of degree 53 */

#endif
