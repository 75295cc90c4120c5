"""What is done: requests in batches through the nine steps, the decisions people take on the way, and the look afterwards."""
