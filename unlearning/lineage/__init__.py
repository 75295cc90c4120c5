"""Who shaped what: which people are in which data version, which data fed which model, which model came from which."""
