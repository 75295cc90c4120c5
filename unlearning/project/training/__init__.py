"""How a table becomes an ensemble, and the ensemble a judged and registered model version."""
