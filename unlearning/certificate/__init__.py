"""What is signed, how a stranger checks it, and the page that shows it."""
