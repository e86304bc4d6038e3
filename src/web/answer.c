/* Answers: errors, pages of lists, ETags. */
#include "web/web.h"
