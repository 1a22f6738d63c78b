"""Several configs on one data set with equal budgets: trained one after the other, scored alike, in one table."""
