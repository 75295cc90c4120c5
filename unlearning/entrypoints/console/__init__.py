"""The console: pages about requests, models and data, for whoever answers for them. It looks, and can change nothing."""
