"""Impact, cost and plan of an erasure: decided before anything is changed."""
