"""How people and programs reach a shop: command line, HTTP, web page."""
