/* Opening the catalog. */
#include "catalog/catalog.h"
