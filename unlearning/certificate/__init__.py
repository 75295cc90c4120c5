"""What is signed: the facts, the statement made of them, its envelope, how a stranger checks it, and the page that shows it."""
